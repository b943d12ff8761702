package view

import (
	"errors"
	"fmt"

	"github.com/ncruces/go-sqlite3"

	"github.com/espace-git/espace-git/merge"
)

// Check looks for damage: of the file, of stored row states, and of what shows,
// which it computes anew and compares, that of documents too. It returns what it found
// in words, and repairs only the last. It reads everything.
func (tx *Tx) Check() (problems []string, err error) {
	if err := tx.may(true); err != nil {
		return nil, err
	}
	if problems, err = tx.strings("PRAGMA integrity_check(20)"); err != nil {
		return nil, failed("checking the store", err)
	}
	if len(problems) == 1 && problems[0] == "ok" {
		problems = nil
	}
	for _, t := range tx.layout.order {
		bad, err := tx.checkRows(t)
		if err != nil {
			return nil, failed("checking the store", err)
		}
		problems = append(problems, bad...)
	}
	bad, err := tx.checkDocuments()
	if err != nil {
		return nil, failed("checking the store", err)
	}
	problems = append(problems, bad...)
	before, err := tx.Digest()
	if err != nil {
		return nil, err
	}
	if err := tx.regradeAll(); err != nil {
		return nil, failed("checking the store", err)
	}
	after, err := tx.Digest()
	if err == nil && before != after {
		problems = append(problems, "some rows showed that should not, or the other way: put right")
	}
	return problems, err
}

func (tx *Tx) checkRows(t *table) (problems []string, err error) {
	err = tx.c.each("SELECT id, s, meta FROM "+t.store, nil, func(s *sqlite3.Stmt) error {
		state, err := merge.DecodeRowState(s.ColumnRawBlob(2))
		switch {
		case err != nil:
			problems = append(problems, fmt.Sprintf("row %s of %s: %v", s.ColumnText(0), t.name, err))
		case state.Live() != (s.ColumnInt64(1) != dead):
			problems = append(problems, fmt.Sprintf("row %s of %s: its state and what shows differ", s.ColumnText(0), t.name))
		}
		if len(problems) >= 20 {
			return errStop
		}
		return nil
	})
	if errors.Is(err, errStop) {
		err = nil
	}
	return problems, err
}

// ClearRows removes all rows of all tables, to fold them anew from the journal
// and the lanes. Buckets, journal and changelog stay.
func (tx *Tx) ClearRows() error {
	if err := tx.may(true); err != nil {
		return err
	}
	for _, t := range tx.layout.order {
		if err := tx.c.exec("DELETE FROM " + t.store); err != nil {
			return failed("clearing the view", err)
		}
		tx.touch(t.number)
	}
	tx.writers = nil
	return failed("clearing the view", tx.clearDocuments())
}
