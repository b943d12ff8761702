package gitstore

import (
	"bytes"
	"fmt"
	"sort"
	"strconv"
	"strings"

	"github.com/espace-git/espace-git/internal/wire"
)

// Mode is what a tree entry is. We write two of git's five modes; links,
// executables and submodules have no use in a repository nobody checks out.
type Mode uint32

const (
	ModeFile Mode = 0o100644
	ModeDir  Mode = 0o040000
	// modeLink is seen in foreign trees only: it names an object of another
	// repository, so it is not followed.
	modeLink Mode = 0o160000
)

// TreeEntry is one line of a tree.
type TreeEntry struct {
	Name string
	Mode Mode
	ID   wire.ObjectID
}

// sortKey orders entries as git does: directories as if they ended in a slash.
func (e TreeEntry) sortKey() string {
	if e.Mode == ModeDir {
		return e.Name + "/"
	}
	return e.Name
}

// encodeTree sorts, checks and prints a tree.
func encodeTree(entries []TreeEntry) ([]byte, error) {
	sorted := append([]TreeEntry(nil), entries...)
	sort.Slice(sorted, func(i, j int) bool { return sorted[i].sortKey() < sorted[j].sortKey() })
	if err := checkTree(sorted); err != nil {
		return nil, err
	}
	var b []byte
	for _, e := range sorted {
		b = appendTreeEntry(b, e)
	}
	if len(b) > MaxTreeBytes {
		return nil, fmt.Errorf("tree of %d bytes: %w", len(b), ErrTooBig)
	}
	return b, nil
}

func appendTreeEntry(b []byte, e TreeEntry) []byte {
	b = strconv.AppendUint(b, uint64(e.Mode), 8)
	b = append(b, ' ')
	b = append(b, e.Name...)
	b = append(b, 0)
	return append(b, e.ID[:]...)
}

// parseTree takes trees in exactly the form that encodeTree prints: one
// spelling of a mode, git's order, no name twice, no name that means something
// to a file system.
func parseTree(b []byte) ([]TreeEntry, error) {
	entries, err := scanTree(b)
	if err != nil {
		return nil, err
	}
	if err := checkTree(entries); err != nil {
		return nil, err
	}
	again := make([]byte, 0, len(b))
	for _, e := range entries {
		again = appendTreeEntry(again, e)
	}
	if !bytes.Equal(again, b) {
		return nil, fmt.Errorf("%w: not in canonical form", ErrBadTree)
	}
	return entries, nil
}

// scanTree reads any tree that git could store: for walking what others made.
func scanTree(b []byte) ([]TreeEntry, error) {
	entries := make([]TreeEntry, 0, min(len(b)/28+1, 4096))
	for len(b) > 0 {
		head, rest, ok := bytes.Cut(b, []byte{0})
		if !ok || len(rest) < 20 {
			return nil, fmt.Errorf("%w: tree ends in the middle of an entry", ErrCorrupt)
		}
		mode, name, ok := strings.Cut(string(head), " ")
		m, err := strconv.ParseUint(mode, 8, 32)
		if !ok || err != nil {
			return nil, fmt.Errorf("%w: tree entry without mode", ErrCorrupt)
		}
		entries = append(entries, TreeEntry{name, Mode(m), wire.ObjectID(rest[:20])})
		b = rest[20:]
	}
	return entries, nil
}

func checkTree(entries []TreeEntry) error {
	folded := make(map[string]bool, len(entries))
	for i, e := range entries {
		if e.Mode != ModeFile && e.Mode != ModeDir {
			return fmt.Errorf("%w: %q has mode %o", ErrBadTree, e.Name, uint32(e.Mode))
		}
		if why := unsafeName(e.Name); why != "" {
			return fmt.Errorf("%w: name %q %s", ErrBadTree, e.Name, why)
		}
		if i > 0 && entries[i-1].sortKey() >= e.sortKey() {
			return fmt.Errorf("%w: %q is out of order", ErrBadTree, e.Name)
		}
		low := strings.ToLower(e.Name)
		if folded[low] {
			return fmt.Errorf("%w: %q is there twice but for case", ErrBadTree, e.Name)
		}
		folded[low] = true
	}
	return nil
}

// unsafeName says what is wrong with a name, "" for nothing. Only printable ASCII
// passes, so no look-alike of .git in another alphabet needs a rule of its own.
func unsafeName(s string) string {
	switch low := strings.ToLower(s); {
	case s == "" || len(s) > MaxRefName:
		return "has a length that is not allowed"
	case s == "." || s == "..":
		return "is a directory link"
	case strings.HasPrefix(low, ".git"), strings.HasPrefix(low, "git~"):
		return "stands for git's own directory"
	case strings.HasSuffix(s, ".") || strings.HasSuffix(s, " "):
		return "ends in what some systems drop"
	}
	for i := 0; i < len(s); i++ {
		if c := s[i]; c <= ' ' && c != ' ' || c >= 0x7f || strings.IndexByte(`/\:*?"<>|`, c) >= 0 {
			return "holds a character that is not allowed"
		}
	}
	return ""
}
