package tendfile

import (
	"maps"
	"net/url"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Writer writes what Read reads, with secrets masked: what is in env, what follows an option that is called
// like a secret, and passwords in URLs.
type Writer struct {
	strings.Builder
}

// Masked stands for a secret.
const Masked = "****"

// Line writes a key and what it is, with a comment behind.
func (w *Writer) Line(key, value, comment string) {
	w.WriteString(key + ": " + value)
	if comment != "" {
		w.WriteString("  # " + oneLine(comment))
	}
	w.WriteByte('\n')
}

// Services writes a list of services. origin is a comment for the one at a path.
func (w *Writer) Services(services []Service, origin func(path string) string) {
	w.services(services, "", "", origin)
}

func (w *Writer) services(services []Service, above, indent string, origin func(path string) string) {
	for _, s := range services {
		path := above + s.Name
		w.WriteString(indent + "- ")
		w.Line("name", Quote(s.Name), origin(path))
		group := s.Group
		s.Name, s.Group = "", nil
		w.fields(reflect.ValueOf(s), indent+"  ")
		if group != nil {
			w.WriteString(indent + "  group:\n")
			inside := *group
			inside.Services = nil
			w.fields(reflect.ValueOf(inside), indent+"    ")
			w.WriteString(indent + "    services:\n")
			w.services(group.Services, path+"/", indent+"      ", origin)
		}
	}
}

// fields writes those that are not zero.
func (w *Writer) fields(v reflect.Value, indent string) {
	for _, f := range fieldsOf(v.Type()) {
		field := v.FieldByIndex(f.Index)
		if field.IsZero() {
			continue
		}
		if field.Kind() == reflect.Pointer {
			field = field.Elem()
		}
		switch {
		case field.Kind() == reflect.Struct:
			w.WriteString(indent + f.key + ":\n")
			w.fields(field, indent+"  ")
		case field.Kind() == reflect.Map:
			w.WriteString(indent + f.key + ":\n")
			w.table(field, indent+"  ")
		default:
			w.WriteString(indent)
			w.Line(f.key, inline(field), "")
		}
	}
}

func (w *Writer) table(v reflect.Value, indent string) {
	if texts, ok := v.Interface().(map[string]string); ok { // env
		for _, key := range slices.Sorted(maps.Keys(texts)) {
			w.WriteString(indent)
			w.Line(Quote(key), Quote(Masked), "")
		}
		return
	}
	routes, _ := v.Interface().(map[string]Route)
	for _, pattern := range slices.Sorted(maps.Keys(routes)) {
		w.WriteString(indent + Quote(pattern) + ":\n")
		w.fields(reflect.ValueOf(routes[pattern]), indent+"  ")
	}
}

// Inline is a service in one line, without its name and without the services in it.
func Inline(s Service) string {
	s.Name = ""
	if s.Group != nil {
		group := *s.Group
		group.Services = nil
		s.Group = &group
	}
	return flow(reflect.ValueOf(s))
}

// flow is the fields of a struct that are not zero.
func flow(v reflect.Value) string {
	var parts []string
	for _, f := range fieldsOf(v.Type()) {
		if field := v.FieldByIndex(f.Index); !field.IsZero() {
			parts = append(parts, f.key+": "+inline(reflect.Indirect(field)))
		}
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

// inline is a value in one line.
func inline(v reflect.Value) string {
	switch value := v.Interface().(type) {
	case time.Duration:
		return value.String()
	case bool:
		return strconv.FormatBool(value)
	case int:
		return strconv.Itoa(value)
	case string:
		return Quote(MaskURL(value))
	case []string:
		return List(MaskWords(value))
	case []int:
		texts := make([]string, len(value))
		for i, n := range value {
			texts[i] = strconv.Itoa(n)
		}
		return "[" + strings.Join(texts, ", ") + "]"
	case map[string]string: // env
		var parts []string
		for _, key := range slices.Sorted(maps.Keys(value)) {
			parts = append(parts, Quote(key)+": "+Quote(Masked))
		}
		return "{" + strings.Join(parts, ", ") + "}"
	case map[string]Route:
		var parts []string
		for _, pattern := range slices.Sorted(maps.Keys(value)) {
			parts = append(parts, Quote(pattern)+": "+flow(reflect.ValueOf(value[pattern])))
		}
		return "{" + strings.Join(parts, ", ") + "}"
	default:
		return flow(v)
	}
}

// List is a list of texts in one line.
func List(texts []string) string {
	quoted := make([]string, len(texts))
	for i, text := range texts {
		quoted[i] = Quote(text)
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}

// bare is text that YAML takes for nothing else.
const bare = `^[A-Za-z/][A-Za-z0-9_./=@-]*$`

// Quote is text as YAML writes it, in quotes where it needs them.
func Quote(text string) string {
	switch strings.ToLower(text) {
	case "true", "false", "null", "yes", "no", "on", "off", "y", "n":
		return strconv.Quote(text)
	}
	if ok, _ := regexp.MatchString(bare, text); ok {
		return text
	}
	return quoted(text)
}

// quoted is a text in double quotes, with escapes that both JSON and YAML know.
func quoted(text string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range text {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		case r < ' ' || r == 0x7f:
			b.WriteString(`\x` + strconv.FormatInt(int64(r)|0x100, 16)[1:])
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// secretive tells whether an option is called as those are that have a secret behind them.
func secretive(option string) bool {
	option = strings.ToLower(option)
	return slices.ContainsFunc([]string{"pass", "secret", "token", "credential", "apikey", "api-key", "api_key", "private", "auth"},
		func(part string) bool { return strings.Contains(option, part) })
}

// MaskWords is a command without the secrets in it that can be told by what is before them, as in --password=x, -token x
// and 'Authorization: Bearer x', also those in a script that is one word.
func MaskWords(words []string) []string {
	masked := make([]string, len(words))
	hide := false
	for i, word := range words {
		option, _, assigned := strings.Cut(word, "=")
		secret := secretive(option)
		header, _, isHeader := strings.Cut(word, ": ")
		switch {
		case hide:
			masked[i], hide = Masked, false
		case assigned && secret:
			masked[i] = option + "=" + Masked
		case isHeader && secretive(header) && !strings.Contains(header, " "):
			masked[i] = header + ": " + Masked
		case strings.Contains(word, " "):
			masked[i] = strings.Join(MaskWords(strings.Split(word, " ")), " ")
		default:
			masked[i] = MaskURL(word)
			hide = secret && strings.HasPrefix(word, "-")
		}
	}
	return masked
}

// MaskURL is text without the password, if it is a URL that has one.
func MaskURL(text string) string {
	scheme, rest, ok := strings.Cut(text, "://")
	if !ok {
		return text
	}
	authority, _, _ := strings.Cut(rest, "/")
	i := strings.LastIndexByte(authority, '@')
	if i < 0 {
		return text
	}
	user, _, secret := strings.Cut(authority[:i], ":")
	if !secret {
		return text
	}
	return scheme + "://" + (&url.URL{User: url.User(user)}).User.String() + ":" + Masked + rest[i:]
}
