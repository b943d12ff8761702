package merge

import (
	"encoding/json"
	"fmt"

	"github.com/espace-git/espace-git/internal/wire"
)

// ListDoc is a list as a document.
type ListDoc struct{ List }

// Type is ListDocument.
func (d *ListDoc) Type() DocumentType { return ListDocument }

// Apply is that of Document.
func (d *ListDoc) Apply(stamp Stamp, change []byte) error {
	c, err := openChange(stamp.Device, change, DecodeListChange)
	if err == nil {
		d.List.Apply(stamp, c)
	}
	return err
}

// Seal is that of Document.
func (d *ListDoc) Seal(opening uint64) Document { return &ListDoc{*d.List.Seal(opening)} }

// Encode is EncodeList.
func (d *ListDoc) Encode() ([]byte, error) { return EncodeList(&d.List), nil }

// Value is an array of the items' values in their order.
func (d *ListDoc) Value() any {
	b := []byte{'['}
	for _, it := range d.All() {
		b = appendJSONItem(b, it.Value)
	}
	return json.RawMessage(append(b, ']'))
}

// Empty is that of Document.
func (d *ListDoc) Empty() bool {
	return len(d.places) <= 1 && len(d.items) == 0 && len(d.waiting) == 0
}

func (d *ListDoc) load(b []byte) error {
	l, err := DecodeList(b)
	if err == nil {
		d.List = *l
	}
	return err
}

func (d *ListDoc) check(author wire.DeviceID, change []byte) error {
	_, err := openChange(author, change, DecodeListChange)
	return err
}

func (d *ListDoc) resettle(author wire.DeviceID, change []byte, old, settled Stamp) ([]byte, error) {
	c, err := openChange(author, change, DecodeListChange)
	if err != nil {
		return nil, err
	}
	c.Renumber(old.Device, old.Number, settled.Number)
	return ChangeCell(EncodeListChange(author, c))
}

func (d *ListDoc) refers(author wire.DeviceID, change []byte) []Dot {
	c, err := openChange(author, change, DecodeListChange)
	if err != nil {
		return nil
	}
	return c.Refers()
}

func (d *ListDoc) reissue(onto Document, r reissuing, change []byte) ([]byte, []string, bool) {
	to := onto.(*ListDoc)
	c, err := openChange(r.author, change, DecodeListChange)
	if err != nil {
		return nil, []string{err.Error()}, false
	}
	again, ops, ok := d.List.reissue(c, r.was, r.again, &to.List)
	var lost []string
	for i := range ops {
		lost = append(lost, d.lostWords(&ops[i], r.was, &to.List))
	}
	if !ok {
		return nil, lost, false
	}
	out, more, ok := issued(to, r, again, EncodeListChange)
	return out, append(lost, more...), ok
}

// lostWords says what became of a move or a set that was left out.
func (d *ListDoc) lostWords(op *ListOp, was Stamp, onto *List) string {
	id := op.Item.in(was)
	name := "an item"
	if it := d.living(id); it != nil {
		name = "the item " + words(it.value)
	}
	why := "somebody's later change stands"
	if onto.living(id) == nil {
		why = "the item is gone"
	}
	if op.Kind == ListSet {
		return fmt.Sprintf("%s as the value of %s: %s", words(op.Values[0]), name, why)
	}
	return fmt.Sprintf("moving %s: %s", name, why)
}

// issued applies a change that is issued again to the document that takes it,
// which changes nothing where the driver did so already, and encodes it.
func issued[C any](to Document, r reissuing, c C, encode func(wire.DeviceID, C) ([]byte, error)) ([]byte, []string, bool) {
	out, err := ChangeCell(encode(r.author, c))
	if err == nil {
		err = to.Apply(r.again, out)
	}
	if err != nil {
		return nil, []string{err.Error()}, false
	}
	return out, nil, true
}
