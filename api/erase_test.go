package api_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/uuid"

	"parley/api"
	"parley/domain"
	"parley/domain/contact"
	"parley/domain/visitor"
	"parley/eventstore"
)

// TestAUD4_WhoIsFoundToBeErasedLaterIsErasedToo: a link that was under way
// while the contact was erased reaches the visitor all the same, and a request
// that broke off is seen through.
func TestAUD4_WhoIsFoundToBeErasedLaterIsErasedToo(t *testing.T) {
	h := newHouse(t)
	ctx := context.Background()
	do(h, &contact.Kind, "ada", contact.Record{ID: "ada", Details: contact.Details{Name: "Ada"}})
	for _, v := range []string{"early", "late", "other", "escaped"} {
		do(h, &visitor.Kind, v, visitor.Arrive{ID: v, Widget: "w", Device: visitor.Device{Browser: domain.Personal("Firefox of " + v)}})
	}
	do(h, &visitor.Kind, "early", visitor.Identify{Contact: "ada"})
	if _, err := h.Log.Append(ctx, "visitor-escaped", 0, eventstore.Record{ // as another program may write it
		ID: uuid.New(), Name: "visitor.identified", HappenedAt: h.Clock.Now(), Data: []byte(`{"visitor":"escaped","contact":"\u0061da"}`),
	}); err != nil {
		t.Fatal(err)
	}
	do(h, &contact.Kind, "ada", contact.Erase{}) // and nobody destroyed a key
	do(h, &visitor.Kind, "late", visitor.Identify{Contact: "ada"})

	erasing := api.Erasing(h.Engine, h.Keys)
	for _, names := range [][]string{{"contact.erased"}, erasing.Names, erasing.Names} { // again is harmless
		for r, err := range h.Log.Read(ctx, eventstore.Query{Names: names}) {
			if err != nil {
				t.Fatal(err)
			}
			if err := erasing.Work(ctx, r); err != nil {
				t.Fatalf("%s: %v", r.Name, err)
			}
		}
		if _, err := h.Keys.Key("visitor-escaped", false); !errors.Is(err, eventstore.ErrNoKey) {
			t.Errorf("the erasure has not found a visitor linked before it: %v", err)
		}
	}
	for subject, gone := range map[string]bool{"contact-ada": true, "visitor-early": true, "visitor-late": true, "visitor-escaped": true, "visitor-other": false} {
		_, err := h.Keys.Key(subject, false)
		if got := errors.Is(err, eventstore.ErrNoKey); got != gone {
			t.Errorf("the key of %s is gone: %v, want %v (%v)", subject, got, gone, err)
		}
	}
}

// What was shown to one feed a moment before the erasure is not shown so to the next.
func TestAUD4_AFeedTellsNothingOfWhoWasErasedAMomentAgo(t *testing.T) {
	h := newHouse(t, withFeeds)
	seed(h)
	info, err := h.Log.Info(t.Context())
	h.check(err)
	h.run(
		step{As: "visitor:v1", Do: "POST /v1/conversations", Body: `{"widget":"shop","text":"I am Ada"}`, Status: 201, Save: map[string]string{"c": "conversation"}},
		step{As: "agent:anna", Do: "POST /v1/conversations/${c}/pick", Status: 200},
		step{As: "agent:anna", Do: "PUT /v1/contacts/ada", Body: `{"name":"Ada"}`, Status: 200},
		step{As: "agent:anna", Do: "PUT /v1/conversations/${c}/contact", Body: `{"contact":"ada"}`, Status: 200},
	)
	room := "/v1/conversations/" + h.vars["c"] + "/feed?after=" + info.Head.Text(info.Store)
	told := func() (text string) {
		for _, e := range h.listen("supervisor:sue", room).until("conversation.contact_linked") {
			text += e.text
		}
		return text
	}
	if text := told(); !strings.Contains(text, "I am Ada") {
		t.Fatalf("before: %s", text)
	}
	h.run(step{As: "admin:root", Do: "POST /v1/contacts/ada/erase", Status: 200})
	if text := told(); strings.Contains(text, "I am Ada") {
		t.Errorf("after the erasure: %s", text)
	}
}

// A customer who proves who he is on a second device, while his conversation goes on,
// begins none there: what he did on it is his all the same.
func TestAUD4_EveryDeviceOnWhichTheCustomerProvedHimselfIsErased(t *testing.T) {
	h := newHouse(t)
	seed(h)
	h.run(
		browser("app", "vt", "v"),
		step{As: "${vt}", Do: "POST /v1/conversations", Body: `{"widget":"app","customerToken":"${customer}","text":"My parcel is lost"}`, Status: 201},
		browser("app", "vt2", "v2"),
		step{As: "${vt2}", Do: "POST /v1/visitors/${v2}/actions", Body: `{"type":"phrase_searched","phrase":"lost parcel of Ada"}`, Status: 201},
		step{As: "${vt2}", Do: "POST /v1/conversations", Body: `{"widget":"app","customerToken":"${customer}"}`, Status: 200, Contains: []string{`"created":false`}},
		step{Name: "a visitor whom only a token names", As: "visitor:guest", Do: "POST /v1/conversations", Body: `{"widget":"shop","text":"I am Ada"}`, Status: 201, Save: map[string]string{"other": "conversation"}},
		step{As: "visitor:guest", Do: "POST /v1/conversations", Body: `{"widget":"app","customerToken":"${customer}"}`, Status: 200, Contains: []string{`"created":false`}},
		browser("app", "vt3", "v3"),
		step{As: "${vt3}", Do: "POST /v1/visitors/${v3}/actions", Body: `{"type":"phrase_searched","phrase":"of nobody known"}`, Status: 201},
		step{As: "admin:root", Do: "PUT /v1/contacts/c-1", Body: `{"name":"Ada"}`, Status: 200},
		step{As: "admin:root", Do: "POST /v1/contacts/c-1/erase", Status: 200, Contains: []string{`"visitors":3`}},
		step{As: "supervisor:sue", Do: "GET /v1/conversations/${other}/transcript", Status: 200, Lacks: []string{"I am Ada"}},
	)
	for v, gone := range map[string]bool{h.vars["v"]: true, h.vars["v2"]: true, "guest": true, h.vars["v3"]: false} {
		_, err := h.Keys.Key("visitor-"+v, false)
		if got := errors.Is(err, eventstore.ErrNoKey); got != gone {
			t.Errorf("the key of the visitor %s is gone: %v, want %v (%v)", v, got, gone, err)
		}
	}
}

// The site's token makes a customer known by no more than his id: nobody needs to have
// recorded who he is before he may be erased.
func TestAUD4_WhoOnlyProvedHimselfIsErased(t *testing.T) {
	h := newHouse(t)
	seed(h)
	h.run(
		step{As: "service:crm", Do: "POST /v1/conversations", Body: `{"widget":"app","customerToken":"${customer}","text":"I am Ada"}`, Status: 201, Save: map[string]string{"c": "conversation"}},
		step{As: "admin:root", Do: "POST /v1/contacts/c-1/erase", Status: 200},
		step{As: "supervisor:sue", Do: "GET /v1/conversations/${c}/transcript", Status: 200, Lacks: []string{"I am Ada"}},
		step{As: "service:crm", Do: "POST /v1/conversations", Body: `{"widget":"app","customerToken":"${customer}","text":"Still me"}`, Status: 410, Contains: []string{`"code":"erased"`}},
		step{As: "admin:root", Do: "PUT /v1/contacts/c-1", Body: `{"name":"Ada"}`, Status: 410},
		step{As: "admin:root", Do: "GET /v1/contacts/c-1", Status: 200, Contains: []string{`"erased":true`}},
		step{As: "admin:root", Do: "POST /v1/contacts/c-1/erase", Status: 200},
		step{As: "admin:root", Do: "POST /v1/contacts/c-2/erase", Status: 404, Contains: []string{`"code":"contact_unknown"`}},
	)
}

// What an agent left unsent to a customer or about him, and the pages of his that a
// session shows, go with him; those of others stay.
func TestAUD4_DraftsAndTabsOfTheCustomerAreErased(t *testing.T) {
	h := newHouse(t)
	seed(h)
	tabs := `{"tabs":[{"id":"active_conversation","form":"active_conversation"},{"id":"t","form":"address","of":"https://crm.example/ada-lovelace"}]}`
	session := func(name, form, of string) step {
		return step{As: "agent:anna", Do: "POST /v1/agents/anna/sessions", Body: `{"form":"` + form + `","of":"` + of + `"}`, Status: 201, Save: map[string]string{name: "session"}}
	}
	draft := func(session, text string) step {
		return step{As: "agent:anna", Do: "PUT /v1/sessions/${" + session + "}/drafts/reply", Body: `{"text":"` + text + `"}`, Status: 200}
	}
	h.run(
		step{As: "visitor:v1", Do: "POST /v1/conversations", Body: `{"widget":"shop","text":"Hi"}`, Status: 201, Save: map[string]string{"c": "conversation"}},
		step{As: "agent:anna", Do: "POST /v1/conversations/${c}/pick", Status: 200, Save: map[string]string{"talk": "hold"}},
		step{As: "agent:anna", Do: "PUT /v1/contacts/ada", Body: `{"name":"Ada"}`, Status: 200},
		step{As: "agent:anna", Do: "PUT /v1/contacts/bea", Body: `{"name":"Bea"}`, Status: 200},
		step{As: "agent:anna", Do: "PUT /v1/conversations/${c}/contact", Body: `{"contact":"ada"}`, Status: 200},
		step{As: "agent:anna", Do: "POST /v1/cases", Body: `{"id":"case-1","contact":"ada","title":"A parcel"}`, Status: 201},
		session("card", "contact", "ada"), session("case", "case", "case-1"), session("bea", "contact", "bea"),
		draft("talk", "Dear Ada Lovelace"), draft("card", "moved to 12 St James's Square"), draft("case", "the parcel of Lady Lovelace"), draft("bea", "Bea likes tea"),
		step{As: "agent:anna", Do: "PUT /v1/sessions/${talk}/tabs", Body: tabs, Status: 200},
		step{As: "agent:anna", Do: "GET /v1/sessions/${talk}/drafts", Status: 200, Contains: []string{"Dear Ada Lovelace"}},
		step{As: "agent:anna", Do: "GET /v1/agents/anna/sessions", Status: 200, Contains: []string{"ada-lovelace"}},
		step{As: "admin:root", Do: "POST /v1/contacts/ada/erase", Status: 200},
		step{As: "agent:anna", Do: "GET /v1/sessions/${talk}/drafts", Status: 200, Lacks: []string{"Lovelace"}},
		step{As: "agent:anna", Do: "GET /v1/sessions/${card}/drafts", Status: 200, Lacks: []string{"St James"}},
		step{As: "agent:anna", Do: "GET /v1/sessions/${case}/drafts", Status: 200, Lacks: []string{"Lovelace"}},
		step{As: "agent:anna", Do: "GET /v1/agents/anna/sessions", Status: 200, Lacks: []string{"ada-lovelace"}},
		step{As: "auditor:otto", Do: "GET /v1/events?limit=200", Status: 200, Lacks: []string{"ovelace", "St James"}},
		step{As: "agent:anna", Do: "PUT /v1/sessions/${talk}/drafts/reply", Body: `{"text":"Dear Ada"}`, Status: 410, Contains: []string{`"code":"erased"`}},
		step{As: "agent:anna", Do: "PUT /v1/sessions/${talk}/drafts/reply", Body: `{"text":""}`, Status: 200},
		step{As: "agent:anna", Do: "GET /v1/sessions/${bea}/drafts", Status: 200, Contains: []string{"Bea likes tea"}},
	)
}

// A customer who proved who he is outside the hours, when no live chat begins, is his
// device's owner all the same.
func TestAUD4_WhoProvedHimselfOutsideTheHoursIsErased(t *testing.T) {
	h := newHouse(t)
	seed(h)
	h.run(closedHours,
		step{As: "admin:root", Do: "PUT /v1/queues/sales", Body: `{"name":"Sales","number":1,"hours":"closed"}`, Status: 200},
		browser("shop", "vt", "v"),
		step{As: "${vt}", Do: "POST /v1/conversations", Body: `{"widget":"shop","customerToken":"${customer}"}`, Status: 409, Contains: []string{`"code":"outside_hours"`}, Records: true},
		step{As: "admin:root", Do: "PUT /v1/contacts/c-1", Body: `{"name":"Ada"}`, Status: 200},
		step{As: "admin:root", Do: "POST /v1/contacts/c-1/erase", Status: 200, Contains: []string{`"visitors":1`}},
	)
	if _, err := h.Keys.Key("visitor-"+h.vars["v"], false); !errors.Is(err, eventstore.ErrNoKey) {
		t.Errorf("what he did before he asked is readable: %v", err)
	}
}
