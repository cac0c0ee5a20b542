package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"parley/api"
	"parley/eventstore"
	"parley/eventstore/embedded"
	"parley/projections"
)

func newRestore(cfg *config) *cobra.Command {
	return &cobra.Command{
		Use:   "restore FROM",
		Short: "Bring back the log from a backup, into a folder without one",
		Long: `Restore brings back a log that parley backup copied. The whole backup is checked
before anything is written; the copy is checked again before it gets its place,
and until then the data folder has no log: there is never half of one.

A backup holds no keys, so that erasing a person reaches every copy of the log.
Bring the keys folder back first, the newest there is, as DIR/keys. Keys of
another log are refused, and so are keys from before somebody was erased: they
would make him readable again. Nobody's text is readable without his key, and
who was erased since the backup was made stays erased.

The restored log has a new name: positions handed out by the one that was lost
are refused, since what follows them is not the same any more. The views build
themselves when the folder is used next.`,
		Example: "  parley restore /backups/2026-11-20 --data /var/lib/parley",
		Args:    exactly(1, "the folder that parley backup made"),
		RunE: func(cmd *cobra.Command, args []string) error {
			b := newBar(cmd.ErrOrStderr(), false)
			report, err := restore(cmd.Context(), cfg, args[0], b)
			b.end()
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "The log up to %s, %d streams, is in %s. Its views build themselves when it is used.\n",
				report.Head.Text(report.Store), report.Streams, cfg.log())
			return err
		},
	}
}

// restoring is where a log lies until it is whole.
const restoring = "log.restoring"

// restore checks, copies, checks again, and gives the copy its place by one
// renaming.
func restore(ctx context.Context, cfg *config, from string, b *bar) (report embedded.Report, err error) {
	if cfg.store != "" {
		return report, errors.New("the log is kept by EventStoreDB: restore it with EventStoreDB's own tools")
	}
	if err := cfg.room(); err != nil {
		return report, err
	}
	if err := apart(from, cfg.data); err != nil {
		return report, err
	}
	defer func() {
		if err = interrupted(ctx, err); errors.Is(err, errInterrupted) {
			err = fmt.Errorf("%w; nothing was brought back", err)
		}
	}()
	if report, err = lookAt(ctx, from, b, "backup", cfg); err != nil {
		return report, fmt.Errorf("%w; nothing was written", err)
	}
	if err := os.MkdirAll(cfg.data, 0o700); err != nil {
		return report, err
	}
	held, err := alone(cfg.data) // what another one brings back would be cleared away
	if err != nil {
		return report, err
	}
	defer func() { err = errors.Join(err, held.Close()) }()
	if err := cfg.room(); err != nil { // another one has just ended
		return report, err
	}
	half := filepath.Join(cfg.data, restoring)
	if err := os.RemoveAll(half); err != nil { // what a restore that was cut off left
		return report, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(half))
		}
	}()
	if err := copyFolder(ctx, from, half); err != nil {
		return report, cfg.usable(fmt.Errorf("copying %s: %w; nothing of it is left", from, err))
	}
	if _, err := embedded.Rename(embedded.Options{Dir: half}); err != nil {
		return report, err
	}
	if report, err = lookAt(ctx, half, b, "copy", nil); err != nil {
		return report, fmt.Errorf("the copy is not what was copied: %w", err)
	}
	if err := os.Rename(half, cfg.log()); err != nil {
		return report, err
	}
	return report, syncFolder(cfg.data)
}

// lookAt checks a log that lies still, and the keys there are for it when their
// place is given: whether they are its own before all else, since a large log is
// read for minutes.
func lookAt(ctx context.Context, dir string, b *bar, what string, keysOf *config) (report embedded.Report, err error) {
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return report, fmt.Errorf("there is no folder %s: name the one that parley backup made", dir)
	}
	l, err := embedded.OpenStill(embedded.Options{Dir: dir})
	if err != nil {
		return report, err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	var keys *embedded.Keys
	if keysOf != nil {
		if keys, err = keysOf.readers(ctx, l); err != nil {
			return report, err
		}
	}
	if keys != nil {
		defer func() { err = errors.Join(err, keys.Close()) }()
	}
	report, err = l.Check(ctx, func(done, total uint64) { b.at(what, done, total, "") })
	if err == nil && keys != nil {
		err = keysOf.newest(ctx, l, keys)
	}
	return report, err
}

// room refuses a data folder that holds more than the keys.
func (c *config) room() error {
	found, err := os.ReadDir(c.data)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, f := range found {
		if f.Name() != restoring && !sameFolder(filepath.Join(c.data, f.Name()), c.keys()) {
			return fmt.Errorf("%s holds %s: restore into a folder that is empty but for the keys, and move away what is there; nothing was written", c.data, f.Name())
		}
	}
	return nil
}

// apart refuses a backup that lies in the data folder, where what a restore left
// is cleared away, and a data folder that lies in the backup, which would be
// copied into itself.
func apart(from, data string) error {
	switch {
	case liesIn(from, data):
		return fmt.Errorf("the backup %s lies in the data folder %s: move it elsewhere first; nothing was written", from, data)
	case liesIn(data, from):
		return fmt.Errorf("the data folder %s lies in the backup %s: name a folder outside it by --data; nothing was written", data, from)
	}
	return nil
}

// liesIn tells whether a folder is another one, or lies in it, by whatever name
// or link. What is not there yet lies where its nearest folder does.
func liesIn(dir, other string) bool {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return false
	}
	for {
		if real, err := filepath.EvalSymlinks(dir); err == nil {
			dir = real
		}
		if sameFolder(dir, other) {
			return true
		}
		up := filepath.Dir(dir)
		if up == dir {
			return false
		}
		dir = up
	}
}

func sameFolder(a, b string) bool {
	one, err := os.Stat(a)
	if err != nil {
		return false
	}
	two, err := os.Stat(b)
	return err == nil && os.SameFile(one, two)
}

// readers opens the keys of a log, and refuses those of another; nil when it needs
// none.
func (c *config) readers(ctx context.Context, l *embedded.Log) (*embedded.Keys, error) {
	own, err := l.Mark(ctx, "keys", nil)
	if err != nil || own.Revision == 0 {
		return nil, err // nothing was ever recorded by anybody who had keys
	}
	there, err := embedded.HasKeys(embedded.Options{Dir: c.keys()})
	if err != nil {
		return nil, err
	}
	if !there {
		return nil, fmt.Errorf("there are no keys in %s, and a backup holds none: bring the newest keys folder of this log there first", c.keys())
	}
	keys, err := embedded.OpenKeys(embedded.Options{Dir: c.keys()})
	if err != nil {
		return nil, err
	}
	same, err := keys.Same("own", func(secret []byte) bool { return bytes.Equal(ownMark(secret), own.Value) })
	if err == nil && !same {
		err = fmt.Errorf("the keys in %s are not those of this log: bring its own", c.keys())
	}
	if err != nil {
		return nil, errors.Join(err, keys.Close())
	}
	return keys, nil
}

// newest refuses keys that are older than what was erased in a log.
func (c *config) newest(ctx context.Context, l *embedded.Log, keys *embedded.Keys) error {
	kinds, err := projections.Kinds()
	if err != nil {
		return err
	}
	kept, err := api.Unerased(ctx, l, &eventstore.Codec{Kinds: kinds, Keys: keys}, keys)
	if err != nil || len(kept) == 0 {
		return err
	}
	return fmt.Errorf("the keys in %s are older than the log: %s erased, and would be readable again; bring newer keys", c.keys(), few(kept))
}

// few names some of many.
func few(names []string) string {
	const most = 3
	if n := len(names); n > most {
		return fmt.Sprintf("%s and %d others were", strings.Join(names[:most], ", "), n-most)
	}
	if len(names) == 1 {
		return names[0] + " was"
	}
	return strings.Join(names, " and ") + " were"
}

// copyFolder copies the files of a log but its locks, each synced, and its folders.
func copyFolder(ctx context.Context, from, to string) error {
	return filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return err
		}
		inside, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		target := filepath.Join(to, inside)
		switch {
		case d.IsDir():
			return errors.Join(os.Mkdir(target, 0o700), syncFolder(filepath.Dir(target)))
		case d.Name() == "LOCK", inside == embedded.Unfinished:
			return nil
		}
		return errors.Join(copyFile(path, target), syncFolder(filepath.Dir(target)))
	})
}

func copyFile(from, to string) (err error) {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	if err == nil {
		err = out.Sync()
	}
	return errors.Join(err, out.Close())
}

// syncFolder makes the names in a folder durable.
func syncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
