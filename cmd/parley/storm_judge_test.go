package main

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"parley/domain/agent"
	"parley/domain/conversation"
	"parley/domain/routing"
	"parley/eventstore"
	"parley/eventstore/embedded"
	"parley/projections"
)

// unsettled tells what of the log is still to be followed up, though everybody
// has gone; empty when nothing is.
func (s *storm) unsettled() string {
	log, err := openEnd(s.t.Context(), s.servers.node.url(), true, embedded.Options{})
	if err != nil {
		return err.Error()
	}
	defer func() {
		if err := log.Close(); err != nil {
			s.t.Error(err)
		}
	}()
	kinds, err := projections.Kinds()
	if err != nil {
		s.t.Fatal(err)
	}
	codec := &eventstore.Codec{Kinds: kinds}
	agents, talks := map[string]agent.Agent{}, map[string]conversation.Conversation{}
	for r, err := range log.Read(s.t.Context(), eventstore.Query{Kinds: []string{agent.Kind.Name, conversation.Kind.Name}}) {
		if err != nil {
			return err.Error()
		}
		f, err := codec.Fact(r)
		if err != nil {
			return err.Error()
		}
		switch e := f.Event.(type) {
		case agent.Event:
			a := agents[f.ID]
			agent.Kind.Apply(&a, e)
			agents[f.ID] = a
		case conversation.Event:
			c := talks[f.ID]
			conversation.Kind.Apply(&c, e)
			talks[f.ID] = c
		}
	}
	for id, a := range agents {
		for name, h := range a.Holds {
			if c := talks[h.Conversation]; c.Primary.Hold != name || c.Status != conversation.StatusWrapUp {
				return fmt.Sprintf("agent %s holds %s for conversation %s, which is %s", id, name, h.Conversation, c.Status)
			}
		}
	}
	for id, c := range talks {
		if c.Status == conversation.StatusOpen && c.Reasons == "" {
			return fmt.Sprintf("conversation %s waits, and nothing says why", id)
		}
	}
	return ""
}

// judge reads the log by itself, apart from what parley check holds against it.
func (s *storm) judge(killed map[string]int) {
	t := s.t
	s.servers.node.end(os.Interrupt)
	defer s.servers.node.start()
	log, node, err := openNode(s.servers.node.dir + "/log")
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := log.Close(); err != nil {
			t.Error(err)
		}
	}()
	if err := node.Close(); err != nil {
		t.Error(err)
	}
	kinds, err := projections.Kinds()
	if err != nil {
		t.Fatal(err)
	}
	codec := &eventstore.Codec{Kinds: kinds}
	agents, talks := map[string]agent.Agent{}, map[string]conversation.Conversation{}
	engaged := map[string]string{} // hold to agent
	names := map[string]int{}
	forced, swept := 0, 0
	made := routing.NewCheck(zoneOf, time.UTC, func(text string) (uint64, bool) {
		_, number, _ := strings.Cut(text, ":") // over the wire the log has another name
		p, err := strconv.ParseUint(number, 10, 64)
		return p, err == nil
	}, func(id string, at uint64, what string) {
		t.Errorf("the decision on conversation %s at %d comes out otherwise: %s", id, at, what)
	})
	for r, err := range log.Read(t.Context(), eventstore.Query{Kinds: routing.Kinds}) {
		if err != nil {
			t.Fatal(err)
		}
		f, err := codec.Fact(r)
		if err != nil {
			t.Fatal(err)
		}
		names[r.Name]++
		made.See(f, uint64(r.Position))
		if r.Actor.ID == sweeper.ID {
			swept++
			t.Logf("the sweep recorded %s in %s at %s, position %d", r.Name, r.Stream, r.RecordedAt.Format(time.TimeOnly), r.Position)
		}
		switch e := f.Event.(type) {
		case agent.Event:
			a := agents[f.ID]
			agent.Kind.Apply(&a, e)
			agents[f.ID] = a
			reserved, ok := e.(agent.Reserved)
			switch {
			case ok && reserved.Forced:
				forced++
			case ok && a.Held() > a.Units:
				t.Errorf("agent %s holds %d of %d units at revision %d, and nobody forced it", f.ID, a.Held(), a.Units, r.Revision)
			}
		case conversation.Event:
			c := talks[f.ID]
			if e, ok := e.(conversation.Engaged); ok {
				if c.Status == conversation.StatusEngaged && e.Replaces != c.Primary.Hold {
					t.Errorf("conversation %s has %s and %s engages at revision %d", f.ID, c.Primary.Agent, e.Agent, r.Revision)
				}
				if _, twice := engaged[e.Hold]; twice {
					t.Errorf("hold %s engages twice in conversation %s", e.Hold, f.ID)
				}
				engaged[e.Hold] = e.Agent
			}
			conversation.Kind.Apply(&c, e)
			talks[f.ID] = c
		}
	}
	made.End()
	if late := made.Late(); late != nil {
		for r, err := range log.Read(t.Context(), eventstore.Query{Kinds: routing.Kinds}) {
			if err != nil {
				t.Fatal(err)
			}
			f, err := codec.Fact(r)
			if err != nil {
				t.Fatal(err)
			}
			late.See(f, uint64(r.Position))
		}
		late.End()
	}
	if made.Skipped > 0 {
		t.Errorf("%d decisions of routing cannot be made again", made.Skipped)
	}
	for hold, told := range s.accepts {
		for _, who := range told {
			if engaged[hold] != who {
				t.Errorf("%s was told that %s is his, and the log says %q", who, hold, engaged[hold])
			}
		}
	}
	for _, id := range s.begun {
		if _, there := talks[id]; !there {
			t.Errorf("conversation %s was begun, and the log does not know it", id)
		}
	}
	states, why := map[conversation.Status]int{}, map[string]int{}
	for id, c := range talks {
		states[c.Status]++
		switch c.Status {
		case conversation.StatusOpen:
			if c.Reasons == "" {
				t.Errorf("conversation %s waits in %s, and nothing on record says why", id, c.Queue)
			}
			why[c.Reasons]++
		case conversation.StatusOffered, conversation.StatusEngaged, conversation.StatusNone:
			t.Errorf("conversation %s is %s, though everybody has gone", id, c.Status)
		}
	}
	held := 0
	for id, a := range agents {
		for name, h := range a.Holds {
			held++
			if c := talks[h.Conversation]; c.Primary.Hold != name || c.Status != conversation.StatusWrapUp {
				t.Errorf("agent %s holds %s (%d units, slot %v) for conversation %s, which is %s by %s", id, name, h.Units, h.Slot, h.Conversation, c.Status, c.Primary.Hold)
			}
		}
	}
	if s.failure != "" {
		t.Errorf("a server failed: %s", s.failure)
	}
	if len(s.accepts) == 0 || names["conversation.offered"] == 0 {
		t.Error("nothing was ever offered or accepted: it shows nothing")
	}
	t.Logf("killed: %s; asked: %s", counted(killed), counted(s.counts))
	t.Logf("%d agents, %d conversations: %v; why they wait: %s; %d holds stand, all of wrap-up; %d reservations were forced; the sweep mended %d", len(agents), len(talks), states, counted(why), held, forced, swept)
	t.Logf("%d decisions of routing were made again, %d were not", made.Checked, made.Skipped)
	t.Logf("events: %s", counted(names))
}

// counted writes counts in order.
func counted(all map[string]int) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(all)) {
		parts = append(parts, fmt.Sprintf("%s %d", name, all[name]))
	}
	return strings.Join(parts, ", ")
}
