package tendfile

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"path"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/kballard/go-shellquote"

	"tend.example/tend/supervise"
)

// form is what a text has to look like.
type form struct {
	check   func(text string) error
	pattern string // for the schema, no stricter than check
}

// formOf is the form of a name in a tag. What has no form has no check.
func formOf(name string) form {
	switch name {
	case "name":
		return form{checkName, `^[^/\x00-\x1f]+$`}
	case "policy":
		return form{CheckPolicy, `=`}
	case "addr":
		return form{CheckAddr, `:`}
	case "proxy":
		return form{checkProxy, `.`}
	case "pattern":
		return form{checkPattern, `^[^\s{}?#%/]*/[^\s{}?#%]*$`}
	case "variable":
		return form{checkVariable, `^[^=]+$`}
	case "regexp":
		return form{func(s string) error { return cause(second(regexp.Compile(s))) }, `.`}
	case "url":
		return form{checkURL, `^[Hh][Tt][Tt][Pp][Ss]?://.`}
	case "zone":
		return form{CheckZone, `.`}
	case "path", "schedule": // what a schedule is, Read is told
		return form{checkPath, `.`}
	default:
		return form{}
	}
}

func second[T any](_ T, err error) error { return err }

// span is the numbers that a form of numbers allows.
func span(form string) (least, most int) {
	switch form {
	case "port":
		return 1, 65535
	case "code":
		return 0, 255
	default:
		return 0, 1_000_000
	}
}

func checkName(name string) error {
	switch {
	case name == "", strings.Contains(name, "/"), strings.ContainsFunc(name, unicode.IsControl), !utf8.ValidString(name):
		return fmt.Errorf("name %q: is empty, or has a slash or a control character", name)
	case len(name) > 128:
		return errors.New("longer than 128 bytes")
	}
	return nil
}

// CheckPolicy tells what is wrong with the text form of a policy. One that sets nothing is legal, but nothing that
// anybody means to say.
func CheckPolicy(text string) error {
	if strings.TrimSpace(text) == "" {
		return errors.New("no key=value")
	}
	return second(supervise.ParsePolicy(text))
}

// CheckAddr finds what can be known to be wrong with an address without asking the network.
func CheckAddr(addr string) error {
	if path, ok := strings.CutPrefix(addr, "unix:"); ok {
		if path == "" {
			return fmt.Errorf("%q: missing path", addr)
		}
		return nil
	}
	_, port, err := net.SplitHostPort(addr)
	if err == nil && port == "" {
		err = errors.New("missing port")
	}
	if err == nil {
		_, err = net.LookupPort("tcp", port)
	}
	if err != nil {
		return fmt.Errorf("%q: %w", addr, cause(err))
	}
	return nil
}

// cause is err without what the caller names.
func cause(err error) error {
	if addr := (*net.AddrError)(nil); errors.As(err, &addr) {
		return errors.New(addr.Err)
	}
	if parsing := (*url.Error)(nil); errors.As(err, &parsing) {
		return parsing.Err // without the URL, which may have a password in it
	}
	return err
}

// CheckZone tells whether there is a time zone of that name.
func CheckZone(name string) error {
	if _, err := time.LoadLocation(name); err != nil || name == "" {
		return fmt.Errorf("time zone %q: unknown", name)
	}
	return nil
}

func checkPath(s string) error {
	if strings.TrimSpace(s) == "" || strings.ContainsRune(s, 0) {
		return errors.New("empty, or has a zero byte in it")
	}
	return checkHome(s)
}

// checkHome finds a path that is a shell's to understand. A folder that is called so is ./~.
func checkHome(path string) error {
	if path == "~" || strings.HasPrefix(path, "~/") {
		return errors.New("~ is not expanded: say the whole path")
	}
	return nil
}

func checkVariable(key string) error {
	if key == "" || strings.ContainsAny(key, "=\x00") {
		return errors.New("a variable is not empty, and has no = in its name")
	}
	return nil
}

func checkURL(s string) error {
	u, err := url.Parse(s)
	if err != nil {
		return cause(err)
	}
	if u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return errors.New("not an http or https URL with a host")
	}
	return nil
}

func checkProxy(s string) error {
	if strings.Contains(s, "://") {
		return checkURL(s)
	}
	return checkPath(s)
}

// checkPattern allows what http.ServeMux does, without methods and wildcards.
func checkPattern(s string) error {
	host, rest, ok := strings.Cut(s, "/")
	clean := path.Clean("/" + rest)
	if clean != "/" && strings.HasSuffix(rest, "/") {
		clean += "/"
	}
	switch {
	case !ok:
		return fmt.Errorf("route %q: want a path, such as / or /app/", s)
	case strings.ContainsFunc(s, unicode.IsSpace), strings.ContainsFunc(s, unicode.IsControl), strings.ContainsAny(s, "{}?#%"), !utf8.ValidString(s):
		return fmt.Errorf("route %q: has a blank, or one of {}?#%% in it", s)
	case strings.Contains(host, ":"):
		return fmt.Errorf("route %q: a host has no port", s)
	case clean != "/"+rest:
		return fmt.Errorf("route %q: want %s%s", s, host, clean)
	}
	return nil
}

// SplitWords parts a command as a shell does.
func SplitWords(command string) ([]string, error) {
	words, err := shellquote.Split(command)
	switch {
	case errors.Is(err, shellquote.UnterminatedSingleQuoteError), errors.Is(err, shellquote.UnterminatedDoubleQuoteError):
		return nil, errors.New("command: a quote is not closed")
	case errors.Is(err, shellquote.UnterminatedEscapeError):
		return nil, errors.New("command: nothing follows the last backslash")
	case err != nil:
		return nil, fmt.Errorf("command: %w", err)
	case len(words) == 0 || words[0] == "":
		return nil, errors.New("no command")
	}
	return words, nil
}

// duration is what time.ParseDuration reads, but not less than none.
func duration(s string) (time.Duration, error) {
	d, err := time.ParseDuration(s)
	switch {
	case err != nil:
		return 0, fmt.Errorf("%q: not a duration, such as 90s or 1m30s", s)
	case d < 0:
		return 0, fmt.Errorf("%s is negative", d)
	}
	return d, nil
}

func number(s, form string) (int, error) {
	least, most := span(form)
	n, err := strconv.Atoi(s)
	if err != nil || n < least || n > most {
		return 0, fmt.Errorf("%s: want a number from %d to %d", s, least, most)
	}
	return n, nil
}
