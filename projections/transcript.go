package projections

import (
	"context"
	"time"

	"parley/domain"
	"parley/domain/conversation"
	"parley/eventstore"
)

// Sides of a transcript's line, beside the conversation's own.
const (
	SideSystem = "system"
	SideNote   = "note"
)

// TranscriptOf says what of a transcript is wanted.
type TranscriptOf struct {
	Notes bool // the agents' own notes as well: never for the customer (CON-2)
	After int  // messages after this number; notes among them
	Limit int  // 0: all
}

// Line is one message, or a note between messages.
type Line struct {
	Position    eventstore.Position
	ID          string
	Number      int // 0 for a note
	Side        string
	By          domain.Actor
	Text        domain.Personal
	Attachments []conversation.Attachment
	Choices     []domain.Personal // quick replies offered
	Choice      domain.Personal   // the one chosen
	At          time.Time
	Read        bool // by the other side
}

// Transcript reads what was said from the conversation's stream, in order, and
// how far the stream reaches.
func Transcript(ctx context.Context, log eventstore.Log, codec *eventstore.Codec, id string, of TranscriptOf) ([]Line, eventstore.Position, error) {
	var (
		lines []Line
		at    eventstore.Position
		last  int
		read  = map[string]int{}
	)
	for rec, err := range log.Read(ctx, eventstore.Query{Stream: conversation.Kind.Stream(id)}) {
		if err != nil {
			return nil, 0, err
		}
		at = rec.Position
		event, err := codec.Decode(rec)
		if err != nil {
			return nil, 0, err
		}
		line := Line{Position: rec.Position, At: rec.HappenedAt}
		switch e := event.(type) {
		case conversation.MessageReceived:
			last = e.Number
			line.ID, line.Number, line.Side, line.By = e.ID, e.Number, conversation.SideCustomer, rec.Actor
			line.Text, line.Attachments, line.Choice = e.Text, e.Attachments, e.Choice
		case conversation.MessageSent:
			last = e.Number
			line.ID, line.Number, line.Side, line.By = e.ID, e.Number, conversation.SideAgent, e.By
			line.Text, line.Attachments, line.Choices = e.Text, e.Attachments, e.Choices
			if e.By.Role == domain.RoleSystem {
				line.Side = SideSystem
			}
		case conversation.Noted:
			line.ID, line.Side, line.By, line.Text = e.ID, SideNote, e.By, e.Text
			if !of.Notes {
				continue
			}
		case conversation.Read:
			read[e.Side] = e.UpTo
			continue
		default:
			continue
		}
		if last <= of.After || of.Limit > 0 && len(lines) == of.Limit {
			continue
		}
		line.Text, line.Choice = codec.Unseal(rec.Subject, line.Text), codec.Unseal(rec.Subject, line.Choice)
		for i := range line.Choices {
			line.Choices[i] = codec.Unseal(rec.Subject, line.Choices[i])
		}
		for i := range line.Attachments {
			line.Attachments[i].Name = codec.Unseal(rec.Subject, line.Attachments[i].Name)
		}
		lines = append(lines, line)
	}
	for i := range lines {
		reader := conversation.SideCustomer
		if lines[i].Side == conversation.SideCustomer {
			reader = conversation.SideAgent
		}
		lines[i].Read = lines[i].Number > 0 && lines[i].Number <= read[reader]
	}
	return lines, at, nil
}
