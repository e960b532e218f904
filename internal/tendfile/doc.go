// Package tendfile is the configuration file of the daemon: what stands in it, how it is read, and how that is told
// to people and to editors.
//
// It is YAML, and strict: a key that nobody knows, a key that is there twice, a value of another type, an anchor, an
// alias, a tag or a second document is a fault. Read finds all faults at once, each with its place.
//
// The keys of the top are the settings of the command line, which [Read] is told, and besides them services and
// policies.
package tendfile
