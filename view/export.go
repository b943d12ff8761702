package view

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/espace-git/espace-git/internal/wire"
	"github.com/espace-git/espace-git/merge"
)

// ErrNotSealed says that the view holds more than a sealed state: see SealRows.
var ErrNotSealed = errors.New("the view is not sealed")

// ExportRows hands the sealed rows to fn as records of a checkpoint, keys ascending,
// then their documents, and then who wrote the rows. All keys begin with 'r', 's' or 'w' (see record.go). Slices
// are fn's only until it returns. ErrNotSealed if anything was folded since SealRows
// that a sealed state does not hold.
func (tx *Tx) ExportRows(fn func(key, value []byte) error) error {
	if err := tx.may(false); err != nil {
		return err
	}
	if err := tx.flush(); err != nil {
		return err
	}
	e := exporter{tx: tx, fn: fn, writers: map[wire.DeviceID]bool{}}
	for _, t := range tx.layout.order {
		if err := e.table(t); err != nil {
			return failed("exporting "+t.name, err)
		}
	}
	if err := e.documents(); err != nil {
		return failed("exporting documents", err)
	}
	return failed("exporting", e.members())
}

type exporter struct {
	tx      *Tx
	fn      func(key, value []byte) error
	writers map[wire.DeviceID]bool
	key     []byte
	value   []byte
	cells   []byte // values, one behind the other
	row     rowRecord
	big     []rawCell
}

func (e *exporter) table(t *table) error {
	names := []string{"id", "s", "meta"}
	for _, c := range t.columns { // ascending by number, as the schema has them
		names = append(names, c.raw)
	}
	differ := ""
	for _, c := range t.nulls {
		differ += " OR " + c.raw + " IS NOT " + c.shown
	}
	query := "SELECT " + strings.Join(names, ", ") + ", s <> 2" + differ + " FROM " + t.store + " ORDER BY id"
	return e.tx.c.each(query, nil, func(s *sqlite3.Stmt) error {
		err := e.export(t, s)
		if err != nil {
			err = fmt.Errorf("row %s: %w", s.ColumnText(0), err)
		}
		return err
	})
}

// export makes the record of a row, and one for each cell that has no room in it.
func (e *exporter) export(t *table, s *sqlite3.Stmt) error {
	e.row.meta = s.ColumnRawBlob(2)
	state, err := sealedState(e.row.meta)
	if err != nil || s.ColumnBool(3+len(t.columns)) {
		return errors.Join(ErrNotSealed, err)
	}
	e.note(&state)
	if err := e.split(t, s); err != nil {
		return err
	}
	id, err := parseID(s.ColumnRawText(0))
	if err != nil {
		return err
	}
	e.key = appendRowKey(e.key[:0], t.number, id)
	e.value = e.row.append(e.value[:0])
	if err := e.fn(e.key, e.value); err != nil {
		return err
	}
	for _, c := range e.big {
		e.key = be32(e.key[:rowKeySize], c.column)
		if err := e.fn(e.key, c.value); err != nil {
			return err
		}
	}
	return nil
}

// split encodes the cells of a row, into its record as long as they fit.
func (e *exporter) split(t *table, s *sqlite3.Stmt) (err error) {
	e.cells, e.row.cells, e.big = e.cells[:0], e.row.cells[:0], e.big[:0]
	inline := 0
	for i, c := range t.columns {
		if c.document != 0 || s.ColumnType(3+i) == sqlite3.NULL {
			continue
		}
		start := len(e.cells)
		if e.cells, err = c.kind.appendStored(e.cells, s, 3+i); err != nil {
			return fmt.Errorf("column %d: %w", c.number, err)
		}
		cell := rawCell{c.number, e.cells[start:len(e.cells):len(e.cells)]}
		if inline+len(cell.value) > inlineCells {
			e.big = append(e.big, cell)
			continue
		}
		inline += len(cell.value)
		e.row.cells = append(e.row.cells, cell)
	}
	return nil
}

// note gathers the devices that a row names.
func (e *exporter) note(state *merge.RowState) {
	e.writers[state.Inserted.Device] = true
	for i := range state.Cells {
		if d := state.Cells[i].Stamp.Device; d != state.Inserted.Device {
			e.writers[d] = true
		}
	}
}

// members says whose devices those are, so that created_by shows.
func (e *exporter) members() error {
	devices := slices.SortedFunc(maps.Keys(e.writers), func(a, b wire.DeviceID) int { return bytes.Compare(a[:], b[:]) })
	for _, d := range devices {
		v, err := e.tx.memberOf(d)
		if err != nil {
			return err
		}
		text, ok := v.(string)
		if !ok {
			return fmt.Errorf("device %s belongs to nobody: %w", d, ErrCorrupt)
		}
		member, err := wire.ParseShort(text)
		if err != nil {
			return fmt.Errorf("device %s: %w: %w", d, ErrCorrupt, err)
		}
		if e.value, err = merge.AppendValue(e.value[:0], member[:]); err != nil {
			return err
		}
		if err := e.fn(append([]byte{writerTag}, d[:]...), e.value); err != nil {
			return err
		}
	}
	return nil
}

// appendStored appends the value of a result column, which is not null, as package
// merge encodes it. It undoes storeValue.
func (k kind) appendStored(b []byte, s *sqlite3.Stmt, i int) ([]byte, error) {
	switch k {
	case kindInt:
		return merge.AppendValue(b, s.ColumnInt64(i))
	case kindReal:
		return merge.AppendValue(b, s.ColumnFloat(i))
	case kindBool:
		return merge.AppendValue(b, s.ColumnInt64(i) != 0)
	case kindBytes:
		v := s.ColumnRawBlob(i)
		return append(appendHead(b, cborBytes, uint64(len(v))), v...), nil
	case kindTime:
		v, err := time.Parse(timeForm, s.ColumnText(i))
		if err != nil {
			return nil, fmt.Errorf("%w: a time that is none", ErrCorrupt)
		}
		return merge.AppendValue(b, v.UnixMicro())
	case kindID:
		id, err := parseID(s.ColumnRawText(i))
		if err != nil {
			return nil, err
		}
		return merge.AppendValue(b, id[:])
	case kindMember:
		id, err := wire.ParseShort(s.ColumnText(i))
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrCorrupt, err)
		}
		return merge.AppendValue(b, id[:])
	case kindText, kindJSON:
		v := s.ColumnRawText(i)
		return append(appendHead(b, cborText, uint64(len(v))), v...), nil
	}
	return nil, fmt.Errorf("%w: a column of no kind that a checkpoint holds", ErrCorrupt)
}

// parseID reads what idText printed.
func parseID(text []byte) (id [16]byte, err error) {
	if len(text) != 36 {
		return id, fmt.Errorf("%w: an ID of %d characters", ErrCorrupt, len(text))
	}
	for i, at := range idPlaces {
		hi, lo := hexValue(text[at]), hexValue(text[at+1])
		if hi > 15 || lo > 15 {
			return id, fmt.Errorf("%w: an ID that is none", ErrCorrupt)
		}
		id[i] = hi<<4 | lo
	}
	return id, nil
}

// idPlaces is where the digits of each byte stand in 8-4-4-4-12.
var idPlaces = [16]int{0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34}

func hexValue(c byte) byte {
	switch {
	case c >= '0' && c <= '9':
		return c - '0'
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10
	}
	return 255
}
