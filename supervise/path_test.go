package supervise_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"

	"tend.example/tend/supervise"
)

// FuzzPaths holds the paths of a tree against the children in it: a name that is accepted makes a
// path that leads to its child and to nobody else, and no text at all leads anywhere else or does
// harm.
func FuzzPaths(f *testing.F) {
	for _, name := range []string{"a", "b:1", "10.0.0.7:4711", "*", "", "a/b", "..", " ", "ä", "\x00", "\xff", strings.Repeat("n", 129)} {
		f.Add(name, name)
		f.Add(name, "tend/pool/"+name)
	}
	for _, path := range []string{"tend", "tend/", "tend/group", "tend/group/", "tend//a", "tend/group/*", "/tend/pool", "tend/pool/*/a", "TEND/pool"} {
		f.Add("a", path)
	}
	f.Fuzz(func(t *testing.T, name, path string) {
		synctest.Test(t, func(t *testing.T) { tryPaths(t, name, path) })
	})
}

func tryPaths(t *testing.T, name, path string) {
	pool := &supervise.Pool{}
	g := &supervise.Group{Name: "tend", Children: []supervise.Child{
		{Name: "group", Service: &supervise.Group{Children: []supervise.Child{{Name: "a", Service: supervise.Func(idle)}}}},
		{Name: "pool", Service: pool},
	}}
	tr := serve(t, g)
	at := map[string]string{} // the path that each child has been given
	legal := map[string]bool{"tend/group": true, "tend/group/a": true, "tend/pool": true, "tend/pool/*": true}
	err := pool.Add(name, supervise.Func(func(ctx context.Context) error {
		at[name] = supervise.Path(ctx)
		return idle(ctx)
	}))
	synctest.Wait()
	if err == nil {
		own := "tend/pool/" + name
		legal[own] = true
		if at[name] != own || strings.Count(own, "/") != 2 {
			t.Errorf("member %q: has path %q", name, at[name])
		}
		if err := tr.Stop(t.Context(), own); err != nil {
			t.Errorf("Stop(%q): %v", own, err)
		}
		if got := tr.child(own); got.State != supervise.Stopped || got.Name != name {
			t.Errorf("after Stop(%q): %q is %s", own, got.Name, got.State)
		}
	}
	err = tr.SetPolicy(path, supervise.Policy{Restart: supervise.OnFailure})
	if legal[path] != (err == nil) || err != nil && !errors.Is(err, supervise.ErrNoChild) {
		t.Errorf("SetPolicy(%q): %v, want ErrNoChild unless there is such a child", path, err)
	}
	tr.ends(0, nil)
}
