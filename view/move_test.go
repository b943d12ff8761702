package view

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"lukechampine.com/adiantum"

	"github.com/espace-git/espace-git/merge"
)

var nextKey = [KeySize]byte{7, 7, 7}

func fine() error { return nil }

// moveTo moves a store and opens it where it is then.
func moveTo(t *testing.T, db *DB, name string) *DB {
	t.Helper()
	path := filepath.Join(filepath.Dir(db.Path()), name)
	if err := db.Move(context.Background(), path, nextKey, fine); err != nil {
		t.Fatal(err)
	}
	next, err := Open(path, nextKey)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { next.Close() })
	return next
}

func TestMoveKeepsWhatLives(t *testing.T) {
	db, _ := everything(t)
	id := [16]byte{5}
	update(t, db, func(tx *Tx) error {
		if err := tx.Put("cursor", []byte("k"), []byte("v")); err != nil {
			return err
		}
		_, err := tx.AppendJournal(JournalRow{ID: id, Number: 3, Time: 4, Tx: []byte("pending")})
		return err
	})
	before := digest(t, db)
	next := moveTo(t, db, "store-2.db")
	if digest(t, next) != before {
		t.Error("other rows")
	}
	look(t, next, func(tx *Tx) error {
		v, _, err := tx.Get("cursor", []byte("k"))
		if string(v) != "v" {
			t.Errorf("bucket holds %q, %v", v, err)
		}
		r, err := tx.Journal(id)
		if string(r.Tx) != "pending" {
			t.Errorf("journal holds %q, %v", r.Tx, err)
		}
		return err
	})
	if _, err := Open(next.Path(), testKey); !errors.Is(err, ErrKey) {
		t.Errorf("with the old key: %v", err)
	}
	apply(t, next, stamp(100, 1, 9), op(t, parseSchema(t, testSchema), merge.Insert, "channels", rid(70), nil))
	left, err := filepath.Glob(filepath.Join(filepath.Dir(db.Path()), "*"))
	if err != nil {
		t.Fatal(err)
	}
	hidden, _ := filepath.Glob(filepath.Join(filepath.Dir(db.Path()), ".*"))
	if slices.ContainsFunc(append(left, hidden...), func(p string) bool { return !strings.HasPrefix(filepath.Base(p), "store-2.db") }) {
		t.Errorf("files: %v %v", left, hidden)
	}
}

// TestMovedIsNoticed: whoever has the old file open neither reads nor writes it.
func TestMovedIsNoticed(t *testing.T) {
	db, _ := everything(t)
	other, err := Open(db.Path(), testKey)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	path := db.Path()
	next := moveTo(t, db, "store-2.db")
	nothing := func(*Tx) error { return nil }
	if err := other.Update(context.Background(), nothing); !errors.Is(err, ErrMoved) {
		t.Errorf("writing: %v", err)
	}
	if err := other.View(context.Background(), nothing); !errors.Is(err, ErrMoved) {
		t.Errorf("reading: %v", err)
	}
	if err := db.View(context.Background(), nothing); !errors.Is(err, ErrClosed) {
		t.Errorf("the DB that moved: %v", err)
	}
	if _, err := Open(path, testKey); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("opening the old file: %v", err)
	}
	if err := other.Close(); err != nil {
		t.Error(err)
	}
	before := digest(t, next)
	apply(t, next, stamp(101, 1, 9), op(t, parseSchema(t, testSchema), merge.Insert, "channels", rid(71), nil))
	if digest(t, next) == before {
		t.Error("the moved store does not take writes")
	}
}

// TestMoveFails: then the store is as before.
func TestMoveFails(t *testing.T) {
	db, s := everything(t)
	path := filepath.Join(filepath.Dir(db.Path()), "store-2.db")
	before := digest(t, db)
	refused := errors.New("the keyring is full")
	if err := db.Move(context.Background(), path, nextKey, func() error { return refused }); !errors.Is(err, refused) {
		t.Errorf("settled fails: %v", err)
	}
	if err := db.Move(context.Background(), db.Path(), nextKey, fine); !errors.Is(err, fs.ErrExist) {
		t.Errorf("onto itself: %v", err)
	}
	canceled, cancel := context.WithCancel(context.Background())
	cancel()
	if err := db.Move(canceled, path, nextKey, fine); !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: %v", err)
	}
	if err := db.Move(context.Background(), filepath.Join(path, "nowhere"), nextKey, fine); err == nil {
		t.Error("into no directory: moved")
	}
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a copy stays: %v", err)
	}
	if digest(t, db) != before {
		t.Error("the store changed")
	}
	apply(t, db, stamp(102, 1, 9), op(t, s, merge.Insert, "channels", rid(72), nil))
	moveTo(t, db, "store-2.db")
}

// TestMoveHoldsOffWriters: nothing that is written meanwhile is lost.
func TestMoveHoldsOffWriters(t *testing.T) {
	db, s := everything(t)
	other, err := Open(db.Path(), testKey)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	path := filepath.Join(filepath.Dir(db.Path()), "store-2.db")
	late := make(chan error)
	insert := op(t, s, merge.Insert, "channels", rid(73), nil)
	err = db.Move(context.Background(), path, nextKey, func() error {
		go func() {
			late <- other.Update(context.Background(), func(tx *Tx) error {
				_, err := tx.Apply(dev(1), [16]byte{}, stamp(103, 1, 9), []merge.Op{insert})
				return err
			})
		}()
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := <-late; !errors.Is(err, ErrMoved) {
		t.Errorf("a write during the move: %v", err)
	}
}

// TestAttackScrub (ATTACKS 54): a word that was deleted, sealed away and forgotten is
// found on the disk under no key that is left: not in rows, free pages, log, journal,
// changelog, index or temporary file; nor, for a thief who kept the old key, in what
// the directory holds now.
func TestAttackScrub(t *testing.T) {
	const word = "Schweigegeld-40000"
	db := newStore(t, testSchema)
	s := parseSchema(t, testSchema)
	write := func(n uint64, o merge.Op, values []byte, state State) {
		st := stamp(n, 1, n)
		update(t, db, func(tx *Tx) error {
			if _, err := tx.Apply(st.Device, [16]byte(st.Device), st, []merge.Op{o}); err != nil {
				return err
			}
			id := [16]byte{byte(n)}
			if _, err := tx.AppendJournal(JournalRow{ID: id, Number: n, Time: n, State: state, Tx: values}); err != nil {
				return err
			}
			_, err := tx.AppendLog(LogRow{Time: n, Device: st.Device, Number: n, TxID: id, State: state, Summary: string(values)})
			return err
		})
	}
	write(1, op(t, s, merge.Insert, "channels", rid(1), map[string]any{"title": word}), []byte(word), Sealed)
	write(2, op(t, s, merge.Insert, "messages", rid(2), map[string]any{"channel": rid(1), "text": strings.Repeat(word, 5000)}), []byte(word), Refused)
	write(3, op(t, s, merge.Insert, "channels", rid(3), map[string]any{"title": "what stays"}), []byte("what stays"), Local)
	if !onDisk(t, filepath.Dir(db.Path()), testKey, word) {
		t.Fatal("the search finds nothing even before")
	}
	write(4, merge.Op{Kind: merge.Delete, Table: 1, Row: rid(1)}, nil, Sealed)
	update(t, db, func(tx *Tx) error {
		if err := tx.SealRows(50); err != nil {
			return err
		}
		return tx.Forget(10)
	})
	if !onDisk(t, filepath.Dir(db.Path()), testKey, word) {
		t.Fatal("without a move nothing is left already: the test shows nothing")
	}
	next := moveTo(t, db, "store-2.db")
	for _, key := range [][KeySize]byte{testKey, nextKey, {}} {
		if onDisk(t, filepath.Dir(next.Path()), key, word) {
			t.Errorf("key %x finds the word", key[:4])
		}
	}
	if !onDisk(t, filepath.Dir(next.Path()), nextKey, "what stays") {
		t.Error("the search does not find what stays")
	}
	want := []map[string]any{{"id": idText(rid(3)), "title": "what stays"}}
	if d := cmp.Diff(want, rows(t, next, Query{Table: "channels"})); d != "" {
		t.Error(d)
	}
	look(t, next, func(tx *Tx) error {
		pending, err := tx.PendingJournal(0)
		if len(pending) != 1 || string(pending[0].Tx) != "what stays" {
			t.Errorf("journal: %v", pending)
		}
		return err
	})
}

// onDisk opens every block of every file with a key and looks for a word, in the raw
// bytes too.
func onDisk(t *testing.T, dir string, key [KeySize]byte, word string) (found bool) {
	t.Helper()
	cipher := adiantum.New(key[:])
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		found = found || bytes.Contains(b, []byte(word))
		for at := 0; at+cryptBlock <= len(b); at += cryptBlock {
			var tweak [8]byte
			for i := range tweak {
				tweak[i] = byte(at >> (8 * i))
			}
			found = found || bytes.Contains(cipher.Decrypt(b[at:at+cryptBlock], tweak[:]), []byte(word))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// TestForget: what is not settled stays, and is still found.
func TestForget(t *testing.T) {
	db := newStore(t, testSchema)
	states := []State{Sealed, Local, Pushed, Witnessed, Parked, Refused, Lost}
	update(t, db, func(tx *Tx) error {
		for i, state := range states {
			r := JournalRow{ID: [16]byte{byte(i)}, Number: uint64(i + 1), Time: 5, State: state}
			if _, err := tx.AppendJournal(r); err != nil {
				return err
			}
		}
		if err := tx.MarkPushed([16]byte{9}); err != nil { // moves the place from which pending ones are looked for
			return err
		}
		return tx.Forget(4)
	})
	look(t, db, func(tx *Tx) error {
		for i := range states {
			if _, err := tx.Journal([16]byte{byte(i)}); err != nil {
				t.Errorf("too early for %v: %v", states[i], err)
			}
		}
		return nil
	})
	update(t, db, func(tx *Tx) error { return tx.Forget(5) })
	update(t, db, func(tx *Tx) error {
		for i, state := range states {
			_, err := tx.Journal([16]byte{byte(i)})
			settled := state == Sealed || state == Refused || state == Lost
			if settled != errors.Is(err, ErrNotFound) {
				t.Errorf("%v: %v", state, err)
			}
		}
		for i := range 6 {
			if err := tx.SetJournalState([16]byte{byte(i)}, Sealed, ""); err != nil && !errors.Is(err, ErrNotFound) {
				return err
			}
		}
		if err := tx.Forget(5); err != nil {
			return err
		}
		_, err := tx.AppendJournal(JournalRow{ID: [16]byte{77}, Number: 8, Time: 6})
		return err
	})
	look(t, db, func(tx *Tx) error {
		if n, err := tx.PendingCount(); n != 1 || err != nil {
			t.Errorf("%d pending, %v", n, err)
		}
		return nil
	})
}

// TestMoveAcrossProcesses: another process writes while this one moves the store.
// Whatever it acknowledged has come along, and its next write fails.
func TestMoveAcrossProcesses(t *testing.T) {
	for round := range 4 {
		db := newStore(t, benchSchema)
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), "ESPACE_VIEW_WRITER="+db.Path(), "ESPACE_VIEW_DEVICE=0")
		var errs bytes.Buffer
		cmd.Stderr = &errs
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines, acked := bufio.NewScanner(out), 0
		read := func() bool {
			if !lines.Scan() {
				return false
			}
			acked++
			return true
		}
		for range 5 + 10*round { // it is at work
			if !read() {
				t.Fatalf("the writer ended: %s", errs.String())
			}
		}
		rest := make(chan int)
		go func() {
			for read() {
			}
			rest <- acked
		}()
		next := moveTo(t, db, "store-2.db")
		acked = <-rest
		if err := cmd.Wait(); err == nil || !strings.Contains(errs.String(), ErrMoved.Error()) {
			t.Errorf("the writer ended with %v: %s", err, errs.String())
		}
		checkWhole(t, next, acked)
		update(t, next, func(tx *Tx) error {
			problems, err := tx.Check()
			if len(problems) > 0 {
				t.Error(problems)
			}
			return err
		})
	}
}
