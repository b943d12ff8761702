package space_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/espace-git/espace-git/space"
)

// dependent: carol writes a row that bob has and alice, who seals, is not shown. bob,
// offline, changes it, and then writes something of his own.
func dependent(t *testing.T) (h *evilHost, alice, bob, carol *person, change, own space.Receipt) {
	t.Helper()
	h, alice, bob, carol = team(t)
	before := h.refs()[h.lane(carol)]
	_, row := carol.write(space.Row{"title": "of carol"})
	carol.sync()
	bob.sync()
	h.set(h.lane(carol), before)
	change = bob.update(row, space.Row{"points": 7})
	own, _ = bob.write(space.Row{"title": "bob's own"})
	return h, alice, bob, carol, change, own
}

// Attack 40: what stands on a removed author's write that no cut has goes to the
// conflicts at once, with its values; what stands on nothing of it goes on.
func TestAttackDependencyOfRemovedNeverComes(t *testing.T) {
	_, alice, bob, _, change, own := dependent(t)
	if _, err := alice.s.RemoveMember(t.Context(), "carol", space.RemoveOptions{Now: true}); err != nil {
		t.Fatal(err)
	}
	bob.heard()
	bob.is(change, "lost")
	bob.is(own, "pushed")
	c := bob.conflicts(1)
	if !c[0].Whole || len(c[0].Values) != 1 || c[0].Values[0].Value != int64(7) || !strings.Contains(c[0].Reason, "will not come") {
		t.Errorf("bob's conflict: %+v", c)
	}
	agree(t, 5, alice, bob)
	// What was cut off of carol is set aside; bob adopts it and tries his change again.
	list := bob.aside(1)
	if !strings.Contains(list[0].Reason, "removed") {
		t.Errorf("set aside: %+v", list)
	}
	if _, err := bob.s.Adopt(t.Context(), list[0].ID); err != nil {
		t.Fatal(err)
	}
	if _, err := bob.s.Retry(t.Context(), c[0].ID); err != nil {
		t.Fatal(err)
	}
	agree(t, 6, alice, bob)
	if rows := titled(alice, "of carol"); len(rows) != 1 || rows[0]["points"] != int64(7) {
		t.Errorf("alice sees %v", rows)
	}
}

// Attack 40: a write waits for another's, which comes late: it counts with its lower
// number although a higher one counts already, once, on every device.
func TestAttackLateLowerNumber(t *testing.T) {
	_, alice, bob, carol, change, own := dependent(t)
	alice.seal()
	bob.heard()
	bob.is(change, "parked")
	bob.is(own, "pushed")
	waiting, err := bob.s.Pending(t.Context())
	if err != nil || len(waiting) != 1 || waiting[0].State != "parked" || !strings.Contains(waiting[0].Reason, "of carol") {
		t.Errorf("pending: %+v, %v", waiting, err)
	}
	carol.heard()
	bob.sync()
	bob.is(change, "pushed")
	bob.conflicts(0)
	agree(t, 6, alice, bob, carol)
	if rows := titled(alice, "of carol"); len(rows) != 1 || rows[0]["points"] != int64(7) {
		t.Errorf("alice sees %v", rows)
	}
	alice.seal()
	bob.sync()
	bob.is(change, "sealed")
	agree(t, 6, alice, bob, carol)
}

// What is parked goes to the conflicts at the next seal.
func TestParkedUntilNextSeal(t *testing.T) {
	_, alice, bob, _, change, _ := dependent(t)
	alice.seal()
	bob.heard()
	bob.is(change, "parked")
	alice.seal()
	bob.sync()
	bob.is(change, "lost")
	if c := bob.conflicts(1); !strings.Contains(c[0].Reason, "never came") {
		t.Errorf("bob's conflict: %+v", c)
	}
	if waiting, err := bob.s.Pending(t.Context()); err != nil || len(waiting) != 0 {
		t.Errorf("pending: %+v, %v", waiting, err)
	}
}

const library = `tables:
  tasks:
    columns:
      title: {type: text, required: true}
      points: {type: int}
      list: {type: ref, table: lists, on_delete: cascade}
  lists:
    columns:
      name: {type: text}
  seats:
    ordered: true
    columns:
      place: {type: text, unique: true}
`

// Attack 41: a device that was offline for three epochs comes back with a thousand
// pending operations of every kind. Each counts once, or stands in the conflicts.
func TestAttackOfflineForThreeEpochs(t *testing.T) {
	h := newEvilHost(t)
	alice, bob := newPerson(t, "alice"), newPerson(t, "bob")
	s, _, err := space.Create(t.Context(), filepath.Join(t.TempDir(), "alice"), space.CreateOptions{Name: "Library", As: "alice", Remote: h.dir, Schema: []byte(library)}, alice.options())
	if err != nil {
		t.Fatal(err)
	}
	alice.s = s
	bob.join(alice.invite())
	var lists, tasks []string
	for i := range 10 {
		id, err := alice.s.Insert(t.Context(), "lists", space.Row{"name": fmt.Sprint("list ", i)})
		if err != nil {
			t.Fatal(err)
		}
		lists = append(lists, id)
		tasks = append(tasks, alice.insert(space.Row{"title": fmt.Sprint("task ", i), "list": id}))
	}
	for range 2 {
		alice.sync()
		bob.sync()
	}
	w := &offlineWriter{t: t, p: bob}
	var own []string
	for i := range 50 {
		w.tx(func(tx *space.Tx) error { // 10 operations: a list and what is in it
			list, err := tx.Insert("lists", space.Row{"name": fmt.Sprint("of bob ", i)})
			if err != nil {
				return err
			}
			for j := range 8 {
				id, err := tx.Insert("tasks", space.Row{"title": fmt.Sprint("bob ", i, " ", j), "list": list})
				if err != nil {
					return err
				}
				own = append(own, id)
			}
			_, err = tx.Insert("tasks", space.Row{"title": fmt.Sprint("into ", i), "list": lists[i%10]})
			return err
		})
	}
	for i := range 300 {
		w.tx(func(tx *space.Tx) error { return tx.Update("tasks", own[i], space.Row{"points": i}) })
	}
	for i := range 10 {
		w.tx(func(tx *space.Tx) error { return tx.Update("tasks", tasks[i], space.Row{"points": 1000 + i}) })
	}
	for i := range 90 {
		w.tx(func(tx *space.Tx) error { return tx.Delete("tasks", own[len(own)-1-i]) })
	}
	for i := range 100 {
		w.tx(func(tx *space.Tx) error {
			_, err := tx.Insert("seats", space.Row{"place": fmt.Sprint("seat ", i)})
			return err
		})
	}
	if w.ops() < 1000 {
		t.Fatalf("%d operations", w.ops())
	}
	// Meanwhile, over three seals: some of it is changed, deleted and taken.
	for i := range 3 {
		alice.update(tasks[i], space.Row{"points": -1})
		if err := alice.s.Delete(t.Context(), "lists", lists[9-i]); err != nil {
			t.Fatal(err)
		}
		if _, err := alice.s.Insert(t.Context(), "seats", space.Row{"place": fmt.Sprint("seat ", i)}); err != nil {
			t.Fatal(err)
		}
		alice.seal()
	}
	for range 3 {
		bob.sync()
		alice.sync()
	}
	// Of 50 transactions 15 put something into one of the 3 lists that are gone, and go
	// to the conflicts whole: 35 * 9 tasks, and 7 of alice; 90 deletes, of which 34 name
	// what did not come about.
	agree(t, 35*9+7-(90-34), alice, bob)
	w.settled(t)
	if rows, err := alice.s.Select(t.Context(), space.Query{Table: "seats"}); err != nil || len(rows) != 100 {
		t.Errorf("%d seats, %v", len(rows), err)
	}
}

// offlineWriter remembers what it wrote.
type offlineWriter struct {
	t        *testing.T
	p        *person
	receipts []space.Receipt
}

func (w *offlineWriter) tx(fn func(*space.Tx) error) {
	w.t.Helper()
	r, err := w.p.s.Write(w.t.Context(), fn)
	if err != nil {
		w.t.Fatal(err)
	}
	w.receipts = append(w.receipts, r)
}

func (w *offlineWriter) ops() int { return 50*10 + len(w.receipts) - 50 }

// settled: each write is on the host, or stands in the conflicts and says so.
func (w *offlineWriter) settled(t *testing.T) {
	t.Helper()
	list, err := w.p.s.Conflicts(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	whole := map[string]bool{}
	for _, c := range list {
		if c.Whole {
			whole[c.ID] = true
		}
	}
	count := map[string]int{}
	for _, r := range w.receipts {
		now := w.p.receipt(r)
		count[now.State]++
		switch now.State {
		case "pushed", "witnessed", "sealed":
			if whole[r.ID] {
				t.Errorf("%s is %s, and in the conflicts", r.ID, now.State)
			}
		case "lost", "refused":
			if !whole[r.ID] {
				t.Errorf("%s is %s (%s), and not in the conflicts", r.ID, now.State, now.Reason)
			}
		default:
			t.Errorf("%s is %s: %s", r.ID, now.State, now.Reason)
		}
	}
	t.Log(count, len(list))
	// Lost: the 15, 76 updates of what they made, 3 of tasks that are gone, and 3 that a
	// newer value beat. The 34 deletes have what they want.
	if count["refused"] != 3 || count["lost"] != 97 || count["sealed"] != 34 || count["pushed"] != 416 {
		t.Errorf("states: %v", count)
	}
}

// Attack 46: a rule is not got around by coming late.
func TestAttackRuleBypassThroughReissue(t *testing.T) {
	t.Run("role-changed-meanwhile", func(t *testing.T) {
		_, alice, bob, carol := team(t)
		r, _ := carol.write(space.Row{"title": "as an editor, offline"})
		if _, err := alice.s.ChangeRole(t.Context(), "carol", "viewer", space.SealOptions{}); err != nil {
			t.Fatal(err)
		}
		carol.sync()
		carol.is(r, "refused")
		if c := carol.conflicts(1); !c[0].Whole {
			t.Errorf("conflict: %+v", c)
		}
		same(t, 4, alice, bob, carol)
	})
	t.Run("cascade", func(t *testing.T) {
		h := newEvilHost(t)
		alice, bob := newPerson(t, "alice"), newPerson(t, "bob")
		s, _, err := space.Create(t.Context(), filepath.Join(t.TempDir(), "alice"), space.CreateOptions{Name: "Library", As: "alice", Remote: h.dir, Schema: []byte(library)}, alice.options())
		if err != nil {
			t.Fatal(err)
		}
		alice.s = s
		bob.join(alice.invite())
		list, err := alice.s.Insert(t.Context(), "lists", space.Row{"name": "goes"})
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			alice.sync()
			bob.sync()
		}
		r, _ := bob.write(space.Row{"title": "hangs from it", "list": list})
		if err := alice.s.Delete(t.Context(), "lists", list); err != nil {
			t.Fatal(err)
		}
		alice.seal()
		bob.sync()
		bob.is(r, "lost")
		bob.conflicts(1)
		agree(t, 0, alice, bob)
	})
}
