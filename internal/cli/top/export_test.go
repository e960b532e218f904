package top

import (
	"time"

	"tend.example/tend/internal/cli/client"
	"tend.example/tend/internal/cli/show"
)

// Keys is decode, with the keys as words.
func Keys(sent string, pause bool) (words []string, left string) {
	names := map[key]string{
		keyUp: "up", keyDown: "down", keyPageUp: "pgup", keyPageDown: "pgdn", keyHome: "home", keyEnd: "end",
		keyEnter: "enter", keyEscape: "esc", keyErase: "erase",
	}
	keys, rest := decode([]byte(sent), pause)
	for _, k := range keys {
		if name, ok := names[k]; ok {
			words = append(words, name)
		} else {
			words = append(words, string(rune(k)))
		}
	}
	return words, string(rest)
}

// Model is a model, which a test presses the keys of.
type Model struct{ m model }

// SetTree is setTree.
func (m *Model) SetTree(tree client.Status) { m.m.setTree(tree) }

// Press presses what a terminal sends for some keys.
func (m *Model) Press(sent string) {
	keys, _ := decode([]byte(sent), true)
	for _, k := range keys {
		m.m.press(k)
	}
}

// View is view.
func (m *Model) View(c show.Console, height int, now time.Time) []string {
	return m.m.view(c, height, now)
}

// Selected is the path of the service that is selected.
func (m *Model) Selected() string { return m.m.selected }

// Asked is what the daemon is to be asked for since the last call.
func (m *Model) Asked() (asked []string) {
	for _, d := range m.m.asked {
		asked = append(asked, d.verb+" "+d.path)
	}
	m.m.asked = nil
	return asked
}

// SetService is setService.
func (m *Model) SetService(path string, s client.Service) { m.m.setService(path, s, nil) }

// Over tells whether the user has quit.
func (m *Model) Over() bool { return m.m.over }

// RunBeside is Run with something more that runs beside its loop.
func RunBeside(t *Top, f func()) error {
	term, err := newTerminal(t.In, t.Out)
	if err != nil {
		return err
	}
	s := &session{Top: *t, terminal: term}
	if err := s.enter(); err != nil {
		return err
	}
	s.start(f)
	s.others.Wait()
	return nil
}
