package eventstore

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/message/router/middleware"
	"github.com/sony/gobreaker"
)

// laneSubscriber hands the jobs of lanes to Watermill's router: of each lane one
// message, and the next only when that one is acknowledged. A message that is
// not is handed over again after a pause.
type laneSubscriber struct {
	lanes []*lane
	pause time.Duration
	done  func(*job)
}

func laneTopic(i int) string { return "lane-" + strconv.Itoa(i) }

type jobKey struct{}

// Subscribe is what Watermill calls for each lane.
func (s *laneSubscriber) Subscribe(ctx context.Context, topic string) (<-chan *message.Message, error) {
	for _, l := range s.lanes {
		if l.topic == topic {
			out := make(chan *message.Message)
			go s.serve(ctx, l, out)
			return out, nil
		}
	}
	return nil, fmt.Errorf("eventstore: there is no lane %q", topic)
}

// Close has nothing to close: a lane ends with its context.
func (s *laneSubscriber) Close() error { return nil }

func (s *laneSubscriber) serve(ctx context.Context, l *lane, out chan<- *message.Message) {
	defer close(out)
	for j := l.next(ctx); j != nil; j = l.next(ctx) {
		for !s.hand(ctx, j, out) {
			if !pause(ctx, s.pause) {
				return
			}
		}
		s.done(j)
	}
}

// hand gives the job to the router once, and tells whether it was done.
func (s *laneSubscriber) hand(ctx context.Context, j *job, out chan<- *message.Message) bool {
	msg := message.NewMessageWithContext(context.WithValue(ctx, jobKey{}, j), j.record.ID.String(), j.record.Data)
	msg.Metadata.Set("stream", j.record.Stream)
	msg.Metadata.Set("name", j.record.Name)
	select {
	case out <- msg:
	case <-ctx.Done():
		return false
	}
	select {
	case <-msg.Acked():
		return true
	case <-msg.Nacked():
		return false
	case <-ctx.Done():
		return false
	}
}

// router wires the lanes to Watermill's router. From the inside out: a panic
// becomes an error; the breaker stops all lanes from beating on a store that
// is away; what fails is tried again with back-off; what fails for good is
// parked with all that follows it in its lane key.
func (r *Reactor) router(lanes []*lane) (*message.Router, error) {
	logger := watermill.LoggerAdapter(watermill.NopLogger{})
	if r.options.Logger != nil {
		logger = watermill.NewSlogLoggerWithLevelMapping(r.options.Logger, map[slog.Level]slog.Level{slog.LevelInfo: slog.LevelDebug})
	}
	router, err := message.NewRouter(message.RouterConfig{CloseTimeout: 10 * time.Second}, logger)
	if err != nil {
		return nil, err
	}
	breaker := middleware.NewCircuitBreaker(gobreaker.Settings{
		Name: r.options.Name, Timeout: r.options.Pause,
		ReadyToTrip:   func(c gobreaker.Counts) bool { return c.ConsecutiveFailures >= uint32(2*r.options.Tries) },
		IsSuccessful:  func(err error) bool { return err == nil || !mayPass(err) },
		OnStateChange: func(_ string, _, to gobreaker.State) { r.broken.Store(to != gobreaker.StateClosed) },
	})
	retry := middleware.Retry{
		MaxRetries: r.options.Tries - 1, InitialInterval: r.options.Backoff, Multiplier: 2, MaxInterval: r.options.Pause,
		ShouldRetry: func(p middleware.RetryParams) bool { return !isOpen(p.Err) },
	}
	router.AddMiddleware(r.parking, retry.Middleware, breaker.Middleware, middleware.Recoverer)
	subscriber := &laneSubscriber{lanes: lanes, pause: r.options.Pause, done: r.finished}
	for _, l := range lanes {
		router.AddConsumerHandler(r.options.Name+"-"+l.topic, l.topic, subscriber, func(msg *message.Message) error {
			j, err := jobOf(msg)
			if err != nil {
				return err
			}
			return r.work(msg.Context(), j.record)
		})
	}
	return router, nil
}

// parking parks what fails for good, and what comes behind it.
func (r *Reactor) parking(next message.HandlerFunc) message.HandlerFunc {
	return func(msg *message.Message) ([]*message.Message, error) {
		j, err := jobOf(msg)
		if err != nil {
			return nil, err
		}
		ctx := msg.Context()
		if j.began.IsZero() {
			j.began = time.Now()
		}
		if behind, err := r.parkBehind(ctx, j); behind || err != nil {
			return nil, r.noted(err)
		}
		_, failure := next(msg)
		switch {
		case failure == nil:
			return nil, nil
		case ctx.Err() != nil:
			return nil, failure
		case mayPass(failure) && (r.broken.Load() || time.Since(j.began) < r.options.Patience):
			return nil, r.noted(failure)
		}
		return nil, r.noted(r.park(ctx, j, failure)) // where the list is full, the lane waits for an operator
	}
}

func jobOf(msg *message.Message) (*job, error) {
	j, ok := msg.Context().Value(jobKey{}).(*job)
	if !ok {
		return nil, errors.New("eventstore: a message that came from no lane")
	}
	return j, nil
}

// isOpen tells that the breaker kept the try from being made.
func isOpen(err error) bool {
	return errors.Is(err, gobreaker.ErrOpenState) || errors.Is(err, gobreaker.ErrTooManyRequests)
}

// mayPass tells that an error is of the store or of the moment, and says
// nothing against the event.
func mayPass(err error) bool {
	_, ofStore := errors.AsType[storeError](err)
	return ofStore || isOpen(err) || errors.Is(err, ErrKeysHeld) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}
