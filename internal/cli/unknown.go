package cli

import (
	"fmt"
	"strings"

	"tend.example/tend/internal/cli/client"
	"tend.example/tend/internal/cli/show"
	"tend.example/tend/internal/spelling"
	"tend.example/tend/supervise"
)

// noService says that there is no service at a path, and what may have been meant.
func noService(tree *client.Status, path string) error {
	var known []string
	for _, s := range show.Flat(tree) {
		known = append(known, strings.TrimPrefix(s.Path, tree.Name+"/"))
	}
	hint := ""
	if near := spelling.Nearest(strings.TrimPrefix(path, tree.Name+"/"), known); near != "" {
		hint = fmt.Sprintf("; did you mean %s?", near)
	} else if len(known) <= 20 {
		hint = "; there are " + strings.Join(known, ", ")
	}
	return &supervise.ExitError{Code: exitNoService, Err: fmt.Errorf("no service %q%s", path, hint)}
}
