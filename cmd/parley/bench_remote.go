package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"parley/eventstore"
	"parley/eventstore/embedded"
	"parley/eventstore/esdb"
	"parley/eventstore/esdbnode"
)

func newBenchRemote(o *benchOptions) *cobra.Command {
	var writers, records int
	cmd := &cobra.Command{
		Use:   "wire",
		Short: "The log over EventStoreDB's protocol, beside the log itself",
		Args:  exactly(0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			method := fmt.Sprintf("Client, node and log in this process, over loopback without TLS; beside it, turn by turn, the same log called directly, and gRPC alone: "+
				"the same messages and a server that answers at once and keeps nothing, called by the published stubs, by the vendor's client, and over one call that stays open. Single events of about "+
				"600 bytes, %d callers, each waits until its event is durable; a follower reads all of it. %g s each, %d times.", writers, o.seconds, o.repeats)
			return o.measure(cmd, "parley bench wire", method, func(ctx context.Context, m *measuring) error {
				return m.inProcess(func() error { return m.remote(ctx, writers, records) })
			})
		},
	}
	cmd.Flags().IntVar(&writers, "writers", 64, "how many append at once")
	cmd.Flags().IntVar(&records, "records", 50_000, "how many records a follower catches up with")
	return cmd
}

// remote measures the log directly and over the wire.
func (m *measuring) remote(ctx context.Context, writers, records int) error {
	for turn := range m.repeats {
		m.say("gRPC alone, turn %d of %d", turn+1, m.repeats)
		if err := m.bareWire(ctx, writers, records); err != nil {
			return err
		}
		for _, over := range []string{"direct", "wire"} {
			m.say("%s, turn %d of %d", over, turn+1, m.repeats)
			if err := m.remoteTurn(ctx, over, filepath.Join(m.dir, fmt.Sprintf("%s-%d", over, turn)), writers, records); err != nil {
				return err
			}
		}
	}
	for _, callers := range []string{"append, 1 caller", fmt.Sprintf("append, %d callers", writers)} {
		m.report.ratio(callers+", wire / gRPC alone", callers+", wire", callers+", gRPC alone")
	}
	for _, name := range []string{"append, 1 caller", fmt.Sprintf("append, %d callers", writers), "catching up", "loading a stream of 25"} {
		m.report.ratio(name+", wire / direct", name+", wire", name+", direct")
	}
	return nil
}

func (m *measuring) remoteTurn(ctx context.Context, over, dir string, writers, records int) (err error) {
	own, err := embedded.Open(embedded.Options{Dir: dir})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, own.Close()) }()
	log := eventstore.Log(own)
	if over == "wire" {
		far, stop, err := overTheWire(ctx, own)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, stop()) }()
		log = far
	}
	for _, n := range []int{1, writers} {
		name := fmt.Sprintf("append, %d callers, %s", n, over)
		if n == 1 {
			name = "append, 1 caller, " + over
		}
		cpu := ownCPU()
		count, waits, err := m.appendTo(ctx, log, n)
		if err != nil {
			return err
		}
		m.report.add(name, "events/s", float64(count)/m.span().Seconds())
		m.report.add(name+", processor time of an event", "µs", (ownCPU()-cpu).Seconds()*1e6/float64(max(count, 1)))
		m.report.latency(name, waits)
	}
	if err := m.lookUps(ctx, log, over); err != nil {
		return err
	}
	if err := m.followed(ctx, own, log, over, records); err != nil {
		return err
	}
	return m.delivered(ctx, log, over)
}

// bareWire measures gRPC alone.
func (m *measuring) bareWire(ctx context.Context, writers, records int) (err error) {
	r := benchRecord()
	bare, err := esdb.StartBare(&r)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, bare.Close()) }()
	byLine, stop, err := bare.ByLine(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop()) }()
	measure := func(name, unit string, callers, each int, do func(context.Context) error) error {
		cpu, n := ownCPU(), atomic.Int64{}
		rate, err := m.repeatedly(callers, func() error { n.Add(int64(each)); return do(ctx) })
		if err != nil {
			return err
		}
		m.report.add(name, unit, rate*float64(each))
		m.report.add(name+", processor time", "µs", (ownCPU()-cpu).Seconds()*1e6/float64(n.Load()))
		return nil
	}
	for _, callers := range []int{1, writers} {
		name := fmt.Sprintf("append, %d callers, gRPC alone", callers)
		if callers == 1 {
			name = "append, 1 caller, gRPC alone"
		}
		for _, way := range []struct {
			name string
			do   func(context.Context) error
		}{{"", bare.ByStub}, {", vendor's client", bare.ByClient}, {", one call", byLine}} {
			if err := measure(name+way.name, "events/s", callers, 1, way.do); err != nil {
				return err
			}
		}
	}
	for _, way := range []struct {
		name     string
		byClient bool
	}{{"", false}, {", vendor's client", true}} {
		err := measure("loading a stream of 25, gRPC alone"+way.name, "streams/s", 1, 1, func(ctx context.Context) error { return bare.Load(ctx, 25, way.byClient) })
		if err != nil {
			return err
		}
		err = measure("catching up, gRPC alone"+way.name, "events/s", 1, records, func(ctx context.Context) error { return bare.Follow(ctx, records, way.byClient) })
		if err != nil {
			return err
		}
	}
	return nil
}

// overTheWire serves a log on loopback and opens it from there.
func overTheWire(ctx context.Context, own *embedded.Log) (far *esdb.Log, stop func() error, err error) {
	node, err := esdbnode.New(esdbnode.Options{Log: own, Users: map[string]esdbnode.User{esdbnode.Engine: {Password: "bench", Role: esdbnode.RoleEngine}}})
	if err != nil {
		return nil, nil, err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, nil, err
	}
	done := make(chan error, 1)
	go func() { done <- node.Serve(l) }()
	far, err = esdb.Open(ctx, esdb.Options{Address: "esdb://" + esdbnode.Engine + ":bench@" + l.Addr().String() + "?tls=false"})
	if err != nil {
		return nil, nil, errors.Join(err, node.Close(), <-done)
	}
	return far, func() error { return errors.Join(far.Close(), node.Close(), <-done) }, nil
}

// appendTo appends single events from several callers for a while.
func (m *measuring) appendTo(ctx context.Context, log eventstore.Log, callers int) (int64, latencies, error) {
	var total atomic.Int64
	var failed atomic.Pointer[error]
	var all sync.WaitGroup
	waits := make([]latencies, callers)
	began := time.Now()
	for w := range callers {
		all.Go(func() {
			r, revision, stream := benchRecord(), eventstore.None, ""
			for i := 0; (i == 0 || time.Since(began) < m.span()) && failed.Load() == nil; i++ {
				if i%25 == 0 {
					stream, revision = "conversation-"+uuid.NewString(), eventstore.None
				}
				r.ID, r.Command = uuid.New(), uuid.New()
				asked := time.Now()
				if _, err := log.Append(ctx, stream, revision, r); err != nil {
					failed.Store(&err)
					return
				}
				waits[w] = append(waits[w], time.Since(asked))
				revision++
				total.Add(1)
			}
		})
	}
	all.Wait()
	if e := failed.Load(); e != nil {
		return 0, nil, *e
	}
	var together latencies
	for _, w := range waits {
		together = append(together, w...)
	}
	return total.Load(), together, nil
}

// lookUps measures loading a stream, and asking for a command nobody made.
func (m *measuring) lookUps(ctx context.Context, log eventstore.Log, over string) error {
	batch := make([]eventstore.Record, 25)
	for i := range batch {
		batch[i] = benchRecord()
	}
	if _, err := log.Append(ctx, "conversation-loaded", eventstore.None, batch...); err != nil {
		return err
	}
	ask := func(q eventstore.Query, want int) error {
		n := 0
		for _, err := range log.Read(ctx, q) {
			if err != nil {
				return err
			}
			n++
		}
		if n != want {
			return fmt.Errorf("%d records instead of %d", n, want)
		}
		return nil
	}
	cpu, loaded := ownCPU(), 0
	loads, err := m.repeatedly(1, func() error { loaded++; return ask(eventstore.Query{Stream: "conversation-loaded"}, 25) })
	if err != nil {
		return err
	}
	m.report.add("loading a stream of 25, "+over, "streams/s", loads)
	m.report.add("loading a stream of 25, "+over+", processor time", "µs", (ownCPU()-cpu).Seconds()*1e6/float64(max(loaded, 1)))
	for _, callers := range []int{1, 64} {
		asked, err := m.repeatedly(callers, func() error { return ask(eventstore.Query{Command: uuid.New()}, 0) })
		if err != nil {
			return err
		}
		m.report.add(fmt.Sprintf("asking for a command, %d at once, %s", callers, over), "commands/s", asked)
	}
	return nil
}

// followed measures how fast a follower catches up. The log is filled directly.
func (m *measuring) followed(ctx context.Context, own *embedded.Log, log eventstore.Log, over string, records int) error {
	info, err := log.Info(ctx)
	if err != nil {
		return err
	}
	var batch []embedded.Ordered
	for i := range records {
		batch = append(batch, embedded.Ordered{Stream: fmt.Sprintf("conversation-f%d", i), Expected: eventstore.None, Records: []eventstore.Record{benchRecord()}})
	}
	if err := own.AppendAll(ctx, batch); err != nil {
		return err
	}
	began, cpu, n := time.Now(), ownCPU(), 0
	for u, err := range log.Follow(ctx, info.Head, eventstore.Filter{}) {
		if err != nil {
			return err
		}
		if u.Record != nil {
			n++
		}
		if n == records {
			break
		}
	}
	m.report.add("catching up, "+over, "events/s", float64(n)/time.Since(began).Seconds())
	m.report.add("catching up, "+over+", processor time of an event", "µs", (ownCPU()-cpu).Seconds()*1e6/float64(n))
	return ctx.Err()
}

// delivered measures how long it takes from an answered append to a follower.
func (m *measuring) delivered(ctx context.Context, log eventstore.Log, over string) error {
	info, err := log.Info(ctx)
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	got, failed := make(chan uuid.UUID, 1), make(chan error, 1)
	go func() {
		for u, err := range log.Follow(ctx, info.Head, eventstore.Filter{}) {
			if err != nil {
				failed <- err
				return
			}
			if u.Record == nil {
				continue
			}
			select {
			case got <- u.Record.ID:
			case <-ctx.Done():
				return
			}
		}
	}()
	var waits latencies
	r, revision := benchRecord(), eventstore.None
	for began := time.Now(); time.Since(began) < m.span(); revision++ {
		r.ID = uuid.New()
		asked := time.Now()
		if _, err := log.Append(ctx, "conversation-delivered", revision, r); err != nil {
			return err
		}
		for id := uuid.Nil; id != r.ID; {
			select {
			case id = <-got:
			case err := <-failed:
				return err
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		waits = append(waits, time.Since(asked))
	}
	m.report.latency("from the append to a follower, "+over, waits)
	return nil
}
