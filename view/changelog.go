package view

import (
	"strconv"
	"strings"

	"github.com/ncruces/go-sqlite3"

	"github.com/espace-git/espace-git/internal/wire"
)

// LogRow is a line of the changelog: a transaction, or an event of the ledger.
type LogRow struct {
	Seq     uint64 // place in the log: the order in which this device learned of it
	Time    uint64 // as in a stamp: see merge.Millis
	Device  wire.DeviceID
	Member  wire.MemberID
	Number  uint64 // on its device; 0 for what is no transaction
	TxID    [16]byte
	Kind    string   // "insert", "update", "delete", an action's name, a ledger kind
	Tables  []uint32 // numbers of the tables that it touches
	Ops     int
	Summary string
	State   State
	Reason  string
}

const logColumns = "seq, time, device, member, number, txid, kind, tables, ops, summary, state, reason"

// AppendLog adds a line and returns its place.
func (tx *Tx) AppendLog(r LogRow) (seq uint64, err error) {
	if err := tx.may(true); err != nil {
		return 0, err
	}
	err = tx.c.exec(`INSERT INTO log$ (time, device, member, number, txid, kind, tables, ops, summary, state, reason)
		VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)`,
		r.Time, r.Device[:], r.Member[:], r.Number, r.TxID[:], r.Kind, tableList(r.Tables), r.Ops, r.Summary, int64(r.State), r.Reason)
	return uint64(tx.c.LastInsertRowID()), failed("writing the changelog", err)
}

// SetLogState changes the state of the lines of a device's transactions with
// numbers in [from, to], but never what is Sealed, Refused or Lost.
func (tx *Tx) SetLogState(device wire.DeviceID, from, to uint64, state State, reason string) error {
	if err := tx.may(true); err != nil {
		return err
	}
	err := tx.c.exec(`UPDATE log$ SET state = ?4, reason = ?5
		WHERE device = ?1 AND number > 0 AND number BETWEEN ?2 AND ?3 AND state NOT IN (3, 5, 6)`,
		device[:], from, to, int64(state), reason)
	return failed("writing the changelog", err)
}

// SettleLog gives the line of a transaction its number and time, when they are
// settled at signing.
func (tx *Tx) SettleLog(seq, number, time uint64) error {
	if err := tx.may(true); err != nil {
		return err
	}
	err := tx.c.exec("UPDATE log$ SET number = ?2, time = ?3 WHERE seq = ?1", seq, number, time)
	return failed("writing the changelog", err)
}

// ResetLog gives a line any state, also one that was Sealed: the branch of the ledger
// on which it was sealed was left.
func (tx *Tx) ResetLog(seq uint64, state State, reason string) error {
	if err := tx.may(true); err != nil {
		return err
	}
	return failed("writing the changelog", tx.c.exec("UPDATE log$ SET state = ?2, reason = ?3 WHERE seq = ?1", seq, int64(state), reason))
}

// DropLog takes a line out: of an event on a branch that was left.
func (tx *Tx) DropLog(seq uint64) error {
	if err := tx.may(true); err != nil {
		return err
	}
	return failed("writing the changelog", tx.c.exec("DELETE FROM log$ WHERE seq = ?1", seq))
}

// LogFilter chooses lines. Zero values choose all.
type LogFilter struct {
	Table   uint32
	Member  wire.MemberID
	Device  wire.DeviceID
	Refused bool // only Refused and Lost
	Writes  bool // only transactions, no events of the ledger
	States  []State
	Before  uint64 // only lines with a smaller Seq, for the next page
	Limit   int
}

// QueryLog returns lines, newest first.
func (tx *Tx) QueryLog(f LogFilter) (rows []LogRow, err error) {
	if err := tx.may(false); err != nil {
		return nil, err
	}
	query, args := f.compile()
	err = tx.c.each(query, args, func(s *sqlite3.Stmt) error {
		rows = append(rows, scanLog(s))
		return nil
	})
	return rows, failed("reading the changelog", err)
}

func (f LogFilter) compile() (query string, args []any) {
	var where []string
	add := func(cond string, arg any) {
		where = append(where, cond)
		args = append(args, arg)
	}
	if f.Table != 0 {
		add("instr(tables, ?) > 0", tableList([]uint32{f.Table}))
	}
	if !f.Member.IsZero() {
		add("member = ?", f.Member[:])
	}
	if !f.Device.IsZero() {
		add("device = ?", f.Device[:])
	}
	if f.Refused {
		where = append(where, "state >= 4 AND state IN (5, 6)")
	}
	if f.Writes {
		where = append(where, "txid <> zeroblob(16)")
	}
	if len(f.States) > 0 {
		var in []string
		for _, s := range f.States {
			in = append(in, strconv.Itoa(int(s)))
		}
		where = append(where, "state IN ("+strings.Join(in, ",")+")")
	}
	if f.Before != 0 {
		add("seq < ?", f.Before)
	}
	query = "SELECT " + logColumns + " FROM log$"
	if len(where) > 0 {
		query += " WHERE " + strings.Join(where, " AND ")
	}
	query += " ORDER BY seq DESC"
	if f.Limit > 0 {
		query += " LIMIT " + strconv.Itoa(f.Limit)
	}
	return query, args
}

func scanLog(s *sqlite3.Stmt) (r LogRow) {
	r.Seq = uint64(s.ColumnInt64(0))
	r.Time = uint64(s.ColumnInt64(1))
	copy(r.Device[:], s.ColumnRawBlob(2))
	copy(r.Member[:], s.ColumnRawBlob(3))
	r.Number = uint64(s.ColumnInt64(4))
	copy(r.TxID[:], s.ColumnRawBlob(5))
	r.Kind = s.ColumnText(6)
	r.Tables = parseTableList(s.ColumnText(7))
	r.Ops = s.ColumnInt(8)
	r.Summary = s.ColumnText(9)
	r.State = State(s.ColumnInt64(10))
	r.Reason = s.ColumnText(11)
	return r
}

// tableList prints numbers as ",1,5,": so that one of them is found as ",5,".
func tableList(tables []uint32) string {
	b := []byte{','}
	for _, t := range tables {
		b = append(strconv.AppendUint(b, uint64(t), 10), ',')
	}
	return string(b)
}

func parseTableList(s string) (tables []uint32) {
	for part := range strings.SplitSeq(strings.Trim(s, ","), ",") {
		if n, err := strconv.ParseUint(part, 10, 32); err == nil {
			tables = append(tables, uint32(n))
		}
	}
	return tables
}
