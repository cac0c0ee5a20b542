package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
)

func newProjections(cfg *config) *cobra.Command {
	var asJSON, all, compare bool
	parent := &cobra.Command{Use: "projections", Short: "List, rebuild and verify the views", Args: exactly(0, "list, rebuild or verify")}
	parent.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	list := &cobra.Command{
		Use: "list", Short: "How far each view is", Args: exactly(0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return withLocal(cmd.Context(), cfg, cmd.ErrOrStderr(), func(ctx context.Context, l *local) error {
				return listProjections(ctx, l, asJSON, cmd.OutOrStdout())
			})
		},
	}
	work := func(use, short, long, path, left string) *cobra.Command {
		c := &cobra.Command{
			Use: use + " [NAME…|--all]", Short: short, Long: long,
			Example: "  parley projections " + use + " --all\n  parley projections " + use + " agent_capacity --json",
			Args: func(_ *cobra.Command, args []string) error {
				if all == (len(args) > 0) {
					return usageError{errors.New("name the projections, or say --all")}
				}
				return nil
			},
			RunE: func(cmd *cobra.Command, names []string) error {
				asked := map[string]any{"names": names, "all": all}
				if compare {
					asked["compare"] = true
				}
				return withLocal(cmd.Context(), cfg, cmd.ErrOrStderr(), func(ctx context.Context, l *local) error {
					return leaving(workProjections(ctx, l, path, asked, asJSON, cmd.OutOrStdout(), cmd.ErrOrStderr()), left)
				})
			},
		}
		c.Flags().BoolVar(&all, "all", false, "all of them")
		return c
	}
	rebuild := work("rebuild", "Build views anew from the log",
		"Build views anew from the whole log, beside those that are served, and switch at once.", "/v1/projections/rebuild",
		"the views are served as they were")
	rebuild.Flags().BoolVar(&compare, "compare", false, "hold the new view against an independent fold before the switch")
	verify := work("verify", "Compare views with an independent fold of the log",
		`Fold the log a second, independent way and compare every row, up to the end of the
log: it waits for a view that is on its way there. Of one that is paused, or does
not go on, it says how far it was compared. Exits with 1 on the first difference.`, "/v1/projections/verify",
		"not all was compared, and nothing was changed")
	parent.PersistentFlags().BoolVar(&asJSON, "json", false, "JSON instead of text")
	parent.AddCommand(list, rebuild, verify)
	return parent
}

// listProjections prints a line a view.
func listProjections(ctx context.Context, l *local, asJSON bool, out io.Writer) error {
	var answer struct {
		Projections []struct {
			Name       string  `json:"name"`
			Version    int     `json:"version"`
			State      string  `json:"state"`
			Checkpoint string  `json:"checkpoint"`
			LagEvents  int64   `json:"lagEvents"`
			LagSeconds float64 `json:"lagSeconds"`
			Stalled    bool    `json:"stalled"`
			Parked     int     `json:"parked"`
			Failure    string  `json:"failure,omitempty"`
		} `json:"projections"`
	}
	if err := l.get(ctx, "/v1/projections", &answer); err != nil {
		return err
	}
	if asJSON {
		return json.NewEncoder(out).Encode(answer.Projections)
	}
	t := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(t, "NAME\tVERSION\tSTATE\tSHOWS\tBEHIND\tPARKED")
	for _, p := range answer.Projections {
		state := p.State
		if p.Stalled {
			state += ", stalled"
		}
		if p.Failure != "" {
			state += ": " + printable(p.Failure)
		}
		fmt.Fprintf(t, "%s\t%d\t%s\t%s\t%d events, %.1f s\t%d\n", p.Name, p.Version, state, p.Checkpoint, p.LagEvents, p.LagSeconds, p.Parked)
	}
	return t.Flush()
}

// workProjections follows a rebuild or a comparison to its end.
func workProjections(ctx context.Context, l *local, path string, asked map[string]any, asJSON bool, out, errs io.Writer) error {
	text, err := json.Marshal(asked)
	if err != nil {
		return err
	}
	b := newBar(errs, false)
	defer b.end()
	began, result := time.Now(), ""
	var different error
	err = l.lines(ctx, path, bytes.NewReader(text), func(line []byte) error {
		var step struct {
			Projection string  `json:"projection"`
			RawDone    *uint64 `json:"done"`
			RawTotal   *uint64 `json:"total"`
			PerSecond  float64 `json:"perSecond"`
			ETA        float64 `json:"etaSeconds"`
			Difference *struct {
				Table  string `json:"table"`
				Key    string `json:"key"`
				Column string `json:"column"`
				Want   string `json:"want"`
				Got    string `json:"got"`
			} `json:"difference"`
			Short    string `json:"short"` // paused or behind
			Position string `json:"position"`
			Head     string `json:"head"`
			Result   string `json:"result"`
		}
		if err := json.Unmarshal(line, &step); err != nil {
			return err
		}
		switch {
		case step.Result != "":
			result = step.Result
		case step.Difference != nil:
			d := step.Difference
			different = errors.Join(different, errors.New(printable(fmt.Sprintf("%s: table %s, key %s, column %s: the log says %s, the view has %s", step.Projection, d.Table, d.Key, d.Column, d.Want, d.Got))))
		case step.RawDone != nil && step.RawTotal != nil && !asJSON:
			b.at(step.Projection, *step.RawDone, *step.RawTotal, fmt.Sprintf("%.0f events/s, %s left", step.PerSecond, time.Duration(step.ETA*float64(time.Second)).Round(time.Second)))
		}
		if asJSON {
			_, err := fmt.Fprintf(out, "%s\n", line)
			return err
		}
		if step.Short != "" {
			b.end()
			_, err := fmt.Fprintf(out, "The view %s is %s at %s of %s, and was not compared beyond it.\n", step.Projection, step.Short, step.Position, step.Head)
			return err
		}
		return nil
	})
	b.end()
	switch {
	case err != nil:
		return err
	case different != nil:
		return different
	case result != "ok":
		return fmt.Errorf("the work ended with %q", result)
	case !asJSON:
		_, err = fmt.Fprintf(out, "ok, in %s\n", time.Since(began).Round(time.Millisecond))
	}
	return err
}
