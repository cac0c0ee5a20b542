package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"parley/domain"
	"parley/eventstore"
	"parley/eventstore/embedded"
)

// fill makes a folder with about so many events as STAR has them: the file's
// own, or made-up ones of the same mix, and then the same conversations again
// under other ids. It answers how many there are.
func (m *measuring) fill(ctx context.Context, folder, file string, events int) (n int, err error) {
	text := starLike(max(min(events/30, 1000), 1))
	if file != "" {
		f, err := os.Open(file)
		if err != nil {
			return 0, err
		}
		defer func() { err = errors.Join(err, f.Close()) }()
		if text, err = plain(f); err != nil {
			return 0, err
		}
	}
	m.say("filling a folder with about %d events", events)
	h, err := m.benchHouse(ctx, folder)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, h.close()) }()
	if _, err := importStar(ctx, h.engine, h.keys, text, func(int64) {}); err != nil {
		return 0, err
	}
	log, err := h.ownLog("measure it")
	if err != nil {
		return 0, err
	}
	return multiply(ctx, log, events)
}

// filled gives a filled folder: the one named, which is filled when it is not
// there and stays, else a folder of the benchmark's own.
func (m *measuring) filled(ctx context.Context, folder *string, own, file string, events int) (n int, err error) {
	if *folder == "" {
		*folder = own
		return m.fill(ctx, own, file, events)
	}
	if *folder, err = filepath.Abs(*folder); err != nil {
		return 0, err
	}
	if _, err := os.Stat(*folder); errors.Is(err, os.ErrNotExist) {
		return m.fill(ctx, *folder, file, events)
	}
	h, err := m.benchHouse(ctx, *folder)
	if err != nil {
		return 0, err
	}
	info, err := h.log.Info(ctx)
	return int(info.Head), errors.Join(err, h.close())
}

// starLike makes up dialogues that are like STAR's on the average: 8 messages
// of each side, three look-ups, a topic, a survey.
func starLike(n int) io.Reader {
	var b bytes.Buffer
	say := json.NewEncoder(&b)
	for i := range n {
		at := int64(1_589_000_000 + i*60)
		var events []map[string]any
		add := func(agent, action string, more map[string]any) {
			at += 20
			e := map[string]any{"Agent": agent, "Action": action, "UnixTime": at}
			for k, v := range more {
				e[k] = v
			}
			events = append(events, e)
		}
		for turn := range 8 {
			add("User", "utter", map[string]any{"Text": benchText})
			if turn == 0 {
				add("Wizard", "select_task", map[string]any{"Task": "bank_balance"})
			}
			if turn%3 == 1 {
				add("Wizard", "query", map[string]any{"APIName": "bank_balance", "Constraints": []map[string]string{{"AccountNumber": "557"}}})
				add("KnowledgeBase", "return_item", map[string]any{"Item": map[string]string{"Balance": "1205"}})
			}
			add("Wizard", "pick_suggestion", map[string]any{"Text": benchText})
		}
		dialogue := map[string]any{
			"DialogueID": i, "BatchID": "woz_1589000000", "CompletionLevel": "Complete",
			"AnonymizedUserWorkerID": fmt.Sprintf("customer-%d", i%106), "AnonymizedWizardWorkerID": fmt.Sprintf("wizard-%d", i%114),
			"Scenario":          map[string]any{"Domains": []string{"bank"}},
			"UserQuestionnaire": []map[string]any{{"Question": "Was it easy?", "Answer": 5}, {"Question": "Anything else?", "Answer": "No"}},
			"Events":            events,
		}
		if err := say.Encode(dialogue); err != nil {
			break // a buffer takes everything
		}
	}
	return &b
}

// uuids are what a copy renames. The people stay who they are, so that their
// keys still open what they said.
var uuids = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|[0-9a-f]{32}`)

// mask is what the ids of one copy differ by from the first: every bit of an id
// but those of its version may. No two ids become one.
type mask uuid.UUID

func newMask(copied int) mask {
	m := mask(uuid.MustParse(domain.Derive("bench", "copy", strconv.Itoa(copied))))
	m[6] &= 0x0f
	m[8] &= 0x3f
	return m
}

func (m mask) id(id uuid.UUID) uuid.UUID {
	for i := range id {
		id[i] ^= m[i]
	}
	return id
}

// text renames an id written in hex, with or without dashes.
func (m mask) text(id []byte) []byte {
	renamed, digit := bytes.Clone(id), 0
	for i, c := range renamed {
		if c == '-' {
			continue
		}
		four := m[digit/2] >> 4
		if digit%2 == 1 {
			four = m[digit/2] & 0x0f
		}
		n := strings.IndexByte(hexDigits, c)
		renamed[i] = hexDigits[byte(n)^four]
		digit++
	}
	return renamed
}

const hexDigits = "0123456789abcdef"

// multiply appends the log's conversations and lines again, renamed, until the
// log has about so many events.
func multiply(ctx context.Context, log *embedded.Log, events int) (int, error) {
	info, err := log.Info(ctx)
	if err != nil {
		return 0, err
	}
	own := int(info.Head)
	for copied := 1; own*(copied+1) <= events+own/2; copied++ {
		if err := copyLog(ctx, log, info.Head, newMask(copied)); err != nil {
			return 0, err
		}
	}
	info, err = log.Info(ctx)
	return int(info.Head), err
}

// copyLog copies the records up to a position, each stream in order.
func copyLog(ctx context.Context, log *embedded.Log, until eventstore.Position, m mask) error {
	streams, order := map[string][]eventstore.Record{}, []string(nil)
	for r, err := range log.Read(ctx, eventstore.Query{Until: until, Kinds: []string{"conversation", "line"}}) {
		if err != nil {
			return err
		}
		r.Stream = string(uuids.ReplaceAllFunc([]byte(r.Stream), m.text))
		r.Data = uuids.ReplaceAllFunc(r.Data, m.text)
		r.ID, r.Command = m.id(r.ID), m.id(r.Command)
		if streams[r.Stream] == nil {
			order = append(order, r.Stream)
		}
		streams[r.Stream] = append(streams[r.Stream], r)
	}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(16)
	for _, name := range order {
		g.Go(func() error {
			_, err := log.Append(ctx, name, eventstore.None, streams[name]...)
			return err
		})
	}
	return g.Wait()
}
