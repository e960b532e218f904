package supervise

import (
	"testing"
	"time"
)

// A timer that has fired may have to wait for the lock while an operator gives the child more time.
func TestStartTimeoutThatWasMadeLongerMeanwhileEndsNothing(t *testing.T) {
	policy := Policy{StartTimeout: time.Minute}.withDefaults(false)
	c := &record{path: "tend/w", policy: &policy, notifies: true, holds: true}
	r := &rules{random: func() float64 { return 0 }, children: []*record{c}}
	start := time.Now()
	r.start(start)
	r.launched(c, start)
	longer := policy
	longer.StartTimeout = time.Hour
	r.setPolicy(c, &longer, start.Add(time.Minute))
	r.late(c, 1, start.Add(time.Minute))
	if c.state != Starting {
		t.Errorf("after its old start timeout: got %s, want starting", c.state)
	}
	r.late(c, 1, start.Add(time.Hour))
	if c.state != Stopping {
		t.Errorf("after its new start timeout: got %s, want stopping", c.state)
	}
}
