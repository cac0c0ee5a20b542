package main

import (
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// TestDamageBesideTheLogIsNamed plants damage in keys and views, in each file at
// several places: opening or checking names it, or all that is told is what was
// told before. The log's own files have their test where they are written
// (eventstore/embedded, TestDamageToAnyFileIsNamed). PARLEY_DAMAGE says how many
// bytes of each file.
func TestDamageBesideTheLogIsNamed(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped: it damages file after file; leave out -short to run it")
	}
	t.Parallel()
	seed, most := uint64(1795622761171359756), 3 // it once found keys lost in silence; the long tests choose another each time
	if text := os.Getenv("PARLEY_DAMAGE_SEED"); text != "" {
		seed, _ = strconv.ParseUint(text, 10, 64)
	}
	if text := os.Getenv("PARLEY_DAMAGE"); text != "" {
		most, _ = strconv.Atoi(text)
	}
	t.Logf("PARLEY_DAMAGE_SEED=%d", seed)
	random := rand.New(rand.NewPCG(seed, 9))
	data, _ := written(t)
	parley(t, "check", "--data", data).ok(t)
	whole := exported(t, data, "--clear")
	var files []string
	for _, part := range []string{"keys", "views"} {
		err := filepath.WalkDir(filepath.Join(data, part), func(path string, d fs.DirEntry, err error) error {
			if err == nil && d.Type().IsRegular() && d.Name() != "LOCK" {
				files = append(files, path[len(data):])
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	named, harmless := 0, 0
	try := func(name, what string, bad []byte) {
		t.Helper()
		to := filepath.Join(folder(t), "data")
		folderCopy(t, data, to)
		if err := os.WriteFile(to+name, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		if bad == nil {
			if err := os.Remove(to + name); err != nil {
				t.Fatal(err)
			}
		}
		if r := parley(t, "check", "--data", to); r.code != exitOK {
			if len(r.errs) < 20 || strings.Contains(r.errs, "panic") {
				t.Errorf("%s: %s: it says only %s", name, what, r.errs)
			}
			named++
			return
		}
		harmless++
		if exported(t, to, "--clear") != whole {
			t.Errorf("%s: %s: the log tells something else, in silence", name, what)
		}
		if r := parley(t, "projections", "verify", "--all", "--data", to); r.code != exitOK {
			t.Errorf("%s: %s: a view tells something else, and check says nothing: %s", name, what, r.errs)
		}
	}
	for _, name := range files {
		good, err := os.ReadFile(data + name)
		if err != nil {
			t.Fatal(err)
		}
		try(name, "gone", nil)
		if len(good) == 0 {
			continue
		}
		for range min(most, len(good)) {
			at := random.IntN(len(good))
			try(name, fmt.Sprintf("a bit of byte %d flipped", at), flipped(good, at))
		}
		at := random.IntN(len(good))
		try(name, fmt.Sprintf("cut off at byte %d", at), good[:at])
	}
	t.Logf("%d files: %d damages were named, %d changed nothing", len(files), named, harmless)
}
