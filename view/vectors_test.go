package view

import (
	"encoding/hex"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/espace-git/espace-git/internal/wire"
	"github.com/espace-git/espace-git/merge"
	"github.com/espace-git/espace-git/schema"
)

var rewrite = flag.Bool("update", false, "write the vectors anew")

// vector is a set of transactions and what shows of them, in whatever order they
// come (docs/spec/merge.md, References). digest is that of Tx.Digest.
type vector struct {
	Name         string                    `json:"name"`
	Schema       string                    `json:"schema"`
	Transactions []vectorTx                `json:"transactions"`
	Shows        map[string]map[string]any `json:"shows"` // by table/id
	Digest       string                    `json:"digest"`
}

type vectorTx struct {
	Device string `json:"device"`
	Bytes  string `json:"bytes"` // merge.EncodeTransaction, in hex
}

const vectorSchema = `tables:
  folders:
    columns:
      parent: {type: ref, table: folders, on_delete: cascade}
      cover: {type: ref, table: notes, on_delete: null}
  notes:
    update_wins: true
    columns:
      folder: {type: ref, table: folders, on_delete: cascade}
      origin: {type: ref, table: notes, on_delete: keep}
      text: {type: text}
`

// stories are the operations of the vectors, one transaction each.
func stories(t *testing.T, s *schema.Schema) map[string][]merge.Op {
	insert := func(table string, n int, values map[string]any) merge.Op {
		return op(t, s, merge.Insert, table, rid(n), values)
	}
	change := func(table string, n int, values map[string]any) merge.Op {
		return op(t, s, merge.Update, table, rid(n), values)
	}
	gone := func(table uint32, n int, saw ...merge.Saw) merge.Op {
		return merge.Op{Kind: merge.Delete, Table: table, Row: rid(n), Saw: saw}
	}
	in := func(n int) map[string]any { return map[string]any{"folder": rid(n), "text": "a"} }
	return map[string][]merge.Op{
		"1 parent and child":         {insert("folders", 1, nil), insert("notes", 2, in(1))},
		"2 child without parent":     {insert("notes", 2, in(1))},
		"3 parent deleted":           {insert("folders", 1, nil), insert("notes", 2, in(1)), gone(1, 1)},
		"4 grandparent deleted":      {insert("folders", 1, nil), insert("folders", 3, map[string]any{"parent": rid(1)}), insert("notes", 2, in(3)), gone(1, 1)},
		"5 parent inserted again":    {insert("folders", 1, nil), insert("notes", 2, in(1)), gone(1, 1), insert("folders", 1, nil)},
		"6 child moved before":       {insert("folders", 1, nil), insert("folders", 3, nil), insert("notes", 2, in(1)), change("notes", 2, map[string]any{"folder": rid(3)}), gone(1, 1)},
		"7 circle holds itself up":   {insert("folders", 1, map[string]any{"parent": rid(3)}), insert("folders", 3, map[string]any{"parent": rid(1)})},
		"8 circle with a way out":    {insert("folders", 1, map[string]any{"parent": rid(3)}), insert("folders", 3, map[string]any{"parent": rid(1)}), gone(1, 3)},
		"9 own parent":               {insert("folders", 1, map[string]any{"parent": rid(1)})},
		"10 null reference":          {insert("notes", 2, nil), insert("folders", 1, map[string]any{"cover": rid(2)})},
		"11 null reference, hidden":  {insert("notes", 2, in(9)), insert("folders", 1, map[string]any{"cover": rid(2)})},
		"12 kept reference to none":  {insert("notes", 2, map[string]any{"origin": rid(9)})},
		"13 delete that saw all":     {insert("notes", 2, nil), gone(2, 2, merge.Saw{Column: 0, Stamp: vectorStamp(1)})},
		"14 update that wins":        {insert("notes", 2, nil), change("notes", 2, map[string]any{"text": "b"}), gone(2, 2, merge.Saw{Column: 0, Stamp: vectorStamp(1)})},
		"15 update of an absent row": {change("notes", 2, map[string]any{"text": "b"})},
	}
}

func vectorStamp(n int) merge.Stamp {
	return merge.Stamp{Time: merge.FromMillis(1_800_000_000_000 + int64(n)), Device: dev(n % 2), Number: uint64(n)}
}

func makeVectors(t *testing.T, s *schema.Schema) (out []vector) {
	t.Helper()
	for name, ops := range stories(t, s) {
		v := vector{Name: name, Schema: vectorSchema}
		for i, o := range ops {
			st := vectorStamp(i + 1)
			b, err := merge.EncodeTransaction(&merge.Transaction{Number: st.Number, ID: rid(i + 1), Time: st.Time, Ops: []merge.Op{o}})
			if err != nil {
				t.Fatal(err)
			}
			v.Transactions = append(v.Transactions, vectorTx{st.Device.String(), hex.EncodeToString(b)})
		}
		v.Shows, v.Digest = v.fold(t, false)
		out = append(out, v)
	}
	slices.SortFunc(out, func(a, b vector) int {
		if len(a.Name) != len(b.Name) && (a.Name[1] == ' ') != (b.Name[1] == ' ') {
			return map[bool]int{true: -1, false: 1}[a.Name[1] == ' ']
		}
		return map[bool]int{true: -1, false: 1}[a.Name < b.Name]
	})
	return out
}

// fold gives what shows, and the digest.
func (v vector) fold(t *testing.T, backwards bool) (map[string]map[string]any, string) {
	t.Helper()
	db := newStore(t, v.Schema)
	txs := slices.Clone(v.Transactions)
	if backwards {
		slices.Reverse(txs)
	}
	for _, x := range txs {
		b, err := hex.DecodeString(x.Bytes)
		if err != nil {
			t.Fatal(err)
		}
		tx, err := merge.DecodeTransaction(b)
		if err != nil {
			t.Fatal(err)
		}
		device, err := wire.ParseDeviceID(x.Device)
		if err != nil {
			t.Fatal(err)
		}
		apply(t, db, tx.Stamp(device), tx.Ops...)
	}
	return seen(t, db, parseSchema(t, v.Schema)), digest(t, db).String()
}

func TestVectors(t *testing.T) {
	path := filepath.Join("..", "testdata", "vectors", "view", "references.json")
	if *rewrite {
		b, err := json.MarshalIndent(makeVectors(t, parseSchema(t, vectorSchema)), "", " ")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, append(b, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var vectors []vector
	if err := json.Unmarshal(b, &vectors); err != nil {
		t.Fatal(err)
	}
	if len(vectors) == 0 {
		t.Fatal("no vectors")
	}
	for _, v := range vectors {
		t.Run(v.Name, func(t *testing.T) {
			for _, backwards := range []bool{false, true} {
				shows, sum := v.fold(t, backwards)
				if d := cmp.Diff(v.Shows, shows); d != "" {
					t.Errorf("backwards %v:\n%s", backwards, d)
				}
				if sum != v.Digest {
					t.Errorf("backwards %v: digest %s", backwards, sum)
				}
			}
		})
	}
}
