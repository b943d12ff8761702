package space

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/google/uuid"

	"github.com/espace-git/espace-git/internal/wire"
	"github.com/espace-git/espace-git/merge"
	"github.com/espace-git/espace-git/schema"
	"github.com/espace-git/espace-git/view"
)

// maxTransaction bounds an encoded transaction so that it fits into one entry
// with room for what an entry adds.
const maxTransaction = wire.MaxEntry / 2

// Row is a row by column name. Values are string, int64, float64, bool, []byte,
// time.Time, json.RawMessage or nil; "id" is a UUID. A write also takes strings
// in the forms that the command line accepts ("3", "true", RFC 3339).
type Row map[string]any

// Receipt names a write and says how far it has come: "local" when it is on
// this device's disk.
type Receipt struct {
	ID    string `json:"id"`
	State string `json:"state"`
	// Reason says why it is parked, refused or lost.
	Reason string `json:"reason,omitempty"`
}

// Tx is one atomic write. It sees its own changes.
type Tx struct {
	s      *Space
	v      *view.Tx
	schema *schema.Schema
	me     self
	stamp  merge.Stamp
	ops    []merge.Op
	refs   []reference

	action  string   // what made it, if it is told; empty: direct writes
	id      [16]byte // of what it is made of; zero: a random one
	ordered bool     // it writes ordered tables, and no others
	first   string   // the table that it wrote first

	indexes map[docKey]uint32 // how many names it has used in a document
	begun   map[docKey]bool   // texts that it redoes from nothing
}

// reference is what a write says that a row refers to.
type reference struct {
	table, column, target string // names
	row                   merge.RowID
}

// Insert writes one row and returns its ID.
func (s *Space) Insert(ctx context.Context, table string, row Row) (id string, err error) {
	_, err = s.Write(ctx, func(tx *Tx) error {
		id, err = tx.Insert(table, row)
		return err
	})
	return id, err
}

// Update changes the named columns of a row.
func (s *Space) Update(ctx context.Context, table, id string, row Row) error {
	_, err := s.Write(ctx, func(tx *Tx) error { return tx.Update(table, id, row) })
	return err
}

// Delete removes a row.
func (s *Space) Delete(ctx context.Context, table, id string) error {
	_, err := s.Write(ctx, func(tx *Tx) error { return tx.Delete(table, id) })
	return err
}

// Write runs fn as one transaction: all of it takes effect, here and on every
// device, or nothing. When Write returns without error the transaction is on
// disk; Sync carries it to the others. If fn returns an error nothing is written.
func (s *Space) Write(ctx context.Context, fn func(*Tx) error) (Receipt, error) {
	var r Receipt
	err := s.db.Update(ctx, func(v *view.Tx) error {
		tx, err := s.begin(v)
		if err != nil {
			return err
		}
		if err := fn(tx); err != nil {
			return err
		}
		r, err = tx.commit()
		return err
	})
	return r, classify(err)
}

// begin settles the stamp that the transaction will carry: a number above all
// that this device used, and a time above all that it has seen (DESIGN 8).
func (s *Space) begin(v *view.Tx) (*Tx, error) {
	me, err := loadSelf(v)
	if err != nil {
		return nil, err
	}
	if !me.mayWrite() {
		return nil, me.refusal()
	}
	sc, _ := v.Schema()
	if sc == nil {
		return nil, join(ErrWaiting, fmt.Errorf("no schema yet: %w", ErrWaiting))
	}
	clock, err := loadClock(v)
	if err != nil {
		return nil, err
	}
	t, err := clock.tick(s.opts.Now(), me.Opening)
	if err != nil {
		return nil, err
	}
	return &Tx{s: s, v: v, schema: sc, me: me, stamp: merge.Stamp{Time: t, Device: me.Device, Number: clock.Number}}, clock.save(v)
}

// Insert adds a row and returns its ID. The row may name its own "id" (a UUID).
func (tx *Tx) Insert(table string, row Row) (string, error) {
	t, err := tx.table(table)
	if err != nil {
		return "", err
	}
	id, err := tx.rowID(row)
	if err != nil {
		return "", err
	}
	if _, given := row["id"]; given {
		if _, ok, err := tx.v.Row(t.Name, id.String()); ok || err != nil {
			return "", cmp.Or(err, join(ErrConflict, fmt.Errorf("there is a row %s in table %q already", id, table)))
		}
	}
	values, first, err := t.Split(row)
	if err != nil {
		return "", join(ErrUsage, plainly(err))
	}
	cells, err := tx.cells(t, values, true)
	if err != nil {
		return "", err
	}
	if err := tx.apply(merge.Op{Kind: merge.Insert, Table: t.Number, Row: id, Cells: cells}); err != nil {
		return "", err
	}
	return id.String(), tx.firstDocuments(t, merge.RowID(id), first)
}

// Update changes the named columns of a row that exists. Of a textarea it writes what
// differs from the text as it is here, of a flag whether it is on; other documents take
// no whole values.
func (tx *Tx) Update(table, id string, row Row) error {
	t, rowID, err := tx.existing(table, id)
	if err != nil {
		return err
	}
	row, whole := splitWhole(t, row)
	cells, err := tx.cells(t, row, false)
	if err != nil {
		return err
	}
	switch {
	case len(cells) == 0 && len(whole) == 0:
		return usage("update of %s: no column given", table)
	case len(cells) > 0:
		err = tx.apply(merge.Op{Kind: merge.Update, Table: t.Number, Row: rowID, Cells: cells})
	}
	return cmp.Or(err, tx.setWhole(t, merge.RowID(rowID), whole))
}

// Delete removes a row that exists.
func (tx *Tx) Delete(table, id string) error {
	t, rowID, err := tx.existing(table, id)
	if err != nil {
		return err
	}
	op := merge.Op{Kind: merge.Delete, Table: t.Number, Row: rowID}
	if t.UpdateWins {
		// The delete names what it saw, so that a concurrent update keeps the row.
		state, err := tx.v.State(t.Name, rowID)
		if err != nil {
			return err
		}
		op.Saw = state.Saw()
	}
	return tx.apply(op)
}

// Get reads a row, with the changes that this transaction made.
func (tx *Tx) Get(table, id string) (Row, error) {
	t, err := tx.table(table)
	if err != nil {
		return nil, err
	}
	row, ok, err := tx.v.Row(t.Name, id)
	if err == nil && !ok {
		err = notFound("there is no row %s in table %q", id, table)
	}
	if err != nil {
		return nil, classify(err)
	}
	return row.Map(), nil
}

func (tx *Tx) table(name string) (*schema.Table, error) {
	t, ok := tx.schema.Table(name)
	if !ok {
		return nil, notFound("there is no table %q", name)
	}
	return t, nil
}

func (tx *Tx) existing(table, id string) (*schema.Table, uuid.UUID, error) {
	t, err := tx.table(table)
	if err != nil {
		return nil, uuid.Nil, err
	}
	rowID, err := parseID(id)
	if err != nil {
		return nil, uuid.Nil, err
	}
	_, ok, err := tx.v.Row(t.Name, id)
	if err == nil && !ok {
		err = notFound("there is no row %s in table %q", id, table)
	}
	return t, rowID, err
}

func (tx *Tx) rowID(row Row) (uuid.UUID, error) {
	given, ok := row["id"]
	if !ok {
		return tx.s.newRowID()
	}
	text, ok := unquoted(given).(string)
	if !ok {
		return uuid.Nil, usage("id must be a UUID in text form")
	}
	return parseID(text)
}

func (tx *Tx) cells(t *schema.Table, row Row, insert bool) ([]merge.Cell, error) {
	values := make(map[string]any, len(row))
	for name, v := range row {
		if name == "id" {
			continue
		}
		c, ok := t.Column(name)
		if ok && c.Type.Document() {
			return nil, usage("%s.%s is a %s, which several people change at once: by edits, not by whole values", t.Name, c.Name, c.Type)
		}
		if ok && c.Type == schema.Member {
			var err error
			if v, err = memberID(tx.v, v); err != nil {
				return nil, err
			}
		}
		values[name] = v
	}
	cells, err := t.Cells(values)
	if err == nil && insert {
		cells, err = t.Complete(cells, schema.Author{Now: tx.s.opts.Now().UnixMicro(), Member: tx.me.Member})
	}
	if err != nil {
		return nil, join(ErrUsage, plainly(err))
	}
	return cells, nil
}

// plainly names table and column once.
func plainly(err error) error {
	op := (*schema.OpError)(nil)
	if !errors.As(err, &op) || op.Rule != "type" || errors.Unwrap(op.Err) == nil {
		return err
	}
	return fmt.Errorf("%s.%s: %w", op.Table, op.Column, errors.Unwrap(op.Err))
}

// memberID lets a member column take a member's name where only one has it.
func memberID(v *view.Tx, given any) (any, error) {
	name, ok := unquoted(given).(string)
	if !ok {
		return given, nil
	}
	if id, ok := memberNamed(v, name); ok {
		return id, nil
	}
	if _, err := wire.ParseMemberID(name); err != nil {
		return nil, usage("there is no member %q, or more than one of that name", name)
	}
	return given, nil
}

// unquoted is the text that a JSON value is, or the value as it came.
func unquoted(v any) any {
	raw, ok := v.(json.RawMessage)
	if !ok {
		return v
	}
	var s string
	if err := json.Unmarshal(raw, &s); err != nil {
		return v
	}
	return s
}

// memberNamed is the ID of the one member who has the name.
func memberNamed(v *view.Tx, name string) (id string, ok bool) {
	var found []string
	for pair, err := range v.Each(bucketName, []byte{nameMember}) {
		if err == nil && string(pair.Value) == name {
			found = append(found, wire.MemberID(pair.Key[1:]).String())
		}
	}
	if len(found) != 1 {
		return "", false
	}
	return found[0], true
}

func (tx *Tx) apply(op merge.Op) error {
	if err := schema.CheckOp(tx.schema, &op); err != nil {
		return join(ErrUsage, err)
	}
	if err := tx.chooseWay(&op); err != nil {
		return err
	}
	if _, err := tx.v.ApplyFrom(len(tx.ops), tx.me.Device, tx.me.Member, tx.stamp, []merge.Op{op}); err != nil {
		return err
	}
	tx.ops = append(tx.ops, op)
	tx.noteReferences(&op)
	return nil
}

func (tx *Tx) noteReferences(op *merge.Op) {
	t, _ := tx.schema.TableByNumber(op.Table)
	for _, cell := range op.Cells {
		c, ok := t.ColumnByNumber(cell.Column)
		if !ok || c.Type != schema.Ref {
			continue
		}
		v, err := merge.DecodeValue(cell.Value)
		if id, ok := v.([]byte); err == nil && ok && len(id) == len(merge.RowID{}) {
			tx.refs = append(tx.refs, reference{t.Name, c.Name, c.Table, merge.RowID(id)})
		}
	}
}

// checkReferences refuses to point to a row that this device does not see: the
// new row would not show, and nobody would know why. Rows of one transaction may
// refer to each other in any order.
func (tx *Tx) checkReferences() error {
	for _, ref := range tx.refs {
		id := schema.FormatID(ref.row)
		_, ok, err := tx.v.Row(ref.target, id)
		if err != nil {
			return err
		}
		if !ok {
			return notFound("%s.%s refers to row %s of table %q, which is not there", ref.table, ref.column, id, ref.target)
		}
	}
	return nil
}

// commit writes the transaction into the journal and the changelog.
func (tx *Tx) commit() (Receipt, error) {
	if len(tx.ops) == 0 {
		return Receipt{State: view.Local.String()}, nil
	}
	if err := tx.checkReferences(); err != nil {
		return Receipt{}, err
	}
	if err := tx.checkOrdered(); err != nil {
		return Receipt{}, err
	}
	id := tx.id
	if id == [16]byte{} {
		if _, err := io.ReadFull(tx.s.opts.Rand, id[:]); err != nil {
			return Receipt{}, err
		}
	}
	t := merge.Transaction{Number: tx.stamp.Number, ID: id, Time: tx.stamp.Time, Action: tx.action, Ops: tx.ops}
	raw, err := merge.EncodeTransaction(&t)
	if err != nil {
		return Receipt{}, err
	}
	if len(raw) > maxTransaction {
		return Receipt{}, usage("a transaction of %d bytes is over the limit of %d: write it in several", len(raw), maxTransaction)
	}
	row := view.JournalRow{ID: id, Number: t.Number, Time: t.Time, Ordered: tx.ordered, Tx: raw}
	if !tx.ordered {
		if row.SeenVersion, err = currentSeen(tx.v, tx.me.Ledger); err != nil {
			return Receipt{}, err
		}
	}
	_, err = tx.v.AppendJournal(row)
	if err != nil {
		return Receipt{}, err
	}
	_, err = tx.v.AppendLog(logRow(&t, tx.me.Device, tx.me.Member, view.Local, ""))
	return Receipt{ID: wire.Short(id), State: view.Local.String()}, err
}

// newRowID is a UUIDv7 (RFC 9562): rows made later sort later.
func (s *Space) newRowID() (uuid.UUID, error) { return uuid.NewV7FromReader(s.opts.Rand) }

func parseID(id string) (uuid.UUID, error) {
	u, err := uuid.Parse(id)
	if err != nil || len(id) != 36 {
		return uuid.Nil, usage("%q is no row ID (a UUID)", id)
	}
	return u, nil
}
