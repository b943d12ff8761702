package space

import (
	"context"
	"errors"
	"path"
	"strings"

	"github.com/espace-git/espace-git/merge"
)

func (f *Files) write(ctx context.Context, fn func(*filesTx) error) error {
	_, err := f.s.Write(ctx, func(tx *Tx) error {
		x, err := tx.files()
		if err != nil {
			return err
		}
		if err := fn(x); err != nil {
			return err
		}
		return x.flush()
	})
	return err
}

// Mkdir makes a folder, and those above it that are missing. One that is there
// already is left as it is.
func (f *Files) Mkdir(ctx context.Context, p string) error {
	if err := checkNewPath(p); err != nil {
		return err
	}
	clean, err := cleanPath(p)
	if err != nil {
		return err
	}
	return f.write(ctx, func(x *filesTx) error {
		if _, err := x.lookup(clean); isNotFound(err) {
			if err := checkNoRow(x.schema, p); err != nil {
				return err
			}
		}
		_, err := x.folder(clean)
		return err
	})
}

// Rename gives a file or folder another path. The folder above the new one must be
// there, and nothing under the new one. A folder takes all that it holds with it,
// also what others put into it meanwhile.
func (f *Files) Rename(ctx context.Context, from, to string) error {
	from, err := cleanPath(from)
	if err != nil {
		return err
	}
	if err := checkNewPath(to); err != nil {
		return err
	}
	if to, err = cleanPath(to); err != nil || from == to {
		return err
	}
	return f.write(ctx, func(x *filesTx) error { return x.rename(from, to) })
}

func (x *filesTx) rename(from, to string) error {
	n, err := x.lookup(from)
	if err != nil || n.id.IsZero() {
		return orUsage(err, "the top folder stays where it is")
	}
	if _, err := x.lookup(to); !isNotFound(err) {
		return orUsage(err, "there is a file or folder %s already", shownPath(to))
	}
	dir, name := path.Split(to)
	folder, err := x.lookup(strings.TrimSuffix(dir, "/"))
	if err != nil || !folder.dir {
		return orUsage(err, "%s is a file", shownPath(dir))
	}
	is, _ := x.tree.Node(n.id)
	if is.Parent != folder.id {
		op, err := x.tree.Move(n.id, folder.id, x.index(foldersAt(x.schema)))
		if err != nil {
			return folderError(err)
		}
		x.ops = append(x.ops, op)
	}
	if is.Name != name {
		op, err := x.tree.Rename(n.id, x.index(foldersAt(x.schema)), name)
		if err != nil {
			return folderError(err)
		}
		x.ops = append(x.ops, op)
	}
	return nil
}

func orUsage(err error, format string, args ...any) error {
	if err != nil {
		return err
	}
	return usage(format, args...)
}

// Remove deletes a file, with its versions, or a folder with all that it holds. It
// takes what is seen here: a file that somebody writes, or moves away, meanwhile
// stays. A path that stands beside its file is that one version, which is replaced
// by the one under the file's name.
func (f *Files) Remove(ctx context.Context, p string) error {
	return f.write(ctx, func(x *filesTx) error {
		if at, ok := columnAt(x.schema, p); ok {
			d, err := x.load(at)
			if err != nil {
				return err
			}
			return x.version(at, d.Write(x.index(at), merge.FileState{Gone: true}))
		}
		info, err := x.find(p)
		switch {
		case err != nil:
			return err
		case info.node.id.IsZero():
			return usage("the top folder can't be removed")
		case info.Conflict:
			return x.settle(info)
		}
		return x.remove(info.node)
	})
}

// settle replaces one of the versions that stand beside each other.
func (x *filesTx) settle(info FileInfo) error {
	at := contentAt(x.schema, info.node.row)
	d, err := x.load(at)
	if err != nil {
		return err
	}
	heads := d.Heads()
	op := d.WriteAfter(heads[0].Dot(), x.index(at), heads[0].Content)
	op.Parents = addDot(op.Parents, info.content.Dot())
	op.Content.Merged = false
	return x.version(at, op)
}

func (x *filesTx) remove(n node) error {
	ops, err := x.tree.Delete(n.id)
	if err != nil {
		return folderError(err)
	}
	x.ops = append(x.ops, ops...)
	for i := range ops {
		t, ok := x.tree.Node(ops[i].Node)
		if !ok {
			continue
		}
		if c := nodeFrom(&t); !c.dir {
			if err := x.removeRow(contentAt(x.schema, c.row)); err != nil {
				return err
			}
		}
	}
	return nil
}

// removeRow names what it saw of the row, so that a version which it did not see
// keeps it.
func (x *filesTx) removeRow(at filePlace) error {
	state, live, err := x.v.Live(at.table.Number, at.row)
	if err != nil || !live {
		return err
	}
	return x.tx.apply(merge.Op{Kind: merge.Delete, Table: at.table.Number, Row: at.row, Saw: state.Saw()})
}

// Choose makes a version the file's content again: one of those that stand beside
// each other, or an old one. It replaces all of them.
func (f *Files) Choose(ctx context.Context, p, version string) error {
	return f.write(ctx, func(x *filesTx) error {
		at, d, err := x.file(p)
		if err != nil {
			return err
		}
		v, err := pick(d, version)
		if err != nil {
			return err
		}
		v.Content.Merged = false
		if err := x.version(at, d.Write(x.index(at), v.Content)); err != nil {
			return err
		}
		return x.keep(p)
	})
}

// keep makes a file outlive deletes that did not see what is written to it.
func (x *filesTx) keep(p string) error {
	if _, ok := columnAt(x.schema, p); ok {
		return nil
	}
	info, err := x.find(p)
	if err != nil {
		return err
	}
	op, err := x.tree.Keep(info.node.id, x.index(foldersAt(x.schema)))
	x.ops = append(x.ops, op)
	return err
}

// folderError says what the tree refused in the words of files.
func folderError(err error) error {
	if errors.Is(err, merge.ErrTreeNode) {
		return join(ErrNotFound, err)
	}
	return join(ErrUsage, err)
}
