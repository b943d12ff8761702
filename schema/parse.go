package schema

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Parse reads a schema file. The result has no numbers yet: see Number.
func Parse(src []byte) (*Schema, error) {
	doc, err := readYAML(src)
	if err != nil {
		return nil, err
	}
	s := &Schema{}
	if doc.value == nil {
		return s, nil
	}
	err = fields(doc, "schema", map[string]field{"tables": func(it item) error { return s.parseTables(it) }})
	if err != nil {
		return nil, err
	}
	return s, s.validate()
}

// field interprets one key of a map.
type field func(item) error

// fields gives each key of a map to its field; an unknown key is refused, with
// the list of known ones, so that a misspelt rule is not a rule that is missing.
func fields(it item, what string, known map[string]field) error {
	pairs, ok := it.value.([]pair)
	if !ok {
		return invalid("line %d: %s must be a map, not %s", it.line, what, describe(it.value))
	}
	for _, p := range pairs {
		f, ok := known[p.key]
		if !ok {
			return invalid("line %d: %s has no key %s (it has %s)", p.line, what, strconv.QuoteToASCII(cut(p.key)), keyList(known))
		}
		if err := f(p.item); err != nil {
			return err
		}
	}
	return nil
}

func keyList(known map[string]field) string {
	names := make([]string, 0, len(known))
	for k := range known {
		names = append(names, k)
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

func boolean(what string, to *bool) field {
	return func(it item) error {
		v, ok := it.value.(bool)
		if !ok {
			return invalid("line %d: %s is true or false, not %s", it.line, what, describe(it.value))
		}
		*to = v
		return nil
	}
}

func word(what string, to *string) field {
	return func(it item) error {
		v, ok := it.value.(string)
		if !ok {
			return invalid("line %d: %s must be a word, not %s", it.line, what, describe(it.value))
		}
		*to = v
		return nil
	}
}

// later refuses a feature unless it is switched off: off says what that is.
func later(what string, off any) field {
	return func(it item) error {
		if off != nil && it.value == off {
			return nil
		}
		return fmt.Errorf("%w: line %d: %s", ErrLater, it.line, what)
	}
}

func (s *Schema) parseTables(it item) error {
	if it.value == nil {
		return nil
	}
	pairs, ok := it.value.([]pair)
	if !ok {
		return invalid("line %d: tables must be a map, not %s", it.line, describe(it.value))
	}
	if len(pairs) > MaxTables {
		return invalid("more than %d tables", MaxTables)
	}
	for _, p := range pairs {
		t, err := parseTable(p)
		if err != nil {
			return err
		}
		s.Tables = append(s.Tables, t)
	}
	return nil
}

func parseTable(p pair) (*Table, error) {
	t := &Table{Name: p.key}
	if err := checkName("table", t.Name); err != nil {
		return nil, fmt.Errorf("line %d: %w", p.line, err)
	}
	err := fields(p.item, "table "+t.Name, map[string]field{
		"columns":     t.parseColumns,
		"indexes":     t.parseIndexes,
		"was":         word("was", &t.Was),
		"update_wins": boolean("update_wins", &t.UpdateWins),
		"ordered":     boolean("ordered", &t.Ordered),
		"seals":       later("tables whose writes ask for a seal", false),
		"compress":    later("tables that are not compressed", true),
		"rules":       later("rules", nil),
		"actions":     later("actions", nil),
	})
	return t, err
}

func (t *Table) parseColumns(it item) error {
	pairs, ok := it.value.([]pair)
	if !ok {
		return invalid("line %d: columns of %s must be a map, not %s", it.line, t.Name, describe(it.value))
	}
	if len(pairs) > MaxColumns {
		return invalid("line %d: table %s has more than %d columns", it.line, t.Name, MaxColumns)
	}
	for _, p := range pairs {
		c, err := t.parseColumn(p)
		if err != nil {
			return err
		}
		t.Columns = append(t.Columns, c)
	}
	return nil
}

func (t *Table) parseColumn(p pair) (*Column, error) {
	c := &Column{Name: p.key}
	if err := checkName("column", c.Name); err != nil {
		return nil, fmt.Errorf("line %d: table %s: %w", p.line, t.Name, err)
	}
	var typ, onDelete string
	var preset *item
	err := fields(p.item, "column "+t.Name+"."+c.Name, map[string]field{
		"type":      word("type", &typ),
		"table":     word("table", &c.Table),
		"on_delete": onDeleteField(&onDelete),
		"index":     boolean("index", &c.Index),
		"required":  boolean("required", &c.Required),
		"default":   func(it item) error { preset = &it; return nil },
		"unique":    boolean("unique", &c.Unique),
		"was":       word("was", &c.Was),
	})
	if err == nil {
		err = c.interpret(typ, onDelete, preset)
	}
	if err != nil {
		return nil, fmt.Errorf("column %s.%s: %w", t.Name, c.Name, err)
	}
	return c, nil
}

// onDeleteField takes the bare word null too, which YAML reads as nothing.
func onDeleteField(to *string) field {
	return func(it item) error {
		if it.value == nil {
			*to = Null.String()
			return nil
		}
		return word("on_delete", to)(it)
	}
}

func (c *Column) interpret(typ, onDelete string, preset *item) error {
	t, ok := parseType(typ)
	switch {
	case typ == "":
		return invalid("no type")
	case !ok:
		return invalid("unknown type %s", strconv.QuoteToASCII(cut(typ)))
	}
	c.Type = t
	if onDelete != "" {
		i := slices.Index(onDeleteNames[:], onDelete)
		if i < 0 {
			return invalid("on_delete is cascade, null or keep, not %s", strconv.QuoteToASCII(cut(onDelete)))
		}
		if t != Ref {
			return invalid("on_delete is for references (type ref)")
		}
		c.OnDelete = OnDelete(i)
	}
	if preset != nil {
		return c.parseDefault(*preset)
	}
	return nil
}

func (c *Column) parseDefault(it item) error {
	switch v := it.value; {
	case c.Type == Time && v == "now":
		c.Default = Default{Kind: DefaultNow}
	case c.Type == Member && v == "auth.member":
		c.Default = Default{Kind: DefaultMember}
	case v == nil:
	case c.Type.Document():
		return invalid("line %d: a %s begins empty and has no default", it.line, c.Type)
	default:
		value, err := c.parseLiteral(v)
		if err != nil {
			return invalid("line %d: default: %v", it.line, err)
		}
		c.Default = Default{DefaultValue, value}
	}
	return nil
}

// plainTree turns YAML lists and maps into what a json column converts.
func plainTree(v any) any {
	switch v := v.(type) {
	case []item:
		list := make([]any, len(v))
		for i := range v {
			list[i] = plainTree(v[i].value)
		}
		return list
	case []pair:
		m := make(map[string]any, len(v))
		for _, p := range v {
			m[p.key] = plainTree(p.value)
		}
		return m
	}
	return v
}

func (t *Table) parseIndexes(it item) error {
	lists, ok := it.value.([]item)
	if !ok {
		return invalid("line %d: indexes of %s must be a list of lists of columns", it.line, t.Name)
	}
	for _, l := range lists {
		if err := t.parseIndex(l); err != nil {
			return err
		}
	}
	return nil
}

// parseIndex takes `[a, b]`, or `{columns: [a, b], unique: true}`.
func (t *Table) parseIndex(it item) error {
	var index []string
	var unique bool
	columns := func(it item) (err error) {
		index, err = t.parseNames(it)
		return err
	}
	var err error
	if _, isMap := it.value.([]pair); isMap {
		err = fields(it, "an index of "+t.Name, map[string]field{"columns": columns, "unique": boolean("unique", &unique)})
	} else {
		err = columns(it)
	}
	switch {
	case err != nil:
		return err
	case unique:
		t.Uniques = append(t.Uniques, index)
	default:
		t.Indexes = append(t.Indexes, index)
	}
	return nil
}

func (t *Table) parseNames(it item) (names []string, err error) {
	columns, ok := it.value.([]item)
	if !ok {
		return nil, invalid("line %d: an index of %s must be a list of columns", it.line, t.Name)
	}
	for _, c := range columns {
		name, ok := c.value.(string)
		if !ok {
			return nil, invalid("line %d: an index of %s names columns, not %s", c.line, t.Name, describe(c.value))
		}
		names = append(names, name)
	}
	return names, nil
}

// parseLiteral is stricter than Convert: in a schema file a text that happens
// to look like a number is a mistake in a column of numbers.
func (c *Column) parseLiteral(v any) (any, error) {
	_, isText := v.(string)
	switch {
	case isText && (c.Type == Int || c.Type == Real || c.Type == Bool):
		return nil, fmt.Errorf("%w: %s is text", ErrValue, describe(v))
	case c.Type == JSON:
		return treeJSON(plainTree(v))
	}
	return Convert(c, plainTree(v))
}
