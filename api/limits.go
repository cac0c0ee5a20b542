package api

import (
	"math"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"parley/domain"
)

// Limits bound what one caller may ask. The zero value of each field switches
// that limit off, so begin with DefaultLimits.
type Limits struct {
	// Rate is how many requests a second one token may make, Burst how many
	// at once.
	Rate  float64
	Burst int
	// PublicRate and PublicBurst are the same for one address that is not
	// signed in.
	PublicRate  float64
	PublicBurst int
	// Proxies are the networks whose word on who asked is believed: what a
	// request from one of them says in X-Forwarded-For counts instead of its own
	// address.
	Proxies []netip.Prefix
	// Body is the most bytes of a body, except where an operation says more.
	Body int64
	// Wait bounds how long a request may take, such as a query that waits for
	// its view. Feeds are not bounded.
	Wait time.Duration
	// Feeds is how many feeds one token may keep open.
	Feeds int
}

// DefaultLimits are those of product.md (API-5).
func DefaultLimits() Limits {
	return Limits{Rate: 100, Burst: 200, PublicRate: 1, PublicBurst: 30, Body: 1 << 20, Wait: 10 * time.Second, Feeds: 100}
}

// maxBuckets bounds the callers that are remembered; who has a feed open is
// remembered beside them.
const maxBuckets = 1 << 16

// buckets counts the requests and the open feeds of each token.
type buckets struct {
	limits Limits
	now    func() time.Time
	mu     sync.Mutex
	rates  aging[string, *rate.Limiter]
	feeds  map[string]int
}

func newBuckets(l Limits, now func() time.Time) *buckets {
	return &buckets{limits: l, now: now, rates: newAging[string, *rate.Limiter](maxBuckets), feeds: map[string]int{}}
}

// take counts one request of the caller, or says how long to wait.
func (b *buckets) take(c Caller) (wait time.Duration, ok bool) {
	if c.Local() || c.public && b.limits.PublicRate <= 0 || !c.public && b.limits.Rate <= 0 {
		return 0, true
	}
	now := b.now()
	b.mu.Lock()
	defer b.mu.Unlock()
	r := b.of(c).ReserveN(now, 1)
	if !r.OK() {
		return time.Second, false
	}
	if d := r.DelayFrom(now); d > 0 {
		r.CancelAt(now)
		return d, false
	}
	return 0, true
}

// open counts one more open feed of the caller, and close one less.
func (b *buckets) open(c Caller) bool {
	if b.limits.Feeds <= 0 || c.Local() {
		return true
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.feeds[c.token] >= b.limits.Feeds {
		return false
	}
	b.feeds[c.token]++
	return true
}

func (b *buckets) close(c Caller) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.feeds[c.token]--; b.feeds[c.token] <= 0 {
		delete(b.feeds, c.token)
	}
}

// of finds the caller's bucket. One that nobody used while so many others were
// asked for is full again, and is forgotten.
func (b *buckets) of(c Caller) *rate.Limiter {
	if one, ok := b.rates.get(c.token); ok {
		return one
	}
	each, burst := b.limits.Rate, b.limits.Burst
	if c.public {
		each, burst = b.limits.PublicRate, b.limits.PublicBurst
	}
	one := rate.NewLimiter(rate.Limit(each), burst)
	b.rates.put(c.token, one)
	return one
}

// addressOf names where a request comes from, for the limits: one address, or
// the 64 bits of the network that one host of the newer protocol may choose
// from.
func addressOf(r *http.Request, proxies []netip.Prefix) string {
	at, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return "address"
	}
	address := visitorOf(at.Addr().Unmap(), r.Header.Values("X-Forwarded-For"), proxies)
	if address.Is6() {
		if network, err := address.Prefix(64); err == nil {
			return "address " + network.String()
		}
	}
	return "address " + address.String()
}

// visitorOf is the address behind the trusted proxies. Each adds at the right
// whom it heard, so it is the rightmost that is no proxy: all that stands left
// of it is what the visitor himself may have written.
func visitorOf(peer netip.Addr, forwarded []string, proxies []netip.Prefix) netip.Addr {
	if !trusted(peer, proxies) {
		return peer
	}
	hops := strings.Split(strings.Join(forwarded, ","), ",")
	for _, hop := range slices.Backward(hops) {
		hop = strings.TrimSpace(hop)
		address, err := netip.ParseAddr(hop)
		if err != nil {
			with, err := netip.ParseAddrPort(hop)
			if err != nil {
				return peer
			}
			address = with.Addr()
		}
		if peer = address.Unmap().WithZone(""); !trusted(peer, proxies) {
			return peer
		}
	}
	return peer
}

func trusted(a netip.Addr, proxies []netip.Prefix) bool {
	return slices.ContainsFunc(proxies, func(p netip.Prefix) bool { return p.Contains(a) })
}

// tooMany refuses a caller for a while.
func tooMany(h http.Header, wait time.Duration) error {
	seconds := strconv.Itoa(int(math.Ceil(wait.Seconds())))
	h.Set("Retry-After", seconds)
	return &domain.Error{Code: "too_many_requests", Message: "ask again in " + seconds + " s"}
}
