package audit

import (
	"context"
	"iter"
	"slices"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/google/uuid"

	"parley/domain"
	"parley/domain/agent"
	"parley/domain/conversation"
	"parley/domain/line"
	"parley/domain/notification"
	"parley/domain/policy"
	"parley/domain/session"
	"parley/eventstore"
	"parley/eventstore/embedded"
	"parley/projections"
)

var nine = time.Date(2026, 5, 4, 9, 0, 0, 0, time.UTC)

// planted is a log into which anything can be written, true or not.
type planted struct {
	t     *testing.T
	log   *embedded.Log
	codec *eventstore.Codec
	now   time.Time
	heads map[string]eventstore.Revision
	ids   []uuid.UUID
}

func plant(t *testing.T) *planted {
	t.Helper()
	p := &planted{t: t, now: nine, heads: map[string]eventstore.Revision{}}
	disk := vfs.NewMem()
	var err error
	if p.log, err = embedded.Open(embedded.Options{Dir: "log", FS: disk, Now: func() time.Time { return p.now }}); err != nil {
		t.Fatal(err)
	}
	keys, err := embedded.OpenKeys(embedded.Options{Dir: "keys", FS: disk})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.log.Close(); err != nil {
			t.Error(err)
		}
		if err := keys.Close(); err != nil {
			t.Error(err)
		}
	})
	kinds, err := projections.Kinds()
	if err != nil {
		t.Fatal(err)
	}
	p.codec = &eventstore.Codec{Kinds: kinds, Keys: keys}
	return p
}

// put writes events as they are given.
func (p *planted) put(stream string, events ...any) {
	p.t.Helper()
	for _, e := range events {
		name, data, err := p.codec.Encode(e, "visitor-v")
		if err != nil {
			p.t.Fatal(err)
		}
		p.record(eventstore.Record{ID: uuid.New(), Stream: stream, Name: name, Subject: "visitor-v", HappenedAt: p.now, Command: uuid.New(), Data: data})
	}
}

func (p *planted) record(r eventstore.Record) {
	p.t.Helper()
	expected, ok := p.heads[r.Stream]
	if !ok {
		expected = eventstore.None
	}
	if _, err := p.log.Append(p.t.Context(), r.Stream, expected, r); err != nil {
		p.t.Fatal(err)
	}
	p.heads[r.Stream] = expected + 1
	p.ids = append(p.ids, r.ID)
}

// rules gives the rules that are broken, each once, sorted.
func (p *planted) rules(log eventstore.Log) []string {
	p.t.Helper()
	report, err := Run(p.t.Context(), log, p.codec, Options{Grace: 10 * time.Second, Marks: []string{"reactor-policies"}})
	if err != nil {
		p.t.Fatal(err)
	}
	var rules []string
	for _, f := range report.Findings {
		p.t.Log(f)
		rules = append(rules, f.Rule)
	}
	slices.Sort(rules)
	return slices.Compact(rules)
}

func opening(id, lineID string) domain.Opening {
	return domain.Opening{
		Conversation: id, Subject: "visitor-v", Channel: domain.ChannelChat, Mode: domain.ModeLive, Workstream: "w", Queue: "q", Line: lineID, At: nine,
		Terms: domain.Terms{Units: 20, Block: domain.BlockAlways, Countdown: 120, CloseOpen: 1200, CloseWrapUp: 900, DeclineLimit: 3},
	}
}

func reserved(id string, turn int, who string) agent.Reserved {
	return agent.Reserved{Agent: who, Hold: domain.Hold(id, turn, who), Conversation: id, Turn: turn, Units: 20, Purpose: agent.PurposeOffer, At: nine}
}

func offered(id string, turn int, who string) conversation.Offered {
	return conversation.Offered{Conversation: id, Subject: "visitor-v", Hold: domain.Hold(id, turn, who), Agent: who, Turn: turn, Deadline: nine.Add(2 * time.Minute)}
}

func engaged(id string, turn int, who string) conversation.Engaged {
	return conversation.Engaged{Conversation: id, Subject: "visitor-v", Hold: domain.Hold(id, turn, who), Agent: who, How: conversation.HowAccept, At: nine}
}

func queued() conversation.Queued { return conversation.Queued{Queue: "q", Segment: 1, Since: nine} }

// begin writes agents, and a conversation on a line that is in its queue.
func (p *planted) begin() {
	p.t.Helper()
	for _, who := range []string{"ana", "ben"} {
		p.put("agent-"+who, agent.Registered{Agent: who, Units: 40})
	}
	p.put("line-L", line.Taken{Opening: opening("c", "L")})
	p.put("conversation-c", conversation.Started{Opening: opening("c", "L")}, queued())
}

// offer goes on to an offer that is shown.
func (p *planted) offer() string {
	p.t.Helper()
	hold := domain.Hold("c", 1, "ana")
	p.put("agent-ana", reserved("c", 1, "ana"))
	p.put("conversation-c", offered("c", 1, "ana"))
	p.put("notification-"+hold, notification.Raised{Agent: "ana", Conversation: "c"})
	return hold
}

// engage goes on to an agent who talks.
func (p *planted) engage() string {
	p.t.Helper()
	hold := p.offer()
	p.put("conversation-c", engaged("c", 1, "ana"))
	p.put("notification-"+hold, notification.Resolved{Agent: "ana", Conversation: "c", Outcome: "accepted"})
	p.put("session-"+hold, session.Started{Agent: "ana", Form: session.FormConversation, Conversation: "c"})
	return hold
}

// close goes on to the end of it all.
func (p *planted) close(hold string) {
	p.t.Helper()
	p.put("conversation-c", conversation.Ended{Conversation: "c", Hold: hold, Agent: "ana", Reason: "agent_ended", At: nine})
	p.put("conversation-c", conversation.Closed{Conversation: "c", Reason: "agent_ended", From: conversation.StatusWrapUp, Hold: hold, Agent: "ana"})
	p.put("agent-ana", released(hold), freed(hold))
	p.put("session-"+hold, session.Closed{Agent: "ana", Conversation: "c", Why: "closed"})
}

func released(hold string) agent.UnitsReleased {
	return agent.UnitsReleased{Agent: "ana", Hold: hold, Conversation: "c", Units: 20, Why: "closed"}
}

func freed(hold string) agent.SlotFreed {
	return agent.SlotFreed{Agent: "ana", Hold: hold, Conversation: "c", Why: "closed"}
}

func TestAWholeLogHasNoFindings(t *testing.T) {
	p := plant(t)
	p.begin()
	p.close(p.engage())
	p.put("conversation-c", conversation.Noted{Conversation: "c", ID: "n1", Text: "later"}) // of one that was forgotten
	p.put("line-L", line.Taken{Opening: opening("d", "L"), After: "c"})
	p.put("conversation-d", conversation.Started{Opening: opening("d", "L")}, queued())
	p.now = p.now.Add(time.Hour)
	p.put("visitor-v", conversation.Read{}) // any record: an hour later
	if rules := p.rules(p.log); len(rules) > 0 {
		t.Errorf("findings in a whole log: %v", rules)
	}
}

// altered is a log that reads otherwise than it was written.
type altered struct {
	eventstore.Log
	change func(*eventstore.Record) bool // false leaves the record out
}

func (l altered) Read(ctx context.Context, q eventstore.Query) iter.Seq2[eventstore.Record, error] {
	return func(yield func(eventstore.Record, error) bool) {
		for r, err := range l.Log.Read(ctx, q) {
			if err == nil && !l.change(&r) {
				continue
			}
			if !yield(r, err) {
				return
			}
		}
	}
}

func TestRulesOfTheEnvelope(t *testing.T) {
	for _, c := range []struct {
		rule   string
		change func(*eventstore.Record) bool
	}{
		{"revision", func(r *eventstore.Record) bool { return r.Name != "session.started" || r.Revision != 0 }},
		{"clock", func(r *eventstore.Record) bool {
			if r.Name == "conversation.offered" {
				r.RecordedAt = r.RecordedAt.Add(-time.Minute)
			}
			return true
		}},
		{"position", func(r *eventstore.Record) bool {
			if r.Name == "conversation.ended" {
				r.Position = 1
			}
			return true
		}},
		{"decode", func(r *eventstore.Record) bool {
			if r.Name == "notification.raised" {
				r.Data = []byte(`{"agent": 7`)
			}
			return true
		}},
		{"decode", func(r *eventstore.Record) bool {
			if r.Name == "line.taken" {
				r.Name = "line.unheard_of"
			}
			return true
		}},
		{"causation", func(r *eventstore.Record) bool {
			if r.Name == "conversation.offered" {
				r.Causation = uuid.New()
			}
			return true
		}},
		{"id_once", func(r *eventstore.Record) bool {
			if r.Name == "session.started" || r.Name == "conversation.engaged" {
				r.ID = uuid.NameSpaceOID // one that landed twice, in whatever stream
			}
			return true
		}},
	} {
		t.Run(c.rule, func(t *testing.T) {
			p := plant(t)
			p.begin()
			p.close(p.engage())
			if rules := p.rules(altered{p.log, c.change}); !slices.Contains(rules, c.rule) {
				t.Errorf("%s is not found, but %v", c.rule, rules)
			}
		})
	}
}

func TestWhatOthersWroteTwiceIsNoFinding(t *testing.T) {
	p := plant(t)
	p.begin()
	r := eventstore.Record{ID: uuid.New(), Stream: "parcel-1", Name: "parcel.sent", Command: uuid.New(), Data: []byte("{}")}
	p.record(r)
	r.Stream = "parcel-2"
	p.record(r)
	if rules := p.rules(p.log); len(rules) > 0 {
		t.Errorf("found %v", rules)
	}
}

func TestACauseFarBackIsFound(t *testing.T) {
	p := plant(t)
	p.begin()
	name, data, err := p.codec.Encode(agent.Enabled{}, "")
	if err != nil {
		t.Fatal(err)
	}
	p.record(eventstore.Record{ID: uuid.New(), Stream: "agent-ana", Name: name, Command: uuid.New(), Causation: p.ids[0], Data: data})
	report := &audit{log: p.log, codec: p.codec, options: Options{Most: 1}}
	report.causes.begin()
	report.causes.owe(p.ids[0], moment{stream: "agent-ana", position: 6})
	report.causes.owe(p.ids[4], moment{stream: "agent-ana", position: 5}) // itself no earlier
	if err := report.resolve(t.Context(), 6); err != nil || report.report.Total != 1 {
		t.Errorf("%d findings, %v", report.report.Total, err)
	}
	if rules := p.rules(p.log); len(rules) > 0 {
		t.Errorf("found %v", rules)
	}
}

func TestAMarkBeyondTheLogIsFound(t *testing.T) {
	p := plant(t)
	p.begin()
	info, err := p.log.Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{(info.Head + 7).Text(info.Store), "another:1"} {
		if _, err := p.log.Mark(t.Context(), "reactor-policies", func(eventstore.Mark) ([]byte, bool) { return []byte(text), true }); err != nil {
			t.Fatal(err)
		}
		if rules := p.rules(p.log); !slices.Equal(rules, []string{"mark"}) {
			t.Errorf("%s: found %v", text, rules)
		}
	}
}

func TestEveryCarriedKindIsLookedAt(t *testing.T) {
	kinds, err := projections.Kinds()
	if err != nil {
		t.Fatal(err)
	}
	known := carriers()
	for _, name := range kinds.Names() {
		if i := len(name) - len(".carried_forward"); i > 0 && name[i:] == ".carried_forward" && known[name] == nil {
			t.Errorf("%s is not held against its stream", name)
		}
	}
}

func TestWhatTheEngineWritesHasNoFindings(t *testing.T) {
	p := plant(t)
	e := eventstore.NewEngine(p.log, p.codec, policy.All(), func() time.Time { return p.now })
	do := func(kind, id string, cmd any) {
		t.Helper()
		if _, err := e.Run(t.Context(), domain.Intent{Kind: kind, ID: id, Command: cmd}, eventstore.Meta{}); err != nil {
			t.Fatal(err)
		}
	}
	do("agent", "ana", agent.Register{ID: "ana", Name: "Ana"})
	do("agent", "ana", agent.SetPresence{Presence: agent.Available, At: nine})
	do("line", "L", line.Take{Opening: opening("c", "L")})
	hold := domain.Hold("c", 1, "ana")
	do("agent", "ana", agent.Reserve{Hold: hold, Conversation: "c", Turn: 1, Units: 20, Purpose: agent.PurposeOffer, Countdown: 120, At: nine})
	do("conversation", "c", conversation.Accept{Hold: hold, Agent: "ana", At: nine})
	for range 1100 { // so that the state is carried forward
		do("conversation", "c", conversation.Receive{ID: uuid.NewString(), Text: "hi", At: nine})
	}
	do("conversation", "c", conversation.End{Agent: "ana", At: nine})
	do("conversation", "c", conversation.CloseSession{Agent: "ana", At: nine})
	p.now = p.now.Add(time.Hour)
	do("agent", "ana", agent.SetPanel{Mode: "collapsed"})
	if rules := p.rules(p.log); len(rules) > 0 {
		t.Errorf("found %v", rules)
	}
}

// TestWhatComesAfterTheEndIsLookedAt writes to a conversation that was closed: soon
// after, while it is kept, and once so many others were closed that it is folded anew.
func TestWhatComesAfterTheEndIsLookedAt(t *testing.T) {
	p := plant(t)
	p.begin()
	p.close(p.engage())
	survey := func(id string) {
		p.put("conversation-c", conversation.Surveyed{Conversation: "c", ID: id, Score: 5})
	}
	wrong := func() { p.put("conversation-c", conversation.MessageReceived{Conversation: "c", ID: "m", Number: 7}) }
	find := func(want int) {
		t.Helper()
		report, err := Run(t.Context(), p.log, p.codec, Options{Grace: 10 * time.Second})
		if err != nil || report.Total != want {
			t.Errorf("%d findings, want %d: %v, %v", report.Total, want, report.Findings, err)
		}
		for _, f := range report.Findings {
			if f.Rule != "message_number" || f.Stream != "conversation-c" {
				t.Errorf("found %v", f)
			}
		}
	}
	survey("s1")
	find(0)
	wrong()
	find(1)
	var appends []eventstore.Ordered
	for n := range maxClosed + 1 {
		id := uuid.NewString()
		begun := opening(id, "")
		a := eventstore.Ordered{Stream: "conversation-" + id, Expected: eventstore.None}
		for _, e := range []any{conversation.Started{Opening: begun}, queued(), conversation.Closed{Conversation: id, Reason: "gone", From: conversation.StatusOpen}} {
			name, data, err := p.codec.Encode(e, "visitor-v")
			if err != nil {
				t.Fatal(n, err)
			}
			a.Records = append(a.Records, eventstore.Record{ID: uuid.New(), Stream: a.Stream, Name: name, Subject: "visitor-v", HappenedAt: p.now, Command: uuid.New(), Data: data})
		}
		appends = append(appends, a)
	}
	if err := p.log.AppendAll(t.Context(), appends); err != nil {
		t.Fatal(err)
	}
	survey("s2")
	find(1)
	wrong()
	find(2)
}
