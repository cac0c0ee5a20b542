package esdb

import (
	"bytes"
	"context"
	"fmt"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"

	"parley/eventstore"
)

// benchEvent is about 600 bytes as it is stored.
func benchEvent() eventstore.Record {
	r := event("conversation.message_sent", 1)
	r.Correlation, r.Subject, r.BodyHash = uuid.New(), "visitor-018f3c1e", make([]byte, 32)
	r.Data = fmt.Appendf(nil, `{"text":%q}`, bytes.Repeat([]byte("x"), 360))
	return r
}

// processor measures the processor time of an operation, of both sides.
func processor(b *testing.B) (report func()) {
	used := func() time.Duration {
		var u syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
			b.Fatal(err)
		}
		return time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	b.ReportAllocs()
	b.ResetTimer()
	before := used()
	return func() { b.ReportMetric(float64((used()-before).Nanoseconds())/1e3/float64(b.N), "cpu-µs/op") }
}

// BenchmarkBare is gRPC alone, with the same messages.
func BenchmarkBare(b *testing.B) {
	r := benchEvent()
	bare, err := StartBare(&r)
	if err != nil {
		b.Fatal(err)
	}
	defer func() {
		if err := bare.Close(); err != nil {
			b.Error(err)
		}
	}()
	byLine, stop, err := bare.ByLine(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	defer func() {
		if err := stop(); err != nil {
			b.Error(err)
		}
	}()
	for name, put := range map[string]func(context.Context) error{"append by stub": bare.ByStub, "append by client": bare.ByClient, "append by line": byLine} {
		b.Run(name, func(b *testing.B) {
			b.SetParallelism(32)
			defer processor(b)()
			b.RunParallel(func(p *testing.PB) {
				for p.Next() {
					if err := put(b.Context()); err != nil {
						b.Error(err)
						return
					}
				}
			})
		})
	}
	for name, byClient := range map[string]bool{"stub": false, "client": true} {
		b.Run("load by "+name, func(b *testing.B) {
			defer processor(b)()
			for range b.N {
				if err := bare.Load(b.Context(), 25, byClient); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run("follow by "+name, func(b *testing.B) {
			defer processor(b)()
			if err := bare.Follow(b.Context(), b.N, byClient); err != nil {
				b.Fatal(err)
			}
		})
	}
}

// BenchmarkAppend appends single events from 64 callers to a node in this
// process, which a tail follows.
func BenchmarkAppend(b *testing.B) {
	l := opened(b, started(b).url())
	b.SetParallelism(32)
	var streams atomic.Int64
	defer processor(b)()
	b.RunParallel(func(p *testing.PB) {
		r := benchEvent()
		for n := 0; p.Next(); {
			stream := fmt.Sprintf("conversation-%d", streams.Add(1))
			for at := eventstore.None; at < 24 && (at < 0 || p.Next()); at++ {
				r.ID, r.Command = uuid.New(), uuid.New()
				if _, err := l.Append(b.Context(), stream, at, r); err != nil {
					b.Error(err)
					return
				}
				n++
			}
		}
	})
}

// BenchmarkFollow catches up with what is there.
func BenchmarkFollow(b *testing.B) {
	s := started(b)
	l := opened(b, s.url())
	all := make([]eventstore.Ordered, b.N)
	for i := range all {
		all[i] = eventstore.Ordered{Stream: fmt.Sprintf("conversation-%d", i), Expected: eventstore.None, Records: []eventstore.Record{benchEvent()}}
	}
	if err := s.log.AppendAll(b.Context(), all); err != nil {
		b.Fatal(err)
	}
	defer processor(b)()
	n := 0
	for u, err := range l.Follow(b.Context(), 0, eventstore.Filter{}) {
		if err != nil {
			b.Fatal(err)
		}
		if u.Record != nil {
			n++
		}
		if n == b.N {
			return
		}
	}
}

// BenchmarkLoad reads a stream of 25.
func BenchmarkLoad(b *testing.B) {
	l := opened(b, started(b).url())
	records := make([]eventstore.Record, 25)
	for i := range records {
		records[i] = benchEvent()
	}
	if _, err := l.Append(b.Context(), "conversation-1", eventstore.None, records...); err != nil {
		b.Fatal(err)
	}
	defer processor(b)()
	for range b.N {
		for _, err := range l.Read(b.Context(), eventstore.Query{Stream: "conversation-1"}) {
			if err != nil {
				b.Fatal(err)
			}
		}
	}
}
