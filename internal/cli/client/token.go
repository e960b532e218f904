package client

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"unicode"
)

// longestToken is in bytes of a file, which may be a mistake for another.
const longestToken = 4 << 10

// ReadToken reads a token from a file, without the white space around it.
func ReadToken(file string) (string, error) {
	f, err := os.Open(file)
	if err != nil {
		return "", fmt.Errorf("token: %w", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, longestToken+1))
	var wrong *fs.PathError
	switch {
	case errors.As(err, &wrong):
		return "", fmt.Errorf("token: %w", err)
	case err != nil:
		return "", fmt.Errorf("token: read %s: %w", file, err)
	case len(text) > longestToken:
		return "", fmt.Errorf("token: %s is too long", file)
	}
	token := strings.TrimSpace(string(text))
	switch {
	case token == "":
		return "", fmt.Errorf("token: %s is empty", file)
	case strings.ContainsFunc(token, func(r rune) bool { return r > unicode.MaxASCII || unicode.IsControl(r) || r == ' ' }):
		return "", fmt.Errorf("token: %s has more in it than one word of ASCII", file)
	}
	return token, nil
}
