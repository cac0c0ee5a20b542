package projections

import (
	"fmt"
	"strings"
	"time"

	"parley/domain"
	"parley/domain/agent"
	"parley/domain/conversation"
	"parley/domain/routing"
)

// conversationSentence tells one event of a conversation as a person would.
func conversationSentence(event conversation.Event, before conversation.Conversation) string {
	switch e := event.(type) {
	case conversation.Started:
		return fmt.Sprintf("Started on %s (%s) by %s, in workstream %s%s%s", e.Channel, e.Mode, customer(e.Visitor, e.Contact),
			e.Workstream, phrase(e.Authenticated, ", authenticated"), fitted(", by the rule «%s»", e.Rule))
	case conversation.Queued:
		if e.Reason == conversation.QueuedReturn {
			return fmt.Sprintf("The customer came back: put into queue %s%s", e.Queue, fitted(", agent %s is asked first", e.Affinity))
		}
		return fmt.Sprintf("%s queue %s%s", choose(e.Reason == conversation.QueuedMoved, "Moved by a supervisor into", choose(e.Reason == conversation.QueuedOverflow, "Flowed over into", "Put into")), e.Queue, phrase(e.Priority != 0, fmt.Sprintf(" with priority %d", e.Priority)))
	case conversation.TurnedDown:
		return fmt.Sprintf("Agent %s was chosen and had no room after all (%s)%s", e.Agent, spoken(e.Code), because(conversation.ReasonsOf(nil, e.Decision)))
	case conversation.Overflowed:
		return overflowed(e)
	case conversation.Told:
		return "The customer was told that it is outside the hours" + fitted(", which begin at %s", date(e.Until))
	case conversation.SkillRequired:
		return fmt.Sprintf("Asks for the skill %s at level %d", e.Skill, e.Level)
	case conversation.SkillDropped:
		return "Asks for the skill " + e.Skill + " no more"
	case conversation.PassedOver:
		return "Nobody could be asked" + because(conversation.ReasonsOf(e.Reasons, e.Decision))
	case conversation.Offered:
		return fmt.Sprintf("%s agent %s until %s%s", choose(e.Replaces != "", "Transfer offered to", "Offered to"), e.Agent, clock(e.Deadline), because(conversation.ReasonsOf(e.Reasons, e.Decision)))
	case conversation.OfferDelivered:
		return "The offer reached a device of the agent"
	case conversation.OfferEnded:
		return offerEnded(e)
	case conversation.Engaged:
		return engaged(e)
	case conversation.Parked:
		return fmt.Sprintf("Agent %s closed the session: waiting for the customer%s", e.Agent, deadline(e.CloseAt))
	case conversation.Requeued:
		return fmt.Sprintf("%s: back into queue %s%s", requeued(e), e.Queue, fitted(", and the transfer to agent %s is withdrawn", e.OfferAgent))
	case conversation.Ended:
		return fmt.Sprintf("%s: wrap-up of agent %s began%s", sentenceCase(ending(e.Reason)), e.Agent, fitted(", and the transfer to agent %s is withdrawn", e.OfferAgent))
	case conversation.Closed:
		return fmt.Sprintf("Closed from %s: %s%s%s", strings.ReplaceAll(string(e.From), "_", "-"), ending(e.Reason),
			fitted(", disposition %s", strings.Join(e.Disposition, ", ")), fitted(", and the offer to agent %s is withdrawn", e.OfferAgent))
	case conversation.ContactLinked:
		return "Linked with contact " + e.Contact
	case conversation.ContactUnlinked:
		return "Unlinked from contact " + e.Contact
	case conversation.CaseLinked:
		return "Linked with case " + e.Case
	case conversation.CaseUnlinked:
		return "Unlinked from case " + e.Case
	case conversation.Classified:
		return "Topic: " + e.Topic + fitted(", before: %s", e.Former)
	case conversation.CarriedForward:
		return "The whole state was recorded"
	}
	if text := partSentence(event); text != "" {
		return text
	}
	return talkSentence(event, before)
}

// talkSentence tells what was said.
func talkSentence(event conversation.Event, before conversation.Conversation) string {
	switch e := event.(type) {
	case conversation.MessageReceived:
		who := choose(before.Contact != "", "Customer", "Visitor")
		return who + " wrote: " + quoted(e.Text, len(e.Attachments))
	case conversation.MessageSent:
		return who(e.By) + " wrote: " + quoted(e.Text, len(e.Attachments))
	case conversation.Read:
		return fmt.Sprintf("The %s read up to message %d", e.Side, e.UpTo)
	case conversation.Noted:
		return who(e.By) + " noted: " + quoted(e.Text, 0)
	case conversation.ContextRecorded:
		names := make([]string, len(e.Variables))
		for i, v := range e.Variables {
			names[i] = v.Name
		}
		return "Context recorded: " + strings.Join(names, ", ")
	case conversation.LookedUp:
		return fmt.Sprintf("%s looked up %s%s", who(e.By), e.Name, fitted(": «%s»", string(e.Query)))
	case conversation.Surveyed:
		return fmt.Sprintf("The customer answered the survey%s", phrase(e.Score > 0, fmt.Sprintf(" with score %d of 5", e.Score)))
	}
	return ""
}

func offerEnded(e conversation.OfferEnded) string {
	what := choose(e.Transfer, "transfer", "offer")
	switch e.Outcome {
	case conversation.OutcomeRejected:
		return fmt.Sprintf("Agent %s rejected the %s", e.Agent, what)
	case conversation.OutcomeExpired:
		return fmt.Sprintf("The %s to agent %s expired, %s", what, e.Agent, choose(e.Delivered, "unanswered", "never delivered to a device"))
	}
	if e.Unmade {
		return fmt.Sprintf("An offer to agent %s was withdrawn before it came (%s)", e.Agent, spoken(e.Why))
	}
	return fmt.Sprintf("The %s to agent %s was withdrawn (%s)", what, e.Agent, spoken(e.Why))
}

func engaged(e conversation.Engaged) string {
	how := map[string]string{
		conversation.HowAccept: "accepted", conversation.HowPick: "picked it", conversation.HowAssign: "was assigned it",
		conversation.HowReopen: "reopened it", conversation.HowImport: "had it (imported)",
		conversation.HowTake: "had joined and took over",
		conversation.HowAuto: "was given it without being asked",
	}[e.How]
	if how == "" {
		how = "has it (" + spoken(e.How) + ")"
	}
	text := fmt.Sprintf("Agent %s %s: engaged", e.Agent, how)
	if e.Former != "" {
		return text + ", taking over from agent " + e.Former
	}
	if e.Waited > 0 {
		text += " after " + lasted(time.Duration(e.Waited)*time.Millisecond) + " of waiting"
	}
	return text
}

func requeued(e conversation.Requeued) string {
	switch e.Reason {
	case conversation.RequeuedClosed:
		return fmt.Sprintf("Agent %s closed the session", e.Agent)
	case conversation.RequeuedReleased:
		return fmt.Sprintf("Agent %s released it", e.Agent)
	case conversation.RequeuedTransfer:
		return fmt.Sprintf("Transferred from agent %s", e.Agent)
	case conversation.RequeuedGone:
		return fmt.Sprintf("Agent %s is gone", e.Agent)
	}
	return fmt.Sprintf("Taken from agent %s (%s)", e.Agent, spoken(e.Reason))
}

// ending tells an end reason (CON-4).
func ending(reason string) string {
	switch reason {
	case conversation.ReasonAgentEnded:
		return "the agent ended it"
	case conversation.ReasonCustomerEnded:
		return "the customer ended it"
	case conversation.ReasonDisconnected:
		return "the customer stayed disconnected"
	case conversation.ReasonAbandoned:
		return "the customer left before an agent came (abandoned)"
	case conversation.ReasonAutoClosed:
		return "its time ran out (auto_closed)"
	case conversation.ReasonSupervisorClosed:
		return "a supervisor closed it"
	case conversation.ReasonSpam:
		return "marked as spam"
	case conversation.ReasonImported:
		return "imported as closed"
	case "":
		return "no reason given"
	}
	return spoken(reason)
}

// overflowed tells which condition of a queue was met (RTE-6).
func overflowed(e conversation.Overflowed) string {
	why := map[string]string{
		conversation.OverflowHours: "is outside its hours", conversation.OverflowWaiting: "has too many waiting",
		conversation.OverflowWaited: "kept it waiting too long", conversation.OverflowDeleted: "is deleted",
	}[e.Why]
	done := map[string]string{
		conversation.OverflowEnd: "the conversation ends", conversation.OverflowQueue: "it goes to queue " + e.To,
		conversation.OverflowKeep: "it is queued anyway",
	}[e.Action]
	return fmt.Sprintf("Queue %s %s: %s", e.From, why, done)
}

// because tells why an agent was chosen, or why nobody was.
func because(reasons []conversation.Reason) string {
	var first, rest []string
	for _, r := range reasons {
		if r.Code == routing.Chosen || r.Code == routing.Affinity {
			first = append(first, choose(r.Code == routing.Affinity, "the customer's agent of before", "first in the queue's order"))
			continue
		}
		rest = append(rest, passed(r))
	}
	all := strings.Join(rest, ", ")
	if len(first) > 0 && all != "" {
		all = first[0] + "; " + all
	} else if len(first) > 0 {
		all = first[0]
	}
	return fitted(" (%s)", all)
}

// passed tells of whom one thing was found that kept them from being asked.
func passed(r conversation.Reason) string {
	code, affine := strings.CutPrefix(r.Code, routing.Affinity+"_")
	words, known := map[string]string{
		routing.Disabled: "disabled", routing.Unconnected: "without a device", routing.Presence: "not available", routing.SessionLimit: "with 10 sessions",
		routing.NoRoom: "without room", routing.Declined: "declined too often", routing.Resting: "declined just now", routing.Outranked: "ranked behind",
		routing.Unseen: "never saw the last offer", routing.TooMany: "passed over, since too many declined", routing.Skills: "without the skills",
		agent.NoProfile: "not of the capacity profile", agent.ProfileFull: "full by the capacity profile", agent.ProfileBlocked: "blocked by another capacity profile",
	}[code]
	switch {
	case r.Code == routing.Closed:
		return "it is outside the queue's hours"
	case r.Code == routing.Deleted:
		return "the queue is deleted"
	case r.Code == routing.NoMembers:
		return "the queue has no members"
	case r.Code == routing.Picked:
		return "it is to be picked"
	case !known:
		words = spoken(code)
	}
	if affine {
		return "the agent of before is " + words
	}
	return fmt.Sprintf("%d %s", r.Count, words)
}

func who(a domain.Actor) string {
	switch a.Role {
	case domain.RoleSystem:
		return "Parley"
	case "":
		return "Somebody"
	}
	return strings.TrimSpace(strings.ToUpper(a.Role[:1]) + a.Role[1:] + " " + a.ID)
}

func customer(visitor, contact string) string {
	switch {
	case contact != "" && visitor != "":
		return "visitor " + visitor + " (contact " + contact + ")"
	case contact != "":
		return "contact " + contact
	}
	return "visitor " + visitor
}

func quoted(text domain.Personal, attachments int) string {
	s := "«" + string(text) + "»"
	if attachments > 0 {
		s += fmt.Sprintf(" with %d attached", attachments)
	}
	return s
}

func lasted(d time.Duration) string {
	if d < 2*time.Minute {
		return fmt.Sprintf("%d s", int(d.Round(time.Second).Seconds()))
	}
	return d.Round(time.Second).String()
}

// date is a time of a day that may be another; empty for none.
func date(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02 15:04:05")
}

func deadline(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return ", until " + t.UTC().Format("2006-01-02 15:04:05")
}

// spoken reads a code: "not_connected" is "not connected".
func spoken(code string) string { return strings.ReplaceAll(code, "_", " ") }

// fitted fits a text in where there is one.
func fitted(format, text string) string {
	if text == "" {
		return ""
	}
	return fmt.Sprintf(format, text)
}

func phrase(holds bool, text string) string { return choose(holds, text, "") }

func choose(holds bool, text, otherwise string) string {
	if holds {
		return text
	}
	return otherwise
}
