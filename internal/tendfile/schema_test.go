package tendfile_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"tend.example/tend/internal/tendfile"
)

// validator is the schema, as an independent implementation understands it.
func validator(tb testing.TB) *jsonschema.Schema {
	tb.Helper()
	text, err := tendfile.Schema(rules.Keys)
	if err != nil {
		tb.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		tb.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("tend.json", doc); err != nil {
		tb.Fatal(err)
	}
	schema, err := c.Compile("tend.json")
	if err != nil {
		tb.Fatal(err)
	}
	return schema
}

// validate is what the schema says of a file.
func validate(schema *jsonschema.Schema, text []byte) error {
	var value any
	if err := yaml.Unmarshal(text, &value); err != nil {
		return err
	}
	asJSON, err := json.Marshal(value)
	if err != nil {
		return err
	}
	if value, err = jsonschema.UnmarshalJSON(bytes.NewReader(asJSON)); err != nil {
		return err
	}
	return schema.Validate(value)
}

func TestSchemaTakesWhatIsRead(t *testing.T) {
	schema := validator(t)
	for _, text := range []string{good, "", "services: []", "timer-every: 0", "timer-every: \"0\"", "timer-every: +1.5h2m", "without: x"} {
		if _, err := rules.Read("x.yaml", []byte(text)); err != nil {
			t.Errorf("%.40q: not read: %v", text, err)
		}
		if err := validate(schema, []byte(text)); err != nil {
			t.Errorf("%.40q: got %v, want it to be valid", text, err)
		}
	}
}

// TestSchemaFindsWhatReadFinds takes every line of a good file away, doubles its key's first letter, and makes its
// value something else: what the schema then says has to be what Read says, but for what depends on other keys.
func TestSchemaFindsWhatReadFinds(t *testing.T) {
	schema := validator(t)
	lines := strings.Split(good, "\n")
	differ, refused := 0, 0
	for i, line := range lines {
		key, value, ok := strings.Cut(line, ":")
		if !ok || strings.HasPrefix(line, "#") {
			continue
		}
		trimmed := strings.TrimLeft(key, " -")
		for _, changed := range []string{
			"",
			strings.Replace(line, trimmed+":", trimmed+"x:", 1),
			key + ": {nonsense: true}",
			key + ": [[]]",
			key + ": 1.5",
			key + ": -7",
			key + ": true",
			key + ": \"\"",
			key + ":",
			key + ":" + strings.ToUpper(value),
		} {
			text := []byte(strings.Join(lines[:i], "\n") + "\n" + changed + "\n" + strings.Join(lines[i+1:], "\n"))
			if yaml.Unmarshal(text, new(any)) != nil {
				continue // it hides what is below
			}
			_, err := rules.Read("x.yaml", text)
			invalid := validate(schema, text)
			if err != nil {
				refused++
			}
			if err == nil && invalid != nil {
				t.Errorf("%q for line %d is read, but not valid: %v", changed, i+1, invalid)
			}
			if err != nil && invalid == nil {
				differ++
				if !deeper(err) {
					t.Errorf("%q for line %d is valid, but not read: %v", changed, i+1, err)
				}
			}
		}
	}
	if refused < 200 || differ > refused/5 {
		t.Errorf("of %d faults the schema did not find %d", refused, differ)
	}
}

// deeper tells of faults that are none of a schema's business.
func deeper(err error) bool {
	for _, text := range []string{
		"go together", "more than one of", "say true", "strip is of", "does not go with", "want five fields", "unknown", "policy key", "address",
		"invalid port", "missing path", "command: ", "no command", "regexp", "not a duration", "not an http", "want /", "no services in it", "is there twice",
		"a zero byte", "negative", "key=value", "name \"", "port",
	} {
		if strings.Contains(err.Error(), text) {
			return true
		}
	}
	return false
}

func FuzzConfig(f *testing.F) {
	schema := validator(f)
	f.Add(good)
	for _, line := range strings.Split(good, "\n") {
		f.Add(strings.TrimLeft(line, " -"))
	}
	f.Add("services: [{name: a, http: {routes: {/: {hello: true}}}}]\npolicies: {a: restart=never}\n")
	f.Add("a: &x [*x]\n<<: *x\n? b\n--- \n...")
	f.Fuzz(func(t *testing.T, text string) {
		timer := time.AfterFunc(5*time.Second, func() { panic(fmt.Sprintf("does not end: %q", text)) })
		defer timer.Stop()
		file, err := rules.Read("x.yaml", []byte(text))
		if err != nil {
			if fmt.Sprint(err) == "" || strings.ContainsAny(fmt.Sprint(err), "\r\x00\x1b") {
				t.Errorf("got %q, want what is wrong, in printable lines", err)
			}
			return
		}
		if err := validate(schema, []byte(text)); err != nil && !yamlDiffers(text) {
			t.Errorf("read, but not valid: %v", err)
		}
		// What is written is read again, as the same.
		var w tendfile.Writer
		w.WriteString("services:\n")
		w.Services(file.Services, func(string) string { return text })
		if len(file.Services) == 0 {
			return
		}
		again, err := rules.Read("y.yaml", []byte(w.String()))
		if err != nil {
			t.Fatalf("what was written is not read: %v\n%s", err, w.String())
		}
		var w2 tendfile.Writer
		w2.Services(again.Services, func(string) string { return text })
		if diff := cmp.Diff(strings.TrimPrefix(w.String(), "services:\n"), w2.String()); diff != "" {
			t.Errorf("written again (-first +second):\n%s", diff)
		}
	})
}

// yamlDiffers tells of texts that the decoder of YAML, which the schema's side of the test goes through, does not
// take: it is stricter about directives and merges than the parser that Read uses.
func yamlDiffers(text string) bool { return yaml.Unmarshal([]byte(text), new(any)) != nil }
