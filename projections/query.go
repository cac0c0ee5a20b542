package projections

import (
	"context"
	"fmt"
)

// Select gives the rows of a table; the tail is what follows its name in SQL:
// "WHERE queue = ? ORDER BY since LIMIT 50". Tables of the same projection may
// be joined.
func (t *Table[R]) Select(ctx context.Context, v *View, tail string, args ...any) ([]R, error) {
	return t.Query(ctx, v, t.s.selects()+" "+tail, args...)
}

// Query gives the rows of a whole statement, whose columns must come in the
// order of R's fields. For sums and joins of its own shape, declare a table
// that no projection lists.
func (t *Table[R]) Query(ctx context.Context, v *View, text string, args ...any) ([]R, error) {
	var out []R
	err := v.each(ctx, text, args, func(values []any) error {
		if len(values) != len(t.s.columns) {
			return fmt.Errorf("projections: %d columns where %s has %d: %s", len(values), t.s.name, len(t.s.columns), text)
		}
		var row R
		if err := t.s.decode(values, fieldsOf(&row)); err != nil {
			return err
		}
		out = append(out, row)
		return nil
	})
	return out, err
}

// One gives the first row of a Select, and whether there is one.
func (t *Table[R]) One(ctx context.Context, v *View, tail string, args ...any) (R, bool, error) {
	rows, err := t.Select(ctx, v, tail+" LIMIT 1", args...)
	if err != nil || len(rows) == 0 {
		var none R
		return none, false, err
	}
	return rows[0], true, nil
}

// Find gives the row of a key, and whether there is one.
func (t *Table[R]) Find(ctx context.Context, v *View, key ...any) (R, bool, error) {
	var none R
	k, err := t.s.key(key)
	if err != nil {
		return none, false, err
	}
	rows, err := t.Query(ctx, v, t.s.text.load, t.s.parts(k)...)
	if err != nil || len(rows) == 0 {
		return none, false, err
	}
	return rows[0], true, nil
}

// Count counts the rows of a Select.
func (t *Table[R]) Count(ctx context.Context, v *View, tail string, args ...any) (int, error) {
	n := int64(0)
	err := v.each(ctx, `SELECT count(*) FROM "`+t.s.name+`" `+tail, args, func(values []any) error {
		n, _ = values[0].(int64)
		return nil
	})
	return int(n), err
}
