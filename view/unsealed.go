package view

import (
	"github.com/ncruces/go-sqlite3"

	"github.com/espace-git/espace-git/merge"
)

// UnsealedJournal returns the transactions that may still have effect and are in no
// sealed epoch: Local, Pushed, Witnessed and Parked, in the order of the journal.
func (tx *Tx) UnsealedJournal() (rows []JournalRow, err error) {
	if err := tx.may(false); err != nil {
		return nil, err
	}
	err = tx.c.each("SELECT "+journalColumns+" FROM journal$ WHERE state IN (0, 1, 2, 4) ORDER BY seq", nil,
		func(s *sqlite3.Stmt) error {
			rows = append(rows, scanJournal(s))
			return nil
		})
	return rows, failed("reading the journal", err)
}

// SealLog makes Sealed what the changelog has as Pushed or Witnessed: all of it is
// before the cut. What lies beyond it has to be given another state before.
func (tx *Tx) SealLog() error {
	if err := tx.may(true); err != nil {
		return err
	}
	return failed("writing the changelog", tx.c.exec("UPDATE log$ SET state = 3 WHERE state IN (1, 2)"))
}

// Live is the state of a row that shows, in the form in which merge wants it; false
// for one that is not there, is deleted, or hidden by a reference.
func (tx *Tx) Live(table uint32, row [16]byte) (merge.RowState, bool, error) {
	if err := tx.may(false); err != nil {
		return merge.RowState{}, false, err
	}
	t := tx.layout.tables[table]
	if t == nil {
		return merge.RowState{}, false, nil
	}
	r, err := tx.load(rowKey{t, idText(row)})
	return r.state, err == nil && r.s == shown, failed("reading a row", err)
}

// Cascades is the table that a column's references lead to, if a row goes with the
// row that it names; false for every other column.
func (tx *Tx) Cascades(table, column uint32) (target uint32, ok bool) {
	t := tx.layout.tables[table]
	if t == nil {
		return 0, false
	}
	for _, c := range t.cascades {
		if c.number == column {
			return c.target.number, true
		}
	}
	return 0, false
}

// OwnJournal returns all own transactions but those that are Refused or Lost, by number.
func (tx *Tx) OwnJournal() (rows []JournalRow, err error) {
	if err := tx.may(false); err != nil {
		return nil, err
	}
	err = tx.c.each("SELECT "+journalColumns+" FROM journal$ WHERE state < 5 ORDER BY number, seq", nil,
		func(s *sqlite3.Stmt) error {
			rows = append(rows, scanJournal(s))
			return nil
		})
	return rows, failed("reading the journal", err)
}
