package main

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"parley/domain"
	"parley/domain/conversation"
	"parley/domain/line"
	"parley/eventstore"
)

// TestTheFirstCommandIsFollowedThoughTheReactorNeverRan: a new folder, one
// command, and the process is gone before anything followed. The next start
// does what the first one owes.
func TestTheFirstCommandIsFollowedThoughTheReactorNeverRan(t *testing.T) {
	t.Parallel()
	cfg := &config{data: filepath.Join(folder(t), "data"), zone: "UTC", location: time.UTC}
	opening := domain.Opening{
		Conversation: "c", Subject: "visitor-v", Channel: domain.ChannelChat, Mode: domain.ModeLive, Workstream: "w", Queue: "q", Line: "L", At: time.Now(),
	}
	h, err := openHouse(t.Context(), cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := eventstore.Do(t.Context(), h.engine, &line.Kind, "L", line.Take{Opening: opening}, eventstore.Meta{}); err != nil {
		t.Fatal(err)
	}
	if err := h.close(); err != nil {
		t.Fatal(err)
	}
	if h, err = openHouse(t.Context(), cfg, slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- h.work(ctx, true) }()
	eventually(t, "the conversation that holds the line is started", func() bool {
		c, _, err := eventstore.Load(ctx, h.engine, &conversation.Kind, "c")
		return err == nil && c.Status == conversation.StatusOpen
	})
	cancel()
	if err := errors.Join(<-ended, h.close()); err != nil && !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
}
