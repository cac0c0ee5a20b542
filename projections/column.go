package projections

import (
	"fmt"
	"math"
	"reflect"
	"strconv"
	"time"
	"unsafe"

	"github.com/segmentio/encoding/json"
)

// form is how a Go field lies in a column.
type form int

const (
	formText    form = iota // string, domain.Personal and named strings
	formInteger             // every int and uint, durations in nanoseconds
	formBool                // 0 or 1
	formReal
	formMoment // time.Time as microseconds UTC, 0 is the zero time
	formJSON   // everything else
)

func (f form) sql() string {
	switch f {
	case formInteger, formBool, formMoment:
		return "INTEGER"
	case formReal:
		return "REAL"
	default:
		return "TEXT"
	}
}

// column is one field of a row and its place in the table.
type column struct {
	name   string
	offset uintptr // of the field in its row
	typ    reflect.Type
	kind   reflect.Kind
	form   form
}

var momentType = reflect.TypeFor[time.Time]()

// formOf chooses the form of a Go type.
func formOf(t reflect.Type) form {
	if t == momentType {
		return formMoment
	}
	switch t.Kind() {
	case reflect.String:
		return formText
	case reflect.Bool:
		return formBool
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return formInteger
	case reflect.Float32, reflect.Float64:
		return formReal
	default:
		return formJSON
	}
}

// fields are those of one row, reached by their places in it: what reflection
// would find out for every value of every row is known since the table was
// declared. The row stays where it is as long as its fields are used.
type fields struct{ row unsafe.Pointer }

func fieldsOf[R any](row *R) fields { return fields{unsafe.Pointer(row)} }

// field gives a pointer to a column's field; T is of the kind of its type.
func field[T any](f fields, c *column) *T { return (*T)(unsafe.Add(f.row, c.offset)) }

// get gives the field's value as the database knows it: int64, float64 or string.
func (c *column) get(f fields) (any, error) {
	switch c.form {
	case formText:
		return *field[string](f, c), nil
	case formInteger:
		return c.integer(f), nil
	case formBool:
		if *field[bool](f, c) {
			return int64(1), nil
		}
		return int64(0), nil
	case formReal:
		v := c.value(f).Float()
		if math.IsNaN(v) {
			return 0.0, nil // SQLite keeps no NaN
		}
		return v, nil
	case formMoment:
		return micros(*field[time.Time](f, c)), nil
	default:
		if c.kind == reflect.Slice && *field[[]struct{}](f, c) == nil || c.kind == reflect.Map && *field[map[struct{}]struct{}](f, c) == nil {
			return "null", nil // most are, and that is not worth a library
		}
		b, err := json.Marshal(c.value(f).Addr().Interface())
		if err != nil {
			return nil, fmt.Errorf("column %s: %w", c.name, err)
		}
		return unsafe.String(unsafe.SliceData(b), len(b)), nil // nobody else has the bytes
	}
}

// value is the field for reflection.
func (c *column) value(f fields) reflect.Value {
	return reflect.NewAt(c.typ, unsafe.Add(f.row, c.offset)).Elem()
}

// set gives the field the value that get gave.
func (c *column) set(f fields, value any) error {
	switch x := value.(type) {
	case string:
		if c.form == formText {
			*field[string](f, c) = x
			return nil
		}
		if c.form == formJSON {
			if x == "null" && (c.kind == reflect.Slice || c.kind == reflect.Map) { // most are, and that is not worth a library
				c.value(f).SetZero()
				return nil
			}
			fresh := reflect.New(c.typ)
			if err := json.Unmarshal([]byte(x), fresh.Interface()); err != nil {
				return fmt.Errorf("column %s: %w", c.name, err)
			}
			c.value(f).Set(fresh.Elem())
			return nil
		}
	case int64:
		switch c.form {
		case formMoment:
			*field[time.Time](f, c) = fromMicros(x)
			return nil
		case formBool:
			*field[bool](f, c) = x != 0
			return nil
		case formInteger:
			c.setInteger(f, x)
			return nil
		case formReal:
			c.value(f).SetFloat(float64(x))
			return nil
		}
	case float64:
		if c.form == formReal {
			c.value(f).SetFloat(x)
			return nil
		}
	case nil: // an outer join or an empty sum reads as the zero value
		c.value(f).SetZero()
		return nil
	}
	return fmt.Errorf("column %s: cannot read a %T into a %s", c.name, value, c.typ)
}

// setInteger gives a field of any integer type its value.
func (c *column) setInteger(f fields, n int64) {
	switch c.kind {
	case reflect.Int:
		*field[int](f, c) = int(n)
	case reflect.Int64:
		*field[int64](f, c) = n
	case reflect.Uint64:
		*field[uint64](f, c) = uint64(n)
	default:
		if v := c.value(f); v.CanInt() {
			v.SetInt(n)
		} else {
			v.SetUint(uint64(n))
		}
	}
}

// gave tells that get would give this value again; false when it does not know.
func (c *column) gave(f fields, value any) bool {
	switch x := value.(type) {
	case string:
		return c.form == formText && *field[string](f, c) == x
	case int64:
		switch c.form {
		case formInteger:
			return c.integer(f) == x
		case formBool:
			return *field[bool](f, c) == (x == 1)
		case formMoment:
			return micros(*field[time.Time](f, c)) == x
		}
	}
	return false
}

// weigh tells how many bytes the value takes beside its field.
func (c *column) weigh(f fields) int {
	switch c.form {
	case formText:
		return len(*field[string](f, c))
	case formJSON:
		if b, err := json.Marshal(c.value(f).Interface()); err == nil {
			return 2 * len(b)
		}
	}
	return 0
}

// text gives a key or lookup column as text without boxing it.
func (c *column) text(f fields) string {
	switch c.form {
	case formText:
		return *field[string](f, c)
	case formMoment:
		return strconv.FormatInt(micros(*field[time.Time](f, c)), 10)
	}
	return strconv.FormatInt(c.integer(f), 10)
}

// integer gives the value of any integer type.
func (c *column) integer(f fields) int64 {
	switch c.kind {
	case reflect.Int:
		return int64(*field[int](f, c))
	case reflect.Int64:
		return *field[int64](f, c)
	case reflect.Uint64:
		return int64(*field[uint64](f, c))
	}
	return integer(c.value(f))
}

func integer(v reflect.Value) int64 {
	if v.CanInt() {
		return v.Int()
	}
	return int64(v.Uint())
}

// micros and fromMicros carry a time into its column and back.
func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

func fromMicros(n int64) time.Time {
	if n == 0 {
		return time.Time{}
	}
	return time.UnixMicro(n).UTC()
}

// moment gives a time as its column will give it back.
func moment(t time.Time) time.Time { return fromMicros(micros(t)) }
