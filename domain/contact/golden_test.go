package contact

import (
	"testing"

	"parley/domain"
	"parley/domain/spec"
)

var (
	ana = domain.Actor{ID: "ana", Role: domain.RoleAgent}
	kim = Details{Name: "Kim Berg", Email: "kim@example.org", Phones: []domain.Personal{"+351911111111"}, Location: "Porto, PT"}
)

func TestGolden(t *testing.T) {
	spec.Golden(t, &Kind, "testdata/events", map[string]Event{
		"contact.recorded":        Recorded{Contact: "kim", Details: kim, Account: "acme", Digest: "9f86d081"},
		"contact.noted":           Noted{Contact: "kim", ID: "n1", Text: "Prefers e-mail.", By: ana},
		"contact.activity_added":  ActivityAdded{Contact: "kim", ID: "a1", Form: ActivityCall, Title: "Called back", Text: "No answer.", By: ana},
		"contact.erased":          Erased{Contact: "kim"},
		"contact.carried_forward": CarriedForward{State: Contact{ID: "kim", Erased: true, Account: "acme", Digest: "9f86d081", Recent: domain.Recent{Older: []string{"n1", "a1"}}}},
	})
}
