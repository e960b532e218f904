package cli

import (
	"fmt"
	"slices"
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
	asked, hint := strings.TrimPrefix(path, tree.Name+"/"), ""
	deeper := slices.DeleteFunc(slices.Clone(known), func(k string) bool { return !strings.HasSuffix(k, "/"+asked) })
	near := spelling.Nearest(asked, known)
	switch {
	case len(deeper) > 0 && len(deeper) <= 5: // its groups were left out
		hint = fmt.Sprintf("; did you mean %s?", strings.Join(deeper, " or "))
	case near != "":
		hint = fmt.Sprintf("; did you mean %s?", near)
	case len(known) <= 20:
		hint = "; there are " + strings.Join(known, ", ")
	}
	return &supervise.ExitError{Code: exitNoService, Err: fmt.Errorf("no service %q%s", path, hint)}
}
