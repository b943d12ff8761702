package space

import (
	"context"

	"github.com/espace-git/espace-git/merge"
	"github.com/espace-git/espace-git/view"
)

// What a hostile program of a member writes about files, for the tests outside this package.

// ForgeNode gives a file that is there another name, past all checks of names.
func (s *Space) ForgeNode(ctx context.Context, folder, name string, row []byte) error {
	return s.Files().write(ctx, func(x *filesTx) error {
		at, err := x.lookup(folder)
		if err != nil {
			return err
		}
		return x.make(folder+"/"+name, at.id, name, row)
	})
}

// ForgeRename renames a node past all checks of names.
func (s *Space) ForgeRename(ctx context.Context, path, name string) error {
	return s.Files().write(ctx, func(x *filesTx) error {
		n, err := x.lookup(path)
		if err != nil {
			return err
		}
		op, err := x.tree.Rename(n.id, x.index(foldersAt(x.schema)), name)
		x.ops = append(x.ops, op)
		return err
	})
}

// ForgeMove moves a node below any other.
func (s *Space) ForgeMove(ctx context.Context, path, below string) error {
	return s.Files().write(ctx, func(x *filesTx) error {
		n, err := x.lookup(path)
		if err != nil {
			return err
		}
		to, err := x.lookup(below)
		if err != nil {
			return err
		}
		op, err := x.tree.Move(n.id, to.id, x.index(foldersAt(x.schema)))
		x.ops = append(x.ops, op)
		return err
	})
}

// ForgeVersion writes a version as its author pleases.
func (s *Space) ForgeVersion(ctx context.Context, path string, change func(*merge.FileOp)) error {
	return s.Files().write(ctx, func(x *filesTx) error {
		at, d, err := x.file(path)
		if err != nil {
			return err
		}
		op := d.Write(x.index(at), d.Heads()[0].Content)
		change(&op)
		return x.version(at, op)
	})
}

// FilesToMerge is how many files the next sync would try to merge.
func (s *Space) FilesToMerge(ctx context.Context) (n int, err error) {
	err = s.db.View(ctx, func(v *view.Tx) error {
		me, err := loadSelf(v)
		if err != nil {
			return err
		}
		sc, _ := v.Schema()
		_, found, err := s.toMerge(v, sc, me)
		n = len(found)
		return err
	})
	return n, err
}

// ForgeLoss deletes the content of a file and leaves its name.
func (s *Space) ForgeLoss(ctx context.Context, path string) error {
	return s.Files().write(ctx, func(x *filesTx) error {
		info, err := x.find(path)
		if err != nil {
			return err
		}
		return x.removeRow(contentAt(x.schema, info.node.row))
	})
}

// FileRow is the row of a file.
func (s *Space) FileRow(ctx context.Context, path string) (row []byte, err error) {
	err = s.Files().view(ctx, func(f *fileView) error {
		info, err := f.find(path)
		row = info.node.row[:]
		return err
	})
	return row, err
}

// LocalName is what a system makes of a name.
func LocalName(name, goos string) error { return checkLocalName(name, goos) }
