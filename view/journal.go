package view

import "github.com/ncruces/go-sqlite3"

// State says what became of a transaction (DESIGN 10). The numbers are stored.
type State uint8

const (
	Local     State = 0 // on this device only
	Pushed    State = 1 // on the host
	Witnessed State = 2 // another member has seen it
	Sealed    State = 3 // final
	Parked    State = 4 // waits for a transaction that it needs
	Refused   State = 5 // broke a rule: no effect
	Lost      State = 6 // void: its number counted before, or it lies beyond a cut
)

var stateNames = [...]string{"local", "pushed", "witnessed", "sealed", "parked", "refused", "lost"}

func (s State) String() string {
	if int(s) < len(stateNames) {
		return stateNames[s]
	}
	return "unknown"
}

// ParseState reads what String prints.
func ParseState(s string) (State, error) {
	for i, name := range stateNames {
		if name == s {
			return State(i), nil
		}
	}
	return 0, classed(ErrQuery, "state %q", s)
}

// JournalRow is one own transaction. The journal is the only place that has it
// until it is pushed.
type JournalRow struct {
	Seq         uint64   // place in the journal, given by AppendJournal
	ID          [16]byte // the transaction's random ID, once in a journal
	Number      uint64
	Time        uint64
	SeenVersion uint64 // what the author had seen; the caller's to interpret
	Ordered     bool   // of the order: it depends on nothing seen, and SeenVersion is 0
	State       State
	Reason      string // of Parked, Refused and Lost
	Tx          []byte // the transaction as the caller encodes it
}

const journalColumns = "seq, id, number, time, seen, state, reason, tx"

func scanJournal(s *sqlite3.Stmt) (r JournalRow) {
	r.Seq = uint64(s.ColumnInt64(0))
	copy(r.ID[:], s.ColumnRawBlob(1))
	r.Number = uint64(s.ColumnInt64(2))
	r.Time = uint64(s.ColumnInt64(3))
	if seen := s.ColumnInt64(4); seen < 0 {
		r.Ordered = true
	} else {
		r.SeenVersion = uint64(seen)
	}
	r.State = State(s.ColumnInt64(5))
	r.Reason = s.ColumnText(6)
	r.Tx = s.ColumnBlob(7, []byte{})
	return r
}

// seen is how the column says both.
func (r JournalRow) seen() int64 {
	if r.Ordered {
		return -1
	}
	return int64(r.SeenVersion)
}

// AppendJournal adds a transaction and returns its place.
func (tx *Tx) AppendJournal(r JournalRow) (seq uint64, err error) {
	if err := tx.may(true); err != nil {
		return 0, err
	}
	err = tx.c.exec(`INSERT INTO journal$ (id, number, time, seen, state, reason, tx) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)`,
		r.ID[:], r.Number, r.Time, r.seen(), int64(r.State), r.Reason, blob(r.Tx))
	return uint64(tx.c.LastInsertRowID()), failed("writing the journal", err)
}

// Journal returns the row of a transaction by its ID, or ErrNotFound.
func (tx *Tx) Journal(id [16]byte) (JournalRow, error) {
	return tx.journal("id = ?1", id[:])
}

// JournalAt returns the row of the transaction with this number, among those
// that are no longer Local: before, a number may change. Else ErrNotFound.
func (tx *Tx) JournalAt(number uint64) (JournalRow, error) {
	return tx.journal("number = ?1 AND state <> 0", number)
}

// LastJournal returns the newest row, or ErrNotFound.
func (tx *Tx) LastJournal() (JournalRow, error) {
	return tx.journal("seq = (SELECT max(seq) FROM journal$)")
}

func (tx *Tx) journal(where string, args ...any) (r JournalRow, err error) {
	if err := tx.may(false); err != nil {
		return r, err
	}
	ok, err := tx.c.first("SELECT "+journalColumns+" FROM journal$ WHERE "+where, args,
		func(s *sqlite3.Stmt) { r = scanJournal(s) })
	if err == nil && !ok {
		err = ErrNotFound
	}
	return r, failed("reading the journal", err)
}

// PendingJournal returns the transactions that are Local and not Ordered, oldest
// first, until their encodings exceed maxBytes; at least one if there is any. 0 is
// no bound.
func (tx *Tx) PendingJournal(maxBytes int) (rows []JournalRow, err error) {
	return tx.pending("seen >= 0", maxBytes)
}

// PendingOrdered is PendingJournal for those that are Ordered.
func (tx *Tx) PendingOrdered(maxBytes int) (rows []JournalRow, err error) {
	return tx.pending("seen < 0", maxBytes)
}

// OrderedJournal returns the transactions that are Ordered and whose state is from a
// to b, oldest first.
func (tx *Tx) OrderedJournal(a, b State) (rows []JournalRow, err error) {
	if err := tx.may(false); err != nil {
		return nil, err
	}
	err = tx.c.each("SELECT "+journalColumns+" FROM journal$ WHERE seen < 0 AND state BETWEEN ?1 AND ?2 ORDER BY seq", []any{int64(a), int64(b)},
		func(s *sqlite3.Stmt) error {
			rows = append(rows, scanJournal(s))
			return nil
		})
	return rows, failed("reading the journal", err)
}

func (tx *Tx) pending(which string, maxBytes int) (rows []JournalRow, err error) {
	low, err := tx.journalLow()
	if err != nil {
		return nil, err
	}
	size := 0
	err = tx.c.each("SELECT "+journalColumns+" FROM journal$ WHERE seq >= ?1 AND state = 0 AND "+which+" ORDER BY seq", []any{low},
		func(s *sqlite3.Stmt) error {
			r := scanJournal(s)
			if size += len(r.Tx); maxBytes > 0 && size > maxBytes && len(rows) > 0 {
				return errStop
			}
			rows = append(rows, r)
			return nil
		})
	if err == errStop {
		err = nil
	}
	return rows, failed("reading the journal", err)
}

// PendingCount is how many transactions are Local.
func (tx *Tx) PendingCount() (n int, err error) {
	low, err := tx.journalLow()
	if err != nil {
		return 0, err
	}
	_, err = tx.c.first("SELECT count(*) FROM journal$ WHERE seq >= ?1 AND state = 0", []any{low},
		func(s *sqlite3.Stmt) { n = s.ColumnInt(0) })
	return n, failed("reading the journal", err)
}

// SetJournal replaces what is stored of r.Seq, when its number, time and form
// are settled at signing, or its state changes.
func (tx *Tx) SetJournal(r JournalRow) error {
	if err := tx.may(true); err != nil {
		return err
	}
	err := tx.c.exec(`UPDATE journal$ SET number = ?2, time = ?3, seen = ?4, state = ?5, reason = ?6, tx = ?7 WHERE seq = ?1`,
		r.Seq, r.Number, r.Time, r.seen(), int64(r.State), r.Reason, blob(r.Tx))
	return tx.journalSet(err, r.State)
}

// SetJournalState changes the state of one transaction.
func (tx *Tx) SetJournalState(id [16]byte, state State, reason string) error {
	if err := tx.may(true); err != nil {
		return err
	}
	err := tx.c.exec("UPDATE journal$ SET state = ?2, reason = ?3 WHERE id = ?1", id[:], int64(state), reason)
	return tx.journalSet(err, state)
}

// MarkPushed moves transactions from Local to Pushed.
func (tx *Tx) MarkPushed(ids ...[16]byte) error {
	if err := tx.may(true); err != nil {
		return err
	}
	for _, id := range ids {
		if err := tx.c.exec("UPDATE journal$ SET state = 1 WHERE id = ?1 AND state = 0", id[:]); err != nil {
			return failed("writing the journal", err)
		}
	}
	return tx.raiseLow()
}

// RaiseJournal moves all transactions with numbers in [from, to] that are Pushed
// or Witnessed up to state, which is one of Witnessed and Sealed.
func (tx *Tx) RaiseJournal(from, to uint64, state State) error {
	if err := tx.may(true); err != nil {
		return err
	}
	err := tx.c.exec("UPDATE journal$ SET state = ?3 WHERE state <> 0 AND number BETWEEN ?1 AND ?2 AND state < ?3 AND state < 3",
		from, to, int64(state))
	return failed("writing the journal", err)
}

func (tx *Tx) journalSet(err error, state State) error {
	switch {
	case err != nil:
		return failed("writing the journal", err)
	case tx.c.Changes() == 0:
		return failed("writing the journal", ErrNotFound)
	case state == Local: // it may lie below the place from which pending ones are looked for
		return tx.putNumber(lowKey, 0)
	}
	return tx.raiseLow()
}

// lowKey holds a place below which nothing in the journal is Local, so that the
// search for pending ones does not grow with the journal.
const lowKey = "journal-low"

func (tx *Tx) journalLow() (uint64, error) {
	if err := tx.may(false); err != nil {
		return 0, err
	}
	return tx.getNumber(lowKey)
}

func (tx *Tx) raiseLow() error {
	low, err := tx.journalLow()
	if err != nil {
		return err
	}
	next := low
	_, err = tx.c.first(`SELECT coalesce((SELECT seq FROM journal$ WHERE seq >= ?1 AND state = 0 ORDER BY seq LIMIT 1),
		(SELECT max(seq) + 1 FROM journal$), 0)`, []any{low}, func(s *sqlite3.Stmt) { next = uint64(s.ColumnInt64(0)) })
	if err != nil || next == low {
		return failed("writing the journal", err)
	}
	return tx.putNumber(lowKey, next)
}
