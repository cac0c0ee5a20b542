package main

import (
	"errors"
	"runtime"
	"testing"
)

func TestASmallHeapIsLetGrow(t *testing.T) {
	const little, much = 384 << 20, 1 << 30
	for _, c := range []struct {
		live, room uint64
		want       int
	}{
		{0, little, 400}, {50 << 20, little, 400}, {96 << 20, little, 400}, {128 << 20, little, 300}, {192 << 20, little, 200}, {384 << 20, little, 100}, {4 << 30, little, 100},
		{128 << 20, much, 400}, {192 << 20, much, 300}, {256 << 20, much, 200}, {512 << 20, much, 100}, {768 << 20, much, 100}, {1 << 30, much, 100},
	} {
		if got := pace(c.live, c.room); got != c.want {
			t.Errorf("with %d MiB in use and room for %d: %d %%, want %d %%", c.live>>20, c.room>>20, got, c.want)
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
