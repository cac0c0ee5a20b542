package embedded

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"parley/domain"
	"parley/eventstore"
)

// sample is a message as a conversation records it, sealed: about 400 bytes.
func sample() eventstore.Record {
	data := []byte(`{"client_id":"018f3c1e-7e64-7c3b-9d5a-3a6f0b1c2d3e","n":17,"text":"p1:`)
	for range 300 {
		data = append(data, 'Q')
	}
	return eventstore.Record{
		ID: uuid.New(), Name: "conversation.message_sent", HappenedAt: time.Now(),
		Actor:   domain.Actor{ID: "018f3c1e-7e64-7c3b-9d5a-3a6f0b1c2d3e", Role: domain.RoleAgent},
		Command: uuid.New(), Correlation: uuid.New(), Subject: "visitor-018f3c1e", BodyHash: make([]byte, 32),
		Data: append(data, `"}`...),
	}
}

// BenchmarkAppend appends single events, each acknowledged once it is on disk.
func BenchmarkAppend(b *testing.B) {
	for _, writers := range []int{1, 16, 64, 256} {
		b.Run(fmt.Sprintf("writers=%d", writers), func(b *testing.B) {
			l, err := Open(Options{Dir: b.TempDir()})
			if err != nil {
				b.Fatal(err)
			}
			defer l.Close()
			var n atomic.Int64
			var wg sync.WaitGroup
			b.ResetTimer()
			for w := range writers {
				wg.Go(func() {
					r := sample()
					rev := eventstore.None
					stream, count := "", 0
					for n.Add(1) <= int64(b.N) {
						if count%25 == 0 {
							stream, rev = fmt.Sprintf("conversation-%d-%d", w, count), eventstore.None
						}
						count++
						r.Command = uuid.New()
						if _, err := l.Append(context.Background(), stream, rev, r); err != nil {
							b.Error(err)
							return
						}
						rev++
					}
				})
			}
			wg.Wait()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
		})
	}
}

// filled is a log of so many records in streams of 25.
func filled(b *testing.B, records int) *Log {
	l, err := Open(Options{Dir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = l.Close() })
	for n := 0; n < records; n += 25 {
		batch := make([]eventstore.Record, 25)
		for i := range batch {
			batch[i] = sample()
		}
		if _, err := l.Append(context.Background(), fmt.Sprintf("conversation-%d", n), eventstore.None, batch...); err != nil {
			b.Fatal(err)
		}
	}
	if err := l.db.Flush(); err != nil {
		b.Fatal(err)
	}
	return l
}

// BenchmarkReplay reads and decodes the whole log, and one stream.
func BenchmarkReplay(b *testing.B) {
	const records = 200_000
	l := filled(b, records)
	for _, bench := range []struct {
		name string
		n    int
		q    eventstore.Query
	}{
		{"log", records, eventstore.Query{}},
		{"name", records, eventstore.Query{Names: []string{"conversation.message_sent"}}},
		{"stream", 25, eventstore.Query{Stream: "conversation-100000"}},
	} {
		b.Run(bench.name, func(b *testing.B) {
			b.ReportAllocs()
			for range b.N {
				n := 0
				for _, err := range l.Read(context.Background(), bench.q) {
					if err != nil {
						b.Fatal(err)
					}
					n++
				}
				if n != bench.n {
					b.Fatalf("read %d records", n)
				}
			}
			b.ReportMetric(float64(b.N*bench.n)/b.Elapsed().Seconds(), "events/s")
		})
	}
}
