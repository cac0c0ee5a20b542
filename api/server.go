// Package api is what the outside touches: the REST API under /v1, described
// by openapi.yaml and generated from it, the live feeds, and the addresses by
// which the server is watched and understood.
package api

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/labstack/echo/v4"
	"golang.org/x/sync/errgroup"

	"parley/eventstore"
	"parley/projections"
)

// Options are what a server is made of. Engine and Keys are required.
type Options struct {
	Engine *eventstore.Engine
	Keys   eventstore.Keys
	// Secrets name the secrets whose keys sign tokens, the first, and verify
	// them, all; by default "tokens" alone.
	Secrets []string
	Logger  *slog.Logger     // by default nowhere
	Now     func() time.Time // by default time.Now
	// Origins may ask from web pages, such as "https://shop.example"; "*" is
	// every one. None: no page of another origin may.
	Origins []string
	Limits  Limits

	// Audience and Public make the live feeds; Resume, when there is one, finds
	// older events faster than reading the log.
	Audience Audience
	Public   Public
	Resume   Resume
	// MayFollow tells whether a caller may follow a key that is not its own.
	MayFollow func(ctx context.Context, c Caller, key string) error
	// OnOpen and OnClose are told of each feed; OnOpen may refuse it.
	OnOpen, OnClose func(ctx context.Context, c Caller, key, feed string) error

	// Admit may refuse a caller whose token is valid: disabled, revoked.
	Admit func(ctx context.Context, c Caller) error
	// VerifyCustomer verifies the tokens of the customers' own sites; by default
	// it is VerifyCustomerToken.
	VerifyCustomer VerifyCustomer

	// Views answer the queries.
	Views *projections.Views
	// Reactors are those whose state is told and whose parked work is replayed.
	Reactors []*eventstore.Reactor
	// Zone is the organisation's, by which days are told apart; UTC by default.
	Zone *time.Location

	// Raw answers further raw operations of openapi.yaml, by operationId: what
	// has to do with the process and its folder rather than with conversations.
	Raw map[string]func(http.ResponseWriter, *http.Request) error

	// Ready gives the reasons why the server is not ready; none when it is.
	Ready func() []string
	// Followers tells how far projections and reactors are.
	Followers func() []Follower
}

// Server answers the API.
type Server struct {
	opts       Options
	engine     *eventstore.Engine
	store      string // the log's name
	bodies     *bodyHasher
	logger     *slog.Logger
	tokens     *Tokens
	buckets    *buckets
	phones     phones
	dispatcher *dispatcher
	metrics    *metrics
	spec       *spec
	operations map[string]operation // by method and route
	routes     map[string]bool      // what the router knows, by method and route
	echo       *echo.Echo
	asked      eventstore.Underway // the commands that name themselves by a key
	conditions conditions          // of route-to-queue rules
	bulks      sync.Map            // by id: a channel that is closed when nobody works on it any more
	stopping   context.Context     // done when the feeds are to end
	stop       context.CancelFunc
}

// startTime is how long the log may take to tell its name. A log elsewhere gives
// up by itself before.
const startTime = time.Minute

// New makes a server. It answers once Serve or Run is called.
func New(opts Options) (*Server, error) {
	if opts.Engine == nil || opts.Keys == nil {
		return nil, errors.New("api: a server needs an engine and keys")
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.Zone == nil {
		opts.Zone = time.UTC
	}
	if opts.VerifyCustomer == nil {
		opts.VerifyCustomer = VerifyCustomerToken(opts.Now)
	}
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	ctx, cancel := context.WithTimeout(context.Background(), startTime)
	defer cancel()
	info, err := opts.Engine.Log.Info(ctx)
	if err != nil {
		return nil, fmt.Errorf("api: the log: %w", err)
	}
	bodies, err := opts.Keys.Secret("bodies")
	if err != nil {
		return nil, fmt.Errorf("api: the secret of body hashes: %w", err)
	}
	tokens, err := NewTokens(opts.Keys, opts.Now, opts.Secrets...)
	if err != nil {
		return nil, err
	}
	described, err := readContract()
	if err != nil {
		return nil, err
	}
	s := &Server{
		opts: opts, engine: opts.Engine, store: info.Store, bodies: newBodyHasher(bodies), logger: opts.Logger, tokens: tokens,
		buckets: newBuckets(opts.Limits, opts.Now), metrics: newMetrics(opts.Engine.Log, opts.Followers),
		spec: described, operations: map[string]operation{}, routes: map[string]bool{},
		dispatcher: &dispatcher{
			log: opts.Engine.Log, codec: opts.Engine.Codec, audience: opts.Audience, public: opts.Public, resume: opts.Resume,
			logger: opts.Logger, ready: make(chan struct{}), feeds: map[string]map[*subscription]struct{}{},
		},
	}
	s.stopping, s.stop = context.WithCancel(context.Background())
	for _, op := range described.operations {
		s.operations[op.Method+" "+op.Route] = op
	}
	return s, s.mount()
}

// mount makes the router: the generated routes, the raw ones, the pages.
func (s *Server) mount() error {
	e := echo.New()
	e.HideBanner, e.HidePort = true, true
	e.Binder = strictJSON{}
	e.HTTPErrorHandler = func(err error, c echo.Context) { s.answer(c, err) }
	e.Pre(asSent)
	e.Use(s.observe, boundBody, s.cors, s.admit)
	RegisterHandlers(e, NewStrictHandler(s, nil))
	raw := s.rawRoutes()
	for _, op := range s.spec.operations {
		if !op.Raw {
			continue
		}
		route, ok := raw[op.ID]
		if !ok {
			return fmt.Errorf("api: openapi.yaml names the raw operation %s, which has no route", op.ID)
		}
		e.Add(op.Method, op.Route, route)
	}
	if err := s.pages(e); err != nil {
		return err
	}
	for _, r := range e.Routes() {
		s.routes[r.Method+" "+r.Path] = true
	}
	s.echo = e
	return nil
}

// asSent has the router look at every address as it was sent. It decodes some
// by itself else, and what is read from them would be decoded twice.
func asSent(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		at := c.Request().URL
		at.RawPath = at.EscapedPath()
		return next(c)
	}
}

// Handler answers requests; whoever serves it by other means than Serve calls
// Run beside it.
func (s *Server) Handler() http.Handler { return headAsGet(s.echo) }

// lookKey marks the context of a request for the head of an answer alone.
type lookKey struct{}

// headAsGet has HEAD answered as GET is, for which all others take it; the connection,
// which knows better, leaves the answer's body out (RFC 9110, 9.3.2).
func headAsGet(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodHead {
			r = r.WithContext(context.WithValue(r.Context(), lookKey{}, true))
			r.Method = http.MethodGet
		}
		next.ServeHTTP(w, r)
	})
}

// Tokens signs tokens that this server takes.
func (s *Server) Tokens() *Tokens { return s.tokens }

// Run keeps the live feeds going until ctx is done, and ends them then.
func (s *Server) Run(ctx context.Context) error {
	defer s.stop()
	return s.dispatcher.run(ctx)
}

// Times of connections. A body's own time is bodyTime; raw operations, such as
// feeds, bound their own writing.
const (
	headerTime = 10 * time.Second
	answerTime = time.Minute
	idleTime   = 2 * time.Minute
	graceTime  = 15 * time.Second
)

// Serve answers on the listeners until ctx is done; then it ends the feeds,
// lets the requests under way end, and closes the listeners. When it returns
// nothing of it reads the log any more.
func (s *Server) Serve(ctx context.Context, listeners ...net.Listener) error {
	running, cancel := context.WithCancel(ctx)
	defer cancel()
	server := &http.Server{
		Handler: s.Handler(), ReadHeaderTimeout: headerTime, WriteTimeout: answerTime, IdleTimeout: idleTime, ConnContext: markLocal,
		ErrorLog: slog.NewLogLogger(s.logger.Handler(), slog.LevelDebug),
	}
	var all errgroup.Group
	all.Go(func() error {
		defer cancel()
		return s.Run(running)
	})
	for _, l := range listeners {
		all.Go(func() error {
			defer cancel()
			if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
				return err
			}
			return nil
		})
	}
	<-running.Done()
	s.stop()
	grace, done := context.WithTimeout(context.WithoutCancel(ctx), graceTime)
	defer done()
	err := server.Shutdown(grace)
	if err != nil {
		err = errors.Join(fmt.Errorf("api: not all requests ended in time: %w", err), server.Close())
	}
	return errors.Join(all.Wait(), err)
}
