package merge

import (
	"fmt"
	"slices"
	"strings"

	"github.com/espace-git/espace-git/internal/wire"
)

// textAgain is a change on its way to another text.
type textAgain struct {
	from, to *TextDoc
	places   *textPlaces
	author   wire.DeviceID
	ops      []TextOp
	missed   []string // what was not found to be deleted, though it may be there
}

// reissue is ReissueChange: what was inserted goes, in one piece, behind the
// nearest code point on its left that lives in onto; what was deleted
// is deleted as far as it is there.
func (d *TextDoc) reissue(onto Document, r reissuing, change []byte) ([]byte, []string, bool) {
	to := onto.(*TextDoc)
	c, err := openTextChange(r.author, change)
	if err != nil {
		return nil, []string{err.Error()}, false
	}
	inserts, deletes := c.events()
	d.text.Merge(nil)
	to.text.Merge(nil)
	if int64(c.First.Seq)+inserts+deletes > int64(d.text.lanes.next(r.author)) {
		return nil, []string{"what it changes was not in the text"}, false
	}
	out := &TextChange{First: to.text.Next(r.author), Parents: to.Version()}
	if !to.room(r.author, c) || int64(out.First.Seq)+inserts+deletes > MaxTextEvents {
		return nil, []string{ErrTextFull.Error()}, false
	}
	g := textAgain{from: d, to: to, places: to.placesOf(d), author: r.author}
	if err := g.run(c); err != nil {
		return nil, []string{err.Error()}, false
	}
	lost := g.lost()
	if out.Ops = g.ops; len(out.Ops) == 0 {
		return nil, lost, false
	}
	if !slices.ContainsFunc(to.carried.first, func(id TextID) bool { return id.Device == r.author }) {
		to.carried.first = append(to.carried.first, out.First)
	}
	to.took(out, minuteOf(r.again))
	again, err := ChangeCell(EncodeTextChange(out))
	if err != nil {
		return nil, []string{err.Error()}, false
	}
	return again, lost, true
}

// lost tells what was not deleted and may still be there.
func (g *textAgain) lost() []string {
	if len(g.missed) == 0 {
		return nil
	}
	return []string{fmt.Sprintf("deleting %.64q: the text went on, and it was not found there", strings.Join(g.missed, ""))}
}

// took notes a change whose events the text has already.
func (d *TextDoc) took(c *TextChange, minute uint64) {
	d.claim(c)
	inserts, deletes := c.events()
	d.note(d.author(c.First.Device), c.First.Seq, inserts, deletes, minute)
}

func (g *textAgain) run(c *TextChange) error {
	at := c.First
	for i := range c.Ops {
		op := &c.Ops[i]
		if err := g.delete(at, int32(op.Del)); err != nil {
			return err
		}
		at.Seq += uint32(op.Del)
		if op.Text == "" {
			continue
		}
		if err := g.insert(at, op.Text); err != nil {
			return err
		}
		at.Seq += uint32(runes(op.Text))
	}
	return nil
}

// edit changes the new text.
func (g *textAgain) edit(pos, del int, s string) error {
	if err := g.to.text.Edit(g.author, pos, del, s); err != nil {
		return fmt.Errorf("issuing a change again: %w", err)
	}
	g.ops = appendTextOp(g.ops, TextOp{Pos: pos, Del: del, Text: s})
	return nil
}

func (g *textAgain) insert(first TextID, s string) error {
	lv := g.from.text.lanes.find(first)
	if value, _ := g.from.text.whole().tree.ids.get(lv); value < 0 {
		return nil // void
	}
	pos := g.to.behind(g.places, lv)
	m := textMoved{first, g.to.text.Next(g.author), runes(s)}
	if err := g.edit(pos, 0, s); err != nil {
		return err
	}
	g.to.carried.moved = append(g.to.carried.moved, m)
	g.places.put(m)
	return nil
}

// delete deletes what n events deleted.
func (g *textAgain) delete(first TextID, n int32) (err error) {
	if n == 0 {
		return nil
	}
	w := g.from.text.whole()
	g.from.text.lanes.each(first, n, func(lv, n int32) {
		for stop := lv + n; lv < stop && err == nil; {
			value, _ := w.tree.ids.get(lv)
			if value >= 0 { // not the events of this change
				lv++
				continue
			}
			t := w.targets[^value]
			k := min(stop, t.lv+t.n) - lv
			if t.item != textNothing {
				item := t.item + (lv-t.lv)*t.step
				if t.step < 0 {
					item -= k - 1
				}
				err = g.deleteItems(textRange{item, item + k})
			}
			lv += k
		}
	})
	return err
}

// deleteItems deletes what is there of a range of items, the last first.
func (g *textAgain) deleteItems(r textRange) error {
	for r.from < r.to {
		id, end, n, ok := g.places.last(r)
		if !ok {
			g.miss(r)
			return nil
		}
		g.miss(textRange{end, r.to})
		tree := &g.to.text.whole().tree
		at, ok := g.to.text.item(id)
		if !ok {
			r.to = end - 1
			continue
		}
		k := min(n, at.off+1)
		if at.off -= k - 1; !tree.span(at).dead {
			if err := g.edit(int(tree.effect(at)), int(k), ""); err != nil {
				return err
			}
		}
		r.to = end - k
	}
	return nil
}

func (g *textAgain) miss(r textRange) {
	if g.places.guessed && r.from < r.to {
		g.missed = append(g.missed, g.from.text.inserted(r))
	}
}
