package admin

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"net"
	"net/http"
	"strings"
)

// Access is who may do what.
//
// Without a Token whoever reaches the address may do everything: let that be a loopback address or a unix socket.
// With one, everything but /livez and a plain /readyz needs it, as "Authorization: Bearer TOKEN" or by logging in at
// /login, wherever the request comes from.
//
// What a foreign page makes a browser send is refused: by its Origin and its fetch metadata, and by its Host, which
// has to be a loopback name, the address itself that the request came in by, or one of Hosts. On a unix socket there
// is no Host to speak of.
type Access struct {
	Token     string   // for everything
	ReadToken string   // for looking only. It means something with a Token
	Hosts     []string // names, or names with a port, that the address is known by
}

// String keeps the tokens out of whatever prints a View.
func (a Access) String() string { return "access" }

// GoString is String, for %#v.
func (a Access) GoString() string { return a.String() }

// role is what somebody may do.
type role int

const (
	nobody role = iota
	reader
	full
)

func (r role) String() string { return [...]string{"none", "read", "full"}[r] }

// viewer is who asks.
type viewer struct {
	role     role
	who      string // for the log
	loggedIn bool   // in a browser
}

type viewerKey struct{}

func viewerOf(r *http.Request) viewer {
	v, _ := r.Context().Value(viewerKey{}).(viewer)
	return v
}

// MayAct tells a Dashboard whether whoever sent the request may do more than look.
func MayAct(r *http.Request) bool { return viewerOf(r).role == full }

// LoggedIn tells a Dashboard whether there is a session, which /logout ends.
func LoggedIn(r *http.Request) bool { return viewerOf(r).loggedIn }

// gate knows the tokens, and who has logged in.
type gate struct {
	hosts    []string
	tokens   []credential
	sessions sessions
	slowdown slowdown // of who has no token
	refusals slowdown // of lines in the log about others that are refused
}

// credential is a token as it is kept and compared: a hash takes the same time to compare, however long the token is
// and however much of it was right.
type credential struct {
	hash [sha256.Size]byte
	role role
}

func newGate(a Access) *gate {
	g := &gate{hosts: a.Hosts}
	if a.Token != "" {
		g.tokens = append(g.tokens, credential{sha256.Sum256([]byte(a.Token)), full})
	}
	if a.Token != "" && a.ReadToken != "" {
		g.tokens = append(g.tokens, credential{sha256.Sum256([]byte(a.ReadToken)), reader})
	}
	return g
}

// locked tells whether there are tokens at all.
func (g *gate) locked() bool { return len(g.tokens) > 0 }

// holder is what the bearer of a token may do. All are compared, so that the time tells nothing.
func (g *gate) holder(token string) role {
	hash, found := sha256.Sum256([]byte(token)), nobody
	for i := range g.tokens {
		if c := &g.tokens[i]; subtle.ConstantTimeCompare(hash[:], c.hash[:]) == 1 {
			found = c.role
		}
	}
	return found
}

// identify tells who asks. Neither a query nor Basic will do: both end up in logs and histories.
func (g *gate) identify(r *http.Request) viewer {
	peer := peerOf(r)
	if !g.locked() {
		return viewer{role: full, who: peer}
	}
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if strings.EqualFold(scheme, "Bearer") {
		found := g.holder(token)
		return viewer{role: found, who: found.String() + " token, " + peer}
	}
	found := g.sessions.holder(r)
	return viewer{found, found.String() + " token, logged in, " + peer, true}
}

// peerKey is of the uid of whoever is at the other end of a unix socket, in the context of the connection.
type peerKey struct{}

// ConnContext finds out which user is at the other end of a unix socket, for the log of actions. It is for
// http.Server, and services.HTTP.
func ConnContext(ctx context.Context, c net.Conn) context.Context {
	if c.LocalAddr().Network() != "unix" {
		return ctx
	}
	if who, ok := peerOfSocket(c); ok {
		return context.WithValue(ctx, peerKey{}, who)
	}
	return ctx
}

// peerOf is who is at the other end, as far as the system knows. No header is believed.
func peerOf(r *http.Request) string {
	if who, ok := r.Context().Value(peerKey{}).(string); ok {
		return who
	}
	return r.RemoteAddr
}
