package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"slices"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"parley/api"
)

func newServe(cfg *config, env func(name, otherwise string) string) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run the server",
		Example: `  parley serve --data /var/lib/parley --listen 127.0.0.1:8080
  parley token --role admin --data /var/lib/parley`,
		Args: exactly(0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := cfg.esdb.check(cfg.store); err != nil {
				return usageError{err}
			}
			return serve(cmd.Context(), cfg, cmd.OutOrStdout(), cmd.ErrOrStderr(), nil)
		},
	}
	serveFlags(cmd, cfg, env, "127.0.0.1:8080")
	cfg.esdb.flags(cmd, env)
	return cmd
}

// serveFlags are those of every command that serves.
func serveFlags(cmd *cobra.Command, cfg *config, env func(name, otherwise string) string, listen string) {
	cmd.Flags().StringVar(&cfg.listen, "listen", env("PARLEY_LISTEN", listen), "address of the API (PARLEY_LISTEN)")
	cmd.Flags().StringSliceVar(&cfg.origins, "origin", nil, "web pages that may ask, such as https://shop.example; * is all")
	cmd.Flags().BoolVarP(&cfg.verbose, "verbose", "v", false, "a line of log for each request")
	cmd.Flags().Float64Var(&cfg.rate, "rate", api.DefaultLimits().Rate, "requests a second of one token; 0 is no limit")
	cmd.Flags().Float64Var(&cfg.public, "public-rate", api.DefaultLimits().PublicRate, "requests a second of one address that is not signed in; 0 is no limit")
	cmd.Flags().StringSliceVar(&cfg.proxies, "trusted-proxy", nil, "networks of the proxies before this server, such as 10.0.0.0/8: their X-Forwarded-For is believed")
}

// serve runs the whole engine until ctx is done. Ready, when there is one, is
// called once requests are answered, with the address; what it returns ends
// everything.
func serve(ctx context.Context, cfg *config, out, errs io.Writer, ready func(ctx context.Context, h *house, address string) error) (err error) {
	if cfg.listen == "" { // the system would take any port, on every network
		return usageError{errors.New("--listen is empty: give the address of the API, such as 127.0.0.1:8080")}
	}
	level := slog.LevelWarn
	if cfg.verbose {
		level = slog.LevelInfo
	}
	logger := slog.New(slog.NewTextHandler(errs, &slog.HandlerOptions{Level: level}))
	paceGarbage()
	h, err := openHouse(ctx, cfg, logger)
	if ctx.Err() != nil && onlyStopped(err) { // before it had begun
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, h.close()) }()
	spareProcessor() // after the pools of the views' readers, which are sized by the processors
	tcp, err := net.Listen("tcp", cfg.listen)
	if err != nil {
		return fmt.Errorf("--listen %s: %w", cfg.listen, err)
	}
	room := places() // not for the local socket: whoever runs the server always gets in
	tcp = room.Bound(tcp)
	socket, err := api.ListenSocket(cfg.socket())
	if err != nil {
		return errors.Join(cfg.usable(err), tcp.Close())
	}
	if err := h.join(ctx); err != nil {
		return errors.Join(err, tcp.Close(), socket.Close())
	}
	node, wire, err := h.listenESDB()
	if err != nil {
		return errors.Join(err, tcp.Close(), socket.Close())
	}
	g, ctx := errgroup.WithContext(ctx)
	if node != nil {
		g.Go(func() error { return node.Serve(room.Bound(wire)) })
		g.Go(func() error {
			<-ctx.Done()
			return node.Close()
		})
	}
	g.Go(func() error { return h.server.Serve(ctx, tcp, socket) })
	g.Go(func() error { return h.work(ctx, true) })
	address := "http://" + tcp.Addr().String()
	place := cfg.data
	if cfg.store != "" {
		place += " · log at " + cfg.where()
	}
	if node != nil {
		place += "\nThe log is served to EventStoreDB's clients at " + h.cfg.esdb.address(wire.Addr())
	}
	fmt.Fprintf(out, "Parley serves %s/v1 · docs at %s/docs · data in %s\n", address, address, place)
	if ready != nil {
		g.Go(func() error { return ready(ctx, h, address) })
	}
	err = g.Wait()
	if errors.Is(err, context.Canceled) && ctx.Err() != nil {
		err = nil
	}
	return err
}

// onlyStopped tells that nothing went wrong but that somebody stopped it.
func onlyStopped(err error) bool {
	if several, ok := err.(interface{ Unwrap() []error }); ok {
		return !slices.ContainsFunc(several.Unwrap(), func(err error) bool { return !onlyStopped(err) })
	}
	return errors.Is(err, context.Canceled)
}
