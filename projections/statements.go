package projections

import (
	"slices"
	"strconv"
	"strings"
)

// The statements of a table. They are made of declared names only, never of
// what comes from outside.

// texts are the statements used for every row, made once.
type texts struct {
	load, upsert, upsertMany, remove string
	find                             []string // by lookup
}

func (s *shape) compose() {
	s.indexed = s.indexedColumns()
	s.text = texts{load: s.load(), upsert: s.upsert(1), upsertMany: s.upsert(rowsAtOnce), remove: s.remove()}
	for _, l := range s.lookups {
		s.text.find = append(s.text.find, s.find(l))
	}
}

// create gives the statements that make the table and its indexes.
func (s *shape) create() []string {
	return append(append([]string{s.table()}, s.lookupIndexes()...), s.queryIndexes()...)
}

// table gives the statement that makes the table alone.
func (s *shape) table() string {
	var b strings.Builder
	b.WriteString(`CREATE TABLE "` + s.name + `" (`)
	for i := range s.columns {
		b.WriteString(`"` + s.columns[i].name + `" ` + s.columns[i].form.sql() + " NOT NULL, ")
	}
	b.WriteString("PRIMARY KEY (" + s.list(s.keys) + "))")
	if s.small() {
		b.WriteString(" WITHOUT ROWID")
	}
	return b.String()
}

// small tells that a row is hardly more than its key: such rows lie in the
// index of the key. Others lie in the order in which they came, and the index
// of the key beside them stays so small that it can be kept in memory.
func (s *shape) small() bool {
	return len(s.columns) <= len(s.keys)+3 && !slices.ContainsFunc(s.columns, func(c column) bool { return c.form == formJSON })
}

// lookupIndexes give the statements for the indexes that folds find rows by.
func (s *shape) lookupIndexes() (out []string) {
	for _, l := range s.lookups {
		if len(s.keys) > 0 && s.keys[0] == l {
			continue // the key finds it already
		}
		if i := s.beginsWith(l); i >= 0 {
			out = append(out, s.index(i))
			continue
		}
		out = append(out, `CREATE INDEX "`+s.name+"_by_"+s.columns[l].name+`" ON "`+s.name+`" ("`+s.columns[l].name+`")`)
	}
	return out
}

// queryIndexes give the statements for the indexes that only queries use.
func (s *shape) queryIndexes() (out []string) {
	for i := range s.indexes {
		if !slices.ContainsFunc(s.lookups, func(l int) bool { return s.beginsWith(l) == i && s.keys[0] != l }) {
			out = append(out, s.index(i))
		}
	}
	return out
}

func (s *shape) index(i int) string {
	return `CREATE INDEX "` + s.name + "_" + strconv.Itoa(i+1) + `" ON "` + s.name + `" (` + s.indexes[i] + `)`
}

// beginsWith gives the first index for queries whose first column is this one,
// -1 without any: it finds rows by the column as well as one of its own.
func (s *shape) beginsWith(lookup int) int {
	return slices.IndexFunc(s.indexes, func(index string) bool {
		first, _, _ := strings.Cut(index, ",")
		first, _, _ = strings.Cut(strings.TrimSpace(first), " ")
		return strings.Trim(first, `"`) == s.columns[lookup].name
	})
}

func (s *shape) list(ordinals []int) string {
	names := make([]string, len(ordinals))
	for i, o := range ordinals {
		names[i] = `"` + s.columns[o].name + `"`
	}
	return strings.Join(names, ", ")
}

// selects gives "SELECT every column FROM table"; the columns carry the table's
// name, so that a query may join.
func (s *shape) selects() string {
	names := make([]string, len(s.columns))
	for i := range s.columns {
		names[i] = `"` + s.name + `"."` + s.columns[i].name + `"`
	}
	return "SELECT " + strings.Join(names, ", ") + ` FROM "` + s.name + `"`
}

func (s *shape) whereKey() string {
	names := make([]string, len(s.keys))
	for i, k := range s.keys {
		names[i] = `"` + s.columns[k].name + `" = ?`
	}
	return " WHERE " + strings.Join(names, " AND ")
}

// load reads one row by its key, find rows by one column, scan all in order of the key.
func (s *shape) load() string { return s.selects() + s.whereKey() }
func (s *shape) find(lookup int) string {
	return s.selects() + ` WHERE "` + s.columns[lookup].name + `" = ?`
}
func (s *shape) scan() string { return s.selects() + " ORDER BY " + s.list(s.keys) }

// upsert writes n rows, remove deletes one.
func (s *shape) upsert(n int) string {
	row := "(" + strings.TrimSuffix(strings.Repeat("?,", len(s.columns)), ",") + ")"
	return `REPLACE INTO "` + s.name + `" VALUES ` + strings.TrimSuffix(strings.Repeat(row+",", n), ",")
}

// update writes one row that is there: the columns that no index holds, and of
// the others those in the mask, by their place among the indexed ones. SQLite
// moves the entries only of the indexes that hold a column it is told to set.
func (s *shape) update(mask uint64) updating {
	var u updating
	var set []string
	for i := range s.columns {
		if s.sets(i, mask) {
			set = append(set, `"`+s.columns[i].name+`" = ?`)
			u.ordinals = append(u.ordinals, i)
		}
	}
	u.ordinals = append(u.ordinals, s.keys...)
	u.text = `UPDATE "` + s.name + `" SET ` + strings.Join(set, ", ") + s.whereKey()
	return u
}

// updating is an UPDATE and the columns that are its arguments.
type updating struct {
	text     string
	ordinals []int
}

// sets tells whether an update with a mask sets a column.
func (s *shape) sets(ordinal int, mask uint64) bool {
	if slices.Contains(s.keys, ordinal) {
		return false
	}
	at := slices.Index(s.indexed, ordinal)
	return at < 0 || mask&(1<<at) != 0
}

// indexedColumns finds the columns that indexes hold, none when they are too
// many to tell apart, or when there is nothing else to update.
func (s *shape) indexedColumns() (found []int) {
	var named []string
	for _, index := range s.indexes {
		for part := range strings.SplitSeq(index, ",") {
			name, _, _ := strings.Cut(strings.TrimSpace(part), " ")
			named = append(named, strings.Trim(name, `"`))
		}
	}
	for i := range s.columns {
		if (slices.Contains(named, s.columns[i].name) || slices.Contains(s.lookups, i)) && !slices.Contains(s.keys, i) {
			found = append(found, i)
		}
	}
	if len(found) > 64 || len(found)+len(s.keys) == len(s.columns) {
		return nil
	}
	return found
}
func (s *shape) remove() string { return `DELETE FROM "` + s.name + `"` + s.whereKey() }
