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
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func sortStrings(s []string)        { slices.Sort(s) }
func contains(s, part string) bool  { return strings.Contains(s, part) }
func repeat(s string, n int) string { return strings.Repeat(s, n) }
func sayValue(v any) string         { return fmt.Sprintf("%T %v", v, v) }

func sampleValues() []any {
	return []any{
		nil, false, true, int64(0), int64(23), int64(24), int64(255), int64(256), int64(65535), int64(65536),
		int64(math.MaxUint32), int64(math.MaxUint32 + 1), int64(math.MaxInt64), int64(-1), int64(-24), int64(-25), int64(math.MinInt64),
		0.0, 1.0, -1.5, 65504.0, 65505.0, 5.960464477539063e-8, 6.103515625e-5, 1.1, float64(float32(3.4028234663852886e38)), 1e39,
		math.MaxFloat64, math.SmallestNonzeroFloat64, -4.1, 1.401298464324817e-45,
		"", "a", "ü水😀", "a\x00b", []byte{}, []byte{0xff}, []byte("sixteen bytes !!"), strings.Repeat("x", 300),
	}
}

func TestValueVectors(t *testing.T) {
	const file = "value.json"
	if *update {
		var out []vector
		for i, v := range sampleValues() {
			out = append(out, vector{Name: fmt.Sprint(i), Hex: hex.EncodeToString(value(v)), Says: sayValue(v)})
		}
		writeVectors(t, file, out)
	}
	for _, v := range readVectors(t, file) {
		got, err := DecodeValue(unhex(t, v.Hex))
		if err != nil || sayValue(got) != v.Says {
			t.Errorf("%s: %s, %v; want %v", v.Hex, sayValue(got), err, v.Says)
		}
		if b, err := EncodeValue(got); err != nil || hex.EncodeToString(b) != v.Hex {
			t.Errorf("%s: encoded again: %x, %v", v.Hex, b, err)
		}
	}
}

func TestValueVectorsRefused(t *testing.T) {
	const file = "value-refused.json"
	if *update {
		var out []vector
		for h, why := range map[string]string{
			"": "ends early", "f6f6": "trailing", "1817": "shortest", "190018": "shortest", "1a00000100": "shortest",
			"1b0000000000000001": "shortest", "1b8000000000000000": "beyond 64 bits", "3b8000000000000000": "beyond 64 bits",
			"18": "ends early", "41": "ends early", "5b7fffffffffffffff00": "ends early", "61ff": "UTF-8", "62c080": "UTF-8",
			"80": "scalar", "a0": "scalar", "c000": "scalar", "f7": "simple", "f0": "simple", "f820": "simple", "f814": "simple",
			"f97e00": "real", "f97c00": "real", "f9fc00": "real", "f98000": "real", "fa3f800000": "real", "fb3ff0000000000000": "real",
			"fb7ff0000000000000": "real", "fa7fc00000": "real", "fb8000000000000000": "real", "fb3ff8000000000000": "real",
			"7f6161ff": "indefinite", "1c": "indefinite", "1f": "indefinite", "ff": "indefinite",
		} {
			out = append(out, vector{Name: h, Hex: h, Refuse: why})
		}
		slices.SortFunc(out, func(a, b vector) int { return strings.Compare(a.Name, b.Name) })
		writeVectors(t, file, out)
	}
	checkRefused(t, file, func(b []byte) error { _, err := DecodeValue(b); return err })
}

func TestEncodeValueRefuses(t *testing.T) {
	for _, v := range []any{math.NaN(), math.Inf(1), math.Inf(-1), math.Copysign(0, -1), "\xff", 7, uint64(1), []any{}, struct{}{}} {
		if b, err := EncodeValue(v); !errors.Is(err, wire.ErrMalformed) {
			t.Errorf("%v: %x, %v", v, b, err)
		}
	}
}

// TestValuesAgreeWithLibrary: what this package writes is what wire writes.
func TestValuesAgreeWithLibrary(t *testing.T) {
	check := func(t interface{ Fatalf(string, ...any) }, v any) {
		want, err := wire.MarshalCBOR(v)
		if err != nil {
			t.Fatalf("%v: %v", v, err)
		}
		got, err := EncodeValue(v)
		if err != nil || string(got) != string(want) {
			t.Fatalf("%v: %x, %v; library %x", v, got, err, want)
		}
		back, err := DecodeValue(got)
		if d := cmp.Diff(v, back); err != nil || d != "" {
			t.Fatalf("%x: %v %s", got, err, d)
		}
	}
	for _, v := range sampleValues() {
		check(t, v)
	}
	rapid.Check(t, func(t *rapid.T) {
		f := rapid.OneOf(rapid.Float64(), rapid.Map(rapid.Float32(), func(f float32) float64 { return float64(f) }),
			rapid.Map(rapid.Uint16(), fromHalf)).Filter(func(f float64) bool {
			return !math.IsNaN(f) && !math.IsInf(f, 0) && !(f == 0 && math.Signbit(f))
		})
		check(t, f.Draw(t, "real"))
		check(t, rapid.Int64().Draw(t, "int"))
		check(t, rapid.String().Draw(t, "text"))
		check(t, rapid.SliceOf(rapid.Byte()).Draw(t, "bytes"))
	})
}

// TestHalf goes through all 65,536 of them.
func TestHalf(t *testing.T) {
	for h := range 1 << 16 {
		f := fromHalf(uint16(h))
		if math.IsNaN(f) {
			continue
		}
		if got := half(float32(f)); got != uint16(h) {
			t.Fatalf("%04x is %v is %04x", h, f, got)
		}
	}
}

// FuzzValue: both ways of reading one agree, with each other and with the
// library, and what is taken is printed again as it was.
func FuzzValue(f *testing.F) {
	seed(f, "value.json", "value-refused.json")
	f.Fuzz(func(t *testing.T, b []byte) {
		v, err := DecodeValue(b)
		r := reader{b: b}
		raw := r.raw()
		r.end()
		if (err == nil) != (r.err == nil) {
			t.Fatalf("value %v, raw %v", err, r.err)
		}
		if err != nil {
			return
		}
		again, err := EncodeValue(v)
		if err != nil || string(again) != string(b) || string(raw) != string(b) {
			t.Fatalf("%x printed as %x, %v", b, again, err)
		}
		if want, err := wire.MarshalCBOR(v); err != nil || string(want) != string(b) {
			t.Fatalf("%x: library prints %x, %v", b, want, err)
		}
	})
}

// seed adds the vectors' bytes to a fuzz corpus, and fails if there are none.
func seed(f *testing.F, files ...string) {
	n := 0
	for _, file := range files {
		for _, v := range readVectors(f, file) {
			f.Add(unhex(f, v.Hex))
			n++
		}
	}
	if n == 0 {
		f.Fatal("empty seed corpus")
	}
}
