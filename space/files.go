package space

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/espace-git/espace-git/internal/wire"
	"github.com/espace-git/espace-git/membership"
	"github.com/espace-git/espace-git/merge"
	"github.com/espace-git/espace-git/schema"
	"github.com/espace-git/espace-git/view"
)

// Files are the files of a space, in folders, with all their versions. A path has
// slashes between its names. Content is fetched when it is read.
//
// "table/row/column" is the file in that column of a row, if the table has such a
// column; a path that begins with a slash always means a file in the folders.
//
// Concurrent versions of a text, JSON, YAML or CSV file are merged by a device of
// one of their authors, if nothing contradicts. Else the last stands under the
// file's name, and the others beside it: "plan (from bob, 2026-11-23).txt".
type Files struct{ s *Space }

// Files are the space's files.
func (s *Space) Files() *Files { return &Files{s} }

// FileInfo is a file or folder as it stands.
type FileInfo struct {
	Path       string    `json:"path"`
	Name       string    `json:"name"`
	Dir        bool      `json:"dir"`
	Size       int64     `json:"size"`     // in bytes, as its author says
	Modified   time.Time `json:"modified"` // of a folder: when it was put there
	Executable bool      `json:"executable"`
	Version    string    `json:"version"`  // its ID; empty for folders
	Written    time.Time `json:"written"`  // when the version was put
	Member     string    `json:"member"`   // who put it
	Conflict   bool      `json:"conflict"` // it stands beside another of the same file
	Missing    bool      `json:"missing"`  // its content was deleted, its name was not

	content   *merge.FileVersion
	node      node
	conflicts int // how many versions stand beside this one
}

// FileVersion is one version of a file.
type FileVersion struct {
	ID         string    `json:"version"`
	Size       int64     `json:"size"`
	Modified   time.Time `json:"modified"`
	Executable bool      `json:"executable"`
	Name       string    `json:"name"` // of a file in a column of a row
	Written    time.Time `json:"written"`
	Member     string    `json:"member"`
	Device     string    `json:"device"`
	Parents    []string  `json:"parents"` // the versions that it replaced; never null
	Current    bool      `json:"current"` // it stands under the file's name
	Conflict   bool      `json:"conflict"`
	Merged     bool      `json:"merged"` // a program made it from its parents
	Deleted    bool      `json:"deleted"`
}

// fileView reads files in one state of the store.
type fileView struct {
	s      *Space
	v      *view.Tx
	schema *schema.Schema
	roster *membership.Roster
	tree   *merge.TreeDoc
}

func (f *Files) view(ctx context.Context, fn func(*fileView) error) error {
	return queryError(f.s.db.View(ctx, func(v *view.Tx) error {
		sc, _ := v.Schema()
		if sc == nil {
			return join(ErrWaiting, fmt.Errorf("no schema yet: %w", ErrWaiting))
		}
		fv, err := f.s.newFileView(v, sc)
		if err != nil {
			return err
		}
		return fn(fv)
	}))
}

func (s *Space) newFileView(v *view.Tx, sc *schema.Schema) (*fileView, error) {
	l, err := s.ledgerAt(v)
	if err != nil {
		return nil, err
	}
	fv := &fileView{s: s, v: v, schema: sc, roster: l.roster}
	return fv, fv.loadTree()
}

func (f *fileView) loadTree() error {
	at := foldersAt(f.schema)
	d, err := f.v.Document(at.table.Number, at.row, at.column.Number)
	if err == nil {
		f.tree = d.(*merge.TreeDoc)
	}
	return err
}

// filePlace is where a document lies.
type filePlace struct {
	table  *schema.Table
	column *schema.Column
	row    merge.RowID
}

// foldersAt is the document with the folders and the names of files.
func foldersAt(sc *schema.Schema) filePlace {
	t, _ := sc.TableByNumber(schema.FoldersTable)
	return filePlace{t, t.Columns[0], schema.DocumentRow(foldersName)}
}

const foldersName = "files"

// contentAt is the document with the versions of a file in the folders.
func contentAt(sc *schema.Schema, row merge.RowID) filePlace {
	t, _ := sc.TableByNumber(schema.FilesTable)
	return filePlace{table: t, column: t.Columns[0], row: row}
}

// columnAt is the document of a path that names a column.
func columnAt(sc *schema.Schema, path string) (filePlace, bool) {
	parts := strings.Split(path, "/")
	if len(parts) != 3 {
		return filePlace{}, false
	}
	t, ok := sc.Table(parts[0])
	if !ok {
		return filePlace{}, false
	}
	c, ok := t.Column(parts[2])
	if !ok || c.Type != schema.File {
		return filePlace{}, false
	}
	row, err := parseID(parts[1])
	return filePlace{table: t, column: c, row: merge.RowID(row)}, err == nil
}

// ErrNoFileColumn: a path names a row of a table, and no column of it that holds
// files. It is an ErrUsage.
var ErrNoFileColumn = errors.New("no column of files")

// checkNoRow refuses a path at which folders would be made where a column of a row
// was meant. With a slash before it, it means the folders.
func checkNoRow(sc *schema.Schema, path string) error {
	parts := strings.Split(path, "/")
	t, ok := sc.Table(parts[0])
	if !ok || len(parts) < 2 {
		return nil
	}
	if _, err := parseID(parts[1]); err != nil {
		return nil
	}
	if len(parts) == 3 {
		if c, ok := t.Column(parts[2]); ok {
			return join(ErrNoFileColumn, usage("%s.%s is a %s, and no file", t.Name, c.Name, c.Type))
		}
	}
	return join(ErrNoFileColumn, usage("%s names a row of table %q, and no column of it", shownPath(path), t.Name))
}

// file is the document of a path: of a file in the folders, or in a column.
func (f *fileView) file(path string) (filePlace, *merge.FileDoc, error) {
	if at, ok := columnAt(f.schema, path); ok {
		d, err := f.load(at)
		return at, d, err
	}
	e, err := f.find(path)
	if err == nil && e.Dir {
		err = usage("%s is a folder", shownPath(path))
	}
	if err != nil {
		return filePlace{}, nil, err
	}
	at := contentAt(f.schema, e.node.row)
	d, err := f.load(at)
	return at, d, err
}

func (f *fileView) load(at filePlace) (*merge.FileDoc, error) {
	_, live, err := f.v.Live(at.table.Number, at.row)
	if err == nil && !live {
		err = notFound("there is no row %s in table %q", schema.FormatID(at.row), at.table.Name)
	}
	if err != nil {
		return nil, err
	}
	d, err := f.v.Document(at.table.Number, at.row, at.column.Number)
	if err != nil {
		return nil, err
	}
	return d.(*merge.FileDoc), nil
}

// stat is a path as it stands, in the folders or in a column.
func (f *fileView) stat(path string) (FileInfo, error) {
	at, ok := columnAt(f.schema, path)
	if !ok {
		return f.find(path)
	}
	d, err := f.load(at)
	if err != nil {
		return FileInfo{}, err
	}
	heads := d.Heads()
	if len(heads) == 0 || heads[0].Content.Gone {
		return FileInfo{}, notFound("there is no file in %s", path)
	}
	info := f.info(path, node{}, &heads[0])
	info.conflicts = len(heads) - 1
	return info, nil
}

// info describes a file at one of its versions.
func (f *fileView) info(path string, n node, v *merge.FileVersion) FileInfo {
	return FileInfo{
		Path: path, Name: baseName(path), Size: int64(v.Content.Size), Modified: time.Unix(0, v.Content.Modified).UTC(), Executable: v.Content.Executable,
		Version: versionID(v.Dot()), Written: written(v.Mark), Member: deviceName(f.v, f.roster, v.Device), content: v, node: n,
	}
}

// written is when a change was made, by its author's clock.
func written(m merge.Mark) time.Time {
	return time.UnixMilli(int64(max(m.Time, m.Before) >> 16)).UTC()
}

// versionID is a short name of a version: 10 hexadecimal digits.
func versionID(d merge.Dot) string { return wire.Sum([]byte(d.String())).String()[:10] }

// Stat describes the file or folder at a path. ErrNotFound: there is none.
func (f *Files) Stat(ctx context.Context, path string) (info FileInfo, err error) {
	err = f.view(ctx, func(fv *fileView) error {
		info, err = fv.stat(path)
		return err
	})
	return info, err
}

// ReadDir lists a folder by name; "" or "." is the top. Of a file it is the file.
func (f *Files) ReadDir(ctx context.Context, path string) (list []FileInfo, err error) {
	err = f.view(ctx, func(fv *fileView) error {
		info, err := fv.stat(path)
		if err != nil || !info.Dir {
			list = []FileInfo{info}
			return err
		}
		list, err = fv.list(info)
		return err
	})
	if err != nil {
		return nil, err
	}
	return list, nil
}

// Versions lists all versions of a file, the last one first.
func (f *Files) Versions(ctx context.Context, path string) (list []FileVersion, err error) {
	err = f.view(ctx, func(fv *fileView) error {
		_, d, err := fv.file(path)
		if err != nil {
			return err
		}
		heads := d.Heads()
		list = []FileVersion{}
		for _, v := range d.Versions() {
			list = append(list, fv.version(&v, heads))
		}
		return nil
	})
	return list, err
}

func (f *fileView) version(v *merge.FileVersion, heads []merge.FileVersion) FileVersion {
	out := FileVersion{
		ID: versionID(v.Dot()), Size: int64(v.Content.Size), Modified: time.Unix(0, v.Content.Modified).UTC(), Executable: v.Content.Executable,
		Name: v.Content.Name, Written: written(v.Mark), Member: deviceName(f.v, f.roster, v.Device), Device: v.Device.String(),
		Parents: []string{}, Merged: v.Content.Merged, Deleted: v.Content.Gone,
	}
	for _, p := range v.Parents {
		out.Parents = append(out.Parents, versionID(p))
	}
	for i, h := range heads {
		if h.Dot() == v.Dot() {
			out.Current, out.Conflict = i == 0, i > 0
		}
	}
	return out
}

// pick finds a version by its ID, or the beginning of one, of at least 4 digits; or
// by the full name that a row's JSON has.
func pick(d *merge.FileDoc, id string) (merge.FileVersion, error) {
	var found []merge.FileVersion
	for _, v := range d.Versions() {
		if len(id) >= 4 && strings.HasPrefix(versionID(v.Dot()), id) || v.Dot().String() == id {
			found = append(found, v)
		}
	}
	switch len(found) {
	case 0:
		return merge.FileVersion{}, notFound("there is no version %q", id)
	case 1:
		return found[0], nil
	}
	return merge.FileVersion{}, usage("%d versions begin with %q", len(found), id)
}

// errMissing: the name of a file is there, its content is not.
var errMissing = errors.New("its content was deleted, only its name is left")
