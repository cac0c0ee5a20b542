package domain

// Level is how a customer's words sound, in seven steps (SES-10).
type Level int8

// The levels, from the worst. Neutral is the zero value.
const (
	VeryNegative Level = iota - 3
	Negative
	SlightlyNegative
	Neutral
	SlightlyPositive
	Positive
	VeryPositive
)

var levelNames = [...]string{
	"very_negative", "negative", "slightly_negative", "neutral", "slightly_positive", "positive", "very_positive",
}

// Valid tells that it is one of the seven.
func (l Level) Valid() bool { return l >= VeryNegative && l <= VeryPositive }

func (l Level) String() string {
	if !l.Valid() {
		return ""
	}
	return levelNames[l-VeryNegative]
}

// Alarms tells that a level is at or below the administrator's threshold. A
// threshold that is not negative is none.
func (l Level) Alarms(threshold Level) bool { return threshold < Neutral && l <= threshold }

// Fall is a conversation that came to sound worse, and the threshold in force
// as somebody is to be told.
type Fall struct {
	From      Level `json:"from"`
	To        Level `json:"to"`
	Threshold Level `json:"threshold"`
}

// Crosses tells that it came from above the threshold to it, or below.
func (f Fall) Crosses() bool { return f.To.Alarms(f.Threshold) && !f.From.Alarms(f.Threshold) }

// Thresholds of the administrator (SES-10); nothing is the default.
const (
	ThresholdOff     = "off"
	DefaultThreshold = Negative
)

// ThresholdOf reads a threshold by its name: Neutral is off.
func ThresholdOf(name string) (threshold Level, known bool) {
	switch name {
	case "":
		return DefaultThreshold, true
	case ThresholdOff:
		return Neutral, true
	}
	for l := VeryNegative; l < Neutral; l++ {
		if l.String() == name {
			return l, true
		}
	}
	return Neutral, false
}

// ThresholdName is how a threshold is written.
func ThresholdName(threshold Level) string {
	if threshold >= Neutral {
		return ThresholdOff
	}
	return threshold.String()
}
