package domain

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// TestRecentKeepsTheLatest: whatever was added, the last so many are known, hardly
// more are kept, and earlier values stay as they were.
func TestRecentKeepsTheLatest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		kept := rapid.IntRange(1, 100).Draw(t, "kept")
		var r, before Recent
		var all, then []string
		for i := range rapid.IntRange(0, 400).Draw(t, "ids") {
			if rapid.IntRange(0, 30).Draw(t, "remember") == 0 {
				before, then = r, slices.Concat(r.Older, r.Newer)
				r.With("elsewhere", kept)
			}
			id := fmt.Sprint(i)
			r, all = r.With(id, kept), append(all, id)
			if !r.Has(id) || r.Has("elsewhere") {
				t.Fatalf("after %s: %v", id, r)
			}
		}
		list := slices.Concat(r.Older, r.Newer)
		if n := len(list); n < min(len(all), kept) || n > kept+recentStep || !slices.Equal(list, all[len(all)-n:]) {
			t.Fatalf("%d of %d kept, want %d: %v", n, len(all), kept, list)
		}
		if !slices.Equal(slices.Concat(before.Older, before.Newer), then) {
			t.Fatalf("an earlier value changed to %v from %v", before, then)
		}
	})
}
