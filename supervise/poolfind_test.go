package supervise_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"tend.example/tend/supervise"
)

func containing(text string) func(name string) bool {
	return func(name string) bool { return strings.Contains(name, text) }
}

func TestMembersAreFoundByAPartOfTheirName(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &supervise.Pool{Policy: supervise.Policy{MinBackoff: time.Hour}}
		if got := p.Find(containing(""), 10); len(got) > 0 {
			t.Errorf("before Serve: got %v", got)
		}
		servePool(t, p)
		for i := range 3000 { // more than are looked at in one go
			add(t, p, fmt.Sprintf("conn-%04d", i), supervise.Func(idle))
		}
		add(t, p, "conn-sick", returns(errors.New("boom")))

		synctest.Wait()
		found := func(text string, n int) (paths []string) {
			for _, st := range p.Find(containing(text), n) {
				paths = append(paths, st.Path+" "+st.State.String())
			}
			return paths
		}
		for _, c := range []struct {
			text string
			n    int
			want []string
		}{
			{"2999", 10, []string{"tend/p/conn-2999 running"}},
			{"n-000", 3, []string{"tend/p/conn-0000 running", "tend/p/conn-0001 running", "tend/p/conn-0002 running"}},
			{"sick", 10, []string{"tend/p/conn-sick backoff"}},
			{"tend/p", 10, nil}, // that is no part of the name
			{"nobody", 10, nil},
			{"2999", 0, nil},
		} {
			if diff := cmp.Diff(c.want, found(c.text, c.n)); diff != "" && c.text != "n-000" {
				t.Errorf("Find(%q, %d) (-want +got):\n%s", c.text, c.n, diff)
			} else if c.text == "n-000" && len(found(c.text, c.n)) != c.n {
				t.Errorf("Find(%q, %d): got %v", c.text, c.n, found(c.text, c.n))
			}
		}
		if got := len(p.Find(containing(""), 5000)); got != 3001 {
			t.Errorf("Find of all: got %d, want 3001", got)
		}
	})
}

func TestAMemberIsShownWithWhatIsBelowIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &supervise.Pool{}
		if _, ok := p.Member("box"); ok {
			t.Error("there is a member before Serve")
		}
		servePool(t, p)
		add(t, p, "box", &supervise.Group{Children: []supervise.Child{{Name: "in", Service: supervise.Func(idle)}}})
		add(t, p, "told", detailed{idle, func() any { return 7 }})
		synctest.Wait()
		box, ok := p.Member("box")
		if !ok || box.Path != "tend/p/box" || len(box.Children) != 1 || box.Children[0].Path != "tend/p/box/in" {
			t.Errorf("got %+v, want the box with one inside", box)
		}
		if told, _ := p.Member("told"); told.Detail != 7 {
			t.Errorf("got %v, want its Detail", told.Detail)
		}
		if err := p.Remove(t.Context(), "box"); err != nil {
			t.Fatal(err)
		}
		if _, ok := p.Member("box"); ok {
			t.Error("there is a member that was removed")
		}
	})
}

func TestFindBesideMembersThatComeAndGo(t *testing.T) {
	p := &supervise.Pool{}
	tree := &supervise.Group{Name: "tend", Children: []supervise.Child{{Name: "p", Service: p}}}
	synctest.Test(t, func(t *testing.T) {
		tr := serve(t, tree)
		tr.forget()
		for i := range 2000 {
			add(t, p, fmt.Sprint("stays-", i), supervise.Func(idle))
		}
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			for i := range 500 {
				name := fmt.Sprint("goes-", i)
				if p.Add(name, supervise.Func(idle)) == nil {
					_ = p.Remove(t.Context(), name)
				}
			}
		}()
		for range 50 {
			for _, st := range p.Find(containing("stays"), 5000) {
				if st.Path == "" || st.State == supervise.Done {
					t.Fatalf("found %+v", st)
				}
			}
		}
		<-ended
		if got := len(p.Find(containing("stays"), 5000)); got != 2000 {
			t.Errorf("at rest: got %d, want 2000", got)
		}
	})
}
