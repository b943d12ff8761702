package view

import (
	"context"
	"fmt"
	"sync"
	"testing"
)

// TestConcurrent reads, writes, waits and runs SQL from many goroutines.
func TestConcurrent(t *testing.T) {
	db := newStore(t, benchSchema)
	ctx := context.Background()
	var wg sync.WaitGroup
	work := func(name string, fn func(n int) error) {
		wg.Go(func() {
			for n := range 20 {
				if err := fn(n); err != nil {
					t.Errorf("%s: %v", name, err)
					return
				}
			}
		})
	}
	for w := range 3 {
		work(fmt.Sprint("writer ", w), func(n int) error {
			return db.Update(ctx, func(tx *Tx) error { return write(tx, w+1, n+1) })
		})
		work("select", func(int) error { _, err := db.Select(ctx, Query{Table: "tasks"}); return err })
		work("sql", func(int) error { _, err := db.SQL(ctx, "SELECT count(*) FROM tasks"); return err })
		work("version", func(int) error { _, err := db.Version(ctx, "tasks"); return err })
	}
	wg.Go(func() {
		var v uint64
		for v < 60 {
			next, err := db.Wait(ctx, "tasks", v)
			if err != nil {
				t.Error(err)
				return
			}
			v = next
		}
	})
	wg.Wait()
	checkWhole(t, db, 60)
}

// TestReadersSeeOneState: what a reader sees does not change under it.
func TestReadersSeeOneState(t *testing.T) {
	db := newStore(t, benchSchema)
	update(t, db, func(tx *Tx) error { return write(tx, 1, 1) })
	look(t, db, func(tx *Tx) error {
		before, err := tx.Select(Query{Table: "tasks"})
		if err != nil {
			return err
		}
		update(t, db, func(tx *Tx) error { return write(tx, 1, 2) })
		after, err := tx.Select(Query{Table: "tasks"})
		if len(before) != 1 || len(after) != 1 {
			t.Errorf("%d rows, then %d", len(before), len(after))
		}
		return err
	})
	if got := rows(t, db, Query{Table: "tasks"}); len(got) != 2 {
		t.Error(got)
	}
}
