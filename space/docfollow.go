package space

import (
	"context"
	"iter"
	"sync"
	"unicode/utf8"

	"github.com/espace-git/espace-git/merge"
	"github.com/espace-git/espace-git/threeway"
	"github.com/espace-git/espace-git/view"
)

// Splice is a change of a text: at code point Pos, Del code points give way to Text.
type Splice struct {
	Pos  int    `json:"pos"`
	Del  int    `json:"del"`
	Text string `json:"text"`
}

// TextChange is what happened to a text since the change before.
type TextChange struct {
	// Splices are to be applied to the text as it was, one after the other: then it
	// reads as it does now.
	Splices []Splice `json:"splices"`
	// Len is how many code points it has then.
	Len int `json:"len"`
}

// Watch tells every change of the text, of this process and of others, until ctx ends.
// The first change inserts the text as it is into an empty one. Whoever applies the
// splices has the text, exactly, whatever was synced, sealed or taken back meanwhile.
func (t *Text) Watch(ctx context.Context) iter.Seq2[TextChange, error] {
	return func(yield func(TextChange, error) bool) {
		var f textFollower
		first := true
		err := t.follow(ctx, func(v *view.Tx, at docAt, d merge.Document) (func() bool, error) {
			c := TextChange{Splices: []Splice{}}
			err := f.move(v, at, textOf(d), func(s Splice) { c.Splices = append(c.Splices, s) })
			c.Len = textOf(d).Len()
			if err != nil || len(c.Splices) == 0 && !first {
				return nil, err
			}
			first = false
			return func() bool { return yield(c, nil) }, nil
		})
		if err != nil && ctx.Err() == nil {
			yield(TextChange{}, err)
		}
	}
}

// textFollower is a copy of a text that follows it. As long as edits only came, it takes
// them one by one, so that each splice is where its author made it. Where the text was
// folded anew, at a seal or since a write was taken back, it compares.
type textFollower struct {
	version, last uint64         // of what copy has, see view.Tx.DocumentVersion
	copy          *merge.TextDoc // nil: nothing is known yet
}

// move brings the copy to where d is, and tells what changed.
func (f *textFollower) move(v *view.Tx, at docAt, d *merge.TextDoc, emit func(Splice)) error {
	version, last, err := v.DocumentVersion(at.table.Number, at.row, at.column.Number)
	if err != nil {
		return err
	}
	if f.copy != nil && f.version == version && version != 0 {
		return f.takeEdits(v, at, emit)
	}
	was := ""
	if f.copy != nil {
		was = f.copy.String()
	}
	for _, s := range splicesBetween(was, d.String()) {
		emit(s)
	}
	c, err := merge.CloneDocument(d)
	if err != nil {
		return err
	}
	f.copy, f.version, f.last = textOf(c), version, last
	f.copy.Merge(nil)
	return nil
}

// takeEdits applies what came since, as everybody does.
func (f *textFollower) takeEdits(v *view.Tx, at docAt, emit func(Splice)) error {
	for e, err := range v.Edits(at.table.Number, at.row, at.column.Number, f.last) {
		if err != nil {
			return err
		}
		f.last = e.Seq
		if err := f.copy.Apply(e.Stamp, e.Change); err != nil {
			continue // it has no effect
		}
		f.copy.Merge(func(s merge.TextSplice) { emit(Splice(s)) })
	}
	return nil
}

// Cursor is a place in a text that stays with the words around it while others write.
// It is safe for several goroutines.
type Cursor struct {
	t     *Text
	after bool
	mu    sync.Mutex
	f     textFollower
	pos   int
}

// Cursor sets a cursor at a position: what is inserted there comes behind it. With
// after, it comes before it, as for the caret of who types.
func (t *Text) Cursor(ctx context.Context, pos int, after bool) (*Cursor, error) {
	c := &Cursor{t: t, after: after}
	err := t.read(ctx, func(v *view.Tx, at docAt, d merge.Document) error {
		if n := textOf(d).Len(); pos < 0 || pos > n {
			return usage("position %d: the text has %d code points", pos, n)
		}
		return c.f.move(v, at, textOf(d), func(Splice) {})
	})
	c.pos = pos
	return c, err
}

// Position is where the cursor is now.
func (c *Cursor) Position(ctx context.Context) (pos int, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	err = c.t.read(ctx, func(v *view.Tx, at docAt, d merge.Document) error {
		return c.f.move(v, at, textOf(d), func(s Splice) { c.pos = s.move(c.pos, c.after) })
	})
	return c.pos, err
}

func (s Splice) move(pos int, after bool) int {
	return merge.TextSplice(s).Move(pos, after)
}

func splicesBetween(old, new string) []Splice {
	var out []Splice
	shift := 0
	for _, s := range threeway.Splices(old, new) {
		out = append(out, Splice{s.Pos + shift, s.Del, s.Text})
		shift += utf8.RuneCountInString(s.Text) - s.Del
	}
	return out
}
