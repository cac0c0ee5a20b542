package main

import (
	"bytes"
	"errors"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"parley/domain"
)

// texts are what people said and what is known of them: none of it may lie in
// a file in the clear.
var texts = map[string]string{
	"question": "The zebra crossed my garden", "reply": "We shall fetch the zebra", "note": "Customer keeps okapis",
	"name": "Quetzalcoatl Featherstone", "mail": "quetzalcoatl@featherstone.example", "search": "zebra repellent",
	"page": "https://shop.example/zebra-fences", "variable": "three zebras and a half", "browser": "Mozebra 99", "agent": "Anastasia Zebrowska",
	"offered": "The zebra bit me", "chosen": "The zebra kissed me",
}

// secrets holds a conversation in which all texts are said.
func secrets(t *testing.T, s *server) (h *shop, conversation string) {
	t.Helper()
	h = furnish(t, s)
	h.admin.must(http.StatusOK, "PUT", "/v1/agents/ana", fields{"name": texts["agent"]})
	arrived := client{t, s.url, ""}.must(http.StatusCreated, "POST", "/v1/widgets/shop/visitors", fields{"device": fields{"browser": texts["browser"]}})
	h.visitor, h.id = client{t, s.url, arrived.text("token")}, arrived.text("visitor")
	h.visitor.must(http.StatusCreated, "POST", "/v1/visitors/"+h.id+"/actions", fields{"type": "phrase_searched", "phrase": texts["search"]})
	h.visitor.must(http.StatusCreated, "POST", "/v1/visitors/"+h.id+"/actions", fields{"type": "page_visited", "url": texts["page"]})
	started := h.visitor.must(http.StatusCreated, "POST", "/v1/conversations", fields{
		"widget": "shop", "text": texts["question"], "context": []fields{{"name": "Pets", "value": texts["variable"], "displayable": true}},
	})
	conversation = started.text("conversation")
	hold := h.engage(t, conversation)
	at := "/v1/conversations/" + conversation
	h.ana.must(http.StatusOK, "PUT", "/v1/contacts/quetz", fields{"name": texts["name"], "email": texts["mail"]})
	h.ana.must(http.StatusOK, "PUT", at+"/contact", fields{"contact": "quetz"})
	h.ana.must(http.StatusCreated, "POST", at+"/notes", fields{"text": texts["note"]})
	h.ana.must(http.StatusCreated, "POST", at+"/messages", fields{"text": texts["reply"], "choices": []string{texts["offered"], texts["chosen"]}})
	h.visitor.must(http.StatusCreated, "POST", at+"/messages", fields{"text": texts["chosen"], "choice": texts["chosen"]})
	h.ana.must(http.StatusOK, "PUT", "/v1/sessions/"+hold+"/drafts/reply", fields{"text": texts["question"] + "?"})
	return h, conversation
}

// inTheClear names the files of a folder that hold one of the texts. Beside a
// server some go away while they are looked for.
func inTheClear(t *testing.T, data string) (found []string) {
	t.Helper()
	files := 0
	err := filepath.WalkDir(data, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		content, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		files++
		for name, text := range texts {
			if bytes.Contains(content, []byte(text)) {
				found = append(found, name+" in "+path)
			}
		}
		return err
	})
	if err != nil || files < 5 {
		t.Fatalf("%d files looked at: %v", files, err)
	}
	return found
}

func TestNoTextLiesInTheClear(t *testing.T) {
	long(t)
	t.Parallel()
	s := serveProcess(t, folder(t))
	h, conversation := secrets(t, s)
	told := h.look(h.ana, "/v1/conversations/"+conversation+"/transcript").raw
	for _, name := range []string{"question", "reply", "offered", "chosen"} {
		if !strings.Contains(told, texts[name]) {
			t.Fatalf("the transcript is %s", told)
		}
	}
	for _, found := range inTheClear(t, s.data) {
		t.Error("while it runs:", found)
	}
	s.kill() // what a crash leaves: write-ahead logs as they were
	for _, found := range inTheClear(t, s.data) {
		t.Error("after a kill:", found)
	}
	parley(t, "projections", "rebuild", "--all", "--data", s.data).ok(t)
	for _, found := range inTheClear(t, s.data) {
		t.Error("after a rebuild:", found)
	}
}

func TestAUD4_WithoutTheKeyEverythingElseIsStillTold(t *testing.T) {
	long(t)
	t.Parallel()
	s := serveHere(t, folder(t))
	h, conversation := secrets(t, s)
	s.stop()
	behind(t, s.data, func(b *house) {
		for _, subject := range []string{"visitor-" + h.id, "contact-quetz"} {
			if err := b.keys.Destroy(subject); err != nil {
				t.Fatal(err)
			}
		}
	})

	gone := func(what, text string) {
		t.Helper()
		for _, name := range []string{"question", "reply", "note", "name", "mail", "search", "page", "variable", "browser", "offered", "chosen"} {
			if strings.Contains(text, texts[name]) {
				t.Errorf("%s still tells the %s: %s", what, name, text)
			}
		}
	}
	history := parley(t, "history", "conversation", conversation, "--data", s.data).ok(t)
	gone("the history", history)
	for _, text := range []string{"Started on chat", "wrote: «" + string(domain.Erased) + "»", "Agent ana accepted", "Linked with contact quetz"} {
		if !strings.Contains(history, text) {
			t.Errorf("the history does not tell %q:\n%s", text, history)
		}
	}
	parley(t, "projections", "verify", "--all", "--data", s.data).ok(t)
	parley(t, "projections", "rebuild", "--all", "--compare", "--data", s.data).ok(t)

	h.again(serveHere(t, s.data))
	auditor := h.as("auditor", "otto")
	at := "/v1/conversations/" + conversation
	for path, want := range map[string]fields{
		at + "/transcript":             {"lines.0.text": domain.Erased, "lines.0.number": 1, "lines.2.text": domain.Erased},
		at + "/summary":                {"details.messages": 3, "details.agent": "ana", "context.0.name": "Pets", "context.0.value": domain.Erased},
		at + "/self-service":           {"actions.1.type": "phrase_searched", "actions.1.text": domain.Erased},
		at + "/timeline":               {"entries.0.form": "note", "entries.0.text": domain.Erased, "entries.1.form": "conversation"},
		"/v1/conversations":            {"conversations.0.messages": 3, "conversations.0.agent": "ana", "conversations.0.comment": domain.Erased},
		"/v1/agents/ana/sessions":      {"sessions.1.of": conversation},
		"/v1/agents/ana/notifications": {"notifications.0.conversation": conversation, "notifications.0.outcome": "accepted"},
		"/v1/agents/ana/work-items/my": {"items.0.conversation": conversation},
		"/v1/agents/ana/capacity":      {"held": 30, "name": texts["agent"]},
		"/v1/contacts/quetz/timeline":  {"entries.1.conversation": conversation},
		at + "/history":                {"entries.0.name": "conversation.started"},
	} {
		who := h.admin
		if strings.HasSuffix(path, "/transcript") {
			who = auditor
		}
		a := h.look(who, path)
		for field, value := range want {
			a.want(field, value)
		}
		gone(path, a.raw)
	}
}
