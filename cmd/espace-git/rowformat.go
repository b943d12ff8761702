package main

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"github.com/espace-git/espace-git/space"
)

// The formats of import and export. JSON lines lose nothing. In CSV the first line names the columns, and an empty cell is a
// column without a value: CSV can't tell it from an empty text.
const (
	formatCSV  = "csv"
	formatJSON = "jsonl"
)

// rowFormat is the flag's, else what the file's name says.
func rowFormat(flag, name string) (string, error) {
	if flag == "" {
		flag = strings.TrimPrefix(strings.ToLower(filepath.Ext(name)), ".")
	}
	switch flag {
	case formatCSV:
		return formatCSV, nil
	case formatJSON, "ndjson", "json":
		return formatJSON, nil
	}
	return "", usagef(hintFormat, unknownFormat, flag)
}

// reader returns a function that reads the next row, or io.EOF.
func reader(r io.Reader, format string) (func() (space.Row, error), error) {
	if format == formatCSV {
		return csvReader(r)
	}
	dec := json.NewDecoder(bufio.NewReaderSize(r, 64<<10))
	return func() (space.Row, error) { return decodeRow(dec) }, nil
}

const byteOrderMark = "\ufeff"

func csvReader(r io.Reader) (func() (space.Row, error), error) {
	c := csv.NewReader(bufio.NewReaderSize(r, 64<<10))
	head, err := c.Read()
	if err != nil {
		if errors.Is(err, io.EOF) {
			err = errors.New(noCSVHead)
		}
		return nil, err
	}
	head[0] = strings.TrimPrefix(head[0], byteOrderMark)
	for i, name := range head {
		if name == "" || slices.Contains(head[:i], name) {
			return nil, fmt.Errorf(badCSVHead, i+1)
		}
	}
	return func() (space.Row, error) {
		cells, err := c.Read()
		if err != nil {
			return nil, err
		}
		row := make(space.Row, len(cells))
		for i, cell := range cells {
			if cell != "" {
				row[head[i]] = cell
			}
		}
		return row, nil
	}, nil
}
