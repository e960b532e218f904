package main_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"go/importer"
	"go/token"
	"go/types"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// How the rules name packages: those of this module by their folder, others by their path, and
// "x/..." for x and all below it.
const (
	module = "tend.example/tend"
	root   = "."
	std    = "std" // the standard library
	suture = "github.com/thejerf/suture/v4"
	gin    = "github.com/gin-gonic/gin/..."
	prom   = "github.com/prometheus/..."
	otel   = "go.opentelemetry.io/..."
)

// importRule is a line of the house: who may import whom. A package that breaks one is in the wrong
// place or in the wrong company; the rule gives way only where docs/design.md does.
type importRule struct {
	who    string
	except []string
	only   []string // who imports nothing else
	never  []string // who imports none of these
	tests  bool     // also holds for what who's tests import
	why    string
}

var importRules = []importRule{
	{
		who: "./supervise", only: []string{std, suture},
		why: "embedding it costs suture and nothing more",
	},
	{
		who: "./supervise/supervisetest", only: []string{std, "./supervise"},
		why: "who tests a service needs nothing that the service does not need",
	},
	{
		who: "./supervise/...", never: []string{"./services/...", "./internal/...", "./examples/..."},
		why: "the library and its test kit know nothing of what is built on them",
	},
	{
		who: "./services/...", except: []string{"./services/admin/...", "./services/router"}, never: []string{gin}, tests: true,
		why: "services.HTTP takes any http.Handler: its user brings the router",
	},
	{
		who: "./services/...", except: []string{"./services/admin/..."}, never: []string{"./services/admin/..."}, tests: true,
		why: "who embeds a timer job does not embed a dashboard",
	},
	{
		who: "./services/handover", only: []string{std, "./services", "./supervise", "golang.org/x/sys/unix"},
		why: "who embeds an upgrade embeds no more than the services that have sockets",
	},
	{
		who: "./services", never: []string{"./services/handover"}, tests: true,
		why: "a service knows of its socket, and not of what a process is for others",
	},
	{
		who: "./services/admin/...", never: []string{"./services"}, tests: true,
		why: "the operator's view shows any tree, not only one of our kinds of service",
	},
	{
		who: "./services/admin/journal", only: []string{std, "./supervise", "./services/admin/internal/recent"},
		why: "who wants to remember what happened in a tree needs no web server for it",
	},
	{
		who: "./services/admin/logring", only: []string{std, "./services/admin/internal/recent"},
		why: "it remembers any log",
	},
	{
		who: "./services/admin/dashboard", only: []string{std, "./supervise", "./services/admin/journal"},
		why: "pages ask the API that everybody asks, so they know of it what a browser knows",
	},
	{
		who: "./services/admin/internal/...", only: []string{std},
		why: "a ring knows nothing of what is in it",
	},
	{
		who: "./services/admin/...", never: []string{"net/http/pprof", "expvar"},
		why: "their import alone shows profiles and variables to whoever is served http.DefaultServeMux",
	},
	{
		who: "./...", except: []string{root, "./services/metrics"}, never: []string{prom}, tests: true,
		why: "who measures nothing, or by something else, takes in nothing of Prometheus",
	},
	{
		who: "./...", except: []string{"./services/tracing"}, never: []string{otel}, tests: true,
		why: "who traces nothing takes in nothing of OpenTelemetry",
	},
	{
		who: "./services/metrics", never: []string{"./services/tracing", "./services/router"}, tests: true,
		why: "each can be had without the other, and both without gin",
	},
	{
		who: "./services/tracing", never: []string{"./services/metrics", "./services/router"}, tests: true,
		why: "each can be had without the other, and both without gin",
	},
	{
		who: "./internal/reply", only: []string{std},
		why: "it stands between a handler and net/http, whoever serves them",
	},
	{
		who: "./internal/systemd", only: []string{std, "./services", "./supervise", "github.com/coreos/go-systemd/v22/daemon", "golang.org/x/sys/unix"},
		why: "what is said to a service manager comes from the tree alone",
	},
	{
		who: "./...", except: []string{"./internal/systemd"}, never: []string{"github.com/coreos/go-systemd/v22/..."}, tests: true,
		why: "one room speaks for the process; its sockets need no library, as they may also come from elsewhere",
	},
	{
		who: "./internal/config/...", never: []string{"./services/...", gin}, tests: true,
		why: "settings are plain checked values; of ours they know supervise.Policy only",
	},
	{
		who: "./internal/cli/...", never: []string{"./services/...", gin}, tests: true,
		why: "commands know a daemon by its API only, as everybody else who talks to it",
	},
	{
		who: "./internal/cli/client", only: []string{std},
		why: "it speaks HTTP and JSON, and knows no types of what is at the other end",
	},
	{
		who: "./...", except: []string{"./internal/cli"}, never: []string{"github.com/spf13/cobra/..."}, tests: true,
		why: "commands are the program's; whoever embeds us has a command line of their own",
	},
	{
		who: "./...", except: []string{"./internal/cli/...", "./internal/logsink"}, never: []string{"golang.org/x/term", "golang.org/x/text/..."},
		why: "only the commands and the log write to a terminal",
	},
	{
		who: "./...", never: []string{"github.com/creack/pty"},
		why: "terminals of our own making are for tests",
	},
	{
		who: "./internal/spelling", only: []string{std},
		why: "it compares words",
	},
	{
		who: "./internal/logsink", only: []string{std, "github.com/lmittmann/tint", "golang.org/x/term"},
		why: "the log has to flow whatever becomes of the rest",
	},
	{
		who: "./internal/reap", only: []string{std, "golang.org/x/sys/unix"},
		why: "an init is to do as little as possible",
	},
	{
		who: "./...", except: []string{root}, never: []string{"github.com/KimMachineGun/automemlimit/..."},
		why: "how much memory a process may take is its main's to say",
	},
	{
		who: "./internal/tendfile", only: []string{std, "./supervise", "./internal/spelling", "github.com/goccy/go-yaml/...", "github.com/kballard/go-shellquote"},
		why: "a file is checked by who does not run it, such as an editor or a test",
	},
	{
		who: "./internal/kinds", never: []string{"./services/admin/...", "./services/metrics/...", "./internal/cli/..."}, tests: true,
		why: "it makes what a configuration asks for; who looks at that is the program's to say",
	},
	{
		who: "./internal/reload", never: []string{"./services/...", gin}, tests: true,
		why: "it knows trees and settings, and no kind of service",
	},
	{
		who: "./...", except: []string{root, "./internal/reload"}, never: []string{"./internal/reload"}, tests: true,
		why: "who reloads is the program",
	},
	{
		who: "./...", except: []string{root, "./internal/tendfile"}, never: []string{"github.com/goccy/go-yaml/..."}, tests: true,
		why: "YAML is the file's, and that of manifests in tests; settings are plain values",
	},
	{
		who: "./...", never: []string{"github.com/santhosh-tekuri/jsonschema/..."},
		why: "it is for tests: the schema has to be read by somebody who has not written it",
	},
	{
		who: "./internal/loadtest/...", only: []string{std},
		why: "it counts for bench/plain, too, which is what a program without us loses",
	},
	{
		who: "./internal/loadtest/...", never: []string{"./supervise/...", "./services/...", gin}, tests: true,
		why: "what puts a server under load knows nothing of how it is made",
	},
	{
		who: "./...", except: []string{root}, never: []string{root}, tests: true,
		why: "the root is the program: what others need from it belongs in a package",
	},
	{
		who: "./...", except: []string{root, "./services/admin/...", "./services/router", "./internal/kinds", "./examples/..."}, never: []string{gin}, tests: true,
		why: "gin serves the handlers of a program and is no condition for embedding",
	},
}

func TestPackagesImportOnlyWhatTheHouseAllows(t *testing.T) {
	dependOnSources(t)
	pkgs := map[string]*listed{} // by name, with what they import on any system
	for _, goos := range []string{"linux", "darwin", "windows"} {
		for _, pkg := range goList(t, goos, "./...") {
			name := shortName(pkg.ImportPath)
			if pkgs[name] == nil {
				pkgs[name] = &listed{}
			}
			pkgs[name].Imports = append(pkgs[name].Imports, pkg.Imports...)
			pkgs[name].TestImports = append(pkgs[name].TestImports, slices.Concat(pkg.TestImports, pkg.XTestImports)...)
		}
	}
	for _, rule := range importRules {
		for _, name := range slices.Sorted(maps.Keys(pkgs)) {
			if matches(name, rule.who) && !matches(name, rule.except...) {
				for _, imported := range rule.faults(name, pkgs[name]) {
					t.Errorf("%s imports %s, against the rule: %s", name, imported, rule.why)
				}
			}
		}
	}
}

// faults returns what the package imports against the rule.
func (r importRule) faults(name string, pkg *listed) []string {
	paths := slices.Clone(pkg.Imports)
	if r.tests {
		paths = append(paths, pkg.TestImports...)
	}
	slices.Sort(paths)
	var faults []string
	for _, path := range slices.Compact(paths) {
		imported := shortName(path)
		allowed := r.only == nil || matches(imported, r.only...)
		own := imported == name // by its external test
		if !own && (!allowed || matches(imported, r.never...)) {
			faults = append(faults, imported)
		}
	}
	return faults
}

// listed is a package as go list prints it.
type listed struct {
	ImportPath   string
	Export       string // with -export, the file of its compiled types
	Imports      []string
	TestImports  []string
	XTestImports []string
}

func goList(t *testing.T, goos string, args ...string) []listed {
	t.Helper()
	args = append([]string{"list", "-json=ImportPath,Export,Imports,TestImports,XTestImports"}, args...)
	cmd := exec.CommandContext(t.Context(), "go", args...)
	cmd.Env = append(os.Environ(), "GOOS="+goos)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s", cmd, err, stderr.String())
	}
	var pkgs []listed
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var pkg listed
		if err := dec.Decode(&pkg); errors.Is(err, io.EOF) {
			return pkgs
		} else if err != nil {
			t.Fatalf("%s: %v", cmd, err)
		}
		pkgs = append(pkgs, pkg)
	}
}

func shortName(path string) string {
	if path == module {
		return root
	}
	if below, ok := strings.CutPrefix(path, module+"/"); ok {
		return "./" + below
	}
	return path
}

func matches(name string, patterns ...string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool {
		if pattern == std {
			first, _, _ := strings.Cut(name, "/")
			return !strings.Contains(first, ".")
		}
		above, tree := strings.CutSuffix(pattern, "/...")
		return name == above || tree && strings.HasPrefix(name, above+"/")
	})
}

// dependOnSources reads every folder of the module: go test keeps a pass for as long as the files
// and folders that the test itself has read stay the same, and it cannot see what go list reads.
func dependOnSources(t *testing.T) {
	t.Helper()
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && path != "." && strings.HasPrefix(d.Name(), ".") {
			return fs.SkipDir
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// The SDK of OpenTelemetry and what sends spans weigh ten megabytes: they are in a module of their own.
func TestNothingDependsOnTheSDKOfOpenTelemetry(t *testing.T) {
	dependOnSources(t)
	traced := false
	for _, pkg := range goList(t, runtime.GOOS, "-deps", "-test", "./...") {
		traced = traced || pkg.ImportPath == "go.opentelemetry.io/otel/trace"
		for _, heavy := range []string{"go.opentelemetry.io/otel/sdk", "go.opentelemetry.io/otel/exporters", "google.golang.org/grpc"} {
			if matches(pkg.ImportPath, heavy+"/...") {
				t.Errorf("%s is linked or needed by a test", pkg.ImportPath)
			}
		}
	}
	if !traced {
		t.Error("found no package of OpenTelemetry: this test looks in the wrong place")
	}
	if text := read(t, "go.mod"); strings.Contains(text, "go.opentelemetry.io/otel/sdk") || strings.Contains(text, "google.golang.org/grpc") {
		t.Errorf("go.mod requires the SDK:\n%s", text)
	}
}

// A program can use supervise without knowing suture, and supervise can change what it sits on. A
// value of suture's, such as ErrDone, is no type of suture's.
func TestNoExportedSignatureOfSuperviseNamesASutureType(t *testing.T) {
	dependOnSources(t)
	compiled := map[string]string{}
	for _, pkg := range goList(t, runtime.GOOS, "-deps", "-export", "./supervise") {
		compiled[pkg.ImportPath] = pkg.Export
	}
	open := func(path string) (io.ReadCloser, error) { return os.Open(compiled[path]) }
	supervise, err := importer.ForCompiler(token.NewFileSet(), "gc", open).Import(module + "/supervise")
	if err != nil {
		t.Fatal(err)
	}
	seen := sutureTypes{t: t, home: supervise, done: map[types.Type]bool{}}
	exported := 0
	for _, name := range supervise.Scope().Names() {
		if obj := supervise.Scope().Lookup(name); obj.Exported() {
			exported++
			seen.look("supervise."+name, obj.Type())
		}
	}
	if exported == 0 {
		t.Error("found no exported name in supervise: this test looks in the wrong place")
	}
}

// sutureTypes looks for types of suture in all that can be reached from a type by exported names.
type sutureTypes struct {
	t    *testing.T
	home *types.Package
	done map[types.Type]bool
}

func (s sutureTypes) look(where string, typ types.Type) {
	if s.done[typ] {
		return
	}
	s.done[typ] = true
	switch typ := typ.(type) {
	case *types.Alias:
		s.lookNamed(where, typ.Obj(), typ.TypeArgs())
		s.look(where, typ.Rhs())
	case *types.Named:
		if s.lookNamed(where, typ.Obj(), typ.TypeArgs()) {
			s.lookParams(where, typ.TypeParams())
			s.look(where, typ.Underlying())
			s.lookMethods(where, typ)
		}
	case *types.Struct:
		for field := range typ.Fields() {
			if field.Exported() || field.Embedded() {
				s.look(where+"."+field.Name(), field.Type())
			}
		}
	case *types.Interface:
		s.lookMethods(where, typ)
		for embedded := range typ.EmbeddedTypes() {
			s.look(where, embedded)
		}
	case *types.Signature:
		s.look(where, typ.Params())
		s.look(where, typ.Results())
		s.lookParams(where, typ.TypeParams())
	case *types.Tuple:
		for v := range typ.Variables() {
			s.look(where, v.Type())
		}
	case *types.Union:
		for term := range typ.Terms() {
			s.look(where, term.Type())
		}
	case *types.Map:
		s.look(where, typ.Key())
		s.look(where, typ.Elem())
	case interface{ Elem() types.Type }: // pointer, slice, array, channel
		s.look(where, typ.Elem())
	}
}

// lookNamed reports whether what the name stands for is supervise's to answer for.
func (s sutureTypes) lookNamed(where string, name *types.TypeName, args *types.TypeList) bool {
	for arg := range args.Types() {
		s.look(where, arg)
	}
	if name.Pkg() != nil && name.Pkg().Path() == suture {
		s.t.Errorf("%s has type %s in it, want none of suture's", where, name.Type())
	}
	return name.Pkg() == s.home
}

func (s sutureTypes) lookParams(where string, params *types.TypeParamList) {
	for param := range params.TypeParams() {
		s.look(where, param.Constraint())
	}
}

func (s sutureTypes) lookMethods(where string, typ types.Type) {
	if !types.IsInterface(typ) {
		typ = types.NewPointer(typ)
	}
	for method := range types.NewMethodSet(typ).Methods() {
		if method.Obj().Exported() {
			s.look(where+"."+method.Obj().Name(), method.Type())
		}
	}
}
