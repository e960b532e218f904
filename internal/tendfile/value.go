package tendfile

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"

	"tend.example/tend/internal/spelling"
)

// value reads a value into what v is. tag is that of the field.
func (d *reader) value(path string, n ast.Node, v reflect.Value, tag reflect.StructTag) {
	d.file.At[path+"="] = place(d.name, start(n))
	if v.Kind() == reflect.Pointer {
		v.Set(reflect.New(v.Type().Elem()))
		v = v.Elem()
	}
	form := tag.Get("form")
	switch {
	case v.Type() == reflect.TypeFor[time.Duration]():
		if text, ok := d.text(path, n, "duration"); ok {
			set(d, path, n, v, func() (time.Duration, error) { return duration(text) })
		}
	case v.Kind() == reflect.String:
		d.string(path, n, v, tag)
	case v.Kind() == reflect.Bool:
		if text, ok := d.text(path, n, "bool"); ok {
			v.SetBool(strings.EqualFold(text, "true"))
		}
	case v.Kind() == reflect.Int:
		if text, ok := d.text(path, n, "number"); ok {
			set(d, path, n, v, func() (int, error) { return number(text, form) })
		}
	case v.Kind() == reflect.Slice:
		d.list(path, n, v, tag)
	case v.Kind() == reflect.Map:
		d.table(path, n, v, form)
	default:
		d.object(path, n, v)
	}
}

// set stores what get returns, or tells why it doesn't.
func set[T any](d *reader, path string, n ast.Node, v reflect.Value, get func() (T, error)) {
	got, err := get()
	if err != nil {
		d.fault(n, "%s: %v", path, err)
		return
	}
	v.Set(reflect.ValueOf(got))
}

func (d *reader) string(path string, n ast.Node, v reflect.Value, tag reflect.StructTag) {
	text, ok := d.text(path, n, "text")
	if !ok {
		return
	}
	v.SetString(text)
	if enum := tag.Get("enum"); enum != "" {
		if values := strings.Split(enum, ","); !slices.Contains(values, text) {
			d.fault(n, "%s: %q is none of %s%s", path, text, strings.Join(values, ", "), hint(text, values))
		}
		return
	}
	if check := formOf(tag.Get("form")).check; check != nil {
		if err := check(text); err != nil {
			d.fault(n, "%s: %v", path, err)
		}
	}
}

func (d *reader) list(path string, n ast.Node, v reflect.Value, tag reflect.StructTag) {
	list, ok := n.(*ast.SequenceNode)
	words := tag.Get("form") == "words"
	if text, kind := scalar(n); words && kind == "text" {
		set(d, path, n, v, func() ([]string, error) {
			command, err := SplitWords(text)
			if err == nil {
				err = checkHome(command[0])
			}
			return command, err
		})
		return
	}
	if !ok {
		want := "a list"
		if words {
			want = "text, or a list of texts"
		}
		d.mistyped(path, n, want)
		return
	}
	v.Set(reflect.MakeSlice(v.Type(), len(list.Values), len(list.Values)))
	for i, entry := range list.Values {
		d.value(fmt.Sprintf("%s[%d]", path, i), entry, v.Index(i), tag)
	}
	if !words {
		return
	}
	if len(list.Values) == 0 || v.Index(0).String() == "" {
		d.fault(n, "%s: no command", path)
	} else if err := checkHome(v.Index(0).String()); err != nil {
		d.fault(n, "%s: %v", path, err)
	}
}

func (d *reader) table(path string, n ast.Node, v reflect.Value, form string) {
	v.Set(reflect.MakeMap(v.Type()))
	d.mapping(path, n, nil, func(key string, at *ast.MappingValueNode) {
		if err := formOf(form).check(key); err != nil {
			d.fault(at.Key, "%s: %v", path, err)
			return
		}
		entry := reflect.New(v.Type().Elem()).Elem()
		if entry.Kind() == reflect.String {
			if text, ok := d.text(path+"."+key, at.Value, "any"); ok {
				entry.SetString(text)
			}
		} else {
			d.value(path+"."+key, at.Value, entry, "")
		}
		v.SetMapIndex(reflect.ValueOf(key), entry)
	})
	if v.Type().Elem().Kind() != reflect.String && v.Len() == 0 {
		d.fault(n, "%s: nothing in it", path)
	}
}

func (d *reader) object(path string, n ast.Node, v reflect.Value) {
	fields := fieldsOf(v.Type())
	known := make([]string, len(fields))
	for i, f := range fields {
		known[i] = f.key
	}
	there := map[string]bool{}
	ok := d.mapping(path, n, known, func(key string, at *ast.MappingValueNode) {
		there[key] = true
		f := fields[slices.Index(known, key)]
		d.value(join(path, key), at.Value, v.FieldByIndex(f.Index), f.Tag)
	})
	if !ok {
		return
	}
	var kinds, got []string
	for _, f := range fields {
		if f.need && !there[f.key] {
			d.fault(n, "%s: %s is missing", path, f.key)
		}
		if f.kind {
			kinds = append(kinds, f.key)
			if there[f.key] {
				got = append(got, f.key)
			}
		}
	}
	if len(kinds) > 0 && len(got) != 1 {
		d.fault(n, "%s: want exactly one of %s, got %s", path, strings.Join(kinds, ", "), orNone(got))
	}
	d.meaning(path, n, v)
}

// hint is a suggestion to put behind an error, or "".
func hint(word string, known []string) string {
	if len(word) > 64 { // that is no slip
		return ""
	}
	if near := spelling.Nearest(word, known); near != "" {
		return fmt.Sprintf("; did you mean %s?", near)
	}
	return ""
}

func orNone(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}

// field is a field of a type that a file can say.
type field struct {
	reflect.StructField
	key        string
	need, kind bool
}

func fieldsOf(t reflect.Type) (fields []field) {
	for _, f := range reflect.VisibleFields(t) {
		if key := f.Tag.Get("key"); key != "-" && !f.Anonymous {
			fields = append(fields, field{f, key, f.Tag.Get("need") == "true", f.Tag.Get("kind") == "true"})
		}
	}
	return fields
}
