package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"time"

	"github.com/spf13/cobra"
)

func newHistory(cfg *config) *cobra.Command {
	var asOf string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "history KIND ID",
		Short: "Tell what happened, in order",
		Long: `Tell what happened to a conversation, an agent, a notification or a session, in
order, as a person would. With --as-of it stops at a time or a position, and
shows how things stood then.`,
		Example: `  parley history conversation 018f3c1e-7b1a-7c7e-9a54-0b6f5d1c2e3f
  parley history agent ana --as-of 2026-11-20T09:30:00Z --json`,
		ValidArgs: []string{"conversation", "agent", "notification", "session"},
		Args:      exactly(2, "a kind (conversation, agent, notification or session) and an id"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return withLocal(cmd.Context(), cfg, cmd.ErrOrStderr(), func(ctx context.Context, l *local) error {
				return tell(ctx, l, args[0], args[1], asOf, asJSON, cmd.OutOrStdout())
			})
		},
	}
	cmd.Flags().StringVar(&asOf, "as-of", "", "a time by which it happened, such as 2026-11-20T09:30:00Z, or a position")
	cmd.Flags().BoolVar(&asJSON, "json", false, "the events as JSON")
	return cmd
}

// tell prints one history.
func tell(ctx context.Context, l *local, kind, id, asOf string, asJSON bool, out io.Writer) error {
	switch kind {
	case "conversation", "agent", "notification", "session":
	default:
		return usageError{fmt.Errorf("%q has no history: give conversation, agent, notification or session", kind)}
	}
	path := "/v1/" + kind + "s/" + url.PathEscape(id) + "/history"
	if asOf != "" {
		path += "?asOf=" + url.QueryEscape(asOf)
	}
	if asJSON {
		var story json.RawMessage
		if err := l.get(ctx, path, &story); err != nil {
			return err
		}
		_, err := fmt.Fprintf(out, "%s\n", story)
		return err
	}
	var story struct {
		Stream  string `json:"stream"`
		Entries []struct {
			At       time.Time `json:"happenedAt"`
			Sentence string    `json:"sentence"`
		} `json:"entries"`
		State map[string]any `json:"state"`
	}
	if err := l.get(ctx, path, &story); err != nil {
		return err
	}
	day := ""
	for _, e := range story.Entries {
		if d := e.At.UTC().Format("Monday, 2 January 2006 (UTC)"); d != day {
			day = d
			fmt.Fprintln(out, day)
		}
		fmt.Fprintf(out, "  %s  %s\n", e.At.UTC().Format("15:04:05"), printable(e.Sentence))
	}
	if status, ok := story.State["status"].(string); ok && status != "" {
		_, err := fmt.Fprintf(out, "Then it was %s.\n", status)
		return err
	}
	return nil
}
