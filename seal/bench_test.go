package seal

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"strings"
	"testing"

	"github.com/espace-git/espace-git/internal/wire"
)

var benchSizes = []struct {
	name string
	n    int
}{{"200B", 200}, {"64KiB", 64 << 10}, {"1MiB", 1 << 20}}

// benchText compresses about as well as rows of text do.
func benchText(n int) []byte {
	var b strings.Builder
	for i := 0; b.Len() < n; i++ {
		fmt.Fprintf(&b, "row %d: the meeting is moved to %d o'clock; ", i, i*7919%24)
	}
	return []byte(b.String()[:n])
}

func BenchmarkSeal(b *testing.B) {
	k := mustKey(b, "bench")
	for _, size := range benchSizes {
		b.Run(size.name, func(b *testing.B) {
			plaintext := benchText(size.n)
			b.SetBytes(int64(size.n))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := k.Seal(rand.Reader, nil, plaintext, wire.MinContent); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkOpen(b *testing.B) {
	k := mustKey(b, "bench")
	for _, size := range benchSizes {
		b.Run(size.name, func(b *testing.B) {
			plaintext := benchText(size.n)
			box, err := k.Seal(rand.Reader, nil, plaintext, wire.MinContent)
			if err != nil {
				b.Fatal(err)
			}
			b.SetBytes(int64(size.n))
			b.ReportAllocs()
			for b.Loop() {
				got, err := k.Open(nil, box, wire.MaxEntry)
				if err != nil || !bytes.Equal(got, plaintext) {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(len(box)), "box-B")
		})
	}
}

// BenchmarkWrap1000 wraps one secret for each of 1,000 devices: a seal of the greatest
// space. Its cost grows with the number of devices, and in no other way.
func BenchmarkWrap1000(b *testing.B) {
	recipients := make([]string, 1000)
	for i := range recipients {
		recipients[i] = mustPrivate(b, fmt.Sprint("device", i)).Recipient()
	}
	w := Wrap{Space: wire.Sum([]byte("space")), Secrets: testSecrets(1)}
	for b.Loop() {
		total := 0
		for _, r := range recipients {
			file, err := WrapSecrets(r, w)
			if err != nil {
				b.Fatal(err)
			}
			total += len(file)
		}
		b.ReportMetric(float64(total)/float64(len(recipients)), "B/wrap")
	}
}

func BenchmarkOpenWrap(b *testing.B) {
	for _, n := range []int{1, 1000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			k := mustPrivate(b, "device")
			file, err := WrapSecrets(k.Recipient(), Wrap{Secrets: testSecrets(n)})
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := OpenWrap(file, k); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(len(file)), "file-B")
		})
	}
}

func BenchmarkLaneKey(b *testing.B) {
	s := testSecrets(1)[0].Secret
	for b.Loop() {
		s.LaneKey(wire.Hash{1}, wire.Hash{2})
	}
}
