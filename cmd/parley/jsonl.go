package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"parley/domain"
	"parley/eventstore"
)

// The lines of an export: a head, one record a line in the order of the log, and
// an end (docs/howto/export-and-import.md). Each line closes with a sum over
// itself and all lines before it, so that one that is missing, changed or
// moved is found where it lies. There is exactly one way to write a line: what
// is read is written again and must be the same, byte for byte.

// jsonlHead is the first line: what the export is of.
type jsonlHead struct {
	Parley string   `json:"parley"` // "events"
	Format int      `json:"format"`
	Clear  bool     `json:"clear,omitempty"` // personal text is in the clear
	Kinds  []string `json:"kinds,omitempty"`
	Names  []string `json:"names,omitempty"`
}

const (
	jsonlWhat   = "events"
	jsonlFormat = 1
)

// jsonlEnd is the last line.
type jsonlEnd struct {
	Records uint64 `json:"records"`
}

// jsonlActor is who did it.
type jsonlActor struct {
	ID   string `json:"id"`
	Role string `json:"role"`
}

// jsonlRecord is a record's line. Positions are no part of it: they name
// places in one log.
type jsonlRecord struct {
	ID          string          `json:"id"`
	Stream      string          `json:"stream"`
	Revision    int64           `json:"revision"`
	Name        string          `json:"name"`
	HappenedAt  time.Time       `json:"happenedAt"`
	RecordedAt  time.Time       `json:"recordedAt"`
	Actor       jsonlActor      `json:"actor"`
	Command     string          `json:"command,omitempty"`
	BodyHash    []byte          `json:"bodyHash,omitempty"` // base64
	Correlation string          `json:"correlation,omitempty"`
	Causation   string          `json:"causation,omitempty"`
	Subject     string          `json:"subject,omitempty"`
	Imported    bool            `json:"imported,omitempty"`
	Opened      []string        `json:"opened,omitempty"` // JSON pointers to what was sealed
	Bytes       []byte          `json:"bytes,omitempty"`  // base64: data that are no JSON of one line
	Data        json.RawMessage `json:"data,omitempty"`
}

// sumSize is how much of a line's hash is kept: it finds accidents, it proves
// nothing against who wants to deceive.
const sumSize = 16

// chain is the sum so far.
type chain [sumSize]byte

const sumField = `,"sum":"`

// close ends a line, an object, with its sum.
func (c *chain) close(object []byte) []byte {
	open := object[:len(object)-1]
	c.add(open)
	open = append(open, sumField...)
	open = hex.AppendEncode(open, c[:])
	return append(open, '"', '}')
}

func (c *chain) add(open []byte) {
	h := sha256.New()
	h.Write(c[:])
	h.Write(open)
	copy(c[:], h.Sum(nil))
}

// splitSum takes a line apart into the object without its sum, and the sum.
func splitSum(line []byte) (object []byte, sum string, ok bool) {
	at := len(line) - len(sumField) - 2*sumSize - 2
	if at < 1 || string(line[at:at+len(sumField)]) != sumField || string(line[len(line)-2:]) != `"}` {
		return nil, "", false
	}
	return append(bytes.Clone(line[:at]), '}'), string(line[at+len(sumField) : len(line)-2]), true
}

// encodeLine writes an object as every line is written.
func encodeLine(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// recordLine writes a record's line but for its sum. The data are the stored
// bytes, as they are.
func recordLine(r eventstore.Record, opened []string) ([]byte, error) {
	text := func(id uuid.UUID) string {
		if id == uuid.Nil {
			return ""
		}
		return id.String()
	}
	line := jsonlRecord{
		ID: r.ID.String(), Stream: r.Stream, Revision: int64(r.Revision), Name: r.Name, HappenedAt: r.HappenedAt.UTC(), RecordedAt: r.RecordedAt.UTC(),
		Actor: jsonlActor(r.Actor), Command: text(r.Command), BodyHash: r.BodyHash, Correlation: text(r.Correlation), Causation: text(r.Causation),
		Subject: r.Subject, Imported: r.Imported, Opened: opened,
	}
	if !plainJSON(r.Data) {
		line.Bytes = r.Data
		return encodeLine(line)
	}
	object, err := encodeLine(line)
	if err != nil {
		return nil, err
	}
	object = append(object[:len(object)-1], `,"data":`...)
	return append(append(object, r.Data...), '}'), nil
}

// plainJSON tells that data stand in a line as they are, and are read from it
// the same.
func plainJSON(data []byte) bool {
	return len(data) > 0 && !bytes.ContainsAny(data, "\n\r") && len(bytes.TrimSpace(data)) == len(data) && json.Valid(data)
}

// record reads a record from its line. What is wrong names the field.
func (l jsonlRecord) record() (r eventstore.Record, err error) {
	id := func(field, text string) (u uuid.UUID) {
		if text == "" && field != "id" {
			return uuid.Nil
		}
		u, failed := uuid.Parse(text)
		if failed != nil && err == nil {
			err = domain.Invalid(field, fmt.Sprintf("%q is no UUID", text))
		}
		return u
	}
	r = eventstore.Record{
		ID: id("id", l.ID), Stream: l.Stream, Revision: eventstore.Revision(l.Revision), Name: l.Name, HappenedAt: l.HappenedAt, RecordedAt: l.RecordedAt,
		Actor: domain.Actor(l.Actor), Command: id("command", l.Command), BodyHash: l.BodyHash, Correlation: id("correlation", l.Correlation),
		Causation: id("causation", l.Causation), Subject: l.Subject, Imported: l.Imported, Data: l.Data,
	}
	switch {
	case err != nil:
		return r, err
	case r.Stream == "" || r.Kind() == "" || len(r.Stream) > 1024:
		return r, domain.Invalid("stream", "a stream is called <kind>-<id>, 1,024 bytes at most")
	case r.Name == "":
		return r, domain.Invalid("name", "it has no name")
	case r.Revision < 0:
		return r, domain.Invalid("revision", "revisions count from 0")
	case r.RecordedAt.IsZero():
		return r, domain.Invalid("recordedAt", "it is missing")
	case !whole(r.RecordedAt):
		return r, domain.Invalid("recordedAt", "times are kept to the microsecond")
	case !whole(r.HappenedAt):
		return r, domain.Invalid("happenedAt", "times are kept to the microsecond")
	case len(l.Bytes) > 0 && len(l.Data) > 0:
		return r, domain.Invalid("bytes", "data and bytes stand for each other: give one")
	}
	if len(l.Bytes) > 0 {
		r.Data = l.Bytes
	}
	return r, nil
}

// whole tells that a time has microseconds and nothing finer, which no log keeps.
func whole(t time.Time) bool { return t.Equal(t.Truncate(time.Microsecond)) }

// stringsIn finds every string in a JSON text but the keys of objects: where it
// begins and ends, and the JSON pointer to it. The text is valid.
func stringsIn(data []byte, each func(from, to int, pointer string) error) error {
	type level struct {
		pointer string
		index   int // of an array; -1: an object
		key     string
		wantKey bool
	}
	var levels []level
	here := func() string {
		if len(levels) == 0 {
			return ""
		}
		l := &levels[len(levels)-1]
		if l.index >= 0 {
			return l.pointer + "/" + strconv.Itoa(l.index)
		}
		return l.pointer + "/" + l.key
	}
	for at := 0; at < len(data); at++ {
		switch c := data[at]; c {
		case '{':
			levels = append(levels, level{pointer: here(), index: -1, wantKey: true})
		case '[':
			levels = append(levels, level{pointer: here()})
		case '}', ']':
			levels = levels[:len(levels)-1]
		case ',':
			if l := &levels[len(levels)-1]; l.index >= 0 {
				l.index++
			} else {
				l.wantKey = true
			}
		case '"':
			from := at
			for at++; data[at] != '"'; at++ {
				if data[at] == '\\' {
					at++
				}
			}
			if n := len(levels); n > 0 && levels[n-1].wantKey {
				var key string
				if err := json.Unmarshal(data[from:at+1], &key); err != nil {
					return err
				}
				levels[n-1].key, levels[n-1].wantKey = pointerPart.Replace(key), false
				continue
			}
			if err := each(from, at+1, here()); err != nil {
				return err
			}
		}
	}
	return nil
}

// pointerPart writes a key as a part of a JSON pointer (RFC 6901).
var pointerPart = strings.NewReplacer("~", "~0", "/", "~1")

// sealedText begins what is sealed.
const sealedText = `"p1:`

// holdsSealed tells whether there is sealed text in a record's data. What was
// opened is in the clear, whatever it looks like.
func holdsSealed(codec *eventstore.Codec, r eventstore.Record, opened []string) (found bool) {
	if !bytes.Contains(r.Data, []byte(sealedText)) || !plainJSON(r.Data) {
		return false
	}
	_, _, err := rewriteData(r.Data, func(text, pointer string) (string, bool, error) {
		found = found || codec.Sealed(r, pointer, text) && !slices.Contains(opened, pointer)
		return "", false, nil
	})
	return found && err == nil
}

// openData gives data with every sealed text in the clear, and where those
// were. Text whose key is gone reads as erased, and was not opened.
func openData(codec *eventstore.Codec, r eventstore.Record) (data []byte, opened []string, err error) {
	if r.Subject == "" || !plainJSON(r.Data) {
		return r.Data, nil, nil
	}
	data, _, err = rewriteData(r.Data, func(text, pointer string) (string, bool, error) {
		if !codec.Sealed(r, pointer, text) {
			return "", false, nil
		}
		clear := string(codec.Unseal(r.Subject, domain.Personal(text)))
		if clear == text {
			return "", false, &eventstore.DamageError{Where: "a sealed text of " + r.Subject, What: "it cannot be opened with the key there is"}
		}
		if clear != string(domain.Erased) {
			opened = append(opened, pointer)
		}
		return clear, true, nil
	})
	return data, opened, err
}

// sealData seals the texts that were opened, anew: each by seal.
func sealData(r eventstore.Record, opened []string, seal func(domain.Personal) (domain.Personal, error)) ([]byte, error) {
	left := map[string]bool{}
	for _, pointer := range opened {
		left[pointer] = true
	}
	if len(left) == 0 {
		return r.Data, nil
	}
	if !plainJSON(r.Data) {
		return nil, domain.Invalid("opened", "there is no JSON that it could point into")
	}
	data, _, err := rewriteData(r.Data, func(text, pointer string) (string, bool, error) {
		if !left[pointer] {
			return "", false, nil
		}
		delete(left, pointer)
		sealed, err := seal(domain.Personal(text))
		return string(sealed), true, err
	})
	if err == nil && len(left) > 0 {
		err = domain.Invalid("opened", "it points to what is no text in data")
	}
	return data, err
}

// rewriteData changes strings of a JSON text and leaves every other byte.
func rewriteData(data []byte, change func(text, pointer string) (string, bool, error)) (out []byte, changed int, err error) {
	done := 0
	err = stringsIn(data, func(from, to int, pointer string) error {
		var text string
		if err := json.Unmarshal(data[from:to], &text); err != nil {
			return err
		}
		other, ok, err := change(text, pointer)
		if err != nil || !ok {
			return err
		}
		quoted, err := json.Marshal(other) // as events are stored
		if err != nil {
			return err
		}
		out = append(append(out, data[done:from]...), quoted...)
		done = to
		changed++
		return nil
	})
	if err != nil || changed == 0 {
		return data, 0, err
	}
	return append(out, data[done:]...), changed, nil
}
