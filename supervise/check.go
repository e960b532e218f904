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
	switch {
	case g.Strategy < OneForOne || g.Strategy > RestForOne:
		c.fault(path, "Strategy", fmt.Errorf("unknown: %d", int(g.Strategy)))
	case g.Concurrent && g.Strategy != OneForOne:
		c.fault(path, "Concurrent", fmt.Errorf("does not go with Strategy %s, which is about order", g.Strategy))
	}
	children := g.Current()
	names := make(map[string]bool, len(children))
	for i := range children {
		child := &children[i]
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
	if err := child.Policy.fits(child.Service); err != nil {
		c.fault(at, "Policy", err)
	}
	if child.Significant && child.Policy.Restart == Always {
		c.fault(at, "Significant", errNeverDone)
	}
	if _, ok := child.Service.(*Pool); ok && child.WaitReady {
		c.fault(at, "WaitReady", errors.New("a pool is waited for anyway, until it takes members"))
	}
	if child.Service == nil {
		c.fault(at, "Service", errors.New("missing"))
		return
	}
	if other, twice := c.stand(child.Service, at); twice {
		c.fault(at, "Service", fmt.Errorf("%w: the same value is %s", ErrDuplicate, other))
		return // it may contain itself
	}
	switch s := child.Service.(type) {
	case *Group:
		if s == nil {
			c.fault(at, "Service", errors.New("nil *Group"))
			return
		}
		c.group(s, at)
	case *Pool:
		if s == nil {
			c.fault(at, "Service", errors.New("nil *Pool"))
			return
		}
		c.pool(s, at)
	}
}

func (c *checker) pool(p *Pool, path string) {
	if err := p.Policy.check(); err != nil {
		c.fault(path, "Pool.Policy", err)
	}
	if p.Max < 0 {
		c.fault(path, "Pool.Max", fmt.Errorf("negative: %d", p.Max))
	}
}

var errNeverDone = errors.New("needs Policy.Restart OnFailure or Never: with Always it is never done")

var errNoHeartbeat = errors.New("a group or a pool has none; watch its children")

// fits refuses a policy that has no meaning, or none for this service.
func (p Policy) fits(s Service) error {
	if err := p.check(); err != nil {
		return err
	}
	if p.Heartbeat > 0 && isBranch(s) {
		return fmt.Errorf("%s: %w", "Heartbeat", errNoHeartbeat)
	}
	return nil
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

// nameOf is the last part of a path.
func nameOf(path string) string { return path[strings.LastIndexByte(path, '/')+1:] }

// stillStuck is the path of a child of the last Serve that has not returned yet, or "".
func stillStuck(b branch) string {
	if s := b.tenure().Load(); s != nil {
		if path := s.stillStuck(); path != "" {
			return path
		}
	}
	g, ok := b.(*Group)
	if !ok {
		return ""
	}
	children := g.Current()
	for i := range children {
		if below, ok := children[i].Service.(branch); ok {
			if path := stillStuck(below); path != "" {
				return path
			}
		}
	}
	return ""
}

func (s *serving) stillStuck() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.rules.children {
		if c.state == Stuck && c.ended < c.run {
			return c.path
		}
	}
	return ""
}
