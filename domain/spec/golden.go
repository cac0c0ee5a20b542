package spec

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"

	"parley/domain"
)

// Golden keeps the events of a kind as they were first written, one file for
// each name ever used, below dir. A file is written once, from the sample of
// its name and only with PARLEY_GOLDEN=write, and never edited: what is on
// disk somewhere looks so for ever. Each must still be read, and an event of
// today's names must be written again just as it was.
func Golden[S, E any](t *testing.T, kind *domain.Kind[S, E], dir string, samples map[string]E) {
	t.Helper()
	var names []string
	for name := range kind.Names {
		names = append(names, name)
		if _, ok := samples[name]; !ok {
			t.Errorf("there is no sample of %s", name)
		}
	}
	for name := range samples {
		if _, ok := kind.Names[name]; !ok {
			t.Errorf("%s has a sample, and is none of the names of %s", name, kind.Name)
		}
	}
	if t.Failed() {
		return
	}
	slices.Sort(names)
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			if err := golden(kind, filepath.Join(dir, name+".json"), name, samples[name], os.Getenv("PARLEY_GOLDEN") == "write"); err != nil {
				t.Error(err)
			}
		})
	}
	for name, old := range kind.Former {
		t.Run(name, func(t *testing.T) {
			if err := formerGolden(kind, filepath.Join(dir, name+".json"), old); err != nil {
				t.Error(err)
			}
		})
	}
}

func golden[S, E any](kind *domain.Kind[S, E], file, name string, sample E, write bool) error {
	zero := reflect.TypeOf(kind.Names[name])
	if reflect.TypeOf(sample) != zero {
		return fmt.Errorf("the sample is a %T, and the name is of %v", sample, zero)
	}
	if err := survives(kind, sample); err != nil {
		return err
	}
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		if !write {
			return fmt.Errorf("%s is missing: write it once with PARLEY_GOLDEN=write and keep it for ever", file)
		}
		return writeGolden(file, sample)
	}
	if err != nil {
		return err
	}
	p := reflect.New(zero)
	if err := json.Unmarshal(text, p.Interface()); err != nil {
		return fmt.Errorf("%s is not read any more: %w", file, err)
	}
	again, err := json.Marshal(p.Elem().Interface())
	if err != nil {
		return err
	}
	var first bytes.Buffer
	if err := json.Compact(&first, text); err != nil {
		return err
	}
	if !bytes.Equal(first.Bytes(), again) {
		return fmt.Errorf("%s is written otherwise today: give the new shape a new name and keep the old one in Former\nfirst %s\ntoday %s", file, first.Bytes(), again)
	}
	return nil
}

// formerGolden proves that an old shape is still read, and lifted to an event
// of today.
func formerGolden[S, E any](kind *domain.Kind[S, E], file string, old domain.Lifter[E]) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("a name once written keeps its file: %w", err)
	}
	p := reflect.New(reflect.TypeOf(old))
	if err := json.Unmarshal(text, p.Interface()); err != nil {
		return fmt.Errorf("%s is not read any more: %w", file, err)
	}
	lifter, ok := p.Elem().Interface().(domain.Lifter[E])
	if !ok {
		return fmt.Errorf("%s is read as nothing that lifts", file)
	}
	return survives(kind, lifter.Lift())
}

func writeGolden(file string, sample any) error {
	text, err := json.MarshalIndent(sample, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	return os.WriteFile(file, append(text, '\n'), 0o644)
}
