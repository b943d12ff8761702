package schema

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/espace-git/espace-git/merge"
)

// Ordered tables (DESIGN 8): their transactions stand in the order, one after the
// other, so that a rule about all rows together can be kept. Whether one is kept
// must not depend on lanes, of which members see more or fewer: so what decides
// which rows of an ordered table show is in ordered tables, too.

var (
	// ErrTaken says that another row has the values that have to differ.
	ErrTaken = errors.New("another row has the same")

	errOrderOnly = errors.New("only ordered transactions write it")
	errLanesOnly = errors.New("ordered transactions do not write it")
)

// UniqueSets are the columns that no two rows of the table have alike, each set a
// list. A row with a null among them is like no other.
func (t *Table) UniqueSets() (sets [][]*Column) {
	for _, c := range t.Columns {
		if c.Unique {
			sets = append(sets, []*Column{c})
		}
	}
	for _, names := range t.Uniques {
		var set []*Column
		for _, name := range names {
			if c, ok := t.Column(name); ok {
				set = append(set, c)
			}
		}
		sets = append(sets, set)
	}
	return sets
}

// CheckLane is CheckOp for an operation in a lane, where ordered tables are not
// written; CheckOrdered for one in the order, where only they are.
func CheckLane(s *Schema, op *merge.Op) error { return checkWay(s, op, false) }

// CheckOrdered is CheckOp for an operation in the order.
func CheckOrdered(s *Schema, op *merge.Op) error { return checkWay(s, op, true) }

func checkWay(s *Schema, op *merge.Op, ordered bool) error {
	if err := CheckOp(s, op); err != nil {
		return err
	}
	switch t, _ := s.TableByNumber(op.Table); {
	case t.Ordered && !ordered:
		return &OpError{Rule: "ordered", Table: t.Name, Err: errOrderOnly}
	case ordered && !t.Ordered:
		return &OpError{Rule: "ordered", Table: t.Name, Err: errLanesOnly}
	}
	return nil
}

func (c *Column) validateUnique(t *Table) error {
	switch {
	case c.Unique && !t.Ordered:
		return invalid("column %s.%s: unique needs `ordered: true` at the table: only the order can keep it", t.Name, c.Name)
	case c.Unique && c.Type == JSON:
		return invalid("column %s.%s: a json column can't be unique", t.Name, c.Name)
	}
	return nil
}

// validateOrdered: a row of an ordered table never shows or hides, or shows another
// value, by what a lane says.
func (c *Column) validateOrdered(t, target *Table) error {
	if t.Ordered && !target.Ordered && c.OnDelete != Keep {
		return invalid("column %s.%s: on_delete %s of an ordered table needs an ordered target", t.Name, c.Name, c.OnDelete)
	}
	return nil
}

// uniques: values have to differ that could be alike before, unless one of the
// columns is new and so has none.
func (d *Difference) uniques(old, t *Table) {
	was, is := old.uniqueKeys(), t.uniqueKeys()
	for _, key := range slices.Sorted(maps.Keys(is)) {
		columns := is[key]
		if _, ok := was[key]; ok {
			continue
		}
		fresh := slices.ContainsFunc(columns, func(c *Column) bool {
			_, ok := old.ColumnByNumber(c.Number)
			return !ok
		})
		say := d.narrow
		if fresh {
			say = d.widen
		}
		say("makes %s unique", wordsOf(t, columns))
	}
	for _, key := range slices.Sorted(maps.Keys(was)) {
		if _, ok := is[key]; !ok {
			d.widen("lets rows have the same %s", wordsOf(t, was[key]))
		}
	}
}

func (t *Table) uniqueKeys() map[string][]*Column {
	out := map[string][]*Column{}
	for _, set := range t.UniqueSets() {
		var numbers []uint32
		for _, c := range set {
			numbers = append(numbers, c.Number)
		}
		slices.Sort(numbers)
		out[fmt.Sprint(numbers)] = set
	}
	return out
}

func wordsOf(t *Table, columns []*Column) string {
	names := make([]string, len(columns))
	for i, c := range columns {
		names[i] = c.Name
	}
	return t.Name + "." + strings.Join(names, " with ")
}
