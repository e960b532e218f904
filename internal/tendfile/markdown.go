package tendfile

import (
	"fmt"
	"reflect"
	"strings"
	"time"
)

// Markdown is tables of all that a file can say.
func Markdown(keys []Key) string {
	var b strings.Builder
	head := func(title, intro string) {
		fmt.Fprintf(&b, "\n## %s\n\n%s\n\n| key | value | |\n|---|---|---|\n", title, intro)
	}
	head("Settings", "Of the top. Each is a flag, too, and a variable of the environment: `TEND_` and the name in capitals, `-` being `_`.")
	for _, k := range keys {
		doc := k.Doc
		if k.Default != "" {
			doc += ". Default: `" + k.Default + "`"
		}
		row(&b, k.Name, words(k.Type), doc)
	}
	row(&b, "services", "a list", servicesDoc)
	row(&b, "policies", "texts by path", policiesDoc)
	for _, section := range []struct {
		title, intro string
		of           reflect.Type
	}{
		{"A service", "An entry of `services`. Exactly one of the keys http, command, job and group says what it is.", reflect.TypeFor[Service]()},
		{"http", "", reflect.TypeFor[HTTP]()},
		{"A route", "A value of `routes`. Exactly one of the keys hello, static and proxy.", reflect.TypeFor[Route]()},
		{"command", "At most one of the keys ready-*; without one, and without a port, it is ready when it is started.", reflect.TypeFor[Command]()},
		{"job", "", reflect.TypeFor[Job]()},
		{"group", "", reflect.TypeFor[Group]()},
	} {
		head(section.title, section.intro)
		for _, f := range fieldsOf(section.of) {
			doc := f.Tag.Get("doc")
			if f.need {
				doc = "Required: " + doc
			}
			row(&b, f.key, value(f.Type, f.Tag), doc)
		}
	}
	return strings.ReplaceAll(b.String(), "\n\n\n", "\n")
}

func row(b *strings.Builder, key, value, doc string) {
	fmt.Fprintf(b, "| `%s` | %s | %s |\n", key, value, strings.ReplaceAll(doc, "|", `\|`))
}

func words(kind string) string {
	switch kind {
	case "bool":
		return "true or false"
	case "number":
		return "a number"
	case "duration":
		return "a duration"
	case "list":
		return "text, or a list of texts"
	default:
		return "text"
	}
}

func value(t reflect.Type, tag reflect.StructTag) string {
	form := tag.Get("form")
	switch {
	case t.Kind() == reflect.Pointer:
		return value(t.Elem(), tag)
	case t == reflect.TypeFor[time.Duration]():
		return words("duration")
	case tag.Get("enum") != "":
		return "`" + strings.ReplaceAll(tag.Get("enum"), ",", "`, `") + "`"
	case t.Kind() == reflect.Bool:
		return words("bool")
	case t.Kind() == reflect.Int:
		least, most := span(form)
		return fmt.Sprintf("%d to %d", least, most)
	case form == "words":
		return words("list")
	case t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Int:
		return "a list of numbers"
	case t.Kind() == reflect.Slice:
		return "a list of services"
	case t.Kind() == reflect.Map && t.Elem().Kind() == reflect.String:
		return "texts by name"
	case t.Kind() == reflect.Map:
		return "routes by path"
	case t.Kind() == reflect.Struct:
		return "see below"
	default:
		return "text"
	}
}
