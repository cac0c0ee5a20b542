package main

import (
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// viewFile finds the database of a projection.
func viewFile(t *testing.T, data, name string) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(data, "views", name+".v*.db"))
	if err != nil || len(found) != 1 {
		t.Fatalf("the databases of %s are %v: %v", name, found, err)
	}
	return found[0]
}

func TestViewsAreRebuiltAndVerified(t *testing.T) {
	long(t)
	t.Parallel()
	s := serveHere(t, folder(t))
	h := furnish(t, s)
	h.talk(t, "Where is my parcel?", "On its way.")
	star(t, sample, "--data", s.data)
	both := func() {
		t.Helper()
		for _, args := range [][]string{
			{"projections", "verify", "--all"}, {"projections", "rebuild", "--all"}, {"projections", "rebuild", "agent_capacity", "timeline", "--compare"},
			{"projections", "verify", "timeline"},
		} {
			if out := parley(t, append(args, "--data", s.data)...).ok(t); !strings.HasPrefix(out, "ok, in ") {
				t.Errorf("%v says %q", args, out)
			}
		}
	}
	agents := func() string { return h.look(h.admin, "/v1/agents").raw }
	before := agents()
	both()
	if after := agents(); after != before {
		t.Errorf("rebuilt:\n%s\nbefore:\n%s", after, before)
	}
	s.stop()
	both()

	// Views can be deleted: they come back.
	if err := os.RemoveAll(filepath.Join(s.data, "views")); err != nil {
		t.Fatal(err)
	}
	h.again(serveHere(t, s.data))
	if after := agents(); after != before {
		t.Errorf("rebuilt from nothing:\n%s\nbefore:\n%s", after, before)
	}
}

func TestVerifyFindsARowThatWasChangedByHand(t *testing.T) {
	long(t)
	t.Parallel()
	s := serveHere(t, folder(t))
	h := furnish(t, s)
	h.engage(t, h.ask("Where is my parcel?"))
	s.stop()
	parley(t, "projections", "verify", "--all", "--data", s.data).ok(t)

	for _, c := range []struct{ projection, statement string }{
		{"agent_capacity", "UPDATE agents SET units = units + 1"},
		{"active", "DELETE FROM active_conversations"},
		{"self_service", "INSERT INTO self_service_conversations (conversation, visitor, contact, accepted_at, ended_at) VALUES ('made-up', 'v', '', 0, 0)"},
	} {
		db, err := sql.Open("sqlite", viewFile(t, s.data, c.projection))
		if err != nil {
			t.Fatal(err)
		}
		changed, err := db.Exec(c.statement)
		if err != nil {
			t.Fatal(err)
		}
		if n, err := changed.RowsAffected(); n == 0 || err != nil {
			t.Fatalf("%s changed %d rows: %v", c.statement, n, err)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		parley(t, "projections", "verify", "--all", "--data", s.data).fails(t, exitFail, c.projection, "table", "the log says")
		parley(t, "projections", "verify", c.projection, "--json", "--data", s.data).fails(t, exitFail, c.projection)
		parley(t, "projections", "rebuild", c.projection, "--data", s.data).ok(t)
		parley(t, "projections", "verify", "--all", "--data", s.data).ok(t)
	}
}

// rows fails the test unless the views of two folders are the same, row for
// row.
func rows(t *testing.T, first, second string) {
	t.Helper()
	a, b := allRows(t, first), allRows(t, second)
	for table, want := range a {
		if got := b[table]; got != want {
			t.Errorf("%s holds\n%s\ninstead of\n%s", table, got, want)
		}
	}
	if len(a) != len(b) || len(a) == 0 {
		t.Errorf("%d tables instead of %d", len(b), len(a))
	}
}

// allRows gives what every table of every view holds, but for what the runner
// keeps for itself.
func allRows(t *testing.T, data string) map[string]string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(data, "views", "*.v*.db"))
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, file := range files {
		name, _, _ := strings.Cut(filepath.Base(file), ".")
		db, err := sql.Open("sqlite", file)
		if err != nil {
			t.Fatal(err)
		}
		tables, err := db.Query("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'parley_%'")
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for tables.Next() {
			var table string
			if err := tables.Scan(&table); err != nil {
				t.Fatal(err)
			}
			names = append(names, table)
		}
		if err := errors.Join(tables.Err(), tables.Close()); err != nil {
			t.Fatal(err)
		}
		for _, table := range names {
			all[name+"."+table] = tableText(t, db, table)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

func tableText(t *testing.T, db *sql.DB, table string) string {
	t.Helper()
	found, err := db.Query("SELECT * FROM " + table)
	if err != nil {
		t.Fatal(err)
	}
	columns, err := found.Columns()
	if err != nil {
		t.Fatal(err)
	}
	var lines []string // in an order of their own, whichever order they were written in
	for found.Next() {
		values, into := make([]any, len(columns)), make([]any, len(columns))
		for i := range values {
			into[i] = &values[i]
		}
		if err := found.Scan(into...); err != nil {
			t.Fatal(err)
		}
		lines = append(lines, fmt.Sprintln(values...))
	}
	if err := errors.Join(found.Err(), found.Close()); err != nil {
		t.Fatal(err)
	}
	slices.Sort(lines)
	return strings.Join(lines, "")
}

// TestAServerOutlivesDamagedViews writes garbage over the first page of every table
// of every view: the server starts, stays, and makes them anew.
func TestAServerOutlivesDamagedViews(t *testing.T) {
	long(t)
	t.Parallel()
	s := serveHere(t, folder(t))
	h := furnish(t, s)
	id := h.ask("Where is my parcel?")
	hold := h.engage(t, id)
	s.stop()
	files, err := filepath.Glob(filepath.Join(s.data, "views", "*.v*.db"))
	if err != nil || len(files) < 10 {
		t.Fatalf("the views are %v: %v", files, err)
	}
	for _, file := range files {
		garble(t, file)
	}
	again := serveProcess(t, s.data)
	h.again(again)
	h.close(id, hold)
	h.engage(t, h.ask("And my other one?"))
	eventually(t, "every view is right", func() bool {
		return parley(t, "projections", "verify", "--all", "--data", s.data).code == exitOK
	})
	again.stop()
}

// garble writes garbage over the first page of each table of a view.
func garble(t *testing.T, file string) {
	t.Helper()
	db, err := sql.Open("sqlite", file)
	if err != nil {
		t.Fatal(err)
	}
	var pages []int64
	rows, err := db.Query("SELECT rootpage FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'parley_%'")
	if err != nil {
		t.Fatal(err)
	}
	for rows.Next() {
		var page int64
		if err := rows.Scan(&page); err != nil {
			t.Fatal(err)
		}
		pages = append(pages, page)
	}
	if err := errors.Join(rows.Err(), rows.Close(), db.Close()); err != nil {
		t.Fatal(err)
	}
	bad, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, page := range pages {
		copy(bad[(page-1)*4096:page*4096], strings.Repeat("\xa5", 4096))
	}
	if err := os.WriteFile(file, bad, 0o600); err != nil {
		t.Fatal(err)
	}
}
