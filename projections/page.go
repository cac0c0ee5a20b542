package projections

import (
	"encoding/base64"
	"strings"
	"time"

	"github.com/samber/lo"
	"github.com/segmentio/encoding/json"

	"parley/domain"
)

// Page is one page of a list: where it goes on, and how long it is.
type Page struct {
	Cursor string // as an earlier answer gave it; empty begins
	Limit  int    // 50 when 0, 200 at most (API-1)
}

func (p Page) limit() int {
	if p.Limit <= 0 {
		return 50
	}
	return min(p.Limit, 200)
}

// sorting is one column that a list is ordered by.
type sorting struct {
	column     string
	descending bool
}

// order is how a list is sorted; its last column tells any two rows apart.
type order []sorting

func (o order) sql() string {
	parts := make([]string, len(o))
	for i, s := range o {
		parts[i] = s.column
		if s.descending {
			parts[i] += " DESC"
		}
	}
	return " ORDER BY " + strings.Join(parts, ", ")
}

// mark names the order inside a cursor, so that one of another list is refused.
func (o order) mark() string { return o.sql()[len(" ORDER BY "):] }

// errCursor refuses a cursor that this list did not give.
var errCursor = domain.Invalid("cursor", "this is no cursor of this list: begin without one")

// after gives the condition that keeps the rows behind the cursor.
func (o order) after(cursor string) (string, []any, error) {
	if cursor == "" {
		return "", nil, nil
	}
	b, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil {
		return "", nil, errCursor
	}
	var values []any
	if err := json.Unmarshal(b, &values); err != nil || len(values) != len(o)+1 || values[0] != o.mark() {
		return "", nil, errCursor
	}
	values = values[1:]
	for i, v := range values {
		switch x := v.(type) {
		case float64: // exact: microseconds and counts stay below 2^53
			values[i] = int64(x)
		case string:
		default:
			return "", nil, errCursor
		}
	}
	var alternatives []string
	var args []any
	for i, s := range o {
		var parts []string
		for j := range i {
			parts = append(parts, o[j].column+" = ?")
			args = append(args, values[j])
		}
		compare := " > ?"
		if s.descending {
			compare = " < ?"
		}
		args = append(args, values[i])
		alternatives = append(alternatives, strings.Join(append(parts, s.column+compare), " AND "))
	}
	return "((" + strings.Join(alternatives, ") OR (") + "))", args, nil
}

// cursor marks a row by the values of the order's columns.
func (o order) cursor(values []any) (string, error) {
	all := []any{o.mark()}
	for _, v := range values {
		if t, ok := v.(time.Time); ok {
			v = micros(t)
		}
		all = append(all, v)
	}
	b, err := json.Marshal(all)
	return base64.RawURLEncoding.EncodeToString(b), err
}

// conditions collects what a query asks of its rows.
type conditions struct {
	parts []string
	args  []any
}

// add asks one thing more.
func (c *conditions) add(part string, args ...any) {
	c.parts, c.args = append(c.parts, part), append(c.args, args...)
}

// equal asks that a column holds a text, when one is given.
func (c *conditions) equal(column, value string) {
	if value != "" {
		c.add(column+" = ?", value)
	}
}

// tail is all that follows the table's name: one row more than the page, to
// tell whether another page follows.
func (c *conditions) tail(join string, o order, p Page) (string, []any, error) {
	behind, args, err := o.after(p.Cursor)
	if err != nil {
		return "", nil, err
	}
	parts := c.parts
	if behind != "" {
		parts = append(parts[:len(parts):len(parts)], behind)
	}
	if len(parts) > 0 {
		join += " WHERE " + strings.Join(parts, " AND ")
	}
	all := append(append([]any{}, c.args...), args...)
	return join + o.sql() + " LIMIT ?", append(all, int64(p.limit()+1)), nil
}

// paged cuts the row too many off and marks where the next page begins.
func paged[R any](rows []R, o order, p Page, values func(R) []any) ([]R, string, error) {
	if len(rows) <= p.limit() {
		return rows, "", nil
	}
	rows = rows[:p.limit()]
	next, err := o.cursor(values(rows[len(rows)-1]))
	return rows, next, err
}

// marks gives n question marks for a list in SQL.
func marks(n int) string { return strings.TrimSuffix(strings.Repeat("?,", n), ",") }

// distinct gives the texts that are not empty, each once, as arguments.
func distinct(texts []string) []any {
	return lo.Map(lo.Uniq(lo.Compact(texts)), func(s string, _ int) any { return s })
}
