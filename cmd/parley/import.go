package main

import (
	"bufio"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"

	"github.com/spf13/cobra"
)

func newImport(cfg *config) *cobra.Command {
	parent := &cobra.Command{Use: "import", Short: "Bring in what happened elsewhere", Args: exactly(0, "what to import: star or jsonl")}
	parent.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	var asJSON bool
	star := &cobra.Command{
		Use:   "star FILE…",
		Short: "Import dialogues of the STAR dataset",
		Long: `Import dialogues of the STAR dataset, one JSON object a line, plain or gzipped;
"-" reads standard input. Every person becomes an agent or a contact. Importing
the same file again changes nothing. An import of which nothing comes for half a
minute is ended, for routing rests meanwhile.`,
		Example: "  parley import star dialogues.jsonl.gz --data /var/lib/parley",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usageError{errors.New("name the files to import")}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, files []string) error {
			cfg.make = true
			return withLocal(cmd.Context(), cfg, cmd.ErrOrStderr(), func(ctx context.Context, l *local) error {
				return sendStar(ctx, l, files, asJSON, cmd.InOrStdin(), cmd.OutOrStdout(), cmd.ErrOrStderr())
			})
		},
	}
	star.Flags().BoolVar(&asJSON, "json", false, "end with one line of JSON that holds the totals")
	parent.AddCommand(star, newImportJSONL(cfg))
	return parent
}

// sendStar sends all files as one import.
func sendStar(ctx context.Context, l *local, files []string, asJSON bool, in io.Reader, out, errs io.Writer) (err error) {
	var all []io.Reader
	for _, name := range files {
		file := in
		if name != "-" {
			f, err := os.Open(name)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, f.Close()) }()
			file = f
		}
		text, err := plain(file)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		all = append(all, named{text, name}, newline())
	}
	began, b := time.Now(), newBar(errs, false)
	var total starTotals
	err = l.lines(ctx, "/v1/imports/star", io.MultiReader(all...), func(line []byte) error {
		var step struct {
			Done   int64       `json:"done"`
			Result *starTotals `json:"result"`
		}
		if err := json.Unmarshal(line, &step); err != nil {
			return err
		}
		if step.Result != nil {
			total = *step.Result
		}
		b.at("conversations", uint64(step.Done), 0, fmt.Sprintf("%.0f/s", float64(step.Done)/time.Since(began).Seconds()))
		return nil
	})
	b.end()
	if err != nil {
		return leaving(err, "what came in stays, and is passed over when the same is imported again")
	}
	if asJSON {
		return json.NewEncoder(out).Encode(total)
	}
	_, err = fmt.Fprintf(out, "%d conversations with %d customers and %d agents: %d and %d messages. %d events are new. %s\n",
		total.Conversations, total.Customers, total.Agents, total.CustomerMessages, total.AgentMessages, total.Events, time.Since(began).Round(time.Millisecond))
	return err
}

// named says which file could not be read to its end.
type named struct {
	text io.Reader
	name string
}

func (n named) Read(p []byte) (int, error) {
	got, err := n.text.Read(p)
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		err = fmt.Errorf("%s is cut off: %w", n.name, err)
	case err != nil && !errors.Is(err, io.EOF):
		err = fmt.Errorf("%s: %w", n.name, err)
	}
	return got, err
}

// newline keeps the last line of one file and the first of the next apart.
func newline() io.Reader { return &once{text: "\n"} }

type once struct{ text string }

func (o *once) Read(p []byte) (int, error) {
	if o.text == "" {
		return 0, io.EOF
	}
	n := copy(p, o.text)
	o.text = o.text[n:]
	return n, nil
}

// plain unpacks what is gzipped.
func plain(r io.Reader) (io.Reader, error) {
	b := bufio.NewReader(r)
	magic, err := b.Peek(2)
	if err != nil || magic[0] != 0x1f || magic[1] != 0x8b {
		if errors.Is(err, io.EOF) {
			err = nil
		}
		return b, err
	}
	return gzip.NewReader(b)
}

// answerImportStar is the server's side: dialogues in, lines of progress out,
// the totals at the end.
func (h *house) answerImportStar(w http.ResponseWriter, r *http.Request) error {
	h.importing.Add(1)
	defer h.importing.Add(-1)
	lines := newLines(w, r)
	total, err := importStar(r.Context(), h.engine, h.keys, newComing(w, r), func(done int64) { lines.now(map[string]any{"done": done}) })
	if err != nil {
		return lines.refuse("import_failed", h.cfg.usable(err))
	}
	return lines.write(map[string]any{"done": total.Conversations, "result": total})
}
