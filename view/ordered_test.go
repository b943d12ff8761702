package view

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/espace-git/espace-git/internal/wire"
	"github.com/espace-git/espace-git/merge"
	"github.com/espace-git/espace-git/schema"
)

const orderSchema = `
tables:
  rooms:
    ordered: true
    columns:
      name: {type: text, unique: true}
  seats:
    ordered: true
    columns:
      room:  {type: ref, table: rooms, on_delete: cascade}
      owner: {type: ref, table: people, on_delete: null}
      place: {type: int}
      price: {type: real}
    indexes: [{columns: [room, place], unique: true}]
  people:
    ordered: true
    columns:
      name: {type: text}
      best: {type: ref, table: people, on_delete: cascade}
  notes:
    columns:
      seat: {type: ref, table: seats, on_delete: cascade}
      room: {type: ref, table: rooms, on_delete: null}
`

func inOrder(t testing.TB, db *DB, st merge.Stamp, ops ...merge.Op) (err error) {
	t.Helper()
	s := parseSchema(t, orderSchema)
	update(t, db, func(tx *Tx) error {
		_, err = tx.ApplyOrdered(st.Device, wire.MemberIDOf(st.Device), st, ops, s)
		return nil
	})
	return err
}

// Each step is one ordered transaction and the rule that it breaks, or none.
func TestOrderedRules(t *testing.T) {
	s := parseSchema(t, orderSchema)
	set := func(kind merge.Kind, table string, id int, values map[string]any) merge.Op {
		return op(t, s, kind, table, rid(id), values)
	}
	room := func(kind merge.Kind, id int, name any) merge.Op {
		return set(kind, "rooms", id, map[string]any{"name": name})
	}
	seat := func(id, in, place int) merge.Op {
		return set(merge.Insert, "seats", id, map[string]any{"room": rid(in), "place": int64(place)})
	}
	gone := func(table string, id int) merge.Op { return set(merge.Delete, table, id, nil) }
	const add, put = merge.Insert, merge.Update
	type step struct {
		rule string
		ops  []merge.Op
	}
	do := func(rule string, ops ...merge.Op) step { return step{rule, ops} }
	for name, steps := range map[string][]step{
		"unique":                      {do("", room(add, 1, "a")), do("unique", room(add, 2, "a")), do("", room(add, 2, "b")), do("unique", room(put, 2, "a"))},
		"unique within":               {do("unique", room(add, 1, "a"), room(add, 2, "a"))},
		"nulls differ":                {do("", room(add, 1, nil)), do("", room(add, 2, nil))},
		"same again":                  {do("", room(add, 1, "a")), do("", room(put, 1, "a"))},
		"exchanged":                   {do("", room(add, 1, "a"), room(add, 2, "b")), do("", room(put, 1, "b"), room(put, 2, "a"))},
		"freed":                       {do("", room(add, 1, "a")), do("", gone("rooms", 1)), do("", room(add, 2, "a"))},
		"freed within":                {do("", room(add, 1, "a")), do("", room(add, 2, "a"), gone("rooms", 1))},
		"freed by cascade":            {do("", room(add, 1, "a"), seat(2, 1, 5)), do("", gone("rooms", 1)), do("reference", seat(3, 1, 5))},
		"pair":                        {do("", room(add, 1, "a"), room(add, 2, "b"), seat(3, 1, 5)), do("", seat(4, 2, 5)), do("unique", seat(5, 1, 5)), do("", seat(5, 1, 6))},
		"all or nothing":              {do("", room(add, 1, "a")), do("unique", room(add, 2, "b"), room(add, 3, "a")), do("", room(add, 2, "c"))},
		"exists":                      {do("", room(add, 1, "a")), do("exists", room(add, 1, "b")), do("", gone("rooms", 1)), do("exists", room(add, 1, "c"))},
		"gone":                        {do("gone", room(put, 1, "a")), do("gone", gone("rooms", 1)), do("", room(add, 1, "a")), do("", gone("rooms", 1)), do("gone", gone("rooms", 1)), do("gone", room(put, 1, "b"))},
		"spent once":                  {do("", room(add, 1, "coin")), do("", gone("rooms", 1), room(add, 2, "for bob")), do("gone", gone("rooms", 1), room(add, 3, "for carol"))},
		"reference in any order":      {do("", seat(2, 1, 1), room(add, 1, "a"))},
		"reference":                   {do("reference", seat(2, 1, 1))},
		"reference to null":           {do("reference", set(add, "seats", 2, map[string]any{"owner": rid(9)}))},
		"reference taken back":        {do("gone", seat(2, 1, 1), set(put, "seats", 2, map[string]any{"room": nil}))},
		"reference gone":              {do("", set(add, "people", 1, nil), set(add, "seats", 2, map[string]any{"owner": rid(1)})), do("", gone("people", 1)), do("", set(put, "seats", 2, map[string]any{"place": int64(3)}))},
		"circle":                      {do("", set(add, "people", 1, map[string]any{"best": rid(2)}), set(add, "people", 2, map[string]any{"best": rid(1)})), do("", gone("people", 1)), do("gone", gone("people", 2))},
		"insert and delete":           {do("", room(add, 1, "a"), gone("rooms", 1)), do("", room(add, 2, "a"))},
		"delete and insert":           {do("", room(add, 1, "a")), do("exists", gone("rooms", 1), room(add, 1, "b"))},
		"hidden by its own reference": {do("reference", set(add, "people", 1, map[string]any{"best": rid(3)}))},
	} {
		t.Run(name, func(t *testing.T) {
			db := newStore(t, orderSchema)
			for i, step := range steps {
				before := digest(t, db)
				err := inOrder(t, db, stamp(uint64(10+i), 1+i%2, uint64(i+1)), step.ops...)
				var rule *RuleError
				switch {
				case step.rule == "" && err != nil:
					t.Fatalf("step %d: %v", i, err)
				case step.rule != "" && (!errors.As(err, &rule) || rule.Err.Rule != step.rule || !errors.Is(err, schema.ErrRefused)):
					t.Fatalf("step %d: %v, want rule %s", i, err, step.rule)
				case step.rule != "" && before != digest(t, db):
					t.Fatalf("step %d: refused, and left something", i)
				}
			}
		})
	}
}

// What the schema of an entry's place did not ask for is not asked for.
func TestOrderedByItsSchema(t *testing.T) {
	db := newStore(t, orderSchema)
	loose := parseSchema(t, "tables: {rooms: {ordered: true, columns: {name: {type: text}}}}")
	s := parseSchema(t, orderSchema)
	for i := range 3 {
		update(t, db, func(tx *Tx) error {
			_, err := tx.ApplyOrdered(dev(1), wire.MemberID{1}, stamp(uint64(10+i), 1, uint64(i+1)),
				[]merge.Op{op(t, s, merge.Insert, "rooms", rid(i+1), map[string]any{"name": "a"})}, loose)
			return err
		})
	}
	// Rows that were alike stay so until one is written.
	if err := inOrder(t, db, stamp(20, 1, 9), op(t, s, merge.Insert, "rooms", rid(9), map[string]any{"name": "b"})); err != nil {
		t.Error(err)
	}
	if err := inOrder(t, db, stamp(21, 1, 10), op(t, s, merge.Update, "rooms", rid(1), map[string]any{"name": "a"})); err == nil {
		t.Error("taken")
	}
}

// Whatever own transactions were laid on top, taking them off gives what the order
// alone gives; and what shows follows, in tables of lanes too.
func TestImagesGiveBack(t *testing.T) {
	s := parseSchema(t, orderSchema)
	for seed := range uint64(60) {
		r := rand.New(rand.NewPCG(seed, 1))
		db := newStore(t, orderSchema)
		for i := range 12 {
			_ = inOrder(t, db, stamp(uint64(100+i), 1, uint64(i+1)), someOrdered(t, s, r)...)
			apply(t, db, stamp(uint64(100+i), 3, uint64(i+1)), op(t, s, merge.Insert, "notes", rid(50+i),
				map[string]any{"seat": rid(1 + r.IntN(6)), "room": rid(1 + r.IntN(6))}))
		}
		base := digest(t, db)
		images := map[rowName][]byte{}
		for i := range 8 {
			ops := someOrdered(t, s, r)
			update(t, db, func(tx *Tx) error { return keepImages(tx, images, ops) })
			_ = inOrder(t, db, stamp(uint64(200+i), 2, uint64(i+1)), ops...)
		}
		update(t, db, func(tx *Tx) error {
			for name, img := range images {
				if err := tx.RestoreRow(name.table, name.id, img); err != nil {
					return err
				}
			}
			return nil
		})
		if got := digest(t, db); got != base {
			t.Fatalf("seed %d: digest differs after the images were put back", seed)
		}
		update(t, db, func(tx *Tx) error {
			if problems, err := tx.Check(); len(problems) > 0 || err != nil {
				return fmt.Errorf("seed %d: %v %w", seed, problems, err)
			}
			return nil
		})
	}
}

func keepImages(tx *Tx, images map[rowName][]byte, ops []merge.Op) error {
	for _, o := range ops {
		k := rowName{o.Table, o.Row}
		if _, ok := images[k]; ok {
			continue
		}
		img, err := tx.RowImage(o.Table, o.Row)
		if err != nil {
			return err
		}
		images[k] = img
	}
	return nil
}

// someOrdered is a transaction about few rows, of which many break a rule.
func someOrdered(t *testing.T, s *schema.Schema, r *rand.Rand) (ops []merge.Op) {
	for range 1 + r.IntN(2) {
		kind := merge.Kind(1 + r.IntN(3))
		id := rid(1 + r.IntN(6))
		values := map[string]any{}
		table := []string{"rooms", "seats", "people"}[r.IntN(3)]
		switch {
		case kind == merge.Delete:
		case table == "rooms":
			values["name"] = fmt.Sprint(r.IntN(4))
		case table == "seats":
			values["room"], values["place"], values["price"] = rid(1+r.IntN(6)), int64(r.IntN(3)), float64(r.IntN(2))
		default:
			values["name"] = "x"
			if r.IntN(2) == 0 {
				values["best"] = rid(1 + r.IntN(6))
			}
		}
		ops = append(ops, op(t, s, kind, table, id, values))
	}
	return ops
}

// The journal keeps both kinds apart.
func TestJournalOrdered(t *testing.T) {
	db := newStore(t, "")
	update(t, db, func(tx *Tx) error {
		for i := range 6 {
			r := JournalRow{ID: [16]byte{byte(i)}, Number: uint64(i + 1), Time: 1, Tx: []byte{byte(i)}}
			if r.Ordered = i%2 == 0; !r.Ordered {
				r.SeenVersion = uint64(i)
			}
			if _, err := tx.AppendJournal(r); err != nil {
				return err
			}
		}
		return nil
	})
	update(t, db, func(tx *Tx) error {
		lane, err := tx.PendingJournal(0)
		if err != nil {
			return err
		}
		order, err := tx.PendingOrdered(0)
		if err != nil {
			return err
		}
		n, err := tx.PendingCount()
		if len(lane) != 3 || len(order) != 3 || n != 6 || lane[0].Ordered || lane[2].SeenVersion != 5 || !order[0].Ordered || order[0].SeenVersion != 0 {
			t.Errorf("%v, %v, %d", lane, order, n)
		}
		order[0].Number = 99
		if err := tx.SetJournal(order[0]); err != nil {
			return err
		}
		again, err2 := tx.Journal(order[0].ID)
		if !again.Ordered || again.Number != 99 {
			t.Errorf("stored as %+v", again)
		}
		return errors.Join(err, err2)
	})
}
