package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"parley/domain"
	"parley/domain/agent"
	"parley/domain/cases"
	"parley/domain/contact"
	"parley/domain/conversation"
	"parley/domain/hours"
	"parley/domain/line"
	"parley/domain/notification"
	"parley/domain/profile"
	"parley/domain/queue"
	"parley/domain/session"
	"parley/domain/settings"
	"parley/domain/visitor"
	"parley/domain/widget"
	"parley/domain/workstream"
	"parley/projections"
)

// The rules of the house. Each says why, so that who breaks one can judge.

const root = "../.."

// floors are in order: a package imports its own floor and those before.
var floors = []string{"parley/domain", "parley/eventstore", "parley/projections", "parley/api", "parley/cmd"}

// fences say where a third-party package may be imported, and why it is used.
var fences = []struct{ module, where, reason string }{
	{"github.com/cockroachdb/pebble/v2", "parley/eventstore/embedded", "the embedded store's file format and its crash-tested file system"},
	{"github.com/cockroachdb/errors", "parley/eventstore/embedded", "what Pebble's file systems answer a missing file with"},
	{"github.com/ThreeDotsLabs/watermill", "parley/eventstore", "the reactors' router: retry, back-off, poison"},
	{"github.com/sony/gobreaker", "parley/eventstore", "the state of the reactors' circuit breaker, as Watermill's middleware has it"},
	{"github.com/segmentio/encoding", "parley/eventstore parley/projections", "JSON five times as fast as the standard library's"},
	{"github.com/google/uuid", "parley/eventstore parley/projections parley/api parley/cmd", "ids of records and commands"},
	{"modernc.org/sqlite", "parley/projections", "the views' database, without cgo"},
	{"github.com/samber/lo", "parley/projections parley/api", "slices to rows and answers"},
	{"github.com/expr-lang/expr", "parley/api", "the conditions of route-to-queue rules"},
	{"github.com/jonreiter/govader", "parley/api", "how a customer's message sounds: the VADER lexicon, built in"},
	{"github.com/labstack/echo/v4", "parley/api", "the HTTP router"},
	{"github.com/oapi-codegen/runtime", "parley/api", "what the generated server calls"},
	{"github.com/golang-jwt/jwt/v5", "parley/api", "signed tokens"},
	{"github.com/prometheus/client_golang", "parley/api", "/metrics"},
	{"github.com/prometheus/client_model", "parley/api", "reading /metrics in tests"},
	{"golang.org/x/time", "parley/api", "limits per caller"},
	{"golang.org/x/sync", "parley/eventstore parley/projections parley/api parley/cmd", "groups of goroutines that end together"},
	{"github.com/KimMachineGun/automemlimit", "parley/cmd", "how much memory the machine or the container has"},
	{"golang.org/x/term", "parley/cmd", "whether a progress bar can be drawn"},
	{"github.com/spf13/cobra", "parley/cmd", "commands, flags, help, completion"},
	{"github.com/getkin/kin-openapi", "parley/api", "the contract: read at the start, and held against answers in tests"},
	{"gopkg.in/yaml.v3", "parley/api parley/cmd", "reading the contract, and the compose file in a test"},
	{"go.yaml.in/yaml/v3", "parley/api", "reading the contract"},
	{"pgregory.net/rapid", "parley", "properties in tests"},
	{"github.com/anishathalye/porcupine", "parley/eventstore", "linearizability in tests"},
	{"github.com/EventStore/EventStore-Client-Go/v4/protos", "parley/eventstore/esdb parley/eventstore/esdbnode", "EventStoreDB's protocol, as the vendor publishes it"},
	{"github.com/EventStore/EventStore-Client-Go/v4", "parley/eventstore/esdb", "EventStoreDB's own client"},
	{"google.golang.org/genproto/googleapis/rpc", "parley/eventstore/esdb parley/eventstore/esdbnode", "how that protocol writes an error within an answer"},
	{"google.golang.org/protobuf", "parley/eventstore/esdb parley/eventstore/esdbnode", "the encoding of that protocol's messages"},
	{"google.golang.org/grpc", "parley/eventstore/esdb parley/eventstore/esdbnode", "what EventStoreDB's protocol runs on"},
}

type pkg struct {
	ImportPath, Dir, Doc, Name      string
	Imports                         []string
	TestImports, XTestImports       []string
	GoFiles, TestGoFiles            []string
	CompiledGoFiles, IgnoredGoFiles []string
}

// packages are all of ours.
func packages(t *testing.T) []pkg {
	t.Helper()
	cmd := exec.Command("go", "list", "-json", "./...")
	cmd.Dir = root
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var all []pkg
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p pkg
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}

func within(path, folder string) bool { return path == folder || strings.HasPrefix(path, folder+"/") }

func floor(path string) int {
	return slices.IndexFunc(floors, func(f string) bool { return within(path, f) })
}

func TestImportsRunOneWay(t *testing.T) {
	kinds := []string{"agent", "bulk", "cases", "contact", "conversation", "hours", "line", "notification", "profile", "queue", "session", "settings", "visitor", "widget", "workstream"}
	isKind := func(path string) bool {
		return slices.ContainsFunc(kinds, func(k string) bool { return path == "parley/domain/"+k })
	}
	for _, p := range packages(t) {
		for _, imported := range p.Imports {
			if !within(imported, "parley") {
				continue
			}
			if floor(imported) > floor(p.ImportPath) {
				t.Errorf("%s imports %s: imports run one way, %s", p.ImportPath, imported, strings.Join(floors, " ← "))
			}
			if isKind(p.ImportPath) && isKind(imported) {
				t.Errorf("%s imports %s: kinds never import each other; what they share stands in domain", p.ImportPath, imported)
			}
			if within(p.ImportPath, "parley/eventstore") && isKind(imported) {
				t.Errorf("%s imports %s: the event store knows no kind, so that a new kind never touches it", p.ImportPath, imported)
			}
		}
	}
}

func TestThirdPartiesStayInTheirFences(t *testing.T) {
	for _, p := range packages(t) {
		shipped := len(p.Imports)
		for i, imported := range slices.Concat(p.Imports, p.TestImports, p.XTestImports) {
			if first, _, _ := strings.Cut(imported, "/"); !strings.Contains(first, ".") {
				continue // the standard library, or ours
			}
			at := slices.IndexFunc(fences, func(f struct{ module, where, reason string }) bool { return within(imported, f.module) })
			if at < 0 {
				t.Errorf("%s imports %s, which has no fence: give it one place and a reason", p.ImportPath, imported)
				continue
			}
			if i >= shipped {
				continue // a test may use what the program uses
			}
			if !slices.ContainsFunc(strings.Fields(fences[at].where), func(w string) bool { return within(p.ImportPath, w) }) {
				t.Errorf("%s imports %s, which belongs to %s (%s)", p.ImportPath, imported, fences[at].where, fences[at].reason)
			}
		}
	}
}

func TestTheDomainIsPure(t *testing.T) {
	allowed := []string{"cmp", "container/heap", "crypto/sha1", "encoding/hex", "errors", "fmt", "maps", "math", "slices", "sort", "strconv", "strings", "time", "unicode", "unicode/utf8"}
	for _, p := range packages(t) {
		if !within(p.ImportPath, "parley/domain") || p.ImportPath == "parley/domain/spec" {
			continue
		}
		for _, imported := range p.Imports {
			if !within(imported, "parley") && !slices.Contains(allowed, imported) {
				t.Errorf("%s imports %s: the domain knows no clock, no randomness, no input and no encoding", p.ImportPath, imported)
			}
		}
		for _, name := range p.GoFiles {
			eachNode(t, filepath.Join(p.Dir, name), func(file *token.FileSet, n ast.Node) {
				s, ok := n.(*ast.SelectorExpr)
				if !ok {
					return
				}
				if x, ok := s.X.(*ast.Ident); ok && x.Name == "time" && slices.Contains([]string{"Now", "Since", "Until", "Sleep", "After", "NewTimer", "Tick"}, s.Sel.Name) {
					t.Errorf("%s: time.%s: time comes in with the command", file.Position(n.Pos()), s.Sel.Name)
				}
			})
		}
	}
}

func eachNode(t *testing.T, path string, see func(*token.FileSet, ast.Node)) {
	t.Helper()
	files := token.NewFileSet()
	f, err := parser.ParseFile(files, path, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(f, func(n ast.Node) bool {
		if n != nil {
			see(files, n)
		}
		return true
	})
}

func TestFilesAreShortAndSayWhatTheyAre(t *testing.T) {
	const most = 500
	for _, p := range packages(t) {
		if p.Doc == "" && len(p.GoFiles) > 0 {
			t.Errorf("%s has no package comment: say in a sentence what it is", p.ImportPath)
		}
		for _, name := range p.GoFiles {
			if strings.HasSuffix(name, ".gen.go") {
				continue
			}
			path := filepath.Join(p.Dir, name)
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if n := bytes.Count(text, []byte("\n")); n > most {
				t.Errorf("%s has %d lines: %d at most", path, n, most)
			}
			eachNode(t, path, func(files *token.FileSet, n ast.Node) {
				if f, ok := n.(*ast.FuncDecl); ok && f.Recv == nil && f.Name.Name == "init" {
					t.Errorf("%s: an init function acts without being called", files.Position(n.Pos()))
				}
			})
		}
	}
}

func TestNothingIsLeftUndone(t *testing.T) {
	undone := regexp.MustCompile(`\b(TO` + `DO|FIX` + `ME|XX` + `X|HA` + `CK)\b`)
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			if d != nil && d.Name() == ".git" {
				return fs.SkipDir
			}
			return err
		}
		if ext := filepath.Ext(path); ext != ".go" && ext != ".md" && ext != ".yaml" {
			return nil
		}
		text, err := os.ReadFile(path)
		if err == nil && undone.Match(text) {
			t.Errorf("%s: %s", path, undone.Find(text))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestEveryEventHasItsGoldenFile(t *testing.T) {
	kinds, err := projections.Kinds()
	if err != nil {
		t.Fatal(err)
	}
	folders := map[string]string{"case": "cases"}
	for _, name := range kinds.Names() {
		kind, _, _ := strings.Cut(name, ".")
		folder := folders[kind]
		if folder == "" {
			folder = kind
		}
		path := filepath.Join(root, "domain", folder, "testdata", "events", name+".json")
		if _, err := os.Stat(path); err != nil {
			t.Errorf("%s has no golden file: a name on disk is a promise for ever (%v)", name, err)
		}
	}
}

func TestNoStateHoldsPersonalText(t *testing.T) {
	personal := reflect.TypeFor[domain.Personal]()
	var reaches func(reflect.Type, []reflect.Type) bool
	reaches = func(at reflect.Type, on []reflect.Type) bool {
		if at == personal {
			return true
		}
		if slices.Contains(on, at) {
			return false
		}
		on = append(on, at)
		switch at.Kind() {
		case reflect.Pointer, reflect.Slice, reflect.Array:
			return reaches(at.Elem(), on)
		case reflect.Map:
			return reaches(at.Key(), on) || reaches(at.Elem(), on)
		case reflect.Struct:
			for i := range at.NumField() {
				if reaches(at.Field(i).Type, on) {
					return true
				}
			}
		}
		return false
	}
	for _, state := range []any{
		agent.Agent{}, cases.Case{}, contact.Contact{}, conversation.Conversation{}, line.Line{}, notification.Notification{},
		queue.Queue{}, hours.Hours{}, profile.Profile{}, settings.Settings{}, session.Session{}, visitor.Visitor{}, widget.Widget{}, workstream.Workstream{},
	} {
		if reaches(reflect.TypeOf(state), nil) {
			t.Errorf("%T reaches a Personal: a state is carried forward in the clear and must know nobody", state)
		}
	}
	if !reaches(reflect.TypeFor[conversation.MessageReceived](), nil) {
		t.Error("the search for personal text finds none where there is some")
	}
}

func TestTheTopLevelIsTheCustomers(t *testing.T) {
	allowed := []string{"domain", "eventstore", "projections", "api", "cmd", "go.mod", "go.sum", "docker-compose.yml", "README.md", "docs", "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE"}
	cmd := exec.Command("git", "ls-files")
	cmd.Dir = root
	out, err := cmd.Output()
	if err != nil {
		t.Skip("not a git checkout: set nothing, clone the repository to run this")
	}
	seen := map[string]bool{}
	for _, path := range strings.Fields(string(out)) {
		top, _, _ := strings.Cut(path, "/")
		if !seen[top] && !strings.HasPrefix(top, ".") && !slices.Contains(allowed, top) {
			t.Errorf("%s stands at the top level: find it a room", top)
		}
		seen[top] = true
	}
}
