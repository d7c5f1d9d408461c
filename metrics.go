package main

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"gatehouse/shards"
	"gatehouse/transport"
)

// metrics are what /metrics shows. No label is an account or anything else that
// a caller has a say in, so their number is bounded. It is safe for concurrent
// use.
type metrics struct {
	registry   *prometheus.Registry
	requests   *prometheus.HistogramVec
	running    prometheus.Gauge
	statements prometheus.Counter
	groups     prometheus.Histogram
	waits      prometheus.Histogram
	lookups    *prometheus.CounterVec
}

func newMetrics() *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "gatehouse_request_duration_seconds", Help: "Requests by protocol, kind of operation and code of the first error.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
		}, []string{"protocol", "kind", "code"}),
		running:    prometheus.NewGauge(prometheus.GaugeOpts{Name: "gatehouse_requests_in_flight", Help: "Requests that are being answered."}),
		statements: prometheus.NewCounter(prometheus.CounterOpts{Name: "gatehouse_statements_total", Help: "SQL statements on tenant data."}),
		groups: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "gatehouse_commit_group_size", Help: "Writes that one sync has put on disk.", Buckets: []float64{1, 2, 4, 8, 16, 32},
		}),
		waits: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "gatehouse_commit_wait_seconds", Help: "How long the first write of a group waited for its turn.",
			Buckets: []float64{.0001, .0005, .001, .005, .01, .05, .1, .5, 1, 5},
		}),
		lookups: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "gatehouse_directory_lookups_total", Help: "Questions to the account directory, answered from memory or by a read.",
		}, []string{"from"}),
	}
	m.registry.MustRegister(m.requests, m.running, m.statements, m.groups, m.waits, m.lookups,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// handler serves what was counted.
func (m *metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}

// inFlight counts the requests of next.
func (m *metrics) inFlight(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		m.running.Inc()
		defer m.running.Dec()
		next.ServeHTTP(w, r)
	})
}

func (m *metrics) served(s transport.Served) {
	code, _, _ := strings.Cut(s.Code, " ") // a socket's has a reason behind it
	m.requests.WithLabelValues(s.Protocol, s.Kind, code).Observe(s.Took.Seconds())
}

func (m *metrics) ran(shards.Statement) { m.statements.Inc() }

func (m *metrics) committed(writes int, waited time.Duration) {
	m.groups.Observe(float64(writes))
	m.waits.Observe(waited.Seconds())
}

func (m *metrics) looked(remembered bool) {
	from := "directory"
	if remembered {
		from = "memory"
	}
	m.lookups.WithLabelValues(from).Inc()
}

// streams adds how many streams are open.
func (m *metrics) streams(open func() int64) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "gatehouse_streams_open", Help: "WebSockets and event streams that are open.",
	}, func() float64 { return float64(open()) }))
}

// watch adds the state of an office's shards.
func (m *metrics) watch(o *office) {
	m.registry.MustRegister(shardStates{
		o: o,
		open: prometheus.NewDesc("gatehouse_shard_open",
			"Whether a shard is open here, or is as soon as it is used: 1, or 0 where its accounts are UNAVAILABLE.", []string{"shard"}, nil),
		awake: prometheus.NewDesc("gatehouse_shards_awake", "Shards that are open because they are used.", nil, nil),
	})
}

// shardStates says of each shard of the directory whether it is open here.
type shardStates struct {
	o           *office
	open, awake *prometheus.Desc
}

// Describe implements prometheus.Collector.
func (s shardStates) Describe(to chan<- *prometheus.Desc) {
	to <- s.open
	to <- s.awake
}

// Collect implements prometheus.Collector. Without a directory there are no
// states; /readyz says why.
func (s shardStates) Collect(to chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), probeTimeout)
	defer cancel()
	all, err := s.o.directory.Shards(ctx)
	if err != nil {
		return
	}
	for _, shard := range all {
		if !s.o.directory.Here(shard) {
			continue
		}
		open := 0.0
		if s.o.pool.Serves(shard.ID) {
			open = 1
		}
		to <- prometheus.MustNewConstMetric(s.open, prometheus.GaugeValue, open, shard.ID)
	}
	to <- prometheus.MustNewConstMetric(s.awake, prometheus.GaugeValue, float64(s.o.pool.Len()))
}
