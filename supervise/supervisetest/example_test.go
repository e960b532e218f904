package supervisetest_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"tend.example/tend/supervise"
	"tend.example/tend/supervise/supervisetest"
)

// mailer is a service as a reader might write one: it sends every minute what has gathered.
type mailer struct{ send func() error }

func (m *mailer) Serve(ctx context.Context) error {
	supervise.Ready(ctx)
	tick := time.NewTicker(time.Minute)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			if err := m.send(); err != nil {
				return fmt.Errorf("send the mail: %w", err)
			}
		case <-ctx.Done():
			return nil
		}
	}
}

// TestMailer is all that a service needs to be held to the contract of Serve.
func TestMailer(t *testing.T) {
	supervisetest.TestService(t, func() supervise.Service {
		return &mailer{send: func() error { return nil }}
	})
}

// TestTheOfficeSurvivesItsMailer is a test of a tree: in the bubble half an hour takes no time.
func TestTheOfficeSurvivesItsMailer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		office := &supervise.Group{Name: "office", Children: []supervise.Child{
			{Name: "mailer", Service: &mailer{send: failOnce()}},
		}}
		events := supervisetest.Record(t, office)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- office.Serve(ctx) }()

		time.Sleep(30 * time.Minute)
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Serve: got %v, want nil", err)
		}
		events.Want(
			"office starting 1",
			"office/mailer starting 1",
			"office/mailer running 1",
			"office running 1",
			"office/mailer backoff 1: send the mail: refused",
			"office/mailer starting 2",
			"office/mailer running 2",
			"office stopping 1",
			"office/mailer stopping 2",
			"office/mailer stopped 2",
			"office stopped 1",
		)
	})
}

func failOnce() func() error {
	errs := []error{errors.New("refused")}
	return func() (err error) {
		if len(errs) > 0 {
			err, errs = errs[0], errs[1:]
		}
		return err
	}
}

// In a test t is that of the test.
func ExampleTestService() {
	var t testing.TB = printing{}

	supervisetest.TestService(t, func() supervise.Service {
		return &mailer{send: func() error { return nil }}
	})
	supervisetest.TestService(t, func() supervise.Service {
		quit := make(chan struct{})
		return supervise.Func(func(ctx context.Context) error {
			<-ctx.Done()
			close(quit) // a second run can't
			return errors.New("connection closed")
		})
	})
	// Output:
	// against the contract of Serve: when it is run, restarted and stopped: run 1: connection closed
}

func ExampleRecord() {
	var t testing.TB = printing{}

	g := &supervise.Group{Name: "shop", Children: []supervise.Child{
		{Name: "db", Service: supervisetest.Flaky(1, errors.New("refused")), Policy: supervise.Policy{Restart: supervise.Never}},
	}}
	events := supervisetest.Record(t, g)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- g.Serve(ctx) }()

	events.WaitFor("shop/db failed 1: refused")
	cancel()
	<-ended
	events.Want(
		"shop starting 1",
		"shop/db starting 1",
		"shop/db running 1",
		"shop running 1",
		"shop/db backoff 1: refused", // but nobody restarts it
	)
	// Output:
	// events are not as wanted
	// want:
	//     shop starting 1
	//     shop/db starting 1
	//     shop/db running 1
	//     shop running 1
	//   - shop/db backoff 1: refused
	// got:
	//     shop starting 1
	//     shop/db starting 1
	//     shop/db running 1
	//     shop running 1
	//   + shop/db failed 1: refused
	//   + shop stopping 1
	//   + shop stopped 1
}

func ExampleFlaky() {
	g := &supervise.Group{Name: "shop", OnEvent: printRuns, Children: []supervise.Child{{
		Name:    "db",
		Service: supervisetest.Flaky(2, errors.New("refused")),
		Policy:  supervise.Policy{MinBackoff: -1, MaxRestarts: 1},
	}}}
	fmt.Println(g.Serve(context.Background()))
	// Output:
	// shop/db running 1
	// shop/db backoff 1: refused
	// shop/db running 2
	// shop/db failed 2: gave up after 1 restarts within 1m0s: refused
	// shop/db: gave up after 1 restarts within 1m0s: refused
}

func ExamplePanicAfter() {
	g := &supervise.Group{Name: "shop", OnEvent: printRuns, Children: []supervise.Child{{
		Name:    "web",
		Service: supervisetest.PanicAfter(time.Millisecond, "no such page"),
		Policy:  supervise.Policy{MaxRestarts: -1},
	}}}
	fmt.Println(g.Serve(context.Background()))
	// Output:
	// shop/web running 1
	// shop/web failed 1: gave up after 0 restarts within 1m0s: panic: no such page
	// shop/web: gave up after 0 restarts within 1m0s: panic: no such page
}

func ExampleHang() {
	t := &ending{}
	g := &supervise.Group{Name: "shop", OnEvent: printRuns, Children: []supervise.Child{{
		Name:    "web",
		Service: supervisetest.Hang(t),
		Policy:  supervise.Policy{Heartbeat: 10 * time.Millisecond, StopTimeout: 10 * time.Millisecond},
	}}}
	fmt.Println(g.Serve(context.Background()))
	t.end()
	// Output:
	// shop/web running 1
	// shop/web stopping 1: hung: no sign of life within its heartbeat
	// shop/web stuck 1: did not return when told to stop
	// shop/web: did not return when told to stop
}

func printRuns(e supervise.Event) {
	if e.Path != "shop" && e.State != supervise.Starting {
		fmt.Println(supervisetest.Line(e))
	}
}

// printing stands for the t of a test.
type printing struct{ testing.TB }

func (printing) Helper() {}

func (printing) Errorf(format string, args ...any) { fmt.Printf(format+"\n", args...) }

// ending stands for the t of a test that ends.
type ending struct {
	testing.TB
	cleanup func()
}

func (*ending) Helper()            {}
func (e *ending) Cleanup(f func()) { e.cleanup = f }
func (e *ending) end()             { e.cleanup() }
