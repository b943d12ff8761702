package gitstore

import (
	"context"
	"crypto/sha1"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/espace-git/espace-git/internal/wire"
)

// fakeHost speaks just enough protocol to serve any bytes as a list of refs and
// as a pack: what no real git would send.
type fakeHost struct {
	refs  map[string]wire.ObjectID
	pack  []byte
	list  func(io.Writer) // instead of refs
	posts int
	caps  string // more capabilities
}

func (h *fakeHost) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodGet {
		w.Header().Set("Content-Type", "application/x-git-upload-pack-advertisement")
		w.Write(appendPkt(nil, "# service=git-upload-pack\n"))
		io.WriteString(w, "0000")
		if h.list != nil {
			h.list(w)
			return
		}
		w.Write(advertBytes(h.refs, h.caps))
		return
	}
	io.Copy(io.Discard, r.Body)
	h.posts++
	w.Header().Set("Content-Type", "application/x-git-upload-pack-result")
	w.Write(appendPkt(nil, "NAK\n"))
	w.Write(banded(h.pack))
}

func advertBytes(refs map[string]wire.ObjectID, more string) []byte {
	var b []byte
	caps := "\x00side-band-64k ofs-delta agent=fake" + more
	for name, id := range refs {
		b = appendPkt(b, "%s %s%s\n", id, name, caps)
		caps = ""
	}
	return append(b, "0000"...)
}

// banded wraps bytes in band 1 packets.
func banded(data []byte) []byte {
	var b []byte
	for len(data) > 0 {
		n := min(len(data), 60000)
		b = append(fmt.Appendf(b, "%04x\x01", n+5), data[:n]...)
		data = data[n:]
	}
	return append(b, "0000"...)
}

// testPack prints a pack of raw entries.
func testPack(entries ...[]byte) []byte {
	b := appendPackHeader(nil, len(entries))
	for _, e := range entries {
		b = append(b, e...)
	}
	sum := sha1.Sum(b)
	return append(b, sum[:]...)
}

// fetchFake fetches from a fake host by both transports into empty stores.
func fetchFake(t *testing.T, h *fakeHost, l Limits, check func(t *testing.T, r *Repo, f *Fetched, err error)) {
	t.Helper()
	for _, via := range []Transport{InProcess, SystemGit} {
		t.Run(string(via), func(t *testing.T) {
			s := httptest.NewServer(h)
			defer s.Close()
			r := newRepo(t)
			ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
			defer cancel()
			f, err := dial(t, r, s.URL+"/x.git", via).Fetch(ctx, FetchRequest{Patterns: []string{"refs/espace/*"}, Limits: l})
			check(t, r, f, err)
			noLeftovers(t, r)
			if n := len(r.current().packs); n != 0 && (f == nil || len(f.Failed) == len(f.Refs)) {
				t.Errorf("%d packs of a refused fetch are in the store", n)
			}
		})
	}
}

// refused expects that the one ref could not be had, for one of these reasons.
func refused(want ...error) func(*testing.T, *Repo, *Fetched, error) {
	return func(t *testing.T, _ *Repo, f *Fetched, err error) {
		t.Helper()
		if err == nil {
			for _, e := range f.Failed {
				err = e
			}
		}
		for _, w := range want {
			if errors.Is(err, w) {
				return
			}
		}
		t.Errorf("got %v, want one of %v", err, want)
	}
}

// TestFaultyPacks: every way in which a pack can be wrong.
func TestFaultyPacks(t *testing.T) {
	needGit(t)
	isolate(t)
	blob := []byte("a blob of a host")
	id := BlobID(blob)
	entry := appendEntry(nil, kindBlob, blob)
	whole := testPack(entry)
	flipped := func(i int) []byte {
		b := append([]byte(nil), whole...)
		b[i] ^= 0xff
		return b
	}
	cases := []struct {
		name string
		pack []byte
		want []error
	}{
		{"empty", nil, []error{ErrUnreachable, ErrProtocol, ErrCorrupt}},
		{"no-pack", []byte("this is no pack at all, but long enough"), []error{ErrProtocol, ErrCorrupt}},
		{"header-cut", whole[:8], []error{ErrUnreachable, ErrCorrupt}},
		{"entry-cut", whole[:20], []error{ErrUnreachable, ErrCorrupt}},
		{"checksum-cut", whole[:len(whole)-5], []error{ErrUnreachable, ErrCorrupt}},
		{"checksum-wrong", flipped(len(whole) - 1), []error{ErrCorrupt}},
		{"byte-flipped", flipped(25), []error{ErrCorrupt}},
		{"kind-0", testPack(append([]byte{0x05}, entry[1:]...)), []error{ErrCorrupt}},
		{"other-object", testPack(appendEntry(nil, kindBlob, []byte("another"))), []error{ErrMissing}},
		{"delta-without-base", testPack(refDelta(wire.ObjectID{1}, 10, 10)), []error{ErrCorrupt}},
		{"delta-of-itself", testPack(ofsDelta(0)), []error{ErrCorrupt}},
		{"count-too-high", append(appendPackHeader(nil, 1<<30), entry...), []error{ErrTooBig, ErrUnreachable, ErrCorrupt}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			h := &fakeHost{refs: map[string]wire.ObjectID{"refs/espace/x": id}, pack: c.pack}
			fetchFake(t, h, Limits{}, refused(c.want...))
		})
	}
	t.Run("whole", func(t *testing.T) {
		h := &fakeHost{refs: map[string]wire.ObjectID{"refs/espace/x": id}, pack: whole}
		fetchFake(t, h, Limits{}, func(t *testing.T, r *Repo, f *Fetched, err error) {
			if err != nil || len(f.Failed) > 0 || !r.Has(id) {
				t.Errorf("%+v, %v", f, err)
			}
		})
	})
	t.Run("more-than-asked", func(t *testing.T) {
		junk := []byte("nobody asked for this")
		h := &fakeHost{refs: map[string]wire.ObjectID{"refs/espace/x": id}, pack: testPack(entry, appendEntry(nil, kindBlob, junk))}
		fetchFake(t, h, Limits{}, func(t *testing.T, r *Repo, f *Fetched, err error) {
			if err != nil || !r.Has(id) || r.Has(BlobID(junk)) {
				t.Errorf("%+v, %v; junk kept: %v", f, err, r.Has(BlobID(junk)))
			}
		})
	})
}

// refDelta is a delta entry that makes size bytes by one copy from base.
func refDelta(base wire.ObjectID, baseSize, size int) []byte {
	body := copyDelta(baseSize, size)
	e := append(appendEntryHeader(nil, kindRefDelta, len(body)), base[:]...)
	return append(e, appendDeflated(nil, body)...)
}

func ofsDelta(back byte) []byte {
	body := copyDelta(10, 10)
	return append(append(appendEntryHeader(nil, kindOfsDelta, len(body)), back), appendDeflated(nil, body)...)
}

// copyDelta makes size bytes out of copies of the first 64 KiB of its base.
func copyDelta(baseSize, size int) []byte {
	b := appendLEB(appendLEB(nil, baseSize), size)
	for size > 0 {
		n := min(size, baseSize, 0x10000)
		b = append(b, 0x80|0x10|0x20|0x40, byte(n), byte(n>>8), byte(n>>16))
		size -= n
	}
	return b
}

func appendLEB(b []byte, n int) []byte {
	for ; n >= 0x80; n >>= 7 {
		b = append(b, byte(n)|0x80)
	}
	return append(b, byte(n))
}
