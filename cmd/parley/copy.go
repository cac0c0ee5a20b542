package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"parley/eventstore"
	"parley/eventstore/embedded"
	"parley/eventstore/esdb"
)

func newCopy() *cobra.Command {
	var from, to string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "copy --from ADDRESS --to ADDRESS",
		Short: "Move a log to another store",
		Long: `Copy writes every record of a log to another store, in its order: ids, times, actors
and revisions stay. An address is a data folder, or a server such as
esdb://user:password@db1:2113. Then it reads both logs from the beginning and
compares them, and at last takes along how far policies and erasures have come, so
that nothing happens twice.

It may be stopped at any moment: the same command goes on where it was. It may be
given while the source, on a server, is in use: it then copies what there is, says
that more came, and is given once more when the source has been stopped. Nothing is
served from a copy that is not finished. A data folder that a server holds cannot be
copied: stop the server, or copy a backup of it.

Keys are never copied. Without them the personal text in the log is unreadable:
bring the keys folder of the source along by hand, and keep it apart from backups
of the log. Views are not copied either, they are built anew. Events of other programs
and their persistent subscriptions stay behind. Positions belong to one log: clients
that resume with an old one are told log_moved, and begin anew.`,
		Example: `  parley copy --from /var/lib/parley --to esdb://engine:…@db1:2113
  parley copy --from esdb+discover://cluster.example --to /var/lib/parley-new`,
		Args: exactly(0, "no arguments: the addresses are --from and --to"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if from == "" || to == "" {
				return usageError{errors.New("give both --from and --to: a data folder, or an address such as esdb://localhost:2113")}
			}
			return runCopy(cmd.Context(), from, to, embedded.Options{}, asJSON, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	cmd.Flags().StringVar(&from, "from", "", "where the log is: a data folder, or esdb://…")
	cmd.Flags().StringVar(&to, "to", "", "where it is to be: a data folder, or esdb://…")
	cmd.Flags().BoolVar(&asJSON, "json", false, "one line of JSON that tells what was done")
	return cmd
}

// copied is what a copy tells when it is done.
type copied struct {
	From     string            `json:"from"`     // the source's name
	To       string            `json:"to"`       // the target's
	Records  uint64            `json:"records"`  // in both
	Streams  int               `json:"streams"`  // in both
	Written  uint64            `json:"written"`  // by this run
	LeftOut  uint64            `json:"leftOut"`  // events of other programs
	Digest   string            `json:"digest"`   // SHA-256 of all records in their order
	Position string            `json:"position"` // of the last record in the target
	Marks    map[string]string `json:"marks"`    // what became of each
	Seconds  float64           `json:"seconds"`
}

// runCopy copies, compares, and hands over. Own is how logs in folders are opened,
// beside what follows from the addresses.
func runCopy(ctx context.Context, from, to string, own embedded.Options, asJSON bool, out, errs io.Writer) (err error) {
	began, b := time.Now(), newBar(errs, false)
	defer b.end()
	own.Fatal = func(err error) { // the log would do damage if it went on
		if b.terminal {
			fmt.Fprint(errs, "\r\033[K") // where the bar is: it may just be drawn
		}
		fmt.Fprintln(errs, "parley:", printableLines(fmt.Sprintf("--to: %v; once that is mended give the same command again: it goes on where it was", (&config{data: to}).usable(err))))
		os.Exit(exitFail)
	}
	c := &copying{fromName: nameOfPlace(from), toName: nameOfPlace(to), bar: b}
	if err := between(from, to); err != nil {
		return err
	}
	if c.from, err = openEnd(ctx, from, true, own); err != nil {
		return fmt.Errorf("--from: %w", err)
	}
	defer func() { err = errors.Join(err, c.from.Close()) }()
	if c.to, err = openEnd(ctx, to, false, own); err != nil {
		return fmt.Errorf("--to: %w", err)
	}
	defer func() { err = errors.Join(err, c.to.Close()) }()
	done, err := c.run(ctx)
	if err = interrupted(ctx, err); errors.Is(err, errInterrupted) {
		return fmt.Errorf("%w: give the same command again, and it goes on where it was", err)
	}
	if err != nil {
		if errors.Is(err, syscall.ENOSPC) {
			err = fmt.Errorf("%w: make room on its disk, and give the same command again: it goes on where it was", err)
		}
		return err
	}
	done.Seconds = time.Since(began).Seconds()
	b.end()
	if asJSON {
		return json.NewEncoder(out).Encode(done)
	}
	_, err = fmt.Fprintf(out, `%d records of %d streams are in %s as they are in %s: the same ids, times, order and bytes (%s).
The keys were not copied: bring the keys folder of %s along, else personal text stays unreadable.
Views are built anew at the first start. Cursors of clients belong to the old log: they are told log_moved.
`, done.Records, done.Streams, c.toName, c.fromName, done.Digest[:16], c.fromName)
	if err == nil && done.LeftOut > 0 {
		_, err = fmt.Fprintf(out, "%d events of other programs were left out.\n", done.LeftOut)
	}
	return err
}

// end is a log that is copied from or to.
type end interface {
	eventstore.Log
	io.Closer
	Marks(ctx context.Context) (map[string]eventstore.Mark, error)
}

// between refuses to make the copy among the files of what is copied.
func between(from, to string) error {
	if esdb.IsAddress(from) || esdb.IsAddress(to) {
		return nil
	}
	source := &config{data: from}
	if _, err := os.Stat(filepath.Join(from, logFormat)); err == nil && liesIn(filepath.Join(to, "log"), from) { // a log by itself, such as a backup
		return fmt.Errorf("--to: %s lies in the log %s, where only its own files may be: name a folder outside it; nothing was written", to, from)
	}
	if err := source.outside(to); err != nil {
		return fmt.Errorf("--to: %w", err)
	}
	return nil
}

// openEnd opens the log at an address: on a server, or in a data folder. A log
// folder by itself, such as a backup, is taken as well, opened as own says.
func openEnd(ctx context.Context, address string, existing bool, own embedded.Options) (end, error) {
	if esdb.IsAddress(address) {
		l, err := esdb.Open(ctx, esdb.Options{Address: address, Existing: existing})
		if err != nil {
			return nil, err
		}
		return l, nil
	}
	dir := address
	if _, err := os.Stat(filepath.Join(dir, logFormat)); err != nil {
		dir = (&config{data: address}).log()
		if _, err := os.Stat(filepath.Join(dir, logFormat)); existing && err != nil {
			return nil, fmt.Errorf("there is no log in %s: name a data folder, a backup of a log, or a server such as esdb://localhost:2113", address)
		}
	}
	open := embedded.Open
	if existing {
		open = embedded.OpenStill // a source is left as it is
	}
	own.Dir = dir
	l, err := open(own)
	if errors.Is(err, embedded.ErrLocked) {
		return nil, fmt.Errorf("a server holds %s: stop it first, or copy a backup of its log (parley backup): %w", address, err)
	}
	if err != nil {
		return nil, err
	}
	return l, nil
}

// logFormat is the file by which a folder is known to hold a log.
const logFormat = "FORMAT"

// nameOfPlace names an address without its password.
func nameOfPlace(address string) string {
	if esdb.IsAddress(address) {
		return (&config{store: address}).where()
	}
	return address
}
