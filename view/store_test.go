package view

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/espace-git/espace-git/merge"
)

func TestCreateRefusesToReplace(t *testing.T) {
	db := newStore(t, "")
	if _, err := Create(db.Path(), testKey); !errors.Is(err, fs.ErrExist) {
		t.Fatalf("Create on a store: %v", err)
	}
	entries, err := os.ReadDir(filepath.Dir(db.Path()))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".new") {
			t.Errorf("left behind: %s", e.Name())
		}
	}
}

func TestOpenMissing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	if _, err := Open(path, testKey); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("Open of nothing: %v", err)
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Fatal("Open made a file")
	}
}

func TestModeIsPrivate(t *testing.T) {
	db := newStore(t, benchSchema)
	for _, suffix := range []string{"", "-wal", "-shm"} {
		info, err := os.Stat(db.Path() + suffix)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o600 {
			t.Errorf("store.db%s has mode %v", suffix, info.Mode())
		}
	}
}

func TestOddPaths(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a b?c#d%41&e=f+ü")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "store.db")
	db, err := Create(path, testKey)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := os.Stat(path + "-wal"); err != nil {
		t.Errorf("the log lies elsewhere: %v", err)
	}
}

// TestWrongKey opens a store, whose newest rows lie in its log only, with
// another key: SQLite alone would have taken the log for an empty one and
// removed it.
func TestWrongKey(t *testing.T) {
	db := newStore(t, "")
	update(t, db, func(tx *Tx) error { return tx.Put("b", []byte("k"), []byte("v")) })
	dir := t.TempDir()
	for _, suffix := range []string{"", "-wal"} { // as after a crash
		b, err := os.ReadFile(db.Path() + suffix)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "store.db"+suffix), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(dir, "store.db")
	before := snapshot(t, dir)
	_, err := Open(path, [KeySize]byte{9})
	if !errors.Is(err, ErrKey) || strings.Contains(err.Error(), "not a database") {
		t.Fatalf("Open with a wrong key: %v", err)
	}
	if !bytes.Equal(before, snapshot(t, dir)) {
		t.Fatal("a wrong key changed the files")
	}
	again, err := Open(path, testKey)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	look(t, again, func(tx *Tx) error {
		v, ok, err := tx.Get("b", []byte("k"))
		if !ok || string(v) != "v" {
			t.Errorf("Get: %q %v", v, ok)
		}
		return err
	})
}

// snapshot is the names and contents of all files of a directory.
func snapshot(t *testing.T, dir string) (out []byte) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		out = append(append(append(out, path...), 0), b...)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestTornFirstPage: a power cut while the first page moved from the log to the
// database. The log shows that the key is right, and has the page.
func TestTornFirstPage(t *testing.T) {
	db := newStore(t, "")
	update(t, db, func(tx *Tx) error { return tx.SetSchema(parseSchema(t, benchSchema), 1) })
	dir := t.TempDir()
	for _, suffix := range []string{"", "-wal"} {
		b, err := os.ReadFile(db.Path() + suffix)
		if err != nil {
			t.Fatal(err)
		}
		if suffix == "" {
			clear(b[512:4096])
		}
		if err := os.WriteFile(filepath.Join(dir, "store.db"+suffix), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	again, err := Open(filepath.Join(dir, "store.db"), testKey)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if got := rows(t, again, Query{Table: "tasks"}); len(got) != 0 {
		t.Fatal(got)
	}
}

func TestDamagedFiles(t *testing.T) {
	db := newStore(t, benchSchema)
	db.Close()
	whole, err := os.ReadFile(db.Path())
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "store.db")
	for name, b := range map[string][]byte{
		"empty": {}, "short": whole[:100], "half a page": whole[:2048], "garbage": bytes.Repeat([]byte("x"), 8192),
		"plain": append([]byte("SQLite format 3\x00"), make([]byte, 8176)...),
	} {
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(path, testKey); !errors.Is(err, ErrKey) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := os.WriteFile(path, whole[:4096], 0o600); err != nil {
		t.Fatal(err)
	}
	again, err := Open(path, testKey)
	if err == nil {
		err = again.View(context.Background(), func(tx *Tx) error { _, err := tx.Select(Query{Table: "tasks"}); return err })
		again.Close()
	}
	if !errors.Is(err, ErrCorrupt) {
		t.Errorf("a store cut after its first page: %v", err)
	}
}

func TestUnknownFormat(t *testing.T) {
	db := newStore(t, "")
	update(t, db, func(tx *Tx) error { return tx.c.Exec("PRAGMA application_id = 7") })
	if _, err := Open(db.Path(), testKey); !errors.Is(err, ErrFormat) {
		t.Fatalf("Open: %v", err)
	}
}

func TestKeyIsNowhere(t *testing.T) {
	db := newStore(t, "")
	key := fileKey(testKey)
	if s := key.String() + key.GoString() + db.uri(); strings.Contains(s, string(testKey[:3])) || strings.Contains(s, "010203") {
		t.Error("the key is printed")
	}
}

func TestUpdateIsAtomic(t *testing.T) {
	db := newStore(t, benchSchema)
	s := parseSchema(t, benchSchema)
	stop := errors.New("stop")
	attempt := func(end func() error) error {
		return db.Update(context.Background(), func(tx *Tx) error {
			st := stamp(5, 1, 1)
			if _, err := tx.Apply(st.Device, [16]byte{}, st, []merge.Op{op(t, s, merge.Insert, "tasks", rid(1), map[string]any{"title": "x"})}); err != nil {
				return err
			}
			if err := tx.Put("b", []byte("k"), nil); err != nil {
				return err
			}
			return end()
		})
	}
	if err := attempt(func() error { return stop }); !errors.Is(err, stop) {
		t.Fatal(err)
	}
	func() {
		defer func() { recover() }()
		attempt(func() error { panic("in the middle") })
	}()
	ctx, cancel := context.WithCancel(context.Background())
	err := db.Update(ctx, func(tx *Tx) error {
		cancel()
		return tx.Put("b", []byte("k"), nil)
	})
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("canceled: %v", err)
	}
	look(t, db, func(tx *Tx) error {
		if _, ok, err := tx.Get("b", []byte("k")); ok || err != nil {
			t.Error("a bucket kept what was rolled back", err)
		}
		if got, err := tx.Select(Query{Table: "tasks"}); len(got) > 0 || err != nil {
			t.Error("a table kept what was rolled back", got, err)
		}
		return nil
	})
}

func TestTxEnds(t *testing.T) {
	db := newStore(t, benchSchema)
	var kept *Tx
	look(t, db, func(tx *Tx) error {
		kept = tx
		if err := tx.Put("b", nil, nil); !errors.Is(err, ErrReadOnly) {
			t.Errorf("Put in View: %v", err)
		}
		return nil
	})
	if _, _, err := kept.Get("b", nil); !errors.Is(err, ErrClosed) {
		t.Errorf("Get after the end: %v", err)
	}
	db.Close()
	if err := db.Update(context.Background(), func(*Tx) error { return nil }); !errors.Is(err, ErrClosed) {
		t.Errorf("Update after Close: %v", err)
	}
	if _, err := db.SQL(context.Background(), "SELECT 1"); !errors.Is(err, ErrClosed) {
		t.Errorf("SQL after Close: %v", err)
	}
}

// A store of the first format, which had no documents, gets them when it is opened.
func TestUpgrade(t *testing.T) {
	db := newStore(t, benchSchema)
	s := parseSchema(t, benchSchema)
	apply(t, db, stamp(10, 1, 1), op(t, s, merge.Insert, "tasks", rid(1), map[string]any{"title": "old"}))
	before := digest(t, db)
	update(t, db, func(tx *Tx) error {
		names, err := tx.strings("SELECT name FROM sqlite_schema WHERE type = 'table' AND (name IN ('doc$', 'edit$') OR name GLOB 't$21*')")
		if err != nil || len(names) != 6 {
			t.Fatalf("%v %v", names, err)
		}
		for _, name := range names {
			if err := tx.c.Exec("DROP TABLE " + name); err != nil {
				return err
			}
		}
		return tx.c.Exec(fmt.Sprintf("PRAGMA application_id = %d", firstFormat))
	})
	for range 2 {
		again, err := Open(db.Path(), testKey)
		if err != nil {
			t.Fatal(err)
		}
		if digest(t, again) != before {
			t.Error("another digest")
		}
		update(t, again, func(tx *Tx) error {
			edit, err := shared(tx, dev(1))
			if err != nil {
				return err
			}
			mustApply(t, tx, stamp(11, 1, 2), edit)
			return tx.ClearRows()
		})
		apply(t, again, stamp(10, 1, 1), op(t, s, merge.Insert, "tasks", rid(1), map[string]any{"title": "old"}))
		if err := again.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
