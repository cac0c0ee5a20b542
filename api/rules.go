package api

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/vm"

	"parley/domain"
	"parley/domain/workstream"
)

// facts are what the condition of a route-to-queue rule may look at (RTE-1). A
// name that is not there reads as an empty text.
type facts struct {
	Channel       string            `expr:"channel"`
	Mode          string            `expr:"mode"`
	Widget        string            `expr:"widget"`
	Language      string            `expr:"language"` // of the locale: pt of pt-BR
	Locale        string            `expr:"locale"`
	Authenticated bool              `expr:"authenticated"`
	Customer      string            `expr:"customer"` // the contact's id, when he is known
	Invited       bool              `expr:"invited"`
	Context       map[string]string `expr:"context"`
	Survey        map[string]string `expr:"survey"`
	Open          bool              `expr:"open"`    // the hours of the widget and of the fallback queue
	Weekday       string            `expr:"weekday"` // monday, where the organisation is
	Time          string            `expr:"time"`    // 09:30, where the organisation is
}

// Bounds of a condition. It has no loops: what it may take is bounded by its
// size and by that of what it looks at.
const (
	ruleNodes  = 500
	ruleMemory = 10_000
)

// factsOf are the facts of a conversation that is about to begin.
func factsOf(o domain.Opening, open bool, own *time.Location) facts {
	language, _, _ := strings.Cut(strings.ReplaceAll(o.Locale, "_", "-"), "-")
	at := o.At.In(own)
	f := facts{
		Channel: o.Channel, Mode: o.Mode, Widget: o.Widget, Language: strings.ToLower(language), Locale: o.Locale, Authenticated: o.Authenticated,
		Customer: o.Contact, Invited: o.Invitation != "", Context: map[string]string{}, Survey: map[string]string{}, Open: open,
		Weekday: strings.ToLower(at.Weekday().String()), Time: at.Format("15:04"),
	}
	for _, v := range o.Context {
		f.Context[v.Name] = string(v.Value)
	}
	for _, a := range o.Survey {
		f.Survey[a.Question] = string(a.Answer)
	}
	return f
}

// unbounded finds what could take more time than its size tells.
type unbounded struct{ at *file.Location }

func (u *unbounded) Visit(node *ast.Node) {
	switch n := (*node).(type) {
	case *ast.PredicateNode:
		u.found(n.Location())
	case *ast.BinaryNode:
		if n.Operator == ".." {
			u.found(n.Location())
		}
	}
}

func (u *unbounded) found(at file.Location) {
	if u.at == nil {
		u.at = &at
	}
}

// compile reads a condition.
func compile(when string) (*vm.Program, error) {
	loops := &unbounded{}
	program, err := expr.Compile(when,
		expr.Env(facts{}), expr.AsBool(), expr.MaxNodes(ruleNodes), expr.DisableAllBuiltins(), expr.EnableBuiltin("len"),
		expr.EnableBuiltin("lower"), expr.EnableBuiltin("upper"), expr.EnableBuiltin("trim"),
		expr.Function("number", func(params ...any) (any, error) {
			n, err := strconv.ParseFloat(strings.TrimSpace(params[0].(string)), 64)
			if err != nil {
				return 0.0, nil // what is no number counts as none
			}
			return n, nil
		}, new(func(string) float64)),
		expr.Patch(loops),
	)
	if err == nil && loops.at != nil {
		err = (&file.Error{Location: *loops.at, Message: "a condition goes through no lists and ranges"}).Bind(file.NewSource(when))
	}
	return program, err
}

// conditions keeps what was compiled: rules change seldom, and conversations
// begin often. The zero value is ready.
type conditions struct {
	mu  sync.Mutex
	all map[string]*vm.Program
}

// conditionsKept bounds what is kept; past it all is compiled anew.
const conditionsKept = 5000

func (c *conditions) of(when string) (*vm.Program, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if program := c.all[when]; program != nil {
		return program, nil
	}
	program, err := compile(when)
	if err != nil {
		return nil, err
	}
	if c.all == nil || len(c.all) >= conditionsKept {
		c.all = map[string]*vm.Program{}
	}
	c.all[when] = program
	return program, nil
}

// checkRules refuses rules whose conditions cannot be read, or can never hold,
// with the place of the mistake.
func checkRules(rules []workstream.Rule) error {
	for i, r := range rules {
		_, err := compile(r.When)
		reading := "the condition cannot be read"
		if err == nil {
			if err = hopeless(r.When); err == nil {
				continue
			}
			reading = "the condition is of no use"
		}
		refusal := domain.Refuse("rule_invalid", "RTE-1", reading+": "+err.Error()).On("settings.rules." + strconv.Itoa(i) + ".when")
		if wrong, ok := errors.AsType[*file.Error](err); ok {
			refusal.Message = fmt.Sprintf("%s, line %d, column %d: %s", reading, max(1, wrong.Line), wrong.Column+1, wrong.Message)
			return refusal.With("line", strconv.Itoa(max(1, wrong.Line))).With("column", strconv.Itoa(wrong.Column+1))
		}
		return refusal
	}
	return nil
}

// matching finds the first rule whose condition holds. One that fails at what it
// was given does not hold.
func (c *conditions) matching(rules []workstream.Rule, f facts, usable func(workstream.Rule) (bool, error)) (*workstream.Rule, error) {
	for i := range rules {
		program, err := c.of(rules[i].When)
		if err != nil {
			continue // it was checked when it was saved; what it no longer is does not hold
		}
		machine := vm.VM{MemoryBudget: ruleMemory}
		held, err := machine.Run(program, f)
		if yes, ok := held.(bool); err != nil || !ok || !yes {
			continue
		}
		ok, err := usable(rules[i])
		if err != nil {
			return nil, err
		}
		if ok {
			return &rules[i], nil
		}
	}
	return nil, nil
}
