package merge

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/espace-git/espace-git/internal/wire"
)

func textGen() *rapid.Generator[string] {
	return rapid.StringOfN(rapid.SampledFrom([]rune("abé😀")), 1, 4, -1)
}

// editTextDoc splices, or undoes what somebody did.
func editTextDoc(t *rapid.T, doc Document, stamp Stamp) ([]byte, bool) {
	d := doc.(*TextDoc)
	if next := d.text.Next(stamp.Device); next.Seq > 0 && rapid.IntRange(0, 9).Draw(t, "undo") == 0 {
		first := rapid.IntRange(0, int(next.Seq)-1).Draw(t, "first")
		change, err := d.Undo(stamp.Device, TextID{stamp.Device, uint32(first)}, int(next.Seq)-first)
		if err != nil {
			t.Fatal(err)
		}
		return change, change != nil
	}
	var splices []TextSplice
	size := d.Len()
	for range rapid.IntRange(1, 3).Draw(t, "splices") {
		s := TextSplice{Pos: rapid.IntRange(0, size).Draw(t, "pos")}
		if rapid.Bool().Draw(t, "delete") {
			s.Del = min(rapid.IntRange(0, 3).Draw(t, "del"), size-s.Pos)
		}
		if s.Del == 0 || rapid.Bool().Draw(t, "insert") {
			s.Text = textGen().Draw(t, "text")
		}
		splices = append(splices, s)
		size += runes(s.Text) - s.Del
	}
	change, err := d.Splices(stamp.Device, splices...)
	if err != nil {
		t.Fatal(err)
	}
	return change, change != nil
}

// lieTextDoc makes any well-formed change: it names events that its author can't
// have seen, leaves own ones out or names them again, deletes what is not there.
func lieTextDoc(t *rapid.T, doc Document, stamp Stamp) ([]byte, bool) {
	if rapid.IntRange(0, 2).Draw(t, "honest") == 0 {
		return editTextDoc(t, doc, stamp)
	}
	d := doc.(*TextDoc)
	seq := int(d.text.Next(stamp.Device).Seq) + rapid.SampledFrom([]int{0, 0, 0, 0, -1, 1}).Draw(t, "gap")
	c := &TextChange{First: TextID{stamp.Device, uint32(max(seq, 0))}, Ops: drawTextOps(t, d.Len())}
	if rapid.Bool().Draw(t, "all") {
		c.Parents = d.Version()
	}
	for range rapid.IntRange(0, 2).Draw(t, "guesses") {
		p := TextID{device(byte(rapid.IntRange(5, 9).Draw(t, "device"))), uint32(rapid.IntRange(0, 12).Draw(t, "seq"))}
		if p.Device != stamp.Device {
			c.Parents = append(c.Parents, p)
		}
	}
	c.Parents = slices.DeleteFunc(c.Parents, func(p TextID) bool { return p.Device == stamp.Device && p.Seq >= c.First.Seq })
	slices.SortFunc(c.Parents, TextID.Compare)
	c.Parents = slices.Compact(c.Parents)
	b, err := ChangeCell(EncodeTextChange(c))
	if err != nil {
		t.Fatal(err)
	}
	return b, true
}

// modelOf is the slow model of an epoch, in which the base is the zero device's.
func modelOf(w *docWorld, known []bool) (m *textModel, version []TextID) {
	m = newTextModel()
	base := w.start().(*TextDoc).base
	if base.len > 0 {
		m.add(&TextChange{Ops: []TextOp{{Text: base.text}}})
		version = append(version, base.last())
	}
	for i, tx := range w.log {
		c, err := openTextChange(tx.stamp.Device, tx.change)
		if err != nil {
			w.Fatal(err)
		}
		full := *c
		if len(full.Parents) == 0 && base.len > 0 {
			full.Parents = []TextID{base.last()}
		}
		m.add(&full)
		if i < len(known) && known[i] {
			inserts, deletes := c.events()
			version = append(version, TextID{c.First.Device, c.First.Seq + uint32(inserts+deletes) - 1})
		}
	}
	return m, version
}

func checkTextDoc(t *rapid.T, w *docWorld, r *docReplica) {
	d := r.doc.(*TextDoc)
	m, version := modelOf(w, r.known)
	if got, want := d.String(), m.text(version); got != want {
		t.Fatalf("text %q, want %q", got, want)
	}
	w.checkBlame(d, m, version)
}

// checkBlame holds the runs against the author and the time of each code point.
func (w *docWorld) checkBlame(d *TextDoc, m *textModel, version []TextID) {
	var want []TextRun
	base := w.start().(*TextDoc).Blame()
	for _, k := range m.visible(m.past(version)) {
		want = appendTextRun(want, w.runOf(base, m.events[k].id))
	}
	if got := d.Blame(); !slices.Equal(got, want) {
		w.Fatalf("blame %v, want %v", got, want)
	}
}

func (w *docWorld) runOf(base []TextRun, id TextID) TextRun {
	if id.Device.IsZero() {
		at := int(id.Seq)
		for _, r := range base {
			if at < r.N {
				return TextRun{r.Device, r.Minute, 1}
			}
			at -= r.N
		}
	}
	for _, tx := range w.log {
		c, _ := openTextChange(tx.stamp.Device, tx.change)
		inserts, deletes := c.events()
		if id.Device == tx.stamp.Device && id.Seq >= c.First.Seq && int64(id.Seq) < int64(c.First.Seq)+inserts+deletes {
			return TextRun{id.Device, minuteOf(tx.stamp), 1}
		}
	}
	w.Fatalf("nobody made %v", id)
	return TextRun{}
}

// ---------- re-issue against a slow model ----------

// againModel is a text as cells, each of which an old text may know.
type againModel struct {
	*textModel
	order []int // nodes of the old text, dead or alive
	cells []againCell
}

type againCell struct {
	node int // of the old text
	char rune
	dead bool
}

// insert puts the node behind the nearest one on its left that has a cell.
func (g *againModel) insert(node, after int) {
	at := 0
	for k := slices.Index(g.order, node) - 1; k >= 0 && after < 0; k-- {
		if i := g.cell(g.order[k]); i >= 0 {
			after = g.order[k]
		}
	}
	if after >= 0 {
		at = g.cell(after) + 1
	}
	g.cells = slices.Insert(g.cells, at, againCell{node, g.events[node].char, false})
}

func (g *againModel) cell(node int) int {
	return slices.IndexFunc(g.cells, func(c againCell) bool { return c.node == node })
}

// again repeats a change, event by event; what one operation inserts stays together.
func (g *againModel) again(c *TextChange) {
	id := c.First
	for _, op := range c.Ops {
		last := -1
		for i := range op.Del + runes(op.Text) {
			k := g.byID[id]
			id.Seq++
			switch e := &g.events[k]; {
			case e.node:
				g.insert(k, last)
				last = k
			case i < op.Del && e.kills >= 0 && g.cell(e.kills) >= 0:
				g.cells[g.cell(e.kills)].dead = true
			}
		}
	}
}

func (g *againModel) text() string {
	var b strings.Builder
	for _, c := range g.cells {
		if !c.dead {
			b.WriteRune(c.char)
		}
	}
	return b.String()
}

// TestTextDocReissue cuts what one device knows, and holds what the others issue
// again against the model.
func TestTextDocReissue(t *testing.T) {
	kind := docKind{name: "text", of: TextDocument, edit: editTextDoc, pure: true}
	rapid.Check(t, func(rt *rapid.T) {
		w := newDocWorld(rt, kind)
		for range rapid.IntRange(1, 2).Draw(rt, "epochs") {
			w.draw(10)
			sealer := rapid.SampledFrom(w.replicas).Draw(rt, "sealer")
			covered := slices.Clone(sealer.known)
			before := *w
			w.cutNamed(sealer, func(r *docReplica, onto Document, own []int, lost []string) {
				m, all := modelOf(&before, r.known)
				_, cut := modelOf(&before, covered)
				g := &againModel{textModel: m, order: m.known(m.past(all))}
				for _, k := range m.visible(m.past(cut)) {
					g.cells = append(g.cells, againCell{k, m.events[k].char, false})
				}
				for _, i := range own {
					c, _ := openTextChange(r.id, before.log[i].change)
					g.again(c)
				}
				if got, want := onto.(*TextDoc).String(), g.text(); got != want || len(lost) > 0 {
					rt.Fatalf("issued again: %q, want %q, lost %q", got, want, lost)
				}
			})
		}
	})
}

// TestTextDocWithoutAnEarlierChange: a device takes back its own change before it
// was sent, and what it wrote since goes where the model puts it.
func TestTextDocWithoutAnEarlierChange(t *testing.T) {
	kind := docKind{name: "text", of: TextDocument, edit: editTextDoc, pure: true}
	rapid.Check(t, func(rt *rapid.T) {
		w := newDocWorld(rt, kind)
		w.draw(6)
		w.cutNamed(w.replicas[0], nil)
		w.draw(6)
		r := w.replicas[0]
		onto, sent := w.copyOf(r.doc), slices.Clone(r.known)
		first := len(w.log)
		for range rapid.IntRange(1, 5).Draw(rt, "writes") {
			w.write(r)
		}
		m, all := modelOf(w, r.known)
		_, there := modelOf(w, sent)
		g := &againModel{textModel: m, order: m.known(m.past(all))}
		for _, k := range m.visible(m.past(there)) {
			g.cells = append(g.cells, againCell{k, m.events[k].char, false})
		}
		for i := first + 1; i < len(w.log); i++ {
			c, _ := openTextChange(r.id, w.log[i].change)
			g.again(c)
			tx := w.log[i]
			old := r.doc
			if i%2 == 0 {
				old = w.copyOf(old)
			}
			if _, lost, _ := ReissueChange(old, onto, r.id, tx.change, tx.stamp, tx.stamp, 0); len(lost) > 0 {
				rt.Fatal(lost)
			}
			if got, want := onto.(*TextDoc).String(), g.text(); got != want {
				rt.Fatalf("%q, want %q", got, want)
			}
		}
	})
}

// cutNamed is cut, with the places known at which the sealed text stood.
func (w *docWorld) cutNamed(sealer *docReplica, after func(*docReplica, Document, []int, []string)) {
	w.named = true
	w.cut(sealer, after)
}

// ---------- stories ----------

func mustChange(t *testing.T) func([]byte, error) []byte {
	return func(change []byte, err error) []byte {
		t.Helper()
		if err != nil || change == nil {
			t.Fatal(change, err)
		}
		return change
	}
}

// typed is a text that devices have typed into, one minute after the other.
func typed(t *testing.T, texts ...string) (*TextDoc, uint64) {
	t.Helper()
	d, number := new(TextDoc), uint64(0)
	for i, s := range texts {
		number++
		apply(t, d, device(byte(i+1)), number, mustChange(t)(d.Splice(device(byte(i+1)), d.Len(), 0, s)))
	}
	return d, number
}

func apply(t *testing.T, d Document, by wire.DeviceID, number uint64, change []byte) {
	t.Helper()
	if err := d.Apply(Stamp{Time: FromMillis(int64(number) * 60_000), Device: by, Number: number}, change); err != nil {
		t.Fatal(err)
	}
}

func TestTextDocBlameOverSeals(t *testing.T) {
	d, n := typed(t, "hello ", "world")
	sealed := d.Seal(FromMillis(1 << 40)).(*TextDoc)
	apply(t, sealed, device(3), n+1, mustChange(t)(sealed.Splice(device(3), 5, 1, ", ")))
	want := []TextRun{{device(1), 1, 5}, {device(3), 3, 2}, {device(2), 2, 5}}
	if got := sealed.Blame(); !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	if got := sealed.Seal(FromMillis(1 << 41)).(*TextDoc).Blame(); !slices.Equal(got, want) {
		t.Errorf("sealed again: %v, want %v", got, want)
	}
}

func TestTextDocUndoAndRedo(t *testing.T) {
	d, n := typed(t, "hello ", "world")
	b := device(2)
	del := mustChange(t)(d.Splice(b, 0, 6, "bye "))
	apply(t, d, b, n+1, del)
	first, count, err := TextEvents(b, del)
	if err != nil {
		t.Fatal(err)
	}
	undo := mustChange(t)(d.Undo(device(1), first, count)) // anybody may
	apply(t, d, device(1), n+2, undo)
	if d.String() != "hello world" {
		t.Fatalf("undone: %q", d.String())
	}
	first, count, _ = TextEvents(device(1), undo)
	apply(t, d, device(1), n+3, mustChange(t)(d.Undo(device(1), first, count)))
	if d.String() != "bye world" {
		t.Fatalf("redone: %q", d.String())
	}
	if _, err := d.Seal(1).(*TextDoc).Undo(b, first, count); !errors.Is(err, ErrTextMissing) {
		t.Errorf("after a seal: %v", err)
	}
}

// TestTextDocFollow: a cursor stays where it was over a seal, whatever the seal
// left out, and others' changes move it afterwards.
func TestTextDocFollow(t *testing.T) {
	d, n := typed(t, "hello ", "world")
	sealed := d.Seal(FromMillis(1 << 40)).(*TextDoc)
	a := mustChange(t)(d.Splice(device(1), 6, 0, "dear "))
	apply(t, d, device(1), n+1, a)
	inWorld, err := d.Anchor(13, BeforeAnchor) // behind "hello dear wo"
	if err != nil {
		t.Fatal(err)
	}
	inDear, err := d.Anchor(8, BeforeAnchor)
	if err != nil {
		t.Fatal(err)
	}
	at := func(a TextAnchor, want int) {
		t.Helper()
		b, err := sealed.Follow(d, a)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := sealed.Position(b); err != nil || got != want {
			t.Errorf("%d, %v, want %d", got, err, want)
		}
	}
	at(inWorld, 8)
	at(inDear, 6)
	if _, lost, ok := ReissueChange(d, sealed, device(1), a, Stamp{Time: 9, Device: device(1), Number: n + 1}, Stamp{Time: 8, Before: 9, Device: device(1), Number: n + 1}, 8); !ok || lost != nil {
		t.Fatal(lost, ok)
	}
	at(inWorld, 13)
	at(inDear, 8)
}
