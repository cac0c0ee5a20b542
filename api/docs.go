package api

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/labstack/echo/v4"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"parley/eventstore"
)

// The pages: one layout, and what they are about. They load nothing from
// anywhere else.
//
//go:embed docs.html
var docsHTML string

// pagePolicy lets the pages show their own style, and nothing more.
const pagePolicy = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"

// pages adds the public addresses: what the API is, what its problems mean,
// and how the server is.
func (s *Server) pages(e *echo.Echo) error {
	t, err := template.New("docs").Funcs(template.FuncMap{
		"roles":  func(id string) string { return strings.Join(roles[id], ", ") },
		"typeOf": typeOf, "refName": refName, "paragraphs": paragraphs, "prose": prose, "parameter": s.spec.parameter,
		"needs": func(of specSchema, name string) bool { return slices.Contains(of.Required, name) },
	}).Parse(docsHTML)
	if err != nil {
		return fmt.Errorf("api: the pages: %w", err)
	}
	e.GET("/", page(t, "landing", s.spec))
	e.GET("/docs", page(t, "docs", docsPage{s.spec, s.byTag()}))
	e.GET("/problems", page(t, "problems", Refusals()))
	for _, p := range Refusals() {
		e.GET("/problems/"+p.Code, page(t, "problem", p))
	}
	e.GET("/openapi.yaml", func(c echo.Context) error { return c.Blob(http.StatusOK, "application/yaml", contract) })
	e.GET("/healthz", func(c echo.Context) error { return c.String(http.StatusOK, "ok\n") })
	e.GET("/readyz", s.readyz)
	e.GET("/metrics", echo.WrapHandler(promhttp.HandlerFor(s.metrics.registry, promhttp.HandlerOpts{ErrorHandling: promhttp.ContinueOnError})))
	return nil
}

// readyz tells whether requests should come here, and if not, why.
func (s *Server) readyz(c echo.Context) error {
	var reasons []string
	if s.opts.Ready != nil {
		reasons = s.opts.Ready()
	}
	switch info, err := s.engine.Log.Info(c.Request().Context()); {
	case err != nil:
		s.logger.Error("the log does not answer", "error", err)
		reasons = append(reasons, "the log does not answer")
	case info.Stopped != nil:
		reasons = append(reasons, "the log takes nothing more since a write failed: look at the disk, then start the server again")
	}
	if keys, ok := s.opts.Keys.(interface{ Stopped() error }); ok {
		switch err := keys.Stopped(); {
		case errors.Is(err, eventstore.ErrKeysHeld):
			reasons = append(reasons, "no keys are made while another server of this machine holds them: see whether it is stopped")
		case err != nil:
			reasons = append(reasons, "no keys are made since a write of them failed: look at the disk, then start the server again")
		}
	}
	if s.stopping.Err() != nil {
		reasons = append(reasons, "the server is stopping")
	}
	if len(reasons) > 0 {
		return c.String(http.StatusServiceUnavailable, strings.Join(reasons, "\n")+"\n")
	}
	return c.String(http.StatusOK, "ready\n")
}

// Refusal is one line of the table of error codes.
type Refusal struct {
	Code string
	refusal
}

// Refusals lists all error codes, sorted.
func Refusals() []Refusal {
	var all []Refusal
	for _, code := range slices.Sorted(maps.Keys(refusals)) {
		all = append(all, Refusal{code, refusals[code]})
	}
	return all
}

// docsPage is what the docs page is made of.
type docsPage struct {
	*spec
	Tags []docsTag
}

type docsTag struct {
	Name, Description string
	Operations        []operation
}

// byTag groups the operations by their first tag, in the contract's order.
func (s *Server) byTag() []docsTag {
	var all []docsTag
	for _, t := range s.spec.Tags {
		tag := docsTag{Name: t.Name, Description: t.Description}
		for _, op := range s.spec.operations {
			if len(op.Spec.Tags) > 0 && op.Spec.Tags[0] == t.Name {
				tag.Operations = append(tag.Operations, op)
			}
		}
		if len(tag.Operations) > 0 {
			all = append(all, tag)
		}
	}
	return all
}

// parameter follows a reference to a shared parameter.
func (s *spec) parameter(p specParameter) specParameter {
	if shared, ok := s.Components.Parameters[refName(p.Ref)]; ok {
		return shared
	}
	return p
}

// refName is the last part of a reference.
func refName(ref string) string { return ref[strings.LastIndex(ref, "/")+1:] }

// typeOf says in few words what a schema takes; a named one is linked.
func typeOf(s specSchema) template.HTML {
	esc := template.HTMLEscapeString
	switch {
	case s.Ref != "":
		name := esc(refName(s.Ref))
		return template.HTML(`<a href="#` + name + `">` + name + `</a>`)
	case s.Items != nil:
		return "list of " + typeOf(*s.Items)
	case len(s.AllOf) > 0:
		return joined(s.AllOf, " and ")
	case len(s.OneOf) > 0:
		return joined(s.OneOf, " or ")
	}
	text := esc(s.Type)
	if s.Format != "" {
		text += " (" + esc(s.Format) + ")"
	}
	if len(s.Enum) > 0 {
		text += ": " + esc(strings.Join(s.Enum, " | "))
	}
	for _, limit := range []struct {
		word  string
		value any
	}{{"from", s.Minimum}, {"to", s.Maximum}, {"at most", s.MaxLength}, {"by default", s.Default}} {
		if limit.value != nil {
			text += esc(fmt.Sprintf(", %s %v", limit.word, limit.value))
		}
	}
	if s.Example != nil {
		if example, err := json.Marshal(s.Example); err == nil {
			text += ", such as <code>" + esc(string(example)) + "</code>"
		}
	}
	return template.HTML(text)
}

func joined(all []specSchema, word template.HTML) template.HTML {
	var text template.HTML
	for i, s := range all {
		if i > 0 {
			text += word
		}
		text += typeOf(s)
	}
	return text
}

// paragraphs takes a description apart at its empty lines.
func paragraphs(text string) []string { return strings.Split(strings.TrimSpace(text), "\n\n") }

// quoted is what a description puts between backticks.
var quoted = regexp.MustCompile("`([^`\n]+)`")

// prose is a text of the contract for a page: escaped first, and then what it
// quotes as code.
func prose(text string) template.HTML {
	return template.HTML(quoted.ReplaceAllString(template.HTMLEscapeString(text), "<code>$1</code>"))
}

// page serves a page, which is made when it is first asked for.
func page(t *template.Template, name string, about any) echo.HandlerFunc {
	made := sync.OnceValues(func() ([]byte, error) {
		var b bytes.Buffer
		if err := t.ExecuteTemplate(&b, name, about); err != nil {
			return nil, fmt.Errorf("api: the page %s: %w", name, err)
		}
		return b.Bytes(), nil
	})
	return func(c echo.Context) error {
		text, err := made()
		if err != nil {
			return err
		}
		c.Response().Header().Set(echo.HeaderContentSecurityPolicy, pagePolicy)
		return c.HTMLBlob(http.StatusOK, text)
	}
}
