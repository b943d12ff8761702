package space

import (
	"fmt"
	"strings"

	"github.com/espace-git/espace-git/internal/wire"
	"github.com/espace-git/espace-git/merge"
	"github.com/espace-git/espace-git/schema"
	"github.com/espace-git/espace-git/view"
)

// What a change of a document brings is shown to people where it has no effect: what it
// would have inserted, and in words what else it would have done.

// sameForAll: a value that everybody writes alike is not lost if another's stands, as the
// name in the row of a document that two people began at the same time.
func sameForAll(d merge.Dropped) bool {
	return d.Table == schema.DocumentsTable && d.Column == 1
}

// editValue is a change as `conflicts` and `set-aside` show it.
func editValue(typ merge.DocumentType, author wire.DeviceID, change []byte) (value any, words string) {
	var err error
	switch typ {
	case merge.CounterDocument:
		value, err = merge.DecodeCounterOp(change)
		return value, failure("adds to the counter", err)
	case merge.TextDocument:
		return textEdit(author, change)
	case merge.ListDocument:
		return listEdit(author, change)
	case merge.SetDocument:
		return setEdit(author, change)
	case merge.FlagDocument:
		var c *merge.FlagChange
		if c, err = changeOf(author, change, merge.DecodeFlagChange); err == nil {
			value = c.On
		}
		return value, failure("sets the flag", err)
	case merge.LogDocument:
		var c *merge.LogChange
		if c, err = changeOf(author, change, merge.DecodeLogChange); err == nil {
			value = valuesShown(c.Ops)
		}
		return value, failure("appends to the log", err)
	case merge.TreeDocument:
		return treeEdit(author, change)
	case merge.FileDocument:
		return fileEdit(author, change)
	}
	return nil, "changes a document"
}

func failure(words string, err error) string {
	if err != nil {
		return firstLine(err.Error())
	}
	return words
}

// changeOf decodes the cell of an edit.
func changeOf[C any](author wire.DeviceID, cell []byte, decode func(wire.DeviceID, []byte) (C, error)) (c C, err error) {
	b, err := merge.ChangeBytes(cell)
	if err != nil {
		return c, err
	}
	return decode(author, b)
}

func valuesShown(encoded [][]byte) []any {
	out := make([]any, 0, len(encoded))
	for _, b := range encoded {
		if v, err := merge.DecodeValue(b); err == nil {
			out = append(out, v)
		}
	}
	return out
}

func textEdit(author wire.DeviceID, change []byte) (any, string) {
	c, err := changeOf(author, change, merge.DecodeTextChange)
	if err != nil {
		return nil, failure("", err)
	}
	var inserted []string
	deleted := 0
	for _, op := range c.Ops {
		deleted += op.Del
		if op.Text != "" {
			inserted = append(inserted, op.Text)
		}
	}
	text := strings.Join(inserted, "")
	return text, fmt.Sprintf("inserts %d and deletes %d code points", len([]rune(text)), deleted)
}

func listEdit(author wire.DeviceID, change []byte) (any, string) {
	c, err := changeOf(author, change, merge.DecodeListChange)
	if err != nil {
		return nil, failure("", err)
	}
	values := []any{}
	count := map[merge.ListKind]int{}
	for _, op := range c.Ops {
		values = append(values, valuesShown(op.Values)...)
		count[op.Kind] += max(1, len(op.Values))
	}
	return values, fmt.Sprintf("inserts %d items, moves %d, sets %d, removes %d",
		count[merge.ListInsert], count[merge.ListMove], count[merge.ListSet], count[merge.ListDelete])
}

func setEdit(author wire.DeviceID, change []byte) (any, string) {
	c, err := changeOf(author, change, merge.DecodeSetChange)
	if err != nil {
		return nil, failure("", err)
	}
	var added, removed [][]byte
	for _, op := range c.Ops {
		if op.Add {
			added = append(added, op.Value)
		} else {
			removed = append(removed, op.Value)
		}
	}
	if len(added) == 0 {
		return valuesShown(removed), "removes these elements"
	}
	return valuesShown(added), fmt.Sprintf("adds these elements, and removes %d", len(removed))
}

func treeEdit(author wire.DeviceID, change []byte) (any, string) {
	c, err := changeOf(author, change, merge.DecodeTreeChange)
	if err != nil {
		return nil, failure("", err)
	}
	names := []any{}
	count := map[merge.TreeKind]int{}
	for _, op := range c.Ops {
		if count[op.Kind]++; op.Name != "" {
			names = append(names, op.Name)
		}
	}
	return names, fmt.Sprintf("creates %d nodes, moves %d, renames %d, sets %d, keeps %d, removes %d", count[merge.TreeCreate],
		count[merge.TreeMove], count[merge.TreeRename], count[merge.TreeSet], count[merge.TreeKeep], count[merge.TreeDelete])
}

// again makes a change of this device that does what another one did, or an own one that
// has no effect, to the documents as they are now. Nothing
// of it may be left to do.
func (tx *Tx) again(at docAt, author wire.DeviceID, change []byte) error {
	d, err := at.load(tx.v)
	if err != nil {
		return err
	}
	switch d := d.(type) {
	case *merge.CounterDoc:
		return tx.edit(at, change)
	case *merge.TextDoc:
		return tx.textAgain(at, d, author, change)
	case *merge.LogDoc:
		c, err := changeOf(author, change, merge.DecodeLogChange)
		if err != nil {
			return err
		}
		again := &merge.LogChange{First: tx.index(at, len(c.Ops)), Ops: c.Ops}
		return tx.editChange(at)(merge.EncodeLogChange(tx.me.Device, again))
	case *merge.FlagDoc:
		c, err := changeOf(author, change, merge.DecodeFlagChange)
		if err != nil || !c.On && !d.On() {
			return err
		}
		return tx.setFlag(at, d, c.On)
	case *merge.SetDoc:
		return tx.setAgain(at, d, author, change)
	case *merge.ListDoc:
		return tx.listAgain(at, author, change)
	case *merge.FileDoc:
		return tx.fileAgain(at, d, author, change)
	}
	return usage("changes of a %s can't be made again: `conflicts` and `set-aside` show them", at.column.Type)
}

// textAgain: where a change of a text belongs is known only where it began the text, or
// nothing is in the text any more.
func (tx *Tx) textAgain(at docAt, d *merge.TextDoc, author wire.DeviceID, change []byte) error {
	alone := new(merge.TextDoc)
	if err := alone.Apply(merge.Stamp{Time: 1, Device: author, Number: 1}, change); err == nil && alone.Len() > 0 {
		return tx.splice(at, d, merge.TextSplice{Pos: d.Len(), Text: alone.String()})
	}
	if inserted, _ := textEdit(author, change); d.Len() == 0 || tx.begun[at.key()] {
		text, _ := inserted.(string)
		if tx.begun == nil {
			tx.begun = map[docKey]bool{}
		}
		tx.begun[at.key()] = true
		return tx.splice(at, d, merge.TextSplice{Pos: d.Len(), Text: text})
	}
	return join(ErrConflict, fmt.Errorf("where it belongs in the text is not known any more: what it wrote is shown, for you to put in"))
}

func (tx *Tx) setAgain(at docAt, d *merge.SetDoc, author wire.DeviceID, change []byte) error {
	c, err := changeOf(author, change, merge.DecodeSetChange)
	if err != nil {
		return err
	}
	again := new(merge.SetChange)
	for _, op := range c.Ops {
		if op.Add {
			again.Ops = append(again.Ops, d.Add(op.Value, tx.index(at, 1)))
		} else if op, ok := d.Remove(op.Value); ok {
			again.Ops = append(again.Ops, op)
		}
	}
	return tx.changeSet(at, again)
}

// listAgain puts new items at the end, and does to items that are there what was done.
func (tx *Tx) listAgain(at docAt, author wire.DeviceID, change []byte) error {
	c, err := changeOf(author, change, merge.DecodeListChange)
	if err != nil {
		return err
	}
	for _, op := range c.Ops {
		d, err := at.load(tx.v)
		if err != nil {
			return err
		}
		list := listOf(d)
		i, there := list.Index(op.Item)
		var again merge.ListOp
		switch {
		case op.Kind == merge.ListInsert:
			again, err = list.Insert(list.Len(), tx.index(at, len(op.Values)), op.Values...)
		case !there || op.Kind == merge.ListMove:
			continue
		case op.Kind == merge.ListSet:
			again, err = list.Set(i, tx.index(at, 1), op.Values[0])
		default:
			again, err = list.Delete(i)
		}
		if err != nil {
			return err
		}
		if err := tx.changeList(at, again); err != nil {
			return err
		}
	}
	return nil
}

// placeOf is where a stored operation's document lies.
func placeOf(v *view.Tx, table uint32, row merge.RowID, column uint32) (docAt, bool) {
	sc, _ := v.Schema()
	if sc == nil {
		return docAt{}, false
	}
	t, ok := sc.TableByNumber(table)
	if !ok {
		return docAt{}, false
	}
	c, ok := t.ColumnByNumber(column)
	return docAt{table: t, column: c, row: row}, ok && c.Type.Document()
}
