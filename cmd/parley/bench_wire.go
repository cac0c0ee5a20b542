package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
)

// wire is one keep-alive connection of a benchmark's client. It writes a whole
// request at once and reads no more of the answer than it must, so that the
// one who measures takes little of the processor from what is measured.
type wire struct {
	address string
	conn    net.Conn
	in      *bufio.Reader
	out     []byte
	body    []byte
}

func dialWire(address string) (*wire, error) {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return nil, err
	}
	return &wire{address: address, conn: conn, in: bufio.NewReaderSize(conn, 4<<10)}, nil
}

func (w *wire) close() error { return w.conn.Close() }

// ask sends a request and reads the answer; the body counts until the next.
func (w *wire) ask(method, path, token, key string, body []byte) (status int, answer []byte, err error) {
	b := append(w.out[:0], method...)
	b = append(b, ' ')
	b = append(b, path...)
	b = append(b, " HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer "...)
	b = append(b, token...)
	if key != "" {
		b = append(b, "\r\nIdempotency-Key: "...)
		b = append(b, key...)
	}
	if body != nil {
		b = append(b, "\r\nContent-Type: application/json\r\nContent-Length: "...)
		b = strconv.AppendInt(b, int64(len(body)), 10)
	} else if method != "GET" {
		b = append(b, "\r\nContent-Length: 0"...)
	}
	b = append(b, "\r\n\r\n"...)
	w.out = append(b, body...)
	if _, err := w.conn.Write(w.out); err != nil {
		return 0, nil, err
	}
	return w.read()
}

// read reads an answer with a length or in chunks.
func (w *wire) read() (int, []byte, error) {
	status, length, err := w.head()
	if err != nil {
		return 0, nil, err
	}
	w.body = w.body[:0]
	if length >= 0 {
		return status, w.body, w.more(length)
	}
	for {
		line, err := w.in.ReadSlice('\n')
		if err != nil {
			return 0, nil, err
		}
		n, err := strconv.ParseInt(string(bytes.TrimSpace(line)), 16, 32)
		if err != nil {
			return 0, nil, err
		}
		if err := w.more(int(n)); err != nil {
			return 0, nil, err
		}
		if _, err := w.in.Discard(2); err != nil {
			return 0, nil, err
		}
		if n == 0 {
			return status, w.body, nil
		}
	}
}

// head reads the status and the headers; length is -1 of an answer in chunks.
func (w *wire) head() (status, length int, err error) {
	line, err := w.in.ReadSlice('\n')
	if err != nil {
		return 0, 0, err
	}
	if len(line) < 12 {
		return 0, 0, fmt.Errorf("%q is no answer", line)
	}
	if status, err = strconv.Atoi(string(line[9:12])); err != nil {
		return 0, 0, err
	}
	for {
		if line, err = w.in.ReadSlice('\n'); err != nil {
			return 0, 0, err
		}
		if len(line) <= 2 {
			return status, length, nil
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		switch {
		case len(name) == 14 && strings.EqualFold(string(name), "Content-Length"):
			if length, err = strconv.Atoi(string(bytes.TrimSpace(value))); err != nil {
				return 0, 0, err
			}
		case len(name) == 17 && strings.EqualFold(string(name), "Transfer-Encoding"):
			length = -1
		}
	}
}

func (w *wire) more(n int) error {
	at := len(w.body)
	w.body = append(w.body, make([]byte, n)...)
	_, err := io.ReadFull(w.in, w.body[at:])
	return err
}

// must is ask for preparing: any refusal is an error, and into takes the answer.
func (w *wire) must(method, path, token string, body, into any) error {
	var text []byte
	if body != nil {
		var err error
		if text, err = json.Marshal(body); err != nil {
			return err
		}
	}
	status, answer, err := w.ask(method, path, token, "", text)
	switch {
	case err != nil:
		return err
	case status >= 300:
		return fmt.Errorf("%s %s: %d %s", method, path, status, answer)
	case into == nil:
		return nil
	}
	return json.Unmarshal(answer, into)
}

// listenWire opens a live feed and gives each event's name and data to each,
// until the connection ends. Opened is called once the feed stands.
func listenWire(address, path, token string, opened func(net.Conn), each func(name, data []byte)) error {
	w, err := dialWire(address)
	if err != nil {
		return err
	}
	text := "GET " + path + " HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer " + token + "\r\n\r\n"
	if _, err := io.WriteString(w.conn, text); err != nil {
		return errors.Join(err, w.close())
	}
	status, _, err := w.head()
	if err == nil && status != 200 {
		err = fmt.Errorf("GET %s: %d", path, status)
	}
	if err != nil {
		return errors.Join(err, w.close())
	}
	opened(w.conn)
	var name []byte
	for {
		line, err := w.in.ReadSlice('\n')
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		if err != nil {
			return errors.Join(w.close(), err)
		}
		if rest, ok := bytes.CutPrefix(line, []byte("event: ")); ok {
			name = append(name[:0], bytes.TrimSpace(rest)...)
		} else if rest, ok := bytes.CutPrefix(line, []byte("data: ")); ok {
			each(name, rest)
		}
	}
}
