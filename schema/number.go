package schema

import (
	"slices"
	"strconv"
	"strings"
)

// Number gives a parsed schema its permanent numbers: a table or column keeps
// the number of the one that had its name, or the name after `was:`, in prev;
// others get the next number that was never used. prev is nil for a new space.
// A `was:` whose renaming is done already is left alone, so the same file can be
// applied again.
func Number(prev, parsed *Schema) (*Schema, error) {
	if err := parsed.validate(); err != nil {
		return nil, err
	}
	fresh := prev == nil
	if fresh {
		prev = &Schema{Next: 1}
	}
	out := &Schema{Next: max(prev.Next, 1)}
	kept := map[*Table]string{}
	for _, t := range parsed.Tables {
		before, err := pick("table", prev.Table, t.Name, t.Was, fresh)
		if err != nil {
			return nil, err
		}
		if before != nil && kept[before] != "" {
			return nil, invalid("tables %s and %s both claim to be the former %s: rename in one step, use the old name again in another", kept[before], t.Name, before.Name)
		}
		kept[before] = t.Name
		delete(kept, nil)
		numbered, err := numberTable(before, t, fresh)
		if err != nil {
			return nil, err
		}
		if before == nil {
			numbered.Number = out.Next
			out.Next++
		}
		out.Tables = append(out.Tables, numbered)
	}
	slices.SortFunc(out.Tables, func(a, b *Table) int { return int(int64(a.Number) - int64(b.Number)) })
	if err := CheckSuccessor(prev, out); err != nil {
		return nil, err
	}
	return out, out.checkSize()
}

// pick finds what had the name before: zero if nothing did.
func pick[T any](kind string, find func(string) (T, bool), name, was string, fresh bool) (none T, err error) {
	same, isSame := find(name)
	old, isOld := find(was)
	switch {
	case was == "" || fresh:
		return same, nil
	case isSame && isOld && !strings.EqualFold(was, name):
		return none, invalid("%s %s was %s, but both are there now: remove one first", kind, name, was)
	case isOld:
		return old, nil
	case isSame:
		return same, nil
	}
	return none, invalid("%s %s: was %s, which is not there", kind, name, strconv.QuoteToASCII(cut(was)))
}

// numberTable copies t with the numbers that its predecessor gives; before is
// nil for a new table.
func numberTable(before, t *Table, fresh bool) (*Table, error) {
	out := &Table{Name: t.Name, UpdateWins: t.UpdateWins, Ordered: t.Ordered, Next: 1}
	find := func(string) (*Column, bool) { return nil, false }
	if before != nil {
		out.Number, out.Next, find = before.Number, before.Next, before.Column
	}
	kept := map[*Column]string{}
	for _, c := range t.Columns {
		old, err := pick("column", find, c.Name, c.Was, fresh || before == nil)
		if err != nil {
			return nil, err
		}
		if old != nil && kept[old] != "" {
			return nil, invalid("columns %s and %s of %s both claim to be the former %s: rename in one step, use the old name again in another", kept[old], c.Name, t.Name, old.Name)
		}
		numbered := *c
		numbered.Was = ""
		if old != nil {
			kept[old] = c.Name
			numbered.Number = old.Number
		} else {
			numbered.Number = out.Next
			out.Next++
		}
		out.Columns = append(out.Columns, &numbered)
	}
	slices.SortFunc(out.Columns, func(a, b *Column) int { return int(int64(a.Number) - int64(b.Number)) })
	out.Indexes, out.Uniques = cloneLists(t.Indexes), cloneLists(t.Uniques)
	return out, nil
}

func cloneLists(lists [][]string) (out [][]string) {
	for _, l := range lists {
		out = append(out, slices.Clone(l))
	}
	return out
}
