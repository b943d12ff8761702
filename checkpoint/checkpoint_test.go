package checkpoint

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"testing"

	"github.com/espace-git/espace-git/internal/wire"
	"github.com/espace-git/espace-git/seal"
)

var (
	testCut   = [32]byte{1, 2, 3}
	testPlace = Place{Space: wire.Sum([]byte("space")), Epoch: wire.Sum([]byte("epoch 1"))}
	nextPlace = Place{Space: testPlace.Space, Epoch: wire.Sum([]byte("epoch 2"))}
)

// stream is deterministic randomness: SHA-256 in counter mode.
type stream struct {
	seed string
	n    uint64
	rest []byte
}

func (s *stream) Read(b []byte) (int, error) {
	for len(s.rest) < len(b) {
		sum := sha256.Sum256(fmt.Appendf(nil, "%s %d", s.seed, s.n))
		s.n++
		s.rest = append(s.rest, sum[:]...)
	}
	n := copy(b, s.rest)
	s.rest = s.rest[n:]
	return n, nil
}

func testRand(seed string) io.Reader { return &stream{seed: seed} }

type record struct{ key, value []byte }

// rowsOf makes n records of about size bytes, as rows of a table are.
func rowsOf(n, size int) []record {
	out := make([]record, n)
	r := testRand("rows")
	for i := range out {
		key := make([]byte, 21)
		key[0] = 'r'
		binary.BigEndian.PutUint64(key[5:], uint64(i))
		value := make([]byte, size)
		r.Read(value)
		out[i] = record{key, value}
	}
	return out
}

func build(t testing.TB, at Place, prev *Manifest, records []record) *Built {
	t.Helper()
	b := New(at, testCut, prev, testRand("build"+at.Epoch.String()+fmt.Sprint(prev != nil)))
	for _, r := range records {
		if err := b.Add(r.key, r.value); err != nil {
			t.Fatal(err)
		}
	}
	built, err := b.Finish()
	if err != nil {
		t.Fatal(err)
	}
	return built
}

// host holds blobs by hash.
type host map[wire.Hash][]byte

func (h host) take(b *Built) int {
	news := 0
	for _, p := range b.Pages {
		if p.Blob != nil {
			h[p.Hash] = p.Blob
			news++
		}
	}
	return news
}

var errMissing = errors.New("missing")

func (h host) fetch(name wire.Hash) ([]byte, error) {
	if b, ok := h[name]; ok {
		return b, nil
	}
	return nil, errMissing
}

func manifestKey(t testing.TB, at Place) seal.Key {
	t.Helper()
	s, err := seal.SecretFrom(bytes.Repeat([]byte{9}, 32))
	if err != nil {
		t.Fatal(err)
	}
	return s.ManifestKey(at.Epoch)
}

// through seals and opens a manifest.
func through(t testing.TB, m *Manifest) *Unread {
	t.Helper()
	box, err := m.Seal(manifestKey(t, m.Place), testRand("manifest"))
	if err != nil {
		t.Fatal(err)
	}
	u, err := Open(m.Place, manifestKey(t, m.Place), box)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func readAll(t testing.TB, u *Unread, h host) (out []record, m *Manifest) {
	t.Helper()
	m, err := Read(u, h.fetch, func(key, value []byte) error {
		out = append(out, record{slices.Clone(key), slices.Clone(value)})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out, m
}

func same(a, b []record) bool {
	return slices.EqualFunc(a, b, func(x, y record) bool { return bytes.Equal(x.key, y.key) && bytes.Equal(x.value, y.value) })
}

func TestBuildAndRead(t *testing.T) {
	records := append(rowsOf(3000, 100), record{[]byte("s"), make([]byte, MaxValue)}, record{[]byte("t"), nil})
	built := build(t, testPlace, nil, records)
	h := host{}
	h.take(built)
	got, m := readAll(t, through(t, built.Manifest), h)
	if !same(got, records) {
		t.Error("other records came back")
	}
	if m.Digest != built.Digest || m.Records != uint64(len(records)) {
		t.Errorf("manifest says %s, %d records", m.Digest, m.Records)
	}
}

func TestEmptyState(t *testing.T) {
	built := build(t, testPlace, nil, nil)
	got, m := readAll(t, through(t, built.Manifest), host{})
	if len(got) != 0 || m.Digest != new(Digest).Sum() {
		t.Errorf("%d records, digest %s", len(got), m.Digest)
	}
}

// TestOneRowChangesFewPages: pages end where they did, soon after a change.
func TestOneRowChangesFewPages(t *testing.T) {
	records := rowsOf(100_000, 100)
	before := build(t, testPlace, nil, records)
	if n := len(before.Pages); n < 120 || n > 300 {
		t.Fatalf("%d pages for 12 MB", n)
	}
	edits := map[string]func([]record) []record{
		"change": func(r []record) []record { r[50_000].value = []byte("another value"); return r },
		"insert": func(r []record) []record {
			return slices.Insert(r, 50_001, record{append(slices.Clone(r[50_000].key), 1), []byte("new")})
		},
		"delete": func(r []record) []record { return slices.Delete(r, 50_000, 50_001) },
		"first":  func(r []record) []record { return slices.Insert(r, 0, record{[]byte("a"), []byte("new")}) },
	}
	for name, edit := range edits {
		after := build(t, nextPlace, before.Manifest, edit(slices.Clone(records)))
		h := host{}
		if news := h.take(after); news < 1 || news > 3 {
			t.Errorf("%s: %d of %d pages are new", name, news, len(after.Pages))
		}
		if after.Digest == before.Digest {
			t.Errorf("%s: same digest", name)
		}
	}
}

// TestErrorsOfOthers: what Emit, fetch and fn return comes back, and accuses nobody.
func TestErrorsOfOthers(t *testing.T) {
	mine := errors.New("disk full")
	records := rowsOf(3000, 100)
	b := New(testPlace, testCut, nil, testRand("r"))
	b.Emit = func(Page) error { return mine }
	var err error
	for _, r := range records {
		if err = b.Add(r.key, r.value); err != nil {
			break
		}
	}
	if !errors.Is(err, mine) {
		t.Errorf("Add: %v", err)
	}
	if _, err := b.Finish(); !errors.Is(err, mine) {
		t.Errorf("Finish: %v", err)
	}
	built := build(t, testPlace, nil, records)
	h := host{}
	h.take(built)
	n := 0
	_, err = Read(through(t, built.Manifest), h.fetch, func(key, value []byte) error {
		if n++; n == 2000 {
			return mine
		}
		return nil
	})
	if !errors.Is(err, mine) || errors.Is(err, ErrWrong) || n != 2000 {
		t.Errorf("Read, after %d records: %v", n, err)
	}
}
