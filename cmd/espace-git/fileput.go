package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/espace-git/espace-git/space"
)

// A transaction holds so many files, and not much more of their bytes than this: what is written stays written, and a run that was
// broken off goes on there.
const (
	filesAtOnce = 200
	bytesAtOnce = 64 << 20
	maxFileOps  = 2 << 20
)

type filePutFlags struct{ deep, resolve bool }

// putFile is the JSON of a file that was put.
type putFile struct {
	Path    string `json:"path"`
	Size    int64  `json:"size"`
	Version string `json:"version"`
	Changed bool   `json:"changed"` // false: this content was there already
}

func (a *app) filePutVerb() *cobra.Command {
	var p filePutFlags
	c := a.fileSub("file put SRC… [DST]", cobra.MinimumNArgs(1), func(f *space.Files, args []string) error {
		from, to := args, ""
		if len(args) > 1 {
			from, to = args[:len(args)-1], args[len(args)-1]
		}
		return a.putFiles(f, from, to, p)
	})
	c.Flags().BoolVarP(&p.deep, "recursive", "r", false, flagFileDeep)
	c.Flags().BoolVar(&p.resolve, "resolve", false, flagFileResolve)
	return c
}

func (a *app) putFiles(f *space.Files, from []string, to string, flags filePutFlags) error {
	into, err := a.isFolder(f, to)
	if err != nil {
		return err
	}
	into = into && !a.fills(from, to) || len(from) > 1 || strings.HasSuffix(to, "/")
	up := &uploader{a: a, f: f, flags: flags, batch: f.Batch()}
	defer func() { up.batch.Close() }()
	for _, src := range from {
		target := to
		if into {
			base, err := a.baseOf(src)
			if err != nil {
				return err
			}
			target = path.Join(to, base)
		}
		if err := up.source(src, target); err != nil {
			return err
		}
	}
	return up.finish()
}

// fills says that a folder becomes, or fills, the one that is named: so a run that was broken off can be repeated.
func (a *app) fills(from []string, to string) bool {
	info, err := os.Stat(a.path(from[0]))
	return err == nil && info.IsDir() && strings.Trim(to, "./") != ""
}

// baseOf is the name that a file or folder has by itself.
func (a *app) baseOf(src string) (string, error) {
	if src == "-" {
		return "", usagef("espace-git file put - PATH", fileStdinName)
	}
	abs, err := filepath.Abs(a.path(src))
	return filepath.Base(abs), err
}

// uploader puts files, many in one transaction.
type uploader struct {
	a      *app
	f      *space.Files
	flags  filePutFlags
	batch  *space.FileBatch
	stored int64 // bytes that were read for the batch
	out    []putFile
	left   int
}

func (u *uploader) source(src, target string) error {
	if src == "-" {
		return u.stream(u.a.in, target, 0, space.PutOptions{Name: path.Base(target)})
	}
	local := u.a.path(src)
	info, err := os.Stat(local)
	switch {
	case err != nil:
		return usage(err, "")
	case info.Mode()&fs.ModeDevice != 0: // it may have no end
		return usagef("", fileIsDevice, src)
	case !info.IsDir():
		return u.file(local, target, info)
	case !u.flags.deep:
		return usagef(hintFileRecursive, fileIsFolder, src)
	}
	return filepath.WalkDir(local, func(at string, d fs.DirEntry, err error) error {
		if err == nil {
			err = u.walked(local, at, target, d)
		}
		if at != local && (errors.Is(err, fs.ErrPermission) || errors.Is(err, fs.ErrNotExist)) { // the others go on
			u.leave(at, err.Error())
			return nil
		}
		return err
	})
}

// walked puts what a walk through a folder meets. Links are left out: what they lead to may lie elsewhere.
func (u *uploader) walked(root, at, target string, d fs.DirEntry) error {
	rel, err := filepath.Rel(root, at)
	if err != nil {
		return err
	}
	to := path.Join(target, filepath.ToSlash(rel))
	info, err := d.Info()
	if err != nil {
		return err
	}
	switch name := strings.ToLower(d.Name()); {
	case (name == ".git" || name == ".espace") && rel != ".":
		u.leave(at, fileOwnData)
		if d.IsDir() {
			return fs.SkipDir
		}
		return nil
	case d.IsDir() && to == "":
		return nil
	case d.IsDir():
		err = u.f.Mkdir(u.a.ctx, to)
	case info.Mode().IsRegular():
		err = u.file(at, to, info)
	default:
		u.leave(at, fileNotRegular)
		return nil
	}
	if rel != "." && errors.Is(err, space.ErrUsage) { // a name that no file can have: the others go on
		u.leave(at, err.Error())
		return nil
	}
	return err
}

func (u *uploader) leave(at, why string) {
	u.left++
	u.a.warn(fmt.Sprintf(fileLeftOut, clean(strconv.Quote(at)), clean(why)))
}

func (u *uploader) file(local, target string, info fs.FileInfo) error {
	src, err := os.Open(local)
	if err != nil {
		return err
	}
	defer src.Close()
	o := space.PutOptions{Modified: info.ModTime(), Executable: info.Mode()&0o111 != 0, Name: filepath.Base(local)}
	return u.stream(src, target, info.Size(), o)
}

func (u *uploader) stream(src io.Reader, target string, size int64, o space.PutOptions) error {
	o.Resolve = u.flags.resolve
	before := u.batch.Len()
	read := &watched{r: src, tell: u.a.progress(), phase: target, total: size}
	if err := u.batch.Put(u.a.ctx, target, read, o); err != nil {
		return err
	}
	u.stored += read.n
	u.out = append(u.out, putFile{Path: target, Size: read.n, Changed: u.batch.Len() > before})
	if u.batch.Len() >= filesAtOnce || u.stored >= bytesAtOnce || u.batch.Size() >= maxFileOps {
		return u.write()
	}
	return nil
}

func (u *uploader) write() error {
	_, err := u.batch.Write(u.a.ctx)
	u.batch.Close()
	u.batch, u.stored = u.f.Batch(), 0
	return err
}

// finish writes the rest and prints what was put.
func (u *uploader) finish() error {
	if err := u.write(); err != nil {
		return err
	}
	changed := 0
	for i := range u.out {
		info, err := u.f.Stat(u.a.ctx, u.out[i].Path)
		if err != nil {
			return err
		}
		u.out[i].Version = info.Version
		if u.out[i].Changed {
			changed++
		}
	}
	if err := u.a.print(list(u.out), func(w io.Writer) { fmt.Fprintf(w, filesPut, changed, len(u.out)-changed) }); err != nil {
		return err
	}
	if u.left > 0 {
		return fmt.Errorf(filesLeftOut, u.left)
	}
	return nil
}

// watched tells how far a stream was read.
type watched struct {
	r        io.Reader
	n, total int64
	tell     func(space.Progress)
	phase    string
}

func (w *watched) Read(b []byte) (int, error) {
	n, err := w.r.Read(b)
	w.n += int64(n)
	if w.tell != nil {
		w.tell(space.Progress{Phase: w.phase, Done: w.n, Total: w.total})
	}
	return n, err
}
