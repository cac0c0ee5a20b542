package contact

import (
	"testing"

	"parley/domain"
	"parley/domain/spec"
)

func TestSUM3_AUD4_ContactsAreRecordedNotedAndErased(t *testing.T) {
	known := Recorded{Contact: "kim", Details: kim, Digest: "d1"}
	noted := Noted{Contact: "kim", ID: "n1", Text: "x", By: ana}
	spec.Run(t, &Kind, []spec.Case[Contact, Event]{
		{Name: "known", When: Record{ID: "kim", Details: kim, Digest: "d1"}, Then: []Event{known}},
		{Name: "the same details again, though noted since", Given: []Event{known, noted}, When: Record{ID: "kim", Details: kim, Digest: "d1"}},
		{Name: "another account is news", Given: []Event{known}, When: Record{ID: "kim", Details: kim, Digest: "d1", Account: "acme"}, Then: []Event{Recorded{Contact: "kim", Details: kim, Digest: "d1", Account: "acme"}}},
		{Name: "back to former details is news", Given: []Event{known, Recorded{Contact: "kim", Digest: "d2"}}, When: Record{ID: "kim", Details: kim, Digest: "d1"}, Then: []Event{known}},
		{Name: "a note", Given: []Event{known}, When: Note{ID: "n1", Text: "x", By: ana}, Then: []Event{noted}},
		{Name: "a note sent again", Given: []Event{known, noted}, When: Note{ID: "n1", Text: "x", By: ana}},
		{Name: "a call", Given: []Event{known}, When: AddActivity{ID: "a", Form: ActivityCall, Title: "Called", By: ana}, Then: []Event{ActivityAdded{Contact: "kim", ID: "a", Form: ActivityCall, Title: "Called", By: ana}}},
		{Name: "a call with a title of blanks", Given: []Event{known}, When: AddActivity{ID: "a", Form: ActivityCall, Title: "\t", By: ana}, Err: domain.Invalid("title", "")},
		{Name: "a note of blanks", Given: []Event{known}, When: Note{ID: "n1", Text: "\n", By: ana}, Err: domain.Invalid("text", "")},
		{Name: "a name of blanks", When: Record{ID: "kim", Details: Details{Name: " "}}, Err: domain.Invalid("name", "")},
		{Name: "a dance", Given: []Event{known}, When: AddActivity{ID: "a", Form: "dance", Title: "x", By: ana}, Err: domain.Invalid("form", "")},
		{Name: "erased", Given: []Event{known}, When: Erase{}, Then: []Event{Erased{Contact: "kim"}}},
		{Name: "erased, whom others tell of and nobody recorded", When: Erase{ID: "kim"}, Then: []Event{Erased{Contact: "kim"}}},
		{Name: "erased, of whom nobody tells", When: Erase{}, Err: ErrUnknown},
		{Name: "erased twice", Given: []Event{Erased{Contact: "kim"}}, When: Erase{}},
		{Name: "recorded after he was erased unrecorded", Given: []Event{Erased{Contact: "kim"}}, When: Record{ID: "kim", Details: kim}, Err: ErrErased},
		{Name: "erased for good", Given: []Event{known, Erased{Contact: "kim"}}, When: Record{ID: "kim", Details: kim}, Err: ErrErased},
		{Name: "nothing is noted on who is erased", Given: []Event{known, Erased{Contact: "kim"}}, When: Note{ID: "n2", Text: "x"}, Err: ErrErased},
		{Name: "a note on nobody", When: Note{ID: "n1", Text: "x", By: ana}, Err: ErrUnknown},
	})
}
