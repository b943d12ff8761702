package space

import (
	"context"
	"iter"
	"slices"
	"strings"

	"github.com/espace-git/espace-git/schema"
)

// FileChange is what happened at a path.
type FileChange struct {
	Kind string   `json:"kind"` // put: it is there, or another version is; remove
	File FileInfo `json:"file"` // as it is now; of a remove: as it was
}

// Watch gives all that stands in the folders, as puts, and then every change, until
// ctx ends. A rename is a remove and a put. It sees what this process and others on
// this device write, and what they sync.
func (f *Files) Watch(ctx context.Context) iter.Seq2[FileChange, error] {
	return func(yield func(FileChange, error) bool) {
		known := map[string]FileInfo{}
		for {
			var now []FileInfo
			var seen [2]uint64
			err := f.view(ctx, func(fv *fileView) (err error) {
				if seen, err = fv.versions(); err == nil {
					now, err = fv.all(FileInfo{})
				}
				return err
			})
			for _, c := range fileChanges(known, now) {
				if !yield(c, nil) {
					return
				}
			}
			if err == nil {
				err = f.wait(ctx, seen)
			}
			if err != nil {
				if ctx.Err() == nil {
					yield(FileChange{}, queryError(err))
				}
				return
			}
		}
	}
}

func (f *fileView) tables() [2]string {
	return [2]string{contentAt(f.schema, [16]byte{}).table.Name, foldersAt(f.schema).table.Name}
}

func (f *fileView) versions() (seen [2]uint64, err error) {
	for i, name := range f.tables() {
		if seen[i], err = f.v.Version(name); err != nil {
			return seen, err
		}
	}
	return seen, nil
}

// wait returns when one of the two tables has changed.
func (f *Files) wait(ctx context.Context, seen [2]uint64) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	names := (&fileView{schema: new(schema.Schema)}).tables()
	done := make(chan error, len(names))
	for i, name := range names {
		go func() {
			_, err := f.s.db.Wait(ctx, name, seen[i])
			done <- err
		}()
	}
	err := <-done
	cancel()
	<-done // nothing of it runs any more
	return err
}

// all is what stands in a folder, with all below it.
func (f *fileView) all(folder FileInfo) ([]FileInfo, error) {
	list, err := f.list(folder)
	out := slices.Clone(list)
	for _, e := range list {
		if e.Dir && err == nil {
			var below []FileInfo
			below, err = f.all(e)
			out = append(out, below...)
		}
	}
	return out, err
}

// fileChanges takes the list into known, by path.
func fileChanges(known map[string]FileInfo, now []FileInfo) (out []FileChange) {
	here := map[string]bool{}
	for _, e := range now {
		here[e.Path] = true
		if old, ok := known[e.Path]; !ok || old.Version != e.Version || old.Dir != e.Dir || old.Missing != e.Missing {
			out = append(out, FileChange{"put", e})
		}
		known[e.Path] = e
	}
	var gone []FileChange
	for p, e := range known {
		if !here[p] {
			gone = append(gone, FileChange{"remove", e})
			delete(known, p)
		}
	}
	slices.SortFunc(gone, func(a, b FileChange) int { return strings.Compare(b.File.Path, a.File.Path) })
	return append(gone, out...)
}
