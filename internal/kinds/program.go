package kinds

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"time"

	"tend.example/tend/internal/tendfile"
	"tend.example/tend/services"
	"tend.example/tend/supervise"
)

func newCommand(c *tendfile.Command, log *slog.Logger) supervise.Service {
	command := newProgram(c.Program, log)
	if _, set := c.Env["PORT"]; c.Port > 0 && !set {
		command.Env = append(command.Env, "PORT="+strconv.Itoa(c.Port))
	}
	if c.ReadyLine != "" {
		command.ReadyLine = regexp.MustCompile(c.ReadyLine) // which was looked at when the file was read
	}
	command.ReadyAddr, command.ReadyURL, command.ReadyNotify = c.ReadyAddr, c.ReadyURL, c.ReadyNotify
	command.StopSignal = signalOf(c.StopSignal)
	command.DoneCodes, command.FatalCodes = c.DoneCodes, c.FatalCodes
	return command
}

func newProgram(p tendfile.Program, log *slog.Logger) *services.Command {
	command := &services.Command{Args: p.Run, Dir: p.Dir, Log: log}
	for _, key := range slices.Sorted(maps.Keys(p.Env)) {
		command.Env = append(command.Env, key+"="+p.Env[key])
	}
	return command
}

func (m *Maker) newJob(path string, j *tendfile.Job) supervise.Service {
	log := m.Log
	schedule, err := newSchedule(j.Schedule, j.Zone)
	if err != nil { // which Schedule would have found
		return supervise.Func(func(context.Context) error { return supervise.Fatal(err) })
	}
	job := &services.Job{
		Schedule: schedule, Do: newProgram(j.Program, log).Run, Log: log,
		Timeout: j.Timeout, Jitter: j.Jitter, Retries: j.Retries, RetryAfter: j.RetryAfter, StateFile: j.StateFile,
	}
	job.OnRun = logRun(log.With(slog.String("service", path)))
	if m.OnRun != nil && m.begun {
		job.OnRun = m.OnRun(path, job.OnRun)
	}
	job.Overlap = map[string]services.Overlap{"queue": services.Queue, "parallel": services.Parallel}[j.Overlap]
	job.Missed = map[string]services.Missed{"once": services.MissedOnce, "all": services.MissedAll}[j.Missed]
	job.OnError = map[string]services.OnError{"log": services.Log}[j.OnError]
	return job
}

// logRun logs that a run of a job has ended, and how.
func logRun(log *slog.Logger) func(services.JobRun) {
	return func(r services.JobRun) {
		log.Info("job run ended", slog.Int("job_run", r.ID), slog.String("outcome", r.Outcome.String()), slog.Duration("took", r.Ended.Sub(r.Started)))
	}
}

// Schedule tells what is wrong with a schedule, for a config.Loader.
func Schedule(schedule, zone string) error {
	_, err := newSchedule(schedule, zone)
	return err
}

func newSchedule(schedule, zone string) (services.Schedule, error) {
	loc := time.Local
	if zone != "" {
		var err error
		if loc, err = time.LoadLocation(zone); err != nil {
			return nil, fmt.Errorf("time zone %q: unknown", zone)
		}
	}
	s, err := services.Cron(schedule, loc)
	if err == nil && s.Next(time.Now()).IsZero() {
		return nil, errors.New("it never comes")
	}
	return s, err
}

// newTick is a job that says that it runs.
func newTick(t *tendfile.Tick, log *slog.Logger) supervise.Service {
	return &services.Job{Schedule: services.Every(t.Every), Log: log, Do: func(ctx context.Context) error {
		log.LogAttrs(ctx, slog.LevelInfo, "tick", slog.String("service", supervise.Path(ctx)))
		return nil
	}}
}
