package main

import (
	"errors"
	"runtime"
	"testing"
)

func TestASmallHeapIsLetGrow(t *testing.T) {
	const room = 384 << 20
	for _, c := range []struct {
		live uint64
		want int
	}{
		{0, 400}, {50 << 20, 400}, {96 << 20, 400}, {128 << 20, 300}, {192 << 20, 200}, {384 << 20, 100}, {4 << 30, 100},
	} {
		if got := pace(c.live, room); got != c.want {
			t.Errorf("with %d MiB in use: %d %%, want %d %%", c.live>>20, got, c.want)
		}
	}
}

func TestGarbageHasAPartOfTheMemory(t *testing.T) {
	for _, c := range []struct {
		memory uint64
		err    error
		want   uint64
	}{
		{256 << 20, nil, 64 << 20}, {2 << 30, nil, 128 << 20}, {6 << 30, nil, 384 << 20}, {64 << 30, nil, 1 << 30},
		{0, errors.New("nobody knows"), 384 << 20}, {0, nil, 384 << 20},
	} {
		if got := garbageRoom(func() (uint64, error) { return c.memory, c.err }); got != c.want {
			t.Errorf("of %d MiB: %d MiB, want %d MiB", c.memory>>20, got>>20, c.want>>20)
		}
	}
}

func TestEachCollectionIsHeardOf(t *testing.T) {
	heard := make(chan struct{}, 1)
	afterCollection(func() {
		select {
		case heard <- struct{}{}:
		default:
		}
	})
	for range 3 {
		runtime.GC()
		<-heard
	}
	if liveHeap() == 0 {
		t.Error("nothing is in use")
	}
}
