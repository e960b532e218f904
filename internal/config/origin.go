package config

import "tend.example/tend/internal/tendfile"

// Origin is where a value came from. The zero Origin is the default.
type Origin struct {
	Flag           bool   // the command line
	Env            string // the variable of the environment
	tendfile.Place        // in the file
}

// String is short.
func (o Origin) String() string {
	switch {
	case o.Flag:
		return "flag"
	case o.Env != "":
		return o.Env
	case o.File != "":
		return o.Place.String()
	default:
		return "default"
	}
}
