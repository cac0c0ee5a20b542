package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"parley/api"
	"parley/domain"
)

func newDemo(cfg *config, env func(name, otherwise string) string) *cobra.Command {
	var pace float64
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Serve a workspace with live demo traffic",
		Long: `Demo serves a small shop's workspace: visitors browse, are invited, ask; agents
accept, talk, end. Everything goes over the same API that you may use at the same
time. Without --data its folder is its own and goes with it.`,
		Args: exactly(0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			if pace <= 0 || pace > 100 {
				return usageError{errors.New("--pace is a factor above 0, at most 100")}
			}
			if !cmd.Flags().Changed("data") && env("PARLEY_DATA", "") == "" {
				if cfg.data, err = os.MkdirTemp("", "parley-demo-"); err != nil {
					return err
				}
				defer func() { err = errors.Join(err, os.RemoveAll(cfg.data)) }()
			}
			d := &demo{out: cmd.OutOrStdout(), pace: pace}
			return serve(cmd.Context(), cfg, cmd.OutOrStdout(), cmd.ErrOrStderr(), d.play)
		},
	}
	serveFlags(cmd, cfg, env, "127.0.0.1:8080")
	cmd.Flags().Float64Var(&pace, "pace", 1, "how fast people type, as a factor")
	return cmd
}

// demo is the people of the workspace.
type demo struct {
	out     io.Writer
	pace    float64
	tokens  *api.Tokens
	address string

	mu       sync.Mutex
	visitors map[string]*person // by conversation
}

// demoAgents work in the shop.
var demoAgents = []struct{ id, name string }{{"ana", "Ana"}, {"ben", "Ben"}, {"cho", "Cho"}, {"dee", "Dee"}}

const demoVisitors = 6

// play sets the shop up and lets people in until ctx is done.
func (d *demo) play(ctx context.Context, h *house, address string) error {
	d.tokens, d.address, d.visitors = h.server.Tokens(), address, map[string]*person{}
	admin, err := d.person("demo", domain.RoleAdmin)
	if err != nil {
		return err
	}
	if err := d.furnish(ctx, admin); err != nil {
		return fmt.Errorf("setting the shop up: %w", err)
	}
	token, err := d.tokens.Mint("you", domain.RoleAdmin, 24*time.Hour)
	if err != nil {
		return err
	}
	d.show(token)
	g, ctx := errgroup.WithContext(ctx)
	for _, a := range demoAgents {
		g.Go(func() error { return d.work(ctx, a.id, a.name) })
	}
	for i := range demoVisitors {
		g.Go(func() error {
			d.rest(ctx, time.Duration(i)*1500*time.Millisecond)
			for ctx.Err() == nil {
				if err := d.visit(ctx, admin); err != nil && ctx.Err() == nil {
					d.say("!", "a visitor gave up: %v", err)
				}
				d.rest(ctx, time.Duration(2000+rand.IntN(4000))*time.Millisecond)
			}
			return nil
		})
	}
	return g.Wait()
}

// show tells where to look.
func (d *demo) show(token string) {
	fmt.Fprintf(d.out, `
Look at it (the token is an administrator's, for a day):

  TOKEN=%s
  curl -H "Authorization: Bearer $TOKEN" %[2]s/v1/conversations        # active conversations
  curl -H "Authorization: Bearer $TOKEN" %[2]s/v1/agents               # capacity
  curl -N -H "Authorization: Bearer $TOKEN" %[2]s/v1/feed              # everything, live
  %[2]s/docs                                                           # all there is

Ctrl-C ends it. What happens now:

`, token, d.address)
}

func (d *demo) furnish(ctx context.Context, admin *person) error {
	steps := []struct {
		path string
		body map[string]any
	}{
		{"/v1/queues/sales", map[string]any{"name": "Sales", "number": 1}},
		{"/v1/workstreams/chat", map[string]any{"channel": "chat", "settings": map[string]any{"name": "Shop chat", "queue": "sales"}}},
		{"/v1/widgets/shop", map[string]any{"workstream": "chat", "proactive": true}},
	}
	for _, a := range demoAgents {
		steps = append(steps, struct {
			path string
			body map[string]any
		}{"/v1/agents/" + a.id, map[string]any{"name": a.name, "units": 100}}, struct {
			path string
			body map[string]any
		}{"/v1/queues/sales/members/" + a.id, nil})
	}
	for _, s := range steps {
		if err := admin.send(ctx, "PUT", s.path, s.body, nil); err != nil {
			return fmt.Errorf("%s: %w", s.path, err)
		}
	}
	return nil
}

// say prints one line of what happens.
func (d *demo) say(who, format string, args ...any) {
	d.mu.Lock()
	defer d.mu.Unlock()
	fmt.Fprintf(d.out, "%s  %-12s %s\n", time.Now().Format("15:04:05"), who, printable(fmt.Sprintf(format, args...)))
}

// rest lets people think.
func (d *demo) rest(ctx context.Context, t time.Duration) {
	timer := time.NewTimer(time.Duration(float64(t) / d.pace))
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
