package space

import (
	"fmt"
	"slices"

	"github.com/espace-git/espace-git/internal/wire"
	"github.com/espace-git/espace-git/merge"
	"github.com/espace-git/espace-git/schema"
)

// Versions of files that have no effect are written anew when their author tries a
// conflict again, or another adopts them. Where the file is gone it is made again, at
// the top, by the name that it had.

// redoFiles takes the operations about files and folders out of a transaction that
// is redone, and writes its versions. Folders that it made, and what it moved, are
// left alone unless it wrote no file.
func (tx *Tx) redoFiles(author wire.DeviceID, ops []merge.Op) (rest []merge.Op, err error) {
	isFile := func(op merge.Op) bool { return op.Table == schema.FilesTable && op.Kind != merge.Delete }
	if !slices.ContainsFunc(ops, isFile) {
		return ops, nil
	}
	x, err := tx.files()
	if err != nil {
		return nil, err
	}
	for _, op := range ops {
		switch {
		case isFile(op):
			err = x.redo(author, op)
		case op.Table != schema.FoldersTable:
			rest = append(rest, op)
		}
		if err != nil {
			return nil, err
		}
	}
	return rest, x.flush()
}

func (x *filesTx) redo(author wire.DeviceID, op merge.Op) error {
	for _, cell := range op.Cells {
		c, err := changeOf(author, cell.Value, merge.DecodeFileChange)
		if err != nil {
			return err
		}
		for i := range c.Ops {
			if err := x.redoVersion(op.Row, &c.Ops[i]); err != nil {
				return err
			}
		}
	}
	return nil
}

func (x *filesTx) redoVersion(row merge.RowID, op *merge.FileOp) error {
	if op.Content.Gone {
		return nil
	}
	put := &filePut{content: x.storedContent(op.Content)}
	for n := range x.tree.All() {
		if c := nodeFrom(&n); !c.dir && c.row == row {
			return x.again(c, put)
		}
	}
	name := op.Content.Name
	if name == "" {
		name = "unnamed"
	}
	for free, k := name, 2; ; k++ {
		if _, err := x.lookup(free); isNotFound(err) {
			if _, made := x.made[free]; !made {
				return x.create(free, put)
			}
		}
		free = numberedName(name, k)
	}
}

// storedContent is a content that was written before, with those of its chunks that
// are here: whoever names them sees to it that a host has them.
func (x *filesTx) storedContent(state merge.FileState) content {
	c := content{state: state}
	if state.Inline {
		return c
	}
	refs, _, _ := chunkList(state.Data)
	for _, r := range refs {
		if x.s.repo.Has(r.ID) {
			c.fresh = append(c.fresh, r)
		}
	}
	return c
}

// fileAgain is again for a file in a column of a row.
func (tx *Tx) fileAgain(at docAt, d *merge.FileDoc, author wire.DeviceID, change []byte) error {
	c, err := changeOf(author, change, merge.DecodeFileChange)
	if err != nil {
		return err
	}
	for i := range c.Ops {
		op := d.WriteAfter(merge.Dot{}, tx.index(at, 1), c.Ops[i].Content)
		again := &merge.FileChange{Ops: []merge.FileOp{op}}
		if err := tx.editChange(at)(merge.EncodeFileChange(tx.me.Device, again)); err != nil {
			return err
		}
	}
	return nil
}

// fileEdit shows the versions that a change writes.
func fileEdit(author wire.DeviceID, change []byte) (any, string) {
	c, err := changeOf(author, change, merge.DecodeFileChange)
	if err != nil {
		return nil, failure("", err)
	}
	names, size := []any{}, uint64(0)
	for _, op := range c.Ops {
		names, size = append(names, op.Content.Name), size+op.Content.Size
	}
	return names, fmt.Sprintf("writes a version of %d bytes", size)
}
