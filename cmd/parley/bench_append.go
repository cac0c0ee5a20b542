package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"parley/domain"
	"parley/eventstore"
	"parley/eventstore/embedded"
)

func newBenchAppend(o *benchOptions) *cobra.Command {
	var writers []int
	var messages, records int
	cmd := &cobra.Command{
		Use:   "append",
		Short: "Appends and reads of the embedded log, beside a bare Pebble",
		Args:  exactly(0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			method := fmt.Sprintf("In this process. Appends of one event of about 600 bytes, 25 a stream, each waits until it is durable; beside them, turn by turn, a bare Pebble "+
				"with the same options, bytes and batch limits that writes each record once with one key. %g s each, %d times.", o.seconds, o.repeats)
			return o.measure(cmd, "parley bench append", method, func(ctx context.Context, m *measuring) error {
				return m.inProcess(func() error {
					return errors.Join(m.appends(ctx, writers), m.reads(ctx, records), m.longConversation(ctx, messages))
				})
			})
		},
	}
	cmd.Flags().IntSliceVar(&writers, "writers", []int{1, 64, 512}, "how many append at once")
	cmd.Flags().IntVar(&records, "records", 500_000, "how many records the log has that is read")
	cmd.Flags().IntVar(&messages, "messages", 10_000, "how many messages the long conversation has")
	return cmd
}

// inProcess takes the profiles of what is measured in this process.
func (m *measuring) inProcess(do func() error) error {
	p := &profiles{}
	if err := p.start(m.cpuProfile, m.memProfile); err != nil {
		return err
	}
	return errors.Join(do(), p.stop())
}

// benchRecord is a message as a conversation records it, sealed.
func benchRecord() eventstore.Record {
	data := []byte(`{"client_id":"018f3c1e-7e64-7c3b-9d5a-3a6f0b1c2d3e","n":17,"text":"p1:`)
	for range 300 {
		data = append(data, byte('A'+rand.IntN(26)))
	}
	return eventstore.Record{
		ID: uuid.New(), Name: "conversation.message_sent", HappenedAt: time.Now(),
		Actor:   domain.Actor{ID: "018f3c1e-7e64-7c3b-9d5a-3a6f0b1c2d3e", Role: domain.RoleAgent},
		Command: uuid.New(), Correlation: uuid.New(), Subject: "visitor-018f3c1e", BodyHash: make([]byte, 32),
		Data: append(data, `"}`...),
	}
}

// appends measures both sides, turn by turn.
func (m *measuring) appends(ctx context.Context, writers []int) error {
	for turn := range m.repeats {
		for _, n := range writers {
			m.say("append: %d writers, turn %d of %d", n, turn+1, m.repeats)
			cpu := ownCPU()
			ours, err := m.appendFor(ctx, n, turn)
			if err != nil {
				return err
			}
			m.report.add(fmt.Sprintf("append, %d writers, processor time of an event", n), "µs", (ownCPU()-cpu).Seconds()*1e6/(ours*m.span().Seconds()))
			bare := make([]byte, 600)
			for i := range bare {
				bare[i] = byte(rand.IntN(64))
			}
			cpu = ownCPU()
			count, took, err := embedded.BareAppends(ctx, filepath.Join(m.dir, "bare"), n, m.span(), bare)
			if err != nil {
				return err
			}
			m.report.add(fmt.Sprintf("bare Pebble, %d writers, processor time of an event", n), "µs", (ownCPU()-cpu).Seconds()*1e6/float64(max(count, 1)))
			m.report.add(fmt.Sprintf("append, %d writers", n), "events/s", ours)
			m.report.add(fmt.Sprintf("bare Pebble, %d writers", n), "events/s", float64(count)/took.Seconds())
		}
	}
	for _, n := range writers {
		m.report.ratio(fmt.Sprintf("append / bare Pebble, %d writers", n), fmt.Sprintf("append, %d writers", n), fmt.Sprintf("bare Pebble, %d writers", n))
	}
	return nil
}

func (m *measuring) appendFor(ctx context.Context, writers, turn int) (perSecond float64, err error) {
	l, err := embedded.Open(embedded.Options{Dir: filepath.Join(m.dir, fmt.Sprintf("append-%d-%d", writers, turn))})
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	var total atomic.Int64
	var all sync.WaitGroup
	failed := make(chan error, writers)
	began := time.Now()
	for w := range writers {
		all.Go(func() {
			r, revision, stream := benchRecord(), eventstore.None, ""
			for i := 0; i == 0 || time.Since(began) < m.span(); i++ {
				if i%25 == 0 {
					stream, revision = fmt.Sprintf("conversation-%d-%d", w, i), eventstore.None
				}
				r.ID, r.Command = uuid.New(), uuid.New()
				if _, err := l.Append(ctx, stream, revision, r); err != nil {
					failed <- err
					return
				}
				revision++
				total.Add(1)
			}
		})
	}
	all.Wait()
	took := time.Since(began)
	select {
	case err := <-failed:
		return 0, err
	default:
		return float64(total.Load()) / took.Seconds(), nil
	}
}

// reads measures streams of 25 at random and the log as a whole, each beside
// an iteration over the same stored bytes that looks at none.
func (m *measuring) reads(ctx context.Context, records int) (err error) {
	m.say("reads: filling a log with %d records", records)
	l, err := embedded.Open(embedded.Options{Dir: filepath.Join(m.dir, "reads")})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	streams := max(records/25, 1)
	name := func(i int) string { return fmt.Sprintf("conversation-%d", i) }
	var all sync.WaitGroup
	var failed atomic.Pointer[error]
	for w := range 16 {
		all.Go(func() {
			for i := w; i < streams && failed.Load() == nil; i += 16 {
				batch := make([]eventstore.Record, 25)
				for j := range batch {
					batch[j] = benchRecord()
				}
				if _, err := l.Append(ctx, name(i), eventstore.None, batch...); err != nil {
					failed.Store(&err)
				}
			}
		})
	}
	if all.Wait(); failed.Load() != nil {
		return *failed.Load()
	}
	m.say("reads: measuring")
	load := func(i int) error {
		n := 0
		for _, err := range l.Read(ctx, eventstore.Query{Stream: name(i)}) {
			if err != nil {
				return err
			}
			n++
		}
		if n != 25 {
			return fmt.Errorf("%s has %d events", name(i), n)
		}
		return nil
	}
	cores := runtime.GOMAXPROCS(0)
	for range m.repeats {
		for _, x := range []struct {
			row     string
			readers int
			do      func(i int) error
		}{
			{"load a stream of 25, 1 reader", 1, load},
			{fmt.Sprintf("load a stream of 25, %d readers", cores), cores, load},
			{"scan a stream of 25 bare, 1 reader", 1, func(i int) error { _, err := l.BareScan(name(i)); return err }},
		} {
			perSecond, err := m.repeatedly(x.readers, func() error { return x.do(rand.IntN(streams)) })
			if err != nil {
				return err
			}
			m.report.add(x.row, "streams/s", perSecond)
		}
		began, cpu, n := time.Now(), ownCPU(), 0
		for _, err := range l.Read(ctx, eventstore.Query{Lend: true}) {
			if err != nil {
				return err
			}
			n++
		}
		m.report.add("replay, 1 reader", "events/s", float64(n)/time.Since(began).Seconds())
		m.report.add("replay, processor time of an event", "µs", float64((ownCPU()-cpu).Nanoseconds())/1000/float64(n))
		began, n = time.Now(), 0
		for _, err := range l.Read(ctx, eventstore.Query{}) {
			if err != nil {
				return err
			}
			n++
		}
		m.report.add("replay of records to keep, 1 reader", "events/s", float64(n)/time.Since(began).Seconds())
		began = time.Now()
		if n, err = l.BareScan(""); err != nil {
			return err
		}
		m.report.add("scan the log bare, 1 reader", "events/s", float64(n)/time.Since(began).Seconds())
	}
	m.report.ratio("load a stream / scan it bare", "load a stream of 25, 1 reader", "scan a stream of 25 bare, 1 reader")
	m.report.ratio("replay / scan bare", "replay, 1 reader", "scan the log bare, 1 reader")
	return nil
}

// repeatedly does one thing again and again, side by side.
func (m *measuring) repeatedly(workers int, do func() error) (perSecond float64, err error) {
	var total atomic.Int64
	var failed atomic.Pointer[error]
	var all sync.WaitGroup
	began := time.Now()
	for range workers {
		all.Go(func() {
			for time.Since(began) < m.span() && failed.Load() == nil {
				if err := do(); err != nil {
					failed.Store(&err)
				}
				total.Add(1)
			}
		})
	}
	all.Wait()
	if e := failed.Load(); e != nil {
		return 0, *e
	}
	return float64(total.Load()) / time.Since(began).Seconds(), nil
}
