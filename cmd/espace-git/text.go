package main

import (
	"fmt"
	"io"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/espace-git/espace-git/space"
)

// textShown is the JSON of a text.
type textShown struct {
	Text   string `json:"text"`
	Length int    `json:"length"` // code points
}

// textVerb is about texts that several people write at once.
func (a *app) textVerb() *cobra.Command {
	c := a.command("text")
	c.AddCommand(
		a.textRead("text show DOC", a.textShow),
		a.textRead("text blame DOC", a.textBlame),
		a.textWrite("text insert DOC POS TEXT|-", 3, func(x *space.TextTx, args []string) error { return a.textSplice(x, args[0], "0", args[1]) }),
		a.textWrite("text delete DOC POS N", 3, func(x *space.TextTx, args []string) error { return a.textSplice(x, args[0], args[1], "") }),
		a.textAppendVerb(), a.textEditVerb(), a.textUndoVerb(),
		a.documentsVerb("textarea", "LENGTH"),
	)
	return c
}

func (a *app) textRead(line string, f func(*space.Text) error) *cobra.Command {
	return a.documentVerb(line, "textarea", cobra.ExactArgs(1), func(s *space.Space, doc string, _ []string) error {
		return f(s.Text(doc))
	})
}

// textWrite is a verb that changes a text in one transaction.
func (a *app) textWrite(line string, n int, f func(*space.TextTx, []string) error) *cobra.Command {
	return a.documentVerb(line, "textarea", cobra.ExactArgs(n), func(s *space.Space, doc string, args []string) error {
		if last := len(args) - 1; last >= 0 && args[last] == "-" {
			b, err := a.readFile("-") // before the transaction: a pipe may be slow
			if err != nil {
				return err
			}
			args[last] = string(b)
		}
		r, err := s.Write(a.ctx, func(tx *space.Tx) error { return f(tx.Text(doc), args) })
		return a.textWritten(doc, r, err)
	})
}

// textWritten tells of a write, and how to take it back.
func (a *app) textWritten(doc string, r space.Receipt, err error) error {
	if err != nil {
		return err
	}
	return a.print(r, func(io.Writer) {
		if r.ID == "" {
			a.say(textSame)
			return
		}
		a.say(fmt.Sprintf(textTold, quoted(doc), r.ID))
	})
}

// textSplice checks positions against the text as it is in the transaction, in the words that a user knows.
func (a *app) textSplice(x *space.TextTx, pos, del, inserted string) error {
	at, err := number("POS", pos)
	if err != nil {
		return err
	}
	n, err := number("N", del)
	if err != nil {
		return err
	}
	length, err := x.Len()
	switch {
	case err != nil:
		return err
	case at < 0 || at > length:
		return usagef(hintPosition, badPosition, at, length)
	case n < 0 || n > length-at:
		return usagef(hintPosition, badSpan, n, at, length)
	}
	return x.Splice(at, n, inserted)
}

func (a *app) textAppendVerb() *cobra.Command {
	var line bool
	c := a.textWrite("text append DOC TEXT|-", 2, func(x *space.TextTx, args []string) error {
		if !line {
			return x.Append(args[0])
		}
		now, err := x.String()
		if err != nil {
			return err
		}
		before := ""
		if now != "" && now[len(now)-1] != '\n' {
			before = "\n"
		}
		return x.Append(before + args[0] + "\n")
	})
	c.Flags().BoolVar(&line, "line", false, flagLine)
	return c
}

func (a *app) textUndoVerb() *cobra.Command {
	return a.documentVerb("text undo DOC [RECEIPT]", "textarea", cobra.RangeArgs(1, 2), func(s *space.Space, doc string, args []string) error {
		if len(args) == 0 {
			last, err := s.LastReceipt(a.ctx)
			if err != nil {
				return hintFor(err, space.ErrNotFound, hintReceipts)
			}
			args = []string{last.ID}
		}
		r, err := s.Text(doc).Undo(a.ctx, args[0])
		err = hintFor(err, space.ErrConflict, fmt.Sprintf(hintUndoSealed, quoted(doc)))
		return a.textWritten(doc, r, hintFor(err, space.ErrNotFound, hintReceipts))
	})
}

// textShow prints the text as it is; for a terminal it is escaped, and ends its last line.
func (a *app) textShow(t *space.Text) error {
	whole, err := t.String(a.ctx)
	if err != nil {
		return err
	}
	return a.print(textShown{whole, utf8.RuneCountInString(whole)}, func(w io.Writer) { a.showText(w, whole) })
}

func (a *app) showText(w io.Writer, whole string) {
	if _, shown := terminal(a.out); shown {
		whole = cleanText(whole)
		if whole != "" && whole[len(whole)-1] != '\n' {
			whole += "\n"
		}
	}
	io.WriteString(w, whole)
}

// blamed is a line of the JSON of blame.
type blamed struct {
	space.Credit
	Text string `json:"text"`
}

func (a *app) textBlame(t *space.Text) error {
	whole, err := t.String(a.ctx)
	if err != nil {
		return err
	}
	credits, err := t.Blame(a.ctx)
	if err != nil {
		return err
	}
	points := []rune(whole)
	runs := mapped(credits, func(c space.Credit) blamed {
		from := min(c.Pos, len(points)) // another process may have written between the two
		return blamed{c, string(points[from:min(from+c.N, len(points))])}
	})
	return a.print(runs, func(w io.Writer) {
		table(w, []string{"POS", "WHO", "TIME", "TEXT"}, mapped(runs, func(b blamed) []string {
			return []string{fmt.Sprint(b.Pos), orElse(b.Name, b.Device), moment(b.Time), `"` + b.Text + `"`}
		}))
	})
}
