package cases

import (
	"testing"

	"parley/domain"
	"parley/domain/spec"
)

func TestSUM8_CasesAreOpenedNotedAndSettled(t *testing.T) {
	open := Opened{Case: "k1", Contact: "kim", Subject: "contact-kim", Title: "Invoice", By: ana}
	resolved := StatusSet{Case: "k1", Contact: "kim", Status: StatusResolved}
	noted := Noted{Case: "k1", Contact: "kim", ID: "n1", Text: "x", By: ana}
	spec.Run(t, &Kind, []spec.Case[Case, Event]{
		{Name: "opened once", When: Open{ID: "k1", Contact: "kim", Title: "Invoice", By: ana}, Then: []Event{open}},
		{Name: "opened again", Given: []Event{open}, When: Open{ID: "k1", Contact: "kim", Title: "Invoice", By: ana}},
		{Name: "another's of that id", Given: []Event{open}, When: Open{ID: "k1", Contact: "lee", Title: "Refund", By: ana}, Err: domain.Refuse("exists", "SUM-8", "")},
		{Name: "of nobody", When: Open{ID: "k1", Title: "Invoice"}, Err: domain.Invalid("contact", "")},
		{Name: "with a title of blanks", When: Open{ID: "k1", Contact: "kim", Title: " "}, Err: domain.Invalid("title", "")},
		{Name: "a note of blanks", Given: []Event{open}, When: Note{ID: "n1", Text: " ", By: ana}, Err: domain.Invalid("text", "")},
		{Name: "without a title", When: Open{ID: "k1", Contact: "kim"}, Err: domain.Invalid("title", "")},
		{Name: "noted", Given: []Event{open}, When: Note{ID: "n1", Text: "x", By: ana}, Then: []Event{noted}},
		{Name: "noted again", Given: []Event{open, noted}, When: Note{ID: "n1", Text: "x", By: ana}},
		{Name: "resolved", Given: []Event{open}, When: SetStatus{Status: StatusResolved}, Then: []Event{resolved}},
		{Name: "and opened again", Given: []Event{open, resolved}, When: SetStatus{Status: StatusActive}, Then: []Event{StatusSet{Case: "k1", Contact: "kim", Status: StatusActive}}},
		{Name: "forgotten is no status", Given: []Event{open}, When: SetStatus{Status: "forgotten"}, Err: domain.Invalid("status", "")},
		{Name: "none", When: SetStatus{Status: StatusActive}, Err: ErrUnknown},
	})
}
