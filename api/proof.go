package api

import (
	"context"
	"time"

	"github.com/samber/lo"

	"parley/domain"
	"parley/domain/conversation"
)

// tokenFor is the token by which a visitor who proved who he is goes on with a
// conversation, on whatever device it began, or whose token is for the former
// one only; nil for anybody else. It lasts no longer than the former one, unless
// he proved it with this request: a repeat proves nothing anew, and what it gets
// ends when that ended which was given first.
func (s *Server) tokenFor(ctx context.Context, c conversation.Conversation, proven time.Time) (*string, error) {
	caller := CallerOf(ctx)
	if caller.Role != domain.RoleVisitor || !c.Authenticated && caller.Conversation == "" {
		return nil, nil
	}
	claims := Claims{Role: domain.RoleVisitor, Widget: c.Widget, Conversation: c.ID}
	claims.Subject = caller.ID
	lasts := s.visitorTokenLasts(caller)
	if !proven.IsZero() {
		if lasts = proven.Add(visitorTokenTime).Sub(s.now()); lasts <= 0 {
			return nil, nil
		}
	}
	text, err := s.tokens.MintClaims(claims, lasts)
	return &text, err
}

// visitorTokenLasts is how long a token may last that one gives for another: what is
// for one conversation is not prolonged by using it.
func (s *Server) visitorTokenLasts(caller Caller) time.Duration {
	if caller.Conversation == "" {
		return visitorTokenTime
	}
	return min(visitorTokenTime, max(caller.Expires.Sub(s.now()), time.Second))
}

// proof is when the customer proved who he is; zero when he did not.
func proof(token *string, at time.Time) time.Time {
	if lo.FromPtr(token) == "" {
		return time.Time{}
	}
	return at
}
