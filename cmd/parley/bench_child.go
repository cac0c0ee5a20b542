package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"parley/api"
)

// A benchmark's server runs in a process of its own, so that its processor
// time and memory are its own. It answers questions on its standard output,
// one line of JSON each, and ends with its standard input.

// childQuestion is one line on the child's standard input.
type childQuestion struct {
	Do       string      `json:"do"` // mint, state, profile, profiled
	People   [][2]string `json:"people,omitempty"`
	CPU, Mem string
}

// childAnswer is one line on the child's standard output.
type childAnswer struct {
	Address string   `json:"address,omitempty"`
	Noop    string   `json:"noop,omitempty"`
	Tokens  []string `json:"tokens,omitempty"`
	Head    uint64   `json:"head,omitempty"`
	Lag     uint64   `json:"lag,omitempty"`    // records that no view shows yet
	Behind  float64  `json:"behind,omitempty"` // seconds since the record that the slowest view shows
	Heap    uint64   `json:"heap,omitempty"`   // bytes in use after a collection
	Error   string   `json:"error,omitempty"`
}

func newBenchChild() *cobra.Command {
	cfg := &config{listen: "127.0.0.1:0", location: time.UTC}
	cmd := &cobra.Command{
		Use: "child", Hidden: true, Args: exactly(0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return serve(cmd.Context(), cfg, io.Discard, cmd.ErrOrStderr(), func(ctx context.Context, h *house, address string) error {
				return answerBench(ctx, h, address, cmd.InOrStdin(), cmd.OutOrStdout())
			})
		},
	}
	cmd.Flags().StringVar(&cfg.data, "folder", "", "the data folder")
	return cmd
}

// errChildEnds ends the child when its parent hangs up.
var errChildEnds = errors.New("the benchmark is over")

func answerBench(ctx context.Context, h *house, address string, in io.Reader, out io.Writer) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	noop := &http.Server{Handler: api.NoopHandler(h.server.Tokens()), ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = noop.Serve(l) }() // it ends with an error whenever it is closed
	defer noop.Close()
	say := json.NewEncoder(out)
	if err := say.Encode(childAnswer{Address: strings.TrimPrefix(address, "http://"), Noop: l.Addr().String()}); err != nil {
		return err
	}
	p := &profiles{}
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 64<<20)
	for lines.Scan() {
		var q childQuestion
		if err := json.Unmarshal(lines.Bytes(), &q); err != nil {
			return err
		}
		a, err := h.answerOne(ctx, q, p)
		if err != nil {
			a.Error = err.Error()
		}
		if err := say.Encode(a); err != nil {
			return err
		}
	}
	return errors.Join(lines.Err(), errChildEnds)
}

func (h *house) answerOne(ctx context.Context, q childQuestion, p *profiles) (a childAnswer, err error) {
	info, err := h.log.Info(ctx)
	if err != nil {
		return a, err
	}
	switch q.Do {
	case "mint":
		for _, who := range q.People {
			token, err := h.server.Tokens().Mint(who[0], who[1], 24*time.Hour)
			if err != nil {
				return a, err
			}
			a.Tokens = append(a.Tokens, token)
		}
	case "profile":
		a.Head = uint64(info.Head)
		err = p.start(q.CPU, q.Mem)
	case "profiled":
		a.Head = uint64(info.Head)
		err = p.stop()
	case "state":
		all, err := h.runner.Status(ctx)
		if err != nil {
			return a, err
		}
		a.Head = uint64(info.Head)
		for _, s := range all {
			a.Lag, a.Behind = max(a.Lag, s.Lag), max(a.Behind, s.Delay.Seconds())
		}
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		a.Heap = m.HeapAlloc
	default:
		err = fmt.Errorf("nobody knows %q", q.Do)
	}
	return a, err
}

// child is a server in a process of its own.
type child struct {
	cmd           *exec.Cmd
	in            io.WriteCloser
	out           *bufio.Reader
	address, noop string
	took          time.Duration // from the start of the process to its first answer
}

// spawn starts this program again as a server over a folder.
func spawn(ctx context.Context, folder string, errs io.Writer) (*child, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	c := &child{cmd: exec.CommandContext(ctx, self, "bench", "child", "--folder", folder)}
	c.cmd.Stderr = &quietEnd{errs}
	if c.in, err = c.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	c.out = bufio.NewReader(out)
	began := time.Now()
	if err := c.cmd.Start(); err != nil {
		return nil, err
	}
	var hello childAnswer
	if err := c.hear(&hello); err != nil {
		return nil, errors.Join(err, c.end())
	}
	c.took, c.address, c.noop = time.Since(began), hello.Address, hello.Noop
	return c, nil
}

// quietEnd leaves out that the child ended because it was told to.
type quietEnd struct{ to io.Writer }

func (q *quietEnd) Write(b []byte) (int, error) {
	if strings.Contains(string(b), errChildEnds.Error()) || strings.HasPrefix(string(b), "Run 'parley") {
		return len(b), nil
	}
	return q.to.Write(b)
}

func (c *child) hear(a *childAnswer) error {
	line, err := c.out.ReadBytes('\n')
	if err != nil {
		return fmt.Errorf("the benchmark's server went away: %w", err)
	}
	if err := json.Unmarshal(line, a); err != nil {
		return err
	}
	if a.Error != "" {
		return errors.New(a.Error)
	}
	return nil
}

func (c *child) ask(q childQuestion) (a childAnswer, err error) {
	if err := json.NewEncoder(c.in).Encode(q); err != nil {
		return a, err
	}
	return a, c.hear(&a)
}

// mint signs tokens for people, each an id and a role.
func (c *child) mint(people ...[2]string) ([]string, error) {
	a, err := c.ask(childQuestion{Do: "mint", People: people})
	return a.Tokens, err
}

// end hangs up and waits. How a child ends that was told to says nothing.
func (c *child) end() error {
	err := c.in.Close()
	var exit *exec.ExitError
	if waited := c.cmd.Wait(); !errors.As(waited, &exit) {
		err = errors.Join(err, waited)
	}
	return err
}

// cpu is the processor time the child has used, as far as the system tells.
func (c *child) cpu() time.Duration {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(c.cmd.Process.Pid) + "/stat")
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(text), ") ")
	fields := strings.Fields(rest)
	if len(fields) < 13 {
		return 0
	}
	user, _ := strconv.Atoi(fields[11])
	system, _ := strconv.Atoi(fields[12])
	return time.Duration(user+system) * 10 * time.Millisecond
}

// memory is what the child has in memory, in MiB: VmRSS now, VmHWM at most.
func (c *child) memory(which string) float64 { return memoryOf(c.cmd.Process.Pid, which) }

func memoryOf(pid int, which string) float64 {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, which+":"); ok {
			kb, _ := strconv.Atoi(strings.TrimSuffix(strings.TrimSpace(rest), " kB"))
			return float64(kb) / 1024
		}
	}
	return 0
}

// forgetMemory gives back what is not used and begins anew to note the most
// that was, where the system lets a process do so.
func forgetMemory() {
	debug.FreeOSMemory()
	_ = os.WriteFile("/proc/self/clear_refs", []byte("5"), 0) // elsewhere the most is since the start
}
