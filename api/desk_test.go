package api_test

import (
	"crypto/ed25519"
	"crypto/x509"
	"encoding/pem"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"parley/domain"
	"parley/domain/agent"
	"parley/domain/conversation"
	"parley/domain/notification"
	"parley/domain/queue"
	"parley/domain/widget"
	"parley/domain/workstream"
	"parley/eventstore"
)

// site is a customer's own site: it signs for its customers.
type site struct{ key ed25519.PrivateKey }

func newSite() site {
	return site{ed25519.NewKeyFromSeed([]byte("a site that signs for customers!"))}
}

// public is the key as a workstream is configured with it.
func (s site) public(t *testing.T) workstream.Key {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(s.key.Public())
	if err != nil {
		t.Fatal(err)
	}
	return workstream.Key{ID: "site-1", Algorithm: "EdDSA", PEM: string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))}
}

// signs gives a customer's token.
func (s site) signs(t *testing.T, contact string, until time.Time) string {
	t.Helper()
	token := jwt.NewWithClaims(jwt.SigningMethodEdDSA, jwt.MapClaims{"sub": contact, "exp": until.Unix()})
	token.Header["kid"] = "site-1"
	text, err := token.SignedString(s.key)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// seed opens the place: the queue "sales" with anna and bob, and carol, who
// serves none; a live chat behind the widget "shop", a persistent one behind
// "app". ${customer} is a token the site signed for the contact c-1.
func seed(h *house) {
	h.t.Helper()
	do(h, &queue.Kind, "sales", queue.Configure{ID: "sales", Name: "Sales", Number: 1})
	do(h, &queue.Kind, "empty", queue.Configure{ID: "empty", Name: "Empty", Number: 2})
	for _, id := range []string{"anna", "bob", "carol"} {
		do(h, &agent.Kind, id, agent.Register{ID: id, Name: domain.Personal("Agent " + id), Units: 100})
		do(h, &agent.Kind, id, agent.SetPresence{Presence: agent.Available, At: h.Clock.Now()})
		if id != "carol" {
			do(h, &queue.Kind, "sales", queue.AddMember{Agent: id})
		}
	}
	s := newSite()
	do(h, &workstream.Kind, "chat", workstream.Create{ID: "chat", Channel: "chat", Mode: "live",
		Settings: workstream.Settings{Name: "Chat", Queue: "sales", Keys: []workstream.Key{s.public(h.t)}}})
	do(h, &workstream.Kind, "care", workstream.Create{ID: "care", Channel: "chat", Mode: "persistent",
		Settings: workstream.Settings{Name: "Care", Queue: "sales", KeepSameAgent: true, Keys: []workstream.Key{s.public(h.t)}}})
	do(h, &widget.Kind, "shop", widget.Configure{ID: "shop", Workstream: "chat", Proactive: true})
	do(h, &widget.Kind, "app", widget.Configure{ID: "app", Workstream: "care"})
	h.vars["customer"] = s.signs(h.t, "c-1", h.Clock.Now().Add(24*time.Hour))
}

// offer is what the router would do: it offers a conversation to an agent. The
// hold is saved under the name.
func (h *house) offer(id, agentID, name string) {
	h.t.Helper()
	c, _, err := eventstore.Load(h.t.Context(), h.Engine, &conversation.Kind, h.fill(id))
	if err != nil {
		h.t.Fatal(err)
	}
	hold := domain.Hold(c.ID, c.Turn, agentID)
	do(h, &agent.Kind, agentID, agent.Reserve{
		Hold: hold, Conversation: c.ID, Subject: c.Subject, Turn: c.Turn, Segment: c.Segment, Units: c.Terms.Units, Purpose: agent.PurposeOffer,
		Scenario: notification.ScenarioChat, Countdown: c.Terms.Countdown, Day: h.Clock.Now().Format("2006-01-02"), At: h.Clock.Now(),
	})
	h.vars[name] = hold
}

// browser is a step in which a browser arrives; its token and id are saved.
func browser(widget, token, id string) step {
	return step{Do: "POST /v1/widgets/" + widget + "/visitors", Body: `{"device":{"browser":"Firefox 132","system":"Linux","language":"de"}}`,
		Status: 201, Save: map[string]string{token: "token", id: "visitor"}}
}
