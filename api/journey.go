package api

import (
	"context"

	"github.com/samber/lo"

	"parley/domain"
	"parley/domain/visitor"
	"parley/eventstore"
)

// RecordVisitorAction records what a visitor did before asking (SUM-6, PRO-4).
func (s *Server) RecordVisitorAction(ctx context.Context, r RecordVisitorActionRequestObject) (RecordVisitorActionResponseObject, error) {
	if err := actsAs(ctx, r.Visitor); err != nil {
		return nil, err
	}
	id, err := s.ownID(ctx, r.Body.Id, "action")
	if err != nil {
		return nil, err
	}
	b := r.Body
	title := domain.Personal(lo.FromPtr(b.Title))
	if len([]rune(string(title))) > 512 {
		return nil, domain.Invalid("title", "512 characters at most")
	}
	var cmd domain.Command[visitor.Visitor, visitor.Event]
	switch b.Type {
	case "page_visited":
		cmd = visitor.VisitPage{ID: id, URL: domain.Personal(lo.FromPtr(b.Url)), Title: title}
	case "phrase_searched":
		cmd = visitor.SearchPhrase{ID: id, Phrase: domain.Personal(lo.FromPtr(b.Phrase))}
	case "article_viewed":
		cmd = visitor.ViewArticle{ID: id, Article: lo.FromPtr(b.Article), Title: title}
	case "custom_action":
		cmd = visitor.ActCustom{ID: id, Action: domain.Personal(lo.FromPtr(b.Action))}
	default:
		return nil, domain.Invalid("type", "give page_visited, phrase_searched, article_viewed or custom_action")
	}
	out, err := eventstore.Act(ctx, s.engine, &visitor.Kind, r.Visitor, cmd, s.meta(ctx))
	if err != nil {
		return nil, err
	}
	return RecordVisitorAction201JSONResponse{Id: id, Position: s.at(ctx, out.Position)}, nil
}
