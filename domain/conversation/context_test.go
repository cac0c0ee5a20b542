package conversation

import (
	"strconv"
	"testing"

	"parley/domain"
	"parley/domain/spec"
)

func TestCON9_AHundredContextVariables(t *testing.T) {
	many := make([]domain.Variable, MaxVariables)
	for i := range many {
		many[i] = domain.Variable{Name: "v" + strconv.Itoa(i), Value: "old"}
	}
	one := func(name string) RecordContext {
		return RecordContext{Variables: []domain.Variable{{Name: name, Value: "new"}}}
	}
	recorded := func(v ...domain.Variable) Event { return ContextRecorded{Conversation: "c1", Variables: v} }
	begun := played(t, in("open", domain.ModeLive)...)
	full := append(begun[:len(begun):len(begun)], recorded(many[:60]...), recorded(many[40:]...))
	with := begun[0].(Started)
	with.Context = many
	spec.Run(t, &Kind, table{
		{Name: "one more", Given: full, When: one("v100"), Err: domain.Invalid("context", "")},
		{Name: "one more than it began with", Given: []Event{with}, When: one("v100"), Err: domain.Invalid("context", "")},
	})
	for name, c := range map[string]Conversation{
		"v99": Kind.Fold(Conversation{}, append(begun[:len(begun):len(begun)], recorded(many[:99]...))...), // the hundredth
		"v7":  Kind.Fold(Conversation{}, full...),                                                          // another value
	} {
		if events, err := one(name).Decide(c); err != nil || len(events) != 1 {
			t.Errorf("%s: %v, %v", name, events, err)
		}
	}
}
