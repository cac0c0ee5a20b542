package main

import (
	"net/http"
	"testing"

	"github.com/google/uuid"

	"parley/domain"
	"parley/domain/bulk"
	"parley/domain/conversation"
	"parley/eventstore"
)

// TestSUP1_ABulkActionThatWasCutOffIsFinished leaves a bulk action as a crash
// does: begun, one conversation done and nothing of it on record yet, one on
// record. Whoever starts next goes on, and does nothing twice.
func TestSUP1_ABulkActionThatWasCutOffIsFinished(t *testing.T) {
	long(t)
	t.Parallel()
	s := serveHere(t, folder(t))
	h := furnish(t, s)
	var ids []string
	for range 5 {
		h.arrive(t)
		ids = append(ids, h.ask("Hello?"))
	}
	s.stop()
	sue := domain.Actor{ID: "sue", Role: domain.RoleSupervisor}
	closing := conversation.ForceClose{Reason: conversation.ReasonSpam}
	commandOf := func(id string) uuid.UUID {
		return uuid.MustParse(domain.Derive(sue.Role, sue.ID, domain.Derive("b1", id)))
	}
	behind(t, s.data, func(b *house) {
		who := eventstore.Meta{Actor: sue, BodyHash: []byte("of the request")}
		if _, err := eventstore.Do(t.Context(), b.engine, &bulk.Kind, "b1", bulk.Begin{ID: "b1", Action: bulk.ForceClose, Conversations: append(ids, "none"), Reason: closing.Reason}, who); err != nil {
			t.Fatal(err)
		}
		for i := range 2 {
			who.Command = commandOf(ids[i])
			if _, err := eventstore.Act(t.Context(), b.engine, &conversation.Kind, ids[i], closing, who); err != nil {
				t.Fatal(err)
			}
		}
		only(t, b, &bulk.Kind, "b1", bulk.Record{Outcomes: []bulk.Outcome{{Conversation: ids[0]}}})
	})
	s = serveHere(t, s.data)
	h.again(s)
	eventually(t, "the rest is done", func() bool {
		return s.admin.must(http.StatusOK, "GET", "/v1/bulk/b1", nil).at("finished") == true
	})
	told := s.admin.must(http.StatusOK, "GET", "/v1/bulk/b1", nil)
	told.want("done", 5)
	told.want("refused", 1)
	s.stop()
	behind(t, s.data, func(b *house) {
		for _, id := range ids {
			closed := 0
			for r, err := range b.log.Read(t.Context(), eventstore.Query{Stream: conversation.Kind.Stream(id)}) {
				if err != nil {
					t.Fatal(err)
				}
				if r.Name != "conversation.closed" {
					continue
				}
				closed++
				if r.Actor != sue || r.Command != commandOf(id) {
					t.Errorf("%s is closed by %+v with command %s", id, r.Actor, r.Command)
				}
			}
			if closed != 1 {
				t.Errorf("%s is closed %d times", id, closed)
			}
		}
	})
	parley(t, "check", "--data", s.data).ok(t)
}
