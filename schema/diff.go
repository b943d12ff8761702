package schema

import (
	"fmt"
	"slices"
	"strings"
)

// Difference is what a new schema changes, for the person who applies it and
// for the ledger: an entry that narrows anything is a sealing entry (DESIGN 4).
type Difference struct {
	Changes []Change
}

// Change is one difference in words.
type Change struct {
	Narrows bool
	Words   string // "adds column tasks.due"
}

// Narrows says that something is taken away from what members could write or
// see, or that the fold would differ, so that the change needs a cut.
func (d Difference) Narrows() bool {
	return slices.ContainsFunc(d.Changes, func(c Change) bool { return c.Narrows })
}

// Empty says that nothing changes.
func (d Difference) Empty() bool { return len(d.Changes) == 0 }

// String lists the changes, one a line, those that narrow marked.
func (d Difference) String() string {
	var b strings.Builder
	for _, c := range d.Changes {
		mark := "widens:  "
		if c.Narrows {
			mark = "narrows: "
		}
		b.WriteString(mark + c.Words + "\n")
	}
	return b.String()
}

func (d *Difference) widen(format string, args ...any) {
	d.Changes = append(d.Changes, Change{false, fmt.Sprintf(format, args...)})
}

func (d *Difference) narrow(format string, args ...any) {
	d.Changes = append(d.Changes, Change{true, fmt.Sprintf(format, args...)})
}

// Diff compares two numbered schemas; before is nil for none. Adding tables,
// columns and indexes widens; so do renaming, dropping `required` or `unique`, and
// other defaults. Removing tables or columns, other types, targets of references,
// on_delete, update_wins and ordered narrow, and so does requiring what was not, or
// that values differ which were there before.
func Diff(before, after *Schema) Difference {
	var d Difference
	if before == nil {
		before = &Schema{}
	}
	for _, t := range before.Tables {
		if _, ok := after.TableByNumber(t.Number); !ok {
			d.narrow("removes table %s", t.Name)
		}
	}
	for _, t := range after.Tables {
		if old, ok := before.TableByNumber(t.Number); ok {
			d.tables(before, after, old, t)
		} else {
			d.widen("adds table %s", t.Name)
		}
	}
	return d
}

func (d *Difference) tables(before, after *Schema, old, t *Table) {
	if old.Name != t.Name {
		d.widen("renames table %s to %s", old.Name, t.Name)
	}
	if old.UpdateWins != t.UpdateWins {
		d.narrow("sets update_wins of table %s to %t", t.Name, t.UpdateWins)
	}
	if old.Ordered != t.Ordered {
		d.narrow("sets ordered of table %s to %t", t.Name, t.Ordered)
	}
	for _, c := range old.Columns {
		if _, ok := t.ColumnByNumber(c.Number); !ok {
			d.narrow("removes column %s.%s", t.Name, c.Name)
		}
	}
	for _, c := range t.Columns {
		name := t.Name + "." + c.Name
		switch was, ok := old.ColumnByNumber(c.Number); {
		case ok:
			d.columns(name, was, c, target(before, was) == target(after, c))
		case c.Required && c.Default.Kind == NoDefault:
			d.narrow("adds column %s, required and without default", name)
		default:
			d.widen("adds column %s", name)
		}
	}
	d.indexes(old, t)
	d.uniques(old, t)
}

func target(s *Schema, c *Column) uint32 {
	if t, ok := s.Table(c.Table); ok {
		return t.Number
	}
	return 0
}

func (d *Difference) columns(name string, old, c *Column, sameTarget bool) {
	if old.Name != c.Name {
		d.widen("renames column %s to %s", old.Name, name)
	}
	if old.Type != c.Type {
		d.narrow("changes the type of %s from %s to %s", name, old.Type, c.Type)
	} else if !sameTarget {
		d.narrow("lets %s refer to table %s", name, c.Table)
	}
	if old.OnDelete != c.OnDelete {
		d.narrow("changes on_delete of %s from %s to %s", name, old.OnDelete, c.OnDelete)
	}
	switch {
	case c.Required && !old.Required:
		d.narrow("makes %s required", name)
	case old.Required && !c.Required:
		d.widen("makes %s optional", name)
	}
	if !sameDefault(old.Default, c.Default) {
		d.widen("changes the default of %s", name)
	}
	if old.Index != c.Index {
		d.widen("%s the index of %s", addsOrRemoves(c.Index), name)
	}
}

func addsOrRemoves(adds bool) string {
	if adds {
		return "adds"
	}
	return "removes"
}

func (d *Difference) indexes(old, t *Table) {
	was, is := old.keysOf(old.Indexes), t.keysOf(t.Indexes)
	for i, k := range is {
		if !slices.Contains(was, k) {
			d.widen("adds the index of %s (%s)", t.Name, strings.Join(t.Indexes[i], ", "))
		}
	}
	for i, k := range was {
		if !slices.Contains(is, k) {
			d.widen("removes the index of %s (%s)", t.Name, strings.Join(old.Indexes[i], ", "))
		}
	}
}

// keysOf names indexes by column numbers, so that a renaming changes none.
func (t *Table) keysOf(lists [][]string) []string {
	keys := make([]string, len(lists))
	for i, index := range lists {
		for _, name := range index {
			c, _ := t.Column(name)
			keys[i] += fmt.Sprint(c.Number, " ")
		}
	}
	return keys
}

func sameDefault(a, b Default) bool {
	if a.Kind != b.Kind {
		return false
	}
	if x, ok := a.Value.([]byte); ok {
		y, ok := b.Value.([]byte)
		return ok && slices.Equal(x, y)
	}
	if _, ok := b.Value.([]byte); ok {
		return false
	}
	return a.Value == b.Value
}
