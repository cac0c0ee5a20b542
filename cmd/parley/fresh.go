package main

import (
	"errors"
	"os"
	"path/filepath"
	"slices"

	"parley/eventstore/embedded"
)

// fresh is what a data folder lacked before a command that may make one: when
// the command fails before anything is recorded, it is taken away again.
type fresh struct {
	cfg    *config
	absent []string // folders that were not there
	empty  []string // folders in which nothing was
}

// fresh looks at the folder before anything is made in it.
func (c *config) fresh() (fresh, error) {
	f := fresh{cfg: c}
	for _, path := range []string{c.views(), c.keys(), c.log(), c.data} {
		names, err := os.ReadDir(path)
		switch {
		case errors.Is(err, os.ErrNotExist):
			f.absent = append(f.absent, path)
		case err != nil:
			return f, err
		case len(names) == 0:
			f.empty = append(f.empty, path)
		}
	}
	return f, nil
}

// remove takes away what was made, unless there was a log before, or something
// was recorded in it, or somebody else has it open by now.
func (f *fresh) remove() error {
	log := f.cfg.log()
	if _, err := os.Stat(log); err != nil || f.cfg.store != "" || !f.made(log) {
		return nil
	}
	err := embedded.Discard(embedded.Options{Dir: log}, func() error {
		var errs []error
		for _, path := range []string{f.cfg.views(), f.cfg.keys()} {
			if f.made(path) {
				errs = append(errs, emptied(path))
			}
		}
		return errors.Join(errs...)
	})
	if errors.Is(err, embedded.ErrRecorded) || errors.Is(err, embedded.ErrLocked) {
		return nil
	}
	for _, path := range f.absent {
		_ = os.Remove(path) // one in which something lies by now stays
	}
	return err
}

// made tells that all in a folder is new.
func (f *fresh) made(path string) bool {
	return slices.Contains(f.absent, path) || slices.Contains(f.empty, path)
}

// emptied removes what lies in a folder.
func emptied(path string) error {
	names, err := os.ReadDir(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	errs := []error{err}
	for _, name := range names {
		errs = append(errs, os.RemoveAll(filepath.Join(path, name.Name())))
	}
	return errors.Join(errs...)
}
