package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"
)

func newBenchStart(o *benchOptions) *cobra.Command {
	var events int
	var file, folder string
	cmd := &cobra.Command{
		Use:   "start",
		Short: "From the start of the process to the first answer, and memory at rest",
		Args:  exactly(0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			method := fmt.Sprintf("A server process of its own, from its start until it listens and is ready, on a folder that is not there and on %s, with its views; resident memory after 2 s at rest. %d times.", source(folder, file, events), o.repeats)
			return o.measure(cmd, "parley bench start", method, func(ctx context.Context, m *measuring) error { return m.starts(ctx, folder, events, file) })
		},
	}
	cmd.Flags().IntVar(&events, "events", 200_000, "how many events the full folder has")
	cmd.Flags().StringVar(&file, "file", "", "STAR dialogues to fill the folder with; made up when empty")
	cmd.Flags().StringVar(&folder, "folder", "", "a data folder that stays: it is filled when it is not there, and measured as it is when it is")
	return cmd
}

func (m *measuring) starts(ctx context.Context, folder string, events int, file string) error {
	for i := range m.repeats {
		if err := m.startOn(ctx, fmt.Sprint("empty-", i), "an empty folder"); err != nil {
			return err
		}
	}
	n, err := m.filled(ctx, &folder, "full", file, events)
	if err != nil {
		return err
	}
	m.report.add("events of the full folder", "", float64(n))
	m.say("building its views")
	first, err := spawn(ctx, m.folder(folder), m.errs)
	if err != nil {
		return err
	}
	_, err = m.drained(first)
	if err := errors.Join(err, first.ready(), first.end()); err != nil { // ready: what follows from the log is done, too
		return err
	}
	for range m.repeats {
		if err := m.startOn(ctx, folder, "the full folder"); err != nil {
			return err
		}
	}
	return nil
}

// startOn measures one start. Ready is when the server answers so.
func (m *measuring) startOn(ctx context.Context, folder, name string) error {
	began := time.Now()
	server, err := spawn(ctx, m.folder(folder), m.errs)
	if err != nil {
		return err
	}
	if err := server.ready(); err != nil {
		return errors.Join(err, server.end())
	}
	m.report.add("ready on "+name, "ms", float64(time.Since(began))/float64(time.Millisecond))
	time.Sleep(2 * time.Second)
	m.report.add("memory at rest on "+name, "MiB", server.memory("VmRSS"))
	return server.end()
}

// ready waits until the server says that it is.
func (c *child) ready() error {
	w, err := dialWire(c.address)
	if err != nil {
		return err
	}
	for status := 0; status != 200; {
		if status, _, err = w.ask("GET", "/readyz", "", "", nil); err != nil {
			break
		}
		if status != 200 {
			time.Sleep(time.Millisecond)
		}
	}
	return errors.Join(err, w.close())
}
