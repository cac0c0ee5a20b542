package main

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"parley/domain"
	"parley/eventstore"
	"parley/eventstore/embedded"
)

// written is a folder whose log holds all sorts of things: conversations,
// somebody who was erased, an import, and what other programs wrote beside
// Parley. Nobody has it open.
func written(t *testing.T) (data, conversation string) {
	t.Helper()
	s := serveHere(t, folder(t))
	h, conversation := secrets(t, s)
	h.admin.must(http.StatusOK, "PUT", "/v1/contacts/ada", fields{"name": "Ada \u2028 <b>&amp;</b> \"q\" \\ 🦓"})
	h.admin.must(http.StatusOK, "POST", "/v1/contacts/ada/erase", nil)
	h.arrive(t)
	h.offered(t, h.ask("One more?")) // so that the next server has nothing to do
	star(t, sample, "--data", s.data)
	s.stop()
	l, err := embedded.Open(embedded.Options{Dir: filepath.Join(s.data, "log")})
	if err != nil {
		t.Fatal(err)
	}
	rev := eventstore.None
	for _, data := range []string{`{"a":1}`, "\x00\x01 no JSON\n", "", "{\n}", ` {"b":"p1:none"} `, `{"c":"p1:bm9uZQ=="}`, `"` + strings.Repeat("x", 100_000) + `"`} {
		_, err := l.Append(t.Context(), "foreign-1", rev, eventstore.Record{ID: uuid.New(), Name: "SomethingElse", HappenedAt: time.Now(), Data: []byte(data), Subject: "visitor-x"})
		if err != nil {
			t.Fatal(err)
		}
		rev++
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	return s.data, conversation
}

func exported(t *testing.T, data string, args ...string) string {
	t.Helper()
	return parley(t, append([]string{"export", "--data", data}, args...)...).ok(t)
}

func saved(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "events.jsonl")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func sameText(t *testing.T, what, want, got string) {
	t.Helper()
	if want == got {
		return
	}
	a, b := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			t.Fatalf("%s: line %d was\n%s\nand is\n%s", what, i+1, a[i], b[i])
		}
	}
	t.Fatalf("%s: %d lines were %d", what, len(b), len(a))
}

func TestExportedAndImportedItIsTheSameByteForByte(t *testing.T) {
	long(t)
	t.Parallel()
	data, conversation := written(t)
	text := exported(t, data)
	if !strings.HasPrefix(text, `{"parley":"events","format":1,"sum":"`) || !strings.HasSuffix(text, "\"}\n") {
		t.Fatalf("it begins with %.200s", text)
	}
	for name, secret := range texts {
		if strings.Contains(text, secret) {
			t.Errorf("the %s is in the clear", name)
		}
	}
	file := saved(t, text)
	to := filepath.Join(folder(t), "data")
	folderCopy(t, filepath.Join(data, "keys"), filepath.Join(to, "keys"))
	records := strings.Count(text, "\n") - 2
	said := parley(t, "import", "jsonl", file, "--data", to).ok(t)
	if want := fmt.Sprintf("%d records, of which %d are new.\n", records, records); said != want {
		t.Errorf("it says %q, want %q", said, want)
	}
	sameText(t, "exported again", text, exported(t, to))
	if said := parley(t, "import", "jsonl", file, "--data", to).ok(t); !strings.Contains(said, "of which 0 are new") {
		t.Errorf("imported twice: %s", said)
	}
	sameText(t, "imported twice", text, exported(t, to))
	sameText(t, "the history", parley(t, "history", "conversation", conversation, "--data", data).ok(t), parley(t, "history", "conversation", conversation, "--data", to).ok(t))
	parley(t, "projections", "verify", "--all", "--data", to).ok(t)
	for _, args := range [][]string{{"--kinds", "conversation"}, {"--names", "agent.reserved"}, {"--as-of", "2999-01-01T00:00:00Z"}, {"--as-of", "1999-01-01T00:00:00Z"}} {
		sameText(t, strings.Join(args, " "), exported(t, data, args...), exported(t, to, args...))
	}

	// Beside a server it is the same, and while it serves it goes on there.
	alone := exported(t, to, "--clear", "--kinds", "conversation,contact")
	s := serveHere(t, to)
	sameText(t, "beside a server", alone, exported(t, to, "--clear", "--kinds", "conversation,contact"))
	sameText(t, "beside a server", text, exported(t, to))
	if said := parley(t, "import", "jsonl", file, "--data", to).ok(t); !strings.Contains(said, "of which 0 are new") {
		t.Errorf("imported beside a server: %s", said)
	}
	s.stop()
}

func TestAnExportInTheClearIsSealedAnewWhenItIsImported(t *testing.T) {
	long(t)
	t.Parallel()
	data, conversation := written(t)
	text := exported(t, data, "--clear")
	for name, secret := range texts {
		if !strings.Contains(text, secret) {
			t.Errorf("the %s is not in the clear", name)
		}
	}
	if strings.Contains(text, "Ada ") || !strings.Contains(text, string(domain.Erased)) {
		t.Error("who was erased is not told as erased")
	}
	file, to := saved(t, text), filepath.Join(folder(t), "data")
	parley(t, "import", "jsonl", file, "--data", to).ok(t)
	for _, found := range inTheClear(t, to) {
		t.Error("after the import:", found)
	}
	sameText(t, "exported again", text, exported(t, to, "--clear"))
	if said := parley(t, "import", "jsonl", file, "--data", to).ok(t); !strings.Contains(said, "of which 0 are new") {
		t.Errorf("imported twice: %s", said)
	}
	sameText(t, "the history", parley(t, "history", "conversation", conversation, "--data", data).ok(t), parley(t, "history", "conversation", conversation, "--data", to).ok(t))
	parley(t, "projections", "verify", "--all", "--data", to).ok(t)
	astray := strings.ReplaceAll(text, `"opened":["/text"]`, `"opened":["/no"]`)
	parley(t, "import", "jsonl", saved(t, relined(strings.Split(strings.TrimSuffix(astray, "\n"), "\n"))), "--data", filepath.Join(folder(t), "data")).fails(t, exitFail, "opened: it points to what is no text", "nothing was written")
}

func TestAnExportThatWasBrokenOffGoesOn(t *testing.T) {
	long(t)
	t.Parallel()
	data, _ := written(t)
	text := exported(t, data, "--clear")
	file := filepath.Join(t.TempDir(), "events.jsonl")
	at := func(args ...string) result {
		return parley(t, append([]string{"export", "--clear", "--data", data, "-o", file}, args...)...)
	}
	at().ok(t)
	at().fails(t, exitFail, "is there already")
	if info, err := os.Stat(file); err != nil || info.Mode() != 0o600 {
		t.Errorf("its mode is %v (%v)", info.Mode(), err)
	}
	first := strings.IndexByte(text, '\n') + 1
	for _, cut := range []int{0, 1, first - 1, first, first + 1, len(text) / 3, len(text) / 2, len(text) - 60, len(text) - 1, len(text)} {
		if err := os.WriteFile(file, []byte(text[:cut]), 0o600); err != nil {
			t.Fatal(err)
		}
		at("--continue").ok(t)
		got, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		sameText(t, fmt.Sprintf("cut at byte %d of %d", cut, len(text)), text, string(got))
	}
	for name, behind := range map[string]string{"another export": text, "half a line": "behi", "a letter": "x", "an empty line": "\n"} {
		if err := os.WriteFile(file, []byte(text+behind), 0o600); err != nil {
			t.Fatal(err)
		}
		at("--continue").fails(t, exitFail, file, fmt.Sprintf("line %d: ", strings.Count(text, "\n")+1), "behind the end")
		got, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		sameText(t, name+" behind the end", text+behind, string(got))
	}
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	parley(t, "export", "--data", data, "-o", file, "--continue").fails(t, exitFail, "other kinds, names or --clear")
	parley(t, "export", "--data", data, "--continue").fails(t, exitUsage, "--output")

	// What happened since is added, and what is not of this log is refused.
	s := serveHere(t, data)
	s.admin.must(http.StatusOK, "PUT", "/v1/contacts/eve", fields{"name": "Eve"})
	at("--continue").ok(t)
	s.stop()
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	sameText(t, "gone on later", exported(t, data, "--clear"), string(got))
	other := filepath.Join(folder(t), "data")
	star(t, sample, "--data", other)
	parley(t, "export", "--clear", "--data", other, "-o", file, "--continue").fails(t, exitFail, "is not in this log")
}

// relined gives a changed line the sum it should have, and those behind it.
func relined(lines []string) string {
	var sum chain
	var out bytes.Buffer
	for i, line := range lines {
		object, _, ok := splitSum([]byte(line))
		if i == 0 {
			sum = chain{}
		}
		if !ok {
			object = []byte(line)
		}
		out.Write(sum.close(object))
		out.WriteByte('\n')
	}
	return out.String()
}

func TestALineThatNoExportWroteIsRefusedWhereItLies(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped: it tries hundreds of lines; leave out -short to run it")
	}
	t.Parallel()
	data, _ := written(t)
	text := strings.TrimSuffix(exported(t, data), "\n")
	lines := strings.Split(text, "\n")
	n := len(lines)
	with := func(i int, line string) []string {
		all := append([]string(nil), lines...)
		all[i] = line
		return all
	}
	before := func(i int, line string) []string { return slices.Insert(slices.Clone(lines), i, line) }
	without := func(i int) []string { return append(append([]string(nil), lines[:i]...), lines[i+1:]...) }
	swapped := append([]string(nil), lines...)
	swapped[10], swapped[11] = swapped[11], swapped[10]
	plain := func(all []string) string { return strings.Join(all, "\n") + "\n" }
	replaced := func(i int, old, new string) string {
		if !strings.Contains(lines[i], old) {
			t.Fatalf("line %d has no %s: %s", i+1, old, lines[i])
		}
		return relined(with(i, strings.Replace(lines[i], old, new, 1)))
	}
	second := -1 // of a stream's lines, with something before it
	for i, line := range lines {
		if strings.Contains(line, `"revision":1,`) {
			second = i
			break
		}
	}
	foreign := slices.IndexFunc(lines, func(line string) bool { return strings.Contains(line, `"data":{"a":1}`) })
	_, happened, _ := strings.Cut(lines[foreign], `"happenedAt"`)
	happened, _, _ = strings.Cut(`"happenedAt"`+happened, ",")
	other := func(digit byte) byte { // a hexadecimal digit that is not this one
		if digit == '0' {
			return '1'
		}
		return '0'
	}
	recorded := lines[20][strings.Index(lines[20], `"recordedAt":"`):][:40]
	for _, c := range []struct {
		name, text string
		says       []string
	}{
		{"nothing", "", []string{"line 1", "parley"}},
		{"something else", "hello\n", []string{"line 1", "sum"}},
		{"a line of something else", plain(with(7, `{"id":"x"}`)), []string{"line 8", "sum"}},
		{"a changed letter", plain(with(7, strings.Replace(lines[7], `"stream":"`, `"stream":"x`, 1))), []string{"line 8", "sum"}},
		{"a changed sum", plain(with(7, lines[7][:len(lines[7])-3]+string(other(lines[7][len(lines[7])-3]))+`"}`)), []string{"line 8", "sum"}},
		{"a line missing", plain(without(7)), []string{"line 8", "sum"}},
		{"two lines in each other's place", plain(swapped), []string{"line 11", "sum"}},
		{"a line twice", plain(append(append(append([]string(nil), lines[:9]...), lines[8]), lines[9:]...)), []string{"line 10", "sum"}},
		{"no first line", plain(without(0)), []string{"line 1", "parley"}},
		{"no end", plain(without(n - 1)), []string{fmt.Sprintf("line %d", n-1), "end"}},
		{"half a line at the end", text[:len(text)-30], []string{fmt.Sprintf("line %d", n), "sum"}},
		{"something behind the end", text + "\n" + lines[5] + "\n", []string{fmt.Sprintf("line %d", n+1), "parley"}},
		{"what looks like a file's name", plain(before(10, `{"file":"what nobody exported"}`)), []string{"line 11", "sum"}},
		{"what begins like a file's name", plain(before(10, `{"file": 1 garbage`)), []string{"line 11", "sum"}},
		{"a long line that begins like a file's name", plain(before(10, `{"file":"`+strings.Repeat("x", 17<<20)+`"}`)), []string{"line 11", "longer than any line"}},
		{"an empty line", strings.Replace(text, "\n", "\n\n", 1), []string{"line 2", "sum"}},
		{"a later format", relined(with(0, `{"parley":"events","format":2,"sum":"00000000000000000000000000000000"}`)), []string{"line 1", "format"}},
		{"an unknown field", replaced(9, `"stream":`, `"what":1,"stream":`), []string{"line 10", "what"}},
		{"no UUID", replaced(9, `"id":"`, `"id":"x`), []string{"line 10", "id", "UUID"}},
		{"another order of fields", replaced(9, `"revision":`, `"imported":false,"revision":`), []string{"line 10", "line", "another way"}},
		{"a revision missing", replaced(second, `"revision":1,`, `"revision":2,`), []string{fmt.Sprintf("line %d", second+1), "revision"}},
		{"an unknown event", replaced(9, `"name":"`, `"name":"never.`), []string{"line 10", "data"}},
		{"a time that runs back", replaced(20, recorded, `"recordedAt":"2001-01-01T00:00:00.000001Z`[:len(`"recordedAt":"2001-01-01T00:00:00.000001`)]), []string{"line 21"}},
		{"a time to come", replaced(20, recorded[:len(`"recordedAt":"2`)], `"recordedAt":"9`), []string{"line 21", "recordedAt", "in the future"}},
		{"an actor too long", replaced(foreign, `"actor":{"id":"`, `"actor":{"id":"`+strings.Repeat("x", 1025)), []string{fmt.Sprintf("line %d: actor", foreign+1), "1024"}},
		{"a record too large", replaced(foreign, `"data":{"a":1}`, `"data":"`+strings.Repeat("x", 1<<20)+`"`), []string{fmt.Sprintf("line %d: ", foreign+1), "1 MiB"}},
		{"a zero in a stream's name", replaced(foreign, `"stream":"foreign-1"`, `"stream":"foreign-\u0000"`), []string{fmt.Sprintf("line %d: stream", foreign+1), "none of them zero"}},
		{"a time too fine", replaced(foreign, happened, `"happenedAt":"2026-11-20T09:30:00.0000001Z"`), []string{fmt.Sprintf("line %d: happenedAt", foreign+1), "microsecond"}},
		{"a wrong count", replaced(n-1, `"records":`, `"records":1`), []string{fmt.Sprintf("line %d", n), "end"}},
		{"some events only", exported(t, data, "--names", "agent.reserved"), []string{"line 2", "names"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			to := filepath.Join(folder(t), "data")
			folderCopy(t, filepath.Join(data, "keys"), filepath.Join(to, "keys"))
			file := saved(t, c.text)
			parley(t, "import", "jsonl", file, "--data", to).fails(t, exitFail, append(c.says, file, "nothing was written")...)
			if left, err := os.ReadDir(to); err != nil || len(left) != 1 || left[0].Name() != "keys" {
				t.Errorf("the folder holds %v (%v)", left, err)
			}
		})
	}

	t.Run("in the second of two files", func(t *testing.T) {
		to, second := filepath.Join(folder(t), "data"), filepath.Join(t.TempDir(), "a \"second\" \\ file, zwölf.jsonl")
		folderCopy(t, filepath.Join(data, "keys"), filepath.Join(to, "keys"))
		first := saved(t, strings.Join(lines[:9], "\n")) // ends without a newline
		for _, c := range []struct {
			text string
			says []string
		}{
			{"{\"file\":\"third\"}\n" + plain(lines[9:]), []string{second + ": line 1: ", "sum", "nothing was written"}},
			{"", []string{second + ": line 1: ", "end", "nothing was written"}},
			{plain(lines[9:]), nil},
		} {
			if err := os.WriteFile(second, []byte(c.text), 0o600); err != nil {
				t.Fatal(err)
			}
			if r := parley(t, "import", "jsonl", first, second, "--data", to); c.says == nil {
				r.ok(t)
			} else {
				r.fails(t, exitFail, c.says...)
			}
		}
		sameText(t, "exported again", text+"\n", exported(t, to))
	})
	t.Run("sealed under other keys", func(t *testing.T) {
		to := filepath.Join(folder(t), "data")
		parley(t, "import", "jsonl", saved(t, text+"\n"), "--data", to).fails(t, exitFail, "data: it is sealed with the key of", "nothing was written")
		if _, err := os.Stat(to); !os.IsNotExist(err) {
			t.Errorf("the folder stays: %v", err)
		}
		folderCopy(t, filepath.Join(data, "keys"), filepath.Join(to, "keys")) // as the message says
		parley(t, "import", "jsonl", saved(t, text+"\n"), "--data", to).ok(t)
	})
	t.Run("another log", func(t *testing.T) {
		other, _ := written(t)
		r := parley(t, "import", "jsonl", saved(t, text+"\n"), "--data", other)
		r.fails(t, exitFail, "line 2", "revision: another record", "nothing was written")
	})
	t.Run("a log that went on", func(t *testing.T) {
		to := filepath.Join(folder(t), "data")
		folderCopy(t, filepath.Join(data, "keys"), filepath.Join(to, "keys"))
		first := exported(t, data, "--kinds", "queue")
		parley(t, "import", "jsonl", saved(t, first), "--data", to).ok(t)
		s := serveHere(t, to)
		s.admin.must(http.StatusOK, "PUT", "/v1/queues/other", fields{"name": "Other"})
		s.stop()
		parley(t, "import", "jsonl", saved(t, text+"\n"), "--data", to).fails(t, exitFail, "recordedAt: it was recorded before", "nothing was written")
	})
}

// TestAPI1_AnExportThatCannotBeReadIsRefusedByItsField: as by every operation, in
// words of the contract.
func TestAPI1_AnExportThatCannotBeReadIsRefusedByItsField(t *testing.T) {
	t.Parallel()
	admin := serveHere(t, folder(t)).as("admin", "root")
	for _, c := range []struct {
		body  any
		field string
	}{
		{map[string]any{"names": 1}, "names"},
		{map[string]any{"queues": []string{}}, "queues"},
		{map[string]any{"continue": map[string]any{"records": "..", "sum": "x"}}, "continue.records"},
		{map[string]any{"continue": map[string]any{"records": 1}}, "continue.sum"},
	} {
		a := admin.send("POST", "/v1/export", c.body)
		if field, detail := a.text("field"), a.text("detail"); a.status != 400 || field != c.field || strings.Contains(detail, "json:") {
			t.Errorf("%v: %d at %s: %s", c.body, a.status, field, detail)
		}
	}
}

// TestAnImportTakesFilesOnly: what can be read once only would be empty when it is
// imported, after it was looked at.
func TestAnImportTakesFilesOnly(t *testing.T) {
	t.Parallel()
	to := filepath.Join(folder(t), "data")
	parley(t, "import", "jsonl", os.DevNull, "--data", to).fails(t, exitFail, os.DevNull+" is no file", "nothing was written")
	if _, err := os.Stat(to); !os.IsNotExist(err) {
		t.Errorf("the folder stays: %v", err)
	}
}

// TestAnImportThatIsKilledIsFinishedByImportingAgain kills the process at any
// moment: what it left is the beginning of the export, and importing again makes
// it whole.
func TestAnImportThatIsKilledIsFinishedByImportingAgain(t *testing.T) {
	long(t)
	t.Parallel()
	data, _ := written(t)
	text := exported(t, data)
	file, to := saved(t, text), filepath.Join(folder(t), "data")
	folderCopy(t, filepath.Join(data, "keys"), filepath.Join(to, "keys"))
	for _, wait := range []time.Duration{20, 60, 90, 120, 160} {
		cmd, _, _ := start(t, "import", "jsonl", file, "--data", to)
		<-time.After(wait * time.Millisecond)
		_ = cmd.Process.Kill() // it may have ended by itself
		_ = cmd.Wait()
		if _, err := os.Stat(filepath.Join(to, "log")); err != nil {
			continue
		}
		left := strings.Split(exported(t, to), "\n")
		for i, line := range left[:len(left)-2] {
			if !strings.HasPrefix(text, line+"\n") && !strings.Contains(text, "\n"+line+"\n") {
				t.Fatalf("killed after %d ms: line %d is none of the export: %s", wait, i+1, line)
			}
		}
		t.Logf("killed after %d ms: %d records are there", wait, len(left)-3)
	}
	parley(t, "import", "jsonl", file, "--data", to).ok(t)
	sameText(t, "imported again", text, exported(t, to))
	parley(t, "check", "--data", to).ok(t)
}
