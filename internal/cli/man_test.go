package cli_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"tend.example/tend/internal/cli"
)

// TestManPagesAreThoseOfTheCommands generates docs/man, a page a command. After a change of a command:
// go test ./internal/cli -run TestManPages -update. It writes them by itself: cobra/doc would bring two libraries for
// Markdown along, and knows nothing of exit codes.
func TestManPagesAreThoseOfTheCommands(t *testing.T) {
	dir := filepath.Join("..", "..", "docs", "man")
	pages := map[string]string{}
	var visit func(*cobra.Command)
	visit = func(cmd *cobra.Command) {
		if !hasPage(cmd) {
			return
		}
		pages[pageName(cmd)+".1"] = manPage(cmd)
		for _, sub := range cmd.Commands() {
			visit(sub)
		}
	}
	visit(cli.Root())
	if len(pages) < 25 {
		t.Errorf("only %d pages", len(pages))
	}
	if *update {
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		for name, text := range pages {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		want, ok := pages[file.Name()]
		if !ok {
			t.Errorf("%s: there is no such command", file.Name())
		} else if diff := cmp.Diff(want, readFile(t, filepath.Join(dir, file.Name()))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", file.Name(), diff)
		}
		delete(pages, file.Name())
	}
	for name := range pages {
		t.Errorf("%s: missing", name)
	}
}

// hasPage tells whether a command has a page of its own. The shells of completion are on one page.
func hasPage(cmd *cobra.Command) bool {
	return !cmd.Hidden && (!cmd.HasParent() || cmd.Parent().Name() != "completion")
}

// TestEveryCommandIsInTheDocs looks for commands and their flags.
func TestEveryCommandIsInTheDocs(t *testing.T) {
	text := readFile(t, filepath.Join("..", "..", "docs", "cli.md"))
	for _, cmd := range cli.Root().Commands() {
		if !cmd.Hidden && !strings.Contains(text, "`tend "+cmd.Name()) && !strings.Contains(text, "`"+cmd.Name()) && !strings.Contains(text, ", `"+cmd.Name()) {
			t.Errorf("docs/cli.md: no %s", cmd.CommandPath())
		}
	}
}

func pageName(cmd *cobra.Command) string { return strings.ReplaceAll(cmd.CommandPath(), " ", "-") }

func manPage(cmd *cobra.Command) string {
	var b strings.Builder
	fmt.Fprintf(&b, ".\\\" Made by internal/cli/man_test.go. Do not edit.\n.TH %s 1 \"\" tend \"tend manual\"\n", strings.ToUpper(pageName(cmd)))
	fmt.Fprintf(&b, ".SH NAME\n%s \\- %s\n", roff(pageName(cmd)), roff(lower(cmd.Short)))
	b.WriteString(".SH SYNOPSIS\n")
	if !cmd.HasParent() {
		b.WriteString(".B tend\n[flags]\n.br\n.B tend\nCOMMAND [flags]\n")
	} else {
		rest := strings.TrimPrefix(cmd.UseLine(), cmd.CommandPath())
		fmt.Fprintf(&b, ".B %s\n%s\n", roff(cmd.CommandPath()), roff(strings.TrimSpace(rest)))
	}
	b.WriteString(".SH DESCRIPTION\n" + paragraphs(cmd.Long))
	if cmd.HasAvailableSubCommands() {
		b.WriteString(".SH COMMANDS\n")
		for _, sub := range cmd.Commands() {
			switch {
			case !sub.IsAvailableCommand():
			case hasPage(sub):
				fmt.Fprintf(&b, ".TP\n.BR %s (1)\n%s\n", roff(pageName(sub)), roff(sub.Short))
			default:
				fmt.Fprintf(&b, ".TP\n.B %s\n%s\n", roff(sub.CommandPath()), roff(sub.Short))
			}
		}
	}
	b.WriteString(options("OPTIONS", cli.OwnFlags(cmd)) + options("OPTIONS OF EVERY COMMAND", cmd.Root().PersistentFlags()))
	if cmd.Example != "" {
		fmt.Fprintf(&b, ".SH EXAMPLES\n.nf\n%s\n.fi\n", roff(cmd.Example))
	}
	b.WriteString(".SH EXIT STATUS\n")
	for line := range strings.SplitSeq(cli.ExitCodes(), "\n") {
		code, what, _ := strings.Cut(line, "  ")
		fmt.Fprintf(&b, ".TP\n.B %s\n%s\n", roff(code), roff(strings.TrimSpace(what)))
	}
	b.WriteString(".SH ENVIRONMENT\n.TP\n.B TEND_ADMIN\nThe address of the daemon, where there is no\n.BR \\-\\-admin .\n" +
		".TP\n.B TEND_ADMIN_TOKEN_FILE\nThe file with the token, where there is no\n.BR \\-\\-token\\-file .\n" +
		".TP\n.B NO_COLOR\nIf it is not empty, there are no colours.\n")
	if cmd.HasParent() {
		fmt.Fprintf(&b, ".SH SEE ALSO\n.BR %s (1)\n", roff(pageName(cmd.Parent())))
	}
	return b.String()
}

func lower(s string) string { return strings.ToLower(s[:1]) + s[1:] }

// paragraphs keeps lines that are indented as they are.
func paragraphs(text string) string {
	var b strings.Builder
	for i, part := range strings.Split(text, "\n\n") {
		if i > 0 {
			b.WriteString(".PP\n")
		}
		asIs := slices.ContainsFunc(strings.Split(part, "\n"), func(line string) bool { return strings.HasPrefix(line, "  ") || strings.HasPrefix(line, "\t") })
		if asIs {
			part = ".nf\n" + roff(part) + "\n.fi"
		} else {
			part = roff(part)
		}
		b.WriteString(part + "\n")
	}
	return b.String()
}

func options(title string, flags *pflag.FlagSet) string {
	if !flags.HasAvailableFlags() {
		return ""
	}
	var b strings.Builder
	b.WriteString(".SH " + title + "\n")
	flags.VisitAll(func(f *pflag.Flag) {
		value, what := pflag.UnquoteUsage(f)
		name := "--" + f.Name
		if f.Shorthand != "" {
			name = "-" + f.Shorthand + ", " + name
		}
		if f.DefValue != "" && f.DefValue != "false" && f.DefValue != "[]" && f.DefValue != "0" {
			what += fmt.Sprintf(" (default %s)", f.DefValue)
		}
		fmt.Fprintf(&b, ".TP\n.B %s\n", roff(strings.TrimSpace(name+" "+value)))
		b.WriteString(roff(what) + "\n")
	})
	return b.String()
}

// roff is a text in which troff finds no commands of its own.
func roff(text string) string {
	text = strings.NewReplacer(`\`, `\e`, "-", `\-`).Replace(text)
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		if strings.HasPrefix(line, ".") || strings.HasPrefix(line, "'") {
			lines[i] = `\&` + line
		}
	}
	return strings.Join(lines, "\n")
}
