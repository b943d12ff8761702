package space

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/espace-git/espace-git/internal/wire"
	"github.com/espace-git/espace-git/merge"
	"github.com/espace-git/espace-git/schema"
	"github.com/espace-git/espace-git/threeway"
	"github.com/espace-git/espace-git/view"
)

// Text is a text that several people write at once: nobody's words are lost, and
// what two write at one place does not mix. All positions count code points from 0.
// Each method that writes is one transaction.
type Text struct{ document }

// Text is the text of that name, or in that column: "table/row/column".
func (s *Space) Text(doc string) *Text { return &Text{document{s, doc, schema.Textarea}} }

// String is the text.
func (t *Text) String(ctx context.Context) (text string, err error) {
	err = t.read(ctx, func(_ *view.Tx, _ docAt, d merge.Document) error {
		text = textOf(d).String()
		return nil
	})
	return text, err
}

// Len is the number of its code points.
func (t *Text) Len(ctx context.Context) (n int, err error) {
	err = t.read(ctx, func(_ *view.Tx, _ docAt, d merge.Document) error {
		n = textOf(d).Len()
		return nil
	})
	return n, err
}

// Splice deletes del code points from pos on and inserts text there. ErrUsage: that
// is beyond the end.
func (t *Text) Splice(ctx context.Context, pos, del int, text string) (Receipt, error) {
	return t.write(ctx, func(x *TextTx) error { return x.Splice(pos, del, text) })
}

// Insert puts text at pos.
func (t *Text) Insert(ctx context.Context, pos int, text string) (Receipt, error) {
	return t.Splice(ctx, pos, 0, text)
}

// Delete takes n code points from pos on.
func (t *Text) Delete(ctx context.Context, pos, n int) (Receipt, error) {
	return t.Splice(ctx, pos, n, "")
}

// Append puts text at the end.
func (t *Text) Append(ctx context.Context, text string) (Receipt, error) {
	return t.write(ctx, func(x *TextTx) error { return x.Append(text) })
}

// Replace writes what changed from old to new, whole texts, onto the text as it is by
// now: what others have written since old was read stays. An editor that hands back a
// whole text uses it.
func (t *Text) Replace(ctx context.Context, old, new string) (Receipt, error) {
	return t.write(ctx, func(x *TextTx) error { return x.Replace(old, new) })
}

// Undo takes back what an own transaction did to the text: what it inserted and still
// stands goes, what it alone deleted comes back; what others did stays. To redo, undo
// the undoing. ErrConflict: the transaction lies before a seal, where nobody can take
// it back; ErrNotFound: there is no such transaction, or it did not change this text.
func (t *Text) Undo(ctx context.Context, receipt string) (Receipt, error) {
	return t.write(ctx, func(x *TextTx) error { return x.Undo(receipt) })
}

// Redo writes again what an undo took back.
func (t *Text) Redo(ctx context.Context, receiptOfUndo string) (Receipt, error) {
	return t.Undo(ctx, receiptOfUndo)
}

func (t *Text) write(ctx context.Context, fn func(*TextTx) error) (Receipt, error) {
	return t.s.Write(ctx, func(tx *Tx) error { return fn(tx.Text(t.address)) })
}

// TextTx is a text within a transaction.
type TextTx struct{ txDocument }

// Text is that of Space, with what this transaction has written.
func (tx *Tx) Text(doc string) *TextTx { return &TextTx{txDocument{tx, doc, schema.Textarea}} }

// String is the text.
func (t *TextTx) String() (string, error) {
	_, d, err := t.open()
	if err != nil {
		return "", err
	}
	return textOf(d).String(), nil
}

// Len is the number of its code points.
func (t *TextTx) Len() (int, error) {
	_, d, err := t.open()
	if err != nil {
		return 0, err
	}
	return textOf(d).Len(), nil
}

// Splice deletes del code points from pos on and inserts text there.
func (t *TextTx) Splice(pos, del int, text string) error {
	at, d, err := t.open()
	if err != nil {
		return err
	}
	return t.tx.splice(at, textOf(d), merge.TextSplice{Pos: pos, Del: del, Text: text})
}

func (tx *Tx) splice(at docAt, d *merge.TextDoc, splices ...merge.TextSplice) error {
	for _, s := range splices {
		if !utf8.ValidString(s.Text) {
			return usage("a text is UTF-8")
		}
	}
	change, err := d.Splices(tx.me.Device, splices...)
	return tx.editText(at, d, change, err)
}

// editText writes what a text gave as a change, if that is one.
func (tx *Tx) editText(at docAt, d *merge.TextDoc, change []byte, err error) error {
	switch {
	case errors.Is(err, merge.ErrTextPosition), errors.Is(err, merge.ErrTextChange):
		return join(ErrUsage, err)
	case err != nil || change == nil:
		return err
	}
	return tx.edit(at, change)
}

// Insert puts text at pos.
func (t *TextTx) Insert(pos int, text string) error { return t.Splice(pos, 0, text) }

// Delete takes n code points from pos on.
func (t *TextTx) Delete(pos, n int) error { return t.Splice(pos, n, "") }

// Append puts text at the end.
func (t *TextTx) Append(text string) error {
	at, d, err := t.open()
	if err != nil {
		return err
	}
	return t.tx.splice(at, textOf(d), merge.TextSplice{Pos: textOf(d).Len(), Text: text})
}

// Replace is that of Text.
func (t *TextTx) Replace(old, new string) error {
	at, d, err := t.open()
	if err != nil {
		return err
	}
	var splices []merge.TextSplice
	for _, s := range slices.Backward(rebase(old, textOf(d).String(), threeway.Splices(old, new))) {
		splices = append(splices, merge.TextSplice(s)) // positions further left stay true
	}
	return t.tx.splice(at, textOf(d), splices...)
}

// rebase says what splices of old do to now, ascending. What is deleted in both is
// deleted once, and what somebody put into a deleted part stays.
func rebase(old, now string, splices []threeway.Splice) (out []threeway.Splice) {
	if old == now {
		return splices
	}
	moved := newMoving(threeway.Splices(old, now))
	for _, s := range splices {
		parts := moved.kept(s.Pos, s.Pos+s.Del)
		at := moved.place(s.Pos)
		if len(parts) > 0 {
			at = parts[0].Pos
		}
		out = append(out, threeway.Splice{Pos: at, Text: s.Text})
		if len(parts) > 0 {
			out[len(out)-1].Del = parts[0].Del
			out = append(out, parts[1:]...)
		}
	}
	return out
}

// moving says where the code points of a text are after splices of it.
type moving struct{ splices []threeway.Splice }

func newMoving(splices []threeway.Splice) *moving { return &moving{splices} }

// place is where a place between two code points is now, before what was inserted there.
func (m *moving) place(pos int) int {
	shift := 0
	for _, s := range m.splices {
		if s.Pos >= pos {
			break
		}
		if pos < s.Pos+s.Del {
			return s.Pos + shift
		}
		shift += utf8.RuneCountInString(s.Text) - s.Del
	}
	return pos + shift
}

// kept are the parts of old's code points from … to-1 that are still there, as
// deletions from what is now.
func (m *moving) kept(from, to int) (out []threeway.Splice) {
	shift := 0
	for _, s := range m.splices {
		if end := min(to, s.Pos); from < end {
			out = append(out, threeway.Splice{Pos: from + shift, Del: end - from})
		}
		from = max(from, s.Pos+s.Del)
		shift += utf8.RuneCountInString(s.Text) - s.Del
	}
	if from < to {
		out = append(out, threeway.Splice{Pos: from + shift, Del: to - from})
	}
	return out
}

// Undo is that of Text.
func (t *TextTx) Undo(receipt string) error {
	at, d, err := t.open()
	if err != nil {
		return err
	}
	first, n, err := t.tx.textEvents(at, receipt)
	if err != nil {
		return err
	}
	change, err := textOf(d).Undo(t.tx.me.Device, first, n)
	if errors.Is(err, merge.ErrTextMissing) {
		return errSealedEdit(receipt)
	}
	return t.tx.editText(at, textOf(d), change, err)
}

func errSealedEdit(receipt string) error {
	return join(ErrConflict, fmt.Errorf("transaction %s lies before a seal: nobody can undo it", receipt))
}

// textEvents are the events by which an own transaction changed a text.
func (tx *Tx) textEvents(at docAt, receipt string) (first merge.TextID, n int, err error) {
	id, err := wire.ParseShort(receipt)
	if err != nil {
		return first, 0, notFound("there is no transaction %q", receipt)
	}
	row, err := tx.v.Journal(id)
	switch {
	case errors.Is(err, view.ErrNotFound):
		return first, 0, notFound("transaction %s was not written by this device", receipt)
	case err != nil:
		return first, 0, err
	case row.State == view.Sealed:
		return first, 0, errSealedEdit(receipt)
	case row.State == view.Lost || row.State == view.Refused || row.State == view.Parked:
		return first, 0, join(ErrConflict, fmt.Errorf("transaction %s has no effect: there is nothing to undo", receipt))
	}
	written, err := merge.DecodeTransaction(row.Tx)
	if err != nil {
		return first, 0, fmt.Errorf("local store: journal: %w", err)
	}
	for _, change := range changesOf(written, at) {
		from, k, err := merge.TextEvents(tx.me.Device, change)
		if err != nil {
			return first, 0, err
		}
		if n == 0 {
			first = from
		}
		n += k // those of one transaction go on from each other
	}
	if n == 0 {
		return first, 0, notFound("transaction %s did not change this text", receipt)
	}
	return first, n, nil
}

// changesOf are a transaction's changes of one document.
func changesOf(tx *merge.Transaction, at docAt) (out [][]byte) {
	for i := range tx.Ops {
		op := &tx.Ops[i]
		if op.Kind != merge.Edit || op.Table != at.table.Number || op.Row != at.row {
			continue
		}
		for _, c := range op.Cells {
			if c.Column == at.column.Number {
				out = append(out, c.Value)
			}
		}
	}
	return out
}

// Credit says who wrote a part of a text, and when, to the minute.
type Credit struct {
	Pos    int       `json:"pos"`
	N      int       `json:"n"` // code points
	Member string    `json:"member"`
	Name   string    `json:"name"`
	Device string    `json:"device"`
	Time   time.Time `json:"time"` // as its author claims
}

// Blame credits the whole text, in order.
func (t *Text) Blame(ctx context.Context) (credits []Credit, err error) {
	credits = []Credit{}
	err = t.s.look(ctx, func(r *round) error {
		return t.in(r.v, func(_ docAt, d merge.Document) error {
			pos := 0
			for _, run := range textOf(d).Blame() {
				credits = append(credits, r.credit(run, pos))
				pos += run.N
			}
			return nil
		})
	})
	return credits, err
}

func (r *round) credit(run merge.TextRun, pos int) Credit {
	c := Credit{Pos: pos, N: run.N, Device: run.Device.String(), Time: time.Unix(int64(run.Minute)*60, 0).UTC()}
	if d, ok := r.roster().Device(run.Device); ok {
		c.Member, c.Name = d.Member.String(), memberName(r.v, d.Member)
	}
	return c
}

func textOf(d merge.Document) *merge.TextDoc { return d.(*merge.TextDoc) }
