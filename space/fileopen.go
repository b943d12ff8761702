package space

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"path"
	"time"
)

// File is an open file: fs.File, io.ReaderAt, io.Seeker and io.WriterTo. What is
// not on this device is fetched as it is read. It stays readable at the version that
// was opened. ReadAt may be called by several goroutines at once, the rest by one.
type File struct {
	reader
	info FileInfo
}

// Info describes the file at the version that is open.
func (f *File) Info() FileInfo { return f.info }

// Stat is that of fs.File.
func (f *File) Stat() (fs.FileInfo, error) { return fileStat{f.info}, nil }

// Close is that of fs.File.
func (f *File) Close() error { return nil }

// Open opens a file. ErrNotFound: there is none. Reading it may fail with
// ErrUnreachable, or ErrNotFound where no host has the content any more.
func (f *Files) Open(ctx context.Context, p string) (*File, error) { return f.OpenVersion(ctx, p, "") }

// OpenVersion opens a file at one of its versions; "" is the one under its name.
func (f *Files) OpenVersion(ctx context.Context, p, version string) (*File, error) {
	var info FileInfo
	err := f.view(ctx, func(fv *fileView) (err error) {
		info, err = fv.at(p, version)
		return err
	})
	if err != nil {
		return nil, err
	}
	r, err := f.s.openVersion(ctx, info.content)
	if err != nil {
		return nil, fmt.Errorf("opening %s: %w", shownPath(p), err)
	}
	return &File{r, info}, nil
}

// at is a file at one of its versions.
func (f *fileView) at(p, version string) (FileInfo, error) {
	info, err := f.stat(p)
	switch {
	case err != nil && version == "":
		return info, err
	case info.Dir:
		return info, usage("%s is a folder", shownPath(p))
	case version == "" && info.Missing:
		return info, join(ErrNotFound, fmt.Errorf("%s: %w", shownPath(p), errMissing))
	case version == "":
		return info, nil
	}
	_, d, err := f.file(p)
	if err != nil {
		return info, err
	}
	v, err := pick(d, version)
	if err == nil && v.Content.Gone {
		err = notFound("version %s: the file was deleted", version)
	}
	return f.info(info.Path, info.node, &v), err
}

// fileStat is a FileInfo as package fs has them.
type fileStat struct{ FileInfo }

func (s fileStat) Name() string {
	if s.Path == "" {
		return "."
	}
	return path.Base(s.Path)
}
func (s fileStat) Size() int64        { return s.FileInfo.Size }
func (s fileStat) ModTime() time.Time { return s.Modified }
func (s fileStat) IsDir() bool        { return s.Dir }
func (s fileStat) Sys() any           { return s.FileInfo }
func (s fileStat) Mode() fs.FileMode {
	switch {
	case s.Dir:
		return fs.ModeDir | 0o555
	case s.Executable:
		return 0o555
	}
	return 0o444
}

// FS is the files in the folders as an fs.FS, as they are whenever they are asked
// for, to be read only. It implements fs.StatFS, fs.ReadDirFS and fs.ReadFileFS.
func (f *Files) FS(ctx context.Context) fs.FS { return fileSystem{ctx, f} }

type fileSystem struct {
	ctx context.Context //nolint:containedctx // fs.FS has no room for one
	f   *Files
}

func (s fileSystem) stat(op, name string) (FileInfo, error) {
	if !fs.ValidPath(name) {
		return FileInfo{}, &fs.PathError{Op: op, Path: name, Err: fs.ErrInvalid}
	}
	var info FileInfo
	err := s.f.view(s.ctx, func(fv *fileView) (err error) {
		info, err = fv.find(name)
		return err
	})
	return info, pathError(op, name, err)
}

func pathError(op, name string, err error) error {
	if err == nil {
		return nil
	}
	if isNotFound(err) {
		err = fs.ErrNotExist
	}
	return &fs.PathError{Op: op, Path: name, Err: err}
}

// Stat is that of fs.StatFS.
func (s fileSystem) Stat(name string) (fs.FileInfo, error) {
	info, err := s.stat("stat", name)
	if err != nil {
		return nil, err
	}
	return fileStat{info}, nil
}

// Open is that of fs.FS.
func (s fileSystem) Open(name string) (fs.File, error) {
	info, err := s.stat("open", name)
	if err != nil {
		return nil, err
	}
	if info.Dir {
		return &openFolder{s: s, info: info}, nil
	}
	if info.Missing {
		return nil, pathError("open", name, errMissing)
	}
	r, err := s.f.s.openVersion(s.ctx, info.content)
	if err != nil {
		return nil, pathError("open", name, err)
	}
	return &File{r, info}, nil
}

// ReadDir is that of fs.ReadDirFS.
func (s fileSystem) ReadDir(name string) ([]fs.DirEntry, error) {
	info, err := s.stat("readdir", name)
	if err != nil {
		return nil, err
	}
	if !info.Dir {
		return nil, &fs.PathError{Op: "readdir", Path: name, Err: fs.ErrInvalid}
	}
	list, err := s.list(info)
	return list, pathError("readdir", name, err)
}

func (s fileSystem) list(folder FileInfo) (out []fs.DirEntry, err error) {
	err = s.f.view(s.ctx, func(fv *fileView) error {
		list, err := fv.list(folder)
		for _, info := range list {
			out = append(out, fs.FileInfoToDirEntry(fileStat{info}))
		}
		return err
	})
	return out, err
}

// ReadFile is that of fs.ReadFileFS.
func (s fileSystem) ReadFile(name string) ([]byte, error) {
	f, err := s.Open(name)
	if err != nil {
		return nil, err
	}
	r, ok := f.(*File)
	if !ok {
		return nil, &fs.PathError{Op: "read", Path: name, Err: fs.ErrInvalid}
	}
	var b bytes.Buffer
	if _, err := r.WriteTo(&b); err != nil {
		return nil, pathError("read", name, err)
	}
	return b.Bytes(), nil
}

// openFolder is a folder that is open.
type openFolder struct {
	s    fileSystem
	info FileInfo
	rest []fs.DirEntry
	read bool
}

func (d *openFolder) Stat() (fs.FileInfo, error) { return fileStat{d.info}, nil }
func (d *openFolder) Close() error               { return nil }
func (d *openFolder) Read([]byte) (int, error) {
	return 0, &fs.PathError{Op: "read", Path: d.info.Path, Err: fs.ErrInvalid}
}

// ReadDir is that of fs.ReadDirFile.
func (d *openFolder) ReadDir(n int) ([]fs.DirEntry, error) {
	if !d.read {
		list, err := d.s.list(d.info)
		if err != nil {
			return nil, pathError("readdir", d.info.Path, err)
		}
		d.rest, d.read = list, true
	}
	if n <= 0 {
		n = len(d.rest)
	} else if len(d.rest) == 0 {
		return nil, io.EOF
	}
	n = min(n, len(d.rest))
	list := d.rest[:n:n]
	d.rest = d.rest[n:]
	return list, nil
}
