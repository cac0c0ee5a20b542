package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestMistakesOnTheCommandLineExitWith2(t *testing.T) {
	t.Parallel()
	data := folder(t)
	for _, c := range []struct {
		args []string
		says string
	}{
		{[]string{"nonsense"}, `unknown command "nonsense"`},
		{[]string{"sevre"}, "did you mean serve?"},
		{[]string{"serve", "--nonsense"}, "--nonsense"},
		{[]string{"serve", "extra"}, "no arguments"},
		{[]string{"serve", "--listen", "nowhere"}, "127.0.0.1:8080"},
		{[]string{"serve", "--listen", ""}, "--listen is empty"},
		{[]string{"serve", "--rate", "-1"}, "--rate"},
		{[]string{"serve", "--rate", "NaN"}, "--rate"},
		{[]string{"serve", "--rate", "Inf"}, "--rate"},
		{[]string{"serve", "--public-rate", "-1"}, "--public-rate"},
		{[]string{"serve", "--public-rate", "NaN"}, "--public-rate"},
		{[]string{"serve", "--trusted-proxy", "10.0.0.0/8,nowhere"}, `--trusted-proxy "nowhere"`},
		{[]string{"serve", "--trusted-proxy", "10.0.0.0/99"}, "--trusted-proxy"},
		{[]string{"serve", "--zone", "Mars/Olympus"}, "Europe/Berlin"},
		{[]string{"history", "conversation"}, "and an id"},
		{[]string{"history", "queue", "sales"}, "conversation, agent, notification or session"},
		{[]string{"projections", "rebuild"}, "--all"},
		{[]string{"projections", "verify", "--all", "timeline"}, "--all"},
		{[]string{"import", "star"}, "files"},
		{[]string{"import", "nonsense"}, "star"},
		{[]string{"projections", "nonsense"}, "list, rebuild or verify"},
		{[]string{"backup"}, "folder"},
		{[]string{"events", "--limit", "-1"}, "--limit"},
		{[]string{"events", "--limit", "many"}, "--limit"},
		{[]string{"demo", "--pace", "0"}, "--pace"},
		{[]string{"token", "--for", "soon"}, "--for"},
		{[]string{"token", "--role", "king"}, "give one of agent, supervisor, admin, auditor, visitor, service, bot"},
		{[]string{"token", "--data", " "}, "--data"},
	} {
		args := c.args
		if !strings.Contains(strings.Join(args, " "), "--data") {
			args = append(args, "--data", data)
		}
		t.Run(strings.Join(c.args, " "), func(t *testing.T) {
			parley(t, args...).fails(t, exitUsage, c.says, "parley --help")
		})
	}
}

func TestWhatCannotBeDoneExitsWith1(t *testing.T) {
	long(t)
	t.Parallel()
	data := folder(t)
	for _, c := range []struct {
		args  []string
		texts []string
	}{
		{[]string{"history", "conversation", "nobody"}, []string{"conversation_unknown"}},
		{[]string{"history", "agent", "nobody"}, []string{"agent_unknown"}},
		{[]string{"history", "session", "nobody"}, []string{"session_unknown"}},
		{[]string{"history", "notification", "nobody"}, []string{"notification_unknown"}},
		{[]string{"history", "conversation", "no id"}, []string{"conversation"}},
		{[]string{"history", "conversation", "nobody", "--as-of", "yesterday"}, []string{"conversation_unknown"}},
		{[]string{"events", "--after", "nonsense"}, []string{"after"}},
		{[]string{"events", "--after", "other:1"}, []string{"log_moved"}},
		{[]string{"events", "--kinds", "nonsense"}, []string{"kinds"}},
		{[]string{"projections", "rebuild", "nonsense"}, []string{"nonsense"}},
		{[]string{"projections", "verify", "nonsense"}, []string{"nonsense"}},
		{[]string{"token", "--subject", "no id"}, []string{"subject"}},
		{[]string{"token", "--for", "-1h"}, []string{"ttlSeconds"}},
		{[]string{"import", "star", "/nowhere.jsonl"}, []string{"/nowhere.jsonl"}},
	} {
		t.Run(strings.Join(c.args, " "), func(t *testing.T) {
			parley(t, append(c.args, "--data", data)...).fails(t, exitFail, c.texts...)
		})
	}
}

func TestAFolderThatIsNotThereIsNotMade(t *testing.T) {
	t.Parallel()
	data := filepath.Join(folder(t), "typo")
	for _, args := range [][]string{{"events"}, {"check"}, {"projections", "list"}, {"token"}, {"history", "agent", "ana"}, {"backup", filepath.Join(data, "b")}} {
		parley(t, append(args, "--data", data)...).fails(t, exitFail, "there is no folder", data, "--data")
	}
	if _, err := os.Stat(data); err == nil {
		t.Error("a command that only looks made the folder")
	}
}

func TestHelpIsThere(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"--help"}, {"serve", "--help"}, {"import"}, {"projections"}, {"help", "history"}} {
		if out := parley(t, args...).ok(t); !strings.Contains(out, "Usage:") {
			t.Errorf("%v prints no usage:\n%s", args, out)
		}
	}
}

func TestTheEnvironmentGivesDefaults(t *testing.T) {
	t.Parallel()
	var errs strings.Builder
	env := func(name string) string { return map[string]string{"PARLEY_DATA": "/nowhere/at/all"}[name] }
	if code := run(t.Context(), []string{"events"}, env, nil, &strings.Builder{}, &errs); code != exitFail || !strings.Contains(errs.String(), "/nowhere/at/all") {
		t.Errorf("exit %d: %s", code, &errs)
	}
}
