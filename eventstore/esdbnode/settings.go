package esdbnode

import (
	"math"
	"slices"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/persistent"
)

// How a group shares its events out.
const (
	roundRobin          = "RoundRobin"
	dispatchToSingle    = "DispatchToSingle"
	pinned              = "Pinned"
	pinnedByCorrelation = "PinnedByCorrelation"
)

var strategies = []string{roundRobin, dispatchToSingle, pinned, pinnedByCorrelation}

// settings are those of a group, as they are kept.
type settings struct {
	Resolve         bool          `json:"resolve,omitempty"`
	ExtraStatistics bool          `json:"extraStatistics,omitempty"`
	Timeout         time.Duration `json:"timeout"`   // of one message; 0 is none
	Retries         int32         `json:"retries"`   // before a message is parked
	After           time.Duration `json:"after"`     // how long a checkpoint may wait
	AtLeast         int32         `json:"atLeast"`   // messages between two checkpoints
	AtMost          int32         `json:"atMost"`    // the same: then at once
	Consumers       int32         `json:"consumers"` // at most; 0 is any number
	LiveBuffer      int32         `json:"liveBuffer"`
	Batch           int32         `json:"batch"`
	Buffer          int32         `json:"buffer"` // messages read ahead
	Strategy        string        `json:"strategy"`
}

// wireSettings are what creating and updating have in common.
type wireSettings interface {
	GetResolveLinks() bool
	GetExtraStatistics() bool
	GetMaxRetryCount() int32
	GetMinCheckpointCount() int32
	GetMaxCheckpointCount() int32
	GetMaxSubscriberCount() int32
	GetLiveBufferSize() int32
	GetReadBatchSize() int32
	GetHistoryBufferSize() int32
	GetMessageTimeoutTicks() int64
	GetMessageTimeoutMs() int32
	GetCheckpointAfterTicks() int64
	GetCheckpointAfterMs() int32
}

// tick is EventStoreDB's smallest time.
const tick = 100 * time.Nanosecond

// longestTime bounds every time in settings.
const longestTime = 365 * 24 * time.Hour

// ofTicks is the time of so many ticks; what no time can say is out of bounds
// all the same.
func ofTicks(n int64) time.Duration {
	switch {
	case n < 0:
		return math.MinInt64 / 2
	case n > int64(longestTime/tick):
		return math.MaxInt64 / 2
	}
	return time.Duration(n) * tick
}

// wireMilliseconds is a time as the wire says it: at most what fits.
func wireMilliseconds(d time.Duration) int32 {
	return int32(min(d.Milliseconds(), math.MaxInt32))
}

// mostAhead bounds every count in settings, so that memory is.
const mostAhead = 100_000

func readSettings(w wireSettings, strategy string) (settings, error) {
	s := settings{
		Resolve: w.GetResolveLinks(), ExtraStatistics: w.GetExtraStatistics(), Retries: w.GetMaxRetryCount(),
		Timeout: ofTicks(w.GetMessageTimeoutTicks()) + time.Duration(w.GetMessageTimeoutMs())*time.Millisecond,
		After:   ofTicks(w.GetCheckpointAfterTicks()) + time.Duration(w.GetCheckpointAfterMs())*time.Millisecond,
		AtLeast: w.GetMinCheckpointCount(), AtMost: w.GetMaxCheckpointCount(), Consumers: w.GetMaxSubscriberCount(),
		LiveBuffer: w.GetLiveBufferSize(), Batch: w.GetReadBatchSize(), Buffer: w.GetHistoryBufferSize(), Strategy: strategy,
	}
	switch {
	case s.Timeout < 0 || s.After < 0 || s.Timeout > longestTime || s.After > longestTime:
		return s, invalid("the message timeout and the time between checkpoints are from 0 to 365 days")
	case s.Retries < 0 || s.AtLeast < 0 || s.AtMost < 0 || s.Consumers < 0:
		return s, invalid("retries, checkpoint counts and the number of subscribers are not below 0")
	case s.AtMost > 0 && s.AtLeast > s.AtMost:
		return s, invalid("the least number of messages between checkpoints (%d) is above the most (%d)", s.AtLeast, s.AtMost)
	case s.Buffer < 1 || s.Buffer > mostAhead || s.LiveBuffer < 0 || s.LiveBuffer > mostAhead || s.Batch < 0 || s.Batch > mostAhead:
		return s, invalid("buffer sizes are within 1 and %d", mostAhead)
	case s.Batch > s.Buffer:
		return s, invalid("the read batch (%d) is larger than the history buffer (%d) that it is read into", s.Batch, s.Buffer)
	case !slices.Contains(strategies, strategy):
		return s, invalid("there is no consumer strategy %q: give one of %v", strategy, strategies)
	}
	return s, nil
}

// createStrategy is by name for newer clients, by number for older ones.
func createStrategy(s *persistent.CreateReq_Settings) string {
	if name := s.GetConsumerStrategy(); name != "" {
		return name
	}
	//lint:ignore SA1019 the vendor's client for Go says it so
	return s.GetNamedConsumerStrategy().String()
}
