package main

import (
	"context"
	"log/slog"
	"strconv"
	"time"

	"github.com/go-co-op/gocron/v2"
	"github.com/robfig/cron/v3"

	"tend.example/tend/services"
)

// keepJobs has one services.Jobs in a group.
func keepJobs(l *lateness) {
	jobs := &services.Jobs{Jobs: map[string]*services.Job{}}
	for i := range l.jobs {
		jobs.Jobs["job"+strconv.Itoa(i)] = &services.Job{
			Schedule: services.EveryFrom(l.at(i), l.period),
			Do:       func(context.Context) error { l.note(i); return nil },
			Log:      slog.New(slog.DiscardHandler),
		}
	}
	go newGroup([]service{jobs}, nil).Serve(context.Background()) //nolint:errcheck // it ends with the process
}

// keepTickers has a ticker and a goroutine for each.
func keepTickers(l *lateness) {
	tickers := make([]*time.Ticker, len(l.jobs))
	for i := range l.jobs {
		if d := time.Until(l.at(i)) - l.period; d > 0 {
			time.Sleep(d)
		}
		l.jobs[i].phase = l.period - time.Until(l.start) // which is where it will be due
		tickers[i] = time.NewTicker(l.period)
	}
	for i, ticker := range tickers {
		go func() {
			for range ticker.C {
				l.note(i)
			}
		}()
	}
}

// grid is a schedule of robfig/cron. Its own for an interval has whole seconds only, and no phases.
type grid struct {
	from   time.Time
	period time.Duration
}

func (g grid) Next(after time.Time) time.Time {
	if after.Before(g.from) {
		return g.from
	}
	return g.from.Add((after.Sub(g.from)/g.period + 1) * g.period)
}

// keepRobfig has one cron.Cron.
func keepRobfig(l *lateness) {
	c := cron.New()
	for i := range l.jobs {
		c.Schedule(grid{l.at(i), l.period}, cron.FuncJob(func() { l.note(i) }))
	}
	c.Start()
}

// keepGocron has one gocron.Scheduler.
func keepGocron(l *lateness) {
	s, err := gocron.NewScheduler()
	if err != nil {
		panic(err)
	}
	for i := range l.jobs {
		_, err := s.NewJob(gocron.DurationJob(l.period), gocron.NewTask(func() { l.note(i) }),
			gocron.WithStartAt(gocron.WithStartDateTimePast(l.at(i)))) // it should be yet to come, but a machine may be slow
		if err != nil {
			panic(err)
		}
	}
	s.Start()
}
