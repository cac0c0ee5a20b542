package api

import (
	"context"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"parley/eventstore"
)

// Follower is how far something that follows the log has come: a projection
// or a reactor.
type Follower struct {
	Name string
	// Reactor tells a reactor from a projection.
	Reactor bool
	// Events and Lag are how far it is behind the head.
	Events uint64
	Lag    time.Duration
	// Stalled: behind and not advancing. Parked: sequences set aside.
	Stalled bool
	Parked  int
}

// metrics are what /metrics tells.
type metrics struct {
	registry *prometheus.Registry
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	feeds    *prometheus.GaugeVec
	told     prometheus.Counter
}

func newMetrics(log eventstore.Log, followers func() []Follower) *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "parley_http_requests_total", Help: "Requests answered, by operation and status."}, []string{"operation", "status"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "parley_http_request_seconds", Help: "How long requests took, by operation; feeds are not counted.",
			Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}}, []string{"operation"}),
		feeds: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "parley_feeds_open", Help: "Live feeds open now, by sort."}, []string{"sort"}),
		told: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "parley_feed_events_total", Help: "Events written to live feeds."}),
	}
	m.registry.MustRegister(m.requests, m.seconds, m.feeds, m.told,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		&gauges{log: log, followers: followers})
	return m
}

// observe counts an answer. How long a feed was open says nothing of speed.
func (m *metrics) observe(op operation, status int, took time.Duration) {
	name := op.ID
	if name == "" {
		name = "other"
	}
	m.requests.WithLabelValues(name, strconv.Itoa(status)).Inc()
	if !op.Feed {
		m.seconds.WithLabelValues(name).Observe(took.Seconds())
	}
}

// gauges asks the log and the followers when it is scraped.
type gauges struct {
	log       eventstore.Log
	followers func() []Follower
}

func follower(name, help string) *prometheus.Desc {
	return prometheus.NewDesc(name, help, []string{"name", "sort"}, nil)
}

var (
	headDesc    = prometheus.NewDesc("parley_log_head", "The position of the last acknowledged record.", nil, nil)
	eventsDesc  = follower("parley_follower_lag_events", "How many events a projection or reactor is behind.")
	lagDesc     = follower("parley_follower_lag_seconds", "How long a projection or reactor is behind.")
	stalledDesc = follower("parley_follower_stalled", "1 while a projection or reactor is behind and does not advance.")
	parkedDesc  = follower("parley_follower_parked", "Sequences that a projection or reactor set aside.")
)

// Describe implements prometheus.Collector.
func (g *gauges) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{headDesc, eventsDesc, lagDesc, stalledDesc, parkedDesc} {
		out <- d
	}
}

// Collect implements prometheus.Collector.
func (g *gauges) Collect(out chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if info, err := g.log.Info(ctx); err != nil {
		out <- prometheus.NewInvalidMetric(headDesc, err)
	} else {
		out <- prometheus.MustNewConstMetric(headDesc, prometheus.GaugeValue, float64(info.Head))
	}
	if g.followers == nil {
		return
	}
	for _, f := range g.followers() {
		sort := "projection"
		if f.Reactor {
			sort = "reactor"
		}
		stalled := 0.0
		if f.Stalled {
			stalled = 1
		}
		for d, v := range map[*prometheus.Desc]float64{
			eventsDesc: float64(f.Events), lagDesc: f.Lag.Seconds(), stalledDesc: stalled, parkedDesc: float64(f.Parked),
		} {
			out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, f.Name, sort)
		}
	}
}
