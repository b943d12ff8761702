package gitstore

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"syscall"
	"time"

	"github.com/espace-git/espace-git/internal/wire"
)

// RefUpdate moves a ref from Old to New. A zero Old creates, and fails when the
// ref exists; a zero New deletes.
type RefUpdate struct {
	Name     string
	Old, New wire.ObjectID
}

// How long to wait for another process's lock. A lock that is a minute old and
// was not touched for two seconds under our eyes belongs to a process that died:
// nobody holds one for longer than a few milliseconds. (Watching, not the age
// alone: after a machine slept, every lock looks old.)
const (
	lockWait  = 3 * time.Second
	lockWatch = 2 * time.Second
	lockStale = time.Minute
)

// SetRef moves one ref: compare, write under git's own lock, flush, rename. When
// it returns nil the change is durable; after an error the ref is as it was
// (unless the disk does not even take the old value back).
// ErrConflict when the ref is not at old, or another name stands in its way.
func (r *Repo) SetRef(name string, old, new wire.ObjectID) error {
	return r.SetRefs([]RefUpdate{{name, old, new}})
}

// SetRefs moves several refs, all or none (but for a crash between the renames,
// as with git). The error is that of the first ref that could not move.
func (r *Repo) SetRefs(updates []RefUpdate) error {
	_, err := r.setRefs(updates)
	return err
}

// setRefs also says which update failed.
func (r *Repo) setRefs(updates []RefUpdate) (string, error) {
	tx := &refTx{repo: r}
	name, err := tx.run(updates)
	tx.release()
	if err != nil && tx.moving {
		tx.undo()
	}
	return name, err
}

func (tx *refTx) run(updates []RefUpdate) (string, error) {
	sorted := append([]RefUpdate(nil), updates...)
	sort.Slice(sorted, func(i, j int) bool { return sorted[i].Name < sorted[j].Name })
	for i, u := range sorted {
		if i > 0 && sorted[i-1].Name == u.Name {
			return u.Name, fmt.Errorf("%w: %q named twice", ErrBadRefName, u.Name)
		}
		if err := tx.prepare(u); err != nil {
			return u.Name, fmt.Errorf("moving %s: %w", u.Name, err)
		}
	}
	return tx.commit()
}

// refTx is a set of refs that are locked, compared and written, not yet moved.
type refTx struct {
	repo    *Repo
	pending []refLock
	moving  bool // some may have moved
}

type refLock struct {
	RefUpdate
	f    file
	done bool
}

func (tx *refTx) prepare(u RefUpdate) error {
	if err := checkRefName(u.Name); err != nil {
		return err
	}
	f, err := tx.repo.lock(tx.repo.refPath(u.Name))
	if err != nil {
		return err
	}
	tx.pending = append(tx.pending, refLock{RefUpdate: u, f: f})
	now, _, err := tx.repo.Ref(u.Name)
	if err != nil && !errors.Is(err, ErrCorrupt) {
		return err
	}
	if now != u.Old {
		return fmt.Errorf("%w: is at %s, not %s", ErrConflict, now, u.Old)
	}
	if u.New.IsZero() {
		return nil
	}
	if err := tx.repo.inTheWay(u.Name); err != nil {
		return err
	}
	if _, err = f.Write([]byte(u.New.String() + "\n")); err == nil {
		err = f.Sync()
	}
	return err
}

// commit moves what is prepared: first all deletions from packed-refs, then file by file.
func (tx *refTx) commit() (string, error) {
	tx.moving = true
	if err := tx.unpackDeleted(); err != nil {
		return tx.pending[0].Name, err
	}
	dirs := map[string]bool{}
	for i := range tx.pending {
		l := &tx.pending[i]
		if err := tx.move(l); err != nil {
			return l.Name, fmt.Errorf("moving %s: %w", l.Name, err)
		}
		dirs[filepath.Dir(tx.repo.refPath(l.Name))] = true
	}
	for d := range dirs {
		if err := tx.repo.disk.SyncDir(d); err != nil && !isNotExist(err) {
			return tx.pending[0].Name, err
		}
	}
	return "", nil
}

func (tx *refTx) move(l *refLock) error {
	path := tx.repo.refPath(l.Name)
	if l.New.IsZero() {
		if err := tx.repo.disk.Remove(path); err != nil && !isNotExist(err) {
			return err
		}
		return nil
	}
	if err := l.f.Close(); err != nil {
		return err
	}
	err := tx.repo.disk.Rename(l.f.Name(), path)
	if err != nil && removeEmptyDirs(path) {
		err = tx.repo.disk.Rename(l.f.Name(), path)
	}
	l.done = err == nil
	return err
}

func (tx *refTx) release() {
	for _, l := range tx.pending {
		l.f.Close()
		if !l.done {
			tx.repo.disk.Remove(l.f.Name())
		}
		if l.New.IsZero() {
			tx.repo.pruneDirs(l.Name)
		}
	}
}

// undo takes back what moved before the disk failed, as far as the disk lets it:
// a caller that hears of an error should find the refs as they were.
func (tx *refTx) undo() {
	for _, l := range tx.pending {
		if now, _, err := tx.repo.Ref(l.Name); err == nil && now == l.New && now != l.Old {
			_ = tx.repo.restore(l.Name, l.New, l.Old)
		}
	}
}

func (r *Repo) restore(name string, from, to wire.ObjectID) error {
	tx := &refTx{repo: r}
	defer tx.release()
	if err := tx.prepare(RefUpdate{name, from, to}); err != nil {
		return err
	}
	_, err := tx.commit()
	return err
}

// unpackDeleted takes deleted refs out of packed-refs, before their files go:
// the other way round a crash would bring an older value back.
func (tx *refTx) unpackDeleted() error {
	gone := map[string]bool{}
	packed, err := tx.repo.packedRefs()
	if err != nil {
		return err
	}
	for _, l := range tx.pending {
		if _, ok := packed[l.Name]; ok && l.New.IsZero() {
			gone[l.Name] = true
		}
	}
	if len(gone) == 0 {
		return nil
	}
	return tx.repo.rewritePacked(gone)
}

func (r *Repo) rewritePacked(gone map[string]bool) error {
	path := filepath.Join(r.dir, "packed-refs")
	f, err := r.lock(path)
	if err != nil {
		return err
	}
	defer r.disk.Remove(f.Name())
	defer f.Close()
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	_, err = f.Write(withoutRefs(b, gone))
	if err = firstError(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := r.disk.Rename(f.Name(), path); err != nil {
		return err
	}
	return r.disk.SyncDir(r.dir)
}

func withoutRefs(packed []byte, gone map[string]bool) []byte {
	var out bytes.Buffer
	skip := false
	for line := range bytes.Lines(packed) {
		if line[0] == '^' && skip {
			continue
		}
		_, name, _ := strings.Cut(strings.TrimRight(string(line), "\n"), " ")
		if skip = gone[name] && line[0] != '#'; !skip {
			out.Write(line)
		}
	}
	return out.Bytes()
}

// lock creates path.lock, as git does, with the directories above it.
func (r *Repo) lock(path string) (file, error) {
	var first os.FileInfo
	for start := time.Now(); ; time.Sleep(5 * time.Millisecond) {
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			if errors.Is(err, syscall.ENOTDIR) || isExist(err) {
				return nil, fmt.Errorf("%w: a shorter ref name stands in its way", ErrConflict)
			}
			return nil, err
		}
		f, err := r.disk.Create(path + ".lock")
		if err == nil || !isExist(err) && !isNotExist(err) { // not exist: pruned just now
			return f, err
		}
		now, serr := os.Stat(path + ".lock")
		if serr != nil {
			continue
		}
		if first == nil || !os.SameFile(first, now) || !first.ModTime().Equal(now.ModTime()) {
			first = now
			if time.Since(start) > lockWait {
				return nil, fmt.Errorf("%w: others hold %s.lock", ErrConflict, filepath.Base(path))
			}
			continue
		}
		if time.Since(start) > lockWatch && time.Since(now.ModTime()) > lockStale {
			os.Remove(path + ".lock")
			continue
		}
		if time.Since(start) > lockWait {
			return nil, fmt.Errorf("%w: another process holds %s.lock", ErrConflict, filepath.Base(path))
		}
	}
}

// inTheWay finds refs that make name impossible: a/8 and a/8/x can't both be.
func (r *Repo) inTheWay(name string) error {
	all, err := r.packedRefs()
	if err != nil {
		return err
	}
	for other := range all {
		long, short := other, name
		if len(long) < len(short) {
			long, short = short, long
		}
		if long != short && strings.HasPrefix(long, short+"/") {
			return fmt.Errorf("%w: %s stands in its way", ErrConflict, other)
		}
	}
	if below, err := r.Refs(name + "/"); err == nil && len(below) > 0 {
		return fmt.Errorf("%w: there are refs below it", ErrConflict)
	}
	return nil
}

// removeEmptyDirs clears the empty directories that deleted refs left at path.
func removeEmptyDirs(path string) bool {
	names, err := os.ReadDir(path)
	if err != nil {
		return false
	}
	for _, n := range names {
		if !n.IsDir() || !removeEmptyDirs(filepath.Join(path, n.Name())) {
			return false
		}
	}
	return os.Remove(path) == nil
}

// pruneDirs removes directories that a deleted ref leaves empty, up to refs/x.
func (r *Repo) pruneDirs(name string) {
	for dir := filepath.Dir(filepath.FromSlash(name)); strings.Count(filepath.ToSlash(dir), "/") > 1; dir = filepath.Dir(dir) {
		if os.Remove(filepath.Join(r.dir, dir)) != nil {
			return
		}
	}
}
