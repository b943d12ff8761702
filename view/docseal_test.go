package view

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/espace-git/espace-git/internal/wire"
	"github.com/espace-git/espace-git/merge"
)

// A seal makes bases of documents, which come through export and import as they are.
func TestSealDocuments(t *testing.T) {
	db, other := newStore(t, docSchema), newStore(t, docSchema)
	long := strings.Repeat("all work and no play ", 10_000)
	apply(t, db, stamp(10, 1, 1), insertOp(rid(1)), insertOp(rid(2)), insertOp(rid(3)))
	update(t, db, func(tx *Tx) error {
		st := stamp(11, 1, 2)
		_, err := tx.Apply(st.Device, wire.MemberIDOf(st.Device), st, []merge.Op{
			editOp(rid(1), bodyColumn, splice(t, tx, st.Device, rid(1), 0, 0, long)),
			editOp(rid(1), likesColumn, add(5)), editOp(rid(2), likesColumn, add(5)), editOp(rid(2), likesColumn, add(-5)),
			editOp(rid(3), likesColumn, add(5)),
		})
		return err
	})
	apply(t, db, stamp(12, 1, 3), deleteOp(rid(3)))
	update(t, db, func(tx *Tx) error {
		if err := tx.ExportRows(func(_, _ []byte) error { return nil }); !errors.Is(err, ErrNotSealed) {
			t.Errorf("before the seal: %v", err)
		}
		return nil
	})
	before := []any{note(t, db, rid(1)), note(t, db, rid(2))}
	records := seal(t, db, 20)
	if d := cmp.Diff(before, []any{note(t, db, rid(1)), note(t, db, rid(2))}); d != "" {
		t.Errorf("the seal changed what shows:\n%s", d)
	}
	parts, documents := 0, 0
	for _, r := range records {
		if r.Key[0] == documentTag {
			if parts++; len(r.Key) == documentKeySize {
				documents++
			}
		}
	}
	if documents != 2 || parts < 4 {
		t.Errorf("%d records of %d documents", parts, documents)
	}
	update(t, other, func(tx *Tx) error { return importAll(tx, records) })
	if digest(t, db) != digest(t, other) {
		t.Error("the imported view has another digest")
	}
	if d := cmp.Diff(before, []any{note(t, other, rid(1)), note(t, other, rid(2))}); d != "" {
		t.Errorf("imported:\n%s", d)
	}
	for _, db := range []*DB{db, other} {
		apply(t, db, stamp(21, 2, 1), editOp(rid(1), likesColumn, add(1)))
		update(t, db, func(tx *Tx) error {
			st := stamp(22, 2, 2)
			_, err := tx.Apply(st.Device, wire.MemberIDOf(st.Device), st, []merge.Op{editOp(rid(1), bodyColumn, splice(t, tx, st.Device, rid(1), 1, 2, "nd"))})
			return err
		})
		if row := note(t, db, rid(1)); row["likes"] != int64(6) || !strings.HasPrefix(row["body"].(string), "and work") {
			t.Errorf("gone on: %v %.20q", row["likes"], row["body"])
		}
	}
	if d := cmp.Diff(seal(t, db, 30), seal(t, other, 30)); d != "" {
		t.Errorf("sealed again:\n%s", d)
	}
}

// What is no record of a sealed document is refused.
func TestDocumentsNotImported(t *testing.T) {
	db := newStore(t, docSchema)
	apply(t, db, stamp(10, 1, 1), insertOp(rid(1)))
	update(t, db, func(tx *Tx) error {
		st := stamp(11, 1, 2)
		_, err := tx.Apply(st.Device, wire.MemberIDOf(st.Device), st, []merge.Op{
			editOp(rid(1), bodyColumn, splice(t, tx, st.Device, rid(1), 0, 0, strings.Repeat("x", 3*documentPart))),
			editOp(rid(1), likesColumn, add(5)),
		})
		return err
	})
	good := seal(t, db, 20)
	var first, last int
	for i, r := range good {
		if r.Key[0] == documentTag && first == 0 {
			first = i
		}
		if r.Key[0] == documentTag {
			last = i // the counter
		}
	}
	text := func(i int, value string) record { return record{good[first+i].Key, value} }
	for name, spoil := range map[string]func(r []record) []record{
		"no row":        func(r []record) []record { return r[first:] },
		"no first part": func(r []record) []record { return append(r[:first], r[first+1:]...) },
		"no part":       func(r []record) []record { return append(r[:first+1], r[first+2:]...) },
		"short part":    func(r []record) []record { r[first] = text(0, r[first].Value[1:]); return r },
		"long part":     func(r []record) []record { r[first] = text(0, r[first].Value+"x"); return r },
		"empty":         func(r []record) []record { r[last].Value = ""; return r },
		"counter of 0":  func(r []record) []record { r[last].Value = "\x00"; return r },
		"twice":         func(r []record) []record { return append(r[:last+1], r[last:]...) },
		"no column": func(r []record) []record {
			k := []byte(r[last].Key)
			binary.BigEndian.PutUint32(k[rowKeySize:], 77)
			r[last].Key = string(k)
			return r
		},
		"of another type": func(r []record) []record {
			k := []byte(r[last].Key)
			binary.BigEndian.PutUint32(k[rowKeySize:], treeColumn)
			r[last].Key = string(k)
			return r
		},
		"of a text column": func(r []record) []record {
			k := []byte(r[last].Key)
			binary.BigEndian.PutUint32(k[rowKeySize:], titleColumn)
			r[last].Key = string(k)
			return r
		},
	} {
		err := db.Update(context.Background(), func(tx *Tx) error {
			if err := tx.ClearRows(); err != nil {
				return err
			}
			return importAll(tx, spoil(append([]record{}, good...)))
		})
		if !errors.Is(err, wire.ErrMalformed) && !errors.Is(err, ErrSchema) {
			t.Errorf("%s: %v", name, err)
		}
	}
	update(t, db, func(tx *Tx) error { return errors.Join(tx.ClearRows(), importAll(tx, good)) })
}

// FuzzDocumentRecord: importing anything as the state of a document never panics, and
// what is taken comes back as it is.
func FuzzDocumentRecord(f *testing.F) {
	for _, v := range documentRecords(f) {
		f.Add(v.Key[rowKeySize+3], []byte(v.Value))
	}
	f.Add(byte(likesColumn), []byte{1})
	db := newStore(f, docSchema)
	apply(f, db, stamp(10, 1, 1), insertOp(rid(1)))
	row := seal(f, db, 20)
	update(f, db, (*Tx).ClearRows)
	done := errors.New("done")
	f.Fuzz(func(t *testing.T, column byte, state []byte) {
		key := string(appendDocumentKey(nil, 1, rid(1), uint32(column)))
		all := []record{row[0], {key, string(state)}, row[1]}
		err := db.Update(context.Background(), func(tx *Tx) error {
			if importAll(tx, all) != nil {
				return done
			}
			if d := cmp.Diff(all, export(t, tx)); d != "" {
				t.Error(d)
			}
			if problems, err := tx.Check(); err != nil || len(problems) > 0 {
				t.Error(problems, err)
			}
			return done
		})
		if !errors.Is(err, done) {
			t.Error(err)
		}
	})
}

// documentRecords are the records of documents in the vectors.
func documentRecords(t testing.TB) (out []record) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "testdata", "vectors", "view", "sealed-documents.json"))
	if err != nil {
		t.Fatal(err)
	}
	var vectors []sealedVector
	if err := json.Unmarshal(b, &vectors); err != nil {
		t.Fatal(err)
	}
	for _, v := range vectors {
		for _, r := range v.Records {
			key, err1 := hex.DecodeString(r[0])
			state, err2 := hex.DecodeString(r[1])
			if err := errors.Join(err1, err2); err != nil {
				t.Fatal(err)
			}
			if key[0] == documentTag {
				out = append(out, record{string(key), string(state)})
			}
		}
	}
	if len(out) == 0 {
		t.Fatal("no records of documents")
	}
	return out
}
