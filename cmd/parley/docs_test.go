package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"parley/api"
	"parley/projections"
)

// current holds a generated page against the one on disk; PARLEY_GOLDEN=write
// writes it.
func current(t *testing.T, path, text string) {
	t.Helper()
	if os.Getenv("PARLEY_GOLDEN") == "write" {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile(path)
	if err != nil || string(have) != text {
		t.Errorf("%s is not current: run PARLEY_GOLDEN=write go test ./cmd/parley -run Docs (%v)", path, err)
	}
}

// comments are the doc comments of a folder's types, and the type that each
// event name stands for.
func comments(t *testing.T, folder string) (docs, types map[string]string) {
	t.Helper()
	docs, types = map[string]string{}, map[string]string{}
	files, err := filepath.Glob(filepath.Join(folder, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range files {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.GenDecl:
				if s, ok := n.Specs[0].(*ast.TypeSpec); ok && n.Doc != nil {
					docs[s.Name.Name] = strings.Join(strings.Fields(n.Doc.Text()), " ")
				}
			case *ast.KeyValueExpr:
				key, isText := n.Key.(*ast.BasicLit)
				value, isZero := n.Value.(*ast.CompositeLit)
				if isText && isZero {
					if name, ok := value.Type.(*ast.Ident); ok {
						types[strings.Trim(key.Value, `"`)] = name.Name
					}
				}
			}
			return true
		})
	}
	return docs, types
}

func TestDocsEventsIsCurrent(t *testing.T) {
	kinds, err := projections.Kinds()
	if err != nil {
		t.Fatal(err)
	}
	var page strings.Builder
	page.WriteString("# Events\n\nEvery event there is, by its name on disk, with an example of its data. Personal text is shown as it reads; on disk\nit is sealed. Generated from the domain and its golden files.\n")
	last := ""
	var docs, types map[string]string
	for _, name := range kinds.Names() {
		kind, _, _ := strings.Cut(name, ".")
		folder := filepath.Join(root, "domain", strings.Replace(kind, "case", "cases", 1))
		if kind != last {
			last = kind
			docs, types = comments(t, folder)
			fmt.Fprintf(&page, "\n## %s\n", kind)
		}
		golden, err := os.ReadFile(filepath.Join(folder, "testdata", "events", name+".json"))
		if err != nil {
			t.Fatal(err)
		}
		var line bytes.Buffer
		if err := json.Compact(&line, golden); err != nil {
			t.Fatal(err)
		}
		doc := docs[types[name]]
		if doc == "" {
			t.Errorf("%s (%s) has no doc comment", name, types[name])
		}
		fmt.Fprintf(&page, "\n### %s\n\n%s\n\n```json\n%s\n```\n", name, doc, line.String())
	}
	current(t, filepath.Join(root, "docs", "events.md"), page.String())
}

func TestDocsErrorsIsCurrent(t *testing.T) {
	var page strings.Builder
	page.WriteString("# Errors\n\nEvery refusal there is, by its code: the `code` of a problem, and the end of its `type`. A code never changes its\nmeaning. Generated from the one table of codes.\n\n| code | status | what it means |\n|---|---|---|\n")
	for _, r := range api.Refusals() {
		fmt.Fprintf(&page, "| `%s` | %d | %s |\n", r.Code, r.Status, strings.ReplaceAll(r.Explain, "|", "\\|"))
	}
	current(t, filepath.Join(root, "docs", "errors.md"), page.String())
}
