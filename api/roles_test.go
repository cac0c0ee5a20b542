package api

import (
	"os"
	"slices"
	"strings"
	"testing"

	"parley/domain"
)

// everyRole is all that a token may say.
var everyRole = []string{domain.RoleAgent, domain.RoleSupervisor, domain.RoleAdmin, domain.RoleAuditor, domain.RoleVisitor, domain.RoleService, domain.RoleBot, domain.RoleSystem, ""}

// TestAPI5_WhoMayAskForWhat holds every operation, for every role, against a list
// of its own: who opens a route to another role says so a second time.
func TestAPI5_WhoMayAskForWhat(t *testing.T) {
	text, err := os.ReadFile("testdata/roles.txt")
	if err != nil {
		t.Fatal(err)
	}
	listed := map[string]bool{}
	for line := range strings.Lines(string(text)) {
		id, names, ok := strings.Cut(strings.TrimSpace(line), ": ")
		if !ok || listed[id] {
			t.Fatalf("testdata/roles.txt: %q", line)
		}
		listed[id] = true
		may := strings.Fields(names)
		for _, role := range everyRole {
			err := authorize(operation{ID: id}, Caller{Actor: domain.Actor{ID: "x", Role: role}})
			if allowed := slices.Contains(may, role); allowed != (err == nil) {
				t.Errorf("%s by the role %q: %v, and testdata/roles.txt says %v", id, role, err, allowed)
			}
		}
	}
	for id := range roles {
		if !listed[id] {
			t.Errorf("%s has no line in testdata/roles.txt", id)
		}
	}
}
