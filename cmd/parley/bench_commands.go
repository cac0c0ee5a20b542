package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"
)

// commandsOptions are the flags of bench commands.
type commandsOptions struct {
	connections, open, agents int
	rate                      float64
}

func newBenchCommands(o *benchOptions) *cobra.Command {
	c := &commandsOptions{}
	cmd := &cobra.Command{
		Use:   "commands",
		Short: "Commands over HTTP, from the token to the durable answer, beside an Echo that does nothing",
		Args:  exactly(0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			method := fmt.Sprintf("A server process of its own with everything on: views, policies, timers, routing. %d keep-alive connections over loopback; %d open conversations at random; "+
				"70 %% messages, 10 %% receipts, 10 %% journey, 5 %% starts, 5 %% accepts; each with token and Idempotency-Key. Offers come over the agents' feeds; what is accepted is ended and closed, which is not counted. "+
				"The no-op is an Echo with recover, request id, body limit and token, in the same process, asked by the same client. %g s each, %d times. The client shares the cores.",
				c.connections, c.open, o.seconds, o.repeats)
			return o.measure(cmd, "parley bench commands", method, func(ctx context.Context, m *measuring) error { return m.commands(ctx, c) })
		},
	}
	cmd.Flags().IntVar(&c.connections, "connections", 64, "keep-alive connections, each with one request at a time")
	cmd.Flags().IntVar(&c.open, "open", 10_000, "conversations that are open")
	cmd.Flags().IntVar(&c.agents, "agents", 0, "agents who have them; a tenth when 0")
	cmd.Flags().Float64Var(&c.rate, "rate", 2000, "requests a second of the open loop")
	return cmd
}

func (m *measuring) commands(ctx context.Context, c *commandsOptions) (err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	server, err := spawn(ctx, filepath.Join(m.dir, "data"), m.errs)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.end()) }()
	m.say("setting up %d conversations", c.open)
	began := time.Now()
	t, err := furnishTown(ctx, server, c)
	if err != nil {
		return err
	}
	defer t.close()
	m.say("that took %s", time.Since(began).Round(time.Millisecond))
	if _, err := m.drained(server); err != nil {
		return err
	}
	if _, err := m.closedLoop(t, server.noop, "", (*walker).noop); err != nil { // both sides warm
		return err
	}
	if _, err := m.closedLoop(t, server.address, "", (*walker).step); err != nil {
		return err
	}
	before, err := server.ask(childQuestion{Do: "state"})
	if err != nil {
		return err
	}
	for turn := range m.repeats {
		m.say("closed loop, turn %d of %d", turn+1, m.repeats)
		if err := m.oneTurn(t, server); err != nil {
			return err
		}
	}
	m.report.ratio("commands / no-op", "commands", "Echo no-op")
	after, err := server.ask(childQuestion{Do: "state"})
	if err != nil {
		return err
	}
	m.report.add("heap in use before", "MiB", float64(before.Heap)/(1<<20))
	m.report.add("heap in use after", "MiB", float64(after.Heap)/(1<<20))
	m.report.add("most memory of the server", "MiB", server.memory("VmHWM"))
	grown := float64(after.Heap) - float64(before.Heap)
	if grown > 128<<20 && grown > 0.5*float64(before.Heap) {
		m.report.fails("memory is not flat: the heap grew from %d to %d MiB", before.Heap>>20, after.Heap>>20)
	}
	return m.openLoops(ctx, t, server, c)
}

// oneTurn measures both sides next to each other, and what is behind at the end.
func (m *measuring) oneTurn(t *benchTown, server *child) error {
	noopCPU := server.cpu()
	noop, err := m.closedLoop(t, server.noop, "", (*walker).noop)
	if err != nil {
		return err
	}
	noopCPU = server.cpu() - noopCPU
	begun, err := server.ask(childQuestion{Do: "profile", CPU: m.cpuProfile, Mem: m.memProfile})
	if err != nil {
		return err
	}
	cpu := server.cpu()
	done, err := m.closedLoop(t, server.address, "commands", (*walker).step)
	if err != nil {
		return err
	}
	cpu = server.cpu() - cpu
	ended, err := server.ask(childQuestion{Do: "profiled"})
	if err != nil {
		return err
	}
	state, err := server.ask(childQuestion{Do: "state"})
	if err != nil {
		return err
	}
	m.report.add("commands", "/s", done.perSecond)
	m.report.add("Echo no-op", "/s", noop.perSecond)
	m.report.add("requests in all, with what is not counted", "/s", done.all)
	m.report.add("the server's processor time for a request", "µs", float64(cpu.Microseconds())/(done.all*done.took.Seconds()))
	m.report.add("the same of the no-op", "µs", float64(noopCPU.Microseconds())/(noop.perSecond*noop.took.Seconds()))
	m.report.add("records for a command that counts", "", float64(ended.Head-begun.Head)/(done.perSecond*done.took.Seconds()))
	m.report.add("live lag at the end", "s", state.Behind)
	m.report.add("accepts", "% of commands", done.accepts)
	m.report.add("refused", "% of commands", done.refused)
	if state.Behind > 1 {
		m.report.fails("the views were %.1f s behind (%d records)", state.Behind, state.Lag)
	}
	if done.refused > 1 {
		m.report.fails("%.1f %% of the commands were refused: %s", done.refused, done.why)
	}
	drain, err := m.drained(server)
	if err != nil {
		return err
	}
	m.report.add("until the views had caught up", "s", drain.Seconds())
	return nil
}

// drained waits until all views show the whole log.
func (m *measuring) drained(server *child) (time.Duration, error) {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for began := time.Now(); ; <-tick.C {
		state, err := server.ask(childQuestion{Do: "state"})
		if err != nil || state.Lag == 0 {
			return time.Since(began), err
		}
		if time.Since(began) > 2*time.Minute {
			return 0, fmt.Errorf("the views are still %d records behind after %s", state.Lag, time.Since(began))
		}
	}
}

// done is what a loop came to.
type done struct {
	perSecond, all   float64 // counted, and with what is not
	accepts, refused float64 // percent
	why              string
	took             time.Duration
}

// closedLoop lets each connection ask as fast as it is answered.
func (m *measuring) closedLoop(t *benchTown, address, row string, step func(*walker) error) (done, error) {
	var counted, all, accepts, refused atomic.Int64
	failed := make(chan error, len(t.walkers))
	var wait sync.WaitGroup
	var lasts latencies
	var mu sync.Mutex
	began := time.Now()
	for _, w := range t.walkers {
		wait.Go(func() {
			if err := w.connect(address); err != nil {
				failed <- err
				return
			}
			w.counts = walked{}
			var mine latencies
			for first := true; first || time.Since(began) < m.span(); first = false { // one at least, or there is nothing to divide by
				at := time.Now()
				if err := step(w); err != nil {
					failed <- err
					return
				}
				if w.counted {
					mine = append(mine, time.Since(at))
				}
			}
			counted.Add(w.counts.counted)
			all.Add(w.counts.all)
			accepts.Add(w.counts.accepts)
			refused.Add(w.counts.refused)
			mu.Lock()
			lasts = append(lasts, mine...)
			mu.Unlock()
		})
	}
	wait.Wait()
	took := time.Since(began)
	select {
	case err := <-failed:
		return done{}, err
	default:
	}
	if row != "" {
		m.report.latency(row+", closed loop", lasts)
	}
	n := float64(max(counted.Load(), 1))
	return done{
		perSecond: float64(counted.Load()) / took.Seconds(), all: float64(all.Load()) / took.Seconds(), took: took,
		accepts: 100 * float64(accepts.Load()) / n, refused: 100 * float64(refused.Load()) / n, why: t.why(),
	}, nil
}
