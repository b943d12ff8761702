package view

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/espace-git/espace-git/internal/wire"
	"github.com/espace-git/espace-git/merge"
	"github.com/espace-git/espace-git/schema"
)

// foldSchema has references of each kind, to the same table, to another, in
// circles through three tables, and a table where updates win.
const foldSchema = `
tables:
  a:
    columns:
      up:   {type: ref, table: a, on_delete: cascade}
      c:    {type: ref, table: c, on_delete: cascade}
      name: {type: text}
  b:
    update_wins: true
    columns:
      a:    {type: ref, table: a, on_delete: cascade}
      soft: {type: ref, table: a, on_delete: null, index: true}
      self: {type: ref, table: b, on_delete: null}
      name: {type: text}
      n:    {type: int}
  c:
    columns:
      b:    {type: ref, table: b, on_delete: cascade}
      kept: {type: ref, table: b, on_delete: keep}
      name: {type: text}
`

// act is a transaction of the random schedules.
type act struct {
	stamp merge.Stamp
	ops   []merge.Op
}

// history makes transactions of several devices about few rows, so that they
// meet: inserts of the same row, updates, deletes, references to all and none.
func history(t *testing.T, s *schema.Schema, r *rand.Rand, count int) []act {
	states := map[rowName]merge.RowState{} // for Saw: as some author may have seen it
	var out []act
	for n := range count {
		a := act{stamp: stamp(uint64(1+r.IntN(40)), 1+r.IntN(3), uint64(n+1))}
		for range 1 + r.IntN(3) {
			a.ops = append(a.ops, randomOp(t, s, r, states, a.stamp))
		}
		for _, o := range a.ops {
			k := rowName{o.Table, o.Row}
			next, _ := merge.ApplyOp(clone(states[k]), a.stamp, &o, options(s, o.Table))
			if r.IntN(3) > 0 {
				states[k] = next
			}
		}
		out = append(out, a)
	}
	return out
}

type rowName struct {
	table uint32
	id    [16]byte
}

func options(s *schema.Schema, table uint32) merge.TableOptions {
	st, _ := s.TableByNumber(table)
	return merge.TableOptions{UpdateWins: st.UpdateWins}
}

func clone(s merge.RowState) merge.RowState {
	s.Cells, s.Covered = slices.Clone(s.Cells), slices.Clone(s.Covered)
	return s
}

const poolRows = 5 // of each table

func randomOp(t *testing.T, s *schema.Schema, r *rand.Rand, states map[rowName]merge.RowState, st merge.Stamp) merge.Op {
	table := s.Tables[r.IntN(len(s.Tables))]
	id := rid(1 + r.IntN(poolRows))
	switch n := r.IntN(10); {
	case n < 2:
		o := merge.Op{Kind: merge.Delete, Table: table.Number, Row: id}
		if table.UpdateWins {
			state := states[rowName{table.Number, id}]
			o.Saw = state.Saw()
		}
		return o
	case n < 6:
		return op(t, s, merge.Insert, table.Name, id, randomValues(r, table))
	}
	values := randomValues(r, table)
	if len(values) == 0 {
		values["name"] = "only"
	}
	return op(t, s, merge.Update, table.Name, id, values)
}

func randomValues(r *rand.Rand, table *schema.Table) map[string]any {
	values := map[string]any{}
	for _, c := range table.Columns {
		if r.IntN(2) == 0 {
			continue
		}
		switch {
		case r.IntN(6) == 0:
			values[c.Name] = nil
		case c.Type == schema.Ref:
			values[c.Name] = rid(1 + r.IntN(poolRows+1)) // one of them never is
		case c.Type == schema.Int:
			values[c.Name] = r.Int64N(10)
		default:
			values[c.Name] = fmt.Sprint("v", r.IntN(100))
		}
	}
	return values
}

// model is a second, naive implementation: all cells ever written, the greatest
// stamp wins; what shows is found by going round until nothing changes.
type model struct {
	schema *schema.Schema
	states map[rowName]merge.RowState
	values map[rowName]map[uint32]any
}

func newModel(t *testing.T, s *schema.Schema, acts []act) *model {
	t.Helper()
	m := &model{s, map[rowName]merge.RowState{}, map[rowName]map[uint32]any{}}
	sorted := slices.Clone(acts)
	slices.SortFunc(sorted, func(x, y act) int { return x.stamp.Compare(y.stamp) })
	for _, a := range sorted {
		for _, o := range a.ops {
			k := rowName{o.Table, o.Row}
			state, change := merge.ApplyOp(m.states[k], a.stamp, &o, options(s, o.Table))
			m.states[k] = state
			if m.values[k] == nil {
				m.values[k] = map[uint32]any{}
			}
			for _, c := range change.Set {
				v, err := merge.DecodeValue(c.Value)
				if err != nil {
					t.Fatal(err)
				}
				m.values[k][c.Column] = v
			}
			for _, c := range change.Cleared {
				m.values[k][c] = nil
			}
		}
	}
	return m
}

// shown is the greatest set of live rows that hold each other up.
func (m *model) shown() map[rowName]bool {
	set := map[rowName]bool{}
	for k, s := range m.states {
		set[k] = s.Live()
	}
	for changed := true; changed; {
		changed = false
		for k, up := range set {
			if up && !m.standing(k, set) {
				set[k], changed = false, true
			}
		}
	}
	return set
}

func (m *model) standing(k rowName, set map[rowName]bool) bool {
	table, _ := m.schema.TableByNumber(k.table)
	for _, c := range table.Columns {
		v, _ := m.values[k][c.Number].([]byte)
		if c.Type == schema.Ref && c.OnDelete == schema.Cascade && v != nil && !set[m.target(c, v)] {
			return false
		}
	}
	return true
}

func (m *model) target(c *schema.Column, v []byte) rowName {
	table, _ := m.schema.Table(c.Table)
	return rowName{table.Number, [16]byte(v)}
}

// tables is what users see, by table and ID.
func (m *model) tables() map[string]map[string]any {
	set := m.shown()
	out := map[string]map[string]any{}
	for k, up := range set {
		if !up {
			continue
		}
		table, _ := m.schema.TableByNumber(k.table)
		row := map[string]any{"id": idText(k.id)}
		for _, c := range table.Columns {
			v := m.values[k][c.Number]
			if b, ok := v.([]byte); ok {
				v = idText([16]byte(b))
				if c.OnDelete == schema.Null && !set[m.target(c, b)] {
					v = nil
				}
			}
			row[c.Name] = v
		}
		out[table.Name+"/"+idText(k.id)] = row
	}
	return out
}

func seen(t *testing.T, db *DB, s *schema.Schema) map[string]map[string]any {
	t.Helper()
	out := map[string]map[string]any{}
	for _, table := range s.Tables {
		for _, row := range rows(t, db, Query{Table: table.Name}) {
			out[table.Name+"/"+row["id"].(string)] = row
		}
	}
	return out
}

// TestAnyOrder folds random histories in random orders, some transactions
// twice: one digest, and what shows is what the naive model says.
func TestAnyOrder(t *testing.T) {
	s := parseSchema(t, foldSchema)
	for seed := range uint64(12) {
		t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 1))
			acts := history(t, s, r, 20+r.IntN(60))
			want := newModel(t, s, acts).tables()
			var first wire.Hash
			for round := range 4 {
				db := newStore(t, foldSchema)
				foldAll(t, db, r, acts, round == 0)
				if d := cmp.Diff(want, seen(t, db, s)); d != "" {
					t.Fatalf("round %d (-model +view):\n%s", round, d)
				}
				got := digest(t, db)
				if round == 0 {
					first = got
				}
				if got != first {
					t.Fatalf("round %d: another digest", round)
				}
				update(t, db, func(tx *Tx) error {
					problems, err := tx.Check()
					if len(problems) > 0 {
						t.Error(problems)
					}
					return err
				})
			}
		})
	}
}

func foldAll(t *testing.T, db *DB, r *rand.Rand, acts []act, inOrder bool) {
	t.Helper()
	order := r.Perm(len(acts))
	if inOrder {
		slices.Sort(order)
	}
	for _, i := range slices.Clone(order) {
		if r.IntN(5) == 0 && !inOrder {
			order = append(order, i) // arrives again
		}
	}
	for len(order) > 0 { // some in one SQLite transaction
		n := 1 + r.IntN(min(len(order), 10))
		update(t, db, func(tx *Tx) error {
			for _, i := range order[:n] {
				a := acts[i]
				if _, err := tx.Apply(a.stamp.Device, wire.MemberIDOf(a.stamp.Device), a.stamp, a.ops); err != nil {
					return err
				}
			}
			return nil
		})
		order = order[n:]
	}
}

// TestSettled: a transaction applied when written and again with its settled
// stamp ends as one applied with the settled stamp alone.
func TestSettled(t *testing.T) {
	s := parseSchema(t, benchSchema)
	insert := op(t, s, merge.Insert, "tasks", rid(1), map[string]any{"title": "x", "rank": int64(1)})
	change := op(t, s, merge.Update, "tasks", rid(1), map[string]any{"rank": int64(2)})
	a, b := newStore(t, benchSchema), newStore(t, benchSchema)
	apply(t, a, stamp(10, 1, 1), insert)
	apply(t, a, stamp(11, 1, 2), change)
	apply(t, a, stamp(20, 1, 7), insert)
	apply(t, a, stamp(21, 1, 8), change)
	apply(t, b, stamp(20, 1, 7), insert)
	apply(t, b, stamp(21, 1, 8), change)
	if digest(t, a) != digest(t, b) {
		t.Fatal("the provisional stamps left a trace")
	}
}

// TestInvalidHasNoEffect: one bad operation, and the whole transaction has none.
func TestInvalidHasNoEffect(t *testing.T) {
	db := newStore(t, testSchema)
	s := parseSchema(t, testSchema)
	good := op(t, s, merge.Insert, "channels", rid(1), map[string]any{"title": "x"})
	text, _ := merge.EncodeValue("text")
	number, _ := merge.EncodeValue(int64(1) << 62)
	bad := map[string]merge.Op{
		"unknown table":   {Kind: merge.Insert, Table: 99, Row: rid(1)},
		"unknown column":  {Kind: merge.Update, Table: 1, Row: rid(1), Cells: []merge.Cell{{Column: 99, Value: text}}},
		"wrong type":      {Kind: merge.Update, Table: 2, Row: rid(1), Cells: []merge.Cell{{Column: 4, Value: text}}},
		"short reference": {Kind: merge.Update, Table: 2, Row: rid(1), Cells: []merge.Cell{{Column: 1, Value: []byte{0x41, 7}}}},
		"year 146138":     {Kind: merge.Update, Table: 2, Row: rid(1), Cells: []merge.Cell{{Column: 8, Value: number}}},
		"no JSON":         {Kind: merge.Update, Table: 2, Row: rid(1), Cells: []merge.Cell{{Column: 9, Value: text}}},
		"not CBOR":        {Kind: merge.Update, Table: 1, Row: rid(1), Cells: []merge.Cell{{Column: 1, Value: []byte{0xff}}}},
		"no value":        {Kind: merge.Update, Table: 1, Row: rid(1), Cells: []merge.Cell{{Column: 1}}},
		"column twice":    {Kind: merge.Update, Table: 1, Row: rid(1), Cells: []merge.Cell{{Column: 1, Value: text}, {Column: 1, Value: text}}},
		"saw no stamp":    {Kind: merge.Delete, Table: 1, Row: rid(1), Saw: []merge.Saw{{Column: 0}}},
		"saw twice":       {Kind: merge.Delete, Table: 1, Row: rid(1), Saw: []merge.Saw{{Stamp: stamp(1, 1, 1)}, {Stamp: stamp(1, 1, 1)}}},
		"row of zeros":    {Kind: merge.Insert, Table: 1},
		"unknown kind":    {Kind: 9, Table: 1, Row: rid(1)},
	}
	before := digest(t, db)
	for name, o := range bad {
		err := db.Update(context.Background(), func(tx *Tx) error {
			_, err := tx.Apply(dev(1), wire.MemberID{}, stamp(5, 1, 1), []merge.Op{good, o})
			var invalid *InvalidError
			if !errors.As(err, &invalid) || invalid.Op != 1 {
				t.Errorf("%s: %v", name, err)
			}
			return nil // a caller notes the refusal and goes on
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, st := range []merge.Stamp{{}, stamp(0, 1, 1), stamp(1, 1, 0), stamp(1, 2, 1), stamp(1<<63, 1, 1), stamp(1, 1, 1<<63)} {
		err := db.Update(context.Background(), func(tx *Tx) error {
			_, err := tx.Apply(dev(1), wire.MemberID{}, st, []merge.Op{good})
			return err
		})
		var invalid *InvalidError
		if !errors.As(err, &invalid) {
			t.Errorf("stamp %v: %v", st, err)
		}
	}
	if digest(t, db) != before {
		t.Error("something had effect")
	}
}

// TestEffects counts what shows, cascades included.
func TestEffects(t *testing.T) {
	db := newStore(t, testSchema)
	s := parseSchema(t, testSchema)
	message := func(n int) merge.Op {
		return op(t, s, merge.Insert, "messages", rid(n), map[string]any{"channel": rid(1), "reply": rid(10)})
	}
	steps := []struct {
		name string
		op   merge.Op
		want Effects
	}{
		{"child before parent", message(10), Effects{}},
		{"parent", op(t, s, merge.Insert, "channels", rid(1), map[string]any{"title": "x"}), Effects{Tables: []uint32{1, 2}, Appeared: 2}},
		{"child", message(11), Effects{Tables: []uint32{2}, Appeared: 1}},
		{"change", op(t, s, merge.Update, "messages", rid(11), map[string]any{"text": "y"}), Effects{Tables: []uint32{2}, Changed: 1}},
		{"moved away", op(t, s, merge.Update, "messages", rid(11), map[string]any{"channel": rid(2)}), Effects{Tables: []uint32{2}, Gone: 1}},
		{"moved back", op(t, s, merge.Update, "messages", rid(11), map[string]any{"channel": rid(1)}), Effects{Tables: []uint32{2}, Appeared: 1}},
		{"delete parent", merge.Op{Kind: merge.Delete, Table: 1, Row: rid(1)}, Effects{Tables: []uint32{1, 2}, Gone: 3}},
		{"late child", message(12), Effects{}},
	}
	for i, step := range steps {
		got := apply(t, db, stamp(uint64(i+1), 1, uint64(i+1)), step.op)
		if d := cmp.Diff(step.want, got); d != "" {
			t.Errorf("%s:\n%s", step.name, d)
		}
	}
	if got := apply(t, db, stamp(1, 1, 1), steps[1].op); got.Late != 1 {
		t.Errorf("an insert from before the delete: %+v", got)
	}
}
