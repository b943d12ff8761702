package membership

import (
	"fmt"
	"runtime"
	"slices"
	"sync"
	"testing"

	"github.com/espace-git/espace-git/internal/wire"
)

// big is a ledger of devices and entries, made once: it costs about a minute of
// nobody's time to sign what then is folded again and again.
func big(tb testing.TB, devices, entries int) [][]byte {
	tb.Helper()
	s := found(tb, "alice")
	b := s.inviteBody("all", Editor)
	b.Uses = devices
	link := s.invited("alice", "all", b)
	for i := 1; i < devices; i++ {
		s.join(fmt.Sprint("device ", i), link)
	}
	for len(s.entries) < entries {
		s.must("alice", &SchemaBody{Widens: true})
	}
	return s.entries
}

var bigLedger = sync.OnceValue(func() [][]byte { return big(&testing.B{}, 1000, 10000) })

func fold1(tb testing.TB, entries [][]byte) *Roster {
	r, _, err := Genesis(entries[0])
	for _, e := range entries[1:] {
		if err == nil {
			r, _, err = r.Apply(e)
		}
	}
	if err != nil {
		tb.Fatal(err)
	}
	return r
}

// The cost of an entry must not grow with the ledger: ns/entry of the rows is to
// be compared. The last rows have 1,000 devices.
func BenchmarkFold(b *testing.B) {
	for _, n := range []int{100, 1000, 10000} {
		entries := bigLedger()
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				fold1(b, entries[:n])
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/entry")
		})
	}
	b.Run("batch", func(b *testing.B) {
		entries := bigLedger()
		for b.Loop() {
			if _, _, err := Fold(nil, entries); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(entries)), "ns/entry")
	})
	b.Run("heap", func(b *testing.B) {
		entries := bigLedger()
		var m0, m1 runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m0)
		r := fold1(b, entries)
		runtime.GC()
		runtime.ReadMemStats(&m1)
		b.ReportMetric(float64(m1.HeapAlloc-m0.HeapAlloc)/float64(len(entries)), "heap-B/entry")
		runtime.KeepAlive(r)
	})
}

func BenchmarkLookups(b *testing.B) {
	r := fold1(b, bigLedger())
	b.Run("HashAt", func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			r.HashAt(uint64(i*7919) % r.Head().Number)
		}
	})
	b.Run("Recipients", func(b *testing.B) {
		for b.Loop() {
			r.Recipients()
		}
	})
	b.Run("Witnesses", func(b *testing.B) {
		for b.Loop() {
			r.Witnesses(id("device 999"))
		}
	})
}

// removal is a ledger of that many members, and the entry that removes one of them
// and cuts the lanes of all.
func removal(tb testing.TB, members int) (*Roster, []byte) {
	tb.Helper()
	s := &story{t: tb, links: map[string]Link{}, clock: t0}
	if r, _, err := Fold(nil, bigLedger()[:members+1]); err != nil {
		tb.Fatal(err)
	} else {
		s.r = r
	}
	part := s.sealPart()
	part.Cut.Lanes = nil
	for _, d := range s.r.Devices() {
		part.Cut.Lanes = append(part.Cut.Lanes, LaneCut{d.ID, wire.LogHead{Len: 1_000_000, Root: seed("lane")}})
	}
	slices.SortFunc(part.Cut.Lanes, func(a, b LaneCut) int { return compareBytes(a.Device, b.Device) })
	b, _ := WithSeal(&MemberRemoveBody{Member: memberID(fmt.Sprint("device ", members/2))}, part)
	env, err := s.r.Propose(Draft{Body: b, Time: t0, Signer: testKey("alice")})
	if err != nil {
		tb.Fatal(err)
	}
	return s.r, env
}

// Removing one member: what the fold costs a reader, what asking costs the sealer,
// and the bytes of the entry.
func BenchmarkRemoval(b *testing.B) {
	for _, n := range []int{10, 100, 999} {
		r, env := removal(b, n)
		b.Run(fmt.Sprintf("%d/apply", n), func(b *testing.B) {
			for b.Loop() {
				if _, _, err := r.Apply(env); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(len(env)), "B/entry")
		})
		b.Run(fmt.Sprintf("%d/preview", n), func(b *testing.B) {
			for b.Loop() {
				if _, err := r.Removes(&MemberRemoveBody{Member: memberID(fmt.Sprint("device ", n/2))}); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(fmt.Sprintf("%d/sealers", n), func(b *testing.B) {
			for b.Loop() {
				r.Sealers()
			}
		})
	}
}

func TestRemovalOfOneOfAThousandFits(t *testing.T) {
	if testing.Short() {
		t.Skip("signs a thousand joins")
	}
	_, env := removal(t, 999)
	if len(env) > 160<<10 {
		t.Errorf("the entry takes %d bytes", len(env))
	}
}
