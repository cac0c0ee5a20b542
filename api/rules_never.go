package api

import (
	"math"
	"slices"
	"strings"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/parser"
	"github.com/expr-lang/expr/vm"

	"parley/domain"
)

// Words that some facts have, and no others.
var ruleWords = map[string][]string{
	"channel": {domain.ChannelChat, domain.ChannelSMS, domain.ChannelFacebook, domain.ChannelWhatsApp, domain.ChannelCustom, domain.ChannelRecord},
	"mode":    {domain.ModeLive, domain.ModePersistent, domain.ModeAsync},
	"weekday": {"monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"},
}

// hopeless finds what is wrong with a condition that can be read: a pattern that
// only the conversation brings along, and a comparison by which it never holds,
// as far as looking at it tells. It gives nil when it finds nothing.
func hopeless(when string) error {
	tree, err := parser.Parse(when)
	if err != nil {
		return err
	}
	patterns := &variablePatterns{}
	ast.Walk(&tree.Node, patterns)
	at, message := patterns.at, "the pattern of matches is written in the rule: it is not taken from the conversation"
	if at == nil {
		at, message = never(tree.Node), "the rule can never hold because of this"
	}
	if at == nil {
		return nil
	}
	return (&file.Error{Location: at.Location(), Message: message}).Bind(file.NewSource(when))
}

// variablePatterns finds the first pattern that is no text.
type variablePatterns struct{ at ast.Node }

func (v *variablePatterns) Visit(node *ast.Node) {
	if n, ok := (*node).(*ast.BinaryNode); ok && n.Operator == "matches" && v.at == nil {
		if _, text := n.Right.(*ast.StringNode); !text {
			v.at = n.Right
		}
	}
}

// never gives the part of a condition by which it can never hold; nil is that
// none is seen.
func never(node ast.Node) ast.Node {
	if value, known := constant(node); known {
		if value {
			return nil
		}
		return node
	}
	switch n := node.(type) {
	case *ast.BinaryNode:
		switch n.Operator {
		case "&&", "and":
			return contradiction(node)
		case "||", "or":
			if at := never(n.Left); at != nil && never(n.Right) != nil {
				return at
			}
		default:
			if impossible(n) {
				return node
			}
		}
	case *ast.ConditionalNode:
		if at := never(n.Exp1); at != nil && never(n.Exp2) != nil {
			return at
		}
	}
	return nil
}

// constant runs what looks at no fact at all.
func constant(node ast.Node) (value, known bool) {
	looks := &factsRead{}
	ast.Walk(&node, looks)
	if looks.found {
		return false, false
	}
	program, err := compile(node.String())
	if err != nil {
		return false, false
	}
	machine := vm.VM{MemoryBudget: ruleMemory}
	held, err := machine.Run(program, facts{})
	value, known = held.(bool)
	return value, known && err == nil
}

// factsRead tells whether a condition looks at a fact.
type factsRead struct{ found bool }

func (r *factsRead) Visit(node *ast.Node) {
	if n, ok := (*node).(*ast.IdentifierNode); ok && n.Value != "number" {
		r.found = true
	}
}

// literal reads a text, a number or a truth that stands in the rule.
func literal(node ast.Node) (any, bool) {
	switch n := node.(type) {
	case *ast.StringNode:
		return n.Value, true
	case *ast.BoolNode:
		return n.Value, true
	case *ast.IntegerNode:
		return float64(n.Value), true
	case *ast.FloatNode:
		return n.Value, true
	case *ast.UnaryNode:
		if v, ok := literal(n.Node); ok && n.Operator == "-" {
			if number, ok := v.(float64); ok {
				return -number, true
			}
		}
	}
	return nil, false
}

var mirrored = map[string]string{"==": "==", "<": ">", "<=": ">=", ">": "<", ">=": "<="}

// comparison reads a comparison of something with what stands in the rule.
func comparison(node ast.Node) (of ast.Node, operator string, with any, ok bool) {
	switch n := node.(type) {
	case *ast.BinaryNode:
		if mirrored[n.Operator] == "" {
			return nil, "", nil, false
		}
		if with, ok = literal(n.Right); ok {
			return n.Left, n.Operator, with, true
		}
		with, ok = literal(n.Left)
		return n.Right, mirrored[n.Operator], with, ok
	case *ast.UnaryNode:
		if n.Operator == "!" || n.Operator == "not" {
			return n.Node, "==", false, true
		}
	}
	return node, "==", true, true // a fact that is true or not
}

// impossible tells that a fact is never as it is asked for here.
func impossible(n *ast.BinaryNode) bool {
	if list, ok := n.Right.(*ast.ArrayNode); ok && n.Operator == "in" {
		return !slices.ContainsFunc(list.Nodes, func(one ast.Node) bool {
			value, known := literal(one)
			return !known || may(n.Left, "==", value)
		})
	}
	of, operator, with, ok := comparison(n)
	return ok && !may(of, operator, with)
}

// may tells whether something may compare so with a value; what is not known may.
func may(of ast.Node, operator string, with any) bool {
	text, ok := with.(string)
	if !ok {
		return true
	}
	switch n := of.(type) {
	case *ast.BuiltinNode:
		return operator != "==" || (n.Name != "lower" || text == strings.ToLower(text)) &&
			(n.Name != "upper" || text == strings.ToUpper(text)) && (n.Name != "trim" || text == strings.TrimSpace(text))
	case *ast.IdentifierNode:
		switch words := ruleWords[n.Value]; {
		case operator == "==" && words != nil:
			return slices.Contains(words, text)
		case operator == "==" && n.Value == "language":
			return text == strings.ToLower(text) && !strings.ContainsAny(text, "-_")
		case n.Value == "time":
			return timeMay(operator, text)
		}
	}
	return true
}

// timeMay tells whether a time of day, from 00:00 to 23:59, may compare so with a
// text.
func timeMay(operator, text string) bool {
	switch operator {
	case "<":
		return "00:00" < text
	case "<=":
		return "00:00" <= text
	case ">":
		return "23:59" > text
	case ">=":
		return "23:59" >= text
	}
	return len(text) == 5 && text[2] == ':' && "00" <= text[:2] && text[:2] <= "23" && "00" <= text[3:] && text[3:] <= "59" &&
		!strings.ContainsFunc(text[:2]+text[3:], func(r rune) bool { return r < '0' || r > '9' })
}

// span is what a number may still be after some comparisons.
type span struct {
	low, high         float64
	lowOpen, highOpen bool
}

func (s *span) narrow(operator string, by float64) {
	if above := operator == ">" || operator == ">=" || operator == "=="; above && (by > s.low || by == s.low && operator == ">") {
		s.low, s.lowOpen = by, operator == ">"
	}
	if below := operator == "<" || operator == "<=" || operator == "=="; below && (by < s.high || by == s.high && operator == "<") {
		s.high, s.highOpen = by, operator == "<"
	}
}

func (s *span) empty() bool { return s.low > s.high || s.low == s.high && (s.lowOpen || s.highOpen) }

// contradiction gives the first part of what all has to hold that never does, by
// itself or after what stands before it.
func contradiction(node ast.Node) ast.Node {
	equal, spans := map[string]any{}, map[string]*span{}
	for _, part := range parts(node) {
		if at := never(part); at != nil {
			return at
		}
		of, operator, with, ok := comparison(part)
		if !ok {
			continue
		}
		key := of.String()
		if number, isNumber := with.(float64); isNumber {
			if spans[key] == nil {
				spans[key] = &span{low: math.Inf(-1), high: math.Inf(1)}
			}
			if spans[key].narrow(operator, number); spans[key].empty() {
				return part
			}
			continue
		}
		if operator != "==" {
			continue
		}
		if before, twice := equal[key]; twice && before != with {
			return part
		}
		equal[key] = with
	}
	return nil
}

// parts are what all has to hold.
func parts(node ast.Node) []ast.Node {
	if n, ok := node.(*ast.BinaryNode); ok && (n.Operator == "&&" || n.Operator == "and") {
		return append(parts(n.Left), parts(n.Right)...)
	}
	return []ast.Node{node}
}
