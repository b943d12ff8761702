package checkpoint

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/espace-git/espace-git/seal"
)

// drawState draws records of very different sizes.
func drawState(rt *rapid.T) []record {
	n := rapid.IntRange(0, 25).Draw(rt, "records")
	seed := rapid.Uint64().Draw(rt, "content")
	r := testRand(fmt.Sprint(seed))
	out := make([]record, n)
	for i := range out {
		size := rapid.OneOf(rapid.IntRange(0, 300), rapid.IntRange(20_000, 70_000), rapid.Just(BigValue), rapid.Just(BigValue+1)).Draw(rt, "size")
		value := make([]byte, size)
		r.Read(value)
		out[i] = record{fmt.Appendf(nil, "k%03d", i*10), value}
	}
	return out
}

// TestRecordsComeBack: any state comes back as it was, from pages within their
// limits; its digest depends on the records alone.
func TestRecordsComeBack(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		records := drawState(rt)
		cut := [32]byte(rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(rt, "cut"))
		b := New(testPlace, cut, nil, testRand("r"))
		h, digest := host{}, Digest{}
		b.Emit = func(p Page) error { h[p.Hash] = p.Blob; return nil }
		for _, r := range records {
			if err := b.Add(r.key, r.value); err != nil {
				rt.Fatal(err)
			}
			if err := digest.Add(r.key, r.value); err != nil {
				rt.Fatal(err)
			}
		}
		built, err := b.Finish()
		if err != nil {
			rt.Fatal(err)
		}
		got, m := readAll(t, through(t, built.Manifest), h)
		if !same(records, got) || built.Digest != digest.Sum() || m.Bytes != digest.Bytes() {
			rt.Fatal("another state came back")
		}
		for _, p := range m.Pages {
			checkPage(rt, m, p, h[p.Hash])
		}
	})
}

// checkPage: small values share pages of bounded size, big ones stand alone.
func checkPage(rt *rapid.T, m *Manifest, p PageRef, blob []byte) {
	plaintext, err := p.Key.OpenHashed(p.Hash, pageAD(m.Space), blob, maxPage)
	if err != nil {
		rt.Fatal(err)
	}
	records, big := 0, false
	err = readPage(plaintext, func(key, value []byte) error {
		records++
		big = big || len(value) > BigValue
		return nil
	})
	if err != nil || big && records > 1 || !big && len(plaintext) > PageEnd+maxHead {
		rt.Fatalf("page of %d records, %d bytes: %v", records, len(plaintext), err)
	}
}

// TestChangesMakeFewPages: after changes here and there a checkpoint reads back
// right, and each change made at most a few pages new.
func TestChangesMakeFewPages(t *testing.T) {
	base := rowsOf(2500, 100)
	before := build(t, testPlace, nil, base)
	h := host{}
	h.take(before)
	rapid.Check(t, func(rt *rapid.T) {
		records := slices.Clone(base)
		changes := rapid.IntRange(0, 4).Draw(rt, "changes")
		for range changes {
			i := rapid.IntRange(0, len(records)-2).Draw(rt, "at")
			switch rapid.SampledFrom([]string{"change", "insert", "delete"}).Draw(rt, "how") {
			case "change":
				records[i].value = rapid.SliceOfN(rapid.Byte(), 0, 200).Draw(rt, "value")
			case "insert":
				key := append(slices.Clone(records[i].key), 1)
				if bytes.Compare(key, records[i+1].key) < 0 {
					records = slices.Insert(records, i+1, record{key, []byte("new")})
				}
			case "delete":
				records = slices.Delete(records, i, i+1)
			}
		}
		after := build(t, nextPlace, before.Manifest, records)
		all := host{}
		for k, v := range h {
			all[k] = v
		}
		if news := all.take(after); news > 4*changes {
			rt.Fatalf("%d changes, %d of %d pages are new", changes, news, len(after.Pages))
		}
		got, m := readAll(t, through(t, after.Manifest), all)
		if !same(records, got) {
			rt.Fatal("another state came back")
		}
		if fresh := build(t, nextPlace, nil, records); fresh.Digest != m.Digest {
			rt.Fatal("the digest depends on the checkpoint before")
		}
	})
}

// TestBuilderRefuses: what breaks a limit or the order; then it only repeats that.
func TestBuilderRefuses(t *testing.T) {
	a := []byte("a")
	for name, r := range map[string]record{
		"key too long": {bytes.Repeat([]byte("k"), MaxKey+1), nil}, "value too long": {[]byte("b"), make([]byte, MaxValue+1)},
		"no key": {nil, a}, "same key": {a, a}, "lesser key": {[]byte("A"), a},
	} {
		b := New(testPlace, testCut, nil, testRand("r"))
		if err := b.Add(a, nil); err != nil {
			t.Fatal(err)
		}
		first := b.Add(r.key, r.value)
		if first == nil {
			t.Errorf("%s: taken", name)
			continue
		}
		if again := b.Add([]byte("z"), nil); again != first {
			t.Errorf("%s: then %v", name, again)
		}
		if _, err := b.Finish(); err == nil {
			t.Errorf("%s: finished", name)
		}
	}
}

// TestReusedOnlyWithinTheSpace: pages of another space would not open.
func TestReusedOnlyWithinTheSpace(t *testing.T) {
	records := rowsOf(100, 100)
	before := build(t, Place{Space: nextPlace.Epoch, Epoch: testPlace.Epoch}, nil, records)
	if news := (host{}).take(build(t, testPlace, before.Manifest, records)); news == 0 {
		t.Error("a page of another space is used again")
	}
}

// TestMostPages: a manifest with as many pages as there may be fits into a box; one
// more is refused before anything else is looked at.
func TestMostPages(t *testing.T) {
	m := &Manifest{Place: testPlace, Records: MaxPages + 1, Bytes: 1 << 40, Pages: make([]PageRef, MaxPages+1)}
	r := testRand("pages")
	for i := range m.Pages {
		key, err := seal.NewKey(r)
		if err != nil {
			t.Fatal(err)
		}
		p := PageRef{First: fmt.Appendf(nil, "r%024d", i), Key: key, Length: 64 << 10}
		r.Read(p.Hash[:])
		r.Read(p.Sum[:])
		m.Pages[i] = p
	}
	tooMany, err := m.Encode()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Decode(tooMany); !errors.Is(err, ErrMalformed) {
		t.Errorf("%d pages: %v", len(m.Pages), err)
	}
	m.Pages = m.Pages[:MaxPages]
	if u := through(t, m); len(u.Blobs()) != MaxPages {
		t.Errorf("%d pages came through", len(u.Blobs()))
	}
}
