// Command parley is the conversation engine: a server, and the tools to look
// into its log, all in one binary.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
)

// Exit codes.
const (
	exitOK    = 0
	exitFail  = 1 // the work failed, or a check found something
	exitUsage = 2 // the command line is wrong
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // who says it twice does not wait for a good end
	os.Exit(run(ctx, os.Args[1:], os.Getenv, os.Stdin, os.Stdout, os.Stderr))
}

// usageError is a mistake on the command line.
type usageError struct{ error }

// run is the whole program: the same for a test as for a person.
func run(ctx context.Context, args []string, getenv func(string) string, in io.Reader, out, errs io.Writer) int {
	root := newRoot(getenv)
	root.SetArgs(args)
	root.SetIn(in)
	root.SetOut(out)
	root.SetErr(errs)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitOK
	}
	fmt.Fprintln(errs, "parley:", printableLines(err.Error()))
	var usage usageError
	if errors.As(err, &usage) {
		fmt.Fprintln(errs, "Run 'parley --help' for what there is.")
		return exitUsage
	}
	return exitFail
}

// newRoot makes the command tree. Each command lives in the file of its name.
func newRoot(getenv func(string) string) *cobra.Command {
	cfg := &config{}
	root := &cobra.Command{
		Use:   "parley",
		Short: "An event-sourced conversation engine for customer service",
		Long: `Parley keeps every transition of a conversation, a session and a notification as
an event in a log, and builds everything anybody looks at from it.

  parley demo      a lively workspace to look at, in a folder of its own
  parley serve     the server
  parley --help    everything else

Beside a running server, every command on the same --data folder talks to it;
otherwise it opens the folder itself. The output is the same.`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          knownCommand,

		SuggestionsMinimumDistance: 2,
		RunE:                       func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			if err := cfg.check(); err != nil {
				return usageError{err}
			}
			return nil
		},
	}
	env := func(name, otherwise string) string {
		if v := getenv(name); v != "" {
			return v
		}
		return otherwise
	}
	root.PersistentFlags().StringVar(&cfg.data, "data", env("PARLEY_DATA", "data"), "folder that holds the log, the keys and the views (PARLEY_DATA)")
	root.PersistentFlags().StringVar(&cfg.store, "store", env("PARLEY_STORE", ""), "keep the log on EventStoreDB or KurrentDB, at esdb://…; keys and views stay in the data folder (PARLEY_STORE)")
	root.PersistentFlags().StringVar(&cfg.keep, "keys", env("PARLEY_KEYS", ""), "folder that holds the keys, when it is not in the data folder; with --store, servers of one machine share it (PARLEY_KEYS)")
	root.PersistentFlags().StringVar(&cfg.zone, "zone", env("PARLEY_ZONE", "UTC"), "the organisation's time zone (PARLEY_ZONE)")
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	root.AddCommand(
		newServe(cfg, env), newDemo(cfg, env), newImport(cfg), newProjections(cfg), newHistory(cfg), newEvents(cfg), newCheck(cfg), newBackup(cfg), newRestore(cfg), newExport(cfg), newCopy(), newToken(cfg), newBench(),
	)
	return root
}

// knownCommand refuses a word that is no command as a mistake on the command
// line, which cobra itself does not tell apart from work that failed.
func knownCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	err := fmt.Errorf("unknown command %q", args[0])
	if like := cmd.SuggestionsFor(args[0]); len(like) > 0 {
		err = fmt.Errorf("%w: did you mean %s?", err, strings.Join(like, " or "))
	}
	return usageError{err}
}

// exactly asks for n arguments, and says what they are.
func exactly(n int, what string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) != n {
			return usageError{fmt.Errorf("give %s", what)}
		}
		return nil
	}
}
