package space

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"time"
)

// Table is a table whose rows are values of a Go struct. A field's column is in
// its tag, `espace:"column"`, or its name in lower case; `espace:"-"` leaves it
// out. Columns of JSON and of documents with several values go into any type that JSON
// goes into. A field for the column "id" is a string. Pointers stand for columns that
// may be null.
type Table[T any] struct {
	s      *Space
	name   string
	fields []field
	err    error
}

type field struct {
	column string
	index  []int
}

// TableOf is the table of that name, with rows of type T, a struct.
func TableOf[T any](s *Space, name string) *Table[T] {
	t := &Table[T]{s: s, name: name}
	typ := reflect.TypeFor[T]()
	if typ.Kind() != reflect.Struct {
		t.err = usage("rows of table %q: %s is no struct", name, typ)
		return t
	}
	for _, f := range reflect.VisibleFields(typ) {
		column, tagged := f.Tag.Lookup("espace")
		if !f.IsExported() || column == "-" || f.Anonymous {
			continue
		}
		if !tagged {
			column = strings.ToLower(f.Name)
		}
		t.fields = append(t.fields, field{column, f.Index})
	}
	return t
}

// Insert adds a row and returns its ID. An empty id field draws a new one.
func (t *Table[T]) Insert(ctx context.Context, row T) (string, error) {
	if t.err != nil {
		return "", t.err
	}
	return t.s.Insert(ctx, t.name, t.values(row))
}

// Get reads a row. ErrNotFound: there is none.
func (t *Table[T]) Get(ctx context.Context, id string) (T, error) {
	var out T
	if t.err != nil {
		return out, t.err
	}
	row, err := t.s.Get(ctx, t.name, id)
	if err != nil {
		return out, err
	}
	return out, t.fill(&out, row)
}

// Update lets fn change a row and writes the columns that it changed, so that
// others' concurrent changes to other columns stay.
func (t *Table[T]) Update(ctx context.Context, id string, fn func(*T)) error {
	if t.err != nil {
		return t.err
	}
	_, err := t.s.Write(ctx, func(tx *Tx) error {
		row, err := tx.Get(t.name, id)
		if err != nil {
			return err
		}
		var v T
		if err := t.fill(&v, row); err != nil {
			return err
		}
		before := t.values(v)
		fn(&v)
		changed := Row{}
		for column, after := range t.values(v) {
			if column != "id" && !reflect.DeepEqual(before[column], after) {
				changed[column] = after
			}
		}
		if len(changed) == 0 {
			return nil
		}
		return tx.Update(t.name, id, changed)
	})
	return err
}

// Delete removes a row.
func (t *Table[T]) Delete(ctx context.Context, id string) error {
	return t.s.Delete(ctx, t.name, id)
}

// Where returns the rows that a condition chooses; each ? in it stands for the
// next of args. An empty condition chooses all.
func (t *Table[T]) Where(ctx context.Context, where string, args ...any) ([]T, error) {
	return t.Query(ctx, Query{Where: where, Args: args})
}

// Query is Where with order and limits. Table and Columns are filled in.
func (t *Table[T]) Query(ctx context.Context, q Query) ([]T, error) {
	if t.err != nil {
		return nil, t.err
	}
	q.Table, q.Columns = t.name, nil
	out := []T{}
	for row, err := range t.s.Each(ctx, q) {
		if err != nil {
			return nil, err
		}
		var v T
		if err := t.fill(&v, row); err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, nil
}

// values is a row by column; nil pointers and an empty id are left out as null
// and unknown.
func (t *Table[T]) values(v T) Row {
	row := Row{}
	rv := reflect.ValueOf(v)
	for _, f := range t.fields {
		fv := rv.FieldByIndex(f.index)
		if f.column == "id" && fv.IsZero() {
			continue
		}
		if fv.Kind() == reflect.Pointer {
			if fv.IsNil() {
				row[f.column] = nil
				continue
			}
			fv = fv.Elem()
		}
		row[f.column] = plain(fv)
	}
	return row
}

// plain is a value as schema.Convert takes it, whatever named type it has.
func plain(v reflect.Value) any {
	switch x := v.Interface().(type) {
	case time.Time, json.RawMessage, []byte:
		return x
	}
	switch v.Kind() {
	case reflect.String:
		return v.String()
	case reflect.Bool:
		return v.Bool()
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return v.Int()
	case reflect.Float32, reflect.Float64:
		return v.Float()
	}
	return v.Interface()
}

// fill sets the fields that a row has columns for; null leaves the zero value.
func (t *Table[T]) fill(out *T, row Row) error {
	rv := reflect.ValueOf(out).Elem()
	for _, f := range t.fields {
		value, ok := row[f.column]
		if !ok || value == nil {
			continue
		}
		fv := rv.FieldByIndex(f.index)
		if fv.Kind() == reflect.Pointer {
			fv.Set(reflect.New(fv.Type().Elem()))
			fv = fv.Elem()
		}
		if err := assign(fv, value); err != nil {
			return usage("table %q, column %q: %v", t.name, f.column, err)
		}
	}
	return nil
}

func assign(to reflect.Value, value any) error {
	from := reflect.ValueOf(value)
	switch {
	case from.Type().AssignableTo(to.Type()):
		to.Set(from)
	case from.CanInt() && to.CanInt() && to.OverflowInt(from.Int()):
		return fmt.Errorf("%d does not fit into a %s", from.Int(), to.Type())
	case sameKind(from, to):
		to.Set(from.Convert(to.Type()))
	default:
		if raw, ok := value.(json.RawMessage); ok { // JSON, or a document of several values
			return json.Unmarshal(raw, to.Addr().Interface())
		}
		return fmt.Errorf("a %T does not go into a %s", value, to.Type())
	}
	return nil
}

// sameKind: a conversion between the two changes the type only, not the value.
func sameKind(from, to reflect.Value) bool {
	if !from.CanConvert(to.Type()) {
		return false
	}
	return from.Kind() == to.Kind() || from.CanInt() && to.CanInt() || from.CanFloat() && to.CanFloat()
}
