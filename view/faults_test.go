package view

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/util/vfsutil"
	"github.com/ncruces/go-sqlite3/vfs"
)

// disk is a file layer below the encryption that can run full, and that knows
// what a power cut would leave.
type disk struct {
	vfs.VFS
	mu      sync.Mutex
	room    int // writes until the disk is full; negative: never
	full    error
	durable map[string][]byte // content at the last sync, by path
}

func newDisk() *disk { return &disk{VFS: vfs.Find(""), room: -1, durable: map[string][]byte{}} }

func (d *disk) OpenFilename(name *vfs.Filename, flags vfs.OpenFlag) (vfs.File, vfs.OpenFlag, error) {
	f, flags, err := vfsutil.WrapOpenFilename(d.VFS, name, flags)
	if err != nil {
		return nil, flags, err
	}
	return &diskFile{f, d, name.String()}, flags, nil
}

type diskFile struct {
	vfs.File
	disk *disk
	path string
}

func (f *diskFile) WriteAt(p []byte, off int64) (int, error) {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	if f.disk.room == 0 {
		return 0, f.disk.full
	}
	if f.disk.room > 0 {
		f.disk.room--
	}
	return f.File.WriteAt(p, off)
}

func (f *diskFile) Sync(flags vfs.SyncFlag) error {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	if err := f.File.Sync(flags); err != nil {
		return err
	}
	b, err := os.ReadFile(f.path)
	f.disk.durable[f.path] = b
	return err
}

func (f *diskFile) SharedMemory() vfs.SharedMemory { return vfsutil.WrapSharedMemory(f.File) }
func (f *diskFile) Unwrap() vfs.File               { return f.File }

// TestDiskFull lets the disk run full at each write of a transaction in turn:
// a clear error, and the store as it was; with room again, it goes on.
func TestDiskFull(t *testing.T) {
	for name, full := range map[string]error{"ENOSPC": vfs.SystemError(syscall.ENOSPC, sqlite3.FULL), "EIO": syscall.EIO} {
		t.Run(name, func(t *testing.T) {
			d := newDisk()
			d.full = full
			db, err := createOn(d, filepath.Join(t.TempDir(), "store.db"), testKey)
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			update(t, db, func(tx *Tx) error { return tx.SetSchema(parseSchema(t, benchSchema), 1) })
			failures := 0
			for n := 1; n <= 40; n++ {
				before := digest(t, db)
				d.mu.Lock()
				d.room = n - 1
				d.mu.Unlock()
				err := db.Update(context.Background(), func(tx *Tx) error { return write(tx, 1, n) })
				d.mu.Lock()
				d.room = -1
				d.mu.Unlock()
				if err == nil {
					continue
				}
				failures++
				if name == "ENOSPC" && !errors.Is(err, ErrFull) || errors.Is(err, ErrKey) || errors.Is(err, ErrCorrupt) {
					t.Errorf("after %d writes: %v", n-1, err)
				}
				if digest(t, db) != before {
					t.Errorf("after %d writes: the failed transaction had effect", n-1)
				}
				update(t, db, func(tx *Tx) error { return write(tx, 1, n) })
			}
			if failures < 5 {
				t.Errorf("only %d transactions failed: the disk was not in use", failures)
			}
			if got := len(rows(t, db, Query{Table: "tasks"})); got != 40 {
				t.Errorf("%d rows, want 40", got)
			}
			checkWhole(t, db, 40)
		})
	}
}

// TestDiskFullAtCreate leaves nothing behind.
func TestDiskFullAtCreate(t *testing.T) {
	dir := t.TempDir()
	d := newDisk()
	d.full = vfs.SystemError(syscall.ENOSPC, sqlite3.FULL)
	for d.room = 0; d.room < 20; d.room += 3 {
		room := d.room
		db, err := createOn(d, filepath.Join(dir, fmt.Sprint(room)), testKey)
		if err == nil {
			db.Close()
			break
		}
		if !errors.Is(err, ErrFull) {
			t.Errorf("after %d writes: %v", room, err)
		}
		entries, _ := os.ReadDir(dir)
		for _, e := range entries {
			t.Errorf("after %d writes: left behind: %s", room, e.Name())
		}
		d.room = room
	}
}

// TestPowerCut cuts the power after some acknowledged writes, in the middle of
// the next. What was synced is on the disk; of the rest each sector of 512 bytes
// is, or is not. The encryption rewrites whole blocks, so this would also damage
// what was acknowledged before if commits did not end on block boundaries.
func TestPowerCut(t *testing.T) {
	for seed := range uint64(8) {
		r := rand.New(rand.NewPCG(seed, 7))
		d := newDisk()
		db, err := createOn(d, filepath.Join(t.TempDir(), "store.db"), testKey)
		if err != nil {
			t.Fatal(err)
		}
		update(t, db, func(tx *Tx) error { return tx.SetSchema(parseSchema(t, benchSchema), 1) })
		acked := 5 + r.IntN(60)
		for n := 1; n <= acked; n++ {
			if r.IntN(15) == 0 {
				checkpoint(t, db)
			}
			update(t, db, func(tx *Tx) error { return write(tx, 1, n) })
		}
		d.full, d.room = syscall.EIO, r.IntN(25)
		db.Update(context.Background(), func(tx *Tx) error { return write(tx, 1, acked+1) })
		path := filepath.Join(t.TempDir(), "store.db")
		d.cut(t, r, db.Path(), path)
		again, err := Open(path, testKey)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		checkWhole(t, again, acked)
		again.Close()
		d.room = -1
		db.Close()
	}
}

func checkpoint(t *testing.T, db *DB) {
	t.Helper()
	c, err := db.acquire()
	if err != nil {
		t.Fatal(err)
	}
	defer db.release(c)
	if err := c.Exec("PRAGMA wal_checkpoint(restart)"); err != nil {
		t.Fatal(err)
	}
}

// cut writes to a new place what a power cut leaves of the store at path.
func (d *disk) cut(t *testing.T, r *rand.Rand, path, to string) {
	t.Helper()
	for _, suffix := range []string{"", "-wal"} {
		now, err := os.ReadFile(path + suffix)
		if err != nil {
			t.Fatal(err)
		}
		synced, ok := d.durable[path+suffix]
		if suffix == "" && !ok { // written under the name that it had before
			synced = now
		}
		if err := os.WriteFile(to+suffix, mix(r, synced, now), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func mix(r *rand.Rand, synced, now []byte) []byte {
	out := append([]byte(nil), synced...)
	for at := 0; at < len(now); at += 512 {
		end := min(at+512, len(now))
		if r.IntN(2) == 0 {
			continue
		}
		for len(out) < end {
			out = append(out, 0)
		}
		copy(out[at:end], now[at:end])
	}
	return out
}
