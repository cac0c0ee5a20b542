package main

import (
	"encoding/base64"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"parley/domain"
)

// lookalike is text that anybody can type and that looks sealed.
var lookalike = "p1:" + base64.StdEncoding.EncodeToString([]byte(strings.Repeat("x", 40)))

// moved imports an export into a new folder, with the keys of another or none.
func moved(t *testing.T, text, keys string) (to string) {
	t.Helper()
	to = filepath.Join(folder(t), "data")
	if keys != "" {
		folderCopy(t, filepath.Join(keys, "keys"), filepath.Join(to, "keys"))
	}
	parley(t, "import", "jsonl", saved(t, text), "--data", to).ok(t)
	return to
}

// TestTextThatLooksSealedIsNotTakenForIt: what a visitor types spoils no export,
// be it stored as it was typed (questions, names) or sealed (messages).
func TestTextThatLooksSealedIsNotTakenForIt(t *testing.T) {
	long(t)
	t.Parallel()
	for what, asked := range map[string]fields{
		"a question": {"text": "Hello", "survey": []fields{{"question": lookalike, "answer": "x"}}},
		"a name":     {"text": "Hello", "context": []fields{{"name": lookalike, "value": "x"}}},
		"a message":  {"text": lookalike},
		"all of it":  {"text": lookalike, "survey": []fields{{"question": lookalike, "answer": lookalike}}, "context": []fields{{"name": lookalike, "value": lookalike}}},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			s := serveHere(t, folder(t))
			h := furnish(t, s)
			asked["widget"] = "shop"
			conversation := h.visitor.must(http.StatusCreated, "POST", "/v1/conversations", asked).text("conversation")
			h.engage(t, conversation)
			h.ana.must(http.StatusOK, "PUT", "/v1/contacts/ada", fields{"name": lookalike})
			h.ana.must(http.StatusOK, "PUT", "/v1/conversations/"+conversation+"/contact", fields{"contact": "ada"})
			again := func(when string) {
				t.Helper()
				sealed := exported(t, s.data)
				to := moved(t, sealed, s.data)
				clear := exported(t, s.data, "--clear")
				sameText(t, when+", sealed", sealed, exported(t, to))
				sameText(t, when+", sealed and opened", clear, exported(t, to, "--clear"))
				to = moved(t, clear, "")
				sameText(t, when+", opened", clear, exported(t, to, "--clear"))
				parley(t, "import", "jsonl", saved(t, clear), "--data", to).ok(t)
				parley(t, "check", "--data", to).ok(t)
				typed := strings.Count(sealed, lookalike)
				if what == "a message" && typed > 0 || what != "a message" && typed == 0 {
					t.Errorf("%s: the sealed export holds it %d times", when, typed)
				}
				if strings.Count(clear, lookalike) < typed {
					t.Errorf("%s: what is no personal text was changed", when)
				}
			}
			again("while it can be read")
			h.admin.must(http.StatusOK, "POST", "/v1/contacts/ada/erase", nil)
			s.stop()
			again("when it was erased")
			if !strings.Contains(exported(t, s.data, "--clear"), string(domain.Erased)) {
				t.Error("nothing was erased")
			}
		})
	}
}

// TestOpenedTextIsNamedAsSuch: an export in the clear cannot smuggle in text that
// nobody could read.
func TestOpenedTextIsNamedAsSuch(t *testing.T) {
	long(t)
	t.Parallel()
	s := serveHere(t, folder(t))
	h := furnish(t, s)
	h.ask(lookalike)
	s.stop()
	text := exported(t, s.data, "--clear")
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	for i, line := range lines {
		if strings.Contains(line, `"name":"conversation.message_received"`) {
			lines[i] = strings.Replace(line, `"opened":["/text"],`, "", 1)
		}
	}
	forged := relined(lines)
	if forged == text {
		t.Fatal("no message was opened")
	}
	parley(t, "import", "jsonl", saved(t, forged), "--data", filepath.Join(folder(t), "data")).fails(t, exitFail, "opened", "nothing was written")
}
