package space

import (
	"context"
	"encoding/json"
	"unicode/utf8"

	"github.com/espace-git/espace-git/schema"
	"github.com/espace-git/espace-git/view"
)

// DocumentInfo is a document by name.
type DocumentInfo struct {
	Name string
	// Value is an int64 or a bool: of a text its code points, of a list or set its
	// items, of a log its entries, of a tree its nodes, of a counter the sum, of a flag
	// whether it is on.
	Value any
}

// Documents lists the documents of one type that go by a name, in the order of their
// names: those that are not empty. The types are textarea, list, set, counter, flag,
// log and tree.
func (s *Space) Documents(ctx context.Context, typ string) ([]DocumentInfo, error) {
	t, _ := schema.BuiltinTable("$documents")
	c, ok := t.Column(typ)
	if !ok || !c.Type.Document() {
		return nil, usage("there are no documents of type %q by name", typ)
	}
	out := []DocumentInfo{}
	q := view.Query{Table: t.Name, Columns: []string{"name", c.Name}, Order: []string{"name"}}
	for row, err := range s.db.Rows(ctx, q) {
		if err != nil {
			return nil, queryError(err)
		}
		name, _ := row.Get("name").(string)
		if value := weight(row.Get(c.Name)); name != "" && value != nil {
			out = append(out, DocumentInfo{name, value})
		}
	}
	return out, nil
}

// weight is what DocumentInfo tells of a value; nil if there is nothing.
func weight(v any) any {
	n := 0
	switch v := v.(type) {
	case bool:
		if v {
			return true
		}
	case int64:
		if v != 0 {
			return v
		}
	case string:
		n = utf8.RuneCountInString(v)
	case json.RawMessage:
		var items []json.RawMessage
		if json.Unmarshal(v, &items) == nil {
			n = len(items)
		}
	}
	if n == 0 {
		return nil
	}
	return int64(n)
}
