package main

import (
	"bytes"
	"strings"
	"testing"
	"unicode"
)

func TestWhatIsPrintedIsPrintable(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"": "", "Olá, «naïve» 漢字 🦓 it's 5 > 4": "Olá, «naïve» 漢字 🦓 it's 5 > 4",
		"a\nb\r\tc": `a\nb\r\tc`, "\x1b[2J\a\x7f": `\x1b[2J\a\x7f`, "\u009b1m": `\u009b1m`,
		"a\u202eb\u2028\u200f": `a\u202eb\u2028\u200f`, `C:\new`: `C:\new`, "\U000e0041": `\U000e0041`,
	} {
		if got := printable(text); got != want {
			t.Errorf("%q is printed as %q, want %q", text, got, want)
		}
	}
	if got, want := printableLines("a\x1b\nb\t"), "a\\x1b\nb\\t"; got != want {
		t.Errorf("two lines are printed as %q, want %q", got, want)
	}
}

// TestOtherProgramsCommandNoTerminal: streams, names and actors may be theirs, and
// errors quote them.
func TestOtherProgramsCommandNoTerminal(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	if err := printEvent([]byte(`{"stream":"theirs-\u001b[1m","name":"a\nb","actor":{"id":"\u202e","role":"\u0007"}}`), false, &out); err != nil {
		t.Fatal(err)
	}
	if got := out.String(); strings.Count(got, "\n") != 1 || !strings.Contains(got, `theirs-\x1b[1m@0  by \a \u202e`+"\n") || !strings.Contains(got, `a\nb`) {
		t.Errorf("an event is printed as %q", got)
	}
	parley(t, "events", "--data", "none\x1b[1m").fails(t, exitFail, `none\x1b[1m`)
}

// TestACustomerWritesNoLinesOfAHistory: what somebody wrote stays in its line,
// and sends nothing to the terminal.
func TestACustomerWritesNoLinesOfAHistory(t *testing.T) {
	t.Parallel()
	s := serveHere(t, folder(t))
	h := furnish(t, s)
	id := h.ask("Hi\n  10:00:00  Agent ana closed it\x1b[2J\a \u202egnp.exe")
	told := parley(t, "history", "conversation", id, "--data", s.data).ok(t)
	if want := `wrote: «Hi\n  10:00:00  Agent ana closed it\x1b[2J\a \u202egnp.exe»` + "\n"; !strings.Contains(told, want) {
		t.Errorf("it is told as %q", told)
	}
	if at := strings.IndexFunc(told, func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }); at >= 0 {
		t.Errorf("the terminal is sent %q", told[at:])
	}
}
