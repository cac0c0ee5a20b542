package main

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"

	"github.com/KimMachineGun/automemlimit/memlimit"
)

// A collection marks all that is in use, however little was thrown away since
// the last one, and slows all else meanwhile. A small heap is therefore let grow
// to several times its size before the next; a large one to twice its size, as
// Go does by itself. GOGC, when it is set, stands.
const (
	garbagePercent = 400 // at most

	// The room for what was thrown away is a part of the memory that the machine,
	// or the container, has; of a machine whose memory is not known, as of one with
	// six gigabytes.
	roomShare   = 16
	roomLeast   = 64 << 20
	roomMost    = 1 << 30
	roomUnknown = 384 << 20

	// heapCalm is how large a heap becomes with what was thrown away, unless twice
	// what is in use is more: a larger one was no faster.
	heapCalm = 768 << 20
)

// paceGarbage keeps the collector's pace by what is in use.
func paceGarbage() {
	if os.Getenv("GOGC") != "" {
		return
	}
	room := garbageRoom(memlimit.ApplyFallback(memlimit.FromCgroup, memlimit.FromSystem))
	debug.SetGCPercent(pace(0, room))
	afterCollection(func() { debug.SetGCPercent(pace(liveHeap(), room)) })
}

// garbageRoom is how many bytes may be thrown away before a collection.
func garbageRoom(memory memlimit.Provider) uint64 {
	all, err := memory()
	if err != nil || all == 0 {
		return roomUnknown
	}
	return min(max(all/roomShare, roomLeast), roomMost)
}

// pace is the same in percent of what is in use, as the collector takes it.
func pace(live, room uint64) int {
	room = min(room, max(heapCalm, 2*live)-live)
	return int(min(max(room*100/max(live, 1), 100), garbagePercent))
}

// liveHeap is what the last collection found in use, in bytes.
func liveHeap() uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(sample)
	if sample[0].Value.Kind() != metrics.KindUint64 {
		return 0
	}
	return sample[0].Value.Uint64()
}

// afterCollection calls f after each collection, for as long as the process
// lives: something that nobody holds is found by each.
func afterCollection(f func()) {
	lost := &struct{ pad [16]byte }{}
	runtime.AddCleanup(lost, func(struct{}) {
		f()
		afterCollection(f)
	}, struct{}{})
}
