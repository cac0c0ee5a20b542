package api

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
)

func TestAPI1_TheContractIsValid(t *testing.T) {
	doc, err := openapi3.NewLoader().LoadFromData(contract)
	if err != nil {
		t.Fatal(err)
	}
	if err := doc.Validate(context.Background(), openapi3.DisableExamplesValidation()); err != nil {
		t.Fatal(err)
	}
	described, err := readContract()
	if err != nil {
		t.Fatal(err)
	}
	ours := map[string]operation{}
	for _, op := range described.operations {
		ours[op.Method+" "+op.Path] = op
	}
	for path, item := range doc.Paths.Map() {
		for method, o := range item.Operations() {
			op := ours[method+" "+path]
			if op.ID != o.OperationID || op.ID == "" {
				t.Errorf("%s %s is %q here and %q there", method, path, op.ID, o.OperationID)
			}
			if o.Responses.Default() == nil {
				t.Errorf("%s does not say that it may be refused", o.OperationID)
			}
			if len(o.Tags) == 0 || doc.Tags.Get(o.Tags[0]) == nil || o.Summary == "" {
				t.Errorf("%s has no known tag first, or no summary", o.OperationID)
			}
			delete(ours, method+" "+path)
		}
	}
	if len(ours) > 0 {
		t.Errorf("read too much: %v", ours)
	}
}

func TestAPI5_EveryOperationHasItsRoles(t *testing.T) {
	described, err := readContract()
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for _, op := range described.operations {
		known[op.ID] = true
		if len(roles[op.ID]) == 0 {
			t.Errorf("%s has no line in roles.go: nobody may ask for it", op.ID)
		}
	}
	for id := range roles {
		if !known[id] {
			t.Errorf("roles.go names %s, which openapi.yaml does not", id)
		}
	}
}

// codeUsed finds the codes of refusals in source text.
var codeUsed = regexp.MustCompile(`(?:Refuse\(|\bCode:\s*)"([a-z_]+)"`)

func TestAPI1_EveryCodeIsInTheTable(t *testing.T) {
	used := 0
	for _, root := range []string{"../domain", "../eventstore", "../projections", "."} {
		err := filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			for _, m := range codeUsed.FindAllStringSubmatch(string(text), -1) {
				used++
				if _, ok := refusals[m[1]]; !ok {
					t.Errorf("%s refuses with %s, which errors.go does not explain", path, m[1])
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if used < 10 {
		t.Errorf("only %d codes were found: the pattern no longer fits the source", used)
	}
}

func TestAPI1_TheTableExplainsEveryCode(t *testing.T) {
	rule := regexp.MustCompile(`^[A-Z]{3}-[0-9]+$`)
	for code, r := range refusals {
		if r.Status < 400 || r.Status > 599 || r.Title == "" || r.Explain == "" || !rule.MatchString(r.Rule) {
			t.Errorf("%s: %+v", code, r)
		}
		if strings.HasSuffix(r.Title, ".") || !strings.HasSuffix(r.Explain, ".") {
			t.Errorf("%s: a title is no sentence, an explanation is one", code)
		}
	}
}
