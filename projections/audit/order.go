package audit

import (
	"cmp"
	"slices"
)

// sorted gives the values in the order in which they began, so that the same
// log is always told of in the same way.
func sorted[V interface{ began() moment }](m map[string]V) []V {
	all := make([]V, 0, len(m))
	for _, v := range m {
		all = append(all, v)
	}
	slices.SortFunc(all, func(x, y V) int { return cmp.Compare(x.began().position, y.began().position) })
	return all
}

func (w awaited) began() moment { return w.taken }
func (h *hold) began() moment   { return h.reserved }
