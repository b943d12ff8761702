package main

import (
	"fmt"
	"io"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/espace-git/espace-git/space"
)

// setItem is an element in the JSON of a set.
type setItem struct {
	Value any `json:"value"`
}

// setVerb is about sets that several people change at once.
func (a *app) setVerb() *cobra.Command {
	c := a.command("set")
	c.AddCommand(
		a.documentVerb("set show DOC", "set", cobra.ExactArgs(1), func(s *space.Space, doc string, _ []string) error {
			values, err := s.Set(doc).Values(a.ctx)
			if err != nil {
				return err
			}
			return a.print(mapped(values, func(v any) setItem { return setItem{v} }), func(w io.Writer) { lines(w, values) })
		}),
		a.valuesVerb("set add DOC VALUE...", "set", func(tx *space.Tx, doc string, values []any) error { return tx.Set(doc).Add(values...) }),
		a.valuesVerb("set remove DOC VALUE...", "set", a.setRemove),
		a.documentsVerb("set", "ELEMENTS"),
	)
	return c
}

// valuesVerb is a verb that takes values and prints nothing.
func (a *app) valuesVerb(line, typ string, f func(*space.Tx, string, []any) error) *cobra.Command {
	var typed bool
	c := a.documentVerb(line, typ, cobra.MinimumNArgs(2), func(s *space.Space, doc string, args []string) error {
		r, err := s.Write(a.ctx, func(tx *space.Tx) error { return f(tx, doc, a.valuesOf(args, typed)) })
		return a.printReceipt(r, documentTold, err)
	})
	c.Flags().BoolVar(&typed, "typed", false, flagTyped)
	return c
}

// setRemove does not pass over what is no element: it may be misspelt.
func (a *app) setRemove(tx *space.Tx, doc string, values []any) error {
	x := tx.Set(doc)
	for _, v := range values {
		has, err := x.Has(v)
		if err == nil && !has {
			err = hintFor(fmt.Errorf(noElement, clean(text(v)), space.ErrNotFound), space.ErrNotFound, fmt.Sprintf(hintSetShow, quoted(doc)))
		}
		if err != nil {
			return err
		}
	}
	return x.Remove(values...)
}

// counted is the JSON of a counter, and of what adds to it.
type counted struct {
	Value int64 `json:"value"`
}

type countedWrite struct {
	space.Receipt
	counted
}

// counterVerb is about numbers to which several people add at once.
func (a *app) counterVerb() *cobra.Command {
	c := a.command("counter")
	c.AddCommand(
		a.documentVerb("counter show DOC", "counter", cobra.ExactArgs(1), func(s *space.Space, doc string, _ []string) error {
			n, err := s.Counter(doc).Value(a.ctx)
			if err != nil {
				return err
			}
			return a.print(counted{n}, func(w io.Writer) { fmt.Fprintln(w, n) })
		}),
		a.documentVerb("counter add DOC [N]", "counter", cobra.RangeArgs(1, 2), a.counterAdd),
		a.documentsVerb("counter", "VALUE"),
	)
	return c
}

func (a *app) counterAdd(s *space.Space, doc string, args []string) error {
	add := int64(1)
	if len(args) > 0 {
		n, err := strconv.ParseInt(args[0], 10, 64)
		if err != nil {
			return usagef("", badNumber, "N", args[0])
		}
		add = n
	}
	var sum int64
	r, err := s.Write(a.ctx, func(tx *space.Tx) (err error) {
		if err = tx.Counter(doc).Add(add); err == nil {
			sum, err = tx.Counter(doc).Value()
		}
		return err
	})
	if err != nil {
		return err
	}
	return a.print(countedWrite{r, counted{sum}}, func(w io.Writer) { fmt.Fprintln(w, sum) })
}

// flagged is the JSON of a flag.
type flagged struct {
	On bool `json:"on"`
}

// flagVerb is about flags that several people set at once.
func (a *app) flagVerb() *cobra.Command {
	c := a.command("flag")
	c.AddCommand(
		a.documentVerb("flag show DOC", "flag", cobra.ExactArgs(1), func(s *space.Space, doc string, _ []string) error {
			on, err := s.Flag(doc).On(a.ctx)
			if err != nil {
				return err
			}
			return a.print(flagged{on}, func(w io.Writer) { fmt.Fprintln(w, map[bool]string{true: "on", false: "off"}[on]) })
		}),
		a.flagSet("flag on DOC", true), a.flagSet("flag off DOC", false),
		a.documentsVerb("flag", "ON"),
	)
	return c
}

func (a *app) flagSet(line string, on bool) *cobra.Command {
	return a.documentVerb(line, "flag", cobra.ExactArgs(1), func(s *space.Space, doc string, _ []string) error {
		r, err := s.Write(a.ctx, func(tx *space.Tx) error { return tx.Flag(doc).Set(on) })
		return a.printReceipt(r, documentTold, err)
	})
}

// recordVerb is about logs: operations in an order that is the same everywhere.
func (a *app) recordVerb() *cobra.Command {
	c := a.command("record")
	c.AddCommand(
		a.documentVerb("record show DOC", "log", cobra.ExactArgs(1), func(s *space.Space, doc string, _ []string) error {
			entries := []space.RecordEntry{}
			for e, err := range s.Record(doc).Each(a.ctx, 0) {
				if err != nil {
					return err
				}
				entries = append(entries, e)
			}
			return a.print(entries, func(w io.Writer) {
				table(w, []string{"TIME", "DEVICE", "OP"}, mapped(entries, func(e space.RecordEntry) []string {
					return []string{moment(e.Time), e.Device, text(e.Op)}
				}))
			})
		}),
		a.valuesVerb("record append DOC VALUE...", "log", func(tx *space.Tx, doc string, values []any) error { return tx.Record(doc).Append(values...) }),
		a.documentsVerb("log", "ENTRIES"),
	)
	return c
}
