package projections

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"parley/domain"
	"parley/eventstore"
)

// given folds facts into a real database and gives a view of it, for tests of
// read models: given these events, then these rows. It also folds them the
// plain way, one by one, and fails when the two differ or a fact is parked.
func given(t testing.TB, p Projection, facts ...domain.Fact) *View {
	t.Helper()
	ctx := context.Background()
	if err := p.check(); err != nil {
		t.Fatal(err)
	}
	db, err := createDatabase(filepath.Join(t.TempDir(), p.file(1)), &p, "given")
	if err != nil {
		t.Fatal(err)
	}
	g, err := openGeneration(&p, 1, db, checkpoint{})
	if err != nil {
		t.Fatal(err)
	}
	f := newPlainFold(&p)
	for i, fact := range facts {
		it := item{kind: fact.Kind, fact: fact, at: givenAt(i, fact)}
		f.fold(&it)
		if err := g.fold(ctx, nil, nil, &it); err != nil {
			t.Fatal(err)
		}
		if g.parked[it.at.Stream] {
			t.Fatalf("%s parked %T: %s", p.Name, fact.Event, g.newlyParked[0].reason)
		}
		if i%3 == 2 { // some rows are read back, some are still in memory
			if err := g.flush(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := errors.Join(g.flush(), g.finish()); err != nil {
		t.Fatal(err)
	}
	db.hold()
	v, err := openView(ctx, db, g.saved, g.pos)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := v.Close(); err != nil {
			t.Error(err)
		}
		if err := db.close(); err != nil {
			t.Error(err)
		}
	})
	if diff, err := f.compare(ctx, v); err != nil || diff != nil {
		t.Fatalf("the database and the plain fold differ: %v %v", diff, err)
	}
	return v
}

// givenAt places a fact: one second after the other where it tells no time.
func givenAt(i int, f domain.Fact) At {
	at := moment(f.At)
	if at.IsZero() {
		at = time.Unix(1_700_000_000+int64(i), 0).UTC()
	}
	return At{
		Position: eventstore.Position(i + 1), Stream: f.Kind + "-" + f.ID, Revision: eventstore.Revision(i),
		HappenedAt: at, RecordedAt: at, Subject: "visitor-given",
	}
}
