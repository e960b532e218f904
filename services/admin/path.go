package admin

import (
	"net/http"
	"net/url"
	"strings"

	"tend.example/tend/supervise"
)

// servicesPrefix is before the path of a service in a URL.
const servicesPrefix = "/api/v1/services/"

// badPath tells what is wrong with the path of a URL, whatever page it may be of.
func badPath(u *url.URL) (status int, detail string) {
	escaped := u.EscapedPath()
	if strings.Contains(strings.ToLower(escaped), "%2f") {
		return http.StatusBadRequest, "a slash in a name cannot be: no service has one"
	}
	segments := strings.Split(escaped, "/")
	for i, segment := range segments {
		if name, err := url.PathUnescape(segment); err != nil || name == "." || name == ".." || name == "" && 0 < i && i < len(segments)-1 {
			return http.StatusNotFound, "dots and doubled slashes lead nowhere"
		}
	}
	return 0, ""
}

// rest is what follows a prefix in the path of a URL, unescaped. A name has no slash, so nothing is lost by it.
func rest(r *http.Request, prefix string) string {
	escaped := strings.TrimPrefix(r.URL.EscapedPath(), prefix)
	path, err := url.PathUnescape(escaped)
	if err != nil { // badPath has seen it
		return escaped
	}
	return path
}

// lookUp finds the service whose path follows a prefix.
func (s *server) lookUp(r *http.Request, prefix string) (path string, st supervise.Status, ok bool) {
	return s.find(rest(r, prefix))
}

// find finds a service by its path, with or without the root's name, and returns the path with it.
func (s *server) find(path string) (full string, st supervise.Status, ok bool) {
	root, _ := s.asker.status() // of a tree that does not answer it has nothing
	for _, full := range s.spellings(path) {
		if st, ok := below(&root, full); ok {
			return full, *st, true
		}
		if st, ok := s.member(full); ok {
			return full, st, true
		}
	}
	return s.spellings(path)[0], supervise.Status{}, false
}

// spellings is what a path may mean: as it stands, if it begins with the root's name, or below the root.
func (s *server) spellings(path string) []string {
	inside := s.Tree.Name + "/" + path
	if path == s.Tree.Name || strings.HasPrefix(path, s.Tree.Name+"/") {
		return []string{path, inside}
	}
	return []string{inside}
}

// below finds a path in a status.
func below(st *supervise.Status, path string) (*supervise.Status, bool) {
	if st.Path == path {
		return st, true
	}
	for i := range st.Children {
		if child := &st.Children[i]; under(path, child.Path) {
			return below(child, path)
		}
	}
	return nil, false
}

// under tells whether a path is top, or below it.
func under(path, top string) bool {
	return path == top || len(path) > len(top) && path[len(top)] == '/' && path[:len(top)] == top
}

// member is a member of a pool. A status leaves out those that are well.
func (s *server) member(path string) (supervise.Status, bool) {
	cut := strings.LastIndexByte(path, '/')
	if cut < 0 {
		return supervise.Status{}, false
	}
	pool, ok := serviceAt(s.Tree, path[:cut]).(*supervise.Pool)
	if !ok {
		return supervise.Status{}, false
	}
	return pool.Member(path[cut+1:])
}

func (s *server) noService(w http.ResponseWriter, r *http.Request, path string) {
	if _, ok := s.asker.status(); !ok {
		fail(w, r, http.StatusServiceUnavailable, "the tree does not answer")
		return
	}
	fail(w, r, http.StatusNotFound, "there is no service "+path)
}
