package space_test

import (
	"errors"
	"testing"
	"time"

	"github.com/espace-git/espace-git/space"
)

// write makes one row in a transaction of its own and returns its receipt and ID.
func (p *person) write(row space.Row) (r space.Receipt, id string) {
	p.t.Helper()
	r, err := p.s.Write(p.t.Context(), func(tx *space.Tx) (err error) {
		id, err = tx.Insert("tasks", row)
		return err
	})
	if err != nil {
		p.t.Fatalf("%s writes: %v", p.name, err)
	}
	return r, id
}

func (p *person) update(id string, row space.Row) space.Receipt {
	p.t.Helper()
	r, err := p.s.Write(p.t.Context(), func(tx *space.Tx) error { return tx.Update("tasks", id, row) })
	if err != nil {
		p.t.Fatalf("%s updates: %v", p.name, err)
	}
	return r
}

func (p *person) delete(id string) space.Receipt {
	p.t.Helper()
	r, err := p.s.Write(p.t.Context(), func(tx *space.Tx) error { return tx.Delete("tasks", id) })
	if err != nil {
		p.t.Fatalf("%s deletes: %v", p.name, err)
	}
	return r
}

// conflicts of a person; n are expected.
func (p *person) conflicts(n int) []space.Conflict {
	p.t.Helper()
	list, err := p.s.Conflicts(p.t.Context())
	if err != nil {
		p.t.Fatal(err)
	}
	if len(list) != n {
		p.t.Fatalf("%s has %d conflicts, want %d: %+v", p.name, len(list), n, list)
	}
	return list
}

// A write of a lane goes from local over pushed and witnessed to sealed; a reading
// device or an own entry of the author witnesses nothing.
func TestReceipt(t *testing.T) {
	_, alice, bob := two(t)
	r, _ := bob.write(space.Row{"title": "a write of bob"})
	bob.is(r, "local")
	bob.sync()
	bob.is(r, "pushed")
	alice.sync()
	bob.sync()
	bob.is(r, "pushed")
	alice.insert(space.Row{"title": "alice has seen it"})
	alice.sync()
	bob.sync()
	bob.is(r, "witnessed")
	if log, err := bob.s.Log(t.Context(), space.LogQuery{Writes: true}); err != nil || log[1].State != "witnessed" {
		t.Errorf("the changelog says %+v, %v", log, err)
	}
	alice.seal()
	bob.sync()
	bob.is(r, "sealed")
}

// A value that lost to a newer one is kept until it is tried again or dismissed.
func TestConflictValue(t *testing.T) {
	_, alice, bob := two(t)
	row := alice.insert(space.Row{"title": "old", "points": 1})
	alice.sync()
	bob.sync()
	lost := bob.update(row, space.Row{"title": "of bob", "points": 5})
	time.Sleep(2 * time.Millisecond) // so that alice's is the later one by the clock
	alice.update(row, space.Row{"title": "of alice"})
	alice.sync()
	alice.seal()
	bob.sync()
	c := bob.conflicts(1)
	if c[0].Whole || len(c[0].Values) != 1 || c[0].Values[0].Column != "title" || c[0].Values[0].Value != "of bob" {
		t.Errorf("bob's conflict: %+v", c)
	}
	bob.is(lost, "pushed")
	again, err := bob.s.Retry(t.Context(), c[0].ID)
	if err != nil {
		t.Fatal(err)
	}
	bob.conflicts(0)
	bob.sync()
	bob.is(again, "pushed")
	same(t, 4, alice, bob)
	if got := titled(alice, "of bob"); len(got) != 1 || got[0]["points"] != int64(5) {
		t.Errorf("alice sees %v", alice.rows())
	}
}

func titled(p *person, title string) (out []space.Row) {
	for _, r := range p.rows() {
		if r["title"] == title {
			out = append(out, r)
		}
	}
	return out
}

// A write to a row that was deleted goes to the conflicts whole, with its values.
func TestConflictWhole(t *testing.T) {
	_, alice, bob := two(t)
	row := alice.insert(space.Row{"title": "to be deleted"})
	alice.sync()
	bob.sync()
	lost := bob.update(row, space.Row{"title": "of bob"})
	alice.delete(row)
	alice.seal()
	bob.sync()
	c := bob.conflicts(1)
	if !c[0].Whole || len(c[0].Values) != 1 || c[0].Values[0].Value != "of bob" {
		t.Errorf("bob's conflict: %+v", c)
	}
	bob.is(lost, "lost")
	if _, err := bob.s.Retry(t.Context(), c[0].ID); !errors.Is(err, space.ErrNotFound) {
		t.Errorf("trying it again: %v", err)
	}
	bob.conflicts(1)
	if err := bob.s.Dismiss(t.Context(), c[0].ID); err != nil {
		t.Fatal(err)
	}
	bob.conflicts(0)
	if err := bob.s.Dismiss(t.Context(), c[0].ID); !errors.Is(err, space.ErrNotFound) {
		t.Errorf("dismissing it twice: %v", err)
	}
}
