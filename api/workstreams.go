package api

import (
	"context"
	"fmt"
	"strconv"

	"github.com/samber/lo"

	"parley/domain"
	"parley/domain/agent"
	"parley/domain/queue"
	"parley/domain/workstream"
	"parley/eventstore"
	"parley/projections"
)

// setUpWorkstream creates the workstream or reconfigures the one that is
// there, whichever it finds when it is decided.
type setUpWorkstream struct{ workstream.Create }

// Decide keeps channel and mode as they were fixed at creation.
func (cmd setUpWorkstream) Decide(w workstream.Workstream) ([]workstream.Event, error) {
	switch {
	case w.ID == "":
		return cmd.Create.Decide(w)
	case cmd.Channel != w.Channel:
		return nil, domain.Invalid("channel", "a workstream's channel is fixed at creation: this one's is "+w.Channel)
	case cmd.Mode != "" && cmd.Mode != w.Mode:
		return nil, domain.Invalid("mode", "a workstream's mode is fixed at creation: this one's is "+w.Mode)
	}
	return workstream.Reconfigure{Settings: cmd.Settings}.Decide(w)
}

// PutWorkstream creates or reconfigures a workstream.
func (s *Server) PutWorkstream(ctx context.Context, r PutWorkstreamRequestObject) (PutWorkstreamResponseObject, error) {
	settings := storedSettings(r.Body.Settings)
	if err := s.completeRouting(ctx, &settings, lo.FromPtr(r.Body.Settings.Presence)); err != nil {
		return nil, err
	}
	if err := readable(settings.Keys); err != nil {
		return nil, err
	}
	if domain.ValidID(settings.Queue) {
		q, _, err := eventstore.Load(ctx, s.engine, &queue.Kind, settings.Queue)
		if err != nil {
			return nil, err
		}
		if q.ID == "" || q.Deleted {
			return nil, queue.ErrUnknown.On("settings.queue")
		}
	}
	w, at, err := change(ctx, s, &workstream.Kind, r.Workstream, setUpWorkstream{workstream.Create{
		ID: r.Workstream, Channel: r.Body.Channel, Mode: lo.FromPtr(r.Body.Mode), Settings: settings,
	}})
	if err != nil {
		return nil, err
	}
	answer := shownWorkstream(w.ID, w.Channel, w.Mode, w.Revision, w.Settings)
	answer.Position = &at
	return PutWorkstream200JSONResponse(answer), nil
}

// completeRouting looks whether what the settings name is there, and whether the
// conditions of the rules can be read.
func (s *Server) completeRouting(ctx context.Context, w *workstream.Settings, presence string) error {
	switch presence {
	case "", "computed":
	case string(agent.PresenceUsual):
		w.Presence = presence
	default:
		base, custom, err := s.presenceOf(ctx, presence, "settings.presence")
		if err != nil {
			return err
		}
		w.Presence, w.PresenceName = string(base), custom
	}
	if err := s.knownProfile(ctx, w.Profile, "settings.profile"); err != nil {
		return err
	}
	for i, r := range w.Rules {
		if !domain.ValidID(r.Queue) {
			continue
		}
		q, err := s.queueFor(ctx, r.Queue)
		if err != nil {
			return err
		}
		if q.ID == "" || q.Deleted {
			return queue.ErrUnknown.On("settings.rules." + strconv.Itoa(i) + ".queue")
		}
	}
	return checkRules(w.Rules)
}

// readable refuses keys by which no token could ever be verified: the customers
// would be turned away one by one, and nobody told why.
func readable(keys []workstream.Key) error {
	seen := map[string]bool{}
	for _, k := range keys {
		if seen[k.ID] {
			return domain.Invalid("settings.keys.kid", fmt.Sprintf("the kid %q names two keys: a token names one", k.ID))
		}
		seen[k.ID] = true
		switch k.Algorithm {
		case "RS256", "ES256", "EdDSA":
			if _, err := publicKey(k); err != nil {
				return domain.Invalid("settings.keys.pem", fmt.Sprintf("the key %q is no public key for %s: give one in PEM, as \"openssl pkey -pubout\" writes it", k.ID, k.Algorithm))
			}
		}
	}
	return nil
}

// GetWorkstream tells what a workstream is for and how it is set.
func (s *Server) GetWorkstream(ctx context.Context, r GetWorkstreamRequestObject) (GetWorkstreamResponseObject, error) {
	w, at, err := stateNow(ctx, s, &workstream.Kind, r.Workstream, r.Params.After)
	switch {
	case err != nil:
		return nil, err
	case w.ID == "":
		return nil, workstream.ErrUnknown
	}
	answer := shownWorkstream(w.ID, w.Channel, w.Mode, w.Revision, w.Settings)
	answer.Position = &at
	return GetWorkstream200JSONResponse(answer), nil
}

// ListWorkstreams lists all workstreams.
func (s *Server) ListWorkstreams(ctx context.Context, r ListWorkstreamsRequestObject) (ListWorkstreamsResponseObject, error) {
	after, err := s.after(r.Params.After)
	if err != nil {
		return nil, err
	}
	rows, at, err := s.opts.Views.Workstreams(ctx, after)
	if err != nil {
		return nil, err
	}
	return ListWorkstreams200JSONResponse{Position: s.at(ctx, at), Workstreams: lo.Map(rows, func(w projections.WorkstreamRow, _ int) Workstream {
		return shownWorkstream(w.ID, w.Channel, w.Mode, w.Changes, w.Settings)
	})}, nil
}

// storedSettings are the settings as the domain has them.
func storedSettings(b WorkstreamSettings) workstream.Settings {
	seconds := func(n *int64) domain.Seconds { return domain.Seconds(lo.FromPtr(n)) }
	return workstream.Settings{
		Name: b.Name, Queue: b.Queue, Assignment: lo.FromPtr(b.Assignment), Units: lo.FromPtr(b.Units),
		Block: lo.FromPtr(b.Block), BlockSeconds: seconds(b.BlockSeconds), Countdown: seconds(b.Countdown),
		CloseOpen: seconds(b.CloseOpen), CloseEngaged: seconds(b.CloseEngaged), CloseWrapUp: seconds(b.CloseWrapUp),
		CloseWaiting: seconds(b.CloseWaiting), KeepSameAgent: lo.FromPtr(b.KeepSameAgent), DeclineLimit: lo.FromPtr(b.DeclineLimit),
		MissedInactive: lo.FromPtr(b.MissedInactive), RejectedDisturb: lo.FromPtr(b.RejectedDoNotDisturb),
		FreshAgent: b.KeepSameAgent != nil && !*b.KeepSameAgent, Presences: lo.FromPtr(b.Presences), Profile: lo.FromPtr(b.Profile),
		AgentSkills: lo.FromPtr(b.AgentsChangeSkills),
		Rules: lo.Map(lo.FromPtr(b.Rules), func(r RoutingRule, _ int) workstream.Rule {
			return workstream.Rule{Name: r.Name, When: r.When, Queue: r.Queue, Priority: lo.FromPtr(r.Priority), Skills: storedSkills(r.Skills)}
		}),
		Keys: lo.Map(lo.FromPtr(b.Keys), func(k VerificationKey, _ int) workstream.Key {
			return workstream.Key{ID: k.Kid, Algorithm: k.Alg, PEM: k.Pem}
		}),
	}
}

// shownWorkstream is a workstream as the API shows it.
func shownWorkstream(id, channel, mode string, changes int64, s workstream.Settings) Workstream {
	seconds := func(n domain.Seconds) *int64 { return lo.EmptyableToPtr(int64(n)) }
	w := Workstream{Id: id, Channel: channel, Mode: mode, Changes: changes, Settings: WorkstreamSettings{
		Name: s.Name, Queue: s.Queue, Assignment: &s.Assignment, Units: &s.Units, Block: &s.Block, BlockSeconds: seconds(s.BlockSeconds),
		Countdown: seconds(s.Countdown), CloseOpen: seconds(s.CloseOpen), CloseEngaged: seconds(s.CloseEngaged),
		CloseWrapUp: seconds(s.CloseWrapUp), CloseWaiting: seconds(s.CloseWaiting), KeepSameAgent: &s.KeepSameAgent,
		DeclineLimit: &s.DeclineLimit, MissedInactive: &s.MissedInactive, RejectedDoNotDisturb: &s.RejectedDisturb,
	}}
	w.Settings.Presences, w.Settings.Profile, w.Settings.AgentsChangeSkills = optList(s.Presences), some(s.Profile), &s.AgentSkills
	w.Settings.Presence = some(lo.CoalesceOrEmpty(s.PresenceName, s.Presence, "computed"))
	w.Settings.Rules = optList(lo.Map(s.Rules, func(r workstream.Rule, _ int) RoutingRule {
		return RoutingRule{Name: r.Name, When: r.When, Queue: r.Queue, Priority: opt(r.Priority), Skills: optList(shownSkills(r.Skills))}
	}))
	if mode == domain.ModeAsync {
		keeps := !s.FreshAgent
		w.Settings.KeepSameAgent = &keeps
	}
	if len(s.Keys) > 0 {
		keys := lo.Map(s.Keys, func(k workstream.Key, _ int) VerificationKey {
			return VerificationKey{Kid: k.ID, Alg: k.Algorithm, Pem: k.PEM}
		})
		w.Settings.Keys = &keys
	}
	return w
}
