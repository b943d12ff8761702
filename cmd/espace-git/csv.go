package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/espace-git/espace-git/space"
)

// CSV as RFC 4180 has it. encoding/csv does not tell a quoted empty cell from an empty one, and changes line ends inside of
// quotes: both would change texts on their way through a file.

const (
	byteOrderMark = "\ufeff"
	maxCell       = 32 << 20
)

// A cell is a text; quoted tells "" from nothing.
type cell struct {
	text   string
	quoted bool
}

// csvReader returns a function that reads the next row. The empty cells of a row have no key in it.
func csvReader(r io.Reader) (func() (space.Row, error), error) {
	c := csvScanner{r: bufio.NewReaderSize(r, 64<<10)}
	if mark, err := c.r.Peek(len(byteOrderMark)); err == nil && string(mark) == byteOrderMark {
		c.r.Discard(len(mark))
	}
	cells, err := c.line()
	if errors.Is(err, io.EOF) {
		err = errors.New(noCSVHead)
	}
	if err != nil {
		return nil, err
	}
	head := mapped(cells, func(c cell) string { return c.text })
	for i, name := range head {
		if name == "" || slices.Contains(head[:i], name) {
			return nil, fmt.Errorf(badCSVHead, i+1)
		}
	}
	return func() (space.Row, error) {
		cells, err := c.line()
		if err != nil {
			return nil, err
		}
		if len(cells) != len(head) {
			return nil, fmt.Errorf(csvCells, len(cells), len(head))
		}
		row := make(space.Row, len(cells))
		for i, cell := range cells {
			if cell.text != "" || cell.quoted {
				row[head[i]] = cell.text
			}
		}
		return row, nil
	}, nil
}

type csvScanner struct{ r *bufio.Reader }

// line reads the cells of the next line that is not empty.
func (c csvScanner) line() ([]cell, error) {
	var cells []cell
	for {
		next, end, err := c.cell()
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, err
		}
		cells = append(cells, next)
		switch empty := len(cells) == 1 && next == (cell{}); {
		case err != nil && empty:
			return nil, io.EOF
		case end && empty:
			cells = nil
		case end:
			return cells, nil
		}
	}
}

// cell reads up to a comma, or the end of the line or file: that is the end.
func (c csvScanner) cell() (got cell, end bool, err error) {
	var b strings.Builder
	if mark, err := c.r.Peek(1); err == nil && mark[0] == '"' {
		c.r.Discard(1)
		got.quoted = true
		if err := c.quoted(&b); err != nil {
			return got, true, err
		}
	}
	for after := 0; ; after++ {
		ch, err := c.r.ReadByte()
		switch {
		case errors.Is(err, io.EOF):
			got.text = b.String()
			return got, true, err
		case err != nil:
			return got, true, err
		case ch == ',', ch == '\n', ch == '\r' && c.newline():
			got.text = b.String()
			return got, ch != ',', nil
		case ch == '"' || got.quoted:
			return got, true, errors.New(csvQuote)
		case after > maxCell:
			return got, true, errors.New(csvLong)
		}
		b.WriteByte(ch)
	}
}

// quoted reads to the closing quote; two quotes are one in the text.
func (c csvScanner) quoted(b *strings.Builder) error {
	for b.Len() <= maxCell {
		ch, err := c.r.ReadByte()
		if errors.Is(err, io.EOF) {
			return errors.New(csvOpen)
		}
		if err != nil {
			return err
		}
		if ch == '"' {
			if next, _ := c.r.Peek(1); len(next) == 0 || next[0] != '"' {
				return nil
			}
			c.r.Discard(1)
		}
		b.WriteByte(ch)
	}
	return errors.New(csvLong)
}

// newline takes the second half of a line end.
func (c csvScanner) newline() bool {
	next, _ := c.r.Peek(1)
	if len(next) == 1 && next[0] == '\n' {
		c.r.Discard(1)
		return true
	}
	return false
}

// csvLine is a line that csvReader reads back; null is an empty cell, and the empty text "".
func csvLine(values []any, show func(string) string) string {
	return strings.Join(mapped(values, func(v any) string {
		if v == nil {
			return ""
		}
		s := show(text(v))
		if s != "" && !strings.ContainsAny(s, ",\"\r\n") && s[0] != ' ' {
			return s
		}
		return `"` + strings.ReplaceAll(s, `"`, `""`) + `"`
	}), ",") + "\n"
}
