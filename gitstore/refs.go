package gitstore

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/espace-git/espace-git/internal/wire"
)

// Refs are git's files: refs/… with one name each, or lines of packed-refs. A
// loose file wins. go-git writes them in place, without lock or fsync, and
// 14 of 200 kills left an empty one (FACTS.md); so this package writes its own,
// and reads an empty file as one that is not there.

func (r *Repo) refPath(name string) string { return filepath.Join(r.dir, filepath.FromSlash(name)) }

// Ref reads a ref; false when there is none.
func (r *Repo) Ref(name string) (wire.ObjectID, bool, error) {
	if err := checkRefName(name); err != nil {
		return wire.ObjectID{}, false, err
	}
	id, ok, err := r.looseRef(name)
	if ok || err != nil {
		return id, ok, err
	}
	packed, err := r.packedRefs()
	if err != nil {
		return id, false, err
	}
	if id, ok = packed[name]; !ok {
		// git pack-refs may have moved it the other way between the two reads.
		return r.looseRef(name)
	}
	return id, ok, nil
}

var errSymbolic = errors.New("symbolic ref")

func (r *Repo) looseRef(name string) (id wire.ObjectID, ok bool, err error) {
	b, err := os.ReadFile(r.refPath(name))
	if isNotExist(err) || errors.Is(err, syscall.ENOTDIR) || errors.Is(err, syscall.EISDIR) {
		return id, false, nil
	}
	if err != nil {
		if st, serr := os.Stat(r.refPath(name)); serr == nil && st.IsDir() {
			return id, false, nil
		}
		return id, false, err
	}
	text := strings.TrimRight(string(b), "\n\x00")
	if text == "" {
		return id, false, nil
	}
	if strings.HasPrefix(text, "ref:") {
		return id, false, fmt.Errorf("ref %s: %w", name, errSymbolic)
	}
	id, err = wire.ParseObjectID(text)
	if err != nil {
		return id, false, fmt.Errorf("ref %s: %w: %w", name, ErrCorrupt, err)
	}
	return id, true, nil
}

// Refs reads all refs whose names start with prefix. One that can't be read
// (a torn or symbolic one) is left out: it must not hide the others.
func (r *Repo) Refs(prefix string) (map[string]wire.ObjectID, error) {
	all, _, err := r.scanRefs(prefix)
	return all, err
}

// scanRefs also names the refs that can't be read.
func (r *Repo) scanRefs(prefix string) (map[string]wire.ObjectID, map[string]error, error) {
	loose, bad, err := r.looseRefs(prefix)
	if err != nil {
		return nil, nil, err
	}
	packed, err := r.packedRefs()
	if err != nil {
		return nil, nil, err
	}
	for name, id := range packed {
		if _, ok := loose[name]; !ok && bad[name] == nil && strings.HasPrefix(name, prefix) {
			loose[name] = id
		}
	}
	return loose, bad, nil
}

func (r *Repo) looseRefs(prefix string) (map[string]wire.ObjectID, map[string]error, error) {
	out, bad := map[string]wire.ObjectID{}, map[string]error{}
	start := "refs"
	if i := strings.LastIndexByte(prefix, '/'); i > 0 && checkRefName(prefix[:i]+"/x") == nil {
		start = prefix[:i]
	}
	err := filepath.WalkDir(r.refPath(start), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return ignoreGone(err)
		}
		rel, err := filepath.Rel(r.dir, path)
		if err != nil {
			return err
		}
		name := filepath.ToSlash(rel)
		if !strings.HasPrefix(name, prefix) || checkRefName(name) != nil {
			return nil
		}
		id, ok, err := r.looseRef(name)
		if ok {
			out[name] = id
		} else if err != nil {
			bad[name] = err
		}
		return nil
	})
	return out, bad, err
}

func ignoreGone(err error) error {
	if isNotExist(err) || errors.Is(err, syscall.ENOTDIR) {
		return nil
	}
	return err
}

// packedRefs reads packed-refs whole; git only ever replaces that file.
func (r *Repo) packedRefs() (map[string]wire.ObjectID, error) {
	f, err := os.Open(filepath.Join(r.dir, "packed-refs"))
	if isNotExist(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return parsePackedRefs(f)
}

// parsePackedRefs reads "<name> <ref>" lines; # starts a remark, ^ the object
// that the tag of the line before points to.
func parsePackedRefs(r io.Reader) (map[string]wire.ObjectID, error) {
	out := map[string]wire.ObjectID{}
	s := bufio.NewScanner(io.LimitReader(r, 4*MaxAdvertised))
	for s.Scan() {
		line := s.Text()
		if line == "" || line[0] == '#' || line[0] == '^' {
			continue
		}
		hex, name, ok := strings.Cut(line, " ")
		id, err := wire.ParseObjectID(hex)
		if !ok || err != nil {
			return nil, fmt.Errorf("packed-refs: %w", ErrCorrupt)
		}
		if len(out) >= MaxAdvertisedRefs {
			return nil, fmt.Errorf("packed-refs: %w", ErrTooBig)
		}
		if checkRefName(name) == nil {
			out[name] = id
		}
	}
	return out, s.Err()
}
