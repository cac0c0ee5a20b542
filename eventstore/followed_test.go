package eventstore_test

import (
	"math"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"

	"github.com/google/uuid"

	"parley/eventstore"
	"parley/projections"
)

// fill gives a value something everywhere but in what copies of it share.
func fill(v reflect.Value, random *rand.Rand) {
	switch v.Kind() {
	case reflect.String:
		texts := []string{"", "x", "a\"b\\c", "ä<&>\u2028", "018f3b5e-0000-7000-8000-000000000001", "conversation-1"}
		v.SetString(texts[random.IntN(len(texts))])
	case reflect.Bool:
		v.SetBool(random.IntN(2) == 0)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		v.SetInt(int64(random.IntN(100)))
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		v.SetUint(uint64(random.IntN(100)))
	case reflect.Float32, reflect.Float64:
		v.SetFloat([]float64{0, 0.1, -1, 1e21, math.Pi}[random.IntN(5)])
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			at := time.Unix(random.Int64N(1<<33), random.Int64N(1e9))
			v.Set(reflect.ValueOf([]time.Time{{}, at.UTC(), at.UTC(), at.UTC(), at.UTC(), at.In(time.FixedZone("", 7200)), time.Now(), time.Now().UTC()}[random.IntN(8)]))
			return
		}
		for i := range v.NumField() {
			if v.Field(i).CanSet() {
				fill(v.Field(i), random)
			}
		}
	case reflect.Array:
		for i := range v.Len() {
			fill(v.Index(i), random)
		}
	}
}

// TestWhatIsHandedToFollowersIsWhatIsRead: an event that was decided in this
// process is handed to those who follow as it is; it must be what they would
// read from the log. All events of all kinds are tried.
func TestWhatIsHandedToFollowersIsWhatIsRead(t *testing.T) {
	kinds, err := projections.Kinds()
	if err != nil {
		t.Fatal(err)
	}
	codec := &eventstore.Codec{Kinds: kinds, Keys: eventstore.MemKeys()}
	seed := rand.Uint64()
	random := rand.New(rand.NewPCG(seed, seed))
	for _, name := range kinds.Names() {
		zero, err := codec.Decode(eventstore.Record{Name: name, Data: []byte("{}")})
		if err != nil {
			t.Fatal(err)
		}
		if today, ok := kinds.Name(zero); !ok || today != name {
			continue // a former shape
		}
		tried := 0
		for range 50 {
			event := reflect.New(reflect.TypeOf(zero)).Elem()
			fill(event, random)
			sealed, data, handed, err := codec.EncodeSealed(event.Interface(), uuid.NewString())
			if err != nil {
				t.Fatalf("seed %d: %s: %v", seed, name, err)
			}
			if !handed {
				continue // a time that is not read as it is: it is decoded
			}
			read, err := codec.Decode(eventstore.Record{Name: name, Data: data})
			if err != nil {
				t.Fatalf("seed %d: %s: %v", seed, name, err)
			}
			if tried++; !reflect.DeepEqual(sealed, read) {
				t.Fatalf("seed %d: %s is handed out as\n%+v\nand read as\n%+v\nfrom %s", seed, name, sealed, read, data)
			}
		}
		if tried == 0 {
			t.Errorf("seed %d: %s was never tried", seed, name)
		}
	}
}
