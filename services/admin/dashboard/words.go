package dashboard

import (
	"fmt"
	"html/template"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"tend.example/tend/supervise"
)

// words are what templates write values with. assets/clock.js writes times in the same way.
func words() template.FuncMap {
	return template.FuncMap{
		"ago":    func(t, now time.Time) string { return span(now.Sub(t)) },
		"until":  func(t, now time.Time) string { return countdown(t.Sub(now)) },
		"millis": func(t time.Time) int64 { return t.UnixMilli() },
		"iso":    func(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) },
		"clock":  func(t time.Time) string { return t.Local().Format("15:04:05") },
		"full":   func(t time.Time) string { return t.Local().Format("2006-01-02 15:04:05.000 MST") },
		"took":   took,
		"number": number,
		"text":   func(text string) []piece { return visible(text, "") },
		"lines":  func(text string) []piece { return visible(text, "\n\t") },
		"plain":  plain,
		"dict":   dict,
		"looks":  looksOf,
		"lower":  strings.ToLower,
		"plural": plural,
		"href":   func(path string) string { return "/services/" + escape(path) },
		"moment": moment,
		"states": states,
		"add":    add,
	}
}

// dict is what a template hands to another one.
func dict(pairs ...any) map[string]any {
	d := make(map[string]any, len(pairs)/2)
	for i := 0; i+1 < len(pairs); i += 2 {
		d[fmt.Sprint(pairs[i])] = pairs[i+1]
	}
	return d
}

// add is for places in a picture.
func add(numbers ...int) (sum int) {
	for _, n := range numbers {
		sum += n
	}
	return sum
}

// states are all of them.
func states() (all []supervise.State) {
	for state := supervise.Idle; state <= supervise.Stuck; state++ {
		all = append(all, state)
	}
	return all
}

// moment is a time of day, with the day if it is another one.
func moment(t, now time.Time) string {
	t, now = t.Local(), now.Local()
	if t.YearDay() == now.YearDay() && t.Year() == now.Year() {
		return t.Format("15:04:05")
	}
	return t.Format("2 Jan 15:04")
}

// span is how long something has been so, to two units at most.
func span(d time.Duration) string {
	seconds := int64(max(d, 0) / time.Second)
	minutes, hours, days := seconds/60, seconds/3600, seconds/86400
	switch {
	case seconds < 60:
		return fmt.Sprintf("%d s", seconds)
	case minutes < 60:
		return fmt.Sprintf("%d min", minutes)
	case hours < 24:
		return fmt.Sprintf("%d h %02d min", hours, minutes%60)
	case days < 10:
		return fmt.Sprintf("%d d %d h", days, hours%24)
	default:
		return fmt.Sprintf("%d d", days)
	}
}

// countdown is how long something will take to come.
func countdown(d time.Duration) string {
	switch {
	case d <= 0:
		return "now"
	case d < 10*time.Second:
		return fmt.Sprintf("in %.1f s", d.Seconds())
	default:
		return "in " + span(d+500*time.Millisecond)
	}
}

// took is a duration that was measured, to three digits.
func took(d time.Duration) string {
	switch {
	case d < 0:
		return "0 s"
	case d < time.Microsecond:
		return fmt.Sprintf("%d ns", d)
	case d < time.Millisecond:
		return digits(float64(d)/1e3) + " µs"
	case d < time.Second:
		return digits(float64(d)/1e6) + " ms"
	case d < time.Minute:
		return digits(d.Seconds()) + " s"
	case d < time.Hour:
		return fmt.Sprintf("%d min %d s", d/time.Minute, d%time.Minute/time.Second)
	default:
		return span(d)
	}
}

func digits(f float64) string {
	switch {
	case f >= 99.95:
		return fmt.Sprintf("%.0f", f)
	case f >= 9.995:
		return fmt.Sprintf("%.1f", f)
	default:
		return fmt.Sprintf("%.2f", f)
	}
}

// number parts thousands.
func number(n int) string {
	text := strconv.Itoa(n)
	for i := len(text) - 3; i > 0 && text[i-1] != '-'; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return number(n) + " " + many
}

// piece is a part of a text: as it is, or what stands for a character that would not be seen, or would do something.
type piece struct {
	Text    string
	Control bool
}

// visible lets everything in a text be seen: ESC as \x1b, a line's end as \n, what turns the direction of writing as
// \u202e. What is in kept stays, where it is to do what it does.
func visible(text, kept string) []piece {
	var pieces []piece
	begin := 0
	for i, r := range text {
		size := utf8.RuneLen(r)
		if r == utf8.RuneError {
			_, size = utf8.DecodeRuneInString(text[i:])
		}
		if !hidden(r) && (r != utf8.RuneError || size > 1) || strings.ContainsRune(kept, r) {
			continue
		}
		if begin < i {
			pieces = append(pieces, piece{Text: text[begin:i]})
		}
		escape := strings.Trim(strconv.QuoteToASCII(text[i:i+size]), `"`)
		pieces = append(pieces, piece{escape, true})
		begin = i + size
	}
	if begin < len(text) {
		pieces = append(pieces, piece{Text: text[begin:]})
	}
	return pieces
}

func hidden(r rune) bool {
	return unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Co)
}

// plain is visible as one text, for attributes.
func plain(text string) string {
	var b strings.Builder
	for _, p := range visible(text, "") {
		b.WriteString(p.Text)
	}
	return b.String()
}

// looks is how a state is shown: never by colour alone.
type looks struct {
	Name string // as the API has it, and the icon
	Word string
	Tone string // of the colour
}

func looksOf(state supervise.State) looks {
	name := state.String()
	l := looks{Name: name, Word: strings.ToUpper(name[:1]) + name[1:]}
	switch state {
	case supervise.Running:
		l.Tone = "good"
	case supervise.Backoff:
		l.Tone = "warn"
	case supervise.Failed, supervise.Stuck:
		l.Tone = "bad"
	case supervise.Starting, supervise.Stopping:
		l.Tone = "busy"
	case supervise.Idle, supervise.Stopped, supervise.Done:
		l.Tone = "rest"
	}
	return l
}
