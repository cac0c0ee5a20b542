package main

import (
	"bytes"
	"compress/gzip"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"parley/domain"
)

// sample holds five dialogues: a whole one with a look-up and a survey; one
// without events; one whose customer was disconnected; one nobody answered;
// one that the agent began, with two queries of which one has a result.
const sample = "testdata/star.jsonl"

func star(t *testing.T, args ...string) (total starTotals) {
	t.Helper()
	decode(t, parley(t, append([]string{"import", "star", "--json"}, args...)...).ok(t), &total)
	return total
}

// imported is the id of an imported conversation.
func imported(number string) string { return domain.Derive("import", starPlace, number) }

func TestImportOfSTAR(t *testing.T) {
	long(t)
	t.Parallel()
	data := folder(t)
	first := star(t, sample, "--data", data)
	want := starTotals{Conversations: 5, CustomerMessages: 6, AgentMessages: 5, Customers: 3, Agents: 2, Events: first.Events}
	if first != want || first.Events == 0 {
		t.Errorf("the totals are %+v, want %+v", first, want)
	}
	before := parley(t, "events", "--limit", "0", "--data", data).ok(t)
	if n := int64(strings.Count(before, "\n")); n != first.Events {
		t.Errorf("%d events are there, %d were told", n, first.Events)
	}

	// The same again, also in two parts and gzipped, adds nothing.
	want.Events = 0
	if second := star(t, sample, "--data", data); second != want {
		t.Errorf("a second import: %+v, want %+v", second, want)
	}
	text, err := os.ReadFile(sample)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitAfter(string(text), "\n")
	var zipped bytes.Buffer
	w := gzip.NewWriter(&zipped)
	if _, err := w.Write([]byte(strings.TrimSpace(strings.Join(lines[2:], "")))); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	part := filepath.Join(folder(t), "part.jsonl.gz")
	if err := os.WriteFile(part, zipped.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	out := parleyWith(t, strings.TrimSpace(strings.Join(lines[:2], "")), "import", "star", part, "-", "--data", data).ok(t)
	if !strings.Contains(out, "5 conversations") || !strings.Contains(out, " 0 events are new") {
		t.Errorf("in two parts: %s", out)
	}
	if after := parley(t, "events", "--limit", "0", "--data", data).ok(t); after != before {
		t.Error("a second import changed the log")
	}
	parley(t, "projections", "verify", "--all", "--data", data).ok(t)
	parley(t, "check", "--data", data).ok(t)
}

func TestImportedDialoguesReadAsTheyWere(t *testing.T) {
	long(t)
	t.Parallel()
	data := folder(t)
	star(t, sample, "--data", data)
	for number, says := range map[string][]string{
		"1": {
			"Thursday, 14 May 2020", "9:53:40  Customer wrote: «Hi, I would like to know my zebra balance.»", "Topic: bank_balance",
			"Agent wizard-one had it (imported): engaged", "looked up bank_balance", "The customer answered the survey", "the customer ended it",
		},
		"2": {"Started on chat (live)", "Closed from open"},
		"3": {"«Where are you now?»", "the customer stayed disconnected", "Closed from wrap-up"},
		"4": {"Grüße «aus» 東京", "(abandoned)"},
		"5": {"Agent wizard-one wrote: «Hello, how can I help?»", "Customer wrote: «Yes.»"},
	} {
		told := parley(t, "history", "conversation", imported(number), "--data", data).ok(t)
		for _, text := range says {
			if !strings.Contains(strings.ToLower(told), strings.ToLower(text)) {
				t.Errorf("dialogue %s does not tell %q:\n%s", number, text, told)
			}
		}
		for _, never := range []string{"A draft nobody sent", "Be friendly."} {
			if strings.Contains(told, never) {
				t.Errorf("dialogue %s tells %q", number, never)
			}
		}
		if !strings.HasSuffix(told, "Then it was closed.\n") {
			t.Errorf("dialogue %s is not closed:\n%s", number, told)
		}
	}

	// Nothing that is history arms a timer, is offered, or keeps an agent busy.
	s := serveHere(t, data)
	s.look(s.admin, "/v1/conversations").want("conversations.0", nil)
	agents := s.look(s.admin, "/v1/agents")
	agents.want("agents.0.held", 0)
	agents.want("agents.1.sessions", 0)
	s.admin.must(http.StatusOK, "GET", "/v1/events?kinds=notification,session", nil).want("events.0", nil)
	s.look(s.admin, "/v1/contacts/customer-one/timeline").want("entries.1.conversation", imported("1"))
	closed := s.look(s.as("agent", "wizard-one"), "/v1/agents/wizard-one/work-items/closed?closedFrom=2020-01-01T00:00:00Z")
	closed.want("items.1.conversation", imported("1"))
	closed.want("items.2", nil)

	// Beside the server it is the same import.
	if total := star(t, sample, "--data", data); total.Conversations != 5 || total.Events != 0 {
		t.Errorf("beside a server: %+v", total)
	}
}

func TestAFileThatIsCutOffIsNamed(t *testing.T) {
	long(t)
	t.Parallel()
	data, file := folder(t), filepath.Join(folder(t), "cut.jsonl.gz")
	good, err := os.ReadFile(sample)
	if err != nil {
		t.Fatal(err)
	}
	var zipped bytes.Buffer
	w := gzip.NewWriter(&zipped)
	if _, err := w.Write(good); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, zipped.Bytes()[:zipped.Len()/2], 0o600); err != nil {
		t.Fatal(err)
	}
	parley(t, "import", "star", file, "--data", data).fails(t, exitFail, file, "is cut off")
	parley(t, "check", "--data", data).ok(t)
}

func TestALineThatIsNoDialogueIsNamed(t *testing.T) {
	long(t)
	t.Parallel()
	good, err := os.ReadFile(sample)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitAfter(string(good), "\n")
	clean, whole := folder(t), map[string]string{}
	star(t, sample, "--data", clean)
	for _, number := range []string{"1", "2", "3", "4", "5"} {
		whole[number] = parley(t, "history", "conversation", imported(number), "--data", clean).ok(t)
	}
	for name, c := range map[string]struct{ bad, says string }{ // put in as line 3
		"no JSON":          {"{\"DialogueID\": \n", "is no STAR dialogue"},
		"no id":            {`{"BatchID":"woz_1"}` + "\n", "DialogueID"},
		"no people":        {`{"DialogueID":9,"BatchID":"woz_1"}` + "\n", "AnonymizedUserWorkerID"},
		"no time":          {`{"DialogueID":9,"AnonymizedUserWorkerID":"a","AnonymizedWizardWorkerID":"b"}` + "\n", "BatchID"},
		"refused half way": {`{"DialogueID":9,"BatchID":"woz_1","AnonymizedUserWorkerID":"a","AnonymizedWizardWorkerID":"b","CompletionLevel":"Complete","Events":[{"Agent":"User","Action":"utter","Text":"Hello","UnixTime":5},{"Agent":"Wizard","Action":"utter","Text":"","UnixTime":6}]}` + "\n", "event 1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			data := folder(t)
			broken := lines[0] + lines[1] + c.bad + strings.Join(lines[2:], "")
			parleyWith(t, broken, "import", "star", "-", "--data", data).fails(t, exitFail, "line 3", c.says)

			// What was recorded is whole: mended, the rest is added and nothing twice.
			parley(t, "check", "--data", data).ok(t)
			parley(t, "projections", "verify", "--all", "--data", data).ok(t)
			if name == "refused half way" {
				parley(t, "history", "conversation", imported("9"), "--data", data).fails(t, exitFail, "conversation_unknown")
			}
			for _, number := range []string{"1", "2"} {
				if told := parley(t, "history", "conversation", imported(number), "--data", data).ok(t); !strings.HasSuffix(told, "Then it was closed.\n") {
					t.Errorf("dialogue %s, before the bad line, is not whole:\n%s", number, told)
				}
			}
			star(t, sample, "--data", data)
			for number, once := range whole {
				if mended := parley(t, "history", "conversation", imported(number), "--data", data).ok(t); mended != once {
					t.Errorf("dialogue %s differs from one import:\n%s\n%s", number, mended, once)
				}
			}
		})
	}
}
