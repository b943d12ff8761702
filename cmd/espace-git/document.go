package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/espace-git/espace-git/space"
)

// Documents are named by a name of their own, or as table/row/column. Each type has a verb; the first argument of what is
// below it is the document.

// commandOf is the verb for the documents of a type of columns.
var commandOf = map[string]string{
	"textarea": "text", "list": "list", "set": "set", "counter": "counter", "flag": "flag", "log": "record", "file": "file",
}

// documentVerb is a verb below one of those, for documents of a type.
func (a *app) documentVerb(line, typ string, args cobra.PositionalArgs, f func(s *space.Space, doc string, args []string) error) *cobra.Command {
	c := a.verb(line, args, func(args []string) error {
		return a.inSpace(func(s *space.Space) error {
			return a.documentHint(s, typ, args[0], f(s, args[0], args[1:]))
		})
	})
	c.ValidArgsFunction = a.completing(func(s *space.Space) []string {
		found, _ := s.Documents(a.ctx, typ)
		return mapped(found, func(d space.DocumentInfo) string { return d.Name })
	})
	return c
}

// listed is a line of `ls`.
type listed struct {
	Name  string `json:"name"`
	Value any    `json:"value"`
}

func (a *app) documentsVerb(typ, head string) *cobra.Command {
	return a.verb(commandOf[typ]+" ls", cobra.NoArgs, func([]string) error {
		return a.inSpace(func(s *space.Space) error {
			found, err := s.Documents(a.ctx, typ)
			if err != nil {
				return err
			}
			return a.print(mapped(found, func(d space.DocumentInfo) listed { return listed(d) }), func(w io.Writer) {
				table(w, []string{"NAME", head}, mapped(found, func(d space.DocumentInfo) []string {
					return []string{d.Name, text(d.Value)}
				}))
			})
		})
	})
}

// documentHints are hints for what is wrong with a value or an item, by words of the error.
var documentHints = []struct{ words, hint string }{
	{"JSON", hintTyped}, {"is no number", hintTyped}, {"is no integer", hintTyped},
	{"UTF-8", hintUTF8}, {"there is no item", hintIndex}, {"reading name", hintIndex},
}

// documentHint says where to look when a document is not there, and which command its type needs.
func (a *app) documentHint(s *space.Space, typ, doc string, err error) error {
	if err == nil || errors.As(err, new(*fault)) {
		return err
	}
	switch other := a.documentCommand(s, doc); {
	case other != "" && !strings.HasPrefix(other, "espace-git "+commandOf[typ]+" "):
		return usageHint(hintFor(err, space.ErrNotFound, other), other)
	case strings.Contains(err.Error(), "row"):
		table, _, _ := strings.Cut(doc, "/")
		return hintFor(usageHint(err, hintDocument), space.ErrNotFound, fmt.Sprintf(hintRows, table))
	}
	for _, known := range documentHints {
		if strings.Contains(err.Error(), known.words) {
			return hintFor(usageHint(err, known.hint), space.ErrNotFound, known.hint)
		}
	}
	return hintFor(usageHint(err, hintDocument), space.ErrNotFound, hintTables)
}

// documentCommand is the command that shows a column, empty for a document by name.
func (a *app) documentCommand(s *space.Space, doc string) string {
	parts := strings.Split(doc, "/")
	tables, err := s.Tables(a.ctx)
	if err != nil || len(parts) != 3 {
		return ""
	}
	for _, t := range tables {
		for _, c := range t.Columns {
			if !strings.EqualFold(t.Name, parts[0]) || !strings.EqualFold(c.Name, parts[2]) {
				continue
			}
			if verb := commandOf[c.Type]; verb != "" {
				return fmt.Sprintf("espace-git %s show %s", verb, clean(doc))
			}
			return fmt.Sprintf("espace-git get %s %s", t.Name, clean(parts[1]))
		}
	}
	return ""
}

// editCommands change the documents of a type.
var editCommands = map[string]string{
	"list": "espace-git list set %s ITEM VALUE", "set": "espace-git set add %s VALUE",
	"counter": "espace-git counter add %s N", "log": "espace-git record append %s VALUE",
}

// editHint names the command that does what a whole value in an update can't.
func (a *app) editHint(s *space.Space, table, id string, row space.Row, err error) error {
	tables, listErr := s.Tables(a.ctx)
	if listErr != nil || !errors.Is(err, space.ErrUsage) {
		return err
	}
	for _, t := range tables {
		if !strings.EqualFold(t.Name, table) {
			continue
		}
		for _, c := range t.Columns {
			command := editCommands[c.Type]
			if _, named := row[c.Name]; named && command != "" {
				return usageHint(err, fmt.Sprintf(command, quoted(t.Name+"/"+id+"/"+c.Name)))
			}
		}
	}
	return err
}

// number is an argument that counts something. Of one below zero only the callee knows what is wrong with it.
func number(what, arg string) (int, error) {
	n, err := strconv.Atoi(arg)
	if err != nil {
		return 0, usagef("", badNumber, what, arg)
	}
	return n, nil
}

// valuesOf are the values of a list, set or log: texts, or with typed JSON.
func (a *app) valuesOf(args []string, typed bool) []any {
	return mapped(args, func(arg string) any {
		if typed {
			return json.RawMessage(arg)
		}
		return arg
	})
}

// A minus in front of digits is a flag to the parser of flags, and a number to whoever types it. Between the two it is marked
// by a NUL, which no argument holds.
var belowZero = regexp.MustCompile(`^-[0-9]+$`)

// markNumbers marks the numbers below zero among the arguments of the verbs for documents.
func markNumbers(args []string) []string {
	out := append([]string{}, args...)
	for i := 0; i < len(out); i++ {
		switch arg := out[i]; {
		case arg == "-C" || arg == "--directory" || arg == "--transport":
			i++
		case strings.HasPrefix(arg, "-"):
		case arg == "text" || arg == "list" || arg == "set" || arg == "counter" || arg == "record":
			for j := i + 1; j < len(out) && out[j] != "--"; j++ {
				if belowZero.MatchString(out[j]) {
					out[j] = "\x00" + out[j]
				}
			}
			return out
		default:
			return out
		}
	}
	return out
}

func unmarked(args []string) []string {
	return mapped(args, func(arg string) string { return strings.TrimPrefix(arg, "\x00") })
}

// quoted is an argument as it is pasted into a shell.
func quoted(arg string) string {
	if arg != "" && strings.Trim(arg, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./-") == "" && arg[0] != '-' {
		return arg
	}
	return "'" + strings.ReplaceAll(clean(arg), "'", `'\''`) + "'"
}
