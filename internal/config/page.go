package config

import (
	_ "embed"

	"tend.example/tend/internal/tendfile"
)

//go:embed page.md
var page string

// Page is docs/configuration.md: a text about the whole, and tables of every key.
func Page() string { return page + tendfile.Markdown(Keys()) }

// Schema is docs/tend.schema.json, for editors.
func Schema() ([]byte, error) { return tendfile.Schema(Keys()) }
