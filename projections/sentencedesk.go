package projections

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"parley/domain/agent"
	"parley/domain/notification"
	"parley/domain/session"
)

// agentSentence tells one event of an agent as a person would.
func agentSentence(event agent.Event, before agent.Agent) string {
	switch e := event.(type) {
	case agent.Registered:
		return fmt.Sprintf("Registered %swith %d units%s", fitted("as %s ", string(e.Name)), e.Units, fitted(", skills %s", strings.Join(e.Skills, ", ")))
	case agent.PresenceChanged:
		why := map[string]string{agent.ByAgent: "chosen by the agent", agent.ByRule: "computed from capacity",
			agent.ByMiss: "after a missed or rejected offer", agent.BySignOut: "signed out",
			agent.ByLoss: "the last device was lost", agent.ByReturn: "back in time"}[e.Cause]
		return fmt.Sprintf("Presence went from %s to %s%s (%s)", choose(e.Former == "", "none", spoken(string(e.Former))), spoken(string(e.Presence)), fitted(" as %s", e.Custom),
			choose(why == "", spoken(e.Cause), why))
	case agent.Connected:
		return "A device connected"
	case agent.Disconnected:
		return choose(e.Last, "The last device disconnected", "A device disconnected")
	case agent.Gone:
		return fmt.Sprintf("Did not come back: gone%s", phrase(len(e.Holds) > 0, fmt.Sprintf(", and %d conversations move on", len(e.Holds))))
	case agent.Reserved:
		free := before.Units - before.Held() - e.Units
		return fmt.Sprintf("Reserved %d units%s for conversation %s (%s%s): %d free", e.Units, fitted(" and one of profile %s", e.Profile.ID), e.Conversation, e.Purpose,
			phrase(e.Forced, ", forced"), free)
	case agent.UnitsReleased:
		return fmt.Sprintf("Released %d units of conversation %s (%s): %d free", e.Units, e.Conversation, spoken(e.Why), before.Units-before.Held()+e.Units)
	case agent.SlotFreed:
		return fmt.Sprintf("The session slot of conversation %s is free (%s)", e.Conversation, spoken(e.Why))
	case agent.Focused:
		return choose(e.Session == "", "No session is in focus", "Session "+e.Session+" is in focus")
	case agent.PanelSet:
		return "Panel " + e.Mode
	case agent.Enabled:
		return "Enabled"
	case agent.Disabled:
		return fmt.Sprintf("Disabled%s", phrase(len(e.Holds) > 0, fmt.Sprintf(": %d conversations move on", len(e.Holds))))
	case agent.SignedOut:
		return fmt.Sprintf("Signed out%s", phrase(len(e.Holds) > 0, fmt.Sprintf(": %d conversations move on", len(e.Holds))))
	case agent.ProfilesSet:
		return "Works by capacity profiles: " + choose(len(e.Profiles) == 0, "none", strings.Join(slices.Sorted(maps.Keys(e.Profiles)), ", "))
	case agent.CarriedForward:
		return "The whole state was recorded"
	}
	return ""
}

// notificationSentence tells one event of a notification as a person would.
func notificationSentence(event notification.Event, _ notification.Notification) string {
	switch e := event.(type) {
	case notification.Raised:
		deadline := ""
		if !e.Deadline.IsZero() {
			deadline = ", to be answered until " + clock(e.Deadline)
		}
		return fmt.Sprintf("Raised as %s for %s: %s (%s)%s", e.Form, choose(e.Role != "", "every "+e.Role, "agent "+e.Agent), e.Title, spoken(e.Scenario), deadline)
	case notification.Delivered:
		return "Delivered to device " + e.Device
	case notification.Displayed:
		return "Displayed on device " + e.Device
	case notification.Resolved:
		return fmt.Sprintf("%s, %s", sentenceCase(spoken(e.Outcome)), choose(e.Seen, "seen by agent ", "never seen by agent ")+e.Agent)
	case notification.CarriedForward:
		return "The whole state was recorded"
	}
	return ""
}

// sessionSentence tells one event of a session as a person would.
func sessionSentence(event session.Event, _ session.Session) string {
	switch e := event.(type) {
	case session.Started:
		return fmt.Sprintf("Agent %s opened a session on %s %s%s", e.Agent, e.Form, e.Conversation, fitted(" (%s)", spoken(e.How)))
	case session.TabsArranged:
		names := make([]string, len(e.Tabs))
		for i, t := range e.Tabs {
			names[i] = spoken(t.Form)
		}
		return "Tabs: " + strings.Join(names, ", ")
	case session.DraftKept:
		return "Draft kept of form " + e.Form
	case session.Closed:
		return fmt.Sprintf("Closed (%s)", spoken(e.Why))
	case session.CarriedForward:
		return "The whole state was recorded"
	}
	return ""
}

func sentenceCase(text string) string {
	if text == "" {
		return "Ended"
	}
	return strings.ToUpper(text[:1]) + text[1:]
}
