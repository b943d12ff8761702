package view

import (
	"context"
	"errors"
	"fmt"

	"github.com/ncruces/go-sqlite3"

	"github.com/espace-git/espace-git/internal/wire"
)

// Tx is a transaction. It is valid until the function that it was given to
// returns, and for that function's goroutine only.
type Tx struct {
	db      *DB
	c       *conn
	layout  *layout
	write   bool
	done    bool
	changed map[uint32]bool        // tables, for the versions
	fold    folder                 // see fold.go
	noted   wire.DeviceID          // the author whose member was stored last
	writers map[wire.DeviceID]bool // named by imported rows: is it known whose they are?

	docs    map[docKey]*openDoc // see docrow.go
	docSize int                 // about their bytes
	stale   int                 // of how many the cell is not written
	held    map[rowKey]*heldRow // see docflush.go
	parts   documentParts       // see docimport.go
}

// Update runs fn in a transaction that may write. When it returns nil, what fn
// wrote is on disk; else nothing is. It waits for the writer in this process and
// in others (ErrBusy after BusyTimeout). fn must not call Update, Select or SQL
// of the same store; the methods of Tx see what fn has written.
func (db *DB) Update(ctx context.Context, fn func(*Tx) error) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-db.writer:
	}
	defer func() { db.writer <- struct{}{} }()
	tables, err := db.run(ctx, true, fn)
	if err == nil && len(tables) > 0 {
		db.announce()
	}
	return err
}

// View runs fn in a transaction that reads one state of the store.
func (db *DB) View(ctx context.Context, fn func(*Tx) error) error {
	_, err := db.run(ctx, false, fn)
	return err
}

func (db *DB) run(ctx context.Context, write bool, fn func(*Tx) error) (changed map[uint32]bool, err error) {
	defer func() { err = db.nameFull(err) }()
	c, err := db.acquire()
	if err != nil {
		return nil, err
	}
	defer db.release(c)
	c.SetInterrupt(ctx)
	tx := &Tx{db: db, c: c, write: write}
	if err := tx.begin(); err != nil {
		return nil, stopped(ctx, err)
	}
	defer tx.end()
	if err := fn(tx); err != nil {
		return nil, stopped(ctx, err)
	}
	if err := tx.commit(); err != nil {
		return nil, stopped(ctx, err)
	}
	return tx.changed, nil
}

// stopped tells an interrupted statement from a failed one.
func stopped(ctx context.Context, err error) error {
	if errors.Is(err, sqlite3.INTERRUPT) && ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

func (tx *Tx) begin() error {
	tx.c.trim()
	how := "BEGIN"
	if tx.write {
		how = "BEGIN IMMEDIATE"
	}
	if err := tx.c.exec(how); err != nil {
		return failed("beginning a transaction", err)
	}
	if err := tx.db.checkMoved(); err != nil {
		tx.end()
		return fmt.Errorf("beginning a transaction: %w", err)
	}
	if err := tx.refresh(); err != nil {
		tx.end()
		return err
	}
	return nil
}

func (tx *Tx) commit() error {
	if err := tx.flush(); err != nil {
		return err
	}
	if err := tx.bump(); err != nil {
		return err
	}
	if err := tx.c.exec("COMMIT"); err != nil {
		return failed("committing", err)
	}
	tx.done = true
	tx.giveBack(true)
	return nil
}

// end rolls back what was not committed, also when fn panics. SQLite may have
// rolled back already, after an error of the disk.
func (tx *Tx) end() {
	if tx.done {
		return
	}
	tx.done = true
	tx.giveBack(false)
	tx.c.SetInterrupt(context.Background())
	for _, s := range tx.c.stmts { // a statement that is still running would keep the transaction
		s.Reset()
	}
	if tx.c.GetAutocommit() {
		return
	}
	if err := tx.c.exec("ROLLBACK"); err != nil {
		tx.c.broken = true
	}
}

// may refuses what the transaction can't do any more, or never could.
func (tx *Tx) may(write bool) error {
	if tx.done {
		return fmt.Errorf("the transaction: %w", ErrClosed)
	}
	if write && !tx.write {
		return ErrReadOnly
	}
	return nil
}

// bump raises the version of each table whose rows changed.
func (tx *Tx) bump() error {
	for table := range tx.changed {
		err := tx.c.exec("INSERT INTO version$ VALUES (?1, 1) ON CONFLICT DO UPDATE SET value = value + 1", table)
		if err != nil {
			return failed("committing", err)
		}
	}
	return nil
}

func (tx *Tx) touch(table uint32) {
	if tx.changed == nil {
		tx.changed = map[uint32]bool{}
	}
	tx.changed[table] = true
}

// pragma reads a number from the header of the database.
func (tx *Tx) pragma(name string) (n int64, err error) {
	_, err = tx.c.first("PRAGMA "+name, nil, func(s *sqlite3.Stmt) { n = s.ColumnInt64(0) })
	return n, failed("reading the store", err)
}
