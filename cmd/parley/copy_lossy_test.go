package main

import (
	"context"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"parley/eventstore"
	"parley/eventstore/embedded"
	"parley/eventstore/esdb"
)

// lossy stands between a client and a node. Now and then it swallows what the
// node answers and then cuts the connection, or lets nothing pass at all.
type lossy struct {
	t        *testing.T
	address  string // of the node
	listener net.Listener
	work     sync.WaitGroup
	every    int64 // answers of so many bytes pass between two losses
	losses   atomic.Int64
	stalls   atomic.Int64
	over     chan struct{}
}

func startLossy(t *testing.T, address string, every int64) *lossy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &lossy{t: t, address: address, listener: l, every: every, over: make(chan struct{})}
	p.work.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			p.work.Go(func() { p.serve(c) })
		}
	})
	t.Cleanup(func() {
		close(p.over)
		if err := l.Close(); err != nil {
			t.Error(err)
		}
		p.work.Wait()
	})
	return p
}

func (p *lossy) url() string { return nodeURL(p.listener.Addr().String()) }

func (p *lossy) serve(from net.Conn) {
	defer func() { _ = from.Close() }()
	to, err := net.Dial("tcp", p.address)
	if err != nil {
		return // the node is away
	}
	both := make(chan struct{}, 2)
	p.work.Go(func() {
		_, _ = io.Copy(to, from)
		both <- struct{}{}
	})
	p.work.Go(func() {
		p.answers(from, to)
		both <- struct{}{}
	})
	select {
	case <-both:
	case <-p.over:
	}
	_, _ = to.Close(), from.Close()
}

// answers hands on what the node says, until it loses some of it.
func (p *lossy) answers(to io.Writer, from io.Reader) {
	buf := make([]byte, 4096)
	for passed := int64(0); ; {
		n, err := from.Read(buf)
		if err != nil {
			return
		}
		if passed += int64(n); passed > p.every {
			if p.losses.Add(1)%5 == 2 {
				p.stalls.Add(1)
				<-p.over // it still listens, and says nothing any more
			}
			return
		}
		if _, err := to.Write(buf[:n]); err != nil {
			return
		}
	}
}

// openHasty opens a log that gives up early, so that what is lost is soon tried
// again. On a busy machine that is too early now and then.
func openHasty(t *testing.T, address string) (l *esdb.Log) {
	t.Helper()
	eventually(t, "the log opens", func() bool {
		var err error
		l, err = esdb.Open(t.Context(), esdb.Options{Address: address, Timeout: time.Second, Patience: 100 * time.Millisecond})
		return err == nil
	})
	return l
}

// killing kills the node and starts it again before it is first written to, and
// once more in the middle.
type killing struct {
	*esdb.Log
	node  *nodeProcess
	times int
}

func (k *killing) AppendAll(ctx context.Context, appends []eventstore.Ordered) error {
	if k.times++; k.times == 1 || k.times == 3 {
		k.node.again()
	}
	return k.Log.AppendAll(ctx, appends)
}

// TestACopySurvivesLostAnswers copies to a node that loses its answers, says
// nothing any more, and is killed and started again: the copy finishes by itself,
// and each record is there once and in its place.
func TestACopySurvivesLostAnswers(t *testing.T) {
	long(t)
	t.Parallel()
	const n = 10_000
	from, node := filled(t, n), startNode(t)
	p := startLossy(t, node.address, 256<<10)
	source, err := openEnd(t.Context(), from, true, embedded.Options{})
	if err != nil {
		t.Fatal(err)
	}
	target := openHasty(t, p.url())
	c := &copying{from: source, to: &killing{Log: target, node: node}, fromName: "here", toName: "there", bar: newBar(io.Discard, true), patience: patience}
	done, err := c.run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if done.Records != n || done.Written != n {
		t.Errorf("it says %+v", done)
	}
	if p.losses.Load() < 3 || p.stalls.Load() == 0 {
		t.Errorf("%d answers were lost, %d times nothing was said any more: that tries nothing", p.losses.Load(), p.stalls.Load())
	}
	for _, l := range []io.Closer{source, target} {
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
	want, _, _ := all(t, from)
	got, _, _ := all(t, node.url())
	sameRecords(t, want, got)
}

// TestACopyGivesUpInTheEnd waits no longer than it says for a server that does
// not come back, names it, and says what to do; then the same command goes on.
func TestACopyGivesUpInTheEnd(t *testing.T) {
	long(t)
	t.Parallel()
	from, node := filled(t, 100), startNode(t)
	source, err := openEnd(t.Context(), from, true, embedded.Options{})
	if err != nil {
		t.Fatal(err)
	}
	target := openHasty(t, node.url())
	node.end(os.Kill)
	c := &copying{from: source, to: target, fromName: "here", toName: "there", bar: newBar(io.Discard, true), patience: time.Second}
	if _, err = c.run(t.Context()); err == nil || !strings.Contains(err.Error(), "same command again") || !strings.Contains(err.Error(), node.address) {
		t.Errorf("it says %v", err)
	}
	for _, l := range []io.Closer{source, target} {
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
	node.start()
	parley(t, "copy", "--from", from, "--to", node.url()).ok(t)
}
