package supervise

import "fmt"

// Strategy says which children share the fate of one that is to be restarted by its policy. A child
// that is Done, or Failed by [Never], draws nobody along. The others are told to stop, in reverse
// order, while the failed one waits out its delay; then all start again, in order. One whose policy
// is Never stays Stopped, and so does one that an operator stopped; one that is Done because it had
// no failure ([OnFailure]) runs again.
type Strategy int

const (
	// OneForOne restarts the failed child alone. It is the default, as in OTP.
	OneForOne Strategy = iota
	// OneForAll restarts all children of the group: for a unit that lives and dies together.
	OneForAll
	// RestForOne restarts the failed child and those after it in the list: for children each of
	// which needs those before it.
	RestForOne
)

var strategyNames = []string{"one-for-one", "one-for-all", "rest-for-one"}

// String is "one-for-one", "one-for-all" or "rest-for-one".
func (s Strategy) String() string {
	if s < 0 || int(s) >= len(strategyNames) {
		return fmt.Sprintf("strategy(%d)", int(s))
	}
	return strategyNames[s]
}

// MarshalText is String.
func (s Strategy) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (s *Strategy) UnmarshalText(text []byte) error {
	for i, name := range strategyNames {
		if name == string(text) {
			*s = Strategy(i)
			return nil
		}
	}
	return fmt.Errorf("strategy %q: unknown", text)
}
