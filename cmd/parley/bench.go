package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"
)

// benchOptions are the flags of every benchmark.
type benchOptions struct {
	asJSON     bool
	seconds    float64
	repeats    int
	cpuProfile string
	memProfile string
}

// span is how long one measurement lasts.
func (o *benchOptions) span() time.Duration { return time.Duration(o.seconds * float64(time.Second)) }

func newBench() *cobra.Command {
	o := &benchOptions{}
	parent := &cobra.Command{
		Use:   "bench",
		Short: "Measure the engine on this machine",
		Long: `Each benchmark works in a folder of its own, which goes with it, and measures in
the same run what its figures are to be held against: absolute figures tell of the
machine, ratios of the engine. Figures are the median of the repetitions, with the
least and the greatest. Run them on a machine that does nothing else.`,
		Args: exactly(0, "what to measure: append, commands, rebuild, feed, routing, start or wire"),
	}
	parent.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	flags := parent.PersistentFlags()
	flags.BoolVar(&o.asJSON, "json", false, "one line of JSON with everything")
	flags.Float64Var(&o.seconds, "seconds", 5, "how long each measurement lasts")
	flags.IntVar(&o.repeats, "repeat", 3, "how often each measurement is taken")
	flags.StringVar(&o.cpuProfile, "cpuprofile", "", "write a CPU profile of what is measured to this file")
	flags.StringVar(&o.memProfile, "memprofile", "", "write a heap profile of what is measured to this file")
	parent.AddCommand(newBenchAppend(o), newBenchCommands(o), newBenchRebuild(o), newBenchFeed(o), newBenchRouting(o), newBenchStart(o), newBenchRemote(o), newBenchChild())
	return parent
}

// measuring is one benchmark under way: its folder, its rows.
type measuring struct {
	*benchOptions
	dir    string
	errs   io.Writer
	report *report
}

// measure runs a benchmark in a folder of its own and prints what it found.
func (o *benchOptions) measure(cmd *cobra.Command, title, method string, do func(ctx context.Context, m *measuring) error) (err error) {
	if o.seconds <= 0 || o.repeats < 1 {
		return usageError{errors.New("--seconds is above 0 and --repeat at least 1")}
	}
	dir, err := os.MkdirTemp("", "parley-bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	m := &measuring{benchOptions: o, dir: dir, errs: cmd.ErrOrStderr(), report: newReport(title, method)}
	if err := do(cmd.Context(), m); err != nil {
		return err
	}
	return m.report.print(cmd.OutOrStdout(), o.asJSON)
}

// say tells who waits what goes on.
func (m *measuring) say(format string, args ...any) {
	fmt.Fprintf(m.errs, "bench: "+format+"\n", args...)
}
