package api

import (
	"context"
	"slices"

	"github.com/samber/lo"

	"parley/domain"
	"parley/domain/conversation"
	"parley/domain/routing"
	"parley/domain/session"
	"parley/eventstore"
	"parley/projections"
)

// maxPasses bounds how many pages are read to fill one for somebody who sees
// only some of the rows.
const maxPasses = 20

// ListConversations lists the active conversations that the caller may see.
func (s *Server) ListConversations(ctx context.Context, r ListConversationsRequestObject) (ListConversationsResponseObject, error) {
	after, err := s.after(r.Params.After)
	if err != nil {
		return nil, err
	}
	page, err := pageOf(r.Params.Cursor, r.Params.Limit)
	if err != nil {
		return nil, err
	}
	p := r.Params
	if p.State != nil && !p.State.known() {
		return nil, domain.Invalid("state", "give open, active, offered, engaged, waiting or wrap_up")
	}
	filter := projections.ActiveFilter{
		Queue: lo.FromPtr(p.Queue), State: string(lo.FromPtr(p.State)), Agent: lo.FromPtr(p.Agent),
		Workstream: lo.FromPtr(p.Workstream), Contact: lo.FromPtr(p.Contact), Visitor: lo.FromPtr(p.Visitor),
	}
	rows, next, at, err := s.activeSeen(ctx, filter, page, after)
	if err != nil {
		return nil, err
	}
	return ListConversations200JSONResponse{
		Conversations: lo.Map(rows, func(row projections.ActiveRow, _ int) ActiveConversation { return shownActive(row) }),
		Next:          some(next), Position: s.at(ctx, at),
	}, nil
}

// known tells whether the state is one that can be asked for.
func (p ListConversationsParamsState) known() bool {
	return slices.Contains([]string{"open", "active", "offered", "engaged", "waiting", "wrap_up"}, string(p))
}

// activeSeen gives one page of what the caller may see.
func (s *Server) activeSeen(ctx context.Context, f projections.ActiveFilter, page projections.Page, after eventstore.Position) ([]projections.ActiveRow, string, eventstore.Position, error) {
	caller := CallerOf(ctx)
	if caller.Is(overseers...) {
		return s.opts.Views.ActiveList(ctx, f, page, after)
	}
	queues, _, err := s.opts.Views.QueuesOf(ctx, caller.ID, after)
	if err != nil {
		return nil, "", 0, err
	}
	mine := lo.Map(queues, func(q projections.QueueRow, _ int) string { return q.ID })
	parts, err := s.takesPart(ctx, caller.ID, after)
	if err != nil {
		return nil, "", 0, err
	}
	var seen []projections.ActiveRow
	wanted, at := page.Limit, eventstore.Position(0)
	if wanted == 0 {
		wanted = 50
	}
	for range maxPasses {
		page.Limit = wanted - len(seen)
		rows, next, shown, err := s.opts.Views.ActiveList(ctx, f, page, after)
		if err != nil {
			return nil, "", 0, err
		}
		if at == 0 {
			at = shown
		}
		for _, row := range rows {
			ok, err := visible(caller, row.ID, partOfRow(row),
				func() (bool, error) { return slices.Contains(mine, row.Queue) || parts[row.ID], nil },
				func() (bool, error) {
					was, _, err := s.opts.Views.WasPrimary(ctx, row.ID, caller.ID, after)
					return was, err
				})
			if err != nil {
				return nil, "", 0, err
			}
			if ok {
				seen = append(seen, row)
			}
		}
		if page.Cursor = next; next == "" || len(seen) == wanted {
			break
		}
	}
	return seen, page.Cursor, at, nil
}

// takesPart gives the conversations that an agent has at hand: his own, and those
// that he was asked into, which his queues and the rows of others do not tell.
func (s *Server) takesPart(ctx context.Context, agent string, after eventstore.Position) (map[string]bool, error) {
	w, _, err := s.opts.Views.Workspace(ctx, agent, after)
	if err != nil {
		return nil, err
	}
	at := map[string]bool{}
	for _, one := range w.Sessions {
		switch one.Form {
		case session.FormConversation, session.FormConsult, session.FormJoined, session.FormMonitor:
			at[one.Conversation] = true
		}
	}
	return at, nil
}

func partOfRow(row projections.ActiveRow) part {
	return part{
		visitor: row.Visitor, widget: row.Widget, queue: row.Queue, mode: row.Mode,
		agents: []string{row.Agent, row.OfferAgent, row.Last}, status: row.Status,
	}
}

// shownActive is a row as the API shows it.
func shownActive(row projections.ActiveRow) ActiveConversation {
	a := ActiveConversation{
		Conversation: row.ID, Title: row.Title, Channel: row.Channel, Mode: row.Mode, Workstream: some(row.Workstream), Widget: some(row.Widget),
		Queue: some(row.Queue), Priority: opt(row.Priority), Visitor: some(row.Visitor), Contact: some(row.Contact), Case: some(row.Case),
		Authenticated: opt(row.Authenticated), Agent: some(row.Agent), Hold: some(row.Hold), LastAgent: some(row.Last),
		Since: opt(row.Since), WaitingSince: opt(row.WaitFrom), ClosesAt: opt(row.Talk.CloseAt), Comment: some(string(row.Comment)),
		Messages: &row.Talk.Messages, Unread: row.Talk.Unread, LastMessage: opt(row.Talk.LastMessage), LastSide: some(row.Talk.LastSide),
		EndReason: some(row.EndReason), Started: opt(row.Started), Modified: opt(row.Talk.Modified),
		Reasons: optList(lo.Map(row.Reasons, func(r conversation.Reason, _ int) RoutingReason {
			return RoutingReason{Code: r.Code, Count: r.Count, Agents: optList(r.Agents)}
		})),
	}
	a.Sentiment = new(SentimentLevel(domain.Level(row.Talk.Sentiment).String()))
	a.Skills, a.Rule = optList(shownSkills(row.Skills)), some(row.Rule)
	a.Unassignable = opt(row.Status == conversation.StatusOpen && len(row.Declines) >= routing.MaxDecliners)
	a.State, a.SubState = stateOf(row.Status)
	if row.OfferHold != "" {
		a.Offer = &ConversationOffer{
			Hold: row.OfferHold, Agent: row.OfferAgent, Deadline: row.OfferDeadline, Transfer: row.OfferReplaces != "", Delivered: row.OfferDelivered,
		}
	}
	return a
}

// shownOffer is an offer as the API shows it; nil without one.
func shownOffer(o *conversation.Offer) *ConversationOffer {
	if o == nil {
		return nil
	}
	return &ConversationOffer{Hold: o.Hold, Agent: o.Agent, Deadline: o.Deadline, Transfer: o.Replaces != "", Delivered: o.Delivered}
}

// GetConversation tells where one conversation stands now, from its stream;
// a visitor is told the state only.
func (s *Server) GetConversation(ctx context.Context, r GetConversationRequestObject) (GetConversationResponseObject, error) {
	after, err := s.after(r.Params.After)
	if err != nil {
		return nil, err
	}
	at, err := s.present(ctx, r.Params.After)
	if err != nil {
		return nil, err
	}
	c, revision, err := s.conversationOf(ctx, r.Conversation)
	if err != nil {
		return nil, err
	}
	if err := s.sees(ctx, c); err != nil {
		return nil, err
	}
	a := Conversation{Conversation: c.ID, Channel: c.Channel, Mode: c.Mode, Reason: some(c.Closed), Messages: &c.Messages,
		CustomerRead: &c.CustomerRead, AgentRead: &c.AgentRead}
	a.State, a.SubState = stateOf(c.Status)
	if CallerOf(ctx).Role != domain.RoleVisitor {
		item, _, shown, err := s.opts.Views.WorkItem(ctx, c.ID, after)
		if err != nil {
			return nil, err
		}
		at = min(at, shown)
		a.Title, a.Started, a.Modified = some(item.Title), opt(item.Created), opt(item.Modified)
		a.Workstream, a.Widget, a.Queue, a.Priority = some(c.Workstream), some(c.Widget), some(c.Queue), opt(c.Priority)
		a.Visitor, a.Contact, a.Case, a.Topic = some(c.Visitor), some(c.Contact), some(c.Case), some(c.Topic)
		a.Authenticated, a.Agent, a.Hold, a.LastAgent = &c.Authenticated, some(c.Primary.Agent), some(c.Primary.Hold), some(c.Last)
		a.Sentiment = new(SentimentLevel(c.Moods.Level().String()))
		a.Offer, a.Since, a.WaitingSince, a.ClosesAt = shownOffer(c.Offer), opt(c.Since), opt(c.WaitFrom), opt(c.CloseAt)
	}
	s.etag(ctx, revision)
	a.Position = s.at(ctx, at)
	return GetConversation200JSONResponse(a), nil
}
