package policy

import (
	"parley/domain"
	"parley/domain/agent"
	"parley/domain/conversation"
)

// whyLost says that a hold is free because the conversation refused it.
const whyLost = "lost"

// Claim is what a reservation asks of its conversation, for whoever has to ask
// again.
func Claim(f domain.Fact) []domain.Intent { return ask(f) }

// ask asks the conversation for what an agent holds room for; when it refuses,
// the room is free again (flow 5, P, T).
func ask(f domain.Fact) []domain.Intent {
	e, ok := f.Event.(agent.Reserved)
	if !ok {
		return nil
	}
	lost := to(kindAgent, e.Agent, agent.Release{Hold: e.Hold, Why: whyLost})
	switch e.Purpose {
	case agent.PurposeOffer, agent.PurposeTransfer:
		var reasons []conversation.Reason
		if len(e.Reasons) > 0 {
			reasons = make([]conversation.Reason, len(e.Reasons))
		}
		for i, r := range e.Reasons {
			reasons[i] = conversation.Reason(r)
		}
		return []domain.Intent{to(kindConversation, e.Conversation, conversation.MakeOffer{
			Hold: e.Hold, Agent: e.Agent, Turn: e.Turn, Replaces: e.Replaces, At: e.At, Countdown: e.Countdown,
			VisitorNumber: e.VisitorNumber, Scenario: e.Scenario, Forced: e.Forced, Reasons: reasons, Decision: e.Decision,
		}, lost)}
	}
	engage := conversation.Engage{Hold: e.Hold, Agent: e.Agent, Turn: e.Turn, How: e.Purpose, VisitorNumber: e.VisitorNumber, At: e.At}
	if e.Purpose == agent.PurposeTake {
		engage.Replaces = e.Replaces
	}
	return []domain.Intent{to(kindConversation, e.Conversation, engage, lost)}
}

// release frees what an agent held, once the conversation took it back (flow
// 9, 11, 13, 14). Releasing what is free already does nothing.
func release(f domain.Fact) []domain.Intent {
	var intents []domain.Intent
	free := func(agentID, hold, why string, unitsOnly bool) {
		if hold != "" {
			intents = append(intents, to(kindAgent, agentID, agent.Release{Hold: hold, Why: why, UnitsOnly: unitsOnly}))
		}
	}
	switch e := f.Event.(type) {
	case conversation.Engaged:
		free(e.Former, e.Replaces, "transferred", false)
	case conversation.OfferEnded:
		free(e.Agent, e.Hold, e.Outcome, false)
	case conversation.Parked:
		free(e.Agent, e.Hold, "parked", false)
	case conversation.Requeued:
		free(e.Agent, e.Hold, e.Reason, false)
		free(e.OfferAgent, e.Offer, conversation.OutcomeWithdrawn, false)
	case conversation.Ended:
		if !e.UnitsFreeAt.IsZero() && !e.UnitsFreeAt.After(e.At) {
			free(e.Agent, e.Hold, "wrap_up", true)
		}
		free(e.OfferAgent, e.Offer, conversation.OutcomeWithdrawn, false)
	case conversation.Closed:
		free(e.Agent, e.Hold, "closed", false)
		free(e.OfferAgent, e.Offer, conversation.OutcomeWithdrawn, false)
	}
	return intents
}

// presence follows the agent's capacity at accept, close and release (AGT-4),
// and the terms of an offer he missed or rejected.
func presence(f domain.Fact) []domain.Intent {
	switch e := f.Event.(type) {
	case conversation.Engaged:
		return []domain.Intent{to(kindAgent, e.Agent, agent.FollowCapacity{
			At: f.At, To: agent.Presence(e.Presence), Custom: e.PresenceName,
		})}
	case agent.UnitsReleased:
		return []domain.Intent{to(kindAgent, e.Agent, agent.FollowCapacity{At: f.At, KeepManual: cameToNothing(e.Why)})}
	case agent.PresenceChanged:
		if e.Cause == agent.ByReturn {
			return []domain.Intent{to(kindAgent, e.Agent, agent.FollowCapacity{KeepManual: true})}
		}
	case conversation.OfferEnded:
		if e.Presence != "" {
			return []domain.Intent{to(kindAgent, e.Agent, agent.Fall{Presence: agent.Presence(e.Presence), At: f.At})}
		}
	}
	return nil
}

// cameToNothing tells that units are free because an offer ended, or never
// was: no session closed.
func cameToNothing(why string) bool {
	switch why {
	case whyLost, conversation.OutcomeRejected, conversation.OutcomeExpired, conversation.OutcomeWithdrawn:
		return true
	}
	return false
}

// disable takes from an agent who was disabled all that is offered to or
// engaged with him, and closes what he was wrapping up (AGT-6).
func disable(f domain.Fact) []domain.Intent {
	e, ok := f.Event.(agent.Disabled)
	if !ok {
		return nil
	}
	var intents []domain.Intent
	for _, h := range e.Holds {
		intents = append(intents, to(kindConversation, h.Conversation, conversation.Lose{
			Hold: h.Hold, Agent: e.Agent, Turn: h.Turn, Why: "agent_disabled", Disabled: true, At: f.At,
		}))
	}
	return intents
}
