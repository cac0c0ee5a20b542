package policy_test

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"parley/domain/agent"
	"parley/domain/conversation"
)

// TestFlow_NothingIsLostWhateverTheOrder plays random days: what follows from
// an event comes late, out of order or again, timers fire twice, and whoever
// acts looked at a picture that is no longer true.
func TestFlow_NothingIsLostWhateverTheOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) { day(t, newPlay(rapid.Bool().Draw(t, "the engine knows its commands"))) })
}

func day(t *rapid.T, p *play) {
	told := func() {
		if p.problem != nil {
			t.Fatalf("%v\nafter\n%s", p.problem, strings.Join(p.script, "\n"))
		}
	}
	t.Repeat(map[string]func(*rapid.T){
		"a customer":   p.customer,
		"a customer 2": p.customer,
		"a screen":     p.screen,
		"a screen 2":   p.screen,
		"a part":       p.part,
		"an agent":     p.work,
		"an agent 2":   p.work,
		"a presence":   p.presence,
		"a reactor":    p.react,
		"a reactor 2":  p.react,
		"time":         p.time,
		"the wheel":    p.wheel,
		"the router": func(t *rapid.T) {
			for _, act := range p.round() {
				p.begin(t, act)
			}
		},
		"the late": func(t *rapid.T) {
			if len(p.later) == 0 {
				t.Skip()
			}
			act := p.later[0]
			p.later = p.later[1:]
			act()
		},
		"all settles": func(t *rapid.T) {
			if rapid.IntRange(0, 3).Draw(t, "now") > 0 {
				t.Skip()
			}
			p.settle()
			p.quiet()
		},
		"": func(*rapid.T) { told() },
	})
	p.settle()
	p.quiet()
	told()
	p.goHome()
	told()
}

// goHome ends the day: everything closes by its own timers or by its agent,
// and nobody holds anything any more.
func (p *play) goHome() {
	for _, act := range p.later {
		act()
	}
	p.later = nil
	p.settle()
	for range 60 {
		for _, act := range p.round() {
			act()
		}
		p.settle()
		for id, c := range p.conversations.states {
			if c.Status == conversation.StatusEngaged && c.Offer == nil {
				p.request("conversation", id, conversation.End{Agent: c.Primary.Agent, At: p.now})
			}
		}
		p.settle()
		for _, t := range p.timers {
			if p.now.Before(t.At) {
				p.now = t.At
			}
		}
		for _, t := range p.ripe() {
			p.fire(t, false)
		}
		p.settle()
		p.quiet()
	}
	for id, c := range p.conversations.states {
		if c.Status != conversation.StatusClosed {
			p.fail("%s never closes: %s", id, c.Status)
		}
	}
	for _, f := range p.facts {
		if _, ok := f.Event.(agent.Reserved); ok && len(p.agents.states[f.ID].Holds) > 0 {
			p.fail("AGT-1: %s goes home with %+v", f.ID, p.agents.states[f.ID].Holds)
		}
	}
	if len(p.timers) > 0 {
		p.fail("timers are left: %v", p.timers)
	}
}
