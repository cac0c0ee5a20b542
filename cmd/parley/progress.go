package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/term"
)

// bar shows how far long work is: one line that is drawn again on a terminal,
// a plain line each few seconds elsewhere.
type bar struct {
	out      io.Writer
	terminal bool
	quiet    bool
	last     time.Time
	drawn    bool
}

const (
	barDrawn = 100 * time.Millisecond
	barPlain = 5 * time.Second
	barWidth = 30
)

func newBar(out io.Writer, quiet bool) *bar {
	f, ok := out.(*os.File)
	return &bar{out: out, terminal: ok && term.IsTerminal(int(f.Fd())), quiet: quiet, last: time.Now()}
}

// at draws: total 0 is not known.
func (b *bar) at(what string, done, total uint64, rest string) {
	every := barPlain
	if b.terminal {
		every = barDrawn
	}
	if b.quiet || time.Since(b.last) < every {
		return
	}
	b.last = time.Now()
	line := fmt.Sprintf("%s %d", what, done)
	if total > 0 {
		share := float64(min(done, total)) / float64(total)
		filled := int(share * barWidth)
		line = fmt.Sprintf("%s %s%s %3.0f %% %d/%d", what, strings.Repeat("█", filled), strings.Repeat("░", barWidth-filled), share*100, done, total)
	}
	if rest != "" {
		line += " · " + rest
	}
	if b.terminal {
		fmt.Fprintf(b.out, "\r\033[K%s", line)
		b.drawn = true
		return
	}
	fmt.Fprintln(b.out, line)
}

// end clears the line.
func (b *bar) end() {
	if b.drawn {
		fmt.Fprint(b.out, "\r\033[K")
	}
}
