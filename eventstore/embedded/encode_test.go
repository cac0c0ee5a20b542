package embedded

import (
	"bytes"
	"errors"
	"reflect"
	"testing"
	"time"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"parley/domain"
	"parley/eventstore"
)

func drawRecord(t *rapid.T) eventstore.Record {
	id := func(label string) (u uuid.UUID) {
		if rapid.Bool().Draw(t, label) {
			copy(u[:], rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, label))
		}
		return u
	}
	r := eventstore.Record{
		Stream:      rapid.StringN(1, 20, -1).Draw(t, "stream"),
		Name:        rapid.StringN(1, 20, -1).Draw(t, "name"),
		ID:          id("id"),
		Command:     id("command"),
		Correlation: id("correlation"),
		Causation:   id("causation"),
		Actor:       domain.Actor{ID: rapid.String().Draw(t, "actor"), Role: rapid.String().Draw(t, "role")},
		Subject:     rapid.String().Draw(t, "subject"),
		Imported:    rapid.Bool().Draw(t, "imported"),
		HappenedAt:  time.UnixMicro(rapid.Int64Range(-1<<55, 1<<55).Draw(t, "happened")).UTC(),
		Data:        rapid.SliceOfN(rapid.Byte(), 1, 300).Draw(t, "data"),
	}
	if rapid.Bool().Draw(t, "follows its command") {
		r.Correlation = r.Command
	}
	if rapid.Bool().Draw(t, "hashed") {
		r.BodyHash = rapid.SliceOfN(rapid.Byte(), 0, 40).Draw(t, "hash")
	}
	return r
}

// TestEncode writes and reads any record, and sees that no bit of it can
// change and no byte be missing without notice.
func TestEncode(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := drawRecord(t)
		r.Position = eventstore.Position(rapid.Uint64().Draw(t, "position"))
		r.Revision = eventstore.Revision(rapid.Int64Range(0, 1<<60).Draw(t, "revision"))
		r.RecordedAt = time.UnixMicro(rapid.Int64Range(0, 1<<55).Draw(t, "recorded")).UTC()
		b := encode(nil, &r)
		seal(b, r.Position, r.Revision, r.RecordedAt)
		if len(b) > room(&r) {
			t.Fatalf("%d bytes, room was made for %d", len(b), room(&r))
		}
		if what := verify(b); what != "" {
			t.Fatal(what)
		}
		got, err := decode(b)
		if err != nil || !reflect.DeepEqual(got, r) {
			t.Fatalf("got  %+v (%v)\nwant %+v", got, err, r)
		}
		at := rapid.IntRange(0, len(b)-1).Draw(t, "at")
		if verify(b[:at]) == "" {
			t.Fatalf("%d of %d bytes are taken for the record", at, len(b))
		}
		b[at] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
		if verify(b) == "" {
			t.Fatalf("a flipped bit in byte %d goes unseen", at)
		}
	})
}

// FuzzDecode reads anything at all without falling over.
func FuzzDecode(f *testing.F) {
	r := sample()
	r.Stream = "line-1"
	f.Add(encode(nil, &r))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) < offsetBody {
			return
		}
		if _, err := decode(b); err != nil && !errors.Is(err, errShort) {
			t.Errorf("unforeseen: %v", err)
		}
	})
}

// TestRecordsShareMemoryAndNothingElse decodes many records into one memory:
// each is what it is alone, and writing to one changes no other.
func TestRecordsShareMemoryAndNothingElse(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := newMemory(fewTexts)
		texts := rapid.SampledFrom([]string{"", "a", "line-1", "line-2", "conversation-018f3c1e-7e64-7c3b-9d5a-3a6f0b1c2d3e", "conversation-118f3c1e-7e64-7c3b-9d5a-3a6f0b1c2d3e"})
		var shared, alone []eventstore.Record
		for range rapid.IntRange(1, 60).Draw(t, "records") {
			r := sample()
			r.Stream, r.Name, r.Subject = "k-"+texts.Draw(t, "stream"), "n"+texts.Draw(t, "name"), texts.Draw(t, "subject")
			r.Data = bytes.Repeat([]byte{'x'}, rapid.SampledFrom([]int{0, 1, 300, mostPiece/8 + 1, mostPiece}).Draw(t, "size"))
			if len(r.Data) == 0 {
				r.Data = nil
			}
			if rapid.Bool().Draw(t, "no hash") {
				r.BodyHash = nil
			}
			b := encode(nil, &r)
			p := parts{rest: b[offsetBody:]}
			var got eventstore.Record
			stream, name := p.text(), p.text()
			if err := m.decode(b, p, stream, name, &got); err != nil {
				t.Fatal(err)
			}
			want, err := decode(b)
			if err != nil {
				t.Fatal(err)
			}
			shared, alone = append(shared, got), append(alone, want)
		}
		if !reflect.DeepEqual(shared, alone) {
			t.Fatalf("%+v\nare not\n%+v", shared, alone)
		}
		for i := range shared {
			_ = append(shared[i].Data, "more than its own"...)
			for j := range shared[i].Data {
				shared[i].Data[j] = byte(i)
			}
		}
		for i := range shared {
			for _, c := range shared[i].Data {
				if c != byte(i) {
					t.Fatalf("record %d was written over", i)
				}
			}
		}
	})
}
