package main

import (
	"bufio"
	"encoding/json"
	"io"
	"path/filepath"
	"strings"

	"github.com/espace-git/espace-git/space"
)

// The formats of import and export. Both lose nothing. In CSV the first line names the columns; an empty cell is a column
// without a value, and a quoted empty one ("") the empty text.
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
