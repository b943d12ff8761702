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
		if len(t.Columns) == 0 {
			b.WriteString("    columns: {}\n")
		} else {
			b.WriteString("    columns:\n")
		}
		for _, c := range t.Columns {
			fmt.Fprintf(&b, "      %s: {%s}\n", key(c.Name), strings.Join(c.parts(), ", "))
		}
		if len(t.Indexes) > 0 {
			fmt.Fprintf(&b, "    indexes: [%s]\n", indexList(t.Indexes))
		}
	}
	return b.String()
}

func indexList(indexes [][]string) string {
	lists := make([]string, len(indexes))
	for i, index := range indexes {
		names := make([]string, len(index))
		for j, name := range index {
			names[j] = key(name)
		}
		lists[i] = "[" + strings.Join(names, ", ") + "]"
	}
	return strings.Join(lists, ", ")
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
