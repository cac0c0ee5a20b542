package main

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"parley/domain"
	"parley/eventstore"
)

// jsonlReader reads the lines of an export, and of each whether it is what an
// export wrote, where it was written.
type jsonlReader struct {
	in   *bufio.Reader
	n    int   // the line at hand, from 1
	read int64 // bytes of whole lines
	sum  chain
	has  jsonlHead
	open bool // a head was read, and no end
	recs uint64
}

// jsonlLine is one of them: a head, a record or an end.
type jsonlLine struct {
	head   *jsonlHead
	record *eventstore.Record
	opened []string
	end    *jsonlEnd
}

// errCut tells that the last line is not whole.
var errCut = errors.New("it is cut off in the middle")

func newJSONL(in io.Reader) *jsonlReader { return &jsonlReader{in: bufio.NewReaderSize(in, 1<<16)} }

// maxJSONL bounds a line: a record has 1 MiB at most, which base64 and escapes
// make longer.
const maxJSONL = 16 << 20

// next reads a line. What is wrong with it is told by line, field and rule;
// io.EOF is the end of the file, wherever that is.
func (j *jsonlReader) next() (line jsonlLine, err error) {
	text, err := j.line()
	if errors.Is(err, io.EOF) && len(text) == 0 {
		return line, io.EOF
	}
	j.n++
	if err == nil {
		line, err = j.parse(text[:len(text)-1])
	} else if errors.Is(err, io.EOF) {
		err = errCut
	}
	if err != nil {
		return line, fmt.Errorf("line %d: %w", j.n, err)
	}
	j.read += int64(len(text))
	return line, nil
}

func (j *jsonlReader) line() (text []byte, err error) {
	for {
		part, err := j.in.ReadSlice('\n')
		text = append(text, part...)
		if len(text) > maxJSONL {
			return nil, errors.New("it is longer than any line of an export")
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return text, err
		}
	}
}

// notAnExport is the rule that a line breaks which no export wrote.
func notAnExport(field, what string) error {
	return domain.Invalid(field, what)
}

func (j *jsonlReader) parse(text []byte) (line jsonlLine, err error) {
	object, sum, ok := splitSum(text)
	if !ok {
		return line, notAnExport("sum", "it is no line that parley export wrote: each closes with a sum")
	}
	switch {
	case bytes.HasPrefix(object, []byte(`{"parley":`)):
		line.head, err = j.head(object)
	case bytes.HasPrefix(object, []byte(`{"end":`)):
		line.end, err = j.end(object)
	default:
		line.record, line.opened, err = j.record(object)
	}
	if err != nil {
		return line, err
	}
	var before chain
	if line.head == nil {
		before = j.sum
	}
	now := before
	now.add(object[:len(object)-1])
	if hex.EncodeToString(now[:]) != sum {
		return line, notAnExport("sum", "it does not follow from this line and those before it: one of them was changed, is missing, or stands elsewhere")
	}
	j.sum = now
	switch {
	case line.head != nil:
		j.has, j.open, j.recs = *line.head, true, 0
	case line.end != nil:
		j.open = false
	default:
		j.recs++
	}
	return line, nil
}

// readExactly reads an object that holds nothing unknown.
func readExactly(object []byte, into any, what string) error {
	d := json.NewDecoder(bytes.NewReader(object))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		field := "line"
		if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
			field = wrong.Field
		}
		return notAnExport(field, fmt.Sprintf("it is no %s: %v", what, err))
	}
	return nil
}

func (j *jsonlReader) head(object []byte) (*jsonlHead, error) {
	if j.open {
		return nil, notAnExport("parley", "another export begins before this one has ended: go on with it by parley export --continue")
	}
	h := &jsonlHead{}
	if err := readExactly(object, h, "head of an export"); err != nil {
		return nil, err
	}
	if h.Parley != jsonlWhat || h.Format != jsonlFormat || !slices.Equal(mustLine(*h), object) {
		return nil, notAnExport("format", fmt.Sprintf("this program reads %q of format %d", jsonlWhat, jsonlFormat))
	}
	return h, nil
}

func (j *jsonlReader) end(object []byte) (*jsonlEnd, error) {
	var e struct{ End jsonlEnd }
	if err := readExactly(object, &e, "end of an export"); err != nil {
		return nil, err
	}
	if !j.open || e.End.Records != j.recs {
		return nil, notAnExport("end", fmt.Sprintf("it counts %d records, and there are %d", e.End.Records, j.recs))
	}
	return &e.End, nil
}

func (j *jsonlReader) record(object []byte) (*eventstore.Record, []string, error) {
	if !j.open {
		return nil, nil, notAnExport("parley", "it belongs to no export: the first line says what the export is of, and nothing stands behind its end")
	}
	var l jsonlRecord
	if err := readExactly(object, &l, "record"); err != nil {
		return nil, nil, err
	}
	r, err := l.record()
	if err != nil {
		return nil, nil, err
	}
	again, err := recordLine(r, l.Opened)
	if err != nil {
		return nil, nil, err
	}
	if !bytes.Equal(again, object) {
		return nil, nil, notAnExport("line", "it is written in another way than parley export writes it")
	}
	return &r, l.Opened, nil
}
