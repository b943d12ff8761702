package view

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/espace-git/espace-git/internal/wire"
	"github.com/espace-git/espace-git/merge"
	"github.com/espace-git/espace-git/schema"
)

// TestMain makes the test binary a writer of its own when a test starts it so.
func TestMain(m *testing.M) {
	if path := os.Getenv("ESPACE_VIEW_WRITER"); path != "" {
		if err := writer(path, os.Getenv("ESPACE_VIEW_DEVICE"), os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// secretWord is in every row that a writer writes.
const secretWord = "Rhabarberbarbara"

// writer inserts rows, and prints the number of each when it is acknowledged.
// It ends after 200, or never if the device is 0.
func writer(path, device string, out io.Writer) error {
	db, err := Open(path, testKey)
	if err != nil {
		return err
	}
	d, err := strconv.Atoi(device)
	if err != nil {
		return err
	}
	for n := 1; d == 0 || n <= 200; n++ {
		if err := db.Update(context.Background(), func(tx *Tx) error { return write(tx, d, n) }); err != nil {
			return fmt.Errorf("write %d: %w", n, err)
		}
		fmt.Fprintln(out, n)
	}
	return db.Close()
}

// write is a local write: the number comes from a bucket, so that two that
// begin with the same would show.
func write(tx *Tx, device, n int) error {
	text, err := merge.EncodeValue(fmt.Sprintf("%s %d", secretWord, n))
	if err != nil {
		return err
	}
	var row [16]byte
	row[0], row[1] = 1, byte(device)
	binary.BigEndian.PutUint32(row[4:], uint32(n))
	st := stamp(uint64(1000+n), device+1, uint64(n))
	if _, err := tx.AppendJournal(JournalRow{ID: row, Number: uint64(n), Tx: []byte(secretWord)}); err != nil {
		return err
	}
	edit, err := shared(tx, st.Device)
	if err != nil {
		return err
	}
	ops := []merge.Op{{Kind: merge.Insert, Table: 1, Row: row, Cells: []merge.Cell{{Column: 1, Value: text}}}, edit}
	if n == 1 {
		ops = append(ops, merge.Op{Kind: merge.Insert, Table: edit.Table, Row: edit.Row})
	}
	if _, err := tx.Apply(st.Device, wire.MemberIDOf(st.Device), st, ops); err != nil {
		return err
	}
	count, _, err := tx.Get("writer", []byte("count"))
	if err != nil {
		return err
	}
	next := binary.BigEndian.AppendUint64(nil, 1+binary.BigEndian.Uint64(append(count, make([]byte, 8)...)))
	return tx.Put("writer", []byte("count"), next)
}

// shared writes a word behind a text that all share, and counts.
func shared(tx *Tx, device wire.DeviceID) (merge.Op, error) {
	row := schema.DocumentRow("shared")
	doc, err := tx.Document(schema.DocumentsTable, row, 2)
	if err != nil {
		return merge.Op{}, err
	}
	text := doc.(*merge.TextDoc)
	change, err := text.Splice(device, text.Len(), 0, secretWord+" ")
	cells := []merge.Cell{{Column: 2, Value: change}, {Column: 5, Value: merge.EncodeCounterOp(1)}}
	return merge.Op{Kind: merge.Edit, Table: schema.DocumentsTable, Row: row, Cells: cells}, err
}

func start(t *testing.T, path string, device int) (*exec.Cmd, io.Reader) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "ESPACE_VIEW_WRITER="+path, "ESPACE_VIEW_DEVICE="+strconv.Itoa(device))
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd, out
}

// TestKill kills a writer at some moment, again and again: what it acknowledged
// is there, and each transaction is there whole.
func TestKill(t *testing.T) {
	for round := range 5 {
		db := newStore(t, benchSchema)
		path := db.Path()
		db.Close()
		cmd, out := start(t, path, 0)
		acked := 0
		timer := time.AfterFunc(time.Duration(120+40*round)*time.Millisecond, func() { cmd.Process.Kill() })
		for lines := bufio.NewScanner(out); lines.Scan(); {
			if n, err := strconv.Atoi(lines.Text()); err == nil {
				acked = n
			}
		}
		cmd.Wait()
		timer.Stop()
		if acked == 0 {
			t.Log("killed before its first write")
		}
		huntWord(t, filepath.Dir(path))
		again, err := Open(path, testKey)
		if err != nil {
			t.Fatal(err)
		}
		checkWhole(t, again, acked)
		again.Close()
	}
}

func checkWhole(t *testing.T, db *DB, acked int) {
	t.Helper()
	got := len(rows(t, db, Query{Table: "tasks"}))
	look(t, db, func(tx *Tx) error {
		pending, err := tx.PendingCount()
		if err != nil {
			return err
		}
		b, _, err := tx.Get("writer", []byte("count"))
		count := int(binary.BigEndian.Uint64(append(make([]byte, 8-len(b)), b...)))
		if got < acked || got > acked+1 || pending != got || count != got {
			t.Errorf("%d acknowledged; rows %d, journal %d, counter %d", acked, got, pending, count)
		}
		return err
	})
	for _, row := range rows(t, db, Query{Table: "$documents"}) {
		if words := strings.Count(row["textarea"].(string), secretWord+" "); row["counter"] != int64(got) || words != got {
			t.Errorf("%d rows, the shared text has %d words, the shared counter %v", got, words, row["counter"])
		}
	}
	update(t, db, func(tx *Tx) error {
		problems, err := tx.Check()
		if len(problems) > 0 {
			t.Error(problems)
		}
		return err
	})
}

// huntWord looks for the word in all files of a directory.
func huntWord(t *testing.T, dir string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		b, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		for _, plain := range []string{secretWord, strings.ToLower(secretWord), "SQLite format", "tasks", "journal", "CREATE TABLE"} {
			if bytes.Contains(b, []byte(plain)) {
				t.Errorf("%s has %q in plain", e.Name(), plain)
			}
		}
	}
}

// TestTwoProcesses: both write at once, nothing is lost, nobody fails.
func TestTwoProcesses(t *testing.T) {
	db := newStore(t, benchSchema)
	one, out1 := start(t, db.Path(), 1)
	two, out2 := start(t, db.Path(), 2)
	go io.Copy(io.Discard, out1)
	go io.Copy(io.Discard, out2)
	for n := 1; n <= 100; n++ { // and a third, this one, at the same time
		update(t, db, func(tx *Tx) error { return write(tx, 3, n) })
	}
	for _, cmd := range []*exec.Cmd{one, two} {
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
	}
	if got := len(rows(t, db, Query{Table: "tasks"})); got != 500 {
		t.Errorf("%d rows, want 500", got)
	}
	look(t, db, func(tx *Tx) error {
		b, _, err := tx.Get("writer", []byte("count"))
		if n := binary.BigEndian.Uint64(b); n != 500 {
			t.Errorf("counter %d, want 500", n)
		}
		return err
	})
}

// TestBusy: a writer that holds the store too long gives others ErrBusy, and
// readers do not mind.
func TestBusy(t *testing.T) {
	db := newStore(t, benchSchema)
	other, err := Open(db.Path(), testKey)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	other.busy = 30 * time.Millisecond
	for _, c := range other.idle {
		c.BusyTimeout(other.busy)
	}
	update(t, db, func(tx *Tx) error {
		if err := other.Update(context.Background(), func(*Tx) error { return nil }); !errors.Is(err, ErrBusy) {
			t.Errorf("Update of another: %v", err)
		}
		if _, err := other.Select(context.Background(), Query{Table: "tasks"}); err != nil {
			t.Errorf("Select of another: %v", err)
		}
		return nil
	})
	if err := other.Update(context.Background(), func(tx *Tx) error { return tx.Put("b", nil, nil) }); err != nil {
		t.Errorf("Update after: %v", err)
	}
}

// TestSchemaAcrossProcesses: a store that was opened before another one set the
// schema uses it at once.
func TestSchemaAcrossProcesses(t *testing.T) {
	db := newStore(t, "")
	other, err := Open(db.Path(), testKey)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if _, err := other.Select(context.Background(), Query{Table: "tasks"}); !errors.Is(err, ErrSchema) {
		t.Errorf("before: %v", err)
	}
	update(t, db, func(tx *Tx) error { return tx.SetSchema(parseSchema(t, benchSchema), 1) })
	if _, err := other.Select(context.Background(), Query{Table: "tasks"}); err != nil {
		t.Errorf("after: %v", err)
	}
}

// TestPlaintextHunt looks at all files while the store is open, with rows in
// the log, in the database, sorted and grouped.
func TestPlaintextHunt(t *testing.T) {
	temp := t.TempDir()
	t.Setenv("SQLITE_TMPDIR", temp)
	t.Setenv("TMPDIR", temp)
	db := newStore(t, benchSchema)
	for n := 1; n <= 300; n++ {
		update(t, db, func(tx *Tx) error { return write(tx, 1, n) })
	}
	huntWord(t, filepath.Dir(db.Path()))
	update(t, db, func(tx *Tx) error {
		if _, err := tx.Select(Query{Table: "tasks", Order: []string{"-title"}}); err != nil {
			return err
		}
		huntWord(t, temp)
		return nil
	})
	if _, err := db.SQL(context.Background(), "SELECT title, count(*) FROM tasks GROUP BY lower(title) ORDER BY 2, 1 DESC"); err != nil {
		t.Fatal(err)
	}
	c, err := db.acquire()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Exec("PRAGMA wal_checkpoint(full)"); err != nil {
		t.Fatal(err)
	}
	db.release(c)
	huntWord(t, filepath.Dir(db.Path()))
	huntWord(t, temp)
	db.Close()
	huntWord(t, filepath.Dir(db.Path()))
}
