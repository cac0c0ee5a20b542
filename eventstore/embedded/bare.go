package embedded

import (
	"context"
	"encoding/binary"
	"errors"
	"os"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2"
)

// BareAppends is what a benchmark holds the log against: so many writers, each
// waiting for its record to be durable, with one goroutine that commits what
// waits in one synced batch of the log's own limits, into Pebble with the log's
// own options. Each record is written once, with one index key; nothing is
// checked, sealed or told to anybody. It answers how many were written in the
// time, and how long that took. The folder is removed in the end.
func BareAppends(ctx context.Context, dir string, writers int, lasts time.Duration, record []byte) (n int64, took time.Duration, err error) {
	o := Options{Dir: dir}
	o.complete()
	l := &Log{dir: dir, fs: o.FS, health: newLogHealth(o), closing: make(chan struct{})}
	db, err := pebble.Open(dir, l.pebbleOptions(o, dir, false))
	if err != nil {
		return 0, 0, err
	}
	defer func() { err = errors.Join(err, db.Close(), os.RemoveAll(dir)) }()
	ctx, cancel := context.WithTimeout(ctx, lasts)
	defer cancel()
	queue := make(chan *bareRequest, batchRequests)
	var all sync.WaitGroup
	for range writers {
		all.Go(func() {
			req := &bareRequest{done: make(chan struct{}, 1)}
			for ctx.Err() == nil {
				req.record = append([]byte(nil), record...) // the log encodes each record anew
				queue <- req
				<-req.done
			}
		})
	}
	ended := make(chan struct{})
	go func() {
		all.Wait()
		close(ended)
	}()
	began := time.Now()
	batch := make([]*bareRequest, 0, batchRequests)
	for {
		select {
		case <-ended:
			return n, time.Since(began), err
		case first := <-queue:
			batch = append(batch[:0], first)
			for len(batch) < batchRequests && len(queue) > 0 {
				batch = append(batch, <-queue)
			}
		}
		if failed := l.sure(bareCommit(db, batch, uint64(n))); failed != nil && err == nil {
			err = failed
			cancel()
		}
		n += int64(len(batch))
		for _, req := range batch {
			req.done <- struct{}{}
		}
	}
}

type bareRequest struct {
	record []byte
	done   chan struct{}
}

func bareCommit(db *pebble.DB, batch []*bareRequest, next uint64) error {
	b := db.NewBatchWithSize(1024 + len(batch)*(len(batch[0].record)+128))
	var key []byte
	for _, req := range batch {
		next++
		key = binary.BigEndian.AppendUint64(append(key[:0], spacePosition), next)
		if err := b.Set(key, req.record, nil); err != nil {
			return err
		}
		key = append(append(key[:0], spaceCommand), req.record[:16]...)
		key = binary.BigEndian.AppendUint64(key, next)
		if err := b.Set(key, nil, nil); err != nil {
			return err
		}
	}
	if err := b.Commit(pebble.Sync); err != nil {
		return err
	}
	return b.Close()
}

// BareScan is what a benchmark holds reading against: it goes through the
// stored bytes of one stream, or of the whole log when stream is empty, and
// looks at none of them. It answers how many records there are.
func (l *Log) BareScan(stream string) (n int, err error) {
	l.reading.RLock()
	defer l.reading.RUnlock()
	prefix := []byte{spacePosition}
	if stream != "" {
		prefix = prefixKey(nil, spaceStream, stream)
	}
	lower, upper := span(prefix, 0, 1<<64-1)
	it, err := l.db.NewIter(&pebble.IterOptions{LowerBound: lower, UpperBound: upper})
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, it.Close()) }()
	for ok := it.First(); ok; ok = it.Next() {
		if _, err := it.ValueAndErr(); err != nil {
			return n, err
		}
		n++
	}
	return n, it.Error()
}
