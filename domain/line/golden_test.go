package line

import (
	"testing"
	"time"

	"parley/domain"
	"parley/domain/spec"
)

func opening(id string) domain.Opening {
	return domain.Opening{
		Conversation: id, Subject: "visitor-v1", Visitor: "v1", Widget: "shop", Channel: domain.ChannelChat, Mode: domain.ModeLive,
		Workstream: "chat", Queue: "billing", Line: "4f1d", Thread: "main", At: time.Date(2026, 5, 4, 9, 0, 0, 0, time.UTC),
	}
}

func TestGolden(t *testing.T) {
	spec.Golden(t, &Kind, "testdata/events", map[string]Event{
		"line.taken":           Taken{Opening: opening("c2"), After: "c1"},
		"line.carried_forward": CarriedForward{State: Line{Conversation: "c2"}},
	})
}
