package space

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"strings"
)

// SaveOptions say how files are written to a disk.
type SaveOptions struct {
	// Force replaces files that are there already.
	Force bool
	// Version is the one to save, of a single file; empty: that under its name.
	Version string
}

// Saved says what Save wrote.
type Saved struct {
	Files   int       `json:"files"`   // written
	Same    int       `json:"same"`    // there already, with their size and time
	Bytes   int64     `json:"bytes"`   // written
	Refused []Refusal `json:"refused"` // what was left out, and why; never null
}

// Refusal is a path that was left out.
type Refusal struct {
	Path   string `json:"path"`
	Reason string `json:"reason"`
}

// ErrLeftOut: not all was written; Saved says what was not.
var ErrLeftOut = errors.New("not everything was written")

// Save writes a file, or a folder with all in it, to dst on this computer's disk: a
// file, or the folder to fill, which is made. Each file is written under another
// name first, gets its time and executable bit, and is renamed when it is whole. A
// file of that name is left alone, unless o says otherwise: one of the same size and
// time counts as saved, any other is an error that wraps fs.ErrExist.
//
// Of a folder, names that could harm are left out and told (ErrLeftOut): those that
// lead elsewhere or mean a device to the system, .git and .espace, and those that
// differ from another's in case only, where the disk holds them to be one. Nothing
// is written through links that lead out of dst.
func (f *Files) Save(ctx context.Context, p, dst string, o SaveOptions) (Saved, error) {
	saved := Saved{Refused: []Refusal{}}
	var info FileInfo
	err := f.view(ctx, func(fv *fileView) (err error) {
		info, err = fv.stat(p)
		if err == nil && !info.Dir {
			info, err = fv.at(p, o.Version)
		}
		return err
	})
	if err != nil {
		return saved, err
	}
	dir := dst
	if !info.Dir {
		dir = filepath.Dir(dst)
	} else if err := os.MkdirAll(dst, 0o777); err != nil {
		return saved, err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return saved, err
	}
	defer root.Close()
	w := &saver{ctx: ctx, f: f, root: root, force: o.Force, saved: &saved, made: map[string]string{}, total: info.Size}
	if !info.Dir {
		return saved, w.file(filepath.Base(dst), &info)
	}
	err = w.folder(".", info)
	if err == nil && len(saved.Refused) > 0 {
		err = ErrLeftOut
	}
	return saved, err
}

// SaveName is the name under which a file is saved in a folder of this computer.
func (i FileInfo) SaveName() (string, error) {
	name := path.Base(i.Path)
	if i.content != nil && i.content.Content.Name != "" && i.node.id.IsZero() {
		name = i.content.Content.Name
	}
	return name, checkLocalName(name, runtime.GOOS)
}

// saver writes below one folder.
type saver struct {
	ctx   context.Context //nolint:containedctx // it lives as long as one call
	f     *Files
	root  *os.Root
	force bool
	saved *Saved
	made  map[string]string // paths that were written, by themselves in lower case
	total int64
}

func (w *saver) folder(at string, folder FileInfo) error {
	var list []FileInfo
	if err := w.f.view(w.ctx, func(fv *fileView) (err error) {
		list, err = fv.list(folder)
		return err
	}); err != nil {
		return err
	}
	for _, e := range list {
		if err := w.entry(at, e); err != nil {
			return err
		}
	}
	return nil
}

// entry saves what stands in a folder, or notes why not. Errors end the whole: the
// host or the disk failed.
func (w *saver) entry(at string, e FileInfo) error {
	name := path.Base(e.Path)
	err := checkLocalName(name, runtime.GOOS)
	if err == nil && e.Missing {
		err = errMissing
	}
	local := filepath.Join(at, name)
	if err == nil {
		err = w.claim(local)
	}
	if err == nil && e.Dir {
		if err = w.mkdir(local); err == nil {
			return w.folder(local, e)
		}
	}
	if err == nil {
		err = w.file(local, &e)
	}
	switch {
	case err == nil:
		return nil
	case w.ctx.Err() != nil, errors.Is(err, ErrUnreachable), errors.Is(err, ErrAuth):
		return err
	}
	w.saved.Refused = append(w.saved.Refused, Refusal{e.Path, err.Error()})
	return nil
}

// claim refuses a name that the disk holds to be one that was just written.
func (w *saver) claim(local string) error {
	key := strings.ToLower(local)
	if other, ok := w.made[key]; ok {
		mine, err := w.root.Lstat(local)
		theirs, otherErr := w.root.Lstat(other)
		if err == nil && otherErr == nil && os.SameFile(mine, theirs) {
			return errors.New("another name differs from it in case only, and this disk does not tell them apart")
		}
	}
	w.made[key] = local
	return nil
}

func (w *saver) mkdir(local string) error {
	err := w.root.Mkdir(local, 0o777)
	if !errors.Is(err, fs.ErrExist) {
		return err
	}
	info, err := w.root.Stat(local)
	if err == nil && !info.IsDir() {
		err = fmt.Errorf("%s: %w: it is no folder", local, fs.ErrExist)
	}
	return err
}

// file writes one file.
func (w *saver) file(local string, e *FileInfo) error {
	old, err := w.root.Lstat(local)
	switch {
	case err == nil && old.Mode().IsRegular() && old.Size() == e.Size && old.ModTime().Equal(e.Modified) && !w.force:
		w.saved.Same++
		return nil
	case err == nil && old.IsDir():
		return fmt.Errorf("%s: %w: it is a folder", local, fs.ErrExist)
	case err == nil && !w.force:
		return fmt.Errorf("%s: %w", local, fs.ErrExist)
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return err
	}
	part := filepath.Join(filepath.Dir(local), ".espace-"+e.Version+".part")
	n, err := w.write(part, e)
	if err == nil {
		err = w.root.Chtimes(part, e.Modified, e.Modified)
	}
	if err == nil {
		err = w.root.Rename(part, local)
	}
	if err != nil {
		return errors.Join(err, ignoreMissing(w.root.Remove(part)))
	}
	w.saved.Files++
	w.saved.Bytes += n
	return nil
}

func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// syncFrom is the size from which on a file is on the disk before it gets its name:
// what takes long to fetch is not lost by a power cut.
const syncFrom = 1 << 20

// write writes a content under a name of its own. What an earlier run left there
// goes: the chunks that it fetched are in the space already.
func (w *saver) write(part string, e *FileInfo) (n int64, err error) {
	r, err := w.f.s.openVersion(w.ctx, e.content)
	if err != nil {
		return 0, err
	}
	if err := ignoreMissing(w.root.Remove(part)); err != nil {
		return 0, err
	}
	mode := fs.FileMode(0o666)
	if e.Executable {
		mode = 0o777
	}
	file, err := w.root.OpenFile(part, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	n, err = r.WriteTo(&told{w: file, s: w.f.s, phase: phaseSaving, done: w.saved.Bytes, total: w.total})
	if err == nil && n >= syncFrom {
		err = file.Sync()
	}
	return n, err
}

const phaseSaving = "reading files"

// told says how far a stream has come.
type told struct {
	w           io.Writer
	s           *Space
	phase       string
	done, total int64
}

func (t *told) Write(b []byte) (int, error) {
	n, err := t.w.Write(b)
	t.done += int64(n)
	t.s.opts.Progress(Progress{Phase: t.phase, Done: t.done, Total: t.total})
	return n, err
}
