package projections

import (
	"context"
	"errors"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"parley/domain"
	"parley/eventstore"
)

func TestReadModelIsOneFile(t *testing.T) {
	v := given(t, toy(),
		domain.Fact{Kind: "card", ID: "a", Event: opened{Queue: "q", Guest: "g", Due: time.Unix(86_400, 5_999).UTC(), Tags: []string{"x"}}},
		domain.Fact{Kind: "guest", ID: "g", Event: linked{Contact: "c"}},
		domain.Fact{Kind: "card", ID: "a", Event: tagged{Tag: "urgent"}},
		domain.Fact{Kind: "card", ID: "b", Event: opened{Queue: "q", Guest: "g"}},
	)
	ctx := context.Background()
	row, ok, err := cardTable.Find(ctx, v, "a")
	if err != nil || !ok || row.Contact != "c" || row.Moves != 1 || !row.Urgent || len(row.Tags) != 2 || row.Due.Nanosecond() != 5_000 {
		t.Fatalf("%+v %v %v", row, ok, err)
	}
	n, err := cardTable.Count(ctx, v, "WHERE contact = ? AND due < ?", "c", time.Unix(86_401, 0))
	if err != nil || n != 2 {
		t.Fatalf("%d %v", n, err)
	}
	tally, ok, err := tallyTable.One(ctx, v, "WHERE queue = ? ORDER BY day DESC", "q")
	if err != nil || !ok || tally.Cards != 1 || !tally.Day.Equal(time.Unix(86_400, 0)) {
		t.Fatalf("%+v %v", tally, err)
	}
}

func TestAPI2_WaitsForAPosition(t *testing.T) {
	h := newHouse(t, t.TempDir())
	defer h.close()
	r, stop := h.start()
	defer stop()
	for range 20 {
		at := h.record("card-a", moved{"x"})
		if err := r.Wait(soon(t), "toy", at); err != nil {
			t.Fatal(err)
		}
	}
	at := h.record("card-b", opened{Queue: "q", Title: "Ada"})
	rows := cards(t, r, at)
	if len(rows) != 1 || rows[0].Title == "Ada" || h.codec.Unseal("visitor-1", rows[0].Title) != "Ada" {
		t.Fatalf("%+v", rows)
	}
	ctx := soon(t)
	if _, err := r.View(ctx, "toy", at+1); !errors.Is(err, ErrBehind) || ctx.Err() != nil {
		t.Fatalf("a view of what is behind the log's end: %v, at once: %v", err, ctx.Err() == nil)
	}
	at = h.record("other-1x", moved{"x"}) // a kind that no projection folds is passed over
	if err := r.Wait(soon(t), "toy", at); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Position("nothing"); err == nil {
		t.Fatal("an unknown projection has a position")
	}
}

func TestWatchRingsAfterACommit(t *testing.T) {
	h := newHouse(t, t.TempDir())
	defer h.close()
	r, stop := h.start()
	defer stop()
	bell, cancel := r.Watch()
	defer cancel()
	at := h.record("card-a", opened{Queue: "q"})
	ctx := soon(t)
	for {
		if p, err := r.Position("toy"); err != nil || p >= at {
			return
		}
		select {
		case <-bell:
		case <-ctx.Done():
			t.Fatal("the bell did not ring")
		}
	}
}

func TestPoisonParksOnlyItsStream(t *testing.T) {
	h := newHouse(t, t.TempDir())
	defer h.close()
	r, stop := h.start()
	h.record("card-a", opened{Queue: "q"}, moved{"r"})
	h.record("card-b", opened{Queue: "q"})
	h.record("card-a", spoiled{}, moved{"s"})
	h.record("card-c", spoiled{Panic: true})
	at := h.record("card-b", moved{"z"})
	check := func(rows []cardRow) {
		t.Helper()
		if len(rows) != 2 || rows[0].Queue != "r" || rows[0].Moves != 1 || rows[1].Queue != "z" {
			t.Fatalf("%+v", rows)
		}
	}
	check(cards(t, r, at))
	same(t, r, "toy")
	parked, err := r.Parked(soon(t), "toy")
	if err != nil || len(parked) != 3 || parked[0].Stream != "card-a" || parked[0].Error != errSpoiled.Error() || !strings.Contains(parked[2].Error, "panicked") {
		t.Fatalf("%+v %v", parked, err)
	}
	stop()
	r, stop = h.start() // it stays parked
	check(cards(t, r, h.record("card-a", removed{})))
	st, err := r.Status(soon(t))
	if err != nil || st[0].Parked != 4 || st[0].State != StateLive || st[0].Stalled {
		t.Fatalf("%+v %v", st, err)
	}
	well := toy() // a better fold: a rebuild tries again
	well.Version = 2
	well.Fold = func(r *Rows, f domain.Fact, at At) error {
		if _, ok := f.Event.(spoiled); ok {
			return nil
		}
		return foldToy(r, f, at)
	}
	stop()
	r, stop = h.start(well)
	defer stop()
	awaitState(t, r, func(s Status) bool { return s.State == StateLive })
	if rows := cards(t, r, at+1); len(rows) != 1 || rows[0].ID != "b" {
		t.Fatalf("%+v", rows)
	}
	same(t, r, "toy")
}

// TestVerifyTellsHowFarItCompared: what the view has not read is not held
// against it, and is not taken for compared either.
func TestVerifyTellsHowFarItCompared(t *testing.T) {
	h := newHouse(t, t.TempDir())
	defer h.close()
	r := h.open()
	ok := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	defer func() { ok(r.Close()) }()
	r.patience = 0
	first := h.record("card-a", opened{Queue: "q"})
	ok(r.CatchUp(soon(t)))
	far := func(short string, position, head eventstore.Position) {
		t.Helper()
		v, err := r.Verify(soon(t), "toy")
		if err != nil || v.Difference != nil || v.Short() != short || v.Position != position || v.Head != head {
			t.Errorf("%+v, short %q: %v; want %q at %d of %d", v, v.Short(), err, short, position, head)
		}
	}
	far("", first, first)
	ok(r.Pause("toy"))
	far("", first, first)
	second := h.record("card-b", opened{Queue: "q"})
	far("paused", first, second)
	ok(r.Resume(soon(t), "toy"))
	third := h.record("card-c", opened{Queue: "q"})
	far("behind", second, third)

	// It waits for a view that is on its way.
	r.patience = 5 * time.Minute
	waits := make(chan Verified, 1)
	go func() {
		v, _ := r.Verify(soon(t), "toy") // nothing of it: seen below
		waits <- v
	}()
	for waited := false; !waited; waited = r.byName["toy"].waited(third) {
		select {
		case v := <-waits:
			t.Fatalf("it did not wait: %+v", v)
		default:
			runtime.Gosched()
		}
	}
	ok(r.CatchUp(soon(t)))
	if v := <-waits; v.Short() != "" || v.Position != third || v.Head != third {
		t.Errorf("once it is there: %+v", v)
	}
}

func TestVerifyFindsAPlantedDifference(t *testing.T) {
	h := newHouse(t, t.TempDir())
	defer h.close()
	r, stop := h.start()
	defer stop()
	cards(t, r, h.record("card-a", opened{Queue: "q"}, moved{"r"}))
	settled(t, r)
	same(t, r, "toy")
	for _, c := range []struct{ sql, undo, column string }{
		{"UPDATE cards SET moves = 7 WHERE id = 'a'", "UPDATE cards SET moves = 1 WHERE id = 'a'", "moves"},
		{"UPDATE cards SET queue = 'R' WHERE id = 'a'", "UPDATE cards SET queue = 'r' WHERE id = 'a'", "queue"},
		{"INSERT INTO contacts VALUES ('x', 'y')", "DELETE FROM contacts", ""},
		{"INSERT INTO parley_parked VALUES ('card-z', 1, '')", "DELETE FROM parley_parked", ""},
		{"DELETE FROM cards", "", ""},
	} {
		plant(t, r, c.sql)
		v, err := r.Verify(soon(t), "toy")
		if diff := v.Difference; err != nil || diff == nil || diff.Column != c.column {
			t.Fatalf("%s: %v %v", c.sql, diff, err)
		}
		if c.undo != "" {
			plant(t, r, c.undo)
			same(t, r, "toy")
		}
	}
	if err := r.Rebuild(soon(t), []string{"toy"}, nil); err != nil {
		t.Fatal(err)
	}
	same(t, r, "toy") // what was deleted is back
}

func plant(t testing.TB, r *Runner, text string) {
	t.Helper()
	r.step.Lock()
	defer r.step.Unlock()
	if err := r.byName["toy"].gen.db.writer.exec(text, nil); err != nil {
		t.Fatal(err)
	}
}

func TestANA1_PauseAndResume(t *testing.T) {
	h := newHouse(t, t.TempDir())
	defer h.close()
	r, stop := h.start()
	first := h.record("card-a", opened{Queue: "q"})
	cards(t, r, first)
	if err := r.Pause("toy"); err != nil {
		t.Fatal(err)
	}
	at := h.record("card-a", moved{"r"})
	if p, _ := r.Position("toy"); p >= at {
		t.Fatal("a paused projection goes on")
	}
	stop()
	r, stop = h.start()
	defer stop()
	if rows := cards(t, r, 0); rows[0].Queue != "q" {
		t.Fatalf("%+v", rows)
	}
	if st, err := r.Status(soon(t)); err != nil || st[0].State != StatePaused || st[0].Lag == 0 {
		t.Fatalf("%+v %v", st, err)
	}
	if err := r.Resume(soon(t), "toy"); err != nil {
		t.Fatal(err)
	}
	if rows := cards(t, r, at); rows[0].Queue != "r" {
		t.Fatalf("%+v", rows)
	}
}

func TestFollowsWhatWasWrittenWhileItWasStopped(t *testing.T) {
	h := newHouse(t, t.TempDir())
	defer h.close()
	r, stop := h.start()
	cards(t, r, h.record("card-a", opened{Queue: "q"}))
	stop()
	many := make([]any, 1500)
	for i := range many {
		many[i] = moved{"r"}
	}
	h.record("card-a", many...)
	at := h.record("card-b", append([]any{opened{Queue: "q"}}, many...)...)
	r, stop = h.start()
	defer stop()
	if rows := cards(t, r, at); len(rows) != 2 || rows[0].Moves != 1500 || rows[1].Moves != 1500 {
		t.Fatalf("%+v", rows)
	}
	same(t, r, "toy")
}

func TestAFailingDatabaseIsToldAndMended(t *testing.T) {
	h := newHouse(t, t.TempDir())
	defer h.close()
	r, stop := h.start()
	defer stop()
	cards(t, r, h.record("card-a", opened{Queue: "q"}))
	settled(t, r)
	plant(t, r, "DROP TABLE cards")
	at := h.record("card-a", moved{"r"})
	awaitState(t, r, func(s Status) bool { return strings.Contains(s.Failure, "no such table") })
	if err := r.Rebuild(soon(t), nil, nil); err != nil {
		t.Fatal(err)
	}
	if rows := cards(t, r, at); len(rows) != 1 || rows[0].Queue != "r" {
		t.Fatalf("%+v", rows)
	}
	cards(t, r, h.record("card-a", moved{"s"})) // and it goes on
	awaitState(t, r, func(s Status) bool { return s.Failure == "" })
	same(t, r, "toy")
}

// TestADatabaseThatCannotBeWrittenIsMadeAnew lets one not reach the disk: it is
// built again by itself, and goes on.
func TestADatabaseThatCannotBeWrittenIsMadeAnew(t *testing.T) {
	dir := t.TempDir()
	h := newHouse(t, dir)
	defer h.close()
	r, stop := h.start()
	defer stop()
	cards(t, r, h.record("card-a", opened{Queue: "q"}))
	settled(t, r)
	r.step.Lock()
	was := r.slots[0].gen.db
	was.writer.broken = errors.New("the disk failed")
	r.step.Unlock()
	at := h.record("card-a", moved{"r"})
	rows := cards(t, r, at)
	for limit := soon(t); len(rows) != 1 || rows[0].Queue != "r"; rows = cards(t, r, at) {
		if limit.Err() != nil {
			t.Fatalf("%+v", rows)
		}
	}
	cards(t, r, h.record("card-a", moved{"s"})) // and it goes on
	awaitState(t, r, func(s Status) bool { return s.Failure == "" })
	same(t, r, "toy")
	if _, err := os.Stat(was.path); !errors.Is(err, os.ErrNotExist) {
		t.Fatalf("the file that failed is there: %v", err)
	}
}

func TestStatusTellsWhatIsStalled(t *testing.T) {
	h := newHouse(t, t.TempDir())
	defer h.close()
	r := h.open()
	if err := r.CatchUp(soon(t)); err != nil {
		t.Fatal(err)
	}
	began := time.Now() // before the records, however long they take
	h.record("card-a", opened{Queue: "q"}, moved{"r"})
	for _, c := range []struct {
		later   time.Duration
		stalled bool
	}{{0, false}, {time.Minute, true}} {
		r.cfg.Now = func() time.Time { return began.Add(c.later) }
		st, err := r.Status(soon(t))
		if err != nil || st[0].Stalled != c.stalled || st[0].Lag == 0 || st[0].Delay < c.later/2 {
			t.Fatalf("%+v %v", st, err)
		}
	}
	if err := r.CatchUp(soon(t)); err != nil {
		t.Fatal(err)
	}
	st, err := r.Status(soon(t))
	if err != nil || st[0].Stalled || st[0].Lag != 0 || st[0].Delay != 0 || st[0].Events != 2 || st[0].Rows == 0 {
		t.Fatalf("%+v %v", st, err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestDeclarationsAreChecked(t *testing.T) {
	type bad struct {
		ID []string `row:",key"`
	}
	type none struct{ Name string }
	for _, table := range []AnyTable{NewTable[bad]("bad"), NewTable[none]("none"), NewTable[int]("ints"), NewTable[cardRow]("Bad name")} {
		p := toy()
		p.Tables = []AnyTable{table}
		if err := p.check(); err == nil {
			t.Errorf("%s is accepted", table.Name())
		}
	}
	if cardTable.Subject() != "subject" || snake("AgentID") != "agent_id" || snake("HTTPCode") != "http_code" {
		t.Error("columns are named in another way")
	}
}
