package main

import (
	"fmt"
	"io"
	"math"
	"runtime"
	"slices"
	"strings"
	"time"
)

// rows are the measures of the table, in their order.
var rows = []struct{ story, measure, words string }{
	{"automerge-paper", "typed", "automerge-paper, typed edit by edit"},
	{"automerge-paper", "log", "the same, replayed from a log in memory"},
	{"automerge-paper", "full", "the same, merged from the bytes of one change"},
	{"automerge-paper", "read", "its saved text opened to read"},
	{"automerge-paper", "load", "its saved text opened with its history, and read"},
	{"automerge-paper", "saved", "saved, bytes"},
	{"seph-blog1", "typed", "seph-blog1, typed edit by edit"},
	{"seph-blog1", "saved", "saved, bytes"},
	{"friendsforever", "log", "friendsforever, full, from a log in memory"},
	{"friendsforever", "full", "full, from bytes"},
	{"friendsforever", "streamed", "change by change, from bytes"},
	{"friendsforever", "last 1 %", "the last 1 %, from bytes"},
	{"friendsforever", "load", "opened with its history, and read"},
	{"friendsforever", "saved", "saved, bytes"},
	{"clownschool", "log", "clownschool, full, from a log in memory"},
	{"clownschool", "full", "full, from bytes"},
	{"clownschool", "streamed", "change by change, from bytes"},
	{"clownschool", "last 1 %", "the last 1 %, from bytes"},
	{"clownschool", "saved", "saved, bytes"},
	{"lanes", "p50", "8 lanes, a merge, p50"},
	{"lanes", "p99", "p99"},
	{"lanes", "away", "a device that was away for 5,600 events"},
}

// table collects figures: the least, where a peer gives one twice.
type table struct {
	peers   []string
	absent  []string
	figures map[[3]string]float64
}

func newTable(peers []string) *table {
	return &table{peers: slices.Clone(peers), figures: map[[3]string]float64{}}
}

func (t *table) add(peer string, r result) {
	key := [3]string{peer, r.Story, r.Measure}
	if old, ok := t.figures[key]; !ok || r.Value < old {
		t.figures[key] = r.Value
	}
}

func (t *table) missing(peer string) {
	t.peers = slices.DeleteFunc(t.peers, func(p string) bool { return p == peer })
	t.absent = append(t.absent, peer)
}

func (t *table) print(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s, %d cores, %s; ms, unless bytes\n\n", time.Now().UTC().Format("2 January 2006"), runtime.NumCPU(), runtime.Version())
	fmt.Fprintf(&b, "| | %s |\n|%s\n", strings.Join(t.peers, " | "), strings.Repeat(" --- |", len(t.peers)+1))
	for _, r := range rows {
		fmt.Fprintf(&b, "| %s |", r.words)
		for _, p := range t.peers {
			v, ok := t.figures[[3]string{p, r.story, r.measure}]
			fmt.Fprintf(&b, " %s |", figure(v, ok))
		}
		b.WriteByte('\n')
	}
	for _, p := range t.absent {
		fmt.Fprintf(&b, "\nNot measured: %s (unknown, or built without cgo)\n", p)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// figure prints three digits, and bytes in full.
func figure(v float64, ok bool) string {
	switch {
	case !ok:
		return "–"
	case v == 0:
		return "0"
	case v >= 1000:
		return grouped(int(math.Round(v)))
	}
	return fmt.Sprintf("%.*f", max(0, 2-int(math.Floor(math.Log10(v)))), v)
}

func grouped(n int) string {
	if n < 1000 {
		return fmt.Sprint(n)
	}
	return fmt.Sprintf("%s,%03d", grouped(n/1000), n%1000)
}
