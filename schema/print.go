package schema

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// YAML prints a schema as a file that Parse takes, without numbers.
func (s *Schema) YAML() string {
	if len(s.Tables) == 0 {
		return "tables: {}\n"
	}
	var b strings.Builder
	b.WriteString("tables:\n")
	for _, t := range s.Tables {
		fmt.Fprintf(&b, "  %s:\n", key(t.Name))
		if t.UpdateWins {
			b.WriteString("    update_wins: true\n")
		}
		if t.Ordered {
			b.WriteString("    ordered: true\n")
		}
		if len(t.Columns) == 0 {
			b.WriteString("    columns: {}\n")
		} else {
			b.WriteString("    columns:\n")
		}
		for _, c := range t.Columns {
			fmt.Fprintf(&b, "      %s: {%s}\n", key(c.Name), strings.Join(c.parts(), ", "))
		}
		if lists := t.indexLists(); len(lists) > 0 {
			fmt.Fprintf(&b, "    indexes: [%s]\n", strings.Join(lists, ", "))
		}
	}
	return b.String()
}

func (t *Table) indexLists() (lists []string) {
	for _, index := range t.Indexes {
		lists = append(lists, nameList(index))
	}
	for _, index := range t.Uniques {
		lists = append(lists, "{columns: "+nameList(index)+", unique: true}")
	}
	return lists
}

func nameList(index []string) string {
	names := make([]string, len(index))
	for i, name := range index {
		names[i] = key(name)
	}
	return "[" + strings.Join(names, ", ") + "]"
}

func (c *Column) parts() []string {
	parts := []string{"type: " + c.Type.String()}
	if c.Type == Ref {
		parts = append(parts, "table: "+key(c.Table))
	}
	if c.OnDelete != Keep {
		parts = append(parts, "on_delete: "+strconv.Quote(c.OnDelete.String()))
	}
	if c.Required {
		parts = append(parts, "required: true")
	}
	switch c.Default.Kind {
	case DefaultNow:
		parts = append(parts, "default: now")
	case DefaultMember:
		parts = append(parts, "default: auth.member")
	case DefaultValue:
		parts = append(parts, "default: "+c.literal())
	}
	if c.Index {
		parts = append(parts, "index: true")
	}
	if c.Unique {
		parts = append(parts, "unique: true")
	}
	return parts
}

// literal is JSON, which YAML's flow style contains.
func (c *Column) literal() string {
	b, err := json.Marshal(Show(c, c.Default.Value))
	if err != nil {
		return "null"
	}
	return string(b)
}

// key quotes the few names that YAML would read as something else.
func key(name string) string {
	switch strings.ToLower(name) {
	case "y", "n", "yes", "no", "on", "off", "true", "false", "null":
		return strconv.Quote(name)
	}
	return name
}
