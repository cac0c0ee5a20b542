package api

import (
	"context"

	"github.com/samber/lo"

	"parley/domain"
	"parley/domain/conversation"
	"parley/eventstore"
	"parley/projections"
)

// GetSummary is the customer summary page (SUM-1 to SUM-8).
func (s *Server) GetSummary(ctx context.Context, r GetSummaryRequestObject) (GetSummaryResponseObject, error) {
	now, after, err := s.seen(ctx, r.Conversation, r.Params.After)
	if err != nil {
		return nil, err
	}
	v, found, at, err := s.opts.Views.Summary(ctx, r.Conversation, after)
	if err == nil && !found { // it is on record: the view has only to get there
		if after, err = s.head(ctx); err == nil {
			v, found, at, err = s.opts.Views.Summary(ctx, r.Conversation, after)
		}
	}
	switch {
	case err != nil:
		return nil, err
	case !found:
		return nil, projections.ErrBehind
	}
	a := GetSummary200JSONResponse{
		Conversation: v.ID, Details: shownDetails(v, now), Visitor: shownDevice(v), Survey: shownAnswers(v.Survey), PostSurvey: shownAnswers(v.PostSurvey),
		Score: opt(v.Score), Context: shownVariables(v.Context), RecentCases: lo.Map(v.RecentCases, func(c projections.CaseRow, _ int) SummaryCase { return shownCaseRow(c) }),
		Additional: shownVariables(lo.Filter(v.Context, func(c domain.Variable, _ int) bool { return c.Displayable })),
		LookUps: optList(lo.Map(v.LookUps, func(l projections.SummaryLookUp, _ int) SummaryLookUp {
			return SummaryLookUp{Id: l.ID, Name: l.Name, Query: some(string(l.Query)), Result: some(string(l.Result)), By: some(l.By), At: l.At}
		})),
		Position: s.at(ctx, at),
	}
	if c := v.Linked; c != nil {
		a.Customer = &SummaryCustomer{
			Id: c.ID, Name: some(string(c.Name)), Email: some(string(c.Email)), Location: some(string(c.Location)), Account: some(c.Account),
			Phones: optList(lo.Map(c.Phones, func(p domain.Personal, _ int) string { return string(p) })), Erased: opt(c.Erased),
		}
	}
	if v.Issue != nil {
		issue := shownCaseRow(*v.Issue)
		a.Case = &issue
	}
	return a, nil
}

// seen gives a conversation to who may see it, and reads the position that its
// view is to have reached.
func (s *Server) seen(ctx context.Context, id string, after *Position) (c conversation.Conversation, at eventstore.Position, err error) {
	if at, err = s.after(after); err != nil {
		return c, 0, err
	}
	if c, _, err = s.conversationOf(ctx, id); err != nil {
		return c, 0, err
	}
	return c, at, s.sees(ctx, c)
}

// shownDetails are what is known of the conversation itself (SUM-4).
func shownDetails(v projections.Summary, now conversation.Conversation) SummaryDetails {
	d := SummaryDetails{
		Channel: v.Channel, Mode: v.Mode, Workstream: some(v.Workstream), Queue: some(v.Queue), Agent: some(v.Agent), Agents: optList(v.Agents),
		Started: opt(v.Started), Ended: opt(v.EndedAt), Closed: opt(v.ClosedAt), Reason: some(v.Reason), Disposition: optList(v.Disposition),
		WaitedMs: opt(v.WaitedLatest), FirstWaitMs: opt(v.WaitedFirst), Waits: opt(v.Waits), WaitingSince: opt(v.WaitingSince),
		Topics: optList(v.Topics), Skills: optList(shownSkills(now.Skills)), Messages: &now.Messages, Locale: some(v.Locale),
	}
	d.State, d.SubState = stateOf(v.Status)
	return d
}

// shownDevice are the visitor details (SUM-7).
func shownDevice(v projections.Summary) SummaryVisitor {
	d := v.Device
	return SummaryVisitor{
		Id: some(v.SummaryRow.Visitor), Authenticated: v.Authenticated, Browser: some(string(d.Browser)), System: some(string(d.System)),
		Language: some(string(d.Language)), Location: some(string(d.Location)), Arrived: opt(d.Arrived),
	}
}

func shownAnswers(all []domain.Answer) *[]SurveyAnswer {
	return optList(lo.Map(all, func(a domain.Answer, _ int) SurveyAnswer {
		return SurveyAnswer{Question: a.Question, Answer: string(a.Answer)}
	}))
}

func shownVariables(all []domain.Variable) *[]ContextVariable {
	return optList(lo.Map(all, func(v domain.Variable, _ int) ContextVariable {
		return ContextVariable{Name: v.Name, Value: string(v.Value), Displayable: opt(v.Displayable), Source: some(v.Source)}
	}))
}

func shownCaseRow(c projections.CaseRow) SummaryCase {
	return SummaryCase{
		Id: c.ID, Number: some(c.Number), Contact: some(c.Contact), Title: string(c.Title), Status: c.Status, Product: some(c.Product),
		Description: some(string(c.Description)), Opened: opt(c.Opened), Modified: opt(c.Modified),
	}
}

// GetSelfService tells what the customer did before asking (SUM-6).
func (s *Server) GetSelfService(ctx context.Context, r GetSelfServiceRequestObject) (GetSelfServiceResponseObject, error) {
	_, after, err := s.seen(ctx, r.Conversation, r.Params.After)
	if err != nil {
		return nil, err
	}
	rows, at, err := s.opts.Views.SelfService(ctx, r.Conversation, after)
	if err != nil {
		return nil, err
	}
	forms := map[string]SelfServiceActionType{"page": "page_visited", "search": "phrase_searched", "article": "article_viewed", "custom": "custom_action"}
	return GetSelfService200JSONResponse{
		Position: s.at(ctx, at),
		Actions: lo.Map(rows, func(a projections.ActionRow, _ int) SelfServiceAction {
			return SelfServiceAction{Id: a.ID, Type: forms[a.Form], At: a.At, Text: some(string(a.Text)), Title: some(string(a.Title)), Article: some(a.Article)}
		}),
	}, nil
}
