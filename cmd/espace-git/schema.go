package main

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/espace-git/espace-git/space"
)

func (a *app) schemaVerb() *cobra.Command {
	c := a.command("schema")
	c.AddCommand(
		a.verb("schema show", cobra.NoArgs, func([]string) error { return a.inSpace(a.schemaShow) }),
		a.verb("schema check FILE", cobra.ExactArgs(1), func(args []string) error { return a.schemaFile(args[0], false) }),
		a.verb("schema apply FILE", cobra.ExactArgs(1), func(args []string) error { return a.schemaFile(args[0], true) }),
	)
	return c
}

// schemaShown is the JSON of a schema: its text, and the tables that it makes.
type schemaShown struct {
	Schema string            `json:"schema"`
	Tables []space.TableInfo `json:"tables"`
}

func (a *app) schemaShow(s *space.Space) error {
	yaml, err := s.Schema(a.ctx)
	if err != nil {
		return err
	}
	tables, err := s.Tables(a.ctx)
	if err != nil {
		return err
	}
	for i := range tables {
		tables[i].Columns = list(tables[i].Columns)
	}
	return a.print(schemaShown{string(yaml), list(tables)}, func(w io.Writer) {
		fmt.Fprintln(w, strings.TrimRight(cleanText(string(yaml)), "\n"))
	})
}

// schemaChanges is the JSON of schema check and apply.
type schemaChanges struct {
	Changes []string `json:"changes"`
	Applied bool     `json:"applied"`
}

func (a *app) schemaFile(name string, apply bool) error {
	yaml, err := a.readFile(name)
	if err == nil && len(bytes.TrimSpace(yaml)) == 0 {
		err = usagef("espace-git schema show", emptySchema)
	}
	if err != nil {
		return err
	}
	return a.inSpace(func(s *space.Space) error {
		var came *space.Outcome
		changes, err := s.CheckSchema(a.ctx, yaml)
		if apply && err == nil {
			changes, came, err = s.ChangeSchema(a.ctx, yaml)
		}
		if err != nil {
			return err
		}
		applied := apply && (came == nil || came.InForce())
		narrows := slices.ContainsFunc(changes, func(c string) bool { return strings.HasSuffix(c, narrowing) })
		return a.print(schemaChanges{list(changes), applied}, func(w io.Writer) {
			for _, c := range changes {
				fmt.Fprintln(w, clean(c))
			}
			switch {
			case apply && !applied:
				a.say(outcome(came, ""))
			default:
				a.say(schemaTold(len(changes), applied))
			}
			if narrows && !apply {
				a.say(schemaSeals)
			}
		})
	})
}

// narrowing is how the SDK marks what takes something away.
const narrowing = "(narrows: seals the epoch)"

func schemaTold(changes int, applied bool) string {
	switch {
	case changes == 0:
		return schemaSame
	case applied:
		return schemaApplied
	}
	return schemaFits
}
