package tendfile

import (
	"reflect"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// meaning finds what is wrong with a mapping whose keys are each right.
func (d *reader) meaning(path string, n ast.Node, v reflect.Value) {
	switch v := v.Addr().Interface().(type) {
	case *HTTP:
		if (v.CertFile == "") != (v.KeyFile == "") {
			d.fault(n, "%s: cert-file and key-file go together", path)
		}
	case *Route:
		switch {
		case v.Strip && v.Proxy == "":
			d.fault(n, "%s: strip is of a proxy", path)
		case !v.Hello && v.Static == "" && v.Proxy == "" && d.file.At[path+".hello"].Line > 0:
			d.fault(n, "%s: hello: say true, or leave it out", path)
		}
	case *Command:
		d.ready(path, n, v)
	case *Job:
		d.schedule(path, n, v)
	case *Group:
		d.group(path, n, v)
	}
}

func (d *reader) group(path string, n ast.Node, v *Group) {
	if _, there := d.file.At[path+".services"]; there && len(v.Services) == 0 {
		d.fault(n, "%s: no services in it", path)
	}
	if v.Concurrent && v.Strategy != "" && v.Strategy != "one-for-one" {
		d.fault(n, "%s: concurrent does not go with %s, which is about order", path, v.Strategy)
	}
}

func (d *reader) ready(path string, n ast.Node, v *Command) {
	ways := 0
	for _, set := range []bool{v.ReadyLine != "", v.ReadyAddr != "", v.ReadyURL != "", v.ReadyNotify} {
		if set {
			ways++
		}
	}
	if ways > 1 {
		d.fault(n, "%s: more than one of ready-line, ready-addr, ready-url and ready-notify", path)
	}
}

func (d *reader) schedule(path string, n ast.Node, v *Job) {
	if d.Schedule == nil || v.Schedule == "" {
		return
	}
	zone := v.Zone
	if zone != "" && CheckZone(zone) != nil { // which is told by itself
		zone = ""
	}
	if err := d.Schedule(v.Schedule, zone); err != nil {
		at, ok := d.file.At[path+".schedule="]
		if !ok {
			at = place(d.name, start(n))
		}
		d.faults.Add(at, "%s.schedule: %s", path, strings.TrimSpace(err.Error()))
	}
}
