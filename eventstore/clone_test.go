package eventstore

import (
	"reflect"
	"testing"
	"time"
)

type cloneAll struct {
	Text  string
	At    time.Time
	Names []string
	Each  map[string]int
	Deep  map[string][]*cloneInner
	One   *cloneInner
	Fixed [2][]int
	plain int
}

type cloneInner struct{ List []int }

type cloneHidden struct{ list []int }

type cloneLooped struct{ Next *cloneLooped }

func TestACloneSharesNothing(t *testing.T) {
	full := func() cloneAll {
		return cloneAll{
			Text: "a", At: time.Unix(1, 2).UTC(), Names: []string{"x", "y"}, Each: map[string]int{"a": 1},
			Deep: map[string][]*cloneInner{"k": {{List: []int{1}}, nil}}, One: &cloneInner{List: []int{7}}, Fixed: [2][]int{{1}, nil}, plain: 3,
		}
	}
	var c cloners
	state := full()
	own := state
	if !c.clone(&own) || !reflect.DeepEqual(own, full()) {
		t.Fatalf("%+v", own)
	}
	own.Names[0], own.Each["a"], own.Deep["k"][0].List[0], own.One.List[0], own.Fixed[0][0] = "z", 9, 9, 9, 9
	own.Deep["l"] = nil
	if !reflect.DeepEqual(state, full()) {
		t.Errorf("the copy's change shows in the original: %+v", state)
	}
	var empty cloneAll
	if !c.clone(&empty) || !reflect.DeepEqual(empty, cloneAll{}) {
		t.Errorf("%+v", empty)
	}
}

func TestWhatCannotBeClonedIsNot(t *testing.T) {
	var c cloners
	if c.clone(&cloneHidden{list: []int{1}}) || c.clone(&cloneLooped{}) || c.clone(&struct{ Any any }{}) || c.clone(&struct{ F func() }{}) {
		t.Error("it says that it copied what it cannot copy")
	}
}
