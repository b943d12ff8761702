package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"github.com/espace-git/espace-git/space"
)

// batch is how many rows one transaction of an import holds: enough to be fast, little enough to stay far from the limits.
const batch = 1000

type importFlags struct {
	format string
	update bool
}

// imported is the JSON of an import.
type imported struct {
	Rows int `json:"rows"`
}

func (a *app) importVerb() *cobra.Command {
	var f importFlags
	c := a.tableVerb("import TABLE FILE", cobra.ExactArgs(2), func(s *space.Space, args []string) error {
		return a.importRows(s, args[0], args[1], f)
	})
	c.Flags().StringVar(&f.format, "format", "", flagFormat)
	c.Flags().BoolVar(&f.update, "update", false, flagImportUpdate)
	return c
}

func (a *app) importRows(s *space.Space, tableName, name string, f importFlags) error {
	src, size, err := a.source(name)
	if err != nil {
		return err
	}
	defer src.Close()
	format, err := rowFormat(f.format, name)
	if err != nil {
		return err
	}
	texts, documents, err := a.textColumns(s, tableName)
	if err != nil {
		return err
	}
	count := &counter{r: src}
	next, err := reader(count, format)
	if err != nil {
		return usage(fmt.Errorf("%s: %w", name, err), "")
	}
	in := importer{a: a, s: s, table: tableName, update: f.update, documents: documents, next: lenient(next, texts), read: count, size: size}
	if err := in.run(); err != nil {
		return importFault(err, name, in.rows)
	}
	return a.print(imported{in.rows}, func(w io.Writer) { fmt.Fprintf(w, rowsImported, in.rows) })
}

// textColumns are those that can hold an empty value, and documents those that no update writes.
func (a *app) textColumns(s *space.Space, tableName string) (texts, documents map[string]bool, err error) {
	tables, err := s.Tables(a.ctx)
	if err != nil {
		return nil, nil, err
	}
	for _, t := range tables {
		if t.Name == tableName {
			texts, documents = map[string]bool{}, map[string]bool{}
			for _, c := range t.Columns {
				texts[c.Name] = c.Type == "text" || c.Type == "bytes" || c.Type == "textarea"
				documents[c.Name] = commandOf[c.Type] != "" || c.Type == "tree"
			}
			return texts, documents, nil
		}
	}
	return nil, nil, hinted(fmt.Errorf(noTable, tableName, space.ErrNotFound), hintTables)
}

// lenient lets "" stand for no value in columns that hold no text: some programs quote every cell.
func lenient(next func() (space.Row, error), texts map[string]bool) func() (space.Row, error) {
	return func() (space.Row, error) {
		row, err := next()
		for name, v := range row {
			if v == "" && !texts[name] {
				delete(row, name)
			}
		}
		return row, err
	}
}

// importFault says how many rows are in already: each batch is a transaction, and what is done stays done.
func importFault(err error, name string, rows int) error {
	code, hint := classify(err)
	if rows > 0 {
		hint = fmt.Sprintf(hintPartImport, rows)
	}
	return &fault{fmt.Errorf("%s: %w", name, err), code, hint}
}

// source opens a file argument; size is 0 where it is not known.
func (a *app) source(name string) (io.ReadCloser, int64, error) {
	if name == "-" {
		return io.NopCloser(a.in), 0, nil
	}
	f, err := os.Open(a.path(name))
	if err != nil {
		return nil, 0, usage(err, "")
	}
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, 0, err
	}
	return f, info.Size(), nil
}

// counter knows how much of the file was read: that is the progress.
type counter struct {
	r io.Reader
	n int64
}

func (c *counter) Read(b []byte) (int, error) {
	n, err := c.r.Read(b)
	c.n += int64(n)
	return n, err
}

type importer struct {
	a      *app
	s      *space.Space
	table  string
	update bool

	documents map[string]bool // columns

	next func() (space.Row, error) // io.EOF at the end
	read *counter
	size int64
	rows int // committed
}

// run reads a batch before it begins the transaction, so that the store is not held while a pipe is slow.
func (in *importer) run() error {
	progress := in.a.progress()
	for {
		rows, err := in.fill()
		if err != nil {
			return err
		}
		if len(rows) == 0 {
			return nil
		}
		if err := in.write(rows); err != nil {
			return err
		}
		in.rows += len(rows)
		if progress != nil {
			progress(space.Progress{Phase: phaseImport, Done: in.read.n, Total: in.size})
		}
	}
}

func (in *importer) fill() ([]space.Row, error) {
	var rows []space.Row
	for len(rows) < batch {
		row, err := in.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, usage(fmt.Errorf("row %d: %w", in.rows+len(rows)+1, err), "")
		}
		rows = append(rows, row)
	}
	return rows, in.a.ctx.Err()
}

func (in *importer) write(rows []space.Row) error {
	_, err := in.s.Write(in.a.ctx, func(tx *space.Tx) error {
		for i, row := range rows {
			if err := in.put(tx, row); err != nil {
				return fmt.Errorf("row %d: %w", in.rows+i+1, err)
			}
		}
		return nil
	})
	return err
}

// put inserts a row, or updates the one that has its id. A row that is there already is no accident to pass over.
func (in *importer) put(tx *space.Tx, row space.Row) error {
	id, named, err := rowID(row)
	if err != nil {
		return err
	}
	if !named {
		delete(row, "id")
		_, err := tx.Insert(in.table, row)
		return err
	}
	now, err := tx.Get(in.table, id)
	switch {
	case errors.Is(err, space.ErrNotFound):
		_, err = tx.Insert(in.table, row)
		return err
	case err != nil:
		return err
	case !in.update:
		return usagef(hintImportUpdate, rowExists, id)
	}
	delete(row, "id")
	in.dropSame(row, now)
	if len(row) == 0 {
		return nil
	}
	return tx.Update(in.table, id, row)
}

// dropSame leaves out documents that are what the file says already: an update writes no whole ones.
func (in *importer) dropSame(row, now space.Row) {
	for name, v := range row {
		if in.documents[name] && documentText(v) == documentText(now[name]) {
			delete(row, name)
		}
	}
}

// documentText is the value of a document in one form, whether a file or the space has it.
func documentText(v any) string {
	raw, ok := v.(json.RawMessage)
	if !ok {
		return text(v)
	}
	var s string
	if json.Unmarshal(raw, &s) == nil {
		return s
	}
	var b bytes.Buffer
	if json.Compact(&b, raw) != nil {
		return string(raw)
	}
	return b.String()
}

// rowID is the id that a row brings.
func rowID(row space.Row) (id string, named bool, err error) {
	switch v := row["id"].(type) {
	case nil:
		return "", false, nil
	case string:
		id = v
	case json.RawMessage:
		if json.Unmarshal(v, &id) != nil {
			id = string(v)
		}
	}
	if _, err := uuid.Parse(id); err != nil || len(id) != 36 {
		return "", true, usagef("", badRowID, id)
	}
	return id, true, nil
}
