package checkpoint

import (
	"bytes"
	"testing"
)

// Each target starts from the vectors, good and bad; vectors fails where there are none.

// FuzzPage: what reads is what would be printed.
func FuzzPage(f *testing.F) {
	for _, v := range vectors(f, "pages.json", freshPages) {
		f.Add([]byte(v.Page))
	}
	for _, v := range vectors(f, "pages-refused.json", freshRefusedPages) {
		f.Add([]byte(v.Bytes))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var p page
		err := readPage(b, func(key, value []byte) error { p.add(key, value); return nil })
		if err == nil && !bytes.Equal(p.encode(), b) {
			t.Errorf("%x is no page of its records", b)
		}
	})
}

// FuzzManifest: what decodes encodes to the same bytes.
func FuzzManifest(f *testing.F) {
	for _, v := range vectors(f, "checkpoint.json", func() []wholeVector { return freshWhole(f) }) {
		f.Add([]byte(v.Manifest))
	}
	for _, v := range vectors(f, "manifests-refused.json", func() []refusedVector { return freshRefusedManifests(f) }) {
		f.Add([]byte(v.Bytes))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := Decode(b)
		if err != nil {
			return
		}
		if again, err := m.Encode(); err != nil || !bytes.Equal(again, b) {
			t.Errorf("%x encodes to %x, %v", b, again, err)
		}
	})
}

// FuzzRead: a page that its author made by hand gives an error or records in order.
func FuzzRead(f *testing.F) {
	for _, v := range vectors(f, "pages.json", freshPages) {
		f.Add([]byte(v.Page))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > 1<<16 {
			return
		}
		u, h := handMade(t, b)
		var last []byte
		Read(u, h.fetch, func(key, value []byte) error {
			if bytes.Compare(key, last) <= 0 {
				t.Errorf("%x after %x", key, last)
			}
			last = bytes.Clone(key)
			return nil
		})
	})
}
