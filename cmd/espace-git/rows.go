package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/espace-git/espace-git/space"
)

// values reads the columns of a row from arguments like col=value, or one JSON object from stdin with -. Values from
// arguments stay texts, which the SDK converts by the column's type; nulls names columns that are to have no value.
func (a *app) values(args, nulls []string) (space.Row, error) {
	row := space.Row{}
	if len(args) == 1 && args[0] == "-" {
		b, err := a.readFile("-")
		if err != nil {
			return nil, err
		}
		if row, err = jsonRow(b); err != nil {
			return nil, usage(err, hintJSONRow)
		}
		args = nil
	}
	for _, arg := range args {
		column, value, ok := strings.Cut(arg, "=")
		if !ok || column == "" {
			return nil, usagef(hintAssignment, badAssignment, arg)
		}
		if err := set(row, column, value); err != nil {
			return nil, err
		}
	}
	for _, column := range nulls {
		if err := set(row, column, nil); err != nil {
			return nil, err
		}
	}
	return row, nil
}

func set(row space.Row, column string, value any) error {
	if _, twice := row[column]; twice {
		return usagef("", columnTwice, column)
	}
	row[column] = value
	return nil
}

// jsonRow reads exactly one JSON object. Its values stay as they are written, and the SDK converts them by the column's type:
// a text in a column of type json is a text, not JSON to parse once more. A key that stands twice is refused: one of the values
// would disappear.
func jsonRow(b []byte) (space.Row, error) {
	if len(bytes.TrimSpace(b)) == 0 {
		return nil, errors.New(emptyStdin)
	}
	dec := json.NewDecoder(bytes.NewReader(b))
	row, err := decodeRow(dec)
	if err != nil {
		return nil, err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New(oneObject)
	}
	return row, nil
}

// decodeRow reads the next object of a stream; io.EOF is an end between objects only.
func decodeRow(dec *json.Decoder) (space.Row, error) {
	open, err := dec.Token()
	if err != nil {
		return nil, err
	}
	if open != json.Delim('{') {
		return nil, errors.New(oneObject)
	}
	row, err := decodeColumns(dec)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = errors.New(cutObject)
	}
	return row, err
}

func decodeColumns(dec *json.Decoder) (space.Row, error) {
	row := space.Row{}
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return nil, err
		}
		var raw json.RawMessage
		if err := dec.Decode(&raw); err != nil {
			return nil, err
		}
		if err := set(row, key.(string), jsonValue(raw)); err != nil {
			return nil, err
		}
	}
	_, err := dec.Token()
	return row, err
}

func jsonValue(raw json.RawMessage) any {
	if raw[0] == 'n' {
		return nil
	}
	return raw
}

// showRow prints a row for people: one column a line, id first.
func showRow(w io.Writer, row space.Row, columns []string) {
	width := len("id:")
	for _, c := range columns {
		width = max(width, len(c)+1)
	}
	for _, c := range columns {
		fmt.Fprintf(w, "%-*s %s\n", width, clean(c)+":", clean(text(row[c])))
	}
}

// columns are the names of a table's columns in the schema's order, id first.
func (a *app) columns(s *space.Space, tableName string) ([]string, error) {
	tables, err := s.Tables(a.ctx)
	if err != nil {
		return nil, err
	}
	for _, t := range tables {
		if t.Name == tableName {
			names := mapped(t.Columns, func(c space.ColumnInfo) string { return c.Name })
			return append([]string{"id"}, without(names, "id")...), nil
		}
	}
	return nil, hinted(fmt.Errorf(noTable, tableName, space.ErrNotFound), hintTables)
}

// tableHint says where to look when a row is not there, or a value does not fit. The table itself may be missing.
func tableHint(err error, tableName string) error {
	text := err.Error()
	switch {
	case strings.Contains(text, "no table") || strings.Contains(text, "no such"):
		return usageHint(hintFor(err, space.ErrNotFound, hintTables), hintTables)
	case strings.Contains(text, "row"):
		hint := fmt.Sprintf(hintRows, tableName)
		return usageHint(hintFor(err, space.ErrNotFound, hint), hint)
	case strings.Contains(text, "no member"):
		return memberHint(err)
	}
	return usageHint(err, hintTables)
}

func without(names []string, name string) []string {
	var rest []string
	for _, n := range names {
		if n != name {
			rest = append(rest, n)
		}
	}
	return rest
}

// completing completes the first argument with names that the space knows. It asks nobody for a passphrase.
func (a *app) completing(names func(*space.Space) []string) cobra.CompletionFunc {
	return func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveDefault
		}
		root, err := space.Find(a.path("."))
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		o, err := a.options()
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		o.Passphrase, o.Progress = nil, nil
		s, err := space.Open(a.ctx, root, o)
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		defer s.Close()
		return names(s), cobra.ShellCompDirectiveNoFileComp
	}
}

// tableNames are what a table argument can be.
func (a *app) tableNames(s *space.Space) []string {
	tables, _ := s.Tables(a.ctx)
	return mapped(tables, func(t space.TableInfo) string { return t.Name })
}

// tableVerb is a verb whose first argument is a table.
func (a *app) tableVerb(line string, args cobra.PositionalArgs, f func(*space.Space, []string) error) *cobra.Command {
	c := a.verb(line, args, func(args []string) error {
		return a.inSpace(func(s *space.Space) error { return f(s, args) })
	})
	c.ValidArgsFunction = a.completing(a.tableNames)
	return c
}
