package merge

import "github.com/espace-git/espace-git/internal/wire"

// CounterDoc is a counter as a document. Its changes are integers, see
// EncodeCounterOp, and each counts as often as it is applied.
type CounterDoc struct{ Counter }

// Type is CounterDocument.
func (d *CounterDoc) Type() DocumentType { return CounterDocument }

// Apply is that of Document.
func (d *CounterDoc) Apply(_ Stamp, change []byte) error {
	delta, err := DecodeCounterOp(change)
	if err == nil {
		d.Add(delta)
	}
	return err
}

// Seal is that of Document: a copy.
func (d *CounterDoc) Seal(uint64) Document { return &CounterDoc{d.Counter} }

// Encode is EncodeCounter.
func (d *CounterDoc) Encode() ([]byte, error) { return EncodeCounter(d.Counter), nil }

// Value is the sum, as Counter.Value.
func (d *CounterDoc) Value() any { return d.Counter.Value() }

// Empty is true at zero.
func (d *CounterDoc) Empty() bool { return d.Counter == Counter{} }

func (d *CounterDoc) load(b []byte) (err error) {
	d.Counter, err = DecodeCounter(b)
	return err
}

func (d *CounterDoc) check(_ wire.DeviceID, change []byte) error {
	_, err := DecodeCounterOp(change)
	return err
}

func (d *CounterDoc) resettle(_ wire.DeviceID, change []byte, _, _ Stamp) ([]byte, error) {
	return change, d.check(wire.DeviceID{}, change)
}

func (d *CounterDoc) refers(wire.DeviceID, []byte) []Dot { return nil }

func (d *CounterDoc) reissue(onto Document, r reissuing, change []byte) ([]byte, []string, bool) {
	if err := onto.Apply(r.again, change); err != nil {
		return nil, []string{err.Error()}, false
	}
	return change, nil, true
}
