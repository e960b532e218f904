package supervise

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"unicode"
	"unicode/utf8"
)

const maxName = 128

// check refuses an invalid tree, naming path and field of every fault.
func (g *Group) check(path string) error {
	c := checker{services: map[any]string{}}
	c.services[g] = path
	if err := checkName(g.Name); err != nil {
		c.fault("group "+path, "Name", err)
	}
	c.group(g, path)
	return join(c.faults...)
}

type checker struct {
	services map[any]string // where each stands
	faults   []error
}

func (c *checker) fault(path, field string, err error) {
	c.faults = append(c.faults, fmt.Errorf("%s: %s: %w", path, field, err))
}

func (c *checker) group(g *Group, path string) {
	if g.StopTimeout < 0 {
		c.fault(path, "StopTimeout", fmt.Errorf("negative: %s", g.StopTimeout))
	}
	names := make(map[string]bool, len(g.Children))
	for i := range g.Children {
		child := &g.Children[i]
		at := path + "/" + child.Name
		if err := checkName(child.Name); err != nil {
			at = fmt.Sprintf("%s: child %d", path, i)
			c.fault(at, "Name", err)
		} else if names[child.Name] {
			c.fault(at, "Name", ErrDuplicate)
		}
		names[child.Name] = true
		c.child(child, at)
	}
}

func (c *checker) child(child *Child, at string) {
	if err := child.Policy.check(); err != nil {
		c.fault(at, "Policy", err)
	}
	if child.Significant && child.Policy.Restart == Always {
		c.fault(at, "Significant", errors.New("needs Policy.Restart OnFailure or Never: with Always it is never done"))
	}
	if child.Service == nil {
		c.fault(at, "Service", errors.New("missing"))
		return
	}
	if other, twice := c.stand(child.Service, at); twice {
		c.fault(at, "Service", fmt.Errorf("%w: the same value is %s", ErrDuplicate, other))
		return // it may contain itself
	}
	if g, ok := child.Service.(*Group); ok && g != nil {
		c.group(g, at)
	} else if ok {
		c.fault(at, "Service", errors.New("nil *Group"))
	}
}

// stand notes where a service stands. Only a pointer tells one value from an equal one, and only
// to something that has a size.
func (c *checker) stand(s Service, at string) (other string, twice bool) {
	if t := reflect.TypeOf(s); t.Kind() != reflect.Pointer || t.Elem().Size() == 0 || reflect.ValueOf(s).IsNil() {
		return "", false
	}
	if other, twice = c.services[s]; !twice {
		c.services[s] = at
	}
	return other, twice
}

func checkName(name string) error {
	switch {
	case name == "":
		return errors.New("empty")
	case len(name) > maxName:
		return fmt.Errorf("%d bytes long, more than %d", len(name), maxName)
	case strings.Contains(name, "/"):
		return fmt.Errorf("%q: contains a slash", name)
	case !utf8.ValidString(name), strings.ContainsFunc(name, unicode.IsControl):
		return fmt.Errorf("%q: contains a control character or invalid UTF-8", name)
	default:
		return nil
	}
}

// stillStuck is the path of a child of the last Serve that has not returned yet, or "".
func (g *Group) stillStuck() string {
	if s := g.last.Load(); s != nil {
		if path := s.stillStuck(); path != "" {
			return path
		}
	}
	for i := range g.Children {
		if sub, ok := g.Children[i].Service.(*Group); ok {
			if path := sub.stillStuck(); path != "" {
				return path
			}
		}
	}
	return ""
}

func (s *serving) stillStuck() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.rules.children {
		if c := &s.rules.children[i]; c.state == Stuck && c.ended < c.run {
			return c.path
		}
	}
	return ""
}
