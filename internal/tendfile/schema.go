package tendfile

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"time"
)

// object is a JSON object whose members keep their order.
type object []member

type member struct {
	key   string
	value any
}

// MarshalJSON is the members in their order.
func (o object) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, m := range o {
		if i > 0 {
			b.WriteByte(',')
		}
		key, err := plain(m.key)
		if err != nil {
			return nil, err
		}
		value, err := plain(m.value)
		if err != nil {
			return nil, err
		}
		b.Write(key)
		b.WriteByte(':')
		b.Write(value)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// plain is JSON in which < and > are themselves.
func plain(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(v)
	return bytes.TrimSpace(b.Bytes()), err
}

// Schema is a JSON Schema (2020-12) of a file with such keys, for editors. Whatever Read takes it takes, too; of what
// Read refuses it finds unknown and missing keys and values of the wrong type, but not what depends on the value of
// another key.
func Schema(keys []Key) ([]byte, error) {
	defs := &defs{seen: map[string]bool{}}
	var properties object
	for _, k := range keys {
		properties = append(properties, member{k.Name, described(keySchema(k.Type), k.Doc)})
	}
	properties = append(properties,
		member{"services", described(object{{"type", "array"}, {"items", defs.ref(reflect.TypeFor[Service]())}}, servicesDoc)},
		member{"policies", described(object{{"type", "object"}, {"additionalProperties", object{{"type", "string"}, {"pattern", formOf("policy").pattern}}}}, policiesDoc)},
	)
	schema := object{
		{"$schema", "https://json-schema.org/draft/2020-12/schema"},
		{"title", "tend.yaml"},
		{"type", []string{"object", "null"}}, // an empty file is one
		{"properties", properties},
		{"additionalProperties", false},
		{"$defs", defs.all},
	}
	text, err := plain(schema)
	if err != nil {
		return nil, fmt.Errorf("make a schema: %w", err)
	}
	var b bytes.Buffer
	if err := json.Indent(&b, text, "", "  "); err != nil {
		return nil, fmt.Errorf("make a schema: %w", err)
	}
	b.WriteByte('\n')
	return b.Bytes(), nil
}

const (
	servicesDoc = "what runs besides admin, in the order of starting; it stops in reverse. Without it, hello and timer"
	policiesDoc = "how services are restarted and stopped, by path, such as app or workers/app; default is for all. A service that is called default is tend/default"
)

func described(schema object, doc string) object {
	return append(object{{"description", doc}}, schema...)
}

func keySchema(kind string) object {
	switch kind {
	case "bool":
		return object{{"type", "boolean"}}
	case "number":
		return object{{"type", "integer"}}
	case "duration":
		return durationSchema()
	case "list":
		return object{{"type", []string{"string", "array"}}, {"items", object{{"type", "string"}}}}
	default:
		return object{{"type", "string"}}
	}
}

func durationSchema() object {
	return object{{"anyOf", []object{
		{{"type", "string"}, {"pattern", `^\+?([0-9]*\.?[0-9]*(ns|us|µs|μs|ms|s|m|h))+$|^[+-]?0$`}},
		{{"const", 0}},
	}}}
}

// defs are the types that a schema refers to.
type defs struct {
	all  object
	seen map[string]bool
}

func (d *defs) ref(t reflect.Type) object {
	name := strings.ToLower(t.Name())
	if !d.seen[name] {
		d.seen[name] = true
		i := len(d.all)
		d.all = append(d.all, member{key: name})
		d.all[i].value = d.object(t)
	}
	return object{{"$ref", "#/$defs/" + name}}
}

func (d *defs) object(t reflect.Type) object {
	var properties object
	var need []string
	var kinds []object
	for _, f := range fieldsOf(t) {
		properties = append(properties, member{f.key, described(d.field(f.Type, f.Tag), f.Tag.Get("doc"))})
		if f.need {
			need = append(need, f.key)
		}
		if f.kind {
			kinds = append(kinds, object{{"required", []string{f.key}}})
		}
	}
	schema := object{{"type", "object"}, {"properties", properties}, {"additionalProperties", false}}
	if need != nil {
		schema = append(schema, member{"required", need})
	}
	if kinds != nil {
		schema = append(schema, member{"oneOf", kinds})
	}
	return schema
}

func (d *defs) field(t reflect.Type, tag reflect.StructTag) object {
	form := tag.Get("form")
	switch {
	case t.Kind() == reflect.Pointer:
		return d.field(t.Elem(), tag)
	case t == reflect.TypeFor[time.Duration]():
		return durationSchema()
	case t.Kind() == reflect.String && tag.Get("enum") != "":
		return object{{"type", "string"}, {"enum", strings.Split(tag.Get("enum"), ",")}}
	case t.Kind() == reflect.String:
		return stringSchema(form)
	case t.Kind() == reflect.Bool:
		return object{{"type", "boolean"}}
	case t.Kind() == reflect.Int:
		least, most := span(form)
		return object{{"type", "integer"}, {"minimum", least}, {"maximum", most}}
	case t.Kind() == reflect.Slice && form == "words":
		return object{{"type", []string{"string", "array"}}, {"items", object{{"type", "string"}}}, {"minLength", 1}, {"minItems", 1}}
	case t.Kind() == reflect.Slice:
		return object{{"type", "array"}, {"items", d.field(t.Elem(), tag)}}
	case t.Kind() == reflect.Map && t.Elem().Kind() == reflect.String:
		return object{{"type", "object"}, {"propertyNames", object{{"pattern", formOf(form).pattern}}}, {"additionalProperties", object{{"type", []string{"string", "number", "boolean"}}}}}
	case t.Kind() == reflect.Map:
		return object{{"type", "object"}, {"minProperties", 1}, {"propertyNames", object{{"pattern", formOf(form).pattern}}}, {"additionalProperties", d.ref(t.Elem())}}
	default:
		return d.ref(t)
	}
}

func stringSchema(form string) object {
	schema := object{{"type", "string"}}
	if pattern := formOf(form).pattern; pattern != "" {
		schema = append(schema, member{"pattern", pattern})
	}
	return schema
}
