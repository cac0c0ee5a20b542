package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"parley/api"
	"parley/domain"
	"parley/domain/agent"
	"parley/domain/contact"
	"parley/domain/conversation"
	"parley/domain/line"
	"parley/domain/queue"
	"parley/domain/workstream"
	"parley/eventstore"
)

// starTotals is what an import came to; Events is how many were newly written.
type starTotals struct {
	Conversations    int64 `json:"conversations"`
	CustomerMessages int64 `json:"customerMessages"`
	AgentMessages    int64 `json:"agentMessages"`
	Customers        int64 `json:"customers"`
	Agents           int64 `json:"agents"`
	Events           int64 `json:"events"`
}

// starDialogue is one line of a STAR file, as far as it is told again here.
type starDialogue struct {
	DialogueID               *int64
	BatchID                  string
	AnonymizedUserWorkerID   string
	AnonymizedWizardWorkerID string
	CompletionLevel          string
	Events                   []starEvent
	Scenario                 struct{ Domains []string }
	UserQuestionnaire        []struct {
		Question string
		Answer   json.RawMessage
	}
}

type starEvent struct {
	Agent       string
	Action      string
	Text        string
	Task        string
	APIName     string
	Constraints json.RawMessage
	Item        json.RawMessage
	UnixTime    int64
}

// starPlace is the one workstream and queue that imported dialogues belong to.
const starPlace = "star"

// starLanes is how many dialogues are recorded side by side; each of them in
// order.
const starLanes = 64

// maxLine bounds one dialogue.
const maxLine = 16 << 20

// starImport records dialogues through the domain's own commands. Every command
// has an id made of the dialogue and its place in it, so that a second import
// of the same file changes nothing.
type starImport struct {
	engine *eventstore.Engine
	keys   eventstore.Keys

	total  starTotals // by atomic
	people sync.Map   // stream of a person to a *sync.Once and its error
	origin uuid.UUID  // correlation of all
	actor  domain.Actor
}

// importStar reads dialogues, one JSON object a line, and records them. A line
// that is none is an error that names it; what was read before it is recorded
// whole, and the import can be repeated once the line is mended.
func importStar(ctx context.Context, engine *eventstore.Engine, keys eventstore.Keys, r io.Reader, progress func(done int64)) (starTotals, error) {
	im := &starImport{engine: engine, keys: keys, origin: uuid.MustParse(domain.Derive("import", starPlace)), actor: domain.Actor{ID: "import", Role: domain.RoleService}}
	if err := im.prepare(ctx); err != nil {
		return starTotals{}, err
	}
	lanes, laneCtx := errgroup.WithContext(ctx)
	whole := context.WithoutCancel(ctx) // whoever stops an import stops it between dialogues
	lanes.SetLimit(starLanes)
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 1<<20), maxLine)
	n, bad := 0, error(nil)
	for lines.Scan() && lines.Err() == nil && laneCtx.Err() == nil { // before an error there may be half a line
		n++
		if len(strings.TrimSpace(lines.Text())) == 0 {
			continue
		}
		var d starDialogue
		if err := json.Unmarshal(lines.Bytes(), &d); err != nil {
			bad = fmt.Errorf("line %d is no STAR dialogue: %w", n, err)
			break
		}
		if err := d.check(); err != nil {
			bad = fmt.Errorf("line %d: %w", n, err)
			break
		}
		at := n
		lanes.Go(func() error {
			if err := im.dialogue(whole, d); err != nil {
				return fmt.Errorf("line %d: dialogue %d: %w", at, *d.DialogueID, err)
			}
			progress(atomic.AddInt64(&im.total.Conversations, 1))
			return nil
		})
	}
	switch {
	case bad != nil || lines.Err() == nil:
	case errors.Is(lines.Err(), bufio.ErrTooLong):
		bad = fmt.Errorf("line %d is no STAR dialogue: it is longer than 16 MiB", n+1)
	default:
		bad = fmt.Errorf("line %d: %w", n+1, lines.Err())
	}
	err := lanes.Wait()
	if err == nil && bad == nil {
		err = ctx.Err()
	}
	return im.total, errors.Join(bad, err)
}

func (d starDialogue) check() error {
	switch {
	case d.DialogueID == nil:
		return errors.New("DialogueID is missing")
	case !domain.ValidID(d.AnonymizedUserWorkerID):
		return errors.New("AnonymizedUserWorkerID is missing or is no id")
	case !domain.ValidID(d.AnonymizedWizardWorkerID):
		return errors.New("AnonymizedWizardWorkerID is missing or is no id")
	}
	_, err := d.start()
	return err
}

// start is the first time in the dialogue; one without any starts with its
// batch.
func (d starDialogue) start() (time.Time, error) {
	for _, e := range d.Events {
		if e.UnixTime > 0 {
			return time.Unix(e.UnixTime, 0).UTC(), nil
		}
	}
	seconds, err := strconv.ParseInt(strings.TrimPrefix(d.BatchID, "woz_"), 10, 64)
	if err != nil {
		return time.Time{}, fmt.Errorf("BatchID %q tells no time, and no event does", d.BatchID)
	}
	return time.Unix(seconds, 0).UTC(), nil
}

// meta names one command of the import. Parts are those of its place.
func (im *starImport) meta(at time.Time, who domain.Actor, parts ...string) eventstore.Meta {
	return eventstore.Meta{
		Command: uuid.MustParse(domain.Derive(append([]string{"import", starPlace}, parts...)...)), At: at, Actor: who, Correlation: im.origin, Imported: true,
	}
}

// record does one command and counts what it newly wrote.
func record[S, E any](ctx context.Context, im *starImport, k *domain.Kind[S, E], id string, cmd domain.Command[S, E], m eventstore.Meta) (eventstore.Outcome, error) {
	out, err := eventstore.Do(ctx, im.engine, k, id, cmd, m)
	if err == nil && !out.Repeated {
		atomic.AddInt64(&im.total.Events, int64(len(out.Records)))
	}
	return out, err
}

// prepare makes the queue and the workstream known.
func (im *starImport) prepare(ctx context.Context) error {
	at := time.Date(2020, 5, 1, 0, 0, 0, 0, time.UTC)
	if _, err := record(ctx, im, &queue.Kind, starPlace, queue.Configure{ID: starPlace, Name: "STAR"}, im.meta(at, im.actor, "queue")); err != nil {
		return err
	}
	settings := workstream.Settings{Name: "STAR", Queue: starPlace, Assignment: workstream.AssignPick}
	_, err := record(ctx, im, &workstream.Kind, starPlace, workstream.Create{ID: starPlace, Channel: domain.ChannelChat, Mode: domain.ModeLive, Settings: settings}, im.meta(at, im.actor, "workstream"))
	return err
}

// person makes one known once.
func (im *starImport) person(stream string, count *int64, do func() error) error {
	type known struct {
		once sync.Once
		err  error
	}
	v, _ := im.people.LoadOrStore(stream, &known{})
	k := v.(*known)
	k.once.Do(func() {
		if k.err = do(); k.err == nil {
			atomic.AddInt64(count, 1)
		}
	})
	return k.err
}

// meet makes the two of a dialogue known.
func (im *starImport) meet(ctx context.Context, at time.Time, customer, wizard string) error {
	err := im.person("contact-"+customer, &im.total.Customers, func() error {
		cmd := contact.Record{ID: customer, Details: contact.Details{Name: domain.Personal("Customer " + customer[:min(8, len(customer))])}}
		_, err := record(ctx, im, &contact.Kind, customer, cmd, im.meta(at, im.actor, "contact", customer))
		return err
	})
	if err != nil {
		return err
	}
	return im.person("agent-"+wizard, &im.total.Agents, func() error {
		cmd := agent.Register{ID: wizard, Name: domain.Personal("Agent " + wizard[:min(8, len(wizard))])}
		_, err := record(ctx, im, &agent.Kind, wizard, cmd, im.meta(at, im.actor, "agent", wizard))
		return err
	})
}

// dialogue records one conversation, from its line to its close. It is told to
// a conversation in memory first: one that is refused anywhere leaves nothing
// behind.
func (im *starImport) dialogue(ctx context.Context, d starDialogue) error {
	number := strconv.FormatInt(*d.DialogueID, 10)
	at, err := d.start()
	if err != nil {
		return err
	}
	customer, wizard := d.AnonymizedUserWorkerID, d.AnonymizedWizardWorkerID
	place, err := api.LineID(im.keys, customer, starPlace, number)
	if err != nil {
		return err
	}
	opening := domain.Opening{
		Conversation: domain.Derive("import", starPlace, number), Subject: "contact-" + customer, Contact: customer,
		Channel: domain.ChannelChat, Mode: domain.ModeLive, Workstream: starPlace, Queue: starPlace, Line: place, Thread: number,
		Topics: d.Scenario.Domains, Terms: domain.Terms{Units: 30, Block: domain.BlockAlways, DeclineLimit: 3}, At: at,
	}
	who := domain.Actor{ID: customer, Role: domain.RoleCustomer}
	t := &telling{im: im, number: number, id: opening.Conversation, customer: who, wizard: domain.Actor{ID: wizard, Role: domain.RoleAgent}, at: at}
	rehearsed := *t
	rehearsed.dry = &conversation.Conversation{}
	if err := rehearsed.tell(ctx, opening, d); err != nil {
		return err
	}
	if err := im.meet(ctx, at, customer, wizard); err != nil {
		return err
	}
	if _, err := record(ctx, im, &line.Kind, place, line.Take{Opening: opening}, im.meta(at, who, number, "line")); err != nil {
		return err
	}
	return t.tell(ctx, opening, d)
}

// telling goes through one dialogue.
type telling struct {
	im               *starImport
	number, id       string
	customer, wizard domain.Actor
	at               time.Time
	engaged          bool
	topic            string
	dry              *conversation.Conversation // a rehearsal: decided here, recorded nowhere
}

func (t *telling) do(ctx context.Context, who domain.Actor, part string, cmd domain.Command[conversation.Conversation, conversation.Event]) error {
	if t.dry != nil {
		return t.rehearse(cmd)
	}
	_, err := record(ctx, t.im, &conversation.Kind, t.id, cmd, t.im.meta(t.at, who, t.number, part))
	return err
}

// rehearse decides a command in memory.
func (t *telling) rehearse(cmd domain.Command[conversation.Conversation, conversation.Event]) error {
	events, err := cmd.Decide(*t.dry)
	for _, e := range events {
		conversation.Kind.Apply(t.dry, e)
	}
	return err
}

// say records a message and counts it when it stands on record.
func (t *telling) say(ctx context.Context, who domain.Actor, part string, cmd domain.Command[conversation.Conversation, conversation.Event], count *int64) error {
	if t.dry != nil {
		return t.rehearse(cmd)
	}
	out, err := record(ctx, t.im, &conversation.Kind, t.id, cmd, t.im.meta(t.at, who, t.number, part))
	if err == nil && len(out.Records) > 0 {
		atomic.AddInt64(count, 1)
	}
	return err
}

// engage gives the conversation to its agent when he first does something.
func (t *telling) engage(ctx context.Context) error {
	if t.engaged {
		return nil
	}
	t.engaged = true
	return t.do(ctx, t.wizard, "engage", conversation.Engage{
		Hold: domain.Hold(t.id, 1, t.wizard.ID), Agent: t.wizard.ID, Turn: 1, How: conversation.HowImport, At: t.at,
	})
}

// tell goes through a dialogue from its start to its survey.
func (t *telling) tell(ctx context.Context, opening domain.Opening, d starDialogue) error {
	if err := t.do(ctx, t.customer, "start", conversation.Start{Opening: opening}); err != nil {
		return err
	}
	for i, e := range d.Events {
		if e.UnixTime > 0 {
			t.at = time.Unix(e.UnixTime, 0).UTC()
		}
		if err := t.event(ctx, i, e, d.Events[i+1:]); err != nil {
			return fmt.Errorf("event %d: %w", i, err)
		}
	}
	if err := t.end(ctx, d.CompletionLevel); err != nil {
		return err
	}
	if len(d.UserQuestionnaire) == 0 {
		return nil
	}
	var answers []domain.Answer
	for _, q := range d.UserQuestionnaire {
		answers = append(answers, domain.Answer{Question: q.Question, Answer: domain.Personal(strings.Trim(string(q.Answer), `"`))})
	}
	return t.do(ctx, t.customer, "survey", conversation.Survey{ID: domain.Derive(t.id, "survey"), Answers: answers[:min(len(answers), 10)]})
}

func (t *telling) event(ctx context.Context, i int, e starEvent, rest []starEvent) error {
	part := strconv.Itoa(i)
	id := domain.Derive(t.id, "event", part)
	switch e.Agent + " " + e.Action {
	case "User utter":
		cmd := conversation.Receive{ID: id, Text: domain.Personal(e.Text), At: t.at}
		return t.say(ctx, t.customer, part, cmd, &t.im.total.CustomerMessages)
	case "Wizard utter", "Wizard pick_suggestion":
		if err := t.engage(ctx); err != nil {
			return err
		}
		cmd := conversation.Send{ID: id, Text: domain.Personal(e.Text), By: t.wizard, At: t.at}
		return t.say(ctx, t.wizard, part, cmd, &t.im.total.AgentMessages)
	case "Wizard query":
		if err := t.engage(ctx); err != nil {
			return err
		}
		look := conversation.LookUp{ID: id, Name: e.APIName, Query: domain.Personal(e.Constraints), By: t.wizard}
		if k := slices.IndexFunc(rest, func(e starEvent) bool { return e.Action == "return_item" || e.Action == "query" }); k >= 0 && rest[k].Action == "return_item" {
			look.Result = domain.Personal(rest[k].Item)
		}
		return t.do(ctx, t.wizard, part, look)
	case "Wizard select_task":
		// The same task chosen twice in a row says nothing, and would on a second
		// import be decided against what came later.
		if t.topic == e.Task {
			return nil
		}
		t.topic = e.Task
		return t.do(ctx, t.wizard, part, conversation.Classify{Topic: e.Task})
	}
	return nil // drafts and instructions to the actors are no part of it
}

// end closes the conversation the way the dialogue did.
func (t *telling) end(ctx context.Context, level string) error {
	leave := conversation.Leave{At: t.at, Disconnected: level != "Complete"}
	if err := t.do(ctx, t.customer, "end", leave); err != nil {
		return err
	}
	if !t.engaged {
		return nil
	}
	return t.do(ctx, t.wizard, "close", conversation.CloseSession{Agent: t.wizard.ID, At: t.at})
}
