package handover

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"
)

// link is the line between two processes that follow each other. What is said is a verb and words; each process
// knows from the end of the line that the other has ended.
type link struct {
	conn net.Conn
	from *bufio.Reader
	mu   sync.Mutex // of writing
}

// patience is how long the other one may take to read, which it does all the time.
const patience = time.Second

func newLink(conn net.Conn) *link { return &link{conn: conn, from: bufio.NewReader(conn)} }

func (l *link) say(verb string, words ...string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.conn.SetWriteDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	_, err := io.WriteString(l.conn, strings.TrimSuffix(verb+" "+escape(words), " ")+"\n")
	return err
}

var errEnded = errors.New("it has ended")

// tell says what is of no use to one that has ended.
func (l *link) tell(verb string, words ...string) { _ = l.say(verb, words...) }

func (l *link) hear() (verb string, words []string, err error) {
	line, err := l.from.ReadString('\n')
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return "", nil, errors.New("no answer")
	case err != nil: // a line is closed by its process only
		return "", nil, errEnded
	}
	fields := strings.Fields(line)
	if len(fields) == 0 {
		return "", nil, errors.New("an empty line")
	}
	for _, field := range fields[1:] {
		word, err := url.PathUnescape(field)
		if err != nil {
			return "", nil, err
		}
		words = append(words, word)
	}
	return fields[0], words, nil
}

// expect is hear, for one verb only.
func (l *link) expect(want string) ([]string, error) {
	verb, words, err := l.hear()
	if err == nil && verb != want {
		err = fmt.Errorf("it said %q, not %q", verb, want)
	}
	return words, err
}

func (l *link) close() { _ = l.conn.Close() }
