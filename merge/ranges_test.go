package merge

import (
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/espace-git/espace-git/internal/wire"
	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// rangesOf adds numbers one by one.
func rangesOf(t interface{ Fatalf(string, ...any) }, numbers ...uint64) (r Ranges) {
	for _, n := range numbers {
		if err := r.Add(n); err != nil {
			t.Fatalf("%d: %v", n, err)
		}
	}
	return r
}

// drawNumbers lie close together, at both ends of the numbers too.
func drawNumbers(t *rapid.T, name string) []uint64 {
	return rapid.SliceOfN(rapid.OneOf(rapid.Uint64Range(1, 30), rapid.Uint64Range(MaxNumber-9, MaxNumber)), 0, 30).Draw(t, name)
}

func numbersOf(r Ranges) map[uint64]bool {
	out := map[uint64]bool{}
	for x := range r.All() {
		for n := x.First; n <= x.Last; n++ {
			out[n] = true
		}
	}
	return out
}

func setOf(lists ...[]uint64) map[uint64]bool {
	out := map[uint64]bool{}
	for _, n := range slices.Concat(lists...) {
		out[n] = true
	}
	return out
}

// A set of ranges is a set of numbers: held against a map.
func TestRangesAreASet(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b, c := drawNumbers(t, "a"), drawNumbers(t, "b"), drawNumbers(t, "c")
		ra, rb, rc := rangesOf(t, a...), rangesOf(t, b...), rangesOf(t, c...)
		if d := gocmp.Diff(setOf(a), numbersOf(ra)); d != "" {
			t.Fatal(d)
		}
		for _, n := range append([]uint64{0, 1, 31, MaxNumber, MaxNumber + 1, math.MaxUint64}, b...) {
			if ra.Has(n) != setOf(a)[n] {
				t.Fatalf("%d is in the set: %t", n, ra.Has(n))
			}
			if want := n > 0 && n <= MaxNumber && !setOf(a, c)[n]; NumberCounts(n, ra, rc) != want {
				t.Fatalf("%d counts: %t", n, !want)
			}
		}
		if m := slices.Max(append(a, 0)); ra.Max() != m {
			t.Fatalf("greatest %d, want %d", ra.Max(), m)
		}
		union := ra.Union(rb, rc)
		if d := gocmp.Diff(setOf(a, b, c), numbersOf(union)); d != "" {
			t.Fatal(d)
		}
		if !union.Equal(rc.Union(ra, rb)) || !ra.Equal(rangesOf(t, a...)) {
			t.Fatal("the union depends on the order, or changes its parts")
		}
		again := rangesOf(t, rapid.Permutation(a).Draw(t, "order")...)
		if string(again.Encode()) != string(ra.Encode()) {
			t.Fatalf("%x and %x", again.Encode(), ra.Encode())
		}
		checkRangesCodec(t, union)
	})
}

func checkRangesCodec(t interface{ Fatalf(string, ...any) }, r Ranges) {
	back, err := DecodeRanges(r.Encode())
	if err != nil || !back.Equal(r) {
		t.Fatalf("%v came back as %v, %v", r, back, err)
	}
	inside := struct{ Used Ranges }{r}
	b, err := wire.MarshalCBOR(inside)
	if err != nil {
		t.Fatalf("as a field: %v", err)
	}
	inside.Used = Ranges{}
	if err := wire.UnmarshalCBOR(b, &inside); err != nil || !inside.Used.Equal(r) {
		t.Fatalf("as a field: %v", err)
	}
}

func TestRangesRefuseWhatIsNoNumber(t *testing.T) {
	var r Ranges
	for _, n := range []uint64{0, MaxNumber + 1, math.MaxUint64} {
		if err := r.Add(n); !errors.Is(err, wire.ErrMalformed) || r.Len() != 0 {
			t.Errorf("%d: %v", n, err)
		}
	}
}

// number-ranges-without-end: who leaves a gap after each number fills 10,000
// ranges and no more; numbers that close gaps, or stand in the set, still go in.
func TestAttackNumberRangesWithoutEnd(t *testing.T) {
	var r Ranges
	for n := uint64(1); r.Len() < wire.MaxNumberRanges; n += 2 {
		if err := r.Add(n); err != nil {
			t.Fatal(err)
		}
	}
	last := r.Max()
	for _, n := range []uint64{last + 2, MaxNumber} {
		if err := r.Add(n); !errors.Is(err, ErrRanges) || r.Max() != last {
			t.Errorf("%d: %v", n, err)
		}
	}
	full := r.Clone()
	for _, n := range []uint64{1, last, last + 1, 2} {
		if err := r.Add(n); err != nil {
			t.Errorf("%d: %v", n, err)
		}
	}
	if full.Has(2) || !r.Has(2) {
		t.Error("a clone shares memory")
	}
	if b := full.Encode(); len(b) > 8*wire.MaxNumberRanges {
		t.Errorf("%d bytes", len(b))
	}
	checkRangesCodec(t, full)
	checkUnionCloses(t, full)
}

// checkUnionCloses: a union beyond the bound closes its lowest gaps, the same
// for every order, and loses no number.
func checkUnionCloses(t *testing.T, full Ranges) {
	high := Ranges{}
	for i := range uint64(100) {
		if err := high.Add(MaxNumber - 3*i); err != nil {
			t.Fatal(err)
		}
	}
	union := full.Union(high)
	if union.Len() != wire.MaxNumberRanges || !union.Equal(high.Union(full)) {
		t.Errorf("%d ranges", union.Len())
	}
	if first := slices.Collect(union.All())[0]; first != (Range{1, 201}) || union.Has(202) || !union.Has(203) {
		t.Errorf("the first range is %v", first)
	}
	for x := range full.All() {
		if !union.Has(x.First) {
			t.Fatalf("%d got lost", x.First)
		}
	}
}

func sampleRanges() map[string][]Range {
	return map[string][]Range{
		"1 empty":       nil,
		"2 one number":  {{1, 1}},
		"3 no gap":      {{1, 100000}},
		"4 gaps":        {{2, 23}, {25, 25}, {27, 300}},
		"5 both ends":   {{1, 1}, {MaxNumber, MaxNumber}},
		"6 all numbers": {{1, MaxNumber}},
	}
}

func refusedRanges() []vector {
	return []vector{
		{Name: "empty", Hex: "", Refuse: "ends early"},
		{Name: "a map", Hex: "a0", Refuse: "number ranges expected"},
		{Name: "half a range", Hex: "8101", Refuse: "1 ends"},
		{Name: "number 0", Hex: "820001", Refuse: "ascend"},
		{Name: "number 2^63", Hex: "82011b8000000000000000", Refuse: "above"},
		{Name: "backwards", Hex: "820302", Refuse: "ascend"},
		{Name: "two that touch", Hex: "8401020304", Refuse: "ascend"},
		{Name: "two that overlap", Hex: "8401040206", Refuse: "ascend"},
		{Name: "descending", Hex: "8405060102", Refuse: "ascend"},
		{Name: "after the last number", Hex: "84011b7fffffffffffffff0203", Refuse: "ascend"},
		{Name: "long form", Hex: "82180101", Refuse: "shortest"},
		{Name: "trailing byte", Hex: "82010100", Refuse: "trailing"},
		{Name: "more than the input", Hex: "9a00014e20", Refuse: "longer than the input"},
		{Name: "text", Hex: "8261316132", Refuse: "expected"},
	}
}

func TestRangesVectors(t *testing.T) {
	const file, refused = "ranges.json", "ranges-refused.json"
	samples := sampleRanges()
	if *update {
		var out []vector
		for _, name := range sortedKeys(samples) {
			out = append(out, vector{Name: name, Hex: hex.EncodeToString(Ranges{samples[name]}.Encode()), Says: sayRanges(Ranges{samples[name]})})
		}
		writeVectors(t, file, out)
		writeVectors(t, refused, refusedRanges())
	}
	for _, v := range readVectors(t, file) {
		r, err := DecodeRanges(unhex(t, v.Hex))
		if d := gocmp.Diff(v.Says, jsonOf(t, sayRanges(r))); err != nil || d != "" {
			t.Errorf("%s: %v %s", v.Name, err, d)
		}
		if hex.EncodeToString(r.Encode()) != v.Hex {
			t.Errorf("%s: encoded again: %x", v.Name, r.Encode())
		}
	}
	checkRefused(t, refused, func(b []byte) error { _, err := DecodeRanges(b); return err })
}

func sayRanges(r Ranges) any {
	out := []string{}
	for x := range r.All() {
		out = append(out, fmt.Sprintf("%d-%d", x.First, x.Last))
	}
	return strings.Join(out, " ")
}

// One range more than may be is refused before anything is allocated for it.
func TestTooManyRanges(t *testing.T) {
	b := appendHead(nil, majorArray, 2*(wire.MaxNumberRanges+1))
	for n := range uint64(wire.MaxNumberRanges + 1) {
		b = appendUint(appendUint(b, 2*n+1), 2*n+1)
	}
	if _, err := DecodeRanges(b); !errors.Is(err, wire.ErrMalformed) {
		t.Error(err)
	}
	if n := testing.AllocsPerRun(10, func() { _, _ = DecodeRanges(b) }); n > 20 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzRanges(f *testing.F) {
	seed(f, "ranges.json", "ranges-refused.json")
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := DecodeRanges(b)
		if err != nil {
			return
		}
		if again := r.Encode(); string(again) != string(b) {
			t.Fatalf("%x printed as %x", b, again)
		}
		built := Ranges{}
		for x := range r.All() { // what came in by bytes could have come in by numbers
			if x.First <= built.Max()+1 && built.Len() > 0 || x.Last < x.First || x.First == 0 {
				t.Fatalf("%x holds %v", b, x)
			}
			built = built.Union(Ranges{[]Range{x}})
		}
		if !built.Equal(r) || r.Len() > wire.MaxNumberRanges {
			t.Fatalf("%v and %v", built, r)
		}
	})
}

func BenchmarkRangesAdd(b *testing.B) {
	full := Ranges{}
	for n := uint64(1); full.Len() < wire.MaxNumberRanges; n += 2 {
		_ = full.Add(n)
	}
	n := full.Max()
	b.ReportAllocs()
	for b.Loop() {
		n++
		_ = full.Add(n)
	}
}

func BenchmarkRangesDecodeFull(b *testing.B) {
	full := Ranges{}
	for n := uint64(1); full.Len() < wire.MaxNumberRanges; n += 2 {
		_ = full.Add(n)
	}
	raw := full.Encode()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := DecodeRanges(raw); err != nil {
			b.Fatal(err)
		}
	}
}
