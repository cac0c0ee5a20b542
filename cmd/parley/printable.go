package main

import (
	"strconv"
	"strings"
	"unicode"
)

// printable shows what a terminal would not print but act on, such as a line's
// end, an escape or a change of direction, as Go writes it: what others wrote
// stays in its line and commands nothing.
func printable(text string) string {
	var b strings.Builder
	for _, r := range text {
		if unicode.IsPrint(r) {
			b.WriteRune(r)
			continue
		}
		quoted := strconv.QuoteRune(r)
		b.WriteString(quoted[1 : len(quoted)-1])
	}
	return b.String()
}

// printableLines is printable that leaves lines as they are.
func printableLines(text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		lines[i] = printable(line)
	}
	return strings.Join(lines, "\n")
}
