package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

func newEvents(cfg *config) *cobra.Command {
	var after string
	var kinds, names []string
	var limit int
	var asJSON, listNames bool
	cmd := &cobra.Command{
		Use:   "events",
		Short: "Read the log itself",
		Example: `  parley events --kinds conversation --limit 20
  parley events --names agent.reserved,agent.units_released --json
  parley events --list-names`,
		Args: exactly(0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if limit < 0 {
				return usageError{fmt.Errorf("--limit %d is below 0", limit)}
			}
			return withLocal(cmd.Context(), cfg, cmd.ErrOrStderr(), func(ctx context.Context, l *local) error {
				if listNames {
					return eventNames(ctx, l, cmd.OutOrStdout())
				}
				q := url.Values{}
				if after != "" {
					q.Set("after", after)
				}
				if len(kinds) > 0 {
					q.Set("kinds", strings.Join(kinds, ","))
				}
				if len(names) > 0 {
					q.Set("names", strings.Join(names, ","))
				}
				next, err := events(ctx, l, q, limit, asJSON, cmd.OutOrStdout())
				if err == nil && next != "" {
					_, err = fmt.Fprintf(cmd.ErrOrStderr(), "there may be more: --after %s goes on, --limit 0 prints all\n", next)
				}
				return err
			})
		},
	}
	cmd.Flags().StringVar(&after, "after", "", "a position to begin after")
	cmd.Flags().StringSliceVar(&kinds, "kinds", nil, "only streams of these kinds")
	cmd.Flags().StringSliceVar(&names, "names", nil, "only events of these names")
	cmd.Flags().IntVar(&limit, "limit", 100, "how many; 0 is all")
	cmd.Flags().BoolVar(&asJSON, "json", false, "one record of JSON a line")
	cmd.Flags().BoolVar(&listNames, "list-names", false, "the names that events have")
	return cmd
}

func eventNames(ctx context.Context, l *local, out io.Writer) error {
	var answer struct {
		Names []string `json:"names"`
	}
	if err := l.get(ctx, "/v1/events/names", &answer); err != nil {
		return err
	}
	_, err := fmt.Fprintln(out, strings.Join(answer.Names, "\n"))
	return err
}

// eventsPage is the most records of one request.
const eventsPage = 200

// events prints records page by page, and tells after which position there may be
// more than limit; none is "".
func events(ctx context.Context, l *local, q url.Values, limit int, asJSON bool, out io.Writer) (next string, err error) {
	for left := limit; limit == 0 || left > 0; {
		page := eventsPage
		if limit > 0 {
			page = min(page, left)
		}
		q.Set("limit", strconv.Itoa(page))
		var answer struct {
			Events []json.RawMessage `json:"events"`
			Next   string            `json:"next"`
		}
		if err := l.get(ctx, "/v1/events?"+q.Encode(), &answer); err != nil {
			return "", err
		}
		for _, raw := range answer.Events {
			if err := printEvent(raw, asJSON, out); err != nil {
				return "", err
			}
		}
		left -= len(answer.Events)
		if next = answer.Next; next == "" {
			return "", nil
		}
		q.Set("after", next)
	}
	return next, nil
}

func printEvent(raw json.RawMessage, asJSON bool, out io.Writer) error {
	if asJSON {
		_, err := fmt.Fprintf(out, "%s\n", raw)
		return err
	}
	var e struct {
		Position   string    `json:"position"`
		Stream     string    `json:"stream"`
		Revision   int64     `json:"revision"`
		Name       string    `json:"name"`
		HappenedAt time.Time `json:"happenedAt"`
		Actor      struct{ ID, Role string }
	}
	if err := json.Unmarshal(raw, &e); err != nil {
		return err
	}
	line := fmt.Sprintf("%s  %s  %-32s %s@%d  by %s %s", e.Position, e.HappenedAt.UTC().Format("2006-01-02 15:04:05.000"), e.Name, e.Stream, e.Revision, e.Actor.Role, e.Actor.ID)
	_, err := fmt.Fprintln(out, printable(line))
	return err
}
