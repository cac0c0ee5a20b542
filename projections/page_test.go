package projections

import (
	"context"
	"database/sql"
	"encoding/base64"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"testing"

	"github.com/segmentio/encoding/json"

	"parley/domain"
)

// listedRow is a row of a list in which many rows sort alike.
type listedRow struct {
	rank, since int64
	id          string
}

// listedRows is how many there are.
const listedRows = 24

// pages walks a list from its first page to its last.
func pages(t *testing.T, db *sql.DB, o order, c conditions, limit int) (all []listedRow) {
	t.Helper()
	for p := (Page{Limit: limit}); ; {
		tail, args, err := c.tail("", o, p)
		if err != nil {
			t.Fatal(err)
		}
		found, err := db.QueryContext(context.Background(), "SELECT rank, since, id FROM listed"+tail, args...)
		if err != nil {
			t.Fatal(err)
		}
		var rows []listedRow
		for found.Next() {
			var r listedRow
			if err := found.Scan(&r.rank, &r.since, &r.id); err != nil {
				t.Fatal(err)
			}
			rows = append(rows, r)
		}
		if err := errors.Join(found.Err(), found.Close()); err != nil {
			t.Fatal(err)
		}
		rows, next, err := paged(rows, o, p, func(r listedRow) (values []any) {
			for _, s := range o {
				values = append(values, map[string]any{"rank": r.rank, "since": r.since, "id": r.id}[s.column])
			}
			return values
		})
		if err != nil {
			t.Fatal(err)
		}
		if all = append(all, rows...); len(all) > listedRows {
			t.Fatalf("the list goes on past its end: %v", all)
		}
		if next == "" {
			return all
		}
		if len(rows) != p.limit() {
			t.Fatalf("a page of %d that is not the last holds %d", p.limit(), len(rows))
		}
		p.Cursor = next
	}
}

// TestAPI1_PagesOfAListAreTheList: no row is missed or told twice, however long a
// page is and however many rows sort alike; the last page says that it is.
func TestAPI1_PagesOfAListAreTheList(t *testing.T) {
	path := filepath.Join(t.TempDir(), "list.db")
	w, err := newWriter(path, toWrite)
	if err != nil {
		t.Fatal(err)
	}
	err = w.exec("CREATE TABLE listed (rank INTEGER, since INTEGER, id TEXT)", nil)
	for n := range listedRows {
		err = errors.Join(err, w.exec("INSERT INTO listed VALUES (?, ?, ?)", []any{n % 2, n / 2 % 3, fmt.Sprintf("r%02d", (n*7)%listedRows)}))
	}
	if err = errors.Join(err, w.close()); err != nil {
		t.Fatal(err)
	}
	db, err := openSQLite(path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, o := range []order{
		{{"rank", true}, {"since", false}, {"id", false}}, {{"rank", false}, {"since", true}, {"id", true}},
		{{"since", true}, {"id", true}}, {{"id", false}}, {{"id", true}},
	} {
		whole := pages(t, db, o, conditions{}, listedRows)
		if len(whole) != listedRows {
			t.Fatalf("%s: %d of %d rows", o.mark(), len(whole), listedRows)
		}
		for _, limit := range []int{1, 2, 3, 5, 8, 12, 23, 25} {
			if got := pages(t, db, o, conditions{}, limit); !slices.Equal(got, whole) {
				t.Errorf("%s, %d a page: %v, want %v", o.mark(), limit, got, whole)
			}
		}
		var c conditions
		c.add("rank = ?", 1)
		some := slices.DeleteFunc(slices.Clone(whole), func(r listedRow) bool { return r.rank != 1 })
		if got := pages(t, db, o, c, 4); !slices.Equal(got, some) {
			t.Errorf("%s with a condition: %v, want %v", o.mark(), got, some)
		}
	}
}

func TestAPI1_HowLongAPageIs(t *testing.T) {
	for asked, want := range map[int]int{-1: 50, 0: 50, 1: 1, 199: 199, 200: 200, 201: 200, 1 << 30: 200} {
		if got := (Page{Limit: asked}).limit(); got != want {
			t.Errorf("%d is a page of %d, want %d", asked, got, want)
		}
	}
}

// TestAPI1_ACursorIsOfItsList: one of another order, or not whole, is refused.
func TestAPI1_ACursorIsOfItsList(t *testing.T) {
	given, err := byModified.cursor([]any{int64(7), "x"})
	if err != nil {
		t.Fatal(err)
	}
	other := order{{"modified", false}, {"id", true}}
	wrong := map[string]order{given: other, "": nil, "%": byModified, base64.RawURLEncoding.EncodeToString([]byte("no list")): byModified}
	for _, values := range [][]any{{}, {byModified.mark()}, {byModified.mark(), 7}, {byModified.mark(), 7, "x", "y"}, {byModified.mark(), true, "x"}, {7, 7, "x"}} {
		b, err := json.Marshal(values)
		if err != nil {
			t.Fatal(err)
		}
		wrong[base64.RawURLEncoding.EncodeToString(b)] = byModified
	}
	for cursor, o := range wrong {
		_, _, err := o.after(cursor)
		refused, ok := err.(*domain.Error)
		if none := cursor == ""; none != (err == nil) || !none && (!ok || refused.Field != "cursor") {
			t.Errorf("%q in %v: %v", cursor, o, err)
		}
	}
	if _, args, err := byModified.after(given); err != nil || !slices.Equal(args, []any{int64(7), int64(7), "x"}) {
		t.Errorf("%v, %v", args, err)
	}
	for _, o := range []order{byModified, byRank, byClosed, byTalk, byID} { // else rows that sort alike are passed over
		if last := o[len(o)-1].column; last != "id" && last != "conversation" {
			t.Errorf("%s does not tell any two rows apart", o.mark())
		}
	}
}
