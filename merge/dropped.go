package merge

import (
	"bytes"
	"fmt"
	"math"
	"strings"
	"unicode/utf8"

	"github.com/espace-git/espace-git/internal/wire"
)

// Why a set is left out when its transaction is issued again.
const (
	ReasonNewer     = "a newer value won"
	ReasonGone      = "the row is gone"
	ReasonReference = "the row that it refers to is gone"
	// ReasonNoDocument: the column is none of a document any more.
	ReasonNoDocument = "the column holds no document any more"
)

const maxReason = 256

// Dropped is one set, or a part of a change of a document, that did not come
// along when its transaction was issued again, or one for which the whole of it
// did not: what `conflicts` shows and keeps until its author dismisses it
// (DESIGN 5).
//
//	[table, row, column, value, stamp, by or null, reason]
type Dropped struct {
	Table  uint32
	Row    RowID
	Column uint32
	Value  []byte // one canonical scalar, see EncodeValue; of a document: the whole change
	Stamp  Stamp  // of the set, lowered
	By     Stamp  // of the value that won; zero if none did
	// Reason is one of those above or, of a document, says in words what was
	// left out and why: at most 256 bytes.
	Reason string
}

// cutReason makes a reason of words.
func cutReason(words string) string {
	const more = "…"
	if len(words) <= maxReason && utf8.ValidString(words) {
		return words
	}
	words = strings.ToValidUTF8(words, "?")
	words = words[:min(len(words), maxReason-len(more))]
	for !utf8.ValidString(words) {
		words = words[:len(words)-1]
	}
	return words + more
}

// EncodeDropped is the one encoding of x, for the local store.
func EncodeDropped(x *Dropped) ([]byte, error) {
	b := appendDropped(make([]byte, 0, 128+len(x.Value)+len(x.Reason)), x)
	if _, err := DecodeDropped(b); err != nil {
		return nil, fmt.Errorf("encoding dropped set: %w", err)
	}
	return b, nil
}

func appendDropped(b []byte, x *Dropped) []byte {
	b = appendHead(b, majorArray, 7)
	b = appendUint(b, uint64(x.Table))
	b = appendBytes(b, x.Row[:])
	b = appendUint(b, uint64(x.Column))
	b = append(b, x.Value...)
	b = appendStamp(b, x.Stamp)
	if x.By.IsZero() {
		b = append(b, cborNull)
	} else {
		b = appendStamp(b, x.By)
	}
	return appendText(b, x.Reason)
}

// DecodeDropped takes what EncodeDropped prints and nothing else. The value is
// a part of b.
func DecodeDropped(b []byte) (*Dropped, error) {
	if len(b) > wire.MaxEntry {
		return nil, fmt.Errorf("decoding dropped set: %w: %d bytes, limit %d", wire.ErrMalformed, len(b), wire.MaxEntry)
	}
	d := decoder{reader: reader{b: b}}
	x := d.dropped()
	d.end()
	if d.err == nil && !bytes.Equal(appendDropped(make([]byte, 0, len(b)), x), b) {
		d.fail("not the canonical encoding")
	}
	if d.err != nil {
		return nil, fmt.Errorf("decoding dropped set: %w", d.err)
	}
	return x, nil
}

func (d *decoder) dropped() *Dropped {
	x := new(Dropped)
	d.array(7, "dropped set")
	x.Table = uint32(d.uint(math.MaxUint32, "table number"))
	d.fixed(x.Row[:], "row ID")
	x.Column = uint32(d.uint(math.MaxUint32, "column number"))
	if d.err == nil && (x.Table == 0 || x.Row == RowID{} || x.Column == 0) {
		d.fail("table, row or column is zero")
	}
	x.Value = d.raw()
	x.Stamp = d.stamp()
	if !d.null() {
		x.By = d.stamp()
	}
	x.Reason = d.text(maxReason, "reason")
	return x
}
