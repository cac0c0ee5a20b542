package embedded

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/cockroachdb/errors/oserror"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// The seal file lists the files of a log that lies still, as they were when it
// was closed or backed up: their sizes and their hashes. The tables of a log that
// was merely closed, and its files of records, are not hashed, since their blocks have checksums. Pebble takes the damaged end of some of its
// files for what a crash leaves, and opens what is before it; under a seal
// nothing of that passes. Opening a log breaks its seal; what a crash leaves has
// none, and is looked at by torn.
const (
	sealFile = "SEAL"
	sealLine = "parley seal, format 1"
)

// sealed is one file under the seal.
type sealed struct {
	size int64
	hash string // "-": not taken
}

// stillFiles names the files of a log that must not change while it lies still.
func stillFiles(f vfs.FS, dir string) ([]string, error) {
	names, err := f.List(f.PathJoin(dir, pebbleFolder))
	if err != nil {
		return nil, err
	}
	names = slices.DeleteFunc(names, func(name string) bool { return name == "LOCK" })
	slices.Sort(names)
	return names, nil
}

// writeSeal seals a log that lies still.
func writeSeal(ctx context.Context, f vfs.FS, dir, store string, all bool) error {
	// What Pebble has just deleted must not be there again after a power cut.
	if err := syncFolder(f, f.PathJoin(dir, pebbleFolder)); err != nil {
		return err
	}
	names, err := stillFiles(f, dir)
	if err != nil {
		return err
	}
	var text strings.Builder
	fmt.Fprintf(&text, "%s\nstore %s\n", sealLine, store)
	for _, name := range names {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		path := f.PathJoin(dir, pebbleFolder, name)
		info, err := f.Stat(path)
		if err != nil {
			return err
		}
		hash := "-"
		if all || !strings.HasSuffix(name, tableSuffix) && !strings.HasSuffix(name, apartSuffix) {
			if hash, err = hashOf(f, path); err != nil {
				return err
			}
		}
		fmt.Fprintf(&text, "%d %s %s\n", info.Size(), hash, name)
	}
	sum := sha256.Sum256([]byte(text.String()))
	return writeWhole(f, dir, sealFile, text.String()+"sum "+hex.EncodeToString(sum[:])+"\n")
}

// underSeal holds a log against its seal; without one there is nothing to say.
func underSeal(f vfs.FS, dir, store string) (found bool, err error) {
	path := f.PathJoin(dir, sealFile)
	text, err := readWhole(f, path)
	if oserror.IsNotExist(err) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	files, of, what := readSeal(string(text))
	if what != "" {
		return true, damaged(what, "the file %s", path)
	}
	if of != store {
		return true, damaged(fmt.Sprintf("it names the store %q, the seal beside it %q", store, of), "the file %s", f.PathJoin(dir, formatFile))
	}
	names, err := stillFiles(f, dir)
	if err != nil {
		return true, err
	}
	for _, name := range names {
		want, known := files[name]
		if !known {
			return true, damaged("it was not there when the log was closed", "the file %s", f.PathJoin(dir, pebbleFolder, name))
		}
		delete(files, name)
		if err := want.holds(f, f.PathJoin(dir, pebbleFolder, name)); err != nil {
			return true, err
		}
	}
	for name := range files {
		return true, damaged("it is missing", "the file %s", f.PathJoin(dir, pebbleFolder, name))
	}
	return true, nil
}

func (s sealed) holds(f vfs.FS, path string) error {
	info, err := f.Stat(path)
	if err != nil {
		return err
	}
	if info.Size() != s.size {
		return damaged(fmt.Sprintf("it has %d bytes and had %d when the log was closed", info.Size(), s.size), "the file %s", path)
	}
	if s.hash == "-" {
		return nil // its blocks have checksums of their own
	}
	hash, err := hashOf(f, path)
	if err == nil && hash != s.hash {
		err = damaged("it is not what it was when the log was closed", "the file %s", path)
	}
	return err
}

// readSeal reads a seal; what tells what is wrong with it.
func readSeal(text string) (files map[string]sealed, store, what string) {
	body, last, ok := strings.Cut(text, "sum ")
	sum := sha256.Sum256([]byte(body))
	if !ok || last != hex.EncodeToString(sum[:])+"\n" {
		return nil, "", "its checksum does not match"
	}
	lines := strings.Split(strings.TrimSuffix(body, "\n"), "\n")
	if len(lines) >= 2 {
		store, ok = strings.CutPrefix(lines[1], "store ")
	}
	if lines[0] != sealLine || !ok || store == "" {
		return nil, "", "it does not say what a parley seal says"
	}
	files = map[string]sealed{}
	for _, line := range lines[2:] {
		parts := strings.SplitN(line, " ", 3)
		size, err := strconv.ParseInt(parts[0], 10, 64)
		if err != nil || len(parts) != 3 {
			return nil, "", "it does not list files"
		}
		files[parts[2]] = sealed{size, parts[1]}
	}
	return files, store, ""
}

// breakSeal takes the seal away, before anything is changed.
func breakSeal(f vfs.FS, dir string) error {
	if err := f.Remove(f.PathJoin(dir, sealFile)); err != nil {
		return err
	}
	return syncFolder(f, dir)
}

func hashOf(f vfs.FS, path string) (string, error) {
	file, err := f.Open(path, vfs.SequentialReadsOption)
	if err != nil {
		return "", err
	}
	h := sha256.New()
	_, err = io.Copy(h, file)
	return hex.EncodeToString(h.Sum(nil)), errors.Join(err, file.Close())
}

func readWhole(f vfs.FS, path string) ([]byte, error) {
	file, err := f.Open(path)
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(file)
	return text, errors.Join(err, file.Close())
}

// writeWhole makes a small file, whole or not at all.
func writeWhole(f vfs.FS, dir, name, text string) error {
	path := f.PathJoin(dir, name)
	file, err := f.Create(path+".new", vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	_, err = file.Write([]byte(text))
	if err == nil {
		err = file.Sync()
	}
	if err := errors.Join(err, file.Close()); err != nil {
		return err
	}
	if err := f.Rename(path+".new", path); err != nil {
		return err
	}
	return syncFolder(f, dir)
}
