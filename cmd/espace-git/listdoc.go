package main

import (
	"fmt"
	"io"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/espace-git/espace-git/space"
)

// listItem is an item in the JSON of a list.
type listItem struct {
	Index int    `json:"index"`
	ID    string `json:"id"`
	Value any    `json:"value"`
}

// listAdded is the JSON of an insert into a list.
type listAdded struct {
	space.Receipt
	IDs []string `json:"ids"`
}

// listVerb is about lists that several people change at once.
func (a *app) listVerb() *cobra.Command {
	c := a.command("list")
	c.AddCommand(
		a.listShowVerb(),
		a.listAddVerb("list append DOC VALUE...", 2, func(x *space.ListTx, args []string, typed bool) ([]string, error) {
			return x.Append(a.valuesOf(args, typed)...)
		}),
		a.listAddVerb("list insert DOC INDEX VALUE...", 3, a.listInsert),
		a.listSetVerb(),
		a.listWrite("list move DOC ITEM INDEX", cobra.ExactArgs(3), a.listMove),
		a.listWrite("list remove DOC ITEM...", cobra.MinimumNArgs(2), func(x *space.ListTx, args []string) error {
			ids, err := itemIDs(x, args...)
			if err != nil {
				return err
			}
			return x.Remove(ids...)
		}),
		a.documentsVerb("list", "ITEMS"),
	)
	return c
}

func (a *app) listShowVerb() *cobra.Command {
	var long bool
	c := a.documentVerb("list show DOC", "list", cobra.ExactArgs(1), func(s *space.Space, doc string, _ []string) error {
		items, err := s.List(doc).Items(a.ctx)
		if err != nil {
			return err
		}
		out := make([]listItem, len(items))
		for i, it := range items {
			out[i] = listItem{i, it.ID, it.Value}
		}
		return a.print(out, func(w io.Writer) {
			if long {
				table(w, []string{"INDEX", "ID", "VALUE"}, mapped(out, func(it listItem) []string {
					return []string{strconv.Itoa(it.Index), it.ID, text(it.Value)}
				}))
				return
			}
			lines(w, mapped(out, func(it listItem) any { return it.Value }))
		})
	})
	c.Flags().BoolVarP(&long, "long", "l", false, flagLong)
	return c
}

// lines prints values one a line.
func lines(w io.Writer, values []any) {
	for _, v := range values {
		fmt.Fprintln(w, clean(text(v)))
	}
}

func (a *app) listAddVerb(line string, n int, f func(*space.ListTx, []string, bool) ([]string, error)) *cobra.Command {
	var typed bool
	c := a.documentVerb(line, "list", cobra.MinimumNArgs(n), func(s *space.Space, doc string, args []string) error {
		var ids []string
		r, err := s.Write(a.ctx, func(tx *space.Tx) (err error) {
			ids, err = f(tx.List(doc), args, typed)
			return err
		})
		if err != nil {
			return err
		}
		return a.print(listAdded{r, ids}, func(w io.Writer) {
			for _, id := range ids {
				fmt.Fprintln(w, id)
			}
		})
	})
	c.Flags().BoolVar(&typed, "typed", false, flagTyped)
	return c
}

func (a *app) listInsert(x *space.ListTx, args []string, typed bool) ([]string, error) {
	index, err := listIndex(x, args[0], 0)
	if err != nil {
		return nil, err
	}
	return x.Insert(index, a.valuesOf(args[1:], typed)...)
}

func (a *app) listMove(x *space.ListTx, args []string) error {
	ids, err := itemIDs(x, args[0])
	if err != nil {
		return err
	}
	index, err := listIndex(x, args[1], 1)
	if err != nil {
		return err
	}
	return x.Move(ids[0], index)
}

func (a *app) listSetVerb() *cobra.Command {
	var typed bool
	c := a.listWrite("list set DOC ITEM VALUE", cobra.ExactArgs(3), func(x *space.ListTx, args []string) error {
		ids, err := itemIDs(x, args[0])
		if err != nil {
			return err
		}
		return x.Set(ids[0], a.valuesOf(args[1:], typed)[0])
	})
	c.Flags().BoolVar(&typed, "typed", false, flagTyped)
	return c
}

func (a *app) listWrite(line string, n cobra.PositionalArgs, f func(*space.ListTx, []string) error) *cobra.Command {
	return a.documentVerb(line, "list", n, func(s *space.Space, doc string, args []string) error {
		r, err := s.Write(a.ctx, func(tx *space.Tx) error { return f(tx.List(doc), args) })
		return a.printReceipt(r, documentTold, err)
	})
}

// listIndex reads an index from 0 to the length less short.
func listIndex(x *space.ListTx, arg string, short int) (int, error) {
	n, err := number("INDEX", arg)
	if err != nil {
		return 0, err
	}
	items, err := x.Items()
	if err == nil && (n < 0 || n > len(items)-short) {
		err = usagef(hintIndex, badIndex, n, len(items))
	}
	return n, err
}

// itemIDs finds items by index or ID.
func itemIDs(x *space.ListTx, args ...string) ([]string, error) {
	items, err := x.Items()
	if err != nil {
		return nil, err
	}
	ids := make([]string, len(args))
	for i, arg := range args {
		n, err := strconv.Atoi(arg)
		switch {
		case err != nil:
			ids[i] = arg
		case n < 0 || n >= len(items):
			return nil, usagef(hintIndex, badIndex, n, len(items))
		default:
			ids[i] = items[n].ID
		}
	}
	return ids, nil
}
