package merge

import (
	"cmp"
	"slices"
)

// TableOptions are the parts of a table's schema that the fold depends on.
type TableOptions struct {
	// UpdateWins keeps a row alive if some write that the row shows was seen
	// by no author of a delete.
	UpdateWins bool
}

// RowState is what the fold keeps of one row besides the values themselves,
// which the caller stores by column. The zero value is a row nobody named.
//
// Each part is a maximum, so the order of arrival does not matter:
//
//	Inserted   the greatest insert             zero if none is above Deleted
//	Deleted    the greatest delete             nothing at or below it counts
//	Cells      the greatest write per column   columns ascending
//	Covered    per column the greatest stamp that a delete saw (update_wins)
//
// The row is alive if an insert lies above every delete: who inserts a row
// again after a delete that it has seen brings it back, and no update does.
// Within one transaction a delete beats an insert of the same row.
type RowState struct {
	Inserted Stamp
	Deleted  Stamp
	Cells    []CellStamp
	Covered  []Saw
}

// CellStamp is the stamp of the write that won a column.
type CellStamp struct {
	Column uint32
	Stamp  Stamp
}

// Change is what an operation did to a row, for the caller who keeps values.
type Change struct {
	WasLive, Live bool
	// Set are the cells that won: store their values, also while the row is
	// not alive, since a later insert may show them.
	Set []Cell
	// Cleared are columns that hold no value any more. A document stays, hidden:
	// an insert may show it again.
	Cleared []uint32
}

// Live says whether the row is there.
func (s *RowState) Live() bool {
	return s.Deleted.Less(s.Inserted) && !s.covered()
}

// covered says that some delete saw every winning write of the row.
func (s *RowState) covered() bool {
	if len(s.Covered) == 0 || s.coveredAt(0).Less(s.Inserted) {
		return false
	}
	for _, c := range s.Cells {
		if s.coveredAt(c.Column).Less(c.Stamp) {
			return false
		}
	}
	return true
}

func (s *RowState) coveredAt(column uint32) Stamp {
	if i, ok := findSaw(s.Covered, column); ok {
		return s.Covered[i].Stamp
	}
	return Stamp{}
}

func findSaw(list []Saw, column uint32) (int, bool) {
	return slices.BinarySearchFunc(list, column, func(c Saw, column uint32) int { return cmp.Compare(c.Column, column) })
}

// Stamp is the stamp of the write that won a column, zero if there is none.
func (s *RowState) Stamp(column uint32) Stamp {
	if i, ok := s.find(column); ok {
		return s.Cells[i].Stamp
	}
	return Stamp{}
}

// Last is the greatest stamp of a write that the row shows.
func (s *RowState) Last() Stamp {
	last := s.Inserted
	for _, c := range s.Cells {
		last = maxStamp(last, c.Stamp)
	}
	return last
}

// Saw is what a delete of the row as it stands must carry in a table that says
// update_wins.
func (s *RowState) Saw() []Saw {
	out := make([]Saw, 0, 1+len(s.Cells))
	if !s.Inserted.IsZero() {
		out = append(out, Saw{0, s.Inserted})
	}
	for _, c := range s.Cells {
		out = append(out, Saw(c))
	}
	return out
}

// ApplyOp folds one operation of a transaction with the given stamp into s. It
// takes s over: its slices may be changed in place.
//
// Existence is decided by the fold, not by a verdict: an operation on a row
// that is not there leaves a hidden stamp, which every device leaves alike.
func ApplyOp(s RowState, stamp Stamp, op *Op, opt TableOptions) (RowState, Change) {
	change := Change{WasLive: s.Live()}
	stamp = stamp.normal()
	switch op.Kind {
	case Insert:
		if s.Deleted.Less(stamp) {
			s.Inserted = maxStamp(s.Inserted, stamp)
		}
		change.Set = s.write(stamp, op.Cells)
	case Update:
		change.Set = s.write(stamp, op.Cells)
	case Edit: // a write of its columns, whose values the documents keep
		s.write(stamp, op.Cells)
	case Delete:
		if opt.UpdateWins {
			s.cover(stamp, op.Saw)
		} else {
			change.Cleared = s.bury(stamp)
		}
	}
	change.Live = s.Live()
	return s, change
}

// write gives each cell its column if nothing greater holds it, and returns the
// cells that got theirs. Equal stamps are one transaction: its later operation
// wins.
func (s *RowState) write(stamp Stamp, cells []Cell) []Cell {
	if !s.Deleted.Less(stamp) {
		return nil
	}
	if len(s.Cells) == 0 { // a new row: no column is taken
		s.Cells = make([]CellStamp, len(cells))
		for i := range cells {
			s.Cells[i] = CellStamp{cells[i].Column, stamp}
		}
		return cells
	}
	lost := 0
	won := cells
	for i := range cells {
		if s.take(cells[i].Column, stamp) {
			if lost > 0 {
				won = append(won, cells[i])
			}
			continue
		}
		if lost++; lost == 1 {
			won = slices.Clone(cells[:i])
		}
	}
	return won
}

func (s *RowState) take(column uint32, stamp Stamp) bool {
	i, ok := s.find(column)
	if !ok {
		s.Cells = slices.Insert(s.Cells, i, CellStamp{column, stamp})
		return true
	}
	if stamp.Less(s.Cells[i].Stamp) {
		return false
	}
	s.Cells[i].Stamp = stamp
	return true
}

func (s *RowState) find(column uint32) (int, bool) {
	return slices.BinarySearchFunc(s.Cells, column, func(c CellStamp, column uint32) int { return cmp.Compare(c.Column, column) })
}

// bury raises the delete that wins over everything at or below it, and returns
// the columns that it clears. What lies above it stays, hidden, for a later
// insert.
func (s *RowState) bury(stamp Stamp) (cleared []uint32) {
	if !s.Deleted.Less(stamp) {
		return nil
	}
	s.Deleted = stamp
	if !stamp.Less(s.Inserted) {
		s.Inserted = Stamp{}
	}
	s.Cells = slices.DeleteFunc(s.Cells, func(c CellStamp) bool {
		gone := !stamp.Less(c.Stamp)
		if gone {
			cleared = append(cleared, c.Column)
		}
		return gone
	})
	return cleared
}

// cover notes what a delete has seen. A stamp above the delete's own can't have
// been seen, so it has no effect.
func (s *RowState) cover(stamp Stamp, saw []Saw) {
	for _, w := range saw {
		if w.Stamp = w.Stamp.normal(); stamp.Less(w.Stamp) {
			continue
		}
		i, ok := findSaw(s.Covered, w.Column)
		if !ok {
			s.Covered = slices.Insert(s.Covered, i, w)
		} else {
			s.Covered[i].Stamp = maxStamp(s.Covered[i].Stamp, w.Stamp)
		}
	}
}

// Seal is the row as the next epoch starts with it: stamps are lowered to its
// opening, and what deletes left behind is gone. ok is false if the row is not
// alive and so not in the sealed state.
func (s *RowState) Seal(opening uint64) (sealed RowState, ok bool) {
	if !s.Live() {
		return RowState{}, false
	}
	sealed = RowState{Inserted: s.Inserted.Lower(opening), Cells: slices.Clone(s.Cells)}
	for i := range sealed.Cells {
		sealed.Cells[i].Stamp = sealed.Cells[i].Stamp.Lower(opening)
	}
	return sealed, true
}
