package api

import (
	"context"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"parley/domain"
)

// Caller is who asks.
type Caller struct {
	domain.Actor
	// Expires is when the token ends; zero for the local administrator.
	Expires time.Time
	// Conversation and Widget narrow what a visitor may touch; empty: all own.
	Conversation, Widget string
	// token names the token for the limits, without being it.
	token  string
	local  bool
	public bool // nobody signed in: token is the address
}

// Local tells that the caller came over the socket in the data folder.
func (c Caller) Local() bool { return c.local }

// Is tells whether the caller has one of the roles.
func (c Caller) Is(roles ...string) bool { return slices.Contains(roles, c.Role) }

// CallerOf tells who asks. Without a caller (a public address) it is zero.
func CallerOf(ctx context.Context) Caller { return callOf(ctx).caller }

// localCaller is who comes over the socket: the file's mode let only the
// owner of the data in.
var localCaller = Caller{Actor: domain.Actor{ID: "local", Role: domain.RoleAdmin}, local: true}

// localKey marks the context of connections over the socket.
type localKey struct{}

// markLocal is told of each new connection.
func markLocal(ctx context.Context, conn net.Conn) context.Context {
	if conn.LocalAddr().Network() == "unix" {
		return context.WithValue(ctx, localKey{}, true)
	}
	return ctx
}

// authenticate finds out who asks. A token counts before the socket does, so
// that a local tool can act for somebody.
func (s *Server) authenticate(r *http.Request, op operation) (Caller, error) {
	if len(r.Header.Values(echo.HeaderAuthorization)) > 1 { // who stands between may take another than this server
		return Caller{}, &domain.Error{Code: "invalid_token", Field: echo.HeaderAuthorization, Message: "send one token, in one header"}
	}
	text, given := bearer(r, op.Feed)
	if !given {
		if local, _ := r.Context().Value(localKey{}).(bool); local {
			return localCaller, nil
		}
		return Caller{}, &domain.Error{Code: "unauthenticated"}
	}
	claims, err := s.tokens.Verify(text)
	if err != nil {
		return Caller{}, err
	}
	caller := Caller{
		Actor:   domain.Actor{ID: claims.Subject, Role: claims.Role},
		Expires: claims.ExpiresAt.Time, Conversation: claims.Conversation, Widget: claims.Widget, token: claims.ID,
	}
	if s.opts.Admit != nil {
		if err := s.opts.Admit(r.Context(), caller); err != nil {
			return Caller{}, err
		}
	}
	return caller, nil
}

// bearer finds the token. Only feeds take it from the query, where an
// EventSource puts it because it cannot set headers.
func bearer(r *http.Request, query bool) (string, bool) {
	if h := r.Header.Get(echo.HeaderAuthorization); h != "" {
		scheme, text, _ := strings.Cut(h, " ")
		if !strings.EqualFold(scheme, "bearer") {
			text = "" // another scheme is no valid token
		}
		return strings.TrimSpace(text), true
	}
	if query {
		if text := r.URL.Query().Get("access_token"); text != "" {
			return text, true
		}
	}
	return "", false
}

// authorize checks the caller's role against the table of roles.
func authorize(op operation, c Caller) error {
	allowed, ok := roles[op.ID]
	if !ok {
		return &domain.Error{Code: "forbidden", Message: "nobody may do this: the operation has no roles"}
	}
	if !slices.Contains(allowed, c.Role) {
		return &domain.Error{Code: "forbidden", Message: "a caller with the role " + c.Role + " may not do this: it takes " + strings.Join(allowed, " or ")}
	}
	return nil
}
