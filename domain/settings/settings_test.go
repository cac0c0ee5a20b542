package settings

import (
	"testing"

	"parley/domain"
	"parley/domain/spec"
)

func TestSES10_TheAdministratorsThreshold(t *testing.T) {
	set := func(name string) []Event { return []Event{Changed{Sentiment: name}} }
	spec.Run(t, &Kind, []spec.Case[Settings, Event]{
		{Name: "set", When: Change{Sentiment: "very_negative"}, Then: set("very_negative")},
		{Name: "off", When: Change{Sentiment: "off"}, Then: set("off")},
		{Name: "nothing is the default, as before", When: Change{}},
		{Name: "back to the default", Given: set("off"), When: Change{}, Then: set("")},
		{Name: "the same", Given: set("slightly_negative"), When: Change{Sentiment: "slightly_negative"}},
		{Name: "what is not negative is no threshold", When: Change{Sentiment: "neutral"}, Err: domain.Refuse("invalid", "SES-10", "").On("sentimentThreshold")},
		{Name: "nor is anything else", When: Change{Sentiment: "angry"}, Err: domain.Refuse("invalid", "SES-10", "").On("sentimentThreshold")},
	})
	for name, want := range map[string]domain.Level{
		"": domain.Negative, "off": domain.Neutral, "slightly_negative": domain.SlightlyNegative, "negative": domain.Negative, "very_negative": domain.VeryNegative,
	} {
		if got := (Settings{Sentiment: name}).Threshold(); got != want || name != "" && domain.ThresholdName(got) != name {
			t.Errorf("%q is %s, written %q", name, got, domain.ThresholdName(got))
		}
	}
}
