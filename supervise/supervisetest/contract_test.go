package supervisetest

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"tend.example/tend/supervise"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// notifier says that it calls Ready.
type notifier struct{ supervise.Func }

func (notifier) NotifiesReady() {}

// release ends what a service in a test leaves behind.
func release(t *testing.T) <-chan struct{} {
	t.Helper()
	end := make(chan struct{})
	t.Cleanup(func() { close(end) })
	return end
}

func idle(ctx context.Context) error {
	<-ctx.Done()
	return ctx.Err()
}

func TestServicesThatKeepTheContract(t *testing.T) {
	for name, newService := range map[string]func() supervise.Service{
		"idle": func() supervise.Service { return supervise.Func(idle) },
		"done at once": func() supervise.Service {
			return supervise.Func(func(context.Context) error { return supervise.ErrDone })
		},
		"over at once":    func() supervise.Service { return supervise.Func(func(context.Context) error { return nil }) },
		"flaky, but well": func() supervise.Service { return Flaky(0, nil) },
		"a pool":          func() supervise.Service { return &supervise.Pool{} },
		"a group": func() supervise.Service {
			return &supervise.Group{Name: "g", Children: []supervise.Child{{Name: "a", Service: supervise.Func(idle)}}}
		},
		"finishes within its stop context": func() supervise.Service {
			return supervise.Func(func(ctx context.Context) error {
				stop, cancel := supervise.StopContext(ctx)
				defer cancel()
				<-ctx.Done()
				select {
				case <-time.After(promptly - time.Second):
					return nil
				case <-stop.Done():
					return stop.Err()
				}
			})
		},
		"has goroutines": func() supervise.Service {
			return supervise.Func(func(ctx context.Context) error {
				ended := make(chan struct{})
				go func() { defer close(ended); _ = idle(ctx) }()
				supervise.Go(ctx, idle)
				<-ended
				return nil
			})
		},
		"ready late": func() supervise.Service {
			return notifier{func(ctx context.Context) error {
				select {
				case <-time.After(readiness - time.Second):
					supervise.Ready(ctx)
				case <-ctx.Done():
				}
				return idle(ctx)
			}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { TestService(t, newService) })
		})
	}
}

func TestServicesThatBreakTheContract(t *testing.T) {
	for _, c := range []struct {
		name       string
		newService func(t *testing.T) supervise.Service
		want       []string
	}{
		{"none", func(*testing.T) supervise.Service { return nil }, []string{"there is no service"}},
		{"fails", func(*testing.T) supervise.Service {
			return supervise.Func(func(context.Context) error { return errors.New("no database") })
		}, []string{"when it is run, restarted and stopped: run 1: no database"}},
		{"panics", func(*testing.T) supervise.Service {
			return PanicAfter(0, "boom")
		}, []string{"run 1: panic: boom", "PanicAfter.1(...)"}},
		{"is deaf", func(t *testing.T) supervise.Service { return Hang(t) }, []string{"run 1: not back 5s after it was told to stop; it hangs here:\n", "supervisetest.Hang"}},
		{"fails when it is told to stop", func(*testing.T) supervise.Service {
			return supervise.Func(func(ctx context.Context) error {
				<-ctx.Done()
				return errors.New("listener closed")
			})
		}, []string{"when it is run, restarted and stopped: run 1: listener closed"}},
		{"fails when it is told to restart", func(*testing.T) supervise.Service {
			return supervise.Func(func(ctx context.Context) error {
				<-ctx.Done()
				if errors.Is(context.Cause(ctx), supervise.ErrRestart) {
					return errors.New("listener closed")
				}
				return nil
			})
		}, []string{"when it is run, restarted and stopped: run 1: listener closed"}},
		{"runs once only", func(*testing.T) supervise.Service {
			quit := make(chan struct{})
			return supervise.Func(func(ctx context.Context) error {
				<-ctx.Done()
				close(quit)
				return nil
			})
		}, []string{"run 2: panic: close of closed channel"}},
		{"runs twice only", func(*testing.T) supervise.Service {
			return runs(func(ctx context.Context, run int) error {
				if run > 2 {
					return errors.New("used up")
				}
				return idle(ctx)
			})
		}, []string{"when it is stopped as soon as it begins: run 1: used up"}},
		{"cannot be stopped while it starts", func(t *testing.T) supervise.Service {
			end := release(t)
			return runs(func(ctx context.Context, run int) error {
				if run == 3 {
					<-end
				}
				return idle(ctx)
			})
		}, []string{"when it is stopped as soon as it begins: run 1: not back 5s after"}},
		{"does not look at a ctx that is done", func(t *testing.T) supervise.Service {
			end := release(t)
			return supervise.Func(func(ctx context.Context) error {
				if ctx.Err() != nil { // for a select that would have to choose
					<-end
				}
				return idle(ctx)
			})
		}, []string{"when it is called with a ctx that is done: not back after 5s; it hangs here:\n", "contract_test.go"}},
		{"panics at a ctx that is done", func(*testing.T) supervise.Service {
			return supervise.Func(func(ctx context.Context) error {
				if ctx.Err() != nil {
					panic("early")
				}
				return idle(ctx)
			})
		}, []string{"when it is called with a ctx that is done: panic: early"}},
		{"fails at a ctx that is done", func(*testing.T) supervise.Service {
			return supervise.Func(func(ctx context.Context) error {
				if ctx.Err() != nil {
					return errors.New("early")
				}
				return idle(ctx)
			})
		}, []string{"when it is called with a ctx that is done: early"}},
		{"does not run after all that", func(*testing.T) supervise.Service {
			return runs(func(ctx context.Context, run int) error {
				if run == 6 {
					return errors.New("worn out")
				}
				return idle(ctx)
			})
		}, []string{"when it is run once more: run 2: worn out"}},
		{"leaves a goroutine", func(t *testing.T) supervise.Service {
			end := release(t)
			return supervise.Func(func(ctx context.Context) error {
				go func() { <-end }()
				return idle(ctx)
			})
		}, []string{"when it is run, restarted and stopped: goroutines are left:\n", "contract_test.go"}},
		{"starts a goroutine too early", func(t *testing.T) supervise.Service {
			end := release(t)
			go func() { <-end }()
			return supervise.Func(idle)
		}, []string{"goroutines are left:\n"}},
		{"leaves one of Go's", func(t *testing.T) supervise.Service {
			end := release(t)
			return supervise.Func(func(ctx context.Context) error {
				supervise.Go(ctx, func(context.Context) error { <-end; return nil })
				return idle(ctx)
			})
		}, []string{"run 1: not back 5s after it was told to stop"}},
		{"leaves a goroutine when it is told", func(t *testing.T) supervise.Service {
			end := release(t)
			return supervise.Func(func(ctx context.Context) error {
				if ctx.Err() == nil {
					context.AfterFunc(ctx, func() { <-end })
				}
				return idle(ctx)
			})
		}, []string{"goroutines are left:\n"}},
		{"is over before it says Ready", func(*testing.T) supervise.Service {
			return notifier{func(context.Context) error { return nil }}
		}, []string{"run 1: over without Ready"}},
		{"never says Ready", func(*testing.T) supervise.Service { return notifier{idle} }, []string{"run 1: not ready within its start timeout"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				err := check(func() supervise.Service { return c.newService(t) })
				if err == nil {
					t.Fatal("nothing is found wrong with it")
				}
				for _, want := range c.want {
					if !strings.Contains(err.Error(), want) {
						t.Errorf("got:\n%v\nwant in it:\n%s", err, want)
					}
				}
			})
		})
	}
}

// runs is a service that knows how often it was called.
func runs(serve func(ctx context.Context, run int) error) supervise.Service {
	run := 0
	return supervise.Func(func(ctx context.Context) error {
		run++
		return serve(ctx, run)
	})
}

// spy is a testing.TB whose failures are looked at.
type spy struct {
	testing.TB
	said []string
}

func (s *spy) Helper() {}
func (s *spy) Errorf(format string, args ...any) {
	s.said = append(s.said, sprintf(format, args...))
}

func (s *spy) Fatalf(format string, args ...any) {
	s.Errorf(format, args...)
	panic(s) // as Goexit would, it ends what called it
}

// saidBy gives what a test that does this would say.
func saidBy(t *testing.T, do func(t testing.TB)) (said []string) {
	t.Helper()
	s := &spy{TB: t}
	defer func() {
		if value := recover(); value != nil && value != any(s) {
			panic(value)
		}
		said = s.said
	}()
	do(s)
	return s.said
}

func TestTestServiceFailsTheTest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		said := saidBy(t, func(t testing.TB) {
			TestService(t, func() supervise.Service { return Flaky(1, errors.New("refused")) })
		})
		want := "against the contract of Serve: when it is run, restarted and stopped: run 1: refused"
		if len(said) != 1 || said[0] != want {
			t.Errorf("got %q, want %q", said, want)
		}
	})
}
