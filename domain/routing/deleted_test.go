package routing

import (
	"testing"
	"time"

	"parley/domain"
	"parley/domain/conversation"
	"parley/domain/queue"
	"parley/domain/workstream"
)

func TestAGT6_WhatComesIntoADeletedQueueIsMovedOn(t *testing.T) {
	scene := func(fallback string) *town {
		w := newTown()
		w.queue("gone", "", "ana")
		w.queue("sales", "", "ben")
		w.agent("ana")
		w.agent("ben")
		w.tell("chat", workstream.Created{Workstream: "chat", Settings: workstream.Settings{Queue: fallback}})
		w.tell("gone", queue.Deleted{Queue: "gone"})
		w.asks("c", "gone", noon) // it had begun just before
		return w
	}
	t.Run("into its workstream's queue, with its time, and to nobody of the old one", func(t *testing.T) {
		w := scene("sales")
		d := about(t, w.round(), "c").Decision
		if d.Action != domain.ActionMove || d.Target != "sales" || d.Why != Deleted || found(d, "ana") != "" {
			t.Errorf("got %+v", d)
		}
		if c, _ := w.Conversation("c"); c.Queue != "sales" || !c.Since.Equal(noon) || c.Status != conversation.StatusOpen {
			t.Errorf("it is %s in %s since %s", c.Status, c.Queue, c.Since)
		}
		if got := chosen(w.round()); got["c"] != "ben" {
			t.Errorf("chosen %v, want ben of sales", got)
		}
		w.replay(t)
	})
	t.Run("where there is none it waits, says why, and goes on when there is one", func(t *testing.T) {
		for _, none := range []string{"gone", "nowhere", ""} {
			w := scene(none)
			if d := about(t, w.round(), "c").Decision; d.Action != domain.ActionNone || d.Digest() != Deleted {
				t.Errorf("%q: got %+v", none, d)
			}
			if c, _ := w.Conversation("c"); c.Reasons != Deleted || c.Status != conversation.StatusOpen {
				t.Errorf("%q: it is %s for %q", none, c.Status, c.Reasons)
			}
			w.now = noon.Add(time.Second)
			w.tell("chat", workstream.Created{Workstream: "chat", Settings: workstream.Settings{Queue: "sales"}})
			if d := about(t, w.round(), "c").Decision; d.Target != "sales" {
				t.Errorf("%q: got %+v", none, d)
			}
			w.replay(t)
		}
	})
	t.Run("one that waited there when it was deleted", func(t *testing.T) {
		w := newTown()
		w.queue("gone", "")
		w.queue("sales", "", "ben")
		w.tell("chat", workstream.Created{Workstream: "chat", Settings: workstream.Settings{Queue: "sales"}})
		w.asks("c", "gone", noon)
		w.round()
		w.tell("gone", queue.Deleted{Queue: "gone"})
		if d := about(t, w.round(), "c").Decision; d.Target != "sales" {
			t.Errorf("got %+v", d)
		}
	})
	t.Run("a queue that is back is a queue", func(t *testing.T) {
		w := scene("gone")
		w.round()
		w.tell("gone", queue.Configured{Queue: "gone", Name: "gone"})
		if got := chosen(w.round()); got["c"] != "ana" {
			t.Errorf("chosen %v", got)
		}
	})
}
