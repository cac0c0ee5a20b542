package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"time"

	"parley/domain"
	"parley/domain/conversation"
	"parley/eventstore"
)

// benchText is what people say in benchmarks: as long as what they say in STAR.
var benchText = strings.Repeat("and then it said ", 4)

// benchOpening begins a conversation that nobody is asked to take.
func benchOpening(id, visitor string, at time.Time) domain.Opening {
	return domain.Opening{
		Conversation: id, Subject: "visitor-" + visitor, Visitor: visitor, Widget: "bench", Channel: domain.ChannelChat, Mode: domain.ModeLive,
		Workstream: "bench", Queue: "bench", Thread: "main", Line: domain.Derive(id, "line"),
		Terms: domain.Terms{Units: 30, Block: domain.BlockAlways, DeclineLimit: 3}, At: at,
	}
}

// benchHouse opens a house over a folder of the benchmark's own.
func (m *measuring) benchHouse(ctx context.Context, folder string) (*house, error) {
	cfg := &config{data: m.folder(folder), location: time.UTC}
	h, err := openHouse(ctx, cfg, slog.New(slog.NewTextHandler(m.errs, &slog.HandlerOptions{Level: slog.LevelWarn})))
	if err != nil {
		return nil, err
	}
	return h, nil
}

// folder is where a folder of the benchmark's own lies; one given by its whole
// path is the user's.
func (m *measuring) folder(name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(m.dir, name)
}

// longConversation measures how long a conversation of many messages takes to
// load that nobody has at hand, and how large the state is that it carries.
func (m *measuring) longConversation(ctx context.Context, messages int) (err error) {
	m.say("a conversation of %d messages", messages)
	h, err := m.benchHouse(ctx, "long")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, h.close()) }()
	id, at := "long", time.Now()
	if _, err := eventstore.Do(ctx, h.engine, &conversation.Kind, id, conversation.Start{Opening: benchOpening(id, "v", at)}, eventstore.Meta{Imported: true}); err != nil {
		return err
	}
	for i := range messages {
		cmd := conversation.Receive{ID: fmt.Sprint("m", i), Text: domain.Personal(benchText), At: at}
		if _, err := eventstore.Do(ctx, h.engine, &conversation.Kind, id, cmd, eventstore.Meta{Imported: true}); err != nil {
			return err
		}
	}
	var state conversation.Conversation
	for range max(m.repeats, 5) {
		cold := eventstore.NewEngine(h.log, h.engine.Codec, nil, time.Now)
		began := time.Now()
		if state, _, err = eventstore.Load(ctx, cold, &conversation.Kind, id); err != nil {
			return err
		}
		m.report.add(fmt.Sprintf("cold load of a conversation of %d messages", messages), "ms", float64(time.Since(began))/float64(time.Millisecond))
	}
	carried, err := json.Marshal(conversation.Kind.Carry(state))
	if err != nil {
		return err
	}
	m.report.add("its state, carried forward", "bytes", float64(len(carried)))
	return nil
}
