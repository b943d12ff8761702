package space_test

import (
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/espace-git/espace-git/space"
)

// peak is the most heap that is in use while fn runs, in bytes.
func peak(fn func()) uint64 {
	runtime.GC()
	var most atomic.Uint64
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			most.Store(max(most.Load(), m.HeapInuse))
			select {
			case <-stop:
				return
			case <-time.After(5 * time.Millisecond):
			}
		}
	}()
	fn()
	close(stop)
	<-done
	return most.Load()
}

// A file of 256 MiB is put, put again with a change, sent, read by another and saved
// with memory for some chunks.
func TestFileInLittleMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("256 MiB")
	}
	_, people := newMirrorStory(t, "alice", "bob")
	alice, bob := people[0], people[1]
	const size, limit = 256 << 20, 192 << 20
	put := func(first byte) {
		head := io.MultiReader(&repeated{b: first, n: 1}, io.LimitReader(rand.NewChaCha8([32]byte{1}), size-1))
		if _, _, err := alice.s.Files().Put(t.Context(), "big", head, space.PutOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	steps := map[string]func(){
		"put":     func() { put(1) },
		"again":   func() { put(2) },
		"sync":    func() { settled(alice, bob) },
		"get":     func() { bob.saves("big", filepath.Join(t.TempDir(), "big"), size) },
		"changed": func() { put(3) },
	}
	for _, name := range []string{"put", "again", "sync", "get", "changed"} {
		start := time.Now()
		most := peak(steps[name])
		t.Logf("%-8s %6.2f s, heap %d MiB", name, time.Since(start).Seconds(), most>>20)
		if most > limit {
			t.Errorf("%s takes %d MiB", name, most>>20)
		}
	}
}

func (p *person) saves(path, dst string, size int64) {
	p.t.Helper()
	if _, err := p.s.Files().Save(p.t.Context(), path, dst, space.SaveOptions{}); err != nil {
		p.t.Fatal(err)
	}
	if info, err := os.Stat(dst); err != nil || info.Size() != size {
		p.t.Errorf("%v, %v", info, err)
	}
}

type repeated struct {
	b byte
	n int
}

func (r *repeated) Read(p []byte) (int, error) {
	if r.n == 0 || len(p) == 0 {
		return 0, io.EOF
	}
	p[0], r.n = r.b, r.n-1
	return 1, nil
}
