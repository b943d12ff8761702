package merge

import (
	"encoding/json"
	"fmt"

	"github.com/espace-git/espace-git/internal/wire"
)

// TreeDoc is a tree as a document.
type TreeDoc struct{ Tree }

// Type is TreeDocument.
func (d *TreeDoc) Type() DocumentType { return TreeDocument }

// Apply is that of Document.
func (d *TreeDoc) Apply(stamp Stamp, change []byte) error {
	c, err := openChange(stamp.Device, change, DecodeTreeChange)
	if err == nil {
		d.Tree.Apply(stamp, c)
	}
	return err
}

// Seal is that of Document.
func (d *TreeDoc) Seal(opening uint64) Document { return &TreeDoc{*d.Tree.Seal(opening)} }

// Encode is EncodeTree.
func (d *TreeDoc) Encode() ([]byte, error) { return EncodeTree(&d.Tree), nil }

// Value is an array of the nodes, each behind the folder that it is in:
//
//	{"folder": ID or null, "id": ID, "name": as shown, "value": …}
func (d *TreeDoc) Value() any {
	b := []byte{'['}
	for n := range d.All() {
		if len(b) > 1 {
			b = append(b, ',')
		}
		b = append(b, `{"folder":`...)
		if n.Parent.IsZero() {
			b = append(b, "null"...)
		} else {
			b = appendJSONText(b, n.Parent.String())
		}
		b = appendJSONText(append(b, `,"id":`...), n.ID.String())
		b = appendJSONText(append(b, `,"name":`...), n.Shown)
		b = appendJSON(append(b, `,"value":`...), n.Value)
		b = append(b, '}')
	}
	return json.RawMessage(append(b, ']'))
}

// Empty is that of Document.
func (d *TreeDoc) Empty() bool { return len(d.nodes) <= 1 }

func (d *TreeDoc) load(b []byte) error {
	t, err := DecodeTree(b)
	if err == nil {
		d.Tree = *t
	}
	return err
}

func (d *TreeDoc) check(author wire.DeviceID, change []byte) error {
	_, err := openChange(author, change, DecodeTreeChange)
	return err
}

func (d *TreeDoc) resettle(author wire.DeviceID, change []byte, old, settled Stamp) ([]byte, error) {
	c, err := openChange(author, change, DecodeTreeChange)
	if err != nil {
		return nil, err
	}
	c.Resaw(old, settled)
	return ChangeCell(EncodeTreeChange(author, c))
}

func (d *TreeDoc) refers(author wire.DeviceID, change []byte) []Dot {
	c, err := openChange(author, change, DecodeTreeChange)
	if err != nil {
		return nil
	}
	return c.Refers()
}

func (d *TreeDoc) reissue(onto Document, r reissuing, change []byte) ([]byte, []string, bool) {
	to := onto.(*TreeDoc)
	c, err := openChange(r.author, change, DecodeTreeChange)
	if err != nil {
		return nil, []string{err.Error()}, false
	}
	again, ops, ok := d.Tree.reissue(c, r.was, r.again, r.opening, &to.Tree)
	var lost []string
	for i := range ops {
		lost = append(lost, d.lostWords(&ops[i], r.was, &to.Tree))
	}
	if !ok {
		return nil, lost, false
	}
	out, more, ok := issued(to, r, again, EncodeTreeChange)
	return out, append(lost, more...), ok
}

// lostWords says what became of an operation that was left out.
func (d *TreeDoc) lostWords(op *TreeOp, was Stamp, onto *Tree) string {
	id := op.Node.in(was)
	name := "an entry"
	if n, ok := d.Node(id); ok {
		name = fmt.Sprintf("%.64q", n.Shown)
	}
	why := "somebody's later change stands"
	if onto.nodeThere(id) != nil {
		why = "it is gone"
	}
	switch op.Kind {
	case TreeMove:
		return fmt.Sprintf("moving %s: %s", name, why)
	case TreeKeep:
		return fmt.Sprintf("keeping %s: %s", name, why)
	case TreeRename:
		return fmt.Sprintf("renaming %s to %.64q: %s", name, op.Name, why)
	}
	return fmt.Sprintf("%s as the value of %s: %s", words(op.Value), name, why)
}
