package view

import (
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/espace-git/espace-git/internal/wire"
	"github.com/espace-git/espace-git/merge"
)

// sealedVector is a set of transactions and the records of the view when it is sealed
// (docs/spec/checkpoint.md §4, §5).
type sealedVector struct {
	Name         string      `json:"name"`
	Schema       string      `json:"schema"`
	Transactions []vectorTx  `json:"transactions"`
	Opening      uint64      `json:"opening,string"`
	Records      [][2]string `json:"records"` // key and value, in hex
}

// sealedOpening lies among the stamps of the vectors, so that some are lowered.
var sealedOpening = merge.FromMillis(1_800_000_000_002)

// freshSealed seals what the vectors of references fold, and a row of every type.
func freshSealed(t *testing.T) (out []sealedVector) {
	for _, v := range makeVectors(t, parseSchema(t, vectorSchema)) {
		out = append(out, sealedVector{Name: v.Name, Schema: v.Schema, Transactions: v.Transactions, Opening: sealedOpening})
	}
	every := op(t, parseSchema(t, testSchema), merge.Insert, "messages", rid(2), map[string]any{
		"text": "a", "likes": int64(-1), "score": 1.5, "read": true, "raw": []byte{0}, "sent": int64(1), "extra": "{}", "author": [16]byte(dev(7)),
	})
	tx := merge.Transaction{Number: 1, ID: [16]byte{1}, Time: sealedOpening + 1, Ops: []merge.Op{every}}
	b, err := merge.EncodeTransaction(&tx)
	if err != nil {
		t.Fatal(err)
	}
	out = append(out, sealedVector{
		Name: "every type", Schema: testSchema, Opening: sealedOpening,
		Transactions: []vectorTx{{dev(1).String(), hex.EncodeToString(b)}},
	})
	for i := range out {
		out[i].Records = out[i].seal(t, false)
	}
	return out
}

func (v *sealedVector) seal(t *testing.T, backwards bool) (out [][2]string) {
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
	for _, r := range seal(t, db, v.Opening) {
		out = append(out, [2]string{hex.EncodeToString([]byte(r.Key)), hex.EncodeToString([]byte(r.Value))})
	}
	return out
}

// freshDocuments seals a row with a document of each type that two devices changed.
func freshDocuments(t *testing.T) []sealedVector {
	v := sealedVector{Name: "documents", Schema: docSchema, Opening: sealedOpening}
	db := newStore(t, docSchema)
	write := func(device int, number uint64, ops ...merge.Op) {
		tx := merge.Transaction{Number: number, ID: [16]byte{1}, Time: sealedOpening - 10 + number, Ops: ops}
		b, err := merge.EncodeTransaction(&tx)
		if err != nil {
			t.Fatal(err)
		}
		apply(t, db, tx.Stamp(dev(device)), ops...)
		v.Transactions = append(v.Transactions, vectorTx{dev(device).String(), hex.EncodeToString(b)})
	}
	edit := func(device int, column uint32, change func(merge.Document) ([]byte, error)) (op merge.Op) {
		look(t, db, func(tx *Tx) error {
			doc, err := tx.Document(1, rid(1), column)
			if err != nil {
				return err
			}
			b, err := change(doc)
			op = editOp(rid(1), column, b)
			return err
		})
		return op
	}
	text := func(device, pos, del int, s string) merge.Op {
		return edit(device, bodyColumn, func(d merge.Document) ([]byte, error) { return d.(*merge.TextDoc).Splice(dev(device), pos, del, s) })
	}
	list := func(device, at int, s string) merge.Op {
		return edit(device, itemsColumn, func(d merge.Document) ([]byte, error) {
			op, err := d.(*merge.ListDoc).Insert(at, 0, value(t, s))
			return changeCell(merge.EncodeListChange(dev(device), &merge.ListChange{Ops: []merge.ListOp{op}}))(err)
		})
	}
	tag := edit(1, tagsColumn, func(d merge.Document) ([]byte, error) {
		return changeCell(merge.EncodeSetChange(dev(1), &merge.SetChange{Ops: []merge.SetOp{d.(*merge.SetDoc).Add(value(t, "urgent"), 0)}}))(nil)
	})
	done := edit(1, doneColumn, func(d merge.Document) ([]byte, error) {
		c := d.(*merge.FlagDoc).Enable(0)
		return changeCell(merge.EncodeFlagChange(dev(1), &c))(nil)
	})
	step := edit(1, stepsColumn, func(merge.Document) ([]byte, error) {
		return changeCell(merge.EncodeLogChange(dev(1), &merge.LogChange{Ops: [][]byte{value(t, "made")}}))(nil)
	})
	folder := edit(1, treeColumn, func(d merge.Document) ([]byte, error) {
		op, err := d.(*merge.TreeDoc).Create(merge.Dot{}, 0, "docs", value(t, nil))
		return changeCell(merge.EncodeTreeChange(dev(1), &merge.TreeChange{Ops: []merge.TreeOp{op}}))(err)
	})
	write(1, 1, insertOp(rid(1)), text(1, 0, 0, "hello"), list(1, 0, "one"), tag, editOp(rid(1), likesColumn, add(2)), done, step, folder)
	write(2, 2, text(2, 5, 0, " world"), list(2, 1, "two"), editOp(rid(1), likesColumn, add(3)))
	write(1, 3, text(1, 0, 1, "J"))
	v.Records = v.seal(t, false)
	return []sealedVector{v}
}

func TestSealedVectors(t *testing.T) {
	testSealed(t, "sealed.json", true, freshSealed)
}

// Texts want their past before them: backwards would be no causal order.
func TestSealedDocumentVectors(t *testing.T) {
	testSealed(t, "sealed-documents.json", false, freshDocuments)
}

func testSealed(t *testing.T, name string, anyOrder bool, fresh func(*testing.T) []sealedVector) {
	path := filepath.Join("..", "testdata", "vectors", "view", name)
	if *rewrite {
		b, err := json.MarshalIndent(fresh(t), "", " ")
		if err != nil {
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
	var vectors []sealedVector
	if err := json.Unmarshal(b, &vectors); err != nil || len(vectors) == 0 {
		t.Fatalf("%d vectors, %v", len(vectors), err)
	}
	for _, v := range vectors {
		for _, backwards := range []bool{false, anyOrder} {
			if d := cmp.Diff(v.Records, v.seal(t, backwards)); d != "" {
				t.Errorf("%s, backwards %v:\n%s", v.Name, backwards, d)
			}
		}
	}
}
