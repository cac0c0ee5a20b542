package main

import (
	"net/netip"
	"slices"
	"testing"

	"parley/api"
)

func TestAPI5_LimitsAreTheFlags(t *testing.T) {
	t.Parallel()
	usual := api.DefaultLimits()
	for _, c := range []struct {
		rate, public float64
		burst, alone int
	}{
		{usual.Rate, usual.PublicRate, usual.Burst, usual.PublicBurst},
		{0.4, 0.5, 1, usual.PublicBurst},
		{1000, 100, 2000, 200},
		{0, 0, 0, usual.PublicBurst},
	} {
		cfg := &config{data: "d", zone: "UTC", rate: c.rate, public: c.public, proxies: []string{"10.1.2.3/8", "::1", "192.0.2.1"}}
		if err := cfg.check(); err != nil {
			t.Fatal(err)
		}
		l := cfg.limits()
		if l.Rate != c.rate || l.Burst != c.burst || l.PublicRate != c.public || l.PublicBurst != c.alone {
			t.Errorf("%+v gives %+v", c, l)
		}
		want := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("::1/128"), netip.MustParsePrefix("192.0.2.1/32")}
		if !slices.Equal(l.Proxies, want) {
			t.Errorf("%v, not %v", l.Proxies, want)
		}
	}
}
