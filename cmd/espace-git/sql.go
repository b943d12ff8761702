package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math"

	"github.com/spf13/cobra"

	"github.com/espace-git/espace-git/space"
)

func (a *app) sqlVerb() *cobra.Command {
	return a.verb("sql QUERY", cobra.ExactArgs(1), func(args []string) error {
		return a.inSpace(func(s *space.Space) error { return a.sql(s, args[0]) })
	})
}

func (a *app) sql(s *space.Space, query string) error {
	if query == "-" {
		b, err := a.readFile("-")
		if err != nil {
			return err
		}
		query = string(b)
	}
	r, err := s.SQL(a.ctx, query)
	if err != nil {
		return usageHint(err, hintSQL)
	}
	names := unique(r.Columns)
	objects := mapped(r.Rows, func(row []any) ordered { return ordered{names, row} })
	return a.print(objects, func(w io.Writer) {
		table(w, names, mapped(r.Rows, func(row []any) []string { return mapped(row, text) }))
	})
}

// ordered is an object whose keys keep the order of the query.
type ordered struct {
	names  []string
	values []any
}

func (o ordered) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, name := range o.names {
		if i > 0 {
			b.WriteByte(',')
		}
		key, err := json.Marshal(name)
		if err != nil {
			return nil, err
		}
		value, err := json.Marshal(jsonNumber(o.values[i]))
		if err != nil {
			return nil, err
		}
		b.Write(append(append(key, ':'), value...))
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// jsonNumber is a value as JSON can have it: what is no finite number becomes the text that SQL databases give for it.
func jsonNumber(v any) any {
	f, ok := v.(float64)
	switch {
	case ok && math.IsInf(f, 1):
		return "Infinity"
	case ok && math.IsInf(f, -1):
		return "-Infinity"
	case ok && math.IsNaN(f):
		return "NaN"
	}
	return v
}

// unique numbers columns of the same name, so that no value of an object hides another.
func unique(names []string) []string {
	seen := map[string]int{}
	return mapped(names, func(name string) string {
		seen[name]++
		if n := seen[name]; n > 1 {
			return fmt.Sprintf("%s_%d", name, n)
		}
		return name
	})
}
