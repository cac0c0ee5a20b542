package eventstore

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"parley/domain"
)

type inner struct {
	Text domain.Personal
	N    int
}

// Hidden is embedded, so that its text is promoted.
type hidden struct{ Deep domain.Personal }

type wide struct {
	hidden
	Text    domain.Personal `json:",omitempty"`
	Pointer *inner
	List    []inner
	Texts   []domain.Personal
	Map     map[string]domain.Personal
	Keys    map[domain.Personal]int
	Array   [2]inner
	Tree    []wide
	Plain   []string
	Any     any
}

type wideState struct{}

func wides() *domain.Kind[wideState, wide] {
	return &domain.Kind[wideState, wide]{Name: "wide", Apply: func(*wideState, wide) {}, Names: domain.Names[wide]{"wide.drawn": wide{}}}
}

func wideCodec(t testing.TB) (*Codec, *memKeys) {
	kinds, err := NewKinds(Register(wides()), Register(rooms()))
	if err != nil {
		t.Fatal(err)
	}
	keys := &memKeys{}
	return &Codec{Kinds: kinds, Keys: keys}, keys
}

func drawWide(t *rapid.T, depth int) wide {
	text := rapid.Custom(func(t *rapid.T) domain.Personal {
		return domain.Personal(rapid.StringMatching(`(p1:)?[a-zä ]{0,12}`).Draw(t, "text"))
	})
	in := rapid.Custom(func(t *rapid.T) inner { return inner{text.Draw(t, "in"), rapid.Int().Draw(t, "n")} })
	w := wide{
		hidden: hidden{text.Draw(t, "deep")}, Text: text.Draw(t, "text"),
		Pointer: rapid.Ptr(in, true).Draw(t, "pointer"),
		List:    rapid.SliceOf(in).Draw(t, "list"), Texts: rapid.SliceOf(text).Draw(t, "texts"),
		Map:   rapid.MapOf(rapid.String(), text).Draw(t, "map"),
		Keys:  rapid.MapOf(text, rapid.Int()).Draw(t, "keys"),
		Array: [2]inner{in.Draw(t, "a"), in.Draw(t, "b")},
		Plain: rapid.SliceOf(rapid.String()).Draw(t, "plain"),
	}
	if depth > 0 {
		w.Tree = []wide{drawWide(t, depth-1)}
	}
	return w
}

func TestWhatIsEncodedOpensAgain(t *testing.T) {
	codec, _ := wideCodec(t)
	rapid.Check(t, func(t *rapid.T) {
		w := drawWide(t, 1)
		before := fmt.Sprintf("%#v", w)
		name, data, err := codec.Encode(w, "visitor-1")
		if err != nil {
			t.Fatal(err)
		}
		if after := fmt.Sprintf("%#v", w); before != after && w.Pointer == nil {
			t.Fatalf("encoding changed the event\n%s\n%s", before, after)
		}
		got, err := codec.Open(Record{Name: name, Data: data, Subject: "visitor-1"})
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, w) {
			t.Fatalf("got %#v\nwant %#v", got, w)
		}
	})
}

func TestAUD4_NoPersonalTextIsStoredInTheClear(t *testing.T) {
	codec, _ := wideCodec(t)
	secret := domain.Personal("xsecretx")
	w := wide{hidden: hidden{secret}, Text: secret, Pointer: &inner{Text: secret}, List: []inner{{Text: secret}}, Texts: []domain.Personal{secret},
		Map: map[string]domain.Personal{"a": secret}, Keys: map[domain.Personal]int{secret: 1}, Array: [2]inner{{Text: secret}, {}},
		Tree: []wide{{Text: secret}}, Any: inner{Text: secret}}
	name, data, err := codec.Encode(w, "visitor-1")
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(data), string(secret)) {
		t.Errorf("clear text in %s", data)
	}
	if w.Texts[0] != secret || w.Pointer.Text != secret || w.Map["a"] != secret || w.Tree[0].Text != secret {
		t.Errorf("encoding changed the event: %#v", w)
	}
	sealedEvent, err := codec.Decode(Record{Name: name, Data: data, Subject: "visitor-1"})
	if err != nil {
		t.Fatal(err)
	}
	text := sealedEvent.(wide).Text
	if got := codec.Unseal("visitor-1", text); got != secret {
		t.Errorf("unsealed %q", got)
	}
	if got := codec.Unseal("visitor-2", text); got == secret {
		t.Error("another subject's key reads the text")
	}
	if _, _, err := codec.Encode(sealedEvent, "visitor-1"); err != nil {
		t.Errorf("an event read sealed cannot be recorded again: %v", err)
	}
	if again, err := codec.Seal("visitor-1", text); err != nil || again != text {
		t.Errorf("sealed text is sealed twice: %q, %v", again, err)
	}
	if _, _, err := codec.Encode(wide{Text: secret}, ""); err == nil {
		t.Error("personal text was encoded without a subject")
	}
}

func TestAUD4_AnErasedSubjectReadsErasedAndIsRefused(t *testing.T) {
	codec, keys := wideCodec(t)
	name, data, err := codec.Encode(wide{Text: "hello", Texts: []domain.Personal{"a", ""}}, "visitor-1")
	if err != nil {
		t.Fatal(err)
	}
	if err := keys.Destroy("visitor-1"); err != nil {
		t.Fatal(err)
	}
	codec.Forget("visitor-1")
	got, err := codec.Open(Record{Name: name, Data: data, Subject: "visitor-1"})
	if err != nil {
		t.Fatal(err)
	}
	if w := got.(wide); w.Text != domain.Erased || w.Texts[0] != domain.Erased || w.Texts[1] != "" {
		t.Errorf("got %#v", w)
	}
	if _, _, err := codec.Encode(wide{Text: "more"}, "visitor-1"); !errors.Is(err, ErrErased) {
		t.Errorf("got %v, want the refusal %v", err, ErrErased)
	}
}

func TestAUD4_WhoKeepsTextIsToldThatAKeyIsGone(t *testing.T) {
	codec, _ := wideCodec(t)
	before, err := codec.Gone()
	if err != nil {
		t.Fatal(err)
	}
	if same, err := codec.Gone(); err != nil || same != before {
		t.Errorf("%d, then %d with every key there: %v", before, same, err)
	}
	codec.Forget("visitor-1")
	if after, err := codec.Gone(); err != nil || after == before {
		t.Errorf("%d, and %d once a key was forgotten: %v", before, after, err)
	}
}

func TestFormerShapesAreLiftedAndUnknownOnesNamed(t *testing.T) {
	codec, _ := wideCodec(t)
	text, err := codec.Seal("visitor-1", "hi")
	if err != nil {
		t.Fatal(err)
	}
	r := Record{Stream: "room-1", Name: "room.spoke", Subject: "visitor-1", Data: []byte(`{"Who":"anna","Text":"` + string(text) + `"}`)}
	got, err := codec.Open(r)
	if err != nil || !reflect.DeepEqual(got, spoke{Guest: "anna", Text: "hi"}) {
		t.Errorf("got %#v, %v", got, err)
	}
	for _, r := range []Record{{Stream: "room-7", Revision: 4, Name: "room.danced", Data: []byte(`{}`)}, {Stream: "room-7", Revision: 4, Name: "room.left", Data: []byte(`{"Guest":`)}} {
		if _, err := codec.Decode(r); err == nil || !strings.Contains(err.Error(), "room-7") || !strings.Contains(err.Error(), r.Name) {
			t.Errorf("the error does not name the record: %v", err)
		}
	}
}

func TestKindsRefuseWhatIsAmbiguous(t *testing.T) {
	twice := rooms()
	twice.Name = "other"
	two := tallies()
	two.Names["tally.again"] = counted{}
	none := tallies()
	none.Names["tally.nil"] = counted{}
	for name, kinds := range map[string][]Registered{
		"a kind twice": {Register(rooms()), Register(rooms())}, "a name twice": {Register(rooms()), Register(twice)},
		"a type twice": {Register(two)},
		"a nil event":  {Register(&domain.Kind[room, roomEvent]{Name: "n", Names: domain.Names[roomEvent]{"n.n": nil}})},
		"a pointer":    {Register(&domain.Kind[room, *left]{Name: "n", Names: domain.Names[*left]{"n.n": {}}})},
	} {
		if _, err := NewKinds(kinds...); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
}

func BenchmarkEncode(b *testing.B) {
	codec, _ := wideCodec(b)
	b.Run("plain", func(b *testing.B) {
		for b.Loop() {
			if _, _, err := codec.Encode(entered{"anna", "c-1"}, ""); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("sealed", func(b *testing.B) {
		for b.Loop() {
			if _, _, err := codec.Encode(spoke{"anna", "a sentence of some length, as one says it", nil}, "visitor-anna"); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// What is stored is what the golden files promise: the standard library's JSON.
func TestStoredBytesAreTheStandardLibrarys(t *testing.T) {
	type terms struct {
		For   time.Duration
		Until time.Time `json:",omitzero"`
		Name  string
		Raw   json.RawMessage
	}
	kinds, err := NewKinds(Register(&domain.Kind[room, terms]{Name: "term", Names: domain.Names[terms]{"term.set": {}}}))
	if err != nil {
		t.Fatal(err)
	}
	codec := &Codec{Kinds: kinds}
	for _, in := range []terms{{For: 5 * time.Minute, Name: "a<b>\xff", Raw: json.RawMessage(`{"a":[1]}`)}, {For: 1, Until: time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC), Raw: json.RawMessage(`1`)}} {
		name, data, err := codec.Encode(in, "")
		if err != nil {
			t.Fatal(err)
		}
		want, err := json.Marshal(in)
		if err != nil || string(data) != string(want) {
			t.Errorf("stored %s, want %s, %v", data, want, err)
		}
		var standard terms
		if err := json.Unmarshal(data, &standard); err != nil {
			t.Fatal(err)
		}
		if got, err := codec.Decode(Record{Name: name, Data: data}); err != nil || !reflect.DeepEqual(got, standard) {
			t.Errorf("read %+v, want %+v, %v", got, standard, err)
		}
	}
}

func TestAUD4_OnlyWhatItsTypeDeclaresIsSealed(t *testing.T) {
	codec, _ := wideCodec(t)
	const text = "p1:eHh4"
	wide, former := Record{Stream: "wide-1", Name: "wide.drawn"}, Record{Stream: "room-1", Name: "room.spoke"}
	for _, c := range []struct {
		r        Record
		pointers []string
		want     bool
	}{
		{wide, []string{"/Text", "/text", "/Deep", "/Pointer/Text", "/List/7/Text", "/Texts/0", "/Map/a~1b", "/Array/1/Text", "/Tree/0/Tree/1/List/2/Text"}, true},
		{wide, []string{"", "/", "/hidden", "/hidden/Deep", "/Tex", "/Text/0", "/Texts", "/Texts/0/1", "/List/0", "/List/Text", "/Map", "/Keys/a", "/Array/0/N", "/Plain/0", "/Any", "/Any/Text", "/none/Text"}, false},
		{former, []string{"/Text"}, true},
		{former, []string{"/Who", "/Tags/0"}, false},
		{Record{Stream: "foreign-1", Name: "wide.drawn"}, []string{"/Text"}, false},
		{Record{Stream: "wide-1", Name: "wide.unknown"}, []string{"/Text"}, false},
	} {
		for _, pointer := range c.pointers {
			if codec.Sealed(c.r, pointer, text) != c.want {
				t.Errorf("%s of %s: %s at %q is sealed: %v, want %v", c.r.Name, c.r.Stream, text, pointer, !c.want, c.want)
			}
		}
	}
	if codec.Sealed(wide, "/Text", "p2:eHh4") || codec.Sealed(wide, "/Text", "") {
		t.Error("text in the clear is sealed")
	}
}

// Every place that is sealed is found, whatever an event looks like.
func TestAUD4_EverySealedTextIsKnown(t *testing.T) {
	codec, _ := wideCodec(t)
	rapid.Check(t, func(t *rapid.T) {
		w := drawWide(t, 1)
		name, data, err := codec.Encode(w, "visitor-1")
		if err != nil {
			t.Fatal(err)
		}
		r := Record{Stream: "wide-1", Name: name, Data: data, Subject: "visitor-1"}
		var tree any
		if err := json.Unmarshal(data, &tree); err != nil {
			t.Fatal(err)
		}
		var walk func(pointer string, v any)
		walk = func(pointer string, v any) {
			switch v := v.(type) {
			case map[string]any:
				for key, v := range v {
					walk(pointer+"/"+strings.NewReplacer("~", "~0", "/", "~1").Replace(key), v)
				}
			case []any:
				for i, v := range v {
					walk(fmt.Sprintf("%s/%d", pointer, i), v)
				}
			case string:
				clear, err := codec.unseal("visitor-1", domain.Personal(v))
				if sealed := err == nil && string(clear) != v; sealed != codec.Sealed(r, pointer, v) {
					t.Fatalf("%s at %s is sealed: %v", v, pointer, sealed)
				}
			}
		}
		walk("", tree)
	})
}

// slowKeys answers with a key that is destroyed before the answer arrives.
type slowKeys struct {
	*memKeys
	meanwhile func()
}

func (k *slowKeys) Key(subject string, create bool) ([]byte, error) {
	key, err := k.memKeys.Key(subject, create)
	if meanwhile := k.meanwhile; meanwhile != nil {
		k.meanwhile = nil
		meanwhile()
	}
	return key, err
}

func TestAUD4_AKeyThatIsDestroyedWhileItIsReadIsNotKept(t *testing.T) {
	codec, keys := newCodec(t)
	codec.Keys = &slowKeys{keys, func() {
		if err := keys.Destroy("visitor-1"); err != nil {
			t.Error(err)
		}
		codec.Forget("visitor-1")
	}}
	sealed, err := codec.Seal("visitor-1", "Anna")
	if err != nil {
		t.Fatal(err)
	}
	if text := codec.Unseal("visitor-1", sealed); text != domain.Erased {
		t.Errorf("the text of an erased person reads %q", text)
	}
	if _, err := codec.Seal("visitor-1", "Anna"); !errors.Is(err, ErrErased) {
		t.Errorf("text of an erased person was sealed: %v", err)
	}
}
