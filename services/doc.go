// Package services has kinds of service for a tree of package supervise: [HTTP] serves an http.Handler and
// loses no request when it is stopped or restarted, [Job] does something at the times of a [Schedule],
// [Command] runs an external program. Each is a plain struct; set its fields, put a pointer to it into a
// supervise.Child, and leave the fields alone while it serves.
//
// [Sockets] let an HTTP get its socket from systemd or from the process before, and leave it to the next.
package services
