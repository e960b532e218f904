package tendfile

import "time"

// The fields of the types below are what a file can say, and their tags are all that is known of it: Read, Schema and
// Markdown go by them. key is the key, need that it cannot be left out, kind that exactly one of those of the type is
// there, enum its values, form what else is wrong with a value (see forms), doc what it means.

// Service is one entry of a list of services. A key that is not there leaves its field zero. Two that are equal by
// reflect.DeepEqual run alike, once they are resolved: nothing else decides how a service is made.
type Service struct {
	Name        string   `key:"name" need:"true" form:"name" doc:"the last part of its path: at most 128 bytes, no slash, no control character, no other service of its list has it; admin is taken"`
	Policy      string   `key:"policy" form:"policy" doc:"how it is restarted and stopped: docs/policies.md; key by key over policies.default, under policies by path"`
	WaitReady   bool     `key:"wait-ready" doc:"the next service starts only when this one is ready; http and command hold it back without, and a job is ready at once. Of a group: when all in it are"`
	Significant bool     `key:"significant" doc:"when it is done, its group is done, and at the top tend ends; needs restart=on-failure or restart=never"`
	HTTP        *HTTP    `key:"http" kind:"true" doc:"serves HTTP, and loses no request when it stops or restarts: docs/http.md"`
	Command     *Command `key:"command" kind:"true" doc:"a program that runs all the time: docs/commands.md"`
	Job         *Job     `key:"job" kind:"true" doc:"a program that is run at the times of a schedule: docs/jobs.md"`
	Group       *Group   `key:"group" kind:"true" doc:"services that start, stop and restart together"`
	Tick        *Tick    `key:"-"` // the timer that is there without any services
}

// HTTP is a server of HTTP.
type HTTP struct {
	Addr       string           `key:"addr" form:"addr" doc:"host:port or unix:PATH; without, http-addr"`
	Routes     map[string]Route `key:"routes" need:"true" form:"pattern" doc:"what answers which path: /app/ is all below it, /app that path alone, shop.example/ one host; the longest that fits is taken"`
	DrainDelay *time.Duration   `key:"drain-delay" doc:"how long it goes on accepting once it is told to stop; without, drain-delay of the top"`
	CertFile   string           `key:"cert-file" form:"path" doc:"certificate with its chain, in PEM, and key-file beside it: HTTPS. Read again when they change"`
	KeyFile    string           `key:"key-file" form:"path" doc:"the key of cert-file"`
	H2C        bool             `key:"h2c" doc:"also HTTP/2 without TLS"`
	MaxConns   int              `key:"max-conns" doc:"connections at a time; more wait. 0: no bound"`
}

// Route answers requests. Exactly one of Hello, Static and Proxy is set.
type Route struct {
	Hello  bool   `key:"hello" kind:"true" doc:"true: GET says Hello World!"`
	Static string `key:"static" kind:"true" form:"path" doc:"the folder whose files are served; no file that begins with a dot but .well-known, no listing of folders without an index.html"`
	Proxy  string `key:"proxy" kind:"true" form:"proxy" doc:"where requests are passed on to: the path of a command with a port, such as app or workers/app, or http://HOST:PORT. While nobody listens there, a request waits for up to 5 s"`
	Strip  bool   `key:"strip" doc:"of a proxy: without the path of the route before it"`
}

// Program is what command and job have in common. Its fields are keys of both.
type Program struct {
	Run []string          `key:"run" need:"true" form:"words" doc:"the program and its arguments: a list, or text that is split as a shell does. Nothing is expanded; for a shell say [sh, -c, '...']"`
	Dir string            `key:"dir" form:"path" doc:"where it runs; without, the folder of the file"`
	Env map[string]string `key:"env" form:"variable" doc:"added to the environment of tend. Never shown"`
}

// Command is a program that runs all the time. At most one of the keys ready-* is set.
type Command struct {
	Program     `key:","`
	Port        int    `key:"port" form:"port" doc:"the port of this machine that it listens on: it is told by PORT in its environment, ready when it accepts there if no ready-* says otherwise, and found there by a proxy"`
	ReadyLine   string `key:"ready-line" form:"regexp" doc:"a line of its output that matches says that it is ready"`
	ReadyAddr   string `key:"ready-addr" form:"addr" doc:"a connection that is accepted at host:port or unix:PATH does"`
	ReadyURL    string `key:"ready-url" form:"url" doc:"an answer of 2xx does"`
	ReadyNotify bool   `key:"ready-notify" doc:"READY=1 on NOTIFY_SOCKET does, as under systemd with Type=notify"`
	StopSignal  string `key:"stop-signal" enum:"TERM,INT,HUP,QUIT,USR1,USR2,KILL,WINCH" doc:"asks it to end; without, TERM"`
	DoneCodes   []int  `key:"done-codes" form:"code" doc:"exit codes after which it is done, whatever the policy"`
	FatalCodes  []int  `key:"fatal-codes" form:"code" doc:"exit codes that end tend"`
}

// Job is a program that is run at the times of a schedule.
type Job struct {
	Program    `key:","`
	Schedule   string        `key:"schedule" need:"true" form:"schedule" doc:"five or six fields of cron, or @daily, @every 90s and their like (in quotes, as @ is reserved in YAML)"`
	Zone       string        `key:"zone" form:"zone" doc:"of the schedule, such as Europe/Berlin; without, that of the machine"`
	Timeout    time.Duration `key:"timeout" doc:"ends a run, retries included, that takes longer. 0: none"`
	Jitter     time.Duration `key:"jitter" doc:"delays each run by up to so much, at random"`
	Retries    int           `key:"retries" doc:"how often a failed run is tried again"`
	RetryAfter time.Duration `key:"retry-after" doc:"before the first of them; doubles up to 1m. Without, 1s"`
	Overlap    string        `key:"overlap" enum:"skip,queue,parallel" doc:"of a time that comes during a run: it is left out (the default), waits, or runs beside"`
	Missed     string        `key:"missed" enum:"skip,once,all" doc:"of times that went by while it could not run: left out (the default), made up for by one run, or by one each"`
	OnError    string        `key:"on-error" enum:"fail,log" doc:"a run that fails fails the service, whose policy then counts (the default), or is logged"`
	StateFile  string        `key:"state-file" form:"path" doc:"remembers when it ran last, so that missed knows of the time when tend was down"`
}

// Group is services that start, stop and restart together.
type Group struct {
	Strategy    string        `key:"strategy" enum:"one-for-one,one-for-all,rest-for-one" doc:"what is restarted with a service that failed: nothing (the default), all, or those after it"`
	Concurrent  bool          `key:"concurrent" doc:"start and stop all at once, not one after another; only with one-for-one"`
	StopTimeout time.Duration `key:"stop-timeout" doc:"budget for stopping the whole group. 0: no bound of its own"`
	Services    []Service     `key:"services" need:"true" doc:"in the order of starting; they stop in reverse"`
}

// Tick is a job that logs that it runs.
type Tick struct{ Every time.Duration }
