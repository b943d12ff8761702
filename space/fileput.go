package space

import (
	"context"
	"io"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/espace-git/espace-git/merge"
)

// PutOptions say how a file is put.
type PutOptions struct {
	// Modified is the file's own time. Zero: now.
	Modified   time.Time
	Executable bool
	// Name is kept with a file in a column of a row, which has none by itself.
	Name string
	// Resolve replaces all versions that stand beside each other, not only the one
	// under the file's name.
	Resolve bool
}

// Put writes a version of a file, and the folders above it that are missing. It
// holds some chunks in memory, whatever the size. When it returns the file is on
// this device's disk; Sync brings it to the others. A content that is there already
// makes no new version: changed is false.
func (f *Files) Put(ctx context.Context, path string, src io.Reader, o PutOptions) (info FileInfo, changed bool, err error) {
	b := f.Batch()
	defer b.Close()
	if err := b.Put(ctx, path, src, o); err != nil {
		return FileInfo{}, false, err
	}
	if changed, err = b.Write(ctx); err != nil {
		return FileInfo{}, false, err
	}
	info, err = f.Stat(ctx, path)
	return info, changed, err
}

// FileBatch gathers versions that are written by one transaction: many small files
// cost as little as one.
type FileBatch struct {
	f      *Files
	puts   []filePut
	size   int
	chunks *chunkWriter
}

type filePut struct {
	path    string
	content content
	before  *merge.Dot // the version that the author saw
	resolve bool
}

// Batch begins one, which must be closed.
func (f *Files) Batch() *FileBatch { return &FileBatch{f: f, chunks: f.s.chunkWriter()} }

// Close forgets what was put and not written.
func (b *FileBatch) Close() { b.chunks.close() }

// Len is how many versions wait to be written, and Size about how many bytes they
// take in the transaction: it must stay below 8 MiB.
func (b *FileBatch) Len() int  { return len(b.puts) }
func (b *FileBatch) Size() int { return b.size }

// Put reads and stores a content. Nobody sees it before Write.
func (b *FileBatch) Put(ctx context.Context, p string, src io.Reader, o PutOptions) error {
	before, err := b.f.before(ctx, p)
	if err != nil {
		return err
	}
	c, same, err := b.f.s.store(ctx, src, before, b.chunks.store)
	if err != nil {
		return err
	}
	if before != nil && same && before.Content.Executable == o.Executable && !o.Resolve {
		return nil
	}
	if same && !c.state.Inline {
		c.state.Data = before.Content.Data
	}
	if o.Modified.IsZero() {
		o.Modified = b.f.s.opts.Now()
	}
	c.state.Executable, c.state.Modified = o.Executable, o.Modified.UnixNano()
	put := filePut{path: p, content: c, resolve: o.Resolve}
	if before != nil {
		d := before.Dot()
		put.before = &d
	}
	put.content.state.Name = o.Name
	b.puts, b.size = append(b.puts, put), b.size+len(c.state.Data)+len(p)+256
	return nil
}

// before is the version under a path, which a new one follows; nil if there is none.
func (f *Files) before(ctx context.Context, p string) (before *merge.FileVersion, err error) {
	err = f.view(ctx, func(fv *fileView) error {
		if at, ok := columnAt(fv.schema, p); ok {
			d, err := fv.load(at)
			if err != nil {
				return err
			}
			if heads := d.Heads(); len(heads) > 0 {
				before = &heads[0]
			}
			return nil
		}
		info, err := fv.find(p)
		switch {
		case isNotFound(err):
			if err := checkNewPath(p); err != nil {
				return err
			}
			return checkNoRow(fv.schema, p)
		case err != nil:
			return err
		case info.Dir:
			return usage("%s is a folder", shownPath(p))
		case !info.Missing:
			before = info.content
		}
		return nil
	})
	return before, err
}

// Write writes what was put, and says whether anything is new.
func (b *FileBatch) Write(ctx context.Context) (changed bool, err error) {
	if len(b.puts) == 0 {
		return false, nil
	}
	if err := b.chunks.flush(); err != nil {
		return false, err
	}
	_, err = b.f.s.Write(ctx, func(tx *Tx) error {
		x, err := tx.files()
		if err != nil {
			return err
		}
		for i := range b.puts {
			if err := x.put(&b.puts[i]); err != nil {
				return err
			}
		}
		return x.flush()
	})
	if err == nil {
		b.puts, b.size = nil, 0
	}
	return err == nil, err
}

// filesTx changes files and folders in a transaction. What becomes of the tree is
// gathered, and written by flush as one change.
type filesTx struct {
	*fileView
	tx   *Tx
	ops  []merge.TreeOp
	made map[string]merge.Dot // by path: what ops create
	used map[filePlace]uint32 // how many names it has used in a document
}

func (tx *Tx) files() (*filesTx, error) {
	fv, err := tx.s.newFileView(tx.v, tx.schema)
	return &filesTx{fileView: fv, tx: tx, made: map[string]merge.Dot{}, used: map[filePlace]uint32{}}, err
}

func (x *filesTx) put(p *filePut) error {
	if err := x.tx.needChunks(p.content.fresh); err != nil {
		return err
	}
	if at, ok := columnAt(x.schema, p.path); ok {
		d, err := x.load(at)
		if err != nil {
			return err
		}
		return x.write(at, d, p)
	}
	clean, err := cleanPath(p.path)
	if err != nil {
		return err
	}
	p.content.state.Name = baseName(clean) // by which it comes back if it is lost
	info, err := x.find(clean)
	switch {
	case isNotFound(err):
		return x.create(clean, p)
	case err != nil:
		return err
	case info.Dir:
		return usage("%s is a folder", shownPath(clean))
	}
	p.resolve = p.resolve || info.Missing // what was deleted does not come back beside it
	return x.again(info.node, p)
}

// again writes a version of a file that has a name already.
func (x *filesTx) again(n node, p *filePut) error {
	at := contentAt(x.schema, n.row)
	if err := x.needRow(at); err != nil {
		return err
	}
	d, err := x.load(at)
	if err != nil {
		return err
	}
	if err := x.write(at, d, p); err != nil {
		return err
	}
	// A delete that does not see this version does not take the file.
	op, err := x.tree.Keep(n.id, x.index(foldersAt(x.schema)))
	x.ops = append(x.ops, op)
	return err
}

func (x *filesTx) create(p string, put *filePut) error {
	dir, name := path.Split(p)
	if err := checkNewPath(p); err != nil {
		return err
	}
	if _, twice := x.made[p]; twice {
		return usage("%s is put twice", shownPath(p))
	}
	folder, err := x.folder(strings.TrimSuffix(dir, "/"))
	if err != nil {
		return err
	}
	row, err := x.s.newRowID()
	if err != nil {
		return err
	}
	at := contentAt(x.schema, merge.RowID(row))
	if err := x.needRow(at); err != nil {
		return err
	}
	if err := x.write(at, new(merge.FileDoc), put); err != nil {
		return err
	}
	return x.make(p, folder, name, row[:])
}

// folder is the folder at a path, made if it is missing.
func (x *filesTx) folder(p string) (merge.Dot, error) {
	if d, ok := x.made[p]; ok {
		return d, nil
	}
	n, err := x.lookup(p)
	switch {
	case err == nil && !n.dir:
		return merge.Dot{}, usage("%s is a file", shownPath(p))
	case err == nil || !isNotFound(err):
		return n.id, err
	}
	dir, name := path.Split(p)
	above, err := x.folder(strings.TrimSuffix(dir, "/"))
	if err != nil {
		return merge.Dot{}, err
	}
	if err := x.make(p, above, name, nil); err != nil {
		return merge.Dot{}, err
	}
	return x.made[p], nil
}

// make creates a node: a file if it has a row, else a folder.
func (x *filesTx) make(p string, folder merge.Dot, name string, row []byte) error {
	var v any
	if row != nil {
		v = row
	}
	value, err := merge.EncodeValue(v)
	if err != nil {
		return err
	}
	index := x.index(foldersAt(x.schema))
	op := merge.TreeOp{Kind: merge.TreeCreate, Index: index, Parent: folder, Name: name, Value: value}
	if folder.Device != x.tx.me.Device || folder.Number != x.tx.stamp.Number { // the tree knows it
		if op, err = x.tree.Create(folder, index, name, value); err != nil {
			return folderError(err)
		}
	}
	x.ops = append(x.ops, op)
	x.made[p] = merge.Dot{Device: x.tx.me.Device, Number: x.tx.stamp.Number, Index: index}
	return nil
}

// index gives out an index that this transaction has not used in a document.
func (x *filesTx) index(at filePlace) uint32 {
	x.used[at]++
	return x.used[at] - 1
}

// flush writes the changes of the tree.
func (x *filesTx) flush() error {
	if len(x.ops) == 0 {
		return nil
	}
	c := &merge.TreeChange{Ops: x.ops}
	x.ops = nil
	c.Resaw(x.tx.stamp, merge.Stamp{})
	at := foldersAt(x.schema)
	if err := x.needRow(at); err != nil {
		return err
	}
	change, err := merge.ChangeCell(merge.EncodeTreeChange(x.tx.me.Device, c))
	if err != nil {
		return err
	}
	return x.edit(at, change)
}

// write adds a version to a file: after the one that its author saw, beside those
// that it did not.
func (x *filesTx) write(at filePlace, d *merge.FileDoc, p *filePut) error {
	index := x.index(at)
	if p.resolve {
		return x.version(at, d.Write(index, p.content.state))
	}
	op := d.WriteAfter(orZero(p.before), index, p.content.state)
	if p.before != nil {
		op.Parents = addDot(op.Parents, *p.before)
	}
	return x.version(at, op)
}

func addDot(list []merge.Dot, d merge.Dot) []merge.Dot {
	if i, there := slices.BinarySearchFunc(list, d, merge.Dot.Compare); !there {
		return slices.Insert(list, i, d)
	}
	return list
}

func (x *filesTx) version(at filePlace, op merge.FileOp) error {
	c := &merge.FileChange{Ops: []merge.FileOp{op}}
	c.Renumber(x.tx.me.Device, x.tx.stamp.Number, 0)
	change, err := merge.ChangeCell(merge.EncodeFileChange(x.tx.me.Device, c))
	if err != nil {
		return err
	}
	return x.edit(at, change)
}

func (x *filesTx) edit(at filePlace, change []byte) error {
	return x.tx.apply(merge.Op{
		Kind: merge.Edit, Table: at.table.Number, Row: at.row,
		Cells: []merge.Cell{{Column: at.column.Number, Value: change}},
	})
}

// needRow makes a hidden row that is not there.
func (x *filesTx) needRow(at filePlace) error {
	_, live, err := x.v.Live(at.table.Number, at.row)
	if err != nil || live {
		return err
	}
	return x.tx.apply(merge.Op{Kind: merge.Insert, Table: at.table.Number, Row: at.row})
}

func orZero(d *merge.Dot) merge.Dot {
	if d == nil {
		return merge.Dot{}
	}
	return *d
}
