package api

import (
	"net/http"
	"net/netip"
	"testing"
)

func TestAPI5_BehindAProxyEachVisitorIsCountedAlone(t *testing.T) {
	proxies := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}
	for _, c := range []struct {
		name, peer string
		forwarded  []string
		want       string
	}{
		{"nobody between", "203.0.113.7:1", nil, "203.0.113.7"},
		{"who is no proxy is not believed", "203.0.113.7:1", []string{"198.51.100.1"}, "203.0.113.7"},
		{"one proxy", "10.0.0.1:1", []string{"203.0.113.7"}, "203.0.113.7"},
		{"two proxies", "10.0.0.1:1", []string{"203.0.113.7, 10.0.0.2"}, "203.0.113.7"},
		{"two headers", "10.0.0.1:1", []string{"203.0.113.7", "10.0.0.2"}, "203.0.113.7"},
		{"what the visitor wrote himself", "10.0.0.1:1", []string{"1.2.3.4, 203.0.113.7, 10.0.0.2"}, "203.0.113.7"},
		{"a proxy that says nothing", "10.0.0.1:1", nil, "10.0.0.1"},
		{"a proxy itself", "10.0.0.1:1", []string{"10.0.0.2"}, "10.0.0.2"},
		{"what is no address ends it", "10.0.0.1:1", []string{"203.0.113.7, nonsense, 10.0.0.2"}, "10.0.0.2"},
		{"with a port", "10.0.0.1:1", []string{"203.0.113.7:4711"}, "203.0.113.7"},
		{"the newer protocol", "[fd00::1]:1", []string{"2001:db8:1:2:3:4:5:6"}, "2001:db8:1:2::/64"},
		{"the newer protocol with a port", "[fd00::1]:1", []string{"[2001:db8:1:2:3:4:5:6]:80"}, "2001:db8:1:2::/64"},
		{"one written as the other", "[::ffff:10.0.0.1]:1", []string{"::ffff:203.0.113.7"}, "203.0.113.7"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := &http.Request{RemoteAddr: c.peer, Header: http.Header{"X-Forwarded-For": c.forwarded}}
			if got := addressOf(r, proxies); got != "address "+c.want {
				t.Errorf("%s, not %s", got, c.want)
			}
		})
	}
}
