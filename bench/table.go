package main

import (
	"fmt"
	"io"
)

func printHead(w io.Writer) {
	fmt.Fprintln(w, "| measure | tend | suture | ratio: median (least..most) | bound | holds |")
	fmt.Fprintln(w, "|---|--:|--:|--:|--:|---|")
}

func printRow(w io.Writer, r *row) {
	holds := ""
	switch {
	case r.bound.of == ofNothing:
	case r.holds():
		holds = "yes"
	default:
		holds = "**no**"
	}
	other := r.unit(median(r.suture))
	if r.beside != "" {
		other = r.beside + ": " + other
	}
	fmt.Fprintf(w, "| %s | %s | %s | %s | %s | %s |\n",
		r.name, r.unit(median(r.tend)), other, r.ratioText(), r.bound, holds)
}
