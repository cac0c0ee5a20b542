package policy

import (
	"parley/domain"
	"parley/domain/agent"
	"parley/domain/conversation"
)

// gone withdraws at once what is offered to an agent who lost his last feed
// (RTE-5), and takes his engaged work when the grace is over; wrap-up stays
// with its timer (AGT-6).
func gone(f domain.Fact) []domain.Intent {
	var intents []domain.Intent
	switch e := f.Event.(type) {
	case agent.Disconnected:
		for _, h := range e.Holds {
			intents = append(intents, to(kindConversation, h.Conversation, conversation.Withdraw{
				Hold: h.Hold, Agent: e.Agent, Turn: h.Turn, Why: "device_lost",
			}))
		}
	case agent.Gone:
		for _, h := range e.Holds {
			intents = append(intents, to(kindConversation, h.Conversation, conversation.Lose{
				Hold: h.Hold, Agent: e.Agent, Turn: h.Turn, Why: "agent_gone", At: f.At,
			}))
		}
	case agent.SignedOut:
		for _, h := range e.Holds {
			intents = append(intents, to(kindConversation, h.Conversation, conversation.Lose{
				Hold: h.Hold, Agent: e.Agent, Turn: h.Turn, Why: "signed_out", At: f.At,
			}))
		}
	}
	return intents
}
