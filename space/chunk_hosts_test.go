package space_test

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/espace-git/espace-git/chunks"
	"github.com/espace-git/espace-git/gitstore"
	"github.com/espace-git/espace-git/hooks"
	"github.com/espace-git/espace-git/internal/githost"
	"github.com/espace-git/espace-git/internal/sshdtest"
	"github.com/espace-git/espace-git/internal/wire"
	"github.com/espace-git/espace-git/space"
)

// via opens a person's space again, with another transport.
func (p *person) via(transport string) {
	p.t.Helper()
	dir, o := p.s.Dir(), p.options()
	p.s.Close()
	o.Git = transport
	var err error
	if p.s, err = space.Open(p.t.Context(), dir, o); err != nil {
		p.t.Fatal(err)
	}
}

// Chunks go up and down on every kind of host, with either transport.
func TestChunksOnHosts(t *testing.T) {
	hosts := map[string]func(t *testing.T) string{
		"http": func(t *testing.T) string { return httpRepository(t, nil).url },
		"path-with-hook": func(t *testing.T) string {
			h := newEvilHost(t)
			writeHook(t, h.dir+"/hooks/pre-receive", "#!/bin/sh\nexit 0\n")
			return h.dir
		},
		"ssh": func(t *testing.T) string {
			s, dir := sshdtest.Start(t), bareHost(t)
			s.Login(t)
			return s.URL(dir)
		},
	}
	for name, host := range hosts {
		for _, transport := range transports {
			t.Run(name+"/"+transport, func(t *testing.T) {
				if testing.Short() && name != "http" {
					t.Skip("one kind of host in short mode")
				}
				alice, bob := newPerson(t, "alice"), newPerson(t, "bob")
				alice.create(host(t))
				alice.via(transport)
				bob.join(alice.invite())
				alice.sync()
				bob.via(transport)
				data := content(chunks.Size + 100)
				refs := alice.stores(data, "a file")
				alice.sync()
				bob.sync()
				bob.mustRead(refs, alice, data)
			})
		}
	}
}

// onOldHost are two people on a host that serves no objects by name.
func onOldHost(t *testing.T) (alice, bob *person) {
	t.Helper()
	repo := httpRepository(t, func(h *githost.Server, _ string) {
		h.SetTamper(githost.Tamper{Fail: func(r *http.Request) int {
			r.Header.Del("Git-Protocol")
			return 0
		}})
	})
	alice, bob = newPerson(t, "alice"), newPerson(t, "bob")
	alice.create(repo.url)
	bob.join(alice.invite())
	alice.sync()
	return alice, bob
}

// A host that serves no objects by name gives the refs of who stored them.
func TestChunksFromOldHost(t *testing.T) {
	alice, bob := onOldHost(t)
	old, data := content(10), content(chunks.Size+100)
	first := alice.stores(old, "before a seal")
	alice.sync()
	if _, err := alice.s.Seal(t.Context(), space.SealOptions{}); err != nil {
		t.Fatal(err)
	}
	refs := alice.stores(data, "a file")
	alice.sync()
	bob.sync()
	bob.mustRead(refs, alice, data)
	bob.mustRead(first, alice, old)
}

// There, all refs together stay within one limit, not each.
func TestChunksFromOldHostAreBounded(t *testing.T) {
	alice, bob := onOldHost(t)
	data := content(100_000)
	refs := alice.stores(data, "wanted")
	for range 3 {
		alice.sync()
		alice.seal()
		alice.stores(content(100_000), "beside it")
	}
	alice.sync()
	bob.sync()
	r, err := bob.s.OpenChunksWithin(t.Context(), refs, 250_000, alice.deviceID())
	noError(t, err)
	if b, err := io.ReadAll(r); !errors.Is(err, gitstore.ErrTooBig) && !errors.Is(err, space.ErrNotFound) {
		t.Errorf("%d bytes, %v", len(b), err)
	}
	bob.mustRead(refs, alice, data)
}

// What the pre-receive hook demands of chunks is what is pushed.
func TestChunksPassTheHook(t *testing.T) {
	st, people := newMirrorStory(t, "alice", "bob")
	alice := people[0]
	alice.stores(content(7*chunks.Size), "a file")
	st.sync(alice)
	ref := st.host.ref("/files/")
	tip := st.host.refs()[ref]
	st.host.git("update-ref", "-d", ref)
	repo, err := gitstore.Open(st.host.dir)
	if err != nil {
		t.Fatal(err)
	}
	u := gitstore.RefUpdate{Name: ref}
	for _, step := range []string{tip + "~1", tip} {
		u.Old = u.New
		if err := u.New.UnmarshalText([]byte(st.host.git("rev-parse", step))); err != nil {
			t.Fatal(err)
		}
		if err := hooks.Check(repo, wire.DefaultRefs, []gitstore.RefUpdate{u}, nil); err != nil {
			t.Errorf("%s: %v", step, err)
		}
	}
}

// An upload that breaks off goes on where it was: what is on the host stays there.
func TestUploadGoesOn(t *testing.T) {
	var pushes, down atomic.Int64
	repo := httpRepository(t, func(h *githost.Server, _ string) {
		h.SetTamper(githost.Tamper{Body: func(r *http.Request, body io.Reader) io.Reader {
			if pushing(r) && pushes.Add(1) == down.Load() {
				return io.LimitReader(body, 5<<20)
			}
			return body
		}})
	})
	alice, bob := newPerson(t, "alice"), newPerson(t, "bob")
	alice.create(repo.url)
	bob.join(alice.invite())
	alice.sync()
	data := content(14 * chunks.Size)
	refs := alice.stores(data, "a file")
	pushes.Store(0)
	down.Store(2)
	if _, err := alice.s.Sync(t.Context()); err == nil {
		t.Error("the host went away, and nothing was said")
	}
	alice.waiting(9)
	alice.via("inprocess") // as after a crash
	before := pushes.Load()
	alice.sync()
	alice.waiting(0)
	if n := pushes.Load() - before; n > 4 { // two of chunks, one of the lane, and one more
		t.Errorf("%d pushes for what was left", n)
	}
	bob.sync()
	bob.mustRead(refs, alice, data)
}

// A download that breaks off keeps what came, and the next one fetches the rest.
func TestDownloadGoesOn(t *testing.T) {
	var broken atomic.Bool
	var got atomic.Int64
	repo := httpRepository(t, func(h *githost.Server, _ string) {
		h.SetTamper(githost.Tamper{Answer: func(r *http.Request, w io.Writer) io.Writer {
			if r.Method != http.MethodPost || !strings.HasSuffix(r.URL.Path, "/git-upload-pack") {
				return w
			}
			if got.Add(1) == 2 && broken.Load() {
				return githost.CutAfter(w, 3<<20)
			}
			return w
		}})
	})
	alice, bob := newPerson(t, "alice"), newPerson(t, "bob")
	alice.create(repo.url)
	bob.join(alice.invite())
	alice.sync()
	bob.via("inprocess")
	data := content(4 * chunks.Size)
	refs := alice.stores(data, "a file")
	alice.sync()
	bob.sync()
	broken.Store(true)
	got.Store(0)
	r, err := bob.s.OpenChunks(t.Context(), refs, alice.deviceID())
	if err != nil {
		t.Fatal(err)
	}
	part := make([]byte, 10)
	if _, err := r.ReadAt(part, 0); err != nil {
		t.Fatal(err)
	}
	if _, err := r.ReadAt(part, chunks.Size); !errors.Is(err, space.ErrUnreachable) {
		t.Errorf("broken off: %v", err)
	}
	if !bob.s.Holds(refs[0]) || bob.s.Holds(refs[1]) {
		t.Error("bob does not hold what came whole, or holds a part")
	}
	bob.mustRead(refs, alice, data)
}

// Offline, what is here can be read, and the rest says why not.
func TestChunksOffline(t *testing.T) {
	st, people := newMirrorStory(t, "alice", "bob")
	alice, bob := people[0], people[1]
	data := content(2000)
	refs := alice.stores(data, "a file")
	st.sync(alice)
	st.sync(bob)
	if err := os.Rename(st.host.dir, st.host.dir+".away"); err != nil {
		t.Fatal(err)
	}
	alice.mustRead(refs, alice, data)
	if _, err := bob.reads(refs, alice); err == nil || errors.Is(err, space.ErrNotFound) {
		t.Errorf("offline: %v", err)
	}
}

// A spoilt copy on the own disk is noticed, and the host's is read.
func TestChunkSpoiltHere(t *testing.T) {
	st, people := newMirrorStory(t, "alice", "bob")
	alice := people[0]
	data := content(200_000)
	refs := alice.stores(data, "a file")
	st.sync(alice)
	spoil(t, alice.s.Dir(), data, refs)
	alice.mustRead(refs, alice, data)
	if err := os.Rename(st.host.dir, st.host.dir+".away"); err != nil {
		t.Fatal(err)
	}
	if got, err := alice.reads(refs, alice); err == nil || len(got) > 0 {
		t.Errorf("%d bytes, %v", len(got), err)
	}
}

// spoil changes a byte in the middle of the largest pack of a space.
func spoil(t *testing.T, dir string, data []byte, refs []chunks.Ref) {
	t.Helper()
	repo := dir + "/.espace/git/objects/pack/"
	names, err := os.ReadDir(repo)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range names {
		b, err := os.ReadFile(repo + n.Name())
		if err != nil || !strings.HasSuffix(n.Name(), ".pack") || len(b) < len(data) {
			continue
		}
		b[len(b)/2] ^= 1
		if err := os.Chmod(repo+n.Name(), 0o600); err != nil {
			t.Fatal(err)
		}
		f, err := os.OpenFile(repo+n.Name(), os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.WriteAt(b, 0); err != nil {
			t.Fatal(err)
		}
		f.Close()
		return
	}
	t.Fatalf("no pack holds %v", refs)
}

// 300 MiB go up and down in memory for a few chunks.
func TestLargeFileInConstantMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("300 MiB")
	}
	const length, limit = 300 << 20, 128 << 20
	repo := httpRepository(t, nil)
	alice, bob := newPerson(t, "alice"), newPerson(t, "bob")
	alice.create(repo.url)
	bob.join(alice.invite())
	alice.sync()
	defer debug.SetGCPercent(debug.SetGCPercent(10))
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(limit))
	runtime.GC()
	peak, stop := heapPeak()
	seed := [32]byte{7}
	refs, err := alice.s.StoreChunks(t.Context(), io.LimitReader(rand.NewChaCha8(seed), length), space.Row{"title": "large"})
	if err != nil {
		t.Fatal(err)
	}
	stored := peak.Load()
	alice.sync()
	pushed := peak.Load()
	bob.sync()
	r, err := bob.s.OpenChunks(t.Context(), refs, alice.deviceID())
	if err != nil {
		t.Fatal(err)
	}
	same := &comparing{with: io.LimitReader(rand.NewChaCha8(seed), length)}
	if n, err := io.Copy(same, r); err != nil || n != length {
		t.Errorf("%d bytes, %v", n, err)
	}
	stop()
	t.Logf("heap at most: storing %d MiB, and pushing %d MiB, and fetching and reading %d MiB", stored>>20, pushed>>20, peak.Load()>>20)
	if peak.Load() > limit {
		t.Errorf("%d MiB of heap in use, limit %d", peak.Load()>>20, limit>>20)
	}
}

// heapPeak watches how much of the heap is in use.
func heapPeak() (peak *atomic.Uint64, stop func()) {
	peak = new(atomic.Uint64)
	end, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			peak.Store(max(peak.Load(), m.HeapAlloc))
			select {
			case <-end:
				return
			case <-time.After(10 * time.Millisecond):
			}
		}
	}()
	return peak, func() { close(end); <-done }
}

// comparing is a writer that fails where it gets something else than with has.
type comparing struct{ with io.Reader }

func (c *comparing) Write(p []byte) (int, error) {
	want := make([]byte, len(p))
	if _, err := io.ReadFull(c.with, want); err != nil || !bytes.Equal(want, p) {
		return 0, errors.Join(errors.New("other bytes"), err)
	}
	return len(p), nil
}
