package config

import (
	"fmt"
	"log/slog"
	"strings"

	"tend.example/tend/internal/spelling"
)

// level is a value of a flag. The error of slog's says neither what there is nor what was meant.
type level slog.Level

// Set also takes what is between two of the names, such as info+2.
func (l *level) Set(text string) error {
	err := (*slog.Level)(l).UnmarshalText([]byte(text))
	if err == nil {
		return nil
	}
	names := []string{"debug", "info", "warn", "error"}
	hint := ""
	if near := spelling.Nearest(strings.ToLower(text), names); near != "" {
		hint = fmt.Sprintf("; did you mean %s?", near)
	}
	return fmt.Errorf("%q is none of %s%s", text, strings.Join(names, ", "), hint)
}

// String is in capitals, as in the log.
func (l *level) String() string { return slog.Level(*l).String() }

// Type is how the help text calls a value.
func (*level) Type() string { return "level" }
