package api

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/labstack/echo/v4"

	"parley/domain"
	"parley/eventstore"
)

// Times of a feed.
const (
	heartbeat = 20 * time.Second
	writeTime = 30 * time.Second // a client that takes nothing for so long is cut off; it resumes
	closeTime = 5 * time.Second
)

// wired are the operations that the wiring answers by Options.Raw.
var wired = []string{"importStar", "checkLog", "backupLog", "exportLog", "importLog"}

// errNotWired is answered where the wiring has no such thing.
var errNotWired = domain.Refuse("unavailable", "", "this server does not offer it")

// rawRoutes are the operations that the generated server leaves alone, by
// operationId.
func (s *Server) rawRoutes() map[string]echo.HandlerFunc {
	routes := map[string]echo.HandlerFunc{
		"followAll":   func(c echo.Context) error { return s.follow(c, Everyone) },
		"followAgent": func(c echo.Context) error { return s.follow(c, AgentKey(named(c, "agent"))) },
		"followConversation": func(c echo.Context) error {
			return s.follow(c, conversationKey(CallerOf(c.Request().Context()), named(c, "conversation")))
		},
		"followVisitor": func(c echo.Context) error {
			return s.follow(c, visitorKey(CallerOf(c.Request().Context()), named(c, "visitor")))
		},
		"rebuildProjections": s.rebuildProjections,
		"verifyProjections":  s.verifyProjections,
	}
	for _, id := range wired {
		routes[id] = func(echo.Context) error { return errNotWired }
	}
	for id, answer := range s.opts.Raw {
		routes[id] = func(c echo.Context) error { return s.untilStopped(c, answer) }
	}
	return routes
}

// ErrStopping is why the request of a raw operation ends that was under way when the
// server was told to stop.
var ErrStopping = domain.Refuse("unavailable", "", "the server is stopping, and broke this off: give it again, or go on with it, when it serves")

// untilStopped has a raw operation end with the server, which would else wait for it
// until its grace is over and then cut it off: for work that takes minutes, for the
// rest of a body, for somebody to read.
func (s *Server) untilStopped(c echo.Context, answer func(http.ResponseWriter, *http.Request) error) error {
	ctx, cancel := context.WithCancelCause(c.Request().Context())
	defer cancel(nil)
	rc := http.NewResponseController(c.Response())
	defer context.AfterFunc(s.stopping, func() {
		cancel(ErrStopping)
		now := time.Now() // who is still sending is told why it ended: that takes a moment more
		_ = errors.Join(rc.SetReadDeadline(now.Add(lastBodyTime)), rc.SetWriteDeadline(now.Add(2*lastBodyTime)))
	})()
	return answer(c.Response(), c.Request().WithContext(ctx))
}

// named reads a part of the address, which was looked at when the request came in.
func named(c echo.Context, part string) string {
	text, err := url.PathUnescape(c.Param(part))
	if err != nil {
		return ""
	}
	return text
}

// mayFollow tells whether the caller may follow a key. Agents and visitors
// follow themselves; who else may is asked of the wiring, which knows the
// participations, and is nobody without it.
func (s *Server) mayFollow(ctx context.Context, c Caller, key string) error {
	switch {
	case c.Role == domain.RoleAgent && key == AgentKey(c.ID),
		c.Role == domain.RoleVisitor && key == visitorKey(c, c.ID),
		c.Is(overseers...) && sortOf(key) != sortOf(VisitorKey("")),
		c.Is(domain.RoleAdmin, domain.RoleService):
		return nil
	case s.opts.MayFollow != nil:
		return s.opts.MayFollow(ctx, c, key)
	}
	return &domain.Error{Code: "forbidden", Message: "this feed is not yours to follow"}
}

// mayGoOn is asked before anything is told, and at each heartbeat, so that who
// may no longer follow, or is no longer let in at all, no longer does.
func (s *Server) mayGoOn(ctx context.Context, c Caller, key string) error {
	if s.opts.Admit != nil {
		if err := s.opts.Admit(ctx, c); err != nil {
			return err
		}
	}
	return s.mayFollow(ctx, c, key)
}

// follow serves one live feed until the client, the token or the server ends.
func (s *Server) follow(c echo.Context, key string) error {
	ctx, cancel := context.WithCancel(c.Request().Context())
	defer cancel()
	defer context.AfterFunc(s.stopping, cancel)()
	caller := CallerOf(ctx)
	if _, id, ok := cutKey(key); ok && !domain.ValidID(id) {
		return &domain.Error{Code: "not_found"}
	}
	if err := s.mayFollow(ctx, caller, key); err != nil {
		return err
	}
	from, err := s.resumeFrom(ctx, c.Request())
	if err != nil {
		return err
	}
	if !s.buckets.open(caller) {
		return &domain.Error{Code: "too_many_requests", Message: "too many feeds are open with this token: close some"}
	}
	defer s.buckets.close(caller)

	wait, stop := context.WithTimeout(ctx, heartbeat)
	sub, head, err := s.dispatcher.subscribe(wait, key)
	stop()
	if err != nil {
		return err
	}
	defer s.dispatcher.unsubscribe(sub)
	closed, err := s.opened(ctx, caller, key)
	if err != nil {
		return err
	}
	defer closed()

	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	f := &feed{server: s, sub: sub, caller: caller, last: from, w: c.Response(), rc: http.NewResponseController(c.Response()), beat: beat.C}
	f.expired = f.expiry()
	if err := f.run(ctx, head); err != nil && ctx.Err() == nil {
		// The answer has begun, so no problem can be told: the client resumes.
		s.logger.DebugContext(ctx, "a feed broke off", "sort", sortOf(key), "error", err)
	}
	return nil
}

// resumeFrom reads where the client left off. A client that does not say gets
// what is recorded from now on.
func (s *Server) resumeFrom(ctx context.Context, r *http.Request) (eventstore.Position, error) {
	info, err := s.engine.Log.Info(ctx)
	if err != nil {
		return 0, err
	}
	text, field := r.Header.Get("Last-Event-ID"), "Last-Event-ID"
	if text == "" {
		text, field = r.URL.Query().Get("after"), "after"
	}
	if text == "" {
		return info.Head, nil
	}
	p, err := eventstore.ParsePosition(s.store, text)
	if refused := (*domain.Error)(nil); errors.As(err, &refused) {
		return 0, refused.On(field)
	}
	if err != nil {
		return 0, err
	}
	if p > info.Head {
		// The log was restored to an earlier state: what the client has seen
		// since is not in it.
		return 0, eventstore.ErrLogMoved.On(field)
	}
	return p, nil
}

// opened tells the wiring and the metrics that a feed is open, and gives the
// function that tells that it is closed. A client that leaves meanwhile breaks
// neither off: what may have been recorded as open is recorded as closed.
func (s *Server) opened(ctx context.Context, caller Caller, key string) (func(), error) {
	id := uuid.NewString()
	staying := context.WithoutCancel(ctx)
	if s.opts.OnOpen != nil {
		ctx, cancel := context.WithTimeout(staying, closeTime)
		defer cancel()
		if err := s.opts.OnOpen(ctx, caller, key, id); err != nil {
			return nil, err
		}
	}
	gauge := s.metrics.feeds.WithLabelValues(sortOf(key))
	gauge.Inc()
	return func() {
		gauge.Dec()
		if s.opts.OnClose != nil {
			s.closed(staying, caller, key, id)
		}
	}, nil
}

// closed tells the wiring that a feed is closed, until it has taken that: an agent
// whose end is never recorded would be there for as long as this server runs, and
// be offered what nobody sees. With the server its run ends, and that is enough.
func (s *Server) closed(ctx context.Context, caller Caller, key, feed string) {
	for {
		one, cancel := context.WithTimeout(ctx, closeTime)
		err := s.opts.OnClose(one, caller, key, feed)
		cancel()
		if err == nil {
			return
		}
		s.logger.ErrorContext(ctx, "the end of a feed was not recorded", "sort", sortOf(key), "error", err)
		if _, refused := errors.AsType[*domain.Error](err); refused {
			return
		}
		select {
		case <-s.stopping.Done():
			return
		case <-time.After(retryPause):
		}
	}
}

// feed writes one live feed.
type feed struct {
	server *Server
	sub    *subscription
	caller Caller
	last   eventstore.Position // all up to here is written
	w      http.ResponseWriter
	rc     *http.ResponseController

	beat    <-chan time.Time // each heartbeat
	expired <-chan time.Time // the token's end; nil is never
}

// run writes what the client missed up to head, where the feed's place at the
// dispatcher begins, then waits for the bell, the clock or the end.
func (f *feed) run(ctx context.Context, head eventstore.Position) (err error) {
	defer func() { err = errors.Join(err, f.deadline(time.Time{})) }()
	h := f.w.Header()
	h.Set(echo.HeaderContentType, "text/event-stream; charset=utf-8")
	h.Set(echo.HeaderCacheControl, "no-store")
	h.Set("X-Accel-Buffering", "no")
	h.Set(positionHeader, f.last.Text(f.server.store))
	f.w.WriteHeader(http.StatusOK)
	if err := f.write([]byte("retry: 2000\n"), f.cursor()); err != nil {
		return err
	}
	if err := readUntil(f.rc, time.Time{}); err != nil { // a body, if one was sent, is past: what is read now is that the client leaves
		return err
	}
	if err := f.catchUp(ctx, head); err != nil {
		return err
	}
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-f.expired:
			return nil
		case <-f.beat:
			if err := f.flush(ctx); err != nil {
				return err
			}
			if err := f.alive(); err != nil {
				return err
			}
		case <-f.sub.bell:
			if err := f.flush(ctx); err != nil {
				return err
			}
		}
	}
}

// flush writes all that the dispatcher has for this feed. Who may no longer
// follow is told the last that he may see, and then the feed ends.
func (f *feed) flush(ctx context.Context) error {
	queue, lost, head := f.server.dispatcher.take(f.sub)
	ended := f.server.mayGoOn(ctx, f.caller, f.sub.key)
	if ended != nil {
		queue, head = f.lastOf(queue, ended)
	} else if lost {
		return f.catchUp(ctx, head)
	}
	if len(queue) > 0 {
		for _, e := range queue {
			if err := f.put(ctx, e); err != nil {
				return err
			}
		}
		if err := f.rc.Flush(); err != nil {
			return err
		}
	}
	f.last = max(f.last, head)
	return ended
}

// lastOf finds what of a queue is told to who may no longer follow: an agent up to
// what concerns himself, which his own feed tells him as well, and a customer all,
// since it is the end of a conversation behind which it is not his to see. A fault
// is no refusal: what comes now is told to who resumes, in its order.
func (f *feed) lastOf(queue []*entry, why error) ([]*entry, eventstore.Position) {
	if _, refused := errors.AsType[*domain.Error](why); !refused {
		return nil, f.last
	}
	for i, e := range slices.Backward(queue) {
		if f.caller.Role == domain.RoleVisitor || slices.Contains(e.keys, AgentKey(f.caller.ID)) {
			return queue[:i+1], f.last
		}
	}
	return nil, f.last
}

// catchUp writes what the feed has missed up to head. That may take long, of a
// long log or for a slow client, so the clocks are looked at on the way.
func (f *feed) catchUp(ctx context.Context, head eventstore.Position) error {
	for e, err := range f.server.dispatcher.missed(ctx, f.sub.key, f.last, head) {
		if err != nil {
			return err
		}
		select {
		case <-f.expired:
			return errFeedExpired
		case <-f.beat:
			if err := f.server.mayGoOn(ctx, f.caller, f.sub.key); err != nil {
				return err
			}
			if err := f.alive(); err != nil {
				return err
			}
		default:
		}
		if !slices.Contains(e.keys, f.sub.key) {
			f.last = max(f.last, e.position)
			continue
		}
		if err := f.put(ctx, e); err != nil {
			return err
		}
	}
	f.last = max(f.last, head)
	if err := f.deadline(time.Now().Add(writeTime)); err != nil { // the last event may have been long ago
		return err
	}
	return f.rc.Flush()
}

// errFeedExpired ends a feed whose token ended while it caught up.
var errFeedExpired = &domain.Error{Code: "token_expired"}

// alive shows that the feed goes on, and how far it is.
func (f *feed) alive() error { return f.write([]byte(":\n"), f.cursor()) }

// put writes one event, unless the client had it before or there is nothing to
// tell.
func (f *feed) put(ctx context.Context, e *entry) error {
	if e.position != 0 && e.position <= f.last {
		return nil
	}
	text := f.server.dispatcher.show(ctx, f.server.store, sortOf(f.sub.key), e)
	f.last = max(f.last, e.position)
	if text == nil {
		return nil
	}
	f.server.metrics.told.Inc()
	if err := f.deadline(time.Now().Add(writeTime)); err != nil {
		return err
	}
	_, err := f.w.Write(text)
	return err
}

// cursor tells the client how far the log was read, as an id without data:
// a browser keeps it for its next Last-Event-ID and tells nobody.
func (f *feed) cursor() []byte { return []byte("id: " + f.last.Text(f.server.store) + "\n\n") }

// write sends lines at once.
func (f *feed) write(lines ...[]byte) error {
	if err := f.deadline(time.Now().Add(writeTime)); err != nil {
		return err
	}
	for _, l := range lines {
		if _, err := f.w.Write(l); err != nil {
			return err
		}
	}
	return f.rc.Flush()
}

// deadline bounds the next writes, where the connection knows deadlines.
func (f *feed) deadline(at time.Time) error {
	if err := f.rc.SetWriteDeadline(at); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	return nil
}

// expiry rings when the token ends; never for who has none.
func (f *feed) expiry() <-chan time.Time {
	if f.caller.Expires.IsZero() {
		return nil
	}
	return time.After(f.caller.Expires.Sub(f.server.opts.Now()))
}
