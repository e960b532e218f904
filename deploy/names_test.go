package deploy_test

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/promql/parser"

	"tend.example/tend/services/metrics"
)

// query is an expression, and where it stands.
type query struct {
	where, expr string
	shown       []string // labels that are shown of what comes of it
}

// The names that Prometheus itself gives to what it has scraped.
var ofTarget = []string{"instance", "job"}

func TestEveryMetricAndLabelThatIsAskedForExists(t *testing.T) {
	known := described(t)
	queries := slices.Concat(ofAlerts(t), ofDashboard(t))
	if len(queries) < 60 {
		t.Errorf("found only %d expressions", len(queries))
	}
	asked := map[string]bool{}
	for _, q := range queries {
		expr, err := parser.NewParser(parser.Options{}).ParseExpr(replaceVariables(q.expr))
		if err != nil {
			t.Errorf("%s: %v", q.where, err)
			continue
		}
		have := slices.Clone(ofTarget)
		parser.Inspect(expr, func(node parser.Node, path []parser.Node) error {
			if s, ok := node.(*parser.VectorSelector); ok {
				asked[s.Name] = true
				have = append(have, checkSelector(t, q, s, known, path)...)
			}
			return nil
		})
		parser.Inspect(expr, func(node parser.Node, _ []parser.Node) error {
			if a, ok := node.(*parser.AggregateExpr); ok && !a.Without {
				q.shown = append(q.shown, a.Grouping...)
			}
			return nil
		})
		for _, label := range q.shown {
			if !slices.Contains(have, label) {
				t.Errorf("%s: nothing in it has the label %s", q.where, label)
			}
		}
	}
	for name := range known {
		if strings.HasPrefix(name, "tend_") && !asked[name] {
			t.Errorf("%s: nobody asks for it", name)
		}
	}
}

// checkSelector gives the labels that a selector's series have.
func checkSelector(t *testing.T, q query, s *parser.VectorSelector, known map[string][]string, path []parser.Node) []string {
	t.Helper()
	have, ok := known[s.Name]
	if !ok {
		t.Errorf("%s: there is no metric %q", q.where, s.Name)
	}
	for _, m := range s.LabelMatchers {
		if m.Name != model.MetricNameLabel && !slices.Contains(have, m.Name) && !slices.Contains(ofTarget, m.Name) {
			t.Errorf("%s: %s has no label %s", q.where, s.Name, m.Name)
		}
	}
	for _, above := range path {
		call, ok := above.(*parser.Call)
		if ok && (call.Func.Name == "rate" || call.Func.Name == "increase") && !regexp.MustCompile(`_(total|duration_seconds|lateness_seconds)$`).MatchString(s.Name) {
			t.Errorf("%s: %s of %s, which is a gauge", q.where, call.Func.Name, s.Name)
		}
	}
	return have
}

// described is every metric that the daemon has, with its labels.
func described(t *testing.T) map[string][]string {
	t.Helper()
	known := map[string][]string{}
	desc := regexp.MustCompile(`fqName: "([^"]*)".*variableLabels: \{([^}]*)\}`)
	for _, c := range []prometheus.Collector{
		&metrics.Tree{}, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	} {
		ch := make(chan *prometheus.Desc, 1000)
		c.Describe(ch)
		close(ch)
		for d := range ch {
			match := desc.FindStringSubmatch(d.String())
			if match == nil {
				t.Fatalf("what is this: %s", d)
			}
			known[match[1]] = strings.Split(match[2], ",")
		}
	}
	return known
}

var shownLabel = regexp.MustCompile(`\{\{ *(?:\$labels\.)?([a-z]+) *\}\}`)

func shownIn(texts ...string) (shown []string) {
	for _, match := range shownLabel.FindAllStringSubmatch(strings.Join(texts, " "), -1) {
		shown = append(shown, match[1])
	}
	return shown
}

func ofAlerts(t *testing.T) (queries []query) {
	for _, rule := range alerts(t) {
		queries = append(queries, query{"alerts: " + rule.Alert, rule.Expr, shownIn(rule.Annotations["summary"], rule.Annotations["description"])})
	}
	return queries
}

// ofDashboard finds every expression of the dashboard, wherever it stands.
func ofDashboard(t *testing.T) (queries []query) {
	t.Helper()
	text, err := os.ReadFile("grafana/tend.json")
	if err != nil {
		t.Fatal(err)
	}
	var dashboard map[string]any
	if err := json.Unmarshal(text, &dashboard); err != nil {
		t.Fatal(err)
	}
	var look func(where string, node any)
	look = func(where string, node any) {
		switch node := node.(type) {
		case []any:
			for _, child := range node {
				look(where, child)
			}
		case map[string]any:
			if title, ok := node["title"].(string); ok {
				where += ": " + title
			}
			if expr, ok := node["expr"].(string); ok {
				queries = append(queries, query{where, expr, shownIn(fmt.Sprint(node["legendFormat"], node["titleFormat"], node["textFormat"]))})
			}
			if values, ok := node["definition"].(string); ok { // label_values(expr, label)
				values = strings.TrimSuffix(strings.TrimPrefix(values, "label_values("), ")")
				at := strings.LastIndex(values, ", ")
				queries = append(queries, query{where, values[:at], []string{values[at+2:]}})
			}
			for _, child := range node {
				look(where, child)
			}
		}
	}
	look("dashboard", dashboard)
	return queries
}

// replaceVariables puts something in the place of Grafana's.
func replaceVariables(expr string) string {
	return strings.NewReplacer("$__rate_interval", "5m", "$__range", "1h").Replace(expr)
}

func TestPanelsHaveNumbersOfTheirOwnAndDoNotOverlap(t *testing.T) {
	text, err := os.ReadFile("grafana/tend.json")
	if err != nil {
		t.Fatal(err)
	}
	var dashboard struct {
		Panels []struct {
			ID      int
			Title   string
			GridPos struct{ X, Y, W, H int }
		}
	}
	if err := json.Unmarshal(text, &dashboard); err != nil {
		t.Fatal(err)
	}
	ids, cells := map[int]string{}, map[[2]int]string{}
	for _, p := range dashboard.Panels {
		if other, taken := ids[p.ID]; taken {
			t.Errorf("%s and %s have the same id", p.Title, other)
		}
		ids[p.ID] = p.Title
		for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
			for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
				if other, taken := cells[[2]int{x, y}]; taken || x >= 24 {
					t.Fatalf("%s overlaps %s or the edge", p.Title, other)
				}
				cells[[2]int{x, y}] = p.Title
			}
		}
	}
}

func TestEveryAlertIsInTheDocs(t *testing.T) {
	text, err := os.ReadFile("../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	named := map[string]bool{}
	for _, match := range regexp.MustCompile("`(Tend[A-Za-z]+)`").FindAllStringSubmatch(string(text), -1) {
		named[match[1]] = true
	}
	for _, rule := range alerts(t) {
		if !named[rule.Alert] {
			t.Errorf("docs/metrics.md does not name %s", rule.Alert)
		}
		delete(named, rule.Alert)
	}
	for name := range named {
		t.Errorf("docs/metrics.md names %s, which there is not", name)
	}
}
