package space_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Two people write documents of every type at once, and see the same.
func TestDocumentsOfTwo(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	_, alice, bob := two(t)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	_, err := alice.s.Text("note").Append(ctx, "hello world")
	must(err)
	_, err = alice.s.List("shopping").Append(ctx, "milk", "eggs", 3)
	must(err)
	must(alice.s.Set("tags").Add(ctx, "red", "blue"))
	must(alice.s.Counter("visits").Add(ctx, 5))
	must(alice.s.Flag("done").Set(ctx, true))
	must(alice.s.Record("events").Append(ctx, "a"))
	folder, err := alice.s.Tree("places").Create(ctx, "", "europe", nil)
	must(err)
	alice.sync()
	bob.sync()

	_, err = alice.s.Text("note").Insert(ctx, 5, ",")
	must(err)
	_, err = bob.s.Text("note").Splice(ctx, 6, 5, "there")
	must(err)
	items, err := bob.s.List("shopping").Items(ctx)
	must(err)
	must(bob.s.List("shopping").Remove(ctx, items[1].ID))
	must(alice.s.List("shopping").Move(ctx, items[2].ID, 0))
	must(bob.s.Set("tags").Remove(ctx, "red"))
	must(alice.s.Set("tags").Add(ctx, "red"))
	must(bob.s.Counter("visits").Add(ctx, -1))
	must(alice.s.Counter("visits").Add(ctx, 2))
	must(bob.s.Flag("done").Set(ctx, false))
	must(bob.s.Record("events").Append(ctx, "b", "c"))
	_, err = bob.s.Tree("places").Create(ctx, folder, "berlin", 10115)
	must(err)
	for range 2 {
		alice.sync()
		bob.sync()
	}
	for _, p := range []*person{alice, bob} {
		if got := p.documents(); cmp.Diff(documents{
			Text: "hello, there", List: []any{int64(3), "milk"}, Set: []any{"red", "blue"}, Counter: 6, Flag: false,
			Record: []any{"a", "b", "c"}, Tree: []string{"europe", "berlin"},
		}, got) != "" {
			t.Errorf("%s sees %+v", p.name, got)
		}
	}
	if a, b := alice.digest(), bob.digest(); a != b {
		t.Errorf("digests differ: %s, %s", a, b)
	}
}

// documents is what somebody sees of the documents of these tests.
type documents struct {
	Text    string
	List    []any
	Set     []any
	Counter int64
	Flag    bool
	Record  []any
	Tree    []string
}

func (p *person) documents() (d documents) {
	p.t.Helper()
	ctx := p.t.Context()
	must := func(err error) {
		p.t.Helper()
		if err != nil {
			p.t.Fatal(err)
		}
	}
	var err error
	d.Text, err = p.s.Text("note").String(ctx)
	must(err)
	items, err := p.s.List("shopping").Items(ctx)
	must(err)
	for _, i := range items {
		d.List = append(d.List, i.Value)
	}
	d.Set, err = p.s.Set("tags").Values(ctx)
	must(err)
	d.Counter, err = p.s.Counter("visits").Value(ctx)
	must(err)
	d.Flag, err = p.s.Flag("done").On(ctx)
	must(err)
	for e, err := range p.s.Record("events").Each(ctx, 0) {
		must(err)
		d.Record = append(d.Record, e.Op)
	}
	for n, err := range p.s.Tree("places").Walk(ctx) {
		must(err)
		d.Tree = append(d.Tree, n.Name)
	}
	return d
}
