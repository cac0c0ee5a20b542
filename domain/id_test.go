package domain_test

import (
	"strings"
	"testing"

	"parley/domain"
)

// TestDerivedIDsStayTheSame: what is on record was named so, and a repeat is to hit it.
func TestDerivedIDsStayTheSame(t *testing.T) {
	for want, parts := range map[string][]string{
		"e9be7b4f-f360-5de2-b15d-eac570c919e6": {"a"},
		"69cd6c83-9bbf-5067-a561-be5cd68840cf": {"visitor", "v-1", "key|1"},
		"8cf770ab-b2c5-5815-92f4-a278e9fe2263": {strings.Repeat("é", 300), ""}, // longer than what is at hand for most
	} {
		if got := domain.Derive(parts...); got != want {
			t.Errorf("%.20q: got %s, want %s", parts, got, want)
		}
	}
}
