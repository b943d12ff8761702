package seal

import (
	"bytes"
	"testing"

	"github.com/espace-git/espace-git/internal/wire"
)

// Each target starts from the vectors, good and bad; vectors fails where there are none.

// FuzzOpen: a box of any bytes opens without a panic, and what opens is within the limit.
func FuzzOpen(f *testing.F) {
	k := mustKey(f, "box")
	for _, v := range vectors(f, "boxes.json", func() []boxVector { return freshBoxes(f) }) {
		f.Add([]byte(v.AD), []byte(v.Box))
	}
	f.Fuzz(func(t *testing.T, ad, box []byte) {
		got, err := k.Open(ad, box, 2000)
		if err == nil && len(got) > 2000 {
			t.Errorf("%d bytes", len(got))
		}
	})
}

// FuzzFrame: what lies under the encryption comes from a member, and that may be hostile.
func FuzzFrame(f *testing.F) {
	k := mustKey(f, "box")
	for _, v := range vectors(f, "boxes.json", func() []boxVector { return freshBoxes(f) }) {
		if len(v.Compressed) > 0 {
			f.Add([]byte(v.Compressed))
		}
	}
	f.Add(rleFrame(1<<31, 1<<20))
	f.Fuzz(func(t *testing.T, body []byte) {
		box := k.encrypt(append(make([]byte, nonceSize), frame(body, 0)...), nil)
		got, err := k.Open(nil, box, 1<<16)
		if err == nil && len(got) > 1<<16 {
			t.Errorf("%d bytes", len(got))
		}
	})
}

// FuzzUnframe: a frame is accepted if and only if it is the frame of its body.
func FuzzUnframe(f *testing.F) {
	for _, body := range []string{"", "a", "hello"} {
		f.Add(frame([]byte(body), 0))
		f.Add(frame([]byte(body), 512))
	}
	f.Fuzz(func(t *testing.T, framed []byte) {
		body, err := unframe(framed)
		if err == nil && !bytes.Equal(frame(body, len(framed)), framed) {
			t.Errorf("%x is no frame of %x", framed, body)
		}
	})
}

// FuzzOpenWrap: an age file of any bytes.
func FuzzOpenWrap(f *testing.F) {
	k := mustPrivate(f, "wrap")
	for _, v := range vectors(f, "wraps.json", func() []wrapVector { return freshWraps(f) }) {
		f.Add([]byte(v.File))
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		if w, err := OpenWrap(file, k); err == nil && len(w.Secrets) == 0 {
			t.Error("a wrap without secrets")
		}
		if _, err := OpenMail(k.Bytes(), file, 1000); err != nil && class(err) == err.Error() {
			t.Errorf("unclassed error: %v", err)
		}
	})
}

// FuzzDecodeWrap: what decodes encodes to the same bytes.
func FuzzDecodeWrap(f *testing.F) {
	label := wire.AD(wrapKind)
	for _, v := range vectors(f, "wraps.json", func() []wrapVector { return freshWraps(f) }) {
		if len(v.Plaintext) > 0 {
			body, err := unframe(v.Plaintext)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(bytes.TrimPrefix(body, label))
		}
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		w, err := decodeWrap(body)
		if err != nil {
			return
		}
		if again, err := encodeWrap(w); err != nil || !bytes.Equal(again, body) {
			t.Errorf("%x encodes as %x, %v", body, again, err)
		}
	})
}

// FuzzParseWrapPath: what parses prints the same.
func FuzzParseWrapPath(f *testing.F) {
	f.Add(WrapPath("age1pq1x", wire.DeviceID{1}, 0))
	f.Add(WrapPath("age1pq1x", wire.DeviceID{1}, 16))
	f.Add("../x/-1.age")
	f.Fuzz(func(t *testing.T, path string) {
		if n, err := ParseWrapPath(path); err == nil && (n.String() != path || n.Index >= WrapsPerWrapper) {
			t.Errorf("%q parses as %v", path, n)
		}
	})
}

// FuzzCheckRecipient: what is accepted can be encrypted to, unless its order is small.
func FuzzCheckRecipient(f *testing.F) {
	f.Add(mustPrivate(f, "r").Recipient())
	f.Add("age1pq1")
	f.Fuzz(func(t *testing.T, r string) {
		if CheckRecipient(r) == nil {
			if _, err := SealTo(r, nil); err != nil && class(err) != "malformed" {
				t.Error(err)
			}
		}
	})
}
