package schema

import (
	"slices"
	"strconv"
	"strings"
)

// validate checks what one table or column can't know by itself. It holds for a
// parsed schema and for a decoded one, and brings names of references and
// indexes into the case of letters that the definition has.
func (s *Schema) validate() error {
	if len(s.Tables) > MaxTables {
		return invalid("more than %d tables", MaxTables)
	}
	seen := map[string]bool{}
	for _, t := range s.Tables {
		if err := checkName("table", t.Name); err != nil {
			return err
		}
		if lower := strings.ToLower(t.Name); seen[lower] {
			return invalid("table %s is there twice (case of letters does not tell names apart)", t.Name)
		} else {
			seen[lower] = true
		}
		if err := t.validate(s); err != nil {
			return err
		}
	}
	return nil
}

func (t *Table) validate(s *Schema) error {
	if len(t.Columns) > MaxColumns {
		return invalid("table %s has more than %d columns", t.Name, MaxColumns)
	}
	seen := map[string]bool{}
	for _, c := range t.Columns {
		if err := checkName("column", c.Name); err != nil {
			return err
		}
		if lower := strings.ToLower(c.Name); seen[lower] {
			return invalid("column %s.%s is there twice (case of letters does not tell names apart)", t.Name, c.Name)
		} else {
			seen[lower] = true
		}
		if err := c.validate(s, t); err != nil {
			return err
		}
	}
	if t.Ordered && t.UpdateWins {
		return invalid("table %s: update_wins is for concurrent writes, and ordered: true has none", t.Name)
	}
	return t.validateIndexes()
}

func (c *Column) validate(s *Schema, t *Table) error {
	name := t.Name + "." + c.Name
	switch {
	case c.Type != Ref && c.Table != "":
		return invalid("column %s: table is for references (type ref)", name)
	case c.Type == Ref && c.Table == "":
		return invalid("column %s: a reference says to which table", name)
	case c.Type != Ref && c.OnDelete != Keep:
		return invalid("column %s: on_delete is for references (type ref)", name)
	case c.Required && c.OnDelete == Null:
		return invalid("column %s: on_delete null would empty a required column", name)
	case c.Index && !c.Type.ordinal():
		return invalid("column %s: a %s column has no index", name, c.Type)
	case c.Default.Kind == DefaultNow && c.Type != Time, c.Default.Kind == DefaultMember && c.Type != Member:
		return invalid("column %s: default is of another type", name)
	}
	if err := c.validateDocument(t); err != nil {
		return err
	}
	if err := c.validateUnique(t); err != nil || c.Type != Ref {
		return err
	}
	target, ok := s.Table(c.Table)
	if !ok {
		return invalid("column %s refers to table %s, which is not there", name, strconv.QuoteToASCII(cut(c.Table)))
	}
	c.Table = target.Name
	return c.validateOrdered(t, target)
}

func (t *Table) validateIndexes() error {
	if n := len(t.Indexes) + len(t.Uniques); n > MaxIndexes {
		return invalid("table %s has more than %d indexes", t.Name, MaxIndexes)
	}
	if len(t.Uniques) > 0 && !t.Ordered {
		return invalid("table %s: a unique index needs `ordered: true`: only the order can keep it", t.Name)
	}
	seen := map[string]bool{}
	for i, index := range slices.Concat(t.Indexes, t.Uniques) {
		if err := t.validateIndex(index); err != nil {
			return err
		}
		key := strings.Join(index, ",")
		if seen[key] {
			return invalid("table %s: index of %s twice", t.Name, key)
		}
		seen[key] = true
		if c, _ := t.Column(index[0]); i >= len(t.Indexes) && len(index) == 1 && c.Unique {
			return invalid("column %s.%s is unique twice", t.Name, c.Name)
		}
	}
	return nil
}

func (t *Table) validateIndex(index []string) error {
	if len(index) == 0 || len(index) > MaxIndexed {
		return invalid("table %s: an index has 1 to %d columns", t.Name, MaxIndexed)
	}
	for i, name := range index {
		c, ok := t.Column(name)
		switch {
		case !ok:
			return invalid("table %s: index of column %s, which is not there", t.Name, strconv.QuoteToASCII(cut(name)))
		case !c.Type.ordinal():
			return invalid("column %s.%s: a %s column has no index", t.Name, c.Name, c.Type)
		case slices.Contains(index[:i], c.Name):
			return invalid("table %s: index with column %s twice", t.Name, c.Name)
		}
		index[i] = c.Name
	}
	return nil
}
