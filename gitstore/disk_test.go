package gitstore

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/espace-git/espace-git/internal/wire"
)

// faultyDisk fails at its n-th writing step: "full" before the step is done,
// "lost" after it (done, but reported as failed), "crash" from it on for ever.
type faultyDisk struct {
	mu    sync.Mutex
	left  int
	mode  string
	steps []string
}

var errDisk = fmt.Errorf("injected: %w", syscall.ENOSPC)

func (d *faultyDisk) step(name string, do func() error) error {
	d.mu.Lock()
	d.steps = append(d.steps, name)
	d.left--
	hit := d.left == 0 || d.left < 0 && d.mode == "crash"
	d.mu.Unlock()
	if !hit {
		return do()
	}
	if d.mode == "lost" {
		if err := do(); err != nil {
			return err
		}
	}
	return errDisk
}

func (d *faultyDisk) Create(name string) (f file, err error) {
	err = d.step("create", func() error { f, err = realDisk{}.Create(name); return err })
	if err != nil && f != nil {
		f.Close()
		os.Remove(name) // a create that failed leaves no file
	}
	if err != nil {
		return nil, err
	}
	return &faultyFile{f, d}, nil
}

func (d *faultyDisk) Rename(from, to string) error {
	return d.step("rename", func() error { return realDisk{}.Rename(from, to) })
}

// Remove is cleaning up: it fails only after a crash.
func (d *faultyDisk) Remove(name string) error {
	d.mu.Lock()
	crashed := d.mode == "crash" && d.left <= 0
	d.mu.Unlock()
	if crashed {
		return errDisk
	}
	return realDisk{}.Remove(name)
}

func (d *faultyDisk) SyncDir(name string) error {
	return d.step("sync-dir", func() error { return realDisk{}.SyncDir(name) })
}

type faultyFile struct {
	file
	d *faultyDisk
}

func (f *faultyFile) Write(p []byte) (n int, err error) {
	err = f.d.step("write", func() error { n, err = f.file.Write(p); return err })
	if err != nil && f.d.mode != "lost" {
		n, _ = f.file.Write(p[:len(p)/2]) // torn
	}
	return n, err
}

func (f *faultyFile) Sync() error { return f.d.step("sync", f.file.Sync) }

// TestFaultTable: each writing step × {full, lost, crash}. Afterwards the store is
// as before or as wanted, git calls it clean, and the work can be done again.
func TestFaultTable(t *testing.T) {
	isolate(t)
	for _, work := range []struct {
		name string
		do   func(r *Repo, old wire.ObjectID) error
	}{
		{"flush", func(r *Repo, _ wire.ObjectID) error {
			b := r.Batch()
			b.Tree([]TreeEntry{{"f", ModeFile, b.Blob([]byte("new blob"))}})
			return b.Flush()
		}},
		{"stream", func(r *Repo, _ wire.ObjectID) error {
			s := r.Blobs()
			defer s.Close()
			for i := range blobsInPack + 1 { // two packs
				if i == 2 {
					s.unsynced = syncEvery // and a sync beside the writing
				}
				data := fmt.Appendf(nil, "blob %d", i)
				if err := s.Add(BlobID(data), data); err != nil {
					return err
				}
			}
			return s.Flush()
		}},
		{"set-ref", func(r *Repo, old wire.ObjectID) error { return r.SetRef("refs/heads/main", old, next(r)) }},
		{"set-refs", func(r *Repo, old wire.ObjectID) error {
			x, _, _ := r.Ref("refs/espace/x") // a crash between the two leaves one moved
			return r.SetRefs([]RefUpdate{{"refs/heads/main", old, next(r)}, {"refs/espace/x", x, old}})
		}},
		{"delete-ref", func(r *Repo, old wire.ObjectID) error { return r.SetRef("refs/heads/main", old, wire.ObjectID{}) }},
	} {
		for _, mode := range []string{"full", "lost", "crash"} {
			t.Run(work.name+"/"+mode, func(t *testing.T) { faultRow(t, mode, work.do) })
		}
	}
}

// next is a second commit that every test repository has.
func next(r *Repo) wire.ObjectID {
	refs, _ := r.Refs("refs/next")
	return refs["refs/next"]
}

func faultRow(t *testing.T, mode string, do func(*Repo, wire.ObjectID) error) {
	for step := 1; ; step++ {
		r := newRepo(t)
		old := addCommit(t, r, "a", "a")
		must(t, r.SetRef("refs/heads/main", none, old))
		must(t, r.SetRef("refs/next", none, addCommit(t, r, "b", "b", old)))
		d := &faultyDisk{left: step, mode: mode}
		r.disk = d
		err := do(r, old)
		if len(d.steps) < step {
			return // the work has fewer steps than that
		}
		if err == nil || !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("step %d (%s): error %v", step, d.steps[step-1], err)
		}
		again, oerr := Open(r.Dir())
		must(t, oerr)
		now, ok, rerr := again.Ref("refs/heads/main")
		if rerr != nil || ok && now != old && now != next(again) {
			t.Errorf("step %d (%s): main is at %s, %v", step, d.steps[step-1], now, rerr)
		}
		fsck(t, r.Dir())
		if mode == "crash" {
			removeLocks(t, r.Dir()) // what a minute does (TestStaleLock)
		} else {
			noLeftovers(t, r)
		}
		if mode == "full" && (!ok || now != old) {
			t.Errorf("step %d (%s): failed, and yet main is at %s", step, d.steps[step-1], now)
		}
		if err := do(again, now); ok && err != nil {
			t.Errorf("step %d (%s): doing it again: %v", step, d.steps[step-1], err)
		}
	}
}

func removeLocks(t *testing.T, dir string) {
	t.Helper()
	err := fs.WalkDir(os.DirFS(dir), ".", func(path string, d fs.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(path, ".lock") {
			os.Remove(dir + "/" + path)
		}
		return err
	})
	must(t, err)
}
