package space_test

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/espace-git/espace-git/space"
)

// Whose words go into a column of documents that a schema drops reads them in the
// conflict.
func TestConflictOfADroppedColumn(t *testing.T) {
	t.Parallel()
	_, alice, bob := two(t)
	ctx := t.Context()
	if _, err := alice.s.ApplySchema(ctx, []byte(papers)); err != nil {
		t.Fatal(err)
	}
	id, err := alice.s.Insert(ctx, "papers", space.Row{"title": "one", "body": "draft", "steps": []any{"a"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range []*person{alice, bob, alice} {
		p.sync()
	}
	at := "papers/" + id
	if _, err := bob.s.Write(ctx, func(tx *space.Tx) error {
		_, err := tx.List(at + "/steps").Append("b")
		return errors.Join(err, tx.Text(at+"/body").Append(", and my words"), tx.Counter(at+"/votes").Add(3))
	}); err != nil {
		t.Fatal(err)
	}
	narrow := []byte("tables: {papers: {columns: {title: {type: text}, votes: {type: counter}}}, tasks: {columns: {title: {type: text}}}}")
	if _, err := alice.s.ApplySchema(ctx, narrow); err != nil {
		t.Fatal(err)
	}
	alice.sync()
	bob.sync()
	got := map[string]any{}
	for _, v := range bob.conflicts(1)[0].Values {
		if v.Op != "edit" || v.Words == "" {
			t.Errorf("bob's value is %+v", v)
		}
		b, err := json.Marshal(v.Value)
		if err != nil {
			t.Fatal(err)
		}
		got[v.Column] = string(b)
	}
	if diff := cmp.Diff(map[string]any{"2": `", and my words"`, "3": `["b"]`}, got); diff != "" {
		t.Errorf("bob reads (-want +got)\n%s", diff)
	}
}

// An edit of a document by name whose row is gone says which, and is written anew.
func TestRetryOfADocumentThatIsGone(t *testing.T) {
	t.Parallel()
	_, alice, bob := two(t)
	ctx := t.Context()
	if _, err := alice.s.Text("minutes").Append(ctx, "one two"); err != nil {
		t.Fatal(err)
	}
	for _, p := range []*person{alice, bob, alice} {
		p.sync()
	}
	alice.seal()
	bob.sync()
	if _, err := bob.s.Write(ctx, func(tx *space.Tx) error {
		return errors.Join(tx.Text("minutes").Append(", and my words"), tx.Counter("minutes").Add(2))
	}); err != nil {
		t.Fatal(err)
	}
	if err := space.RemoveDocument(ctx, alice.s, "minutes"); err != nil {
		t.Fatal(err)
	}
	alice.sync()
	alice.seal()
	bob.sync()
	c := bob.conflicts(1)[0]
	for _, v := range c.Values {
		if v.Name != "minutes" {
			t.Errorf("bob's value is %+v", v)
		}
	}
	if _, err := bob.s.Retry(ctx, c.ID); err != nil {
		t.Fatal(err)
	}
	bob.conflicts(0)
	for _, p := range []*person{bob, alice} {
		p.sync()
		text, err := p.s.Text("minutes").String(ctx)
		if n, err2 := p.s.Counter("minutes").Value(ctx); text != ", and my words" || n != 2 || err != nil || err2 != nil {
			t.Errorf("%s reads %q, %d, %v %v", p.name, text, n, err, err2)
		}
	}
}

// A version of a file that is gone says where the file stood.
func TestConflictOfAFile(t *testing.T) {
	t.Parallel()
	h, alice, bob, carol := team(t)
	alice.puts("plans/x.csv", "a,b\n")
	alice.puts("stays.txt", "s")
	for _, p := range []*person{alice, bob, carol, alice} {
		p.sync()
	}
	before := h.refs()[h.lane(bob)]
	bob.puts("stays.txt", "of bob")
	bob.sync()
	carol.sync()
	h.set(h.lane(bob), before)
	if err := alice.s.Files().Remove(t.Context(), "plans/x.csv"); err != nil {
		t.Fatal(err)
	}
	alice.sync()
	alice.seal()
	carol.heard()
	named := false
	for _, v := range carol.aside(1)[0].Values {
		named = named || v.Table == "files" && v.Name == "stays.txt"
	}
	if !named {
		t.Errorf("carol keeps %+v", carol.aside(1)[0].Values)
	}
	bob.puts("plans/x.csv", "c,d\n")
	bob.heard()
	c := bob.conflicts(1)[0]
	named = false
	for _, v := range c.Values {
		named = named || v.Table == "files" && v.Name == "plans/x.csv"
	}
	if !named {
		t.Errorf("bob's conflict is %+v", c)
	}
}
