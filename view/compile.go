package view

import (
	"strconv"
	"strings"

	"github.com/espace-git/espace-git/schema"
)

// compiler turns a condition into SQL. Of the condition's text nothing goes into
// the SQL: columns become c<N>, constants become parameters.
type compiler struct {
	table *table
	sql   strings.Builder
	args  []any
	// member finds a member by name; nil: only IDs are understood.
	member func(name string) (id string, ok bool)
}

// compileWhere gives " AND (…)", or nothing.
func compileWhere(t *table, where string, args []any, member func(string) (string, bool)) (sql string, bound []any, err error) {
	e, err := parse(where, args)
	if err != nil || e == nil {
		return "", nil, err
	}
	c := &compiler{table: t, member: member}
	c.sql.WriteString(" AND (")
	if err := c.expr(e); err != nil {
		return "", nil, err
	}
	c.sql.WriteString(")")
	return c.sql.String(), c.args, nil
}

// compileOrder gives " ORDER BY …", always down to the ID.
func compileOrder(t *table, order []string) (string, error) {
	var terms []string
	for _, name := range order {
		name, down := strings.CutPrefix(name, "-")
		sql := "id"
		if !strings.EqualFold(name, "id") {
			c, err := t.column(name)
			if err != nil {
				return "", err
			}
			sql = c.shown
		}
		if down {
			sql += " DESC"
		}
		terms = append(terms, sql)
	}
	return " ORDER BY " + strings.Join(append(terms, "id"), ", "), nil
}

func (c *compiler) expr(e expr) error {
	switch e := e.(type) {
	case junction:
		for i, part := range e.parts {
			if i > 0 {
				c.sql.WriteString(" " + strings.ToUpper(e.op) + " ")
			}
			if err := c.group(part); err != nil {
				return err
			}
		}
		return nil
	case negation:
		c.sql.WriteString("NOT ")
		return c.group(e.part)
	}
	return c.test(e.(test))
}

func (c *compiler) group(e expr) error {
	c.sql.WriteString("(")
	err := c.expr(e)
	c.sql.WriteString(")")
	return err
}

// side is a column as a comparison sees it.
type side struct {
	sql  string
	kind kind
	as   *schema.Column // what constants are converted to
}

func (c *compiler) column(o operand) (side, error) {
	if strings.EqualFold(o.column, "id") {
		return side{"id", kindID, &schema.Column{Name: "id", Type: schema.ID}}, nil
	}
	col, err := c.table.column(o.column)
	if err != nil {
		return side{}, badQuery(o.at, "%w", err)
	}
	return side{col.shown, col.kind, col.source}, nil
}

func (c *compiler) test(t test) error {
	if t.left.column == "" {
		return c.flipped(t)
	}
	left, err := c.column(t.left)
	if err != nil {
		return err
	}
	not := ""
	if t.not {
		not = "NOT "
	}
	switch t.op {
	case "bool":
		if left.kind != kindBool {
			return badQuery(t.at, "column %s is no bool: compare it with a value", t.left.column)
		}
		c.sql.WriteString(left.sql)
	case "null":
		c.sql.WriteString(left.sql + " IS " + not + "NULL")
	case "in":
		return c.in(left, not, t)
	case "like":
		return c.like(left, not, t)
	default:
		return c.compare(left, t)
	}
	return nil
}

// mirror is what an operator becomes when its sides change places.
var mirror = map[string]string{"=": "=", "!=": "!=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}

// flipped compiles a test with a constant on its left.
func (c *compiler) flipped(t test) error {
	if b, ok := t.left.value.(bool); ok && t.op == "bool" {
		c.sql.WriteString(map[bool]string{true: "TRUE", false: "FALSE"}[b])
		return nil
	}
	op, ok := mirror[t.op]
	if !ok || t.right[0].column == "" {
		return badQuery(t.at, "a comparison needs a column")
	}
	return c.test(test{op: op, left: t.right[0], right: []operand{t.left}, at: t.at})
}

func (c *compiler) compare(left side, t test) error {
	right := t.right[0]
	if right.column != "" {
		other, err := c.column(right)
		if err != nil {
			return err
		}
		if other.kind != left.kind && !(numeric(other.kind) && numeric(left.kind)) {
			return badQuery(t.at, "%s and %s are of different types", t.left.column, right.column)
		}
		c.sql.WriteString(left.sql + " " + t.op + " " + other.sql)
		return nil
	}
	if right.value == nil {
		return c.compareNull(left, t)
	}
	c.sql.WriteString(left.sql + " " + t.op + " ")
	return c.bind(left, right)
}

func (c *compiler) compareNull(left side, t test) error {
	switch t.op {
	case "=":
		c.sql.WriteString(left.sql + " IS NULL")
	case "!=":
		c.sql.WriteString(left.sql + " IS NOT NULL")
	default:
		return badQuery(t.at, "null is neither less nor greater than a value")
	}
	return nil
}

func (c *compiler) in(left side, not string, t test) error {
	c.sql.WriteString(left.sql + " " + not + "IN (")
	for i, v := range t.right {
		if i > 0 {
			c.sql.WriteString(", ")
		}
		if v.value == nil {
			return badQuery(v.at, "null can't be in a list: use is null")
		}
		if err := c.bind(left, v); err != nil {
			return err
		}
	}
	c.sql.WriteString(")")
	return nil
}

func (c *compiler) like(left side, not string, t test) error {
	pattern, ok := t.right[0].value.(string)
	switch {
	case left.kind != kindText:
		return badQuery(t.at, "like is for columns of text, %s is none", t.left.column)
	case !ok:
		return badQuery(t.right[0].at, "like wants a text")
	case len(pattern) > maxPattern:
		return badQuery(t.right[0].at, "a pattern has at most %d bytes", maxPattern)
	case danglingEscape(pattern):
		return badQuery(t.right[0].at, `nothing follows the \`)
	}
	c.sql.WriteString(left.sql + " " + not + "LIKE ")
	c.param(pattern)
	c.sql.WriteString(` ESCAPE '\'`)
	return nil
}

func danglingEscape(pattern string) bool {
	return (len(pattern)-len(strings.TrimRight(pattern, `\`)))%2 == 1
}

func numeric(k kind) bool { return k == kindInt || k == kindReal }

// bind adds a constant, converted to the type of the column.
func (c *compiler) bind(left side, v operand) error {
	given := v.value
	if name, ok := given.(string); ok && left.as.Type == schema.Member && c.member != nil {
		if id, ok := c.member(name); ok {
			given = id
		}
	}
	value, err := left.constant(given)
	if err != nil {
		return badQuery(v.at, "%w", err)
	}
	c.param(value)
	return nil
}

// constant is a value as SQLite compares it with the column. An int column may
// be compared with 2.5.
func (s side) constant(v any) (any, error) {
	if f, ok := v.(float64); ok && s.kind == kindInt && f == f {
		return f, nil
	}
	converted, err := schema.Convert(s.as, v)
	if err != nil {
		return nil, err
	}
	return s.kind.storeValue(converted)
}

func (c *compiler) param(v any) {
	c.args = append(c.args, v)
	c.sql.WriteString("?" + strconv.Itoa(len(c.args)))
}
