// Package browser has the tests of the dashboard in a real browser. It is a module of its own, so that who embeds tend does
// not download what drives one.
package browser
