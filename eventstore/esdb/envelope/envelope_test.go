package envelope

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"parley/domain"
	"parley/eventstore"
)

// generally is what the general codec writes.
func generally(r *eventstore.Record) ([]byte, error) {
	id := func(id uuid.UUID) string {
		if id == uuid.Nil {
			return ""
		}
		return id.String()
	}
	at := func(t time.Time) string { return t.UTC().Truncate(time.Microsecond).Format(time.RFC3339Nano) }
	f := fields{Parley: version, Correlation: id(r.Correlation), Causation: id(r.Causation), Command: id(r.Command), Subject: r.Subject, HappenedAt: at(r.HappenedAt), Imported: r.Imported}
	if r.Actor != (domain.Actor{}) {
		f.Actor = &r.Actor
	}
	if r.BodyHash != nil {
		hash := base64.StdEncoding.EncodeToString(r.BodyHash)
		f.BodyHash = &hash
	}
	if !r.RecordedAt.IsZero() {
		f.RecordedAt = at(r.RecordedAt)
	}
	return json.Marshal(f)
}

func drawn(t *rapid.T) eventstore.Record {
	id := rapid.Custom(func(t *rapid.T) uuid.UUID {
		if rapid.Bool().Draw(t, "nil") {
			return uuid.Nil
		}
		return uuid.UUID(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "id"))
	})
	text := rapid.OneOf(rapid.StringMatching(`[a-z0-9-]{0,20}`), rapid.String(), rapid.SampledFrom([]string{`"`, `\`, "<&>", "\u2028", "é", "a\x7f", `x","role":"admin`, "\t"}))
	at := rapid.Custom(func(t *rapid.T) time.Time {
		return time.UnixMicro(rapid.Int64Range(-62_000_000_000_000_000, 250_000_000_000_000_000).Draw(t, "at")).UTC()
	})
	r := eventstore.Record{
		Correlation: id.Draw(t, "correlation"), Causation: id.Draw(t, "causation"), Command: id.Draw(t, "command"),
		Actor: domain.Actor{ID: text.Draw(t, "actor"), Role: text.Draw(t, "role")}, Subject: text.Draw(t, "subject"),
		HappenedAt: at.Draw(t, "happened"), Imported: rapid.Bool().Draw(t, "imported"),
	}
	if rapid.Bool().Draw(t, "copied") {
		r.RecordedAt = at.Draw(t, "recorded")
	}
	if rapid.Bool().Draw(t, "asked") {
		r.BodyHash = rapid.SliceOfN(rapid.Byte(), 0, 40).Draw(t, "hash")
	}
	return r
}

// TestWrittenAsTheGeneralCodecWrites: what was written before is read, and what
// is written is the same byte for byte.
func TestWrittenAsTheGeneralCodecWrites(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := drawn(t)
		want, err := generally(&r)
		if err != nil {
			t.Fatal(err)
		}
		got, err := Encode(&r)
		if err != nil || !bytes.Equal(got, want) {
			t.Fatalf("%s (%v)\ninstead of\n%s", got, err, want)
		}
		var back eventstore.Record
		if ok, err := Decode(got, &back); !ok || err != nil || !reflect.DeepEqual(back, r) {
			t.Fatalf("%s is read as\n%+v (%v, %v)\ninstead of\n%+v", got, back, ok, err, r)
		}
		var own eventstore.Record
		if !Own(got, &own) || !reflect.DeepEqual(own, r) {
			t.Fatalf("%s is not known again", got)
		}
		// The same in another form is read the same, and is not what was written.
		var spaced bytes.Buffer
		if err := json.Indent(&spaced, got, "", " "); err != nil {
			t.Fatal(err)
		}
		back = eventstore.Record{}
		if ok, err := Decode(spaced.Bytes(), &back); !ok || err != nil || !reflect.DeepEqual(back, r) || Own(spaced.Bytes(), &own) {
			t.Fatalf("%s is read as\n%+v (%v, %v)", &spaced, back, ok, err)
		}
	})
}

// TestReadAsTheGeneralCodecReads damages envelopes: what is read of them by
// their order is what the general codec reads.
func TestReadAsTheGeneralCodecReads(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := drawn(t)
		text, err := Encode(&r)
		if err != nil {
			t.Fatal(err)
		}
		for range rapid.IntRange(1, 3).Draw(t, "damages") {
			at := rapid.IntRange(0, len(text)-1).Draw(t, "at")
			switch rapid.IntRange(0, 2).Draw(t, "how") {
			case 0:
				text[at] = rapid.Byte().Draw(t, "byte")
			case 1:
				text = append(text[:at], text[at+1:]...)
			default:
				text = append(text[:at], append([]byte(rapid.SampledFrom([]string{`"`, ",", "}", "0", " "}).Draw(t, "more")), text[at:]...)...)
			}
			if len(text) == 0 {
				return
			}
		}
		var fast eventstore.Record
		if !read(text, &fast) {
			return
		}
		var f fields
		if err := json.Unmarshal(text, &f); err != nil {
			t.Fatalf("%s is read, and is no JSON: %v", text, err)
		}
		general := eventstore.Record{}
		if err := f.fill(&general); err != nil || !reflect.DeepEqual(fast, general) {
			t.Fatalf("%s is read as\n%+v\ninstead of\n%+v (%v)", text, fast, general, err)
		}
	})
}

func BenchmarkEnvelope(b *testing.B) {
	r := eventstore.Record{
		Correlation: uuid.New(), Command: uuid.New(), Actor: domain.Actor{ID: uuid.NewString(), Role: domain.RoleAgent}, Subject: "visitor-1",
		BodyHash: make([]byte, 32), HappenedAt: time.Now(),
	}
	b.ReportAllocs()
	for b.Loop() {
		text, err := Encode(&r)
		if err != nil || !Own(text, &eventstore.Record{}) {
			b.Fatal(err)
		}
	}
}
