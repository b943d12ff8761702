package space

import (
	"github.com/espace-git/espace-git/merge"
	"github.com/espace-git/espace-git/schema"
)

// firstDocuments gives the documents of a new row what it begins with, in the same
// transaction.
func (tx *Tx) firstDocuments(t *schema.Table, row merge.RowID, first []schema.First) error {
	for _, f := range first {
		if err := tx.firstDocument(columnAddress(t, row, f.Column), f.Column, f.Value); err != nil {
			return err
		}
	}
	return nil
}

func columnAddress(t *schema.Table, row merge.RowID, c *schema.Column) string {
	return t.Name + "/" + schema.FormatID(row) + "/" + c.Name
}

// splitWhole takes the documents out of an update that take a whole value: those
// where what differs says what its author wants.
func splitWhole(t *schema.Table, row Row) (rest, whole Row) {
	rest, whole = Row{}, Row{}
	for name, v := range row {
		c, ok := t.Column(name)
		if ok && v != nil && (c.Type == schema.Textarea || c.Type == schema.Flag) {
			whole[c.Name] = v
			continue
		}
		rest[name] = v
	}
	return rest, whole
}

func (tx *Tx) setWhole(t *schema.Table, row merge.RowID, whole Row) error {
	if len(whole) == 0 {
		return nil
	}
	_, values, err := t.Split(whole)
	if err != nil {
		return join(ErrUsage, plainly(err))
	}
	for _, v := range values {
		address := columnAddress(t, row, v.Column)
		if on, ok := v.Value.(bool); ok {
			err = tx.Flag(address).Set(on)
		} else if text, ok := v.Value.(string); ok {
			err = tx.setText(address, text)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (tx *Tx) setText(address, text string) error {
	t := tx.Text(address)
	old, err := t.String()
	if err != nil {
		return err
	}
	return t.Replace(old, text)
}

func (tx *Tx) firstDocument(address string, c *schema.Column, value any) error {
	switch v := value.(type) {
	case string:
		return tx.Text(address).Append(v)
	case int64:
		return tx.Counter(address).Add(v)
	case bool:
		return tx.Flag(address).Set(v)
	case []any:
		if c.Type == schema.Set {
			return tx.Set(address).Add(v...)
		}
		_, err := tx.List(address).Append(v...)
		return err
	}
	return nil
}
