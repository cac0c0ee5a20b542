package projections

import (
	"fmt"

	"parley/domain/conversation"
)

// partSentence tells who takes part beside the primary agent (CON-5).
func partSentence(event conversation.Event) string {
	switch e := event.(type) {
	case conversation.Invited:
		return fmt.Sprintf("Agent %s was invited to %s, until %s", e.Agent, choose(e.As == conversation.AsJoined, "join", "consult"), clock(e.Deadline))
	case conversation.InviteEnded:
		switch e.Outcome {
		case conversation.OutcomeRejected:
			return fmt.Sprintf("Agent %s declined the invitation", e.Agent)
		case conversation.OutcomeExpired:
			return fmt.Sprintf("The invitation of agent %s expired", e.Agent)
		}
		return fmt.Sprintf("The invitation of agent %s was withdrawn", e.Agent)
	case conversation.Joined:
		return fmt.Sprintf("Agent %s %s", e.Agent, choose(e.As == conversation.AsJoined, "joined", "consults"))
	case conversation.Left:
		return fmt.Sprintf("Agent %s %s no more", e.Agent, choose(e.As == conversation.AsJoined, "takes part", "consults"))
	case conversation.Said:
		return who(e.By) + " wrote among the agents: " + quoted(e.Text, 0)
	case conversation.Monitored:
		return fmt.Sprintf("Supervisor %s looks on", e.Agent)
	case conversation.MonitorLeft:
		return fmt.Sprintf("Supervisor %s looks on no more", e.Agent)
	case conversation.CustomerPresent:
		return fmt.Sprintf("The customer opened the widget: agent %s is told", e.Agent)
	}
	return ""
}
