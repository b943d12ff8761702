package gitstore

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"net/http/httptest"
	"testing"

	"github.com/espace-git/espace-git/internal/wire"
)

// addBlobs pushes blobs as the files of one commit.
func addBlobs(t testing.TB, r *Repo, m Remote, ref string, blobs ...[]byte) (ids []wire.ObjectID) {
	t.Helper()
	s := r.Blobs()
	defer s.Close()
	var files []TreeEntry
	for i, data := range blobs {
		id := BlobID(data)
		if err := s.Add(id, data); err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
		files = append(files, TreeEntry{string(rune('a' + i)), ModeFile, id})
	}
	if err := s.Flush(); err != nil {
		t.Fatal(err)
	}
	b := r.Batch()
	tip := b.Commit(commitText(b.Tree(files), "files"))
	if err := b.Flush(); err != nil {
		t.Fatal(err)
	}
	mustPush(t, m, RefUpdate{ref, none, tip})
	return ids
}

func noise(n int) []byte {
	b := make([]byte, n)
	rand.Read(b)
	return b
}

// contractObjects: of what a host has, exactly the objects that were named arrive.
func contractObjects(t *testing.T, side farSide, via Transport) {
	alice, bob := newRepo(t), newRepo(t)
	a, b, c, large := noise(2000), noise(10), noise(300_000), noise(3<<20)
	ids := addBlobs(t, alice, dial(t, alice, side.url, via), "refs/espace/0-aa/files/x", a, b, c, large)
	m := dial(t, bob, side.url, via)
	failed, err := m.FetchObjects(context.Background(), []wire.ObjectID{ids[0], ids[2], ids[0]}, Limits{})
	if err != nil || len(failed) > 0 {
		t.Fatalf("%v, %v", failed, err)
	}
	if got, err := bob.Blob(ids[0], MaxObject); err != nil || !bytes.Equal(got, a) {
		t.Errorf("%v", err)
	}
	if !bob.Has(ids[2]) || bob.Has(ids[1]) {
		t.Error("the wrong blobs arrived")
	}
	nowhere := BlobID([]byte("nobody has this"))
	failed, err = m.FetchObjects(context.Background(), []wire.ObjectID{nowhere, ids[1]}, Limits{})
	if err != nil || !errors.Is(failed[nowhere], ErrMissing) || failed[ids[1]] != nil || !bob.Has(ids[1]) {
		t.Errorf("one that is missing: %v, %v", failed, err)
	}
	failed, err = m.FetchObjects(context.Background(), []wire.ObjectID{ids[3]}, Limits{Bytes: 1 << 20})
	if err == nil {
		err = failed[ids[3]]
	}
	if !errors.Is(err, ErrTooBig) || bob.Has(ids[3]) {
		t.Errorf("beyond the limit: %v", err)
	}
	noLeftovers(t, bob)
	fsck(t, bob.Dir())
}

// A host that speaks only version 0 and allows no names says so.
func TestObjectsRefused(t *testing.T) {
	needGit(t)
	isolate(t)
	data := []byte("a chunk")
	for _, via := range []Transport{InProcess, SystemGit} {
		h := &fakeHost{refs: map[string]wire.ObjectID{"refs/espace/x": BlobID([]byte("x"))}, pack: testPack(appendEntry(nil, kindBlob, data))}
		s := httptest.NewServer(h)
		defer s.Close()
		r := newRepo(t)
		failed, err := dial(t, r, s.URL+"/x.git", via).FetchObjects(t.Context(), []wire.ObjectID{BlobID(data)}, Limits{})
		if err == nil {
			err = failed[BlobID(data)]
		}
		if !errors.Is(err, ErrRefused) || r.Has(BlobID(data)) || h.posts != 0 {
			t.Errorf("%s: %v, %d requests", via, err, h.posts)
		}
		noLeftovers(t, r)
	}
}

// A host of version 0 whose owner allows reachable objects by name serves them.
func TestObjectsByVersion0(t *testing.T) {
	isolate(t)
	data := []byte("a chunk")
	h := &fakeHost{refs: map[string]wire.ObjectID{"refs/espace/x": BlobID([]byte("x"))}, pack: testPack(appendEntry(nil, kindBlob, data)),
		caps: " allow-reachable-sha1-in-want"}
	s := httptest.NewServer(h)
	defer s.Close()
	r := newRepo(t)
	failed, err := dial(t, r, s.URL+"/x.git", InProcess).FetchObjects(t.Context(), []wire.ObjectID{BlobID(data)}, Limits{})
	if err != nil || len(failed) > 0 || !r.Has(BlobID(data)) {
		t.Errorf("%v, %v", failed, err)
	}
}

// A host that shows version 2 where refs were asked for has not shown that it has none.
func TestVersion2Unasked(t *testing.T) {
	isolate(t)
	h := &fakeHost{list: func(w io.Writer) { io.WriteString(w, "000eversion 2\n000cfetch=x\n0000") }}
	s := httptest.NewServer(h)
	defer s.Close()
	m := dial(t, newRepo(t), s.URL+"/x.git", InProcess)
	if f, err := m.Fetch(t.Context(), FetchRequest{Patterns: []string{"refs/*"}}); !errors.Is(err, ErrProtocol) {
		t.Errorf("%v, %v", f, err)
	}
}

// TestBlobs: more than a pack holds, some twice, read back and judged by git.
func TestBlobs(t *testing.T) {
	r := newRepo(t)
	s := r.Blobs()
	defer s.Close()
	var all [][]byte
	for i := range blobsInPack + 5 {
		data := noise(1000 + i)
		all = append(all, data)
		for range 2 {
			if err := s.Add(BlobID(data), data); err != nil {
				t.Fatal(err)
			}
		}
	}
	if r.Has(BlobID(all[len(all)-1])) {
		t.Error("stored before Flush")
	}
	if err := s.Flush(); err != nil {
		t.Fatal(err)
	}
	for _, data := range all {
		if got, err := r.Blob(BlobID(data), MaxObject); err != nil || !bytes.Equal(got, data) {
			t.Errorf("%v", err)
		}
	}
	if n := len(r.current().packs); n != 2 {
		t.Errorf("%d packs", n)
	}
	if err := s.Add(BlobID(nil), nil); err != nil {
		t.Fatal(err)
	}
	s.Close()
	if err := s.Flush(); err != nil || r.Has(BlobID(nil)) {
		t.Errorf("closed: %v", err)
	}
	noLeftovers(t, r)
	fsck(t, r.Dir())
}

// BlobUnchecked gives what Blob gives, however it is stored, and where the bytes are
// others, it is those: the caller's to notice.
func TestBlobUnchecked(t *testing.T) {
	r := newRepo(t)
	s := r.Blobs()
	defer s.Close()
	sizes := []int{0, 1, 5, 0xfffe, 0xffff, 0x10000, 2*0xffff - 1, 2 * 0xffff, 300_000}
	var all [][]byte
	for _, n := range sizes {
		data := noise(n)
		all = append(all, data)
		if err := s.Add(BlobID(data), data); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Flush(); err != nil {
		t.Fatal(err)
	}
	needGit(t)
	loose := gitIn(t, r.Dir(), "written by git", "hash-object", "-w", "--stdin")
	id, _ := wire.ParseObjectID(loose)
	if got, err := r.BlobUnchecked(id, 14); err != nil || string(got) != "written by git" {
		t.Errorf("%q, %v", got, err)
	}
	for _, data := range all {
		if got, err := r.BlobUnchecked(BlobID(data), len(data)); err != nil || !bytes.Equal(got, data) {
			t.Errorf("%d bytes: %d, %v", len(data), len(got), err)
		}
		if len(data) > 0 {
			if _, err := r.BlobUnchecked(BlobID(data), len(data)-1); !errors.Is(err, ErrTooBig) {
				t.Errorf("%d bytes, one less asked for: %v", len(data), err)
			}
		}
	}
	if _, err := r.BlobUnchecked(wire.ObjectID{1}, 10); !errors.Is(err, ErrNotFound) {
		t.Errorf("missing: %v", err)
	}
}

// A blob that is written block by block is what an entry holds.
func TestStoredBlobEntry(t *testing.T) {
	for _, n := range []int{0, 1, 0xffff, 0x10000, 200_000} {
		r, data := newRepo(t), noise(n)
		w, err := newPackWriter(r.disk, r.packDir(), 2)
		if err != nil {
			t.Fatal(err)
		}
		defer w.discard()
		entry := appendEntry(nil, kindBlob, data)
		if err := firstError(w.raw(wire.ObjectID{1}, entry), w.storedBlobEntry(wire.ObjectID{2}, data), w.w.Flush()); err != nil {
			t.Fatal(err)
		}
		got := make([]byte, len(entry))
		if _, err := w.f.ReadAt(got, int64(packHeaderSize+len(entry))); err != nil || !bytes.Equal(got, entry) {
			t.Errorf("%d bytes: another entry (%v)", n, err)
		}
		a, b := w.records[0], w.records[1]
		if a.crc != b.crc || b.offset != a.offset+uint64(len(entry)) || w.offset != b.offset+uint64(len(entry)) {
			t.Errorf("%d bytes: %+v %+v", n, a, b)
		}
	}
}
