package merge

import (
	"errors"
	"fmt"

	"github.com/espace-git/espace-git/internal/wire"
)

// DocumentType says which driver folds a document. The numbers are permanent,
// and those of the column types of package schema.
type DocumentType uint8

const (
	FileDocument    DocumentType = 11
	TextDocument    DocumentType = 12
	ListDocument    DocumentType = 13
	SetDocument     DocumentType = 14
	CounterDocument DocumentType = 15
	FlagDocument    DocumentType = 16
	LogDocument     DocumentType = 17
	TreeDocument    DocumentType = 18
)

// MaxChange bounds a change, as a cell's value, in bytes.
const MaxChange = 4 << 20

// ErrDocumentType: no driver has this number.
var ErrDocumentType = errors.New("unknown document type")

// Document is a value that several people change at once: the fold of changes,
// each the cell of an Edit. All devices that have the same changes have the same
// document, if each applied them in a causal order. Not safe for several
// goroutines, not even for reading.
type Document interface {
	Type() DocumentType
	// Apply folds a change (the cell's value) of the transaction with the given
	// stamp. An error says that it has no effect, and changes nothing: it is
	// malformed, as CheckChange says, or its author's own earlier changes of a
	// text, on which it builds, have no effect. A change that builds on others'
	// changes which are not here waits for them; an honest one never does. Each
	// change is applied once: a counter would count it twice.
	Apply(stamp Stamp, change []byte) error
	// Seal is the document as the epoch with the given opening starts with it,
	// with nothing in common with this one.
	Seal(opening uint64) Document
	// Encode gives the document as bytes for DecodeDocument. A sealed one has
	// the same on every device; else they are for this device alone.
	Encode() ([]byte, error)
	// Value is what a reader sees. A counter: int64; a flag: bool; a text:
	// string; a log: the number of entries, int64; all others: canonical JSON
	// as json.RawMessage. The caller must not change it.
	Value() any
	// Empty says that the document is as if nobody had ever changed it: a seal
	// stores nothing of it.
	Empty() bool
}

// documentDriver is a document with what this package itself asks of it. The methods
// below the line do not look at the document: they are those of its type.
type documentDriver interface {
	Document
	// reissue is ReissueChange; onto has the same type.
	reissue(onto Document, r reissuing, change []byte) (out []byte, lost []string, ok bool)

	load(b []byte) error // into an empty document; fails if b is not what Encode prints
	check(author wire.DeviceID, change []byte) error
	resettle(author wire.DeviceID, change []byte, old, settled Stamp) ([]byte, error)
	refers(author wire.DeviceID, change []byte) []Dot
}

// newDriver is the table of all drivers.
func newDriver(t DocumentType) (documentDriver, error) {
	switch t {
	case FileDocument:
		return new(FileDoc), nil
	case TextDocument:
		return new(TextDoc), nil
	case ListDocument:
		return new(ListDoc), nil
	case SetDocument:
		return new(SetDoc), nil
	case CounterDocument:
		return new(CounterDoc), nil
	case FlagDocument:
		return new(FlagDoc), nil
	case LogDocument:
		return new(LogDoc), nil
	case TreeDocument:
		return new(TreeDoc), nil
	}
	return nil, fmt.Errorf("%w: %d", ErrDocumentType, t)
}

// NewDocument is a document that nobody has changed.
func NewDocument(t DocumentType) (Document, error) { return newDriver(t) }

// DecodeDocument takes what Encode printed.
func DecodeDocument(t DocumentType, b []byte) (Document, error) {
	d, err := newDriver(t)
	if err == nil {
		err = d.load(b)
	}
	if err != nil {
		return nil, err
	}
	return d, nil
}

// DecodeSealed takes the encoding of what Seal leaves, and nothing else.
func DecodeSealed(t DocumentType, b []byte) (Document, error) {
	if t == TextDocument { // has a form of its own for what is sealed
		d := new(TextDoc)
		if err := d.loadSealed(b); err != nil {
			return nil, err
		}
		return d, nil
	}
	d, err := DecodeDocument(t, b)
	if err != nil {
		return nil, err
	}
	again, err := d.Seal(MaxTime).Encode() // lowers nothing
	if err == nil && string(again) != string(b) {
		err = fmt.Errorf("decoding document: %w: not sealed", wire.ErrMalformed)
	}
	if err != nil {
		return nil, err
	}
	return d, nil
}

// CloneDocument is a copy of a document.
func CloneDocument(d Document) (Document, error) {
	b, err := d.Encode()
	if err != nil {
		return nil, err
	}
	return DecodeDocument(d.Type(), b)
}

// CheckChange says whether a change is well-formed, by its own content alone.
func CheckChange(t DocumentType, author wire.DeviceID, change []byte) error {
	d, err := newDriver(t)
	if err != nil {
		return err
	}
	if len(change) > MaxChange {
		return fmt.Errorf("change: %w: %d bytes, limit %d", wire.ErrMalformed, len(change), MaxChange)
	}
	return d.check(author, change)
}

// ResettleChange is the change after another transaction of its author, which
// had the stamp old, got its number and time: settled. A device calls it on the
// changes that wait with that one.
func ResettleChange(t DocumentType, author wire.DeviceID, change []byte, old, settled Stamp) ([]byte, error) {
	d, err := newDriver(t)
	if err != nil {
		return nil, err
	}
	return d.resettle(author, change, old.normal(), settled.normal())
}

// ChangeRefers lists the transactions, other than its own, that must be sealed
// or in effect before a change is issued again, ascending. A change that is
// malformed has none.
func ChangeRefers(t DocumentType, author wire.DeviceID, change []byte) []TxRef {
	d, err := newDriver(t)
	if err != nil {
		return nil
	}
	var out []TxRef
	for _, dot := range d.refers(author, change) {
		if dot.Number != 0 && !dot.Device.IsZero() {
			out = append(out, TxRef{dot.Device, dot.Number})
		}
	}
	return sortRefs(out)
}

// reissuing says whose change is issued again, as what.
type reissuing struct {
	author     wire.DeviceID
	was, again Stamp // of its transaction
	opening    uint64
}

// ReissueChange makes the change that its author issues in place of one that no
// cut covers. old is the document as the author saw it, cut or not, with the
// change; onto is the one that the open epoch starts with, and what the author
// issued again before: it takes what is issued again now. was and again are the
// stamps of the change's transaction, then and now; opening is that of the first
// epoch after the one it was written in, 0 if no seal lies between. lost tells
// in plain words what could not be issued again, ok is false if nothing is left.
func ReissueChange(old, onto Document, author wire.DeviceID, change []byte, was, again Stamp, opening uint64) (out []byte, lost []string, ok bool) {
	d, isDriver := old.(documentDriver)
	if !isDriver || old.Type() != onto.Type() {
		return nil, []string{"the document is of another kind now"}, false
	}
	if err := CheckChange(old.Type(), author, change); err != nil {
		return nil, []string{err.Error()}, false
	}
	return d.reissue(onto, reissuing{author, was.normal(), again.normal(), opening}, change)
}

// ---------- changes as cells ----------

// ChangeCell is the value of an Edit's cell for a change as bytes, as the
// encoders of changes give it; err is passed on. Counters have EncodeCounterOp.
func ChangeCell(change []byte, err error) ([]byte, error) {
	if err != nil {
		return nil, err
	}
	return appendBytes(make([]byte, 0, len(change)+5), change), nil
}

// ChangeBytes takes what ChangeCell gives. The result is a part of cell.
func ChangeBytes(cell []byte) ([]byte, error) {
	r := reader{b: cell}
	b := r.take(r.want(majorBytes, "change"))
	r.end()
	if r.err != nil {
		return nil, fmt.Errorf("decoding change: %w", r.err)
	}
	return b, nil
}

// openChange decodes a cell by the decoder of its type.
func openChange[C any](author wire.DeviceID, cell []byte, decode func(wire.DeviceID, []byte) (C, error)) (C, error) {
	b, err := ChangeBytes(cell)
	if err != nil {
		var none C
		return none, err
	}
	return decode(author, b)
}
