package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sort"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"parley/domain"
	"parley/domain/conversation"
	"parley/eventstore"
	"parley/projections"
)

func newBenchRebuild(o *benchOptions) *cobra.Command {
	var events int
	var file, folder string
	var rate float64
	cmd := &cobra.Command{
		Use:   "rebuild",
		Short: "From the log to all read models, and how soon a row shows what was appended",
		Args:  exactly(0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			method := fmt.Sprintf("In this process, a log of %s. All projections are rebuilt together; beside it the log is read and decoded and nothing else. "+
				"Then messages are appended at %g/s and it is measured when all projections show each. %d times.", source(folder, file, events), rate, o.repeats)
			return o.measure(cmd, "parley bench rebuild", method, func(ctx context.Context, m *measuring) error {
				return m.rebuilds(ctx, folder, events, file, rate)
			})
		},
	}
	cmd.Flags().IntVar(&events, "events", 500_000, "how many events")
	cmd.Flags().StringVar(&file, "file", "", "STAR dialogues, plain or gzipped; made up when empty")
	cmd.Flags().StringVar(&folder, "folder", "", "a data folder that stays: it is filled when it is not there, and measured as it is when it is")
	cmd.Flags().Float64Var(&rate, "rate", 2000, "appends a second while the live lag is measured; 0 leaves it out")
	return cmd
}

// source says what log is measured.
func source(folder, file string, events int) string {
	if _, err := os.Stat(folder); folder != "" && err == nil {
		return "the folder given"
	}
	from := "made up"
	if file != "" {
		from = "its file"
	}
	return fmt.Sprintf("about %d events as STAR has them (%s), copied under other ids", events, from)
}

func (m *measuring) rebuilds(ctx context.Context, folder string, events int, file string, rate float64) (err error) {
	n, err := m.filled(ctx, &folder, "rebuild", file, events)
	if err != nil {
		return err
	}
	forgetMemory()
	h, err := m.benchHouse(ctx, folder)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, h.close()) }()
	m.report.add("events", "", float64(n))
	p := &profiles{}
	if err := p.start(m.cpuProfile, m.memProfile); err != nil {
		return err
	}
	for turn := range m.repeats {
		m.say("turn %d of %d", turn+1, m.repeats)
		if err := m.rebuildOnce(ctx, h, n); err != nil {
			return err
		}
	}
	if err := p.stop(); err != nil {
		return err
	}
	m.report.ratio("rebuild / read and decode", "rebuild of all projections", "read and decode, 1 reader")
	m.report.add("most memory of the process while it rebuilt", "MiB", memoryOf(os.Getpid(), "VmHWM"))
	if rate <= 0 {
		return nil
	}
	return m.liveLag(ctx, h, rate)
}

func (m *measuring) rebuildOnce(ctx context.Context, h *house, n int) error {
	began, cpu, read := time.Now(), ownCPU(), 0
	for r, err := range h.engine.Log.Read(ctx, eventstore.Query{Lend: true}) {
		if err != nil {
			return err
		}
		if _, err := h.engine.Codec.Fact(r); err != nil {
			return err
		}
		read++
	}
	m.report.add("read and decode, 1 reader", "events/s", float64(read)/time.Since(began).Seconds())
	m.report.add("read and decode, processor time of an event", "µs", (ownCPU()-cpu).Seconds()*1e6/float64(read))
	began, cpu = time.Now(), ownCPU()
	if err := h.runner.Rebuild(ctx, nil, nil); err != nil {
		return err
	}
	m.report.add("rebuild of all projections", "events/s", float64(n)/time.Since(began).Seconds())
	m.report.add("rebuild, processor time of an event", "µs", (ownCPU()-cpu).Seconds()*1e6/float64(n))
	all, err := h.runner.Status(ctx)
	if err != nil {
		return err
	}
	rows := int64(0)
	for _, s := range all {
		rows += s.Rows
	}
	m.report.add("rows written for an event", "", float64(rows)/float64(n))
	return nil
}

// liveLag appends at a rate and notes when every projection shows what was
// appended. Nobody asks the views meanwhile, so nothing is written early.
func (m *measuring) liveLag(ctx context.Context, h *house, rate float64) (err error) {
	m.say("live lag at %g appends a second", rate)
	ctx, cancel := context.WithCancel(ctx)
	var following sync.WaitGroup
	failed := make(chan error, 1)
	following.Go(func() { failed <- h.runner.Run(ctx) })
	defer func() {
		cancel()
		following.Wait()
		err = errors.Join(err, <-failed)
	}()
	const talks = 200
	run := fmt.Sprint("live-", time.Now().UnixNano(), "-")
	for i := range talks {
		id := fmt.Sprint(run, i)
		if _, err := eventstore.Do(ctx, h.engine, &conversation.Kind, id, conversation.Start{Opening: benchOpening(id, id, time.Now())}, eventstore.Meta{}); err != nil {
			return err
		}
	}
	for range m.repeats {
		if err := m.liveTurn(ctx, h, rate, run, talks); err != nil {
			return err
		}
	}
	return nil
}

// appended is one record on its way into the rows.
type appended struct {
	position eventstore.Position
	at       time.Time
}

func (m *measuring) liveTurn(ctx context.Context, h *house, rate float64, run string, talks int) error {
	n := int(rate * m.span().Seconds())
	var mu sync.Mutex
	var waiting []appended
	var lasts latencies
	bell, cancel := h.runner.Watch()
	defer cancel()
	stopped := make(chan struct{})
	gathered := make(chan struct{})
	go func() {
		defer close(gathered)
		for {
			select {
			case <-bell:
			case <-stopped:
				return
			}
			shown, now := h.shown(), time.Now()
			mu.Lock()
			i := sort.Search(len(waiting), func(i int) bool { return waiting[i].position > shown })
			for _, a := range waiting[:i] {
				lasts = append(lasts, now.Sub(a.at))
			}
			waiting = waiting[i:]
			mu.Unlock()
		}
	}()
	began := time.Now()
	for i := range n {
		time.Sleep(time.Until(began.Add(time.Duration(float64(i) / rate * float64(time.Second)))))
		cmd := conversation.Receive{ID: domain.Derive(fmt.Sprint(began.UnixNano(), i)), Text: domain.Personal(benchText), At: time.Now()}
		out, err := eventstore.Do(ctx, h.engine, &conversation.Kind, fmt.Sprint(run, i%talks), cmd, eventstore.Meta{})
		if err != nil {
			return err
		}
		mu.Lock()
		waiting = append(waiting, appended{out.Position, time.Now()})
		mu.Unlock()
	}
	m.report.add("appends reached", "/s", float64(n)/time.Since(began).Seconds())
	for left := 1; left > 0; {
		time.Sleep(10 * time.Millisecond)
		mu.Lock()
		left = len(waiting)
		mu.Unlock()
	}
	close(stopped)
	<-gathered
	m.report.latency("from the append to the row", lasts)
	return nil
}

// shown is how far the slowest projection shows the log.
func (h *house) shown() eventstore.Position {
	least := ^eventstore.Position(0)
	for _, p := range projections.All() {
		at, err := h.runner.Position(p.Name)
		if err != nil {
			return 0
		}
		least = min(least, at)
	}
	return least
}
