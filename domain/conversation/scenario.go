package conversation

import "parley/domain"

// Scenario is what the agent is told that an offer is (NOT-2): what is asked for
// names it, unless the conversation knows better how it came into the queue.
func (c Conversation) Scenario(asked string) string {
	if c.Escalated && c.Status == StatusOpen {
		return domain.ScenarioEscalated
	}
	return asked
}
