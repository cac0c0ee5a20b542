package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"parley/domain"
	"parley/eventstore"
	"parley/eventstore/embedded"
	"parley/eventstore/esdb"
)

// lived is a folder in which a server has served for a while.
func lived(t *testing.T) (data string, id string) {
	t.Helper()
	s := serveHere(t, folder(t))
	h := furnish(t, s)
	id, _ = h.talk(t, "Where is my parcel?", "On its way.")
	h.offered(t, h.ask("Hello again?"))
	star(t, sample, "--data", s.data)
	s.stop()
	return s.data, id
}

// all reads a log at an address.
func all(t *testing.T, address string) (records []eventstore.Record, marks map[string]eventstore.Mark, store string) {
	t.Helper()
	l, err := openEnd(t.Context(), address, true, embedded.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for r, err := range l.Read(t.Context(), eventstore.Query{}) {
		if err != nil {
			t.Fatal(err)
		}
		records = append(records, r)
	}
	if marks, err = l.Marks(t.Context()); err != nil {
		t.Fatal(err)
	}
	info, err := l.Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	return records, marks, info.Store
}

// sameRecords fails the test unless two logs hold the same, but for positions.
func sameRecords(t *testing.T, want, got []eventstore.Record) {
	t.Helper()
	if len(want) != len(got) {
		t.Fatalf("%d records instead of %d", len(got), len(want))
	}
	for i := range want {
		a, b := want[i], got[i]
		a.Position, b.Position = 0, 0
		if !reflect.DeepEqual(a, b) {
			t.Fatalf("record %d is\n%+v\ninstead of\n%+v", i, b, a)
		}
	}
}

// bringKeys copies a keys folder, as a person would.
func bringKeys(t *testing.T, from, to string) {
	t.Helper()
	if err := os.CopyFS(filepath.Join(to, "keys"), os.DirFS(filepath.Join(from, "keys"))); err != nil {
		t.Fatal(err)
	}
}

// TestALogMovesOverTheWireAndBack copies a folder to a server and from there
// to another folder. Each record is the same byte for byte, the engine serves
// from each, shows the same, and does nothing a second time.
func TestALogMovesOverTheWireAndBack(t *testing.T) {
	long(t)
	t.Parallel()
	first, id := lived(t)
	node := elsewhere(t)
	last := folder(t)
	var there, back copied
	decode(t, parley(t, "copy", "--from", first, "--to", node, "--json").ok(t), &there)
	text := parley(t, "copy", "--from", strings.Replace(node, "esdb://", "kurrentdb://", 1), "--to", last).ok(t)
	if !strings.Contains(text, "keys folder") || strings.Contains(text, nodePassword+"@") {
		t.Errorf("it says %q", text)
	}
	decode(t, parley(t, "copy", "--from", node, "--to", last, "--json").ok(t), &back) // once more: nothing is left to do
	if back.Written != 0 || back.Digest != there.Digest || back.Records != there.Records || back.Streams != there.Streams || there.Written != there.Records {
		t.Errorf("there %+v, back %+v", there, back)
	}
	want, marks, store := all(t, first)
	onNode, nodeMarks, nodeStore := all(t, node)
	got, _, _ := all(t, last)
	sameRecords(t, want, onNode)
	sameRecords(t, want, got)

	// The cursors stand at the same events.
	for _, name := range []string{"reactor-policies", "reactor-erasure"} {
		before, err := eventstore.ParsePosition(store, string(marks[name].Value))
		if err != nil {
			t.Fatal(err)
		}
		after, err := eventstore.ParsePosition(nodeStore, string(nodeMarks[name].Value))
		if err != nil {
			t.Fatal(err)
		}
		if a, b := upTo(want, before), upTo(onNode, after); a != b {
			t.Errorf("%s stands behind record %d, and on the node behind %d", name, a, b)
		}
	}
	if there.Marks["keys"] != markCopied || there.Marks["reactor-policies"] != markMoved {
		t.Errorf("the marks: %v", there.Marks)
	}

	// Without the keys nobody serves, and none are made.
	elsewhereToo := folder(t)
	parley(t, "check", "--data", last).fails(t, exitFail, "not the keys that read it")
	parley(t, "check", "--data", elsewhereToo, "--store", node).fails(t, exitFail, "not the keys that read it")
	if _, err := os.Stat(filepath.Join(last, "keys")); err == nil {
		t.Error("keys were made")
	}
	bringKeys(t, first, last)
	bringKeys(t, first, elsewhereToo)

	// The engine serves from each, with the same answers.
	shows := map[string]string{}
	for _, args := range [][]string{{"--data", first}, {"--data", elsewhereToo, "--store", node}, {"--data", last}} {
		s := serveHere(t, args[1], args[2:]...)
		admin := s.as("admin", "root")
		for _, path := range []string{"/v1/conversations/" + id, "/v1/conversations/" + id + "/transcript", "/v1/agents", "/v1/conversations/" + imported("1")} {
			a := s.look(admin, path)
			body, _ := a.body.(map[string]any)
			delete(body, "position")
			text := fmt.Sprint(a.body)
			if shows[path] == "" {
				shows[path] = text
			} else if shows[path] != text {
				t.Errorf("%v: %s\n%s\ninstead of\n%s", args, path, text, shows[path])
			}
		}
		// A cursor of the old log is refused.
		if args[1] != first {
			old := eventstore.Position(3).Text(store)
			admin.must(http.StatusGone, "GET", "/v1/events?after="+old, nil).want("code", "log_moved")
			admin.must(http.StatusGone, "GET", "/v1/agents?after="+old, nil).want("code", "log_moved")
			resumed(t, admin, "/v1/feed", old)
		}
		eventually(t, "the reactors are at the head", func() bool {
			return admin.send("GET", "/readyz", nil).status == http.StatusOK
		})
		s.stop()
		parley(t, append([]string{"projections", "verify", "--all"}, args...)...).ok(t)
		parley(t, append([]string{"check"}, args...)...).ok(t)
	}
	// Nothing happened again: no event was added by serving.
	for _, address := range []string{node, last} {
		got, _, _ := all(t, address)
		sameRecords(t, want, got)
	}
	rows(t, first, last)
}

// upTo counts the records up to a position.
func upTo(records []eventstore.Record, p eventstore.Position) (n int) {
	for _, r := range records {
		if r.Position <= p {
			n++
		}
	}
	return n
}

// resumed asks for a live feed with a cursor of another log.
func resumed(t *testing.T, c client, path, cursor string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), "GET", c.url+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+c.token)
	r.Header.Set("Last-Event-ID", cursor)
	got, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	var text bytes.Buffer
	if _, err := text.ReadFrom(got.Body); err != nil {
		t.Fatal(err)
	}
	if err := got.Body.Close(); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(text.String(), "log_moved") {
		t.Errorf("a feed resumed with %s answers %d: %s", cursor, got.StatusCode, text.String())
	}
}

// filled makes a data folder whose log holds n made-up records.
func filled(t *testing.T, n int) string {
	t.Helper()
	data := folder(t)
	l, err := embedded.Open(embedded.Options{Dir: filepath.Join(data, "log")})
	if err != nil {
		t.Fatal(err)
	}
	var batch []embedded.Ordered
	for i := range n {
		batch = append(batch, embedded.Ordered{Stream: fmt.Sprintf("visitor-%d", i%97), Expected: eventstore.Revision(i/97 - 1), Records: []eventstore.Record{madeUp(i)}})
	}
	if err := l.AppendAll(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	return data
}

func madeUp(i int) eventstore.Record {
	r := eventstore.Record{
		ID: uuid.New(), Name: "visitor.page_visited", HappenedAt: time.UnixMicro(int64(i) * 999).UTC(), Command: uuid.New(), Causation: uuid.New(),
		Actor: domain.Actor{ID: "v", Role: domain.RoleVisitor}, Subject: "visitor-1", Imported: i%5 == 0, Data: fmt.Appendf(nil, `{"n": %d, "text":"é"}`, i),
	}
	if i%3 == 0 {
		r.BodyHash = []byte{byte(i), 1, 2}
		r.Correlation = uuid.New()
	}
	return r
}

// TestACopyIsKilledAndGoesOn kills the real process while it copies, again and
// again, into a folder and over the wire; the last run finishes it.
func TestACopyIsKilledAndGoesOn(t *testing.T) {
	t.Parallel()
	for _, where := range []string{"folder", "server"} {
		t.Run(where, func(t *testing.T) {
			t.Parallel()
			n := 60_000
			if testing.Short() {
				n = 10_000
			}
			from := filled(t, n)
			target := func() string {
				if where == "server" {
					return startNode(t).url()
				}
				return folder(t)
			}
			want, _, _ := all(t, from)
			to, middle, wait := target(), 0, 30*time.Millisecond
			for until := time.Now().Add(patience); middle < 2; wait += wait / 4 {
				if time.Now().After(until) {
					t.Fatal("it never could be killed twice in the middle")
				}
				cmd, _, errs := start(t, "copy", "--from", from, "--to", to)
				ended := make(chan error, 1)
				go func() { ended <- cmd.Wait() }()
				select {
				case <-time.After(wait):
					if err := cmd.Process.Kill(); err != nil {
						t.Log(err) // it has just ended
					}
					<-ended
				case err := <-ended:
					if err != nil {
						t.Fatalf("%v:\n%s", err, errs)
					}
				}
				switch got, _ := countAt(t, to); {
				case got == n: // all of it came before the kill: once more, and sooner
					to, middle, wait = target(), 0, wait/2
				case got > 0:
					middle++
					t.Logf("killed at %d of %d records", got, n)
					refusesToServe(t, to)
				}
			}
			var done copied
			decode(t, parley(t, "copy", "--from", from, "--to", to, "--json").ok(t), &done)
			if done.Written == 0 || done.Written >= done.Records || done.Records != uint64(n) || done.Streams != 97 {
				t.Errorf("the last run says %+v", done)
			}
			got, _, _ := all(t, to)
			sameRecords(t, want, got)
		})
	}
}

// countAt counts what a target holds so far; 0 when it is not there yet.
func countAt(t *testing.T, address string) (int, error) {
	t.Helper()
	l, err := openEnd(t.Context(), address, true, embedded.Options{})
	if err != nil {
		return 0, err
	}
	n := 0
	for _, err := range l.Read(t.Context(), eventstore.Query{}) {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	return n, l.Close()
}

func refusesToServe(t *testing.T, address string) {
	t.Helper()
	args := []string{"check", "--data", address}
	if esdb.IsAddress(address) {
		args = []string{"check", "--data", folder(t), "--store", address}
	}
	parley(t, args...).fails(t, exitFail, "not finished", "parley copy")
}

// TestACopyRefusesALogThatIsServed: a server works on an empty log with the same
// keys, and would react to all that is copied as if it happened now.
func TestACopyRefusesALogThatIsServed(t *testing.T) {
	long(t)
	t.Parallel()
	from, _ := lived(t)
	node := startNode(t)
	s := serveProcess(t, folder(t), "--store", node.url(), "--keys", filepath.Join(from, "keys"))
	parley(t, "copy", "--from", from, "--to", node.url()).fails(t, exitFail, "a server works on", "nothing was copied")
	s.stop()
	if records, _, _ := all(t, node.url()); len(records) > 0 {
		t.Errorf("%d records are in it", len(records))
	}
}

// TestACopyOfALogThatIsServedIsNotFinished: a server that lets anybody read its log
// is idle, and takes the next message all the same.
func TestACopyOfALogThatIsServedIsNotFinished(t *testing.T) {
	long(t)
	t.Parallel()
	address := held(t)
	s := serveProcess(t, folder(t), "--esdb-listen", address)
	furnish(t, s)
	parley(t, "copy", "--from", "esdb://"+address+"?tls=false", "--to", folder(t)).fails(t, exitFail, "is in use")
}

// TestACopyLeavesPersistentSubscriptionsBehind: a group in the copy would pass over
// what it has not done, since what other programs wrote is left out there.
func TestACopyLeavesPersistentSubscriptionsBehind(t *testing.T) {
	t.Parallel()
	from := filled(t, 10)
	l, err := embedded.Open(embedded.Options{Dir: filepath.Join(from, "log")})
	if err != nil {
		t.Fatal(err)
	}
	kept := []string{"esdb-groups", "esdb-group-4f0a"}
	for _, name := range kept {
		if _, err := l.Mark(t.Context(), name, func(eventstore.Mark) ([]byte, bool) { return []byte("a 7"), true }); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	to := folder(t)
	var done copied
	decode(t, parley(t, "copy", "--from", from, "--to", to, "--json").ok(t), &done)
	_, marks, _ := all(t, to)
	for _, name := range kept {
		if m := marks[name]; m.Revision > 0 || done.Marks[name] != markLeft {
			t.Errorf("%s: %q, %q", name, done.Marks[name], m.Value)
		}
	}
}

func TestACopyRefusesWhatIsNotItsOwn(t *testing.T) {
	long(t)
	t.Parallel()
	from, other, node := filled(t, 300), filled(t, 10), elsewhere(t)
	parley(t, "copy", "--from", from).fails(t, exitUsage, "--to")
	parley(t, "copy", "--from", from, "--to", from).fails(t, exitFail, "holds")
	parley(t, "copy", "--from", folder(t), "--to", other).fails(t, exitFail, "no log in")
	foreign := elsewhereAs(t, func(l eventstore.Log) eventstore.Log { return nameless{l} })
	parley(t, "copy", "--from", foreign, "--to", folder(t)).fails(t, exitFail, "--from", "no log of Parley")
	parley(t, "copy", "--from", from, "--to", other).fails(t, exitFail, "a log of its own")
	parley(t, "copy", "--from", from, "--to", node).ok(t)
	parley(t, "copy", "--from", node, "--to", node).fails(t, exitFail, "the same log")
	parley(t, "copy", "--from", other, "--to", node).fails(t, exitFail, "a copy of another log")

	l, err := esdb.Open(t.Context(), esdb.Options{Address: node})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.Append(t.Context(), "visitor-own", eventstore.None, madeUp(1)); err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	parley(t, "copy", "--from", from, "--to", node).fails(t, exitFail, "has gone on by itself", "visitor-own")
	if r := parley(t, "check", "--data", folder(t), "--store", node); strings.Contains(r.errs, "not finished") {
		t.Errorf("what was refused has spoiled the target: %s", r.errs)
	}

	s := serveHere(t, folder(t))
	parley(t, "copy", "--from", s.data, "--to", folder(t)).fails(t, exitFail, "a server holds", "backup")
	backup := filepath.Join(folder(t), "copy")
	parley(t, "backup", backup, "--data", s.data).ok(t)
	parley(t, "copy", "--from", backup, "--to", folder(t)).ok(t)
	s.stop()
}

// TestACopyOfADamagedLogNamesTheDamage flips bytes of the source's files.
func TestACopyOfADamagedLogNamesTheDamage(t *testing.T) {
	long(t)
	t.Parallel()
	from := filled(t, 5_000)
	files, err := filepath.Glob(filepath.Join(from, "log", "pebble", "*.log"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%v: %v", files, err)
	}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for i := len(text) / 2; i < len(text)/2+64 && i < len(text); i++ {
			text[i] ^= 0x55
		}
		if err := os.WriteFile(name, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	parley(t, "copy", "--from", from, "--to", folder(t)).fails(t, exitFail, "damaged", from)
}

// busyEnd is a log that goes on each time it is asked how far it is.
type busyEnd struct {
	end
	at eventstore.Revision
}

func (b *busyEnd) Info(ctx context.Context) (eventstore.Info, error) {
	if _, err := b.Append(ctx, "visitor-busy", b.at, madeUp(1)); err != nil {
		return eventstore.Info{}, err
	}
	b.at++
	return b.end.Info(ctx)
}

// TestASourceThatGoesOnIsNotDone copies from a server that is written to all
// the while: the copy says so, nobody serves from it, and with the writer gone
// the same command finishes it. A server that runs on the source is noticed
// though nothing happens there.
func TestASourceThatGoesOnIsNotDone(t *testing.T) {
	long(t)
	t.Parallel()
	node, to := elsewhere(t), folder(t)
	parley(t, "copy", "--from", filled(t, 500), "--to", node).ok(t)
	from, err := openEnd(t.Context(), node, true, embedded.Options{})
	if err != nil {
		t.Fatal(err)
	}
	target, err := openEnd(t.Context(), to, false, embedded.Options{})
	if err != nil {
		t.Fatal(err)
	}
	c := &copying{from: &busyEnd{end: from, at: eventstore.None}, to: target, fromName: "here", toName: "there", bar: newBar(io.Discard, true)}
	if _, err := c.run(t.Context()); err == nil || !strings.Contains(err.Error(), "went on while it was copied") || !strings.Contains(err.Error(), "same command again") {
		t.Errorf("it says %v", err)
	}
	for _, l := range []io.Closer{from, target} {
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
	refusesToServe(t, to)
	parley(t, "copy", "--from", node, "--to", to).ok(t)
	want, _, _ := all(t, node)
	got, _, _ := all(t, to)
	sameRecords(t, want, got)

	busy := elsewhere(t)
	s := serveHere(t, folder(t), "--store", busy)
	again := folder(t)
	parley(t, "copy", "--from", busy, "--to", again).fails(t, exitFail, "stop every server")
	s.stop()
	parley(t, "copy", "--from", busy, "--to", again).ok(t)

	// Nor does it touch a target that is in use already.
	used, data := elsewhere(t), folder(t)
	parley(t, "copy", "--from", busy, "--to", used).ok(t)
	bringKeys(t, s.data, data)
	s = serveHere(t, data, "--store", used)
	parley(t, "copy", "--from", busy, "--to", used).fails(t, exitFail, "a server works on")
	s.stop()
	serveHere(t, data, "--store", used).stop()
}
