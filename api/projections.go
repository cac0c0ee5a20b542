package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/samber/lo"

	"parley/domain"
	"parley/projections"
)

// ListProjections tells how the read models are.
func (s *Server) ListProjections(ctx context.Context, _ ListProjectionsRequestObject) (ListProjectionsResponseObject, error) {
	at, err := s.present(ctx, nil)
	if err != nil {
		return nil, err
	}
	all, err := s.opts.Views.Runner.Status(ctx)
	if err != nil {
		return nil, err
	}
	return ListProjections200JSONResponse{Position: s.at(ctx, at), Projections: lo.Map(all, func(st projections.Status, _ int) Projection {
		return s.shownProjection(st)
	})}, nil
}

// shownProjection is a projection as the API shows it.
func (s *Server) shownProjection(st projections.Status) Projection {
	p := Projection{
		Name: st.Name, Version: st.Version, State: st.State, Checkpoint: st.Checkpoint.Text(s.store), Head: st.Head.Text(s.store),
		LagEvents: int64(st.Lag), LagSeconds: st.Delay.Seconds(), Advanced: lo.EmptyableToPtr(st.Advanced.UTC()),
		Stalled: st.Stalled, Parked: st.Parked, Failure: some(st.Failure),
	}
	if st.Advanced.IsZero() {
		p.Advanced = nil
	}
	if st.Building != nil {
		b := shownProgress(*st.Building)
		p.Building = &b
	}
	return p
}

func shownProgress(p projections.Progress) ProjectionProgress {
	return ProjectionProgress{
		Projection: p.Name, Done: int64(p.Done), Total: int64(p.Total), PerSecond: p.PerSecond, EtaSeconds: p.ETA.Seconds(),
	}
}

// PauseProjection keeps a read model where it is.
func (s *Server) PauseProjection(ctx context.Context, r PauseProjectionRequestObject) (PauseProjectionResponseObject, error) {
	if err := s.opts.Views.Runner.Pause(r.Projection); err != nil {
		return nil, err
	}
	one, err := s.projection(ctx, r.Projection)
	return PauseProjection200JSONResponse{OneProjectionJSONResponse(one)}, err
}

// ResumeProjection lets a read model go on.
func (s *Server) ResumeProjection(ctx context.Context, r ResumeProjectionRequestObject) (ResumeProjectionResponseObject, error) {
	if err := s.opts.Views.Runner.Resume(ctx, r.Projection); err != nil {
		return nil, err
	}
	one, err := s.projection(ctx, r.Projection)
	return ResumeProjection200JSONResponse{OneProjectionJSONResponse(one)}, err
}

func (s *Server) projection(ctx context.Context, name string) (Projection, error) {
	all, err := s.opts.Views.Runner.Status(ctx)
	if err != nil {
		return Projection{}, err
	}
	st, ok := lo.Find(all, func(st projections.Status) bool { return st.Name == name })
	if !ok {
		return Projection{}, domain.Invalid("projection", fmt.Sprintf("there is no projection %q", name))
	}
	return s.shownProjection(st), nil
}

// ListProjectionParked lists the events that a read model has put aside.
func (s *Server) ListProjectionParked(ctx context.Context, r ListProjectionParkedRequestObject) (ListProjectionParkedResponseObject, error) {
	rows, err := s.opts.Views.Runner.Parked(ctx, r.Projection)
	if err != nil {
		return nil, err
	}
	answer := ListProjectionParked200JSONResponse(ProjectionParked{})
	answer.Parked = lo.Map(rows, func(p projections.Parked, _ int) ParkedEvent {
		return ParkedEvent{Stream: p.Stream, Position: p.Position.Text(s.store), Error: p.Error}
	})
	return answer, nil
}

// rebuildProjections builds read models anew while the caller watches; when
// the caller leaves, what is served stays as it was.
func (s *Server) rebuildProjections(c echo.Context) error {
	return s.workOn(c, func(ctx context.Context, b projectionChoice, names []string, tell func(any)) (string, error) {
		rebuild := s.opts.Views.Runner.Rebuild
		if b.Compare {
			rebuild = s.opts.Views.Runner.RebuildCompared
		}
		err := rebuild(ctx, names, func(p projections.Progress) { tell(shownProgress(p)) })
		if d, ok := errors.AsType[*projections.Difference](err); ok {
			tell(shownDifference(d.Projection, d))
			return "different", nil
		}
		return "ok", err
	})
}

// verifyProjections holds read models against the log.
func (s *Server) verifyProjections(c echo.Context) error {
	return s.workOn(c, func(ctx context.Context, _ projectionChoice, names []string, tell func(any)) (string, error) {
		result := "ok"
		for _, name := range names {
			v, err := s.opts.Views.Runner.Verify(ctx, name)
			if err != nil {
				return "", err
			}
			if v.Difference != nil {
				result = "different"
			}
			line := shownDifference(name, v.Difference)
			line["position"], line["head"] = v.Position.Text(s.store), v.Head.Text(s.store)
			if short := v.Short(); short != "" {
				line["short"] = short
			}
			tell(line)
		}
		return result, nil
	})
}

func shownDifference(name string, d *projections.Difference) map[string]any {
	line := map[string]any{"projection": name, "difference": nil}
	if d != nil {
		line["difference"] = map[string]string{"table": d.Table, "key": d.Key, "column": d.Column, "want": d.Want, "got": d.Got}
	}
	return line
}

// projectionChoice is which projections the caller means.
type projectionChoice struct {
	Names   []string `json:"names,omitempty"`
	All     bool     `json:"all,omitempty"`
	Compare bool     `json:"compare,omitempty"`
}

// workOn serves work on projections that may take long: one JSON value a line
// as it goes on, and one with the result.
func (s *Server) workOn(c echo.Context, work func(ctx context.Context, b projectionChoice, names []string, tell func(any)) (string, error)) error {
	ctx, cancel := context.WithCancel(c.Request().Context())
	defer cancel()
	defer context.AfterFunc(s.stopping, cancel)()
	var b projectionChoice
	if err := c.Bind(&b); err != nil {
		return err
	}
	names, err := s.projectionNames(ctx, b)
	if err != nil {
		return err
	}
	w, rc := c.Response(), http.NewResponseController(c.Response())
	w.Header().Set(echo.HeaderContentType, "application/x-ndjson")
	w.Header().Set("X-Accel-Buffering", "no")
	w.WriteHeader(http.StatusOK)
	lines := json.NewEncoder(w)
	var broken error
	tell := func(line any) {
		if broken != nil {
			return
		}
		if broken = rc.SetWriteDeadline(time.Now().Add(writeTime)); broken == nil || errors.Is(broken, http.ErrNotSupported) {
			broken = lines.Encode(line)
		}
		if broken == nil {
			broken = rc.Flush()
		}
		if broken != nil {
			cancel() // nobody watches any more
		}
	}
	result, err := work(ctx, b, names, tell)
	if err != nil {
		if s.stopping.Err() != nil && errors.Is(err, context.Canceled) {
			err = ErrStopping
		}
		tell(map[string]any{"result": "failed", "problem": s.problem(ctx, http.MethodPost, err)})
	} else {
		tell(map[string]any{"result": result})
	}
	if broken != nil {
		s.logger.DebugContext(ctx, "the caller left before the work on projections ended", "error", broken)
	}
	return nil
}

// projectionNames are the projections that the caller means, all of them known.
func (s *Server) projectionNames(ctx context.Context, b projectionChoice) ([]string, error) {
	all, err := s.opts.Views.Runner.Status(ctx)
	if err != nil {
		return nil, err
	}
	known := lo.Map(all, func(st projections.Status, _ int) string { return st.Name })
	names := lo.Uniq(b.Names)
	switch {
	case b.All && len(names) > 0:
		return nil, domain.Invalid("names", "name some projections or say all, not both")
	case b.All:
		return known, nil
	case len(names) == 0:
		return nil, domain.Invalid("names", "name some projections, or say all")
	}
	if strange := lo.Without(names, known...); len(strange) > 0 {
		return nil, domain.Invalid("names", fmt.Sprintf("there is no projection %q: list them to see their names", strange[0]))
	}
	return names, nil
}
