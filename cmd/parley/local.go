package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"syscall"

	"golang.org/x/sync/errgroup"

	"parley/api"
	"parley/eventstore"
	"parley/projections"
)

// maxAnswer bounds one line of a long answer.
const maxAnswer = 64 << 20

// local talks to the engine of a data folder: the server that holds it, or one
// opened for the time of a command.
type local struct {
	client *http.Client
	data   string // the folder
}

// withLocal runs do against the folder's engine. Without a server the folder is
// opened, with views that follow and nothing else: no routing, no timers, no
// policies.
func withLocal(ctx context.Context, cfg *config, errs io.Writer, do func(context.Context, *local) error) (err error) {
	l := &local{&http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", cfg.socket())
		},
	}}, cfg.data}
	defer l.client.CloseIdleConnections()
	if conn, err := net.Dial("unix", cfg.socket()); err == nil {
		return errors.Join(conn.Close(), do(ctx, l))
	}
	if _, err := os.Stat(cfg.data); errors.Is(err, os.ErrNotExist) && !cfg.make {
		return fmt.Errorf("there is no folder %s: name the data folder with --data", cfg.data)
	}
	fresh, err := cfg.fresh()
	if err != nil {
		return cfg.usable(err)
	}
	defer func() {
		if err != nil && cfg.make {
			err = andRoom(err, fresh.remove())
		}
	}()
	only := &slog.HandlerOptions{Level: slog.LevelError} // what an answer came to, the command itself says
	h, err := openHouse(ctx, cfg, slog.New(slog.NewTextHandler(errs, only)))
	if err != nil {
		return interrupted(ctx, err)
	}
	defer func() {
		err = andRoom(err, h.close())
	}()
	socket, err := api.ListenSocket(cfg.socket())
	if err != nil {
		return cfg.usable(err)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return h.server.Serve(ctx, socket) })
	g.Go(func() error { return h.work(ctx, false) })
	var done error
	g.Go(func() error {
		defer cancel()
		done = do(ctx, l)
		return done
	})
	if err = g.Wait(); onlyStopped(err) { // the engine ended because the work had, or was interrupted: that is what counts
		err = done
	}
	return err
}

// andRoom joins what went wrong behind work that failed, unless it is that there is
// no room on the disk: that is why the work failed, which says so itself.
func andRoom(err, behind error) error {
	if err != nil && (errors.Is(behind, eventstore.ErrStopped) || errors.Is(behind, syscall.ENOSPC) || projections.Full(behind)) {
		return err
	}
	return errors.Join(err, behind)
}

// problem is what the API answers when it refuses.
type problem struct {
	Title  string `json:"title"`
	Detail string `json:"detail"`
	Code   string `json:"code"`
	Field  string `json:"field"`
	// Reference finds in the server's log what it did not tell.
	Reference string `json:"reference"`
}

func (p *problem) Error() string {
	text := p.Detail
	if text == "" {
		text = p.Title
	}
	if p.Field != "" {
		text = p.Field + ": " + text
	}
	if p.Reference != "" {
		text += " The server's log says more at the reference " + p.Reference + "."
	}
	return text + " (" + p.Code + ")"
}

// ask sends one request and gives the answer's body, to be closed.
func (l *local) ask(ctx context.Context, method, path string, body io.Reader) (io.ReadCloser, error) {
	r, err := http.NewRequestWithContext(ctx, method, "http://parley"+path, body)
	if err != nil {
		return nil, err
	}
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	answer, err := l.client.Do(r)
	if outer, ok := errors.AsType[*url.Error](err); ok {
		err = outer.Err // the address in it is nobody's
	}
	if err != nil {
		return nil, l.brokenOff(ctx, err)
	}
	if answer.StatusCode < 300 {
		return answer.Body, nil
	}
	text, err := io.ReadAll(io.LimitReader(answer.Body, 1<<20))
	err = errors.Join(err, answer.Body.Close())
	if err != nil {
		return nil, l.brokenOff(ctx, err)
	}
	p := &problem{}
	if json.Unmarshal(text, p) != nil || p.Code == "" {
		return nil, fmt.Errorf("%s %s: %s", method, path, answer.Status)
	}
	return nil, l.brokenOff(ctx, p)
}

// get reads one answer into into.
func (l *local) get(ctx context.Context, path string, into any) error {
	body, err := l.ask(ctx, http.MethodGet, path, nil)
	if err != nil {
		return err
	}
	return errors.Join(l.brokenOff(ctx, json.NewDecoder(body).Decode(into)), body.Close())
}

// post sends a value and reads the answer into into.
func (l *local) post(ctx context.Context, path string, value, into any) error {
	text, err := json.Marshal(value)
	if err != nil {
		return err
	}
	body, err := l.ask(ctx, http.MethodPost, path, bytes.NewReader(text))
	if err != nil {
		return err
	}
	return errors.Join(l.brokenOff(ctx, json.NewDecoder(body).Decode(into)), body.Close())
}

// lines sends a body and gives each line of the answer to each. A line with a
// problem ends it.
func (l *local) lines(ctx context.Context, path string, send io.Reader, each func(line []byte) error) error {
	body, err := l.ask(ctx, http.MethodPost, path, send)
	if err != nil {
		return err
	}
	in := bufio.NewScanner(body)
	in.Buffer(make([]byte, 64<<10), maxAnswer)
	for err == nil && in.Scan() && in.Err() == nil { // before an error there may be half a line
		var failed struct {
			Problem *problem `json:"problem"`
		}
		if err = json.Unmarshal(in.Bytes(), &failed); err == nil {
			if failed.Problem != nil {
				err = failed.Problem
				break
			}
			if err = each(in.Bytes()); err != nil {
				return errors.Join(err, body.Close())
			}
		}
	}
	if err == nil {
		err = in.Err()
	}
	return errors.Join(l.brokenOff(ctx, err), body.Close())
}
