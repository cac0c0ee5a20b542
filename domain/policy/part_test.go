package policy_test

import (
	"pgregory.net/rapid"

	"parley/domain"
	"parley/domain/agent"
	"parley/domain/conversation"
)

// part is what agents and supervisors do in a conversation of another (CON-5).
func (p *play) part(t *rapid.T) {
	id := p.conversation(t, conversation.StatusEngaged, conversation.StatusWrapUp)
	c := p.conversations.states[id]
	who := p.any(t, people)
	by := domain.Actor{ID: c.Primary.Agent, Role: domain.RoleAgent}
	as := rapid.SampledFrom([]string{conversation.AsConsult, conversation.AsJoined}).Draw(t, "as")
	own, _ := c.PartOf(who)
	acts := map[string]func(){
		"invite": func() {
			p.request("conversation", id, conversation.Invite{Agent: who, As: as, By: by, Countdown: 60, At: p.now})
		},
		"accept": func() {
			p.request("conversation", id, conversation.AnswerInvite{ID: own.ID, Agent: who, Accept: true, At: p.now})
		},
		"reject":  func() { p.request("conversation", id, conversation.AnswerInvite{ID: own.ID, Agent: who, At: p.now}) },
		"leave":   func() { p.request("conversation", id, conversation.LeavePart{ID: own.ID, By: who}) },
		"monitor": func() { p.request("conversation", id, conversation.Monitor{Agent: "sue", At: p.now}) },
		"join":    func() { p.request("conversation", id, conversation.Monitor{Agent: "sue", Join: true, At: p.now}) },
		"take over": func() {
			cmd := conversation.Engage{Hold: c.TakeOverHold(own), Agent: who, Turn: c.Turn, How: conversation.HowTake, Replaces: c.Primary.Hold, At: p.now}
			if _, err := cmd.Decide(c); err != nil {
				return
			}
			p.reserve(agent.Reserve{
				Hold: cmd.Hold, Conversation: id, Turn: c.Turn, Units: c.Terms.Units, Purpose: agent.PurposeTake, Forced: true,
				Replaces: cmd.Replaces, Day: "2026-05-04", At: p.now,
			}, who)
		},
	}
	p.begin(t, acts[rapid.SampledFrom([]string{"invite", "invite", "accept", "accept", "reject", "leave", "monitor", "join", "take over"}).Draw(t, "does")])
}

// quietParts proves that who takes part has a session, and who does not has
// none; and that an invitation's alert tells how it ended.
func (w *world) quietParts() {
	for _, f := range w.facts {
		var id, agentID string
		switch e := f.Event.(type) {
		case conversation.Invited:
			id, agentID = e.ID, e.Agent
		case conversation.Joined:
			id, agentID = e.ID, e.Agent
		case conversation.Monitored:
			id, agentID = e.ID, e.Agent
		default:
			continue
		}
		p, there := w.conversations.states[f.ID].PartOf(agentID)
		there = there && p.ID == id
		n, s := w.notifications.states[id], w.sessions.states[id]
		if stands := there && p.Invited; n.Raised && stands == (n.Outcome != "") {
			w.fail("NOT-6: the invitation %s stands: %v, and its notification says %q", id, stands, n.Outcome)
		}
		if s.Started && s.Closed == "" && (!there || p.Invited) || there && !p.Invited && (!s.Started || s.Closed != "") {
			w.fail("CON-5: %s takes part by %s: %v, and the session is %+v", agentID, id, there, s)
		}
		if status := w.conversations.states[f.ID].Status; there && status != conversation.StatusEngaged && status != conversation.StatusWrapUp {
			w.fail("CON-5: %s takes part in what is %s", agentID, status)
		}
	}
	for id, c := range w.conversations.states {
		for _, p := range c.Participants {
			if p.As == conversation.AsConsult && c.Status != conversation.StatusEngaged || p.Agent == c.Primary.Agent {
				w.fail("CON-5: %s is %s in %s, which is %s with %s", p.Agent, p.As, id, c.Status, c.Primary.Agent)
			}
		}
	}
}
