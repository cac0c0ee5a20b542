package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// report is what a benchmark found.
type report struct {
	Title   string `json:"title"`
	Date    string `json:"date"`
	Machine string `json:"machine"`
	Go      string `json:"go"`
	Version string `json:"version,omitempty"`
	Method  string `json:"method"`
	Rows    []*row `json:"rows"`
	// Failed are the reasons why the run does not count.
	Failed []string `json:"failed,omitempty"`
}

// row is one figure, from one or more measurements.
type row struct {
	Name   string    `json:"name"`
	Unit   string    `json:"unit"`
	Median float64   `json:"median"`
	Min    float64   `json:"min"`
	Max    float64   `json:"max"`
	All    []float64 `json:"-"`
}

func newReport(title, method string) *report {
	r := &report{
		Title: title, Method: method, Date: time.Now().UTC().Format(time.DateOnly), Go: runtime.Version(),
		Machine: fmt.Sprintf("%d cores, %s, %s/%s", runtime.GOMAXPROCS(0), cpuModel(), runtime.GOOS, runtime.GOARCH),
	}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				r.Version = s.Value[:min(12, len(s.Value))]
			}
		}
	}
	return r
}

// cpuModel is what the kernel calls the processor, where it says so.
func cpuModel() string {
	f, err := os.Open("/proc/cpuinfo")
	if err != nil {
		return "unknown processor"
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if name, value, ok := strings.Cut(lines.Text(), ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return "unknown processor"
}

// add takes one measurement of a row; the row is made with the first.
func (r *report) add(name, unit string, value float64) {
	i := slices.IndexFunc(r.Rows, func(x *row) bool { return x.Name == name })
	if i < 0 {
		i = len(r.Rows)
		r.Rows = append(r.Rows, &row{Name: name, Unit: unit})
	}
	x := r.Rows[i]
	x.All = append(x.All, value)
	sorted := slices.Sorted(slices.Values(x.All))
	x.Min, x.Max, x.Median = sorted[0], sorted[len(sorted)-1], sorted[len(sorted)/2]
	if n := len(sorted); n%2 == 0 {
		x.Median = (sorted[n/2-1] + sorted[n/2]) / 2
	}
}

// ratio adds a row that holds one row against another, measurement by
// measurement: what was measured next to each other shared the machine's mood.
func (r *report) ratio(name, of, to string) {
	find := func(name string) []float64 {
		for _, x := range r.Rows {
			if x.Name == name {
				return x.All
			}
		}
		return nil
	}
	a, b := find(of), find(to)
	for i := range min(len(a), len(b)) {
		if b[i] > 0 {
			r.add(name, "×", a[i]/b[i])
		}
	}
}

// fails notes why the run does not count.
func (r *report) fails(format string, args ...any) {
	r.Failed = append(r.Failed, fmt.Sprintf(format, args...))
}

func (r *report) print(out io.Writer, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(out).Encode(r)
	}
	fmt.Fprintf(out, "%s, %s\n%s, %s %s\n%s\n\n", r.Title, r.Date, r.Machine, r.Go, r.Version, r.Method)
	table := tabwriter.NewWriter(out, 0, 4, 2, ' ', tabwriter.AlignRight)
	for _, x := range r.Rows {
		spread := ""
		if len(x.All) > 1 {
			spread = "[" + figure(x.Min) + "–" + figure(x.Max) + "]"
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t\n", x.Name, figure(x.Median), x.Unit, spread)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	for _, reason := range r.Failed {
		fmt.Fprintln(out, "THIS RUN DOES NOT COUNT:", reason)
	}
	return nil
}

// figure writes a number with three digits that count, or all of a large one.
func figure(v float64) string {
	switch {
	case v == 0 || math.Abs(v) >= 100:
		return fmt.Sprintf("%.0f", v)
	case math.Abs(v) >= 10:
		return fmt.Sprintf("%.1f", v)
	case math.Abs(v) >= 1:
		return fmt.Sprintf("%.2f", v)
	}
	return fmt.Sprintf("%.3f", v)
}

// latencies gathers durations of many goroutines' own slices.
type latencies []time.Duration

// at gives a quantile in milliseconds; the slice must be sorted.
func (l latencies) at(q float64) float64 {
	if len(l) == 0 {
		return 0
	}
	i := min(int(q*float64(len(l))), len(l)-1)
	return float64(l[i]) / float64(time.Millisecond)
}

// latency adds the rows of a set of durations.
func (r *report) latency(name string, l latencies) {
	slices.Sort(l)
	r.add(name+", p50", "ms", l.at(0.50))
	r.add(name+", p99", "ms", l.at(0.99))
	r.add(name+", p99.9", "ms", l.at(0.999))
}
