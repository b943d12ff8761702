package view

import (
	"context"
	"fmt"
	"time"

	"github.com/ncruces/go-sqlite3"
)

// pollInterval is how soon Wait sees what another process wrote. What this one
// wrote it sees at once.
const pollInterval = 200 * time.Millisecond

// Version is a number that rises with every transaction, of any process, that
// changed what the table shows. It says nothing else: it is not in the digest.
func (tx *Tx) Version(table string) (v uint64, err error) {
	if err := tx.may(false); err != nil {
		return 0, err
	}
	t, err := tx.layout.table(table)
	if err != nil {
		return 0, err
	}
	_, err = tx.c.first("SELECT value FROM version$ WHERE tbl = ?1", []any{t.number},
		func(s *sqlite3.Stmt) { v = uint64(s.ColumnInt64(0)) })
	return v, failed("reading a version", err)
}

// Version is that of Tx, in a transaction of its own.
func (db *DB) Version(ctx context.Context, table string) (v uint64, err error) {
	err = db.View(ctx, func(tx *Tx) error {
		v, err = tx.Version(table)
		return err
	})
	return v, err
}

// Wait returns when the table's version is no longer seen, with the new one. A
// caller that reads the version first and the rows after it misses no change.
func (db *DB) Wait(ctx context.Context, table string, seen uint64) (uint64, error) {
	poll := time.NewTicker(pollInterval)
	defer poll.Stop()
	for {
		changed, err := db.next()
		if err != nil {
			return 0, err
		}
		v, err := db.Version(ctx, table)
		if err != nil || v != seen {
			return v, err
		}
		select {
		case <-ctx.Done():
			return v, ctx.Err()
		case <-changed:
		case <-poll.C:
		}
	}
}

// next is closed at the next change of a table by this process, or at the end.
func (db *DB) next() (<-chan struct{}, error) {
	db.mu.Lock()
	defer db.mu.Unlock()
	if db.closed {
		return nil, fmt.Errorf("the store: %w", ErrClosed)
	}
	return db.waiter, nil
}

// announce wakes all that wait.
func (db *DB) announce() {
	db.mu.Lock()
	defer db.mu.Unlock()
	if !db.closed {
		close(db.waiter)
		db.waiter = make(chan struct{})
	}
}
