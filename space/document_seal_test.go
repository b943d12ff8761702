package space_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/espace-git/espace-git/space"
)

// changes makes one change of each type.
func (p *person) changes() {
	p.t.Helper()
	ctx := p.t.Context()
	_, err := p.s.Write(ctx, func(tx *space.Tx) error {
		list, tree := tx.List("shopping"), tx.Tree("places")
		items, err := list.Items()
		europe, err2 := tree.Lookup("europe")
		if err := errors.Join(err, err2); err != nil {
			return err
		}
		_, err = list.Insert(1, p.name)
		_, err2 = tree.Create(europe.ID, p.name, 1)
		return errors.Join(err, err2, list.Move(items[1].ID, 0), tx.Text("note").Insert(4, "<"+p.name+">"), tx.Set("tags").Add(p.name),
			tx.Counter("visits").Add(10), tx.Flag("done").Set(false), tx.Record("events").Append(p.name))
	})
	if err != nil {
		p.t.Fatal(err)
	}
}

// agreeOn: all see these documents, over one more seal too.
func agreeOn(t *testing.T, want documents, people ...*person) {
	t.Helper()
	for range 2 {
		for range 2 {
			for _, p := range people {
				p.sync()
			}
		}
		for _, p := range people {
			if diff := cmp.Diff(want, p.documents()); diff != "" {
				t.Errorf("%s sees (-want +got)\n%s", p.name, diff)
			}
			if p.digest() != people[0].digest() {
				t.Errorf("the digests of %s and %s differ", people[0].name, p.name)
			}
		}
		people[0].seal()
	}
}

var afterBob = documents{
	Text: "hell<bob>o", List: []any{"eggs", "milk", "bob"}, Set: []any{"bob", "red"}, Counter: 15, Flag: false,
	Record: []any{"a", "bob"}, Tree: []string{"europe", "bob"},
}

// What waits while others seal goes into the next epoch's documents where it belonged.
func TestDocumentsWaitOverSeals(t *testing.T) {
	t.Parallel()
	_, alice, bob := two(t)
	written(t, alice, bob)
	bob.changes()
	for range 3 {
		alice.types(0, 0, "x")
		alice.sync()
		alice.seal()
	}
	want := afterBob
	want.Text = "xxxhell<bob>o"
	agreeOn(t, want, alice, bob)
	bob.conflicts(0)
}

// What was pushed and lies beyond the cut is issued again; who saw it keeps it until then.
func TestDocumentsBeyondTheCut(t *testing.T) {
	t.Parallel()
	h, alice, bob, carol := team(t)
	written(t, alice, bob, carol)
	before := h.refs()[h.lane(bob)]
	bob.changes()
	bob.sync()
	carol.sync()
	carol.types(0, 1, "H") // she stands on what is cut off
	if before == "" {
		t.Fatal("bob has no lane")
	}
	h.set(h.lane(bob), before)
	alice.seal()
	carol.heard()
	if aside := carol.aside(1)[0]; !strings.Contains(fmt.Sprint(aside.Values), "<bob>") {
		t.Errorf("carol keeps %+v", aside)
	}
	bob.heard()
	want := afterBob
	want.Text = "Hell<bob>o"
	agreeOn(t, want, alice, bob, carol)
	bob.conflicts(0)
	carol.conflicts(0)
	carol.aside(0)
}

// A change of an item that another transaction made waits for that one, parked.
func TestDocumentParked(t *testing.T) {
	t.Parallel()
	h, alice, bob, carol := team(t)
	written(t, alice, bob, carol)
	before := h.refs()[h.lane(bob)]
	ids, err := bob.s.List("shopping").Append(t.Context(), "of bob")
	if err != nil {
		t.Fatal(err)
	}
	bob.sync()
	carol.sync()
	if err := carol.s.List("shopping").Set(t.Context(), ids[0], "changed by carol"); err != nil {
		t.Fatal(err)
	}
	h.set(h.lane(bob), before)
	alice.seal()
	carol.heard()
	st, err := carol.s.Status(t.Context())
	if err != nil || st.Parked != 1 {
		t.Errorf("carol's status: %+v, %v", st, err)
	}
	alice.types(5, 0, "!")
	alice.sync()
	bob.heard()
	for range 2 {
		carol.sync()
		alice.sync()
		bob.sync()
	}
	for _, p := range []*person{alice, bob, carol} {
		if got := p.documents(); !cmp.Equal(got.List, []any{"milk", "eggs", "changed by carol"}) {
			t.Errorf("%s sees %v", p.name, got.List)
		}
	}
	carol.conflicts(0)
}

// A device that is restored from a backup has forgotten what it pushed, and has gone on:
// both count.
func TestDocumentsAfterABackup(t *testing.T) {
	t.Parallel()
	_, alice, bob := two(t)
	written(t, alice, bob)
	dir := bob.s.Dir()
	backup := filepath.Join(t.TempDir(), "backup")
	bob.reopen(func() { copyExactly(t, dir, backup) })
	for range 3 {
		bob.types(0, 0, "pushed ")
		bob.add(1)
	}
	bob.sync()
	bob.reopen(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
		copyExactly(t, backup, dir)
	})
	bob.types(5, 0, " again")
	bob.types(11, 0, " and again")
	bob.add(10)
	ids, err := bob.s.List("shopping").Append(t.Context(), "bread")
	if err != nil {
		t.Fatal(err)
	}
	if err := bob.s.List("shopping").Set(t.Context(), ids[0], "rye bread"); err != nil {
		t.Fatal(err)
	}
	bob.sync()
	agreeOn(t, documents{
		Text: "pushed pushed pushed hello again and again", List: []any{"milk", "eggs", "rye bread"}, Set: []any{"red"}, Counter: 18,
		Flag: true, Record: []any{"a"}, Tree: []string{"europe"},
	}, alice, bob)
	bob.conflicts(0)
}

func (p *person) add(n int64) {
	p.t.Helper()
	if err := p.s.Counter("visits").Add(p.t.Context(), n); err != nil {
		p.t.Fatal(err)
	}
}

const papers = `
tables:
  papers:
    columns:
      title: {type: text}
      body: {type: textarea}
      steps: {type: list}
      tags: {type: set}
      votes: {type: counter}
      done: {type: flag}
  tasks: {columns: {title: {type: text}}}
`

// Columns of documents begin with what their row is given, are changed by handles, and
// are no values to overwrite.
func TestDocumentColumns(t *testing.T) {
	t.Parallel()
	_, alice, bob := two(t)
	ctx := t.Context()
	if _, err := alice.s.ApplySchema(ctx, []byte(papers)); err != nil {
		t.Fatal(err)
	}
	for _, p := range []*person{alice, bob, alice} {
		p.sync()
	}
	id, err := alice.s.Insert(ctx, "papers", space.Row{
		"title": "one", "body": "draft", "steps": []any{"a", "b"}, "tags": json.RawMessage(`["x","y"]`), "votes": 3, "done": "true",
	})
	if err != nil {
		t.Fatal(err)
	}
	alice.sync()
	bob.sync()
	body := bob.s.Text("papers/" + id + "/body")
	if _, err := body.Append(ctx, " two"); err != nil {
		t.Fatal(err)
	}
	if err := bob.s.Counter("papers/"+id+"/votes").Add(ctx, -1); err != nil {
		t.Fatal(err)
	}
	rows, err := bob.s.Select(ctx, space.Query{Table: "papers", Where: "votes == 2 && done == true"})
	want := []space.Row{{
		"id": id, "title": "one", "body": "draft two", "steps": json.RawMessage(`["a","b"]`), "tags": json.RawMessage(`["x","y"]`),
		"votes": int64(2), "done": true,
	}}
	if diff := cmp.Diff(want, rows); diff != "" || err != nil {
		t.Errorf("bob reads (-want +got) %v\n%s", err, diff)
	}
	for _, c := range []struct {
		err  error
		want error
	}{
		{bob.s.Update(ctx, "papers", id, space.Row{"votes": 5}), space.ErrUsage},
		{bob.s.Update(ctx, "papers", id, space.Row{"body": nil}), space.ErrUsage},
		{bob.s.Update(ctx, "papers", id, space.Row{"body": 5, "done": false}), space.ErrUsage},
		{bob.s.Counter("papers/"+id+"/body").Add(ctx, 1), space.ErrUsage},
		{bob.s.Counter("papers/"+id+"/nothing").Add(ctx, 1), space.ErrNotFound},
		{bob.s.Counter("papers/5/votes").Add(ctx, 1), space.ErrUsage},
		{bob.s.Counter("papers/"+strings.Replace(id, id[:4], "ffff", 1)+"/votes").Add(ctx, 1), space.ErrNotFound},
		{bob.s.Counter("").Add(ctx, 1), space.ErrUsage},
	} {
		if !errors.Is(c.err, c.want) {
			t.Errorf("got %v, want %v", c.err, c.want)
		}
	}
	type paper struct {
		ID    string
		Body  string
		Steps []string
		Votes int
		Done  bool
	}
	typed, err := space.TableOf[paper](bob.s, "papers").Get(ctx, id)
	if diff := cmp.Diff(paper{id, "draft two", []string{"a", "b"}, 2, true}, typed); diff != "" || err != nil {
		t.Errorf("bob reads as a struct (-want +got) %v\n%s", err, diff)
	}
}

// Who edits a text while somebody deletes its row keeps what was written.
func TestDocumentOfADeletedRow(t *testing.T) {
	t.Parallel()
	_, alice, bob := two(t)
	ctx := t.Context()
	if _, err := alice.s.ApplySchema(ctx, []byte(papers)); err != nil {
		t.Fatal(err)
	}
	id, err := alice.s.Insert(ctx, "papers", space.Row{"title": "one", "body": "draft"})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range []*person{alice, bob, alice} {
		p.sync()
	}
	if _, err := bob.s.Text("papers/"+id+"/body").Append(ctx, ", and my words"); err != nil {
		t.Fatal(err)
	}
	if err := alice.s.Delete(ctx, "papers", id); err != nil {
		t.Fatal(err)
	}
	alice.sync()
	alice.seal()
	bob.sync()
	c := bob.conflicts(1)[0]
	if v := c.Values[0]; v.Op != "edit" || v.Column != "body" || v.Value != ", and my words" {
		t.Errorf("bob's conflict is %+v", c)
	}
}

// What an author never comes back for, another adopts: changes that stand for
// themselves, and texts that it began.
func TestAdoptDocuments(t *testing.T) {
	t.Parallel()
	h, alice, bob, carol := team(t)
	want := written(t, alice, bob, carol)
	before := h.refs()[h.lane(bob)]
	_, err := bob.s.Write(t.Context(), func(tx *space.Tx) error {
		_, err := tx.List("shopping").Append("bread")
		return errors.Join(err, tx.Counter("visits").Add(2), tx.Set("tags").Add("blue"), tx.Record("events").Append("b"), tx.Text("of bob").Append("words"))
	})
	if err != nil {
		t.Fatal(err)
	}
	bob.sync()
	carol.sync()
	h.set(h.lane(bob), before)
	alice.seal()
	carol.heard()
	if _, err := carol.s.Adopt(t.Context(), carol.aside(1)[0].ID); err != nil {
		t.Fatal(err)
	}
	carol.aside(0)
	want.List, want.Counter, want.Set, want.Record = append(want.List, "bread"), 7, []any{"red", "blue"}, []any{"a", "b"}
	agreeOn(t, want, alice, carol)
	if got, err := alice.s.Text("of bob").String(t.Context()); err != nil || got != "words" {
		t.Errorf("the text that bob began is %q, %v", got, err)
	}
}

// An update of a textarea writes what differs from the text as it is here, so that
// another's edits of the same time stay; an update that another part of refuses writes
// nothing.
func TestUpdateWholeText(t *testing.T) {
	t.Parallel()
	_, alice, bob := two(t)
	ctx := t.Context()
	if _, err := alice.s.ApplySchema(ctx, []byte(papers)); err != nil {
		t.Fatal(err)
	}
	id, err := alice.s.Insert(ctx, "papers", space.Row{"body": "one two three", "done": true})
	if err != nil {
		t.Fatal(err)
	}
	alice.sync()
	bob.sync()
	for p, row := range map[*person]space.Row{alice: {"body": "ONE two three", "done": false}, bob: {"body": "one two three four", "title": "numbers"}} {
		if err := p.s.Update(ctx, "papers", id, row); err != nil {
			t.Fatal(err)
		}
	}
	if err := bob.s.Update(ctx, "papers", id, space.Row{"body": "nothing", "votes": 4}); !errors.Is(err, space.ErrUsage) {
		t.Errorf("a counter by a whole value: %v", err)
	}
	for _, p := range []*person{alice, bob, alice} {
		p.sync()
	}
	for _, p := range []*person{alice, bob} {
		row, err := p.s.Get(ctx, "papers", id)
		if err != nil || row["body"] != "ONE two three four" || row["done"] != false || row["title"] != "numbers" {
			t.Errorf("%v, %v", row, err)
		}
	}
}
