package view

import (
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"math"
	"strings"

	"github.com/ncruces/go-sqlite3"

	"github.com/espace-git/espace-git/internal/wire"
)

// digestLabel begins what is hashed; it changes when the form does.
const digestLabel = "espace/v1/view-digest"

// Digest is the SHA-256 of the whole folded state: two devices that folded the
// same transactions have the same. It covers, for all tables by number, all
// rows by ID: what the row is (gone, hidden, shown), its stamps, and each
// column's value by number, those of hidden rows too; then what its references
// show that become null.
//
//	label
//	per table    'T' number; of a built-in one only if it has rows
//	per row      'R' id, s, length and bytes of merge.RowState
//	per value    'N' | 'I' 8 bytes | 'F' 8 bytes | 'S' or 'B' length and bytes
//
// Then the documents: see doccheck.go. Numbers and lengths take 8 bytes, big-endian. It reads every row: it is for
// seals, tests and repair.
func (tx *Tx) Digest() (wire.Hash, error) {
	if err := tx.may(false); err != nil {
		return wire.Hash{}, err
	}
	if err := tx.flush(); err != nil {
		return wire.Hash{}, err
	}
	d := digester{h: sha256.New()}
	d.h.Write([]byte(digestLabel))
	for _, t := range tx.layout.order {
		if err := d.table(tx, t); err != nil {
			return wire.Hash{}, failed("computing the digest", err)
		}
	}
	if err := d.documents(tx); err != nil {
		return wire.Hash{}, failed("computing the digest", err)
	}
	return wire.Hash(d.h.Sum(nil)), nil
}

type digester struct {
	h   hash.Hash
	buf []byte
}

func (d *digester) table(tx *Tx, t *table) error {
	if !t.hidden {
		d.tagged('T', uint64(t.number))
	}
	names := []string{"id", "s", "meta"}
	for _, c := range t.columns { // ascending by number, as the schema has them
		names = append(names, c.raw)
	}
	for _, c := range t.nulls {
		names = append(names, c.shown)
	}
	query := "SELECT " + strings.Join(names, ", ") + " FROM " + t.store + " ORDER BY id"
	first := t.hidden
	return tx.c.each(query, nil, func(s *sqlite3.Stmt) error {
		if first {
			d.tagged('T', uint64(t.number))
			first = false
		}
		d.h.Write([]byte{'R'})
		d.bytes('S', s.ColumnRawText(0))
		d.tagged('I', uint64(s.ColumnInt64(1)))
		d.bytes('B', s.ColumnRawBlob(2))
		for i := 3; i < len(names); i++ {
			d.value(s, i)
		}
		return nil
	})
}

func (d *digester) value(s *sqlite3.Stmt, i int) {
	switch s.ColumnType(i) {
	case sqlite3.NULL:
		d.h.Write([]byte{'N'})
	case sqlite3.INTEGER:
		d.tagged('I', uint64(s.ColumnInt64(i)))
	case sqlite3.FLOAT:
		d.tagged('F', math.Float64bits(s.ColumnFloat(i)))
	case sqlite3.TEXT:
		d.bytes('S', s.ColumnRawText(i))
	case sqlite3.BLOB:
		d.bytes('B', s.ColumnRawBlob(i))
	}
}

func (d *digester) tagged(tag byte, n uint64) {
	d.buf = binary.BigEndian.AppendUint64(append(d.buf[:0], tag), n)
	d.h.Write(d.buf)
}

func (d *digester) bytes(tag byte, b []byte) {
	d.tagged(tag, uint64(len(b)))
	d.h.Write(b)
}
