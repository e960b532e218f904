package config

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"tend.example/tend/supervise"
)

// Exit codes of sysexits.
const (
	exitUnavailable = 69 // EX_UNAVAILABLE
	exitConfig      = 78 // EX_CONFIG
)

// Admin is who may use the admin address, and for what besides.
type Admin struct {
	Hosts     []string // names that it is known by
	Token     Secret   // "": none, and the address is private
	ReadToken Secret   // goes with a Token
	Pprof     bool

	TokenFile, ReadTokenFile string // where the tokens are from
}

func (a *Admin) flags(flags *pflag.FlagSet) {
	flags.StringSliceVar(&a.Hosts, "admin-host", nil, "`NAME,...` that --admin-addr is known by besides its own address, such as tend.internal")
	flags.StringVar(&a.TokenFile, "admin-token-file", "", "`file` with the token, of 32 characters or more, that the admin address wants; needed for one that others can reach")
	flags.StringVar(&a.ReadTokenFile, "admin-read-token-file", "", "`file` with a token that is good for looking only")
	flags.BoolVar(&a.Pprof, "pprof", false, "serve /debug/pprof/ on the admin address")
}

func (a *Admin) check() error {
	if a.ReadTokenFile != "" && a.TokenFile == "" {
		return errors.New("goes with --admin-token-file only")
	}
	return nil
}

// Secret is a text that nothing prints. It is a string all the same, for who needs it.
type Secret string

// String is not the secret.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return "(secret)"
}

// GoString is String, for %#v.
func (s Secret) GoString() string { return s.String() }

// LogValue is String, for slog.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText is String.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

const (
	leastToken = 32
	mostToken  = 4096
)

// readTokens reads the files of the tokens.
func (c *Config) readTokens(again bool) (faults []keyFault) {
	for _, t := range []struct {
		key, file string
		token     *Secret
	}{
		{"admin-token-file", c.Admin.TokenFile, &c.Admin.Token},
		{"admin-read-token-file", c.Admin.ReadTokenFile, &c.Admin.ReadToken},
	} {
		var err error
		if *t.token, err = readToken(t.file, again); err != nil {
			faults = append(faults, keyFault{t.key, err})
		}
	}
	if c.Admin.Token != "" && c.Admin.Token == c.Admin.ReadToken {
		faults = append(faults, keyFault{"admin-read-token-file", errors.New("is the token of --admin-token-file: who may look could do everything")})
	}
	return faults
}

// guard refuses to listen where everybody could come in without a token.
func (c *Config) guard() error {
	if c.Admin.Token != "" || private(c.AdminAddr) || slices.Contains(c.Without, "admin") {
		return nil
	}
	return &supervise.ExitError{Code: exitUnavailable, Err: fmt.Errorf("--admin-addr: %q can be reached by others: that wants a token, by --admin-token-file", c.AdminAddr)}
}

func readToken(file string, again bool) (Secret, error) {
	if file == "" {
		return "", nil
	}
	f, err := open(file, again)
	if err != nil {
		return "", err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, mostToken+2))
	if err != nil {
		return "", err
	}
	token := strings.TrimSpace(string(text))
	odd := func(r rune) bool { return r <= ' ' || r > '~' }
	switch {
	case len(token) < leastToken:
		return "", fmt.Errorf("%s: a token has %d characters at least, this one has %d; try: openssl rand -hex 32", file, leastToken, len(token))
	case len(token) > mostToken:
		return "", fmt.Errorf("%s: a token has %d characters at most", file, mostToken)
	case strings.ContainsFunc(token, odd):
		return "", fmt.Errorf("%s: a token has no blanks, and nothing beyond ASCII", file)
	}
	return Secret(token), nil
}

// private tells whether an address can be reached from this machine only.
func private(addr string) bool {
	if strings.HasPrefix(addr, "unix:") {
		return true
	}
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return false
	}
	ip, err := netip.ParseAddr(host)
	if err != nil {
		return strings.EqualFold(host, "localhost")
	}
	return ip.Unmap().IsLoopback()
}
