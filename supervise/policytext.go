package supervise

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// ParsePolicy reads the text form of a policy: settings key=value, parted by commas, in any order
// and each at most once. Blanks around the parts don't matter.
//
//	restart=on-failure,backoff=100ms..30s,limit=5/1m
//
// The keys, and the fields they set:
//
//	restart        always, on-failure, never                    Restart
//	backoff        MIN..MAX, MIN, ..MAX, none, none..MAX        MinBackoff, MaxBackoff
//	reset          a duration                                   ResetAfter
//	limit          N/WINDOW, N, none, none/WINDOW               MaxRestarts, Window
//	start          fail: give up at once; retry                 FailStart
//	start-timeout  a duration, none                             StartTimeout
//	stop-timeout   a duration, none                             StopTimeout
//	heartbeat      a duration, none                             Heartbeat
//	panic          crash: end the process; restart              CrashOnPanic
//
// Durations are Go's: 100ms, 1.5s, 1h30m. What is not named has its default, and "" is the zero
// Policy. limit=0 is not even one restart, limit=none is no limit; backoff=0s is backoff=none. An
// error is one line that names the key and the value. What ParsePolicy returns, Serve accepts.
func ParsePolicy(s string) (Policy, error) {
	var p Policy
	err := p.UnmarshalText([]byte(s))
	return p, err
}

// String is the text form of p, without the zero fields, so that the zero Policy is "". ParsePolicy
// reads it back, negative fields as -1. A policy that Serve refuses has a text too, which
// ParsePolicy refuses.
func (p Policy) String() string {
	var parts []string
	for _, key := range policyKeys {
		if value := key.text(p); value != "" {
			parts = append(parts, key.name+"="+value)
		}
	}
	return strings.Join(parts, ",")
}

// MarshalText is String.
func (p Policy) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText lays the text form over p: it sets the fields of the keys that are named and leaves
// the others as they were. A key that stands for two fields sets both: backoff=1s puts MaxBackoff
// back to its default. After an error p is unchanged.
func (p *Policy) UnmarshalText(text []byte) error {
	s := string(text)
	if strings.TrimSpace(s) == "" {
		return nil
	}
	next, seen := *p, make(map[string]bool, len(policyKeys))
	for part := range strings.SplitSeq(s, ",") {
		if err := next.set(part, seen); err != nil {
			return err
		}
	}
	*p = next
	return nil
}

// set reads one key=value. seen has the keys before it.
func (p *Policy) set(part string, seen map[string]bool) error {
	name, value, _ := cut(part, "=")
	i := slices.IndexFunc(policyKeys, func(k policyKey) bool { return k.name == name })
	switch {
	case strings.TrimSpace(part) == "":
		return errors.New("policy: a comma without a setting before or after it")
	case i < 0:
		return unknownKey(name)
	case value == "":
		return fmt.Errorf("policy key %q: no value; want %s=VALUE: %s", name, name, policyKeys[i].form)
	case seen[name]:
		return fmt.Errorf("policy key %q: %q: given before", name, clip(value))
	}
	seen[name] = true
	if err := policyKeys[i].set(p, value); err != nil {
		return fmt.Errorf("policy key %q: %q: %w; want %s", name, clip(value), err, policyKeys[i].form)
	}
	return nil
}

// policyKey is one key of the text form.
type policyKey struct {
	name string
	form string // of the value, for error messages
	set  func(p *Policy, value string) error
	text func(p Policy) string // of the value; "": all zero
}

const durationForm = "a duration, as in 100ms or 1m30s"

var policyKeys = []policyKey{
	{"restart", "always, on-failure or never", setRestart, restartText},
	{"backoff", "MIN..MAX, MIN, ..MAX, none or none..MAX, with durations as in 100ms or 1m30s", setBackoff, backoffText},
	{"reset", durationForm, setReset, func(p Policy) string { return boundText(p.ResetAfter) }},
	{"limit", "N/WINDOW, N, none or none/WINDOW, with a duration as in 1m30s", setLimit, limitText},
	{"start", "fail or retry", setStart, func(p Policy) string { return textIf(p.FailStart, "fail") }},
	{"start-timeout", durationForm + ", or none", setStartTimeout, func(p Policy) string { return boundText(p.StartTimeout) }},
	{"stop-timeout", durationForm + ", or none", setStopTimeout, func(p Policy) string { return boundText(p.StopTimeout) }},
	{"heartbeat", durationForm + ", or none", setHeartbeat, func(p Policy) string { return boundText(p.Heartbeat) }},
	{"panic", "crash or restart", setPanic, func(p Policy) string { return textIf(p.CrashOnPanic, "crash") }},
}

// --- one key: written, read ------------------------------------------------------------------------

func setRestart(p *Policy, value string) error {
	i, err := choose(value, restartNames...)
	p.Restart = Restart(i)
	return err
}

func restartText(p Policy) string { return textIf(p.Restart != Always, p.Restart.String()) }

func setBackoff(p *Policy, value string) (err error) {
	p.MinBackoff, p.MaxBackoff = 0, 0
	low, high, ranged := cut(value, "..")
	if low != "" {
		if p.MinBackoff, err = minBackoff(low); err != nil {
			return fmt.Errorf("MIN: %w", err)
		}
	}
	if ranged {
		if p.MaxBackoff, err = positive(high); err != nil {
			return fmt.Errorf("MAX: %w", err)
		}
		if p.MinBackoff > p.MaxBackoff {
			return errors.New("upside down: MIN is more than MAX")
		}
	}
	return nil
}

// minBackoff takes 0 for no delay, because nobody who writes it can mean the default.
func minBackoff(s string) (time.Duration, error) {
	if s == "none" {
		return -1, nil
	}
	d, err := duration(s)
	if err == nil && d == 0 {
		return -1, nil
	}
	return d, err
}

func backoffText(p Policy) string {
	text := boundText(p.MinBackoff)
	if p.MaxBackoff != 0 {
		text += ".." + boundText(p.MaxBackoff)
	}
	return text
}

func setReset(p *Policy, value string) (err error) {
	p.ResetAfter, err = positive(value)
	return err
}

func setLimit(p *Policy, value string) (err error) {
	p.MaxRestarts, p.Window = 0, 0
	n, window, within := cut(value, "/")
	if p.MaxRestarts, err = maxRestarts(n); err != nil {
		return err
	}
	if within {
		if p.Window, err = positive(window); err != nil {
			return fmt.Errorf("WINDOW: %w", err)
		}
	}
	return nil
}

func maxRestarts(s string) (int, error) {
	if s == "none" {
		return 0, nil
	}
	n, err := strconv.ParseUint(s, 10, strconv.IntSize-1)
	switch {
	case errors.Is(err, strconv.ErrRange):
		return 0, errors.New("the number is too large")
	case err != nil:
		return 0, errors.New("neither none nor a whole number from 0")
	case n == 0:
		return -1, nil
	default:
		return int(n), nil
	}
}

func limitText(p Policy) string {
	text := strconv.Itoa(max(p.MaxRestarts, 0))
	if p.MaxRestarts == 0 {
		text = "none"
	}
	if p.Window == 0 {
		return textIf(p.MaxRestarts != 0, text)
	}
	return text + "/" + boundText(p.Window)
}

func setStart(p *Policy, value string) error {
	i, err := choose(value, "retry", "fail")
	p.FailStart = i == 1
	return err
}

func setStartTimeout(p *Policy, value string) (err error) {
	p.StartTimeout, err = timeoutOrNone(value)
	return err
}

func setStopTimeout(p *Policy, value string) (err error) {
	p.StopTimeout, err = timeoutOrNone(value)
	return err
}

func setHeartbeat(p *Policy, value string) (err error) {
	p.Heartbeat = 0
	if value != "none" {
		p.Heartbeat, err = positive(value)
	}
	return err
}

func setPanic(p *Policy, value string) error {
	i, err := choose(value, "restart", "crash")
	p.CrashOnPanic = i == 1
	return err
}

// --- parts of values -------------------------------------------------------------------------------

// choose is the index of value among names.
func choose(value string, names ...string) (int, error) {
	i := slices.Index(names, value)
	if i < 0 {
		return 0, errors.New("unknown")
	}
	return i, nil
}

func timeoutOrNone(s string) (time.Duration, error) {
	if s == "none" {
		return -1, nil
	}
	return positive(s)
}

// positive refuses 0, which as a field would be the default and to a reader be none.
func positive(s string) (time.Duration, error) {
	d, err := duration(s)
	if err == nil && d == 0 {
		return 0, errors.New("zero; leave it out for the default")
	}
	return d, err
}

func duration(s string) (time.Duration, error) {
	d, err := time.ParseDuration(s)
	switch {
	case err == nil && s[0] == '-':
		return 0, errors.New("negative")
	case err != nil, s[0] < '0', s[0] > '9': // "1s...5s" must not be 1s..500ms
		return 0, errors.New("not a duration")
	default:
		return d, nil
	}
}

// boundText is a duration as one would write it: 1h, not 1h0m0s.
func boundText(d time.Duration) string {
	switch {
	case d == 0:
		return ""
	case d < 0:
		return "none"
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

func textIf(cond bool, text string) string {
	if cond {
		return text
	}
	return ""
}

// cut is strings.Cut that leaves no blanks around the parts.
func cut(s, sep string) (before, after string, found bool) {
	before, after, found = strings.Cut(s, sep)
	return strings.TrimSpace(before), strings.TrimSpace(after), found
}

// clip keeps an error message readable, whatever was put in.
func clip(s string) string {
	const limit = 40
	if len(s) <= limit {
		return s
	}
	return s[:limit] + "…"
}

// --- unknown keys ----------------------------------------------------------------------------------

func unknownKey(name string) error {
	names := make([]string, len(policyKeys))
	hint, least := "", 3 // more edits than two are no slip
	for i, key := range policyKeys {
		names[i] = key.name
		if d := edits(name, key.name, least); d < least {
			hint, least = fmt.Sprintf(" did you mean %q?", key.name), d
		}
	}
	return fmt.Errorf("policy key %q: unknown;%s keys: %s", clip(name), hint, strings.Join(names, ", "))
}

// edits is how many bytes have to be put in, left out or exchanged to make a of b, or limit if it is
// at least that.
func edits(a, b string, limit int) int {
	switch {
	case limit <= 0:
		return 0
	case a == "" || b == "":
		return min(len(a)+len(b), limit)
	case a[0] == b[0]:
		return edits(a[1:], b[1:], limit)
	}
	least := min(edits(a[1:], b, limit-1), edits(a, b[1:], limit-1), edits(a[1:], b[1:], limit-1))
	return 1 + least
}
