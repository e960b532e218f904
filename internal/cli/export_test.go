package cli

import "github.com/spf13/cobra"

// Root is the tree of commands, as it is when one is run.
func Root() *cobra.Command {
	root := (&commands{}).root()
	root.InitDefaultHelpCmd()
	return root
}

// OwnFlags is ownFlags.
var OwnFlags = ownFlags

// ExitCodes is exitCodes.
var ExitCodes = exitCodes
