package top

import (
	"slices"
	"strings"

	"tend.example/tend/internal/cli/client"
	"tend.example/tend/internal/cli/show"
)

// model is what is shown, and what the keys do to it. It neither waits nor asks: what is to be asked it leaves in asked.
type model struct {
	info client.Info
	tree client.Status

	rows     []row // of the tree, those that the filter lets through
	selected string
	first    int // row at the top of the page

	filter string
	typing bool

	page    page
	service client.Service // on its page
	scroll  int

	question deed   // waits for y or n; its zero value is none
	message  string // what became of the last one
	fault    bool
	lost     string // why there is no connection; "": there is one

	height int // rows that the last view had room for
	asked  []deed
	over   bool
}

// page is one of those that fill the screen.
type page int

const (
	pageTree page = iota
	pageService
	pageHelp
)

// deed is something that is to be asked of the daemon.
type deed struct{ verb, path string }

// verbShow asks for what is on the page of a service.
const verbShow = "show"

// row is a line of the tree.
type row struct {
	status *client.Status
	name   string // with what is drawn before it
}

func (m *model) setTree(tree client.Status) {
	m.tree = tree
	m.lost = ""
	m.sift()
}

// sift makes the rows anew. What was selected stays so; if it is gone, what has come into its place is.
func (m *model) sift() {
	before := m.index()
	m.rows = m.rows[:0]
	if m.filter == "" {
		m.grow(&m.tree, "", "")
	} else {
		for _, s := range show.Flat(&m.tree) {
			if matches(s, m.filter) {
				m.rows = append(m.rows, row{s, show.Plain(s.Path)})
			}
		}
	}
	if m.index() < 0 {
		m.selected = ""
		m.move(max(before, 0))
	}
}

func (m *model) grow(s *client.Status, before, beforeChildren string) {
	m.rows = append(m.rows, row{s, before + show.Plain(s.Name)})
	for i := range s.Children {
		if i < len(s.Children)-1 {
			m.grow(&s.Children[i], beforeChildren+"├── ", beforeChildren+"│   ")
		} else {
			m.grow(&s.Children[i], beforeChildren+"└── ", beforeChildren+"    ")
		}
	}
}

// matches looks for each word in the path and the state.
func matches(s *client.Status, filter string) bool {
	text := strings.ToLower(s.Path + " " + s.State)
	for _, word := range strings.Fields(strings.ToLower(filter)) {
		if !strings.Contains(text, word) {
			return false
		}
	}
	return true
}

// index is that of the selected row, or -1.
func (m *model) index() int {
	return slices.IndexFunc(m.rows, func(r row) bool { return r.status.Path == m.selected })
}

// move selects a row, or the nearest that there is.
func (m *model) move(to int) {
	if len(m.rows) == 0 {
		return
	}
	m.selected = m.rows[min(max(to, 0), len(m.rows)-1)].status.Path
}

// press is what a key does.
func (m *model) press(k key) {
	switch {
	case k == ctrlC:
		m.over = true
	case m.question != deed{}:
		m.answer(k)
	case m.typing:
		m.typed(k)
	case k == 'q' || k == ctrlD:
		m.over = true
	case m.page == pageHelp:
		m.page = pageTree
	case k == '?':
		m.page = pageHelp
	case k == 'r' || k == 's':
		m.ask(k)
	case m.page == pageService:
		m.pressOnService(k)
	default:
		m.pressOnTree(k)
	}
}

func (m *model) pressOnTree(k key) {
	at := m.index()
	m.message = ""
	switch k {
	case keyUp, 'k':
		m.move(at - 1)
	case keyDown, 'j':
		m.move(at + 1)
	case keyPageUp:
		m.move(at - max(m.height, 1))
	case keyPageDown, ' ':
		m.move(at + max(m.height, 1))
	case keyHome, 'g':
		m.move(0)
	case keyEnd, 'G':
		m.move(len(m.rows) - 1)
	case '/':
		m.typing = true
	case keyEscape:
		m.filter = ""
		m.sift()
	case keyEnter:
		if at >= 0 {
			m.page, m.scroll = pageService, 0
			m.service = client.Service{Status: *m.rows[at].status}
			m.asked = append(m.asked, deed{verbShow, m.selected})
		}
	}
}

func (m *model) pressOnService(k key) {
	m.message = ""
	switch k {
	case keyUp, 'k':
		m.scroll--
	case keyDown, 'j':
		m.scroll++
	case keyPageUp:
		m.scroll -= max(m.height, 1)
	case keyPageDown, ' ':
		m.scroll += max(m.height, 1)
	case keyHome, 'g':
		m.scroll = 0
	case keyEnd, 'G':
		m.scroll = len(m.service.Events) + 1<<16 // the view knows where the end is
	case keyEscape, keyEnter, keyErase:
		m.page = pageTree
	}
}

// typed is a key while the filter is typed.
func (m *model) typed(k key) {
	switch {
	case k == keyEnter:
		m.typing = false
	case k == keyEscape:
		m.typing, m.filter = false, ""
	case k == keyErase:
		runes := []rune(m.filter)
		m.filter = string(runes[:max(0, len(runes)-1)])
	case k == ctrlU:
		m.filter = ""
	case k == keyUp:
		m.move(m.index() - 1)
	case k == keyDown:
		m.move(m.index() + 1)
	case k >= ' ' && k < keyUp:
		m.filter += string(rune(k))
	}
	m.sift()
}

// ask wants to hear that it is meant: one key is soon hit by mistake.
func (m *model) ask(k key) {
	s := m.subject()
	if s == nil {
		return
	}
	m.message = ""
	switch {
	case k == 'r':
		m.question = deed{"restart", s.Path}
	case atRest(s.State):
		m.question = deed{"start", s.Path}
	default:
		m.question = deed{"stop", s.Path}
	}
}

// subject is the service that keys are about.
func (m *model) subject() *client.Status {
	if m.page == pageService {
		return &m.service.Status
	}
	if at := m.index(); at >= 0 {
		return m.rows[at].status
	}
	return nil
}

func atRest(state string) bool {
	return state == "stopped" || state == "done" || state == "failed"
}

func (m *model) answer(k key) {
	if k == 'y' || k == 'Y' {
		m.asked = append(m.asked, m.question)
		m.say(m.question.verb+" "+show.Plain(m.question.path)+" ...", false)
	}
	m.question = deed{}
}

// done is what became of a deed.
func (m *model) done(d deed, s *client.Status, err error) {
	text := d.verb + " " + show.Plain(d.path) + ": "
	if err != nil {
		m.say(text+show.Plain(err.Error()), true)
		return
	}
	m.say(text+show.Plain(s.State), false)
}

func (m *model) say(text string, fault bool) { m.message, m.fault = text, fault }

// setService is the answer to verbShow.
func (m *model) setService(path string, service client.Service, err error) {
	switch {
	case m.page != pageService || m.service.Status.Path != path:
	case err != nil:
		m.say(show.Plain(err.Error()), true)
	default:
		m.service = service
	}
}

// census is how many services there are in each state, pools counted by their members.
func census(tree *client.Status) (services int, states map[string]int) {
	states = map[string]int{}
	for i := range tree.Children {
		count(&tree.Children[i], states)
	}
	for _, n := range states {
		services += n
	}
	return services, states
}

func count(s *client.Status, states map[string]int) {
	switch {
	case len(s.Counts) > 0:
		for state, n := range s.Counts {
			states[state] += n
		}
	case len(s.Children) > 0:
		for i := range s.Children {
			count(&s.Children[i], states)
		}
	default:
		states[s.State]++
	}
}
