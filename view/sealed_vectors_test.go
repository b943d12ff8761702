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

func TestSealedVectors(t *testing.T) {
	path := filepath.Join("..", "testdata", "vectors", "view", "sealed.json")
	if *rewrite {
		b, err := json.MarshalIndent(freshSealed(t), "", " ")
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
		for _, backwards := range []bool{false, true} {
			if d := cmp.Diff(v.Records, v.seal(t, backwards)); d != "" {
				t.Errorf("%s, backwards %v:\n%s", v.Name, backwards, d)
			}
		}
	}
}
