package embedded

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"

	"github.com/cockroachdb/errors/oserror"
	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/sstable"
	"github.com/cockroachdb/pebble/v2/sstable/blob"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// apartFS keeps from Pebble what it panics on, of files of records. One that is damaged at
// its end, or has gone since, is named as it is opened. One that cannot be written is
// written no further, and the table beside it, which Pebble writes behind it, fails in its
// place, as does every later one. Of a backup Pebble is told all: it may fail without
// stopping anything.
type apartFS struct {
	vfs.FS
	dir    string // Pebble's own
	failed *atomic.Pointer[error]
}

func newApartFS(f vfs.FS, dir string) apartFS {
	return apartFS{FS: f, dir: dir, failed: &atomic.Pointer[error]{}}
}

// Create is part of vfs.FS.
func (a apartFS) Create(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	f, err := a.FS.Create(name, category)
	switch {
	case err != nil:
		return nil, err
	case a.PathDir(name) != a.dir:
		return f, nil
	case strings.HasSuffix(name, apartSuffix):
		return &apartFile{f, a, name}, nil
	case strings.HasSuffix(name, tableSuffix):
		return &tableFile{f, a}, nil
	}
	return f, nil
}

// Open is part of vfs.FS.
func (a apartFS) Open(name string, options ...vfs.OpenOption) (vfs.File, error) {
	f, err := a.FS.Open(name, options...)
	if !strings.HasSuffix(name, apartSuffix) {
		return f, err
	}
	if oserror.IsNotExist(err) {
		return nil, damaged("it is missing", "the file %s", name)
	}
	if err != nil {
		return nil, err
	}
	if err := apartEnd(f, name); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// Unwrap is the file system below.
func (a apartFS) Unwrap() vfs.FS { return a.FS }

func apartEnd(f vfs.File, name string) error {
	r, err := sstable.NewSimpleReadable(f)
	if err != nil {
		return err
	}
	_, err = blob.NewFileReader(context.Background(), r, blob.FileReaderOptions{})
	if pebble.IsCorruptionError(err) {
		return damaged(err.Error(), "the file %s", name)
	}
	return err
}

func (a apartFS) why() error {
	if err := a.failed.Load(); err != nil {
		return *err
	}
	return nil
}

// apartFile is a file of records as it is written; it never fails.
type apartFile struct {
	vfs.File
	fs   apartFS
	name string
}

// try does something to the file, unless one has failed.
func (f *apartFile) try(do func() error) {
	if f.fs.why() != nil {
		return
	}
	if err := do(); err != nil {
		err = fmt.Errorf("the file %s: %w", f.name, err)
		f.fs.failed.CompareAndSwap(nil, &err)
	}
}

func (f *apartFile) Write(b []byte) (int, error) {
	f.try(func() error { _, err := f.File.Write(b); return err })
	return len(b), nil
}

func (f *apartFile) Preallocate(offset, length int64) error {
	f.try(func() error { return f.File.Preallocate(offset, length) })
	return nil
}

func (f *apartFile) Sync() error {
	f.try(f.File.Sync)
	return nil
}

func (f *apartFile) SyncData() error {
	f.try(f.File.SyncData)
	return nil
}

func (f *apartFile) SyncTo(length int64) (full bool, _ error) {
	f.try(func() (err error) { full, err = f.File.SyncTo(length); return err })
	return full, nil
}

// Close gives the file back in any case.
func (f *apartFile) Close() error {
	if err := f.File.Close(); err != nil {
		f.try(func() error { return err })
	}
	return nil
}

// tableFile is a table as it is written: it is not, once a file of records was not.
type tableFile struct {
	vfs.File
	fs apartFS
}

func (f *tableFile) Close() error { return errors.Join(f.fs.why(), f.File.Close()) }
