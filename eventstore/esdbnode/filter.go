package esdbnode

import (
	"regexp"
	"strings"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/streams"

	"parley/eventstore"
)

// defaultWindow is how many events are looked at between checkpoints when the
// caller does not say.
const defaultWindow = 32

// wanted says which events of the whole log a caller wants: it can be kept.
type wanted struct {
	Names    bool     `json:"names,omitempty"` // of the event's type; else of its stream
	Regex    string   `json:"regex,omitempty"`
	Prefixes []string `json:"prefixes,omitempty"`
}

// filter keeps the events that a reader of the whole log asked for.
type filter struct {
	wanted
	pattern *regexp.Regexp
	every   uint64 // events looked at between two checkpoints
}

// compile refuses what cannot be understood.
func (w wanted) compile() (*filter, error) {
	f := &filter{wanted: w}
	if w.Regex == "" && len(w.Prefixes) == 0 {
		return nil, invalid("a filter has a regular expression or prefixes")
	}
	if w.Regex == "" {
		return f, nil
	}
	var err error
	if f.pattern, err = regexp.Compile(w.Regex); err != nil {
		return nil, invalid("the filter's regular expression is not understood (look-around and back-references are not offered): %v", err)
	}
	return f, nil
}

// newFilter reads a caller's filter; nil without one.
func newFilter(o *streams.ReadReq_Options) (*filter, error) {
	wire := o.GetFilter()
	if wire == nil {
		return nil, nil
	}
	w := wanted{}
	var x *streams.ReadReq_Options_FilterOptions_Expression
	switch e := wire.GetFilter().(type) {
	case *streams.ReadReq_Options_FilterOptions_EventType:
		w.Names, x = true, e.EventType
	case *streams.ReadReq_Options_FilterOptions_StreamIdentifier:
		x = e.StreamIdentifier
	}
	w.Regex, w.Prefixes = x.GetRegex(), x.GetPrefix()
	f, err := w.compile()
	if err != nil {
		return nil, err
	}
	window := uint64(defaultWindow)
	if m, ok := wire.GetWindow().(*streams.ReadReq_Options_FilterOptions_Max); ok && m.Max > 0 {
		window = uint64(m.Max)
	}
	f.every = window * uint64(wire.GetCheckpointIntervalMultiplier())
	if f.every == 0 && o.GetSubscription() != nil {
		return nil, invalid("the checkpoint interval multiplier is 1 or more")
	}
	return f, nil
}

// keeps tells whether an event is wanted.
func (f *filter) keeps(r *eventstore.Record) bool {
	if f == nil {
		return true
	}
	text := r.Stream
	if f.Names {
		text = r.Name
	}
	if f.pattern != nil {
		return f.pattern.MatchString(text)
	}
	for _, p := range f.Prefixes {
		if strings.HasPrefix(text, p) {
			return true
		}
	}
	return false
}
