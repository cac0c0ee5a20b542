package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"parley/domain"
	"parley/eventstore"
	"parley/eventstore/embedded"
	"parley/projections"
)

func TestOnlyDamageIsCalledDamage(t *testing.T) {
	t.Parallel()
	for code, err := range map[string]error{
		"damaged":     fmt.Errorf("reading: %w", &eventstore.DamageError{Where: "record 7", What: "its checksum is wrong"}),
		"unavailable": fmt.Errorf("reading: %w", context.Canceled),
		"internal":    errors.New("no space is left"),
	} {
		w := httptest.NewRecorder()
		if err := newLines(w, httptest.NewRequest("POST", "/v1/check", nil)).fail(err); err != nil {
			t.Fatal(err)
		}
		if said := w.Body.String(); !strings.Contains(said, `"code":"`+code+`"`) || !strings.Contains(said, err.Error()) {
			t.Errorf("%v is told as %s", err, said)
		}
	}
}

func TestACheckThatIsBrokenOffFindsNoDamage(t *testing.T) {
	t.Parallel()
	kinds, err := projections.Kinds()
	if err != nil {
		t.Fatal(err)
	}
	l := openLog(t)
	h := &house{cfg: &config{location: time.UTC}, log: l, engine: eventstore.NewEngine(l, &eventstore.Codec{Kinds: kinds}, nil, time.Now), logger: slog.New(slog.DiscardHandler)}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	told := func(when string, ctx context.Context) {
		t.Helper()
		w := httptest.NewRecorder()
		if err := h.answerCheck(w, httptest.NewRequestWithContext(ctx, "POST", "/v1/check", nil)); err != nil {
			t.Fatal(err)
		}
		if said := w.Body.String(); !strings.Contains(said, `"code":"unavailable"`) {
			t.Errorf("%s: %s", when, said)
		}
	}
	told("nobody listens any more", gone)
	if err := h.log.Close(); err != nil {
		t.Fatal(err)
	}
	told("the log is closed", t.Context())
}

func TestABackupNamesItsFolderOnlyWhenThatIsWrong(t *testing.T) {
	t.Parallel()
	l := openLog(t)
	about := func(folder string) bool {
		t.Helper()
		err := l.Backup(t.Context(), folder)
		if err == nil {
			t.Fatalf("a backup into %s", folder)
		}
		refused, ok := errors.AsType[*domain.Error](err)
		return ok && refused.Field == "folder"
	}
	there := t.TempDir()
	if !about(there) {
		t.Error("a folder that is there is not named")
	}
	if !about(filepath.Join(there, "file\x00", "b")) {
		t.Error("a folder that cannot be made is not named")
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if about(filepath.Join(there, "new")) {
		t.Error("a closed log is told as a wrong folder")
	}
}

// openLog opens an empty log; closing it is the test's.
func openLog(t *testing.T) *embedded.Log {
	t.Helper()
	l, err := embedded.Open(embedded.Options{Dir: filepath.Join(t.TempDir(), "log"), Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// TestWhatIsNotToldCanBeFound: an answer that hides what went wrong says where
// the server wrote it down, and so does the program.
func TestWhatIsNotToldCanBeFound(t *testing.T) {
	t.Parallel()
	hidden := &problem{Title: "Something went wrong inside", Code: "internal", Reference: "0198-7c"}
	if text := hidden.Error(); !strings.Contains(text, "reference 0198-7c") {
		t.Errorf("it says %q", text)
	}
}
