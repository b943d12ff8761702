package space_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/espace-git/espace-git/internal/wire"
	"github.com/espace-git/espace-git/merge"
	"github.com/espace-git/espace-git/schema"
	"github.com/espace-git/espace-git/space"
)

// edit is an operation that changes the document of a name.
func edit(name string, column uint32, cell []byte) merge.Op {
	return merge.Op{
		Kind: merge.Edit, Table: schema.DocumentsTable, Row: schema.DocumentRow(name),
		Cells: []merge.Cell{{Column: column, Value: cell}},
	}
}

// cell is a change as an edit carries it.
func cell(t *testing.T, change []byte, err error) []byte {
	t.Helper()
	b, err := merge.ChangeCell(change, err)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// written are documents of each type, known to all.
func written(t *testing.T, people ...*person) documents {
	t.Helper()
	ctx, s := t.Context(), people[0].s
	_, err := s.Write(ctx, func(tx *space.Tx) error {
		_, err := tx.List("shopping").Append("milk", "eggs")
		_, err2 := tx.Tree("places").Create("", "europe", nil)
		return errors.Join(err, err2, tx.Text("note").Append("hello"), tx.Set("tags").Add("red"), tx.Counter("visits").Add(5),
			tx.Flag("done").Set(true), tx.Record("events").Append("a"))
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range people {
		p.sync()
	}
	return people[0].documents()
}

// Attack: edits that break a rule have no effect, and are told; all members, and one
// who comes later, see the same documents as before.
func TestAttackForgedEdits(t *testing.T) {
	t.Parallel()
	h, alice, bob := two(t)
	want := written(t, alice, bob)
	f := newForger(h, bob)
	dev := f.keys.Device().ID()
	text := func(c *merge.TextChange) []byte {
		c.First.Device = dev
		b, err := merge.EncodeTextChange(c)
		return cell(t, b, err)
	}
	insert := []merge.TextOp{{Text: "forged"}}
	for _, c := range []struct {
		name    string
		op      merge.Op
		refused int
	}{
		{"a change of a text without its author's own past", edit("note", 2, text(&merge.TextChange{First: merge.TextID{Seq: 99}, Ops: insert})), 0},
		{"a text that names the zero device", edit("note", 2, text(&merge.TextChange{Parents: []merge.TextID{{Seq: 3}}, Ops: insert})), 1},
		{"a change that is none", edit("note", 2, cell(t, []byte("junk"), nil)), 1},
		{"a list's change for a set", edit("tags", 4, cell(t, []byte{1, 0xff, 0xff}, nil)), 1},
		{"an integer for a text", edit("note", 2, merge.EncodeCounterOp(1)), 1},
		{"bytes for a counter", edit("visits", 5, cell(t, []byte{1}, nil)), 1},
		{"a column that holds no document", edit("note", 1, cell(t, []byte{1}, nil)), 1},
		{"a column that is not there", edit("note", 99, cell(t, []byte{1}, nil)), 1},
		{"a hidden table that is not there", merge.Op{Kind: merge.Edit, Table: schema.FirstBuiltin + 77, Row: merge.RowID{1}, Cells: []merge.Cell{{Column: 2, Value: merge.EncodeCounterOp(1)}}}, 1},
		{"a user's table without documents", merge.Op{Kind: merge.Edit, Table: 1, Row: merge.RowID{1}, Cells: []merge.Cell{{Column: 1, Value: merge.EncodeCounterOp(1)}}}, 1},
		{"a document by value", merge.Op{Kind: merge.Insert, Table: schema.DocumentsTable, Row: schema.DocumentRow("note"), Cells: []merge.Cell{{Column: 5, Value: merge.EncodeCounterOp(1)}}}, 1},
		{"a huge change", edit("note", 2, text(&merge.TextChange{Ops: []merge.TextOp{{Text: strings.Repeat("x", merge.MaxChange)}}})), 1},
		{"a row that nobody made", edit("nobody made it", 5, merge.EncodeCounterOp(1)), 0},
	} {
		f.push(f.seal(f.entry(f.tx(c.op))))
		if r := alice.sync(); r.Refused != c.refused {
			t.Errorf("%s: %d refused, want %d", c.name, r.Refused, c.refused)
		}
		if diff := cmp.Diff(want, alice.documents()); diff != "" {
			t.Errorf("%s: alice sees\n%s", c.name, diff)
		}
	}
	carol := newPerson(t, "carol")
	carol.join(alice.invite())
	alice.sync()
	carol.sync()
	if diff := cmp.Diff(want, carol.documents()); diff != "" || alice.digest() != carol.digest() {
		t.Errorf("carol sees others:\n%s", diff)
	}
}

// Attack: a change that builds on what nobody made, or claims others' events, waits
// for ever, with what its author writes behind it; nobody else's work waits with it.
func TestAttackEditsThatWait(t *testing.T) {
	t.Parallel()
	h, alice, bob := two(t)
	want := written(t, alice, bob)
	f := newForger(h, bob)
	dev := f.keys.Device().ID()
	alien := wire.DeviceID{9}
	for i, parents := range [][]merge.TextID{{{Device: alien, Seq: 7}}, nil} {
		b, err := merge.EncodeTextChange(&merge.TextChange{First: merge.TextID{Device: dev, Seq: uint32(i)}, Parents: parents, Ops: []merge.TextOp{{Text: "x"}}})
		f.push(f.seal(f.entry(f.tx(edit("note", 2, cell(t, b, err))))))
		alice.sync()
	}
	c, err := merge.EncodeListChange(dev, &merge.ListChange{Ops: []merge.ListOp{
		{Kind: merge.ListInsert, At: merge.ListAt{Parent: merge.Dot{Device: alien, Number: 3}}, Values: [][]byte{{1}}},
	}})
	f.push(f.seal(f.entry(f.tx(edit("shopping", 3, cell(t, c, err))))))
	alice.sync()
	if diff := cmp.Diff(want, alice.documents()); diff != "" {
		t.Errorf("alice sees\n%s", diff)
	}
	alice.types(5, 0, " world")
	want.Text = "hello world"
	alice.sync()
	carol := newPerson(t, "carol")
	carol.join(alice.invite())
	alice.sync()
	carol.sync()
	alice.seal()
	carol.sync()
	for _, p := range []*person{alice, carol} {
		if diff := cmp.Diff(want, p.documents()); diff != "" {
			t.Errorf("%s sees\n%s", p.name, diff)
		}
	}
	if alice.digest() != carol.digest() {
		t.Error("the digests of alice and carol differ")
	}
}

// Attack: an addition counts once for each number: the same transaction signed again
// has no effect, and what a member copies from another is its own.
func TestAttackCounterReplay(t *testing.T) {
	t.Parallel()
	h, alice, bob := two(t)
	written(t, alice, bob)
	f := newForger(h, bob)
	add := f.tx(edit("visits", 5, merge.EncodeCounterOp(100)))
	f.push(f.seal(f.entry(add)))
	alice.sync()
	f.push(f.seal(f.entry(add)))
	if r := alice.sync(); r.Refused != 1 {
		t.Errorf("%d refused, want the repetition", r.Refused)
	}
	for range 2 {
		if n := alice.documents().Counter; n != 105 {
			t.Errorf("the counter is at %d, want 105", n)
		}
		alice.seal()
		alice.sync()
	}
}

// Attack: who may only read changes no document, here or for others.
func TestAttackViewerEdits(t *testing.T) {
	t.Parallel()
	_, alice, bob := two(t)
	want := written(t, alice, bob)
	if err := alice.s.SetRole(t.Context(), "bob", "viewer"); err != nil {
		t.Fatal(err)
	}
	alice.sync()
	bob.sync()
	if err := bob.s.Counter("visits").Add(t.Context(), 1); !errors.Is(err, space.ErrNotPermitted) {
		t.Errorf("a viewer adds to a counter: %v", err)
	}
	for _, p := range []*person{alice, bob} {
		if diff := cmp.Diff(want, p.documents()); diff != "" {
			t.Errorf("%s sees\n%s", p.name, diff)
		}
	}
}
