package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"
)

func newBenchFeed(o *benchOptions) *cobra.Command {
	var connections int
	var rate float64
	cmd := &cobra.Command{
		Use:   "feed",
		Short: "Live feeds: how soon the one who is concerned is told, and what a connection costs",
		Args:  exactly(0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			method := fmt.Sprintf("A server process of its own with %d visitors, each with a conversation and an open feed. Messages to conversations at random, %g a second, "+
				"each concerns one feed. Measured until the client has read the event, from the request's writing (that is with the durable append) and from the answer's arrival. %g s each, %d times.",
				connections, rate, o.seconds, o.repeats)
			return o.measure(cmd, "parley bench feed", method, func(ctx context.Context, m *measuring) error { return m.feeds(ctx, connections, rate) })
		},
	}
	cmd.Flags().IntVar(&connections, "connections", 1000, "feeds that are open, at most 5000")
	cmd.Flags().Float64Var(&rate, "rate", 500, "events a second")
	return cmd
}

// feedMark stands before a message's number, so that the reader of the feed
// finds which message it is told of.
const feedMark = "message number "

func (m *measuring) feeds(ctx context.Context, connections int, rate float64) (err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	server, t, err := newFeedTown(ctx, m, connections)
	if server != nil {
		defer func() { err = errors.Join(err, server.end()) }()
	}
	if err != nil {
		return err
	}
	defer t.close()
	before, err := server.ask(childQuestion{Do: "state"})
	if err != nil {
		return err
	}
	resident := server.memory("VmRSS")
	arrived := make([]atomic.Int64, 1<<20) // when message i was read off a feed
	m.say("opening %d feeds", connections)
	for _, one := range t.talks {
		err := t.listen("/v1/conversations/"+one.id+"/feed", one.visitorToken, func(_, data []byte) {
			at := time.Now().UnixNano()
			_, rest, ok := bytes.Cut(data, []byte(feedMark))
			if !ok {
				return
			}
			digits, _, _ := bytes.Cut(rest, []byte("."))
			if i, err := strconv.Atoi(string(digits)); err == nil && i < len(arrived) {
				arrived[i].CompareAndSwap(0, at)
			}
		})
		if err != nil {
			return err
		}
	}
	after, err := server.ask(childQuestion{Do: "state"})
	if err != nil {
		return err
	}
	m.report.add("heap of a connection", "KiB", float64(int64(after.Heap)-int64(before.Heap))/1024/float64(connections))
	m.report.add("resident memory of a connection", "KiB", (server.memory("VmRSS")-resident)*1024/float64(connections))
	if _, err := server.ask(childQuestion{Do: "profile", CPU: m.cpuProfile, Mem: m.memProfile}); err != nil {
		return err
	}
	next := 0
	for turn := range m.repeats {
		m.say("turn %d of %d", turn+1, m.repeats)
		if next, err = m.tellFeeds(t, server, arrived, next, rate); err != nil {
			return err
		}
	}
	_, err = server.ask(childQuestion{Do: "profiled"})
	return err
}

// tellFeeds sends messages at the rate over some connections, and gathers when
// each was read.
func (m *measuring) tellFeeds(t *benchTown, server *child, arrived []atomic.Int64, first int, rate float64) (int, error) {
	const senders = 16
	n := min(int(m.span().Seconds()*rate), len(arrived)-first)
	sent, answered := make([]time.Time, n), make([]time.Time, n)
	var taken atomic.Int64
	began := time.Now()
	failed := make(chan error, senders)
	for range senders {
		go func() {
			failed <- func() error {
				w, err := dialWire(server.address)
				if err != nil {
					return err
				}
				for i := int(taken.Add(1)) - 1; i < n; i = int(taken.Add(1)) - 1 {
					time.Sleep(time.Until(began.Add(time.Duration(float64(i) / rate * float64(time.Second)))))
					one := t.talks[rand.IntN(len(t.talks))]
					body := fmt.Appendf(nil, `{"text":"%s%d."}`, feedMark, first+i)
					sent[i] = time.Now()
					status, text, err := w.ask("POST", one.messages, one.agent, "", body)
					if err != nil || status != 201 {
						return errors.Join(err, fmt.Errorf("a message: %d %s", status, text))
					}
					answered[i] = time.Now()
				}
				return w.close()
			}()
		}()
	}
	for range senders {
		if err := <-failed; err != nil {
			return 0, err
		}
	}
	if _, err := m.drained(server); err != nil {
		return 0, err
	}
	arrive(n, func(i int) bool { return arrived[first+i].Load() != 0 })
	var whole, after latencies
	lost := 0
	for i := range n {
		at := arrived[first+i].Load()
		if at == 0 {
			lost++
			continue
		}
		whole = append(whole, time.Unix(0, at).Sub(sent[i]))
		after = append(after, time.Unix(0, at).Sub(answered[i]))
	}
	m.report.latency("from the request to the event", whole)
	m.report.latency("from the answer to the event", after)
	m.report.add("events lost", "", float64(lost))
	if lost > 0 {
		m.report.fails("%d of %d events did not arrive", lost, n)
	}
	return first + n, nil
}

// arrivalTime is how long after all was recorded an event may still be under way
// to a busy client, before it counts as lost.
const arrivalTime = time.Minute

// arrive waits until each of n has arrived, or none comes any more.
func arrive(n int, here func(i int) bool) {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for i, until := 0, time.Now().Add(arrivalTime); i < n && time.Now().Before(until); {
		if here(i) {
			i++
		} else {
			<-tick.C
		}
	}
}
