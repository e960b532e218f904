package tendfile

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// Key is a setting of the command line that a file can have, too.
type Key struct {
	Name    string
	Type    string // "text", "bool", "number", "duration", or "list" of texts
	Doc     string
	Default string
}

// File is what stands in a file.
type File struct {
	Settings    map[string]Setting // by Key.Name
	Services    []Service
	HasServices bool // also when there is none in the list
	Policies    []Policy
	At          map[string]Place // of every key, such as "services[0].http.addr"
}

// Setting is the value of a Key.
type Setting struct {
	Place  // of the value
	Values []string
}

// Policy is an entry of policies.
type Policy struct {
	Place        // of the value
	Path  string // "": the one of default
	Text  string
}

// Rules is what Read has to be told.
type Rules struct {
	Keys     []Key
	Schedule func(schedule, zone string) error // tells what is wrong with a schedule of a job; nil: nothing is
}

// Read reads a file. Its error is Faults, all that there are. What it returns beside them is what could be read.
func (r Rules) Read(name string, text []byte) (*File, error) {
	f := &File{Settings: map[string]Setting{}, At: map[string]Place{}}
	body, err := parse(name, text)
	if err != nil || body == nil {
		return f, err
	}
	d := &reader{Rules: r, name: name, file: f}
	d.top(body)
	if len(d.faults) > 0 {
		return f, d.faults.Sorted()
	}
	return f, nil
}

// reader is one reading of a file.
type reader struct {
	Rules
	name   string
	file   *File
	faults Faults
}

func (d *reader) fault(n ast.Node, format string, args ...any) {
	d.faults.Add(place(d.name, start(n)), format, args...)
}

// mapping calls read for every key of a mapping, and tells of those that are there twice, or that are not known.
func (d *reader) mapping(path string, n ast.Node, known []string, read func(key string, at *ast.MappingValueNode)) bool {
	pairs, ok := entries(n)
	if !ok {
		d.mistyped(path, n, "a mapping")
		return false
	}
	seen := map[string]bool{}
	for _, pair := range pairs {
		key, kind := scalar(pair.Key)
		switch {
		case kind != "text" && kind != "number":
			d.fault(pair.Key, "%s: want text as a key, got %s", nonempty(path), kind)
		case seen[key]:
			d.fault(pair.Key, "key %q is there twice", key)
		case known != nil && !slices.Contains(known, key):
			d.unknown(path, key, pair.Key, known)
		default:
			d.file.At[join(path, key)] = place(d.name, start(pair.Key))
			read(key, pair)
		}
		seen[key] = true
	}
	return true
}

func (d *reader) unknown(path, key string, at ast.Node, known []string) {
	instead := map[string]string{
		"policy": "policies has them", "command": "services has them", "job": "services has them",
		"config": "it is only a flag", "help": "it is only a flag", "version": "it is only a flag",
	}
	if path == "" && instead[key] != "" {
		d.fault(at, "unknown key %q: %s", key, instead[key])
		return
	}
	h := hint(key, known)
	if h == "" {
		h = "; there are " + strings.Join(known, ", ")
	}
	d.fault(at, "unknown key %q%s", key, h)
}

func (d *reader) mistyped(path string, n ast.Node, want string) {
	_, got := scalar(n)
	switch got {
	case "number":
		got = "a number"
	case "fraction":
		got = "a number with a fraction"
	case "bool":
		got = "true or false"
	}
	d.fault(n, "%s: want %s, got %s", nonempty(path), want, got)
}

func nonempty(path string) string {
	if path == "" {
		return "the file"
	}
	return path
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// --- the top -----------------------------------------------------------------------------------------

func (d *reader) top(n ast.Node) {
	known := make([]string, 0, len(d.Keys)+2)
	byName := map[string]Key{}
	for _, k := range d.Keys {
		known = append(known, k.Name)
		byName[k.Name] = k
	}
	known = append(known, "services", "policies")
	d.mapping("", n, known, func(key string, at *ast.MappingValueNode) {
		switch key {
		case "services":
			d.file.HasServices = true
			d.value(key, at.Value, reflect.ValueOf(&d.file.Services).Elem(), "")
		case "policies":
			d.policies(at.Value)
		default:
			d.setting(byName[key], at.Value)
		}
	})
}

func (d *reader) setting(k Key, n ast.Node) {
	s := Setting{Place: place(d.name, start(n))}
	if list, ok := n.(*ast.SequenceNode); ok && k.Type == "list" {
		for i, entry := range list.Values {
			if text, ok := d.text(fmt.Sprintf("%s[%d]", k.Name, i), entry, "list"); ok {
				s.Values = append(s.Values, text)
			}
		}
	} else {
		text, ok := d.text(k.Name, n, k.Type)
		if !ok {
			return
		}
		if _, err := duration(text); k.Type == "duration" && err != nil {
			d.fault(n, "%s: %v", k.Name, err)
			return
		}
		s.Values = []string{text}
	}
	d.file.Settings[k.Name] = s
}

// text is a scalar whose type fits.
func (d *reader) text(path string, n ast.Node, want string) (string, bool) {
	text, kind := scalar(n)
	fits := kind == want
	switch want {
	case "duration":
		fits = kind == "text" || kind == "number" && text == "0"
	case "list":
		fits = kind == "text"
	case "any": // a variable of the environment is text, whatever YAML makes of it
		fits = kind == "text" || kind == "number" || kind == "fraction" || kind == "bool"
	}
	names := map[string]string{
		"text": "text (in quotes, if YAML takes it for something else)", "bool": "true or false", "number": "a number", "duration": "a duration, such as 90s", "list": "text, or a list of texts", "any": "text",
	}
	if !fits {
		d.mistyped(path, n, names[want])
	}
	return text, fits
}

func (d *reader) policies(n ast.Node) {
	d.mapping("policies", n, nil, func(key string, at *ast.MappingValueNode) {
		text, ok := d.text("policies."+key, at.Value, "text")
		if !ok {
			return
		}
		if err := CheckPolicy(text); err != nil {
			d.fault(at.Value, "policies.%s: %v", key, err)
			return
		}
		p := Policy{Place: place(d.name, start(at.Value)), Path: key, Text: text}
		switch key {
		case "":
			d.fault(at.Key, "policies: an empty path; the one for all is default")
			return
		case "default":
			p.Path = ""
		}
		d.file.Policies = append(d.file.Policies, p)
	})
}
