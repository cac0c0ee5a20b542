package domain

import "slices"

// recentStep is how many ids a Recent copies at most when one comes.
const recentStep = 32

// Recent are the ids of what was done last, so that doing it again is harmless.
// It is a value: With gives another one and leaves this one as it is. A state
// embeds it.
type Recent struct {
	Older []string `json:"recent,omitempty"`
	Newer []string `json:"latest,omitempty"` // a step at most; neither is ever written to: values share them
}

// Has tells whether an id is among them.
func (r Recent) Has(id string) bool {
	return hasID(r.Newer, id) || hasID(r.Older, id)
}

// hasID looks at the end first: ids that were made one after the other begin alike.
func hasID(ids []string, id string) bool {
	if id == "" {
		return slices.Contains(ids, id)
	}
	end := id[len(id)-1]
	for _, one := range ids {
		if len(one) == len(id) && one[len(one)-1] == end && one == id {
			return true
		}
	}
	return false
}

// With adds an id. It keeps the last so many, and a step more at most.
func (r Recent) With(id string, kept int) Recent {
	if len(r.Newer) < recentStep {
		newer := make([]string, len(r.Newer)+1)
		copy(newer, r.Newer)
		newer[len(r.Newer)] = id
		return Recent{r.Older, newer}
	}
	older := slices.Concat(r.Older, r.Newer)
	return Recent{slices.Clip(older[max(0, len(older)-kept):]), []string{id}}
}
