package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/espace-git/espace-git/space"
)

func (a *app) exportVerb() *cobra.Command {
	var format, where string
	c := a.tableVerb("export TABLE", cobra.ExactArgs(1), func(s *space.Space, args []string) error {
		format, err := rowFormat(format, "")
		if a.json {
			format, err = formatJSON, nil
		}
		if err != nil {
			return err
		}
		return a.export(s, space.Query{Table: args[0], Where: where}, format)
	})
	c.Flags().StringVar(&format, "format", formatJSON, flagFormat)
	c.Flags().StringVar(&where, "where", "", flagWhere)
	return c
}

func (a *app) export(s *space.Space, q space.Query, format string) error {
	columns, err := a.columns(s, q.Table)
	if err != nil {
		return err
	}
	_, documents, err := a.textColumns(s, q.Table)
	if err != nil {
		return err
	}
	out := bufio.NewWriterSize(a.out, 64<<10)
	write := func(r space.Row) error { return writeJSON(out, r) }
	if format == formatCSV {
		fmt.Fprint(out, csvLine(mapped(columns, func(c string) any { return c }), clean))
		write = a.csvRow(out, columns, documents)
	}
	if err := a.exportRows(s, q, write); err != nil {
		return err
	}
	return out.Flush()
}

func (a *app) exportRows(s *space.Space, q space.Query, write func(space.Row) error) error {
	progress, done := a.progress(), int64(0)
	if _, shown := terminal(a.out); shown {
		progress = nil // the rows themselves are what is seen
	}
	for row, err := range s.Each(a.ctx, q) {
		if err != nil {
			return usageHint(err, hintWhere)
		}
		if err := write(row); err != nil {
			return err
		}
		if done++; progress != nil {
			progress(space.Progress{Phase: phaseExport, Done: done})
		}
	}
	return nil
}

func writeJSON(w io.Writer, row space.Row) error {
	b, err := encodeJSON(row)
	if err != nil {
		return err
	}
	_, err = w.Write(append(b, '\n'))
	return err
}

// csvRow writes cells as they are into a file or pipe, which an import reads back; on a terminal they are escaped.
// A document that is null (a file that is not there) is an empty cell; in a json column null is a value.
func (a *app) csvRow(out io.Writer, columns []string, documents map[string]bool) func(space.Row) error {
	show := func(s string) string { return s }
	if _, shown := terminal(a.out); shown {
		show = clean
	}
	value := func(row space.Row, name string) any {
		if raw, ok := row[name].(json.RawMessage); ok && documents[name] && string(raw) == "null" {
			return nil
		}
		return row[name]
	}
	return func(row space.Row) error {
		_, err := io.WriteString(out, csvLine(mapped(columns, func(name string) any { return value(row, name) }), show))
		return err
	}
}
