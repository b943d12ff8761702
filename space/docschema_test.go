package space

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/espace-git/espace-git/membership"
	"github.com/espace-git/espace-git/schema"
)

// An admin with another program makes a column of texts a document, and the other way
// round, in a valid entry that even seals. It is void for everybody.
func TestAttackDocumentBecomesValue(t *testing.T) {
	h := newBare(t)
	alice, bob := newPeer(t, "alice"), newPeer(t, "bob")
	alice.founds(h.dir)
	bob.joins(alice, InviteOptions{})
	for _, p := range []*peer{alice, bob, alice} {
		p.syncs()
	}
	if _, err := alice.ApplySchema(t.Context(), []byte("tables: {notes: {columns: {text: {type: text}, body: {type: textarea}}}}")); err != nil {
		t.Fatal(err)
	}
	row, err := alice.Insert(t.Context(), "notes", Row{"text": "one", "body": "written together"})
	if err != nil {
		t.Fatal(err)
	}
	alice.syncs()
	bob.syncs()
	for column, typ := range map[string]schema.Type{"body": schema.Text, "text": schema.Textarea} {
		forged := func(r *round) (membership.Body, map[string][]byte, error) {
			sc, _ := r.v.Schema()
			b, err := sc.Encode()
			if err != nil {
				return nil, nil, err
			}
			after, err := schema.Decode(b)
			if err != nil {
				return nil, nil, err
			}
			notes, _ := after.Table("notes")
			c, _ := notes.Column(column)
			c.Type = typ
			b, err = after.Encode()
			return &membership.SchemaBody{}, map[string][]byte{membership.ItemSchema: b}, err
		}
		if _, err := alice.change(t.Context(), SealOptions{}, forged); err != nil {
			t.Fatal(err)
		}
		res := bob.syncs()
		if !slices.ContainsFunc(res.Warnings, func(w string) bool { return strings.Contains(w, "is void") }) {
			t.Errorf("%s: warnings %q", column, res.Warnings)
		}
	}
	bob.writes("two")
	bob.syncs()
	alice.syncs()
	for _, p := range []*peer{alice, bob} {
		if got := p.texts(); !slices.Equal(got, []string{"one", "two"}) {
			t.Errorf("%s has %q", p.name, got)
		}
		if got, err := p.Text("notes/" + row + "/body").String(t.Context()); err != nil || got != "written together" {
			t.Errorf("%s reads %q, %v", p.name, got, err)
		}
	}
}

// What is there under a name, type by type; what is empty or in rows is not.
func TestDocuments(t *testing.T) {
	h := newBare(t)
	alice := newPeer(t, "alice")
	alice.founds(h.dir)
	ctx := t.Context()
	_, err := alice.Write(ctx, func(tx *Tx) error {
		_, err := tx.List("b").Append("x", 1)
		return errors.Join(err, tx.Text("b").Append("grün"), tx.Text("a").Append("x"), tx.Text("empty").Append(""),
			tx.Set("s").Add("x", "y"), tx.Counter("c").Add(-2), tx.Counter("none").Add(0), tx.Flag("f").Set(true), tx.Flag("off").Set(false), tx.Record("l").Append("x"))
	})
	if err != nil {
		t.Fatal(err)
	}
	for typ, want := range map[string][]DocumentInfo{
		"textarea": {{"a", int64(1)}, {"b", int64(4)}}, "list": {{"b", int64(2)}}, "set": {{"s", int64(2)}}, "counter": {{"c", int64(-2)}},
		"flag": {{"f", true}}, "log": {{"l", int64(1)}}, "tree": {},
	} {
		got, err := alice.Documents(ctx, typ)
		if d := cmp.Diff(want, got); err != nil || d != "" {
			t.Errorf("%s: %v %s", typ, err, d)
		}
	}
	for _, bad := range []string{"text", "name", "file", ""} {
		if _, err := alice.Documents(ctx, bad); !errors.Is(err, ErrUsage) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}
