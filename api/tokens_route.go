package api

import (
	"context"
	"errors"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/samber/lo"

	"parley/domain"
)

// Lives of a token, in seconds.
const (
	tokenLife = 60 * 60
	tokenMost = 365 * 24 * 60 * 60
)

// MintToken signs a token for somebody in a role. The log says nothing of it:
// who may ask for it may do anything.
func (s *Server) MintToken(ctx context.Context, r MintTokenRequestObject) (MintTokenResponseObject, error) {
	b := r.Body
	life := int64(tokenLife)
	if b.TtlSeconds != nil {
		life = *b.TtlSeconds
	}
	if life < 1 || life > tokenMost {
		return nil, domain.Invalid("ttlSeconds", "a token lasts 1 second to 365 days")
	}
	text, err := s.tokens.MintClaims(Claims{
		RegisteredClaims: jwt.RegisteredClaims{Subject: b.Subject}, Role: string(b.Role),
		Conversation: lo.FromPtr(b.Conversation), Widget: lo.FromPtr(b.Widget),
	}, time.Duration(life)*time.Second)
	if refused, ok := errors.AsType[*domain.Error](err); ok && refused.Field == "sub" {
		return nil, refused.On("subject")
	}
	if err != nil {
		return nil, err
	}
	claims, err := s.tokens.Verify(text)
	if err != nil {
		return nil, err
	}
	return MintToken201JSONResponse{Token: text, Expires: claims.ExpiresAt.UTC()}, nil
}
