package dashboard

import "time"

// How values are written.
func Span(d time.Duration) string      { return span(d) }
func Countdown(d time.Duration) string { return countdown(d) }
func Took(d time.Duration) string      { return took(d) }
func Number(n int) string              { return number(n) }
func Plain(text string) string         { return plain(text) }
