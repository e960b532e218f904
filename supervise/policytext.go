package supervise

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// ParsePolicy reads a policy from key=value pairs parted by commas:
//
//	restart=always|on-failure|never
//	backoff=MIN..MAX, or MIN, ..MAX, none, none..MAX
//	reset=DURATION
//	limit=N/WINDOW, or N, none, none/WINDOW; 0: not even one
//	start=retry|fail
//	start-timeout=DURATION|none
//	stop-timeout=DURATION|none
//	panic=restart|crash
//
// as in "restart=on-failure,backoff=100ms..30s,limit=5/1m". What is not named has its default, and
// the empty text is the zero Policy. An error names the key and what is wrong with its value.
func ParsePolicy(s string) (Policy, error) {
	var p Policy
	err := p.UnmarshalText([]byte(s))
	return p, err
}

// String is the policy's text: ParsePolicy(p.String()) is p, with every negative field being -1.
// Zero fields are left out.
func (p Policy) String() string {
	var pairs []string
	for _, k := range policyKeys {
		if value := k.format(&p); value != "" {
			pairs = append(pairs, k.name+"="+value)
		}
	}
	return strings.Join(pairs, ",")
}

// MarshalText is String.
func (p Policy) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText sets the fields that the text names and leaves the others as they are, so texts
// can be laid one over another. When it fails, all is left as it was.
func (p *Policy) UnmarshalText(text []byte) error {
	next := *p
	if strings.TrimSpace(string(text)) == "" {
		return nil
	}
	named := make(map[string]bool)
	for pair := range strings.SplitSeq(string(text), ",") {
		name, value, ok := strings.Cut(pair, "=")
		name, value = strings.TrimSpace(name), strings.TrimSpace(value)
		if !ok {
			return fmt.Errorf("policy %q: not of the form key=value", strings.TrimSpace(pair))
		}
		if named[name] {
			return fmt.Errorf("policy key %q: given twice", name)
		}
		named[name] = true
		if err := next.set(name, value); err != nil {
			return err
		}
	}
	if next.MaxBackoff > 0 && next.MinBackoff > next.MaxBackoff {
		return fmt.Errorf("policy key %q: %s is more than %s", "backoff", short(next.MinBackoff), short(next.MaxBackoff))
	}
	*p = next
	return nil
}

func (p *Policy) set(name, value string) error {
	var names []string
	for _, k := range policyKeys {
		if k.name == name {
			if err := k.parse(p, value); err != nil {
				return fmt.Errorf("policy key %q: value %q: %w", name, value, err)
			}
			return nil
		}
		names = append(names, k.name)
	}
	return fmt.Errorf("policy key %q: unknown; the keys are %s", name, strings.Join(names, ", "))
}

// policyKey is one key of the text form.
type policyKey struct {
	name   string
	format func(*Policy) string // "" for the zero value
	parse  func(*Policy, string) error
}

var policyKeys = []policyKey{
	{"restart", formatRestart, parseRestart},
	{"backoff", formatBackoff, parseBackoff},
	{"reset", formatReset, parseReset},
	{"limit", formatLimit, parseLimit},
	wordKey("start", "retry", "fail", func(p *Policy) *bool { return &p.FailStart }),
	timeoutKey("start-timeout", func(p *Policy) *time.Duration { return &p.StartTimeout }),
	timeoutKey("stop-timeout", func(p *Policy) *time.Duration { return &p.StopTimeout }),
	wordKey("panic", "restart", "crash", func(p *Policy) *bool { return &p.CrashOnPanic }),
}

// wordKey is a key with one word for false and one for true.
func wordKey(name, no, yes string, field func(*Policy) *bool) policyKey {
	return policyKey{
		name: name,
		format: func(p *Policy) string {
			if *field(p) {
				return yes
			}
			return ""
		},
		parse: func(p *Policy, s string) error {
			if s != no && s != yes {
				return fmt.Errorf("want %s or %s", no, yes)
			}
			*field(p) = s == yes
			return nil
		},
	}
}

// timeoutKey is a key whose value is a duration, or none.
func timeoutKey(name string, field func(*Policy) *time.Duration) policyKey {
	return policyKey{
		name:   name,
		format: func(p *Policy) string { return short(*field(p)) },
		parse: func(p *Policy, s string) (err error) {
			*field(p), err = parseTimeout(s)
			return err
		},
	}
}

func parseTimeout(s string) (time.Duration, error) {
	if s == "none" {
		return none, nil
	}
	d, err := parseDuration(s)
	if errors.Is(err, errZero) {
		return 0, errors.New(`zero would be no time at all; say "none" for no bound`)
	}
	return d, err
}

func formatRestart(p *Policy) string {
	if p.Restart == Always {
		return ""
	}
	return p.Restart.String()
}

func parseRestart(p *Policy, s string) error {
	for i, name := range restartNames {
		if s == name {
			p.Restart = Restart(i)
			return nil
		}
	}
	return errors.New("want always, on-failure or never")
}

func formatBackoff(p *Policy) string {
	s := short(p.MinBackoff)
	if p.MaxBackoff != 0 {
		s += ".." + short(p.MaxBackoff)
	}
	return s
}

func parseBackoff(p *Policy, s string) error {
	least, most, both := strings.Cut(s, "..")
	var minimum, maximum time.Duration
	var err error
	if least != "" || !both {
		minimum, err = parseDuration(least)
		if least == "none" || errors.Is(err, errZero) {
			minimum, err = none, nil
		}
	}
	if err == nil && both {
		maximum, err = parseDuration(most)
	}
	if err != nil {
		return fmt.Errorf("want MIN..MAX, MIN, ..MAX or none: %w", err)
	}
	p.MinBackoff, p.MaxBackoff = minimum, maximum
	return nil
}

func formatReset(p *Policy) string { return short(p.ResetAfter) }

func parseReset(p *Policy, s string) (err error) {
	p.ResetAfter, err = parseDuration(s)
	return err
}

func formatLimit(p *Policy) string {
	var s string
	switch {
	case p.MaxRestarts < 0:
		s = "0"
	case p.MaxRestarts > 0:
		s = strconv.Itoa(p.MaxRestarts)
	case p.Window != 0:
		s = "none"
	}
	if p.Window != 0 {
		s += "/" + short(p.Window)
	}
	return s
}

func parseLimit(p *Policy, s string) error {
	number, window, both := strings.Cut(s, "/")
	restarts := 0
	if number != "none" {
		n, err := strconv.Atoi(number)
		if err != nil || n < 0 {
			return errors.New("want N/WINDOW, N or none, as in 5/1m")
		}
		if restarts = n; n == 0 {
			restarts = -1
		}
	}
	var within time.Duration
	if both {
		var err error
		if within, err = parseDuration(window); err != nil {
			return err
		}
	}
	p.MaxRestarts, p.Window = restarts, within
	return nil
}

// parseDuration reads a positive duration.
func parseDuration(s string) (time.Duration, error) {
	d, err := time.ParseDuration(s)
	switch {
	case err != nil:
		return 0, fmt.Errorf("%q is no duration; want one like 500ms, 10s or 1m", s)
	case d == 0:
		return 0, fmt.Errorf("%q is %w", s, errZero)
	case d < 0:
		return 0, fmt.Errorf("%q is negative", s)
	default:
		return d, nil
	}
}

// short is a duration as one would write it: 1m, not 1m0s. Zero is "", a negative one "none".
func short(d time.Duration) string {
	if d < 0 {
		return "none"
	}
	if d == 0 {
		return ""
	}
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}
