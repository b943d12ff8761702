package merge

import (
	"bytes"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/espace-git/espace-git/internal/wire"
)

// docKind is a type of document as the schedules below need it: what an author
// does to it, told as the value of an edit's cell. edit may change the document.
type docKind struct {
	name string
	of   DocumentType
	edit func(*rapid.T, Document, Stamp) ([]byte, bool)
	pure bool // edit does not change the document
	// lies: authors name what they have not seen.
	lies bool
	// check holds an honest world's document against a slow model.
	check func(*rapid.T, *docWorld, *docReplica)
}

// kindOf makes one of a driver's own tests.
func kindOf[S, C any](name string, of DocumentType, d driver[S, C], inner func(Document) S) docKind {
	return docKind{name: name, of: of, edit: func(t *rapid.T, doc Document, stamp Stamp) ([]byte, bool) {
		c, ok := d.edit(t, inner(doc), stamp)
		if !ok {
			return nil, false
		}
		if of == CounterDocument {
			b, err := d.encode(stamp.Device, c)
			return b, err == nil
		}
		b, err := ChangeCell(d.encode(stamp.Device, c))
		if err != nil {
			t.Fatal(err)
		}
		return b, true
	}}
}

func lying(k docKind) docKind {
	k.lies = true
	return k
}

func docKinds() []docKind {
	list, tree := func(d Document) *List { return &d.(*ListDoc).List }, func(d Document) *Tree { return &d.(*TreeDoc).Tree }
	return []docKind{
		kindOf("counter", CounterDocument, counterDriver(), func(d Document) *Counter { return &d.(*CounterDoc).Counter }),
		kindOf("set", SetDocument, setDriver(), func(d Document) *Set { return &d.(*SetDoc).Set }),
		kindOf("flag", FlagDocument, flagDriver(), func(d Document) *Flag { return &d.(*FlagDoc).Flag }),
		kindOf("log", LogDocument, logDriver(), func(d Document) *Log { return &d.(*LogDoc).Log }),
		kindOf("list", ListDocument, listDriver(false), list),
		lying(kindOf("hostile list", ListDocument, listDriver(true), list)),
		kindOf("tree", TreeDocument, treeDriver(false), tree),
		lying(kindOf("hostile tree", TreeDocument, treeDriver(true), tree)),
		kindOf("file", FileDocument, fileDriver(false), func(d Document) *File { return &d.(*FileDoc).File }),
		{name: "text", of: TextDocument, edit: editTextDoc, pure: true, check: checkTextDoc},
		{name: "hostile text", of: TextDocument, edit: lieTextDoc, pure: true, lies: true},
	}
}

// docTx is a transaction with one edit.
type docTx struct {
	stamp  Stamp
	change []byte
	past   []bool // of all before it in the log
}

type docReplica struct {
	id     wire.DeviceID
	doc    Document
	known  []bool
	number uint64
}

// docWorld is a space of devices that write, meet and lose each other. All hear
// of a transaction after all that its author had heard of.
type docWorld struct {
	*rapid.T
	docKind
	base     []byte // sealed
	opening  uint64
	replicas []*docReplica
	log      []docTx
	named    bool // changes are issued again onto what was sealed, never onto a copy
}

func newDocWorld(t *rapid.T, k docKind) *docWorld {
	w := &docWorld{T: t, docKind: k, opening: 1000}
	var err error
	if w.base, err = w.empty().Encode(); err != nil {
		t.Fatal(err)
	}
	for i := range rapid.IntRange(2, 4).Draw(t, "devices") {
		w.replicas = append(w.replicas, &docReplica{id: device(byte(9 - i)), doc: w.start()})
	}
	return w
}

func (w *docWorld) empty() Document {
	d, err := NewDocument(w.of)
	if err != nil {
		w.Fatal(err)
	}
	return d
}

// start is the document as the epoch starts with it.
func (w *docWorld) start() Document {
	d, err := DecodeSealed(w.of, w.base)
	if err != nil {
		w.Fatal(err)
	}
	return d
}

func (w *docWorld) copyOf(d Document) Document {
	c, err := CloneDocument(d)
	if err != nil {
		w.Fatal(err)
	}
	a, errA := d.Encode()
	b, errB := c.Encode()
	if errA != nil || errB != nil || !bytes.Equal(a, b) || !cmp.Equal(d.Value(), c.Value()) || c.Empty() != d.Empty() {
		w.Fatalf("a copy differs: %v, %v", errA, errB)
	}
	return c
}

func (w *docWorld) write(r *docReplica) {
	past := w.opening
	for i := range r.known {
		if r.known[i] {
			past = max(past, w.log[i].stamp.Time)
		}
	}
	r.number++
	at := past + uint64(rapid.IntRange(1, 5).Draw(w.T, "clock"))
	stamp := Stamp{at, at, r.id, r.number}
	doc := r.doc
	if !w.pure {
		doc = w.copyOf(doc)
	}
	if change, ok := w.edit(w.T, doc, stamp); ok {
		w.add(r, stamp, change)
	}
}

func (w *docWorld) add(r *docReplica, stamp Stamp, change []byte) {
	if err := CheckChange(w.of, stamp.Device, change); err != nil {
		w.Fatal(err)
	}
	w.log = append(w.log, docTx{stamp, change, slices.Clone(r.known)})
	w.hear(r, len(w.log)-1)
}

func (w *docWorld) hear(r *docReplica, i int) {
	r.known = append(r.known, make([]bool, len(w.log)-len(r.known))...)
	if !r.known[i] {
		w.apply(r.doc, i)
		r.known[i] = true
	}
}

func (w *docWorld) apply(d Document, i int) {
	if err := d.Apply(w.log[i].stamp, w.log[i].change); err != nil && !w.lies {
		w.Fatalf("transaction %d: %v", i, err)
	}
}

// ready says whether all that comes before a transaction is known.
func (w *docWorld) ready(known []bool, i int) bool {
	for k, in := range w.log[i].past {
		if in && (k >= len(known) || !known[k]) {
			return false
		}
	}
	return true
}

// tell tells a device the transactions given, in some causal order, up to a number.
func (w *docWorld) tell(r *docReplica, todo []int, most int) {
	for ; len(todo) > 0 && most > 0; most-- {
		next := slices.DeleteFunc(slices.Clone(todo), func(i int) bool { return !w.ready(r.known, i) })
		if len(next) == 0 {
			w.Fatal("nothing comes next")
		}
		i := rapid.SampledFrom(next).Draw(w.T, "next")
		w.hear(r, i)
		todo = slices.DeleteFunc(todo, func(k int) bool { return k == i })
		if rapid.IntRange(0, 9).Draw(w.T, "look") == 0 {
			r.doc.Value()
		}
	}
}

func (w *docWorld) lacks(r, from *docReplica) (out []int) {
	for i, in := range from.known {
		if in && (i >= len(r.known) || !r.known[i]) {
			out = append(out, i)
		}
	}
	return out
}

func (w *docWorld) draw(steps int) {
	for range rapid.IntRange(1, steps).Draw(w.T, "steps") {
		r := rapid.SampledFrom(w.replicas).Draw(w.T, "device")
		switch rapid.IntRange(0, 7).Draw(w.T, "step") {
		case 0:
			r.doc = w.copyOf(r.doc)
		case 1, 2:
			w.tell(r, w.lacks(r, rapid.SampledFrom(w.replicas).Draw(w.T, "from")), rapid.IntRange(1, 20).Draw(w.T, "most"))
		default:
			for range rapid.IntRange(1, 3).Draw(w.T, "writes") {
				w.write(r)
			}
		}
	}
}

// settle tells everybody everything: all then read the same and seal the same.
func (w *docWorld) settle() {
	all := &docReplica{known: slices.Repeat([]bool{true}, len(w.log))}
	var value any
	var sealed []byte
	for k, r := range append(slices.Clone(w.replicas), &docReplica{doc: w.start()}) {
		w.tell(r, w.lacks(r, all), len(w.log))
		if w.check != nil && k == 0 {
			w.check(w.T, w, r)
		}
		got, print := r.doc.Value(), w.seal(r.doc, w.opening+9)
		if k > 0 && (!cmp.Equal(got, value) || !bytes.Equal(print, sealed)) {
			w.Fatalf("device %d ends with %v, others with %v\n%x\n%x", k, got, value, print, sealed)
		}
		value, sealed = got, print
	}
}

// seal is the sealed encoding, which decodes to what encodes and reads the same.
func (w *docWorld) seal(d Document, opening uint64) []byte {
	sealed := d.Seal(opening)
	b, err := sealed.Encode()
	if err != nil {
		w.Fatal(err)
	}
	back, err := DecodeSealed(w.of, b)
	if err != nil {
		w.Fatal(err)
	}
	again, err := back.Encode()
	if err != nil || !bytes.Equal(again, b) || !cmp.Equal(back.Value(), d.Value()) {
		w.Fatalf("sealed %v, decoded %v: %v", d.Value(), back.Value(), err)
	}
	if twice, err := back.Seal(opening).Encode(); err != nil || !bytes.Equal(twice, b) {
		w.Fatalf("sealed twice %x, once %x: %v", twice, b, err)
	}
	return b
}

// cut seals what one device knows; the others issue the rest again. after is
// called for each device, with the document it issued again onto.
func (w *docWorld) cut(sealer *docReplica, after func(r *docReplica, onto Document, own []int, lost []string)) {
	folded := &docReplica{doc: w.start()}
	w.tell(folded, w.lacks(folded, sealer), len(w.log))
	opening := w.opening + uint64(rapid.IntRange(1, 40).Draw(w.T, "opening"))
	rest := &docWorld{T: w.T, docKind: w.docKind, base: w.seal(folded.doc, opening), opening: opening}
	for _, r := range w.replicas {
		own := slices.DeleteFunc(w.lacks(sealer, r), func(i int) bool { return w.log[i].stamp.Device != r.id })
		w.tell(r, w.lacks(r, sealer), len(w.log)) // who follows a seal has all that it covers
		n := &docReplica{id: r.id, doc: rest.start(), number: r.number}
		rest.replicas = append(rest.replicas, n)
		onto := folded.doc.Seal(opening)
		if !w.named && rapid.IntRange(0, 3).Draw(w.T, "decoded") == 0 {
			onto = w.copyOf(onto)
		}
		lost := w.again(rest, r, n, onto, own, opening)
		if after != nil {
			after(r, onto, own, lost)
		}
	}
	*w = *rest
}

// again issues transactions of a device again, onto a document that then reads
// as that of the new epoch.
func (w *docWorld) again(rest *docWorld, r, n *docReplica, onto Document, own []int, opening uint64) (lost []string) {
	for _, i := range own {
		tx := w.log[i]
		lowered := tx.stamp.Lower(opening)
		out, words, ok := ReissueChange(r.doc, onto, r.id, tx.change, tx.stamp, lowered, opening)
		lost = append(lost, words...)
		if ok {
			rest.add(n, lowered, out)
		}
		if got, want := onto.Value(), n.doc.Value(); !cmp.Equal(got, want) {
			w.Fatalf("issued again onto %v, which gives %v", got, want)
		}
	}
	return lost
}

func TestDocuments(t *testing.T) {
	for _, k := range docKinds() {
		t.Run(k.name, func(t *testing.T) {
			t.Run("one epoch", func(t *testing.T) {
				rapid.Check(t, func(rt *rapid.T) {
					w := newDocWorld(rt, k)
					w.draw(12)
					w.settle()
				})
			})
			t.Run("seals", func(t *testing.T) {
				rapid.Check(t, func(rt *rapid.T) {
					w := newDocWorld(rt, k)
					for range rapid.IntRange(1, 3).Draw(rt, "epochs") {
						w.draw(8)
						w.cut(rapid.SampledFrom(w.replicas).Draw(rt, "sealer"), nil)
						w.draw(5)
						w.settle()
					}
				})
			})
			if !k.lies {
				t.Run("re-issue keeps the document", func(t *testing.T) { rapid.Check(t, reissueKeeps(k)) })
			}
		})
	}
}

// reissueKeeps: who had seen all that a seal covers reads the same once its own
// changes are issued again, and nothing of it is lost.
func reissueKeeps(k docKind) func(*rapid.T) {
	return func(rt *rapid.T) {
		w := newDocWorld(rt, k)
		w.named = true
		w.draw(8)
		w.settle()
		late := w.replicas[0]
		for range rapid.IntRange(1, 5).Draw(rt, "late") {
			w.write(late)
		}
		w.cut(w.replicas[1], func(r *docReplica, onto Document, _ []int, lost []string) {
			if r == late && (len(lost) > 0 || !cmp.Equal(onto.Value(), late.doc.Value())) {
				rt.Fatalf("%v before, %v after, lost %q", late.doc.Value(), onto.Value(), lost)
			}
		})
	}
}
