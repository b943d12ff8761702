package merge

import (
	"bytes"
	"encoding/binary"
	"maps"
	"slices"

	"github.com/espace-git/espace-git/internal/wire"
)

const (
	// MaxFileInline bounds a content that stands in its version itself, in bytes.
	MaxFileInline = 4 << 10
	// MaxFileChunks bounds the list that says where a longer content is, in bytes.
	MaxFileChunks = 64 << 10
	// MaxFileParents bounds the versions that one version names as its parents.
	MaxFileParents = 256
	// KeptVersions is how many versions of a file a seal keeps, besides the heads.
	KeptVersions = 1000
)

// File is a file as the graph of its versions. A version replaces those that it
// names as its parents; those that none replaces are the heads: one, or several
// after concurrent writes. What is replaced stays and can be read. The same
// changes give the same file, whatever the order and however often they come.
// The zero value is empty.
//
//	v1 <- v2 <- v3 <------ v5     v5 merges v3 and v4
//	        \-- v4 <------/
//
// A version replaces only what its author can have seen: lesser marks. So
// nobody replaces beforehand what others will write, and there is no circle.
type File struct {
	versions map[Dot]*FileVersion
	replaced map[Dot]Mark // by the greatest version that names it
}

// FileVersion is one version of a file.
type FileVersion struct {
	Mark              // who wrote it, and when; its Dot is its name for ever
	Parents []Dot     // ascending
	Content FileState // what the file was
}

// FileState is what one version says of a file. What it says of its size and
// its chunks is its author's word.
type FileState struct {
	Gone       bool   // there is no file; all else is zero
	Executable bool   // on systems that know it
	Merged     bool   // a program merged the parents: of those that merge the same ones, one counts
	Modified   int64  // as its author's file system says: Unix nanoseconds
	Name       string // a name as of CheckTreeName, or empty where a folder has it
	Size       uint64 // in bytes
	Inline     bool   // Data is the content; else the list of its chunks
	Data       []byte
}

// FileOp writes one version.
type FileOp struct {
	Index   uint32 // which its author's transaction uses once in this file
	Parents []Dot  // ascending; number 0: a version of the same transaction
	Content FileState
}

// FileChange is what one transaction does to one file.
type FileChange struct{ Ops []FileOp }

// Apply folds a change of the transaction with the given stamp. Of two versions
// of one name the first counts.
func (f *File) Apply(stamp Stamp, c *FileChange) {
	stamp = stamp.normal()
	for i := range c.Ops {
		op := &c.Ops[i]
		v := &FileVersion{Mark{stamp, op.Index}, make([]Dot, 0, len(op.Parents)), op.Content}
		for _, d := range op.Parents {
			v.Parents = append(v.Parents, d.in(stamp))
		}
		slices.SortFunc(v.Parents, Dot.Compare)
		v.Parents = slices.Compact(v.Parents)
		v.Content.Data = bytes.Clone(op.Content.Data)
		f.put(v)
	}
}

func (f *File) put(v *FileVersion) {
	if f.versions == nil {
		f.versions, f.replaced = map[Dot]*FileVersion{}, map[Dot]Mark{}
	}
	if _, known := f.versions[v.Dot()]; known {
		return
	}
	f.versions[v.Dot()] = v
	for _, d := range v.Parents {
		if f.replaced[d].Less(v.Mark) {
			f.replaced[d] = v.Mark
		}
	}
}

// head says whether nothing replaces a version.
func (f *File) head(v *FileVersion) bool { return !v.Less(f.replaced[v.Dot()]) }

// Len is the number of versions.
func (f *File) Len() int { return len(f.versions) }

// Version is a version by its name; false if it is not there.
func (f *File) Version(name Dot) (FileVersion, bool) {
	if v := f.versions[name]; v != nil {
		return *v, true
	}
	return FileVersion{}, false
}

// Versions are all versions, the greatest mark first.
func (f *File) Versions() []FileVersion {
	out := make([]FileVersion, 0, len(f.versions))
	for _, v := range f.versions {
		out = append(out, *v)
	}
	slices.SortFunc(out, func(a, b FileVersion) int { return b.Compare(a.Mark) })
	return out
}

// Heads are the versions that none replaces, the greatest mark first: the first
// is what the file reads as. A version without a file yields to others: who
// deletes a file takes what was there, not what others write meanwhile. And of
// those that programs made by merging the same parents one counts.
func (f *File) Heads() (out []FileVersion) {
	gone := true
	for _, v := range f.versions {
		if f.head(v) {
			out = append(out, *v)
			gone = gone && v.Content.Gone
		}
	}
	if !gone {
		out = slices.DeleteFunc(out, func(v FileVersion) bool { return v.Content.Gone })
	}
	slices.SortFunc(out, func(a, b FileVersion) int { return b.Compare(a.Mark) })
	return f.withoutTwins(out)
}

// withoutTwins drops merges of parents that another version merges too, if that
// is greater or was replaced itself: then what follows stands on it.
func (f *File) withoutTwins(heads []FileVersion) []FileVersion {
	merges := map[string]bool{} // of which parents one is seen
	for _, v := range heads {
		if key := v.merges(); key != "" {
			merges[key] = false
		}
	}
	if len(merges) == 0 {
		return heads
	}
	for _, v := range f.versions {
		if key := v.merges(); key != "" && !f.head(v) {
			merges[key] = true
		}
	}
	kept := slices.DeleteFunc(slices.Clone(heads), func(v FileVersion) bool {
		key := v.merges()
		twin := key != "" && merges[key]
		merges[key] = true
		return twin
	})
	if len(kept) == 0 { // what replaced a twin is gone itself
		return heads[:min(len(heads), 1)]
	}
	return kept
}

// merges names the parents that a program merged; empty: none did.
func (v *FileVersion) merges() string {
	if !v.Content.Merged || len(v.Parents) < 2 {
		return ""
	}
	key := make([]byte, 0, len(v.Parents)*(len(wire.DeviceID{})+8+4))
	for _, p := range v.Parents {
		key = append(key, p.Device[:]...)
		key = binary.BigEndian.AppendUint64(key, p.Number)
		key = binary.BigEndian.AppendUint32(key, p.Index)
	}
	return string(key)
}

func (f *File) names() []Dot { return slices.SortedFunc(maps.Keys(f.versions), Dot.Compare) }

// Write is the operation that replaces all heads, or the first MaxFileParents of
// them; index is one that its author's transaction has not used in this file.
func (f *File) Write(index uint32, content FileState) FileOp {
	return f.write(index, content, nil)
}

// WriteAfter replaces one head, and those that Heads does not show: other heads
// stay beside the new one.
func (f *File) WriteAfter(head Dot, index uint32, content FileState) FileOp {
	var others []Dot
	for _, v := range f.Heads() {
		if v.Dot() != head {
			others = append(others, v.Dot())
		}
	}
	return f.write(index, content, others)
}

func (f *File) write(index uint32, content FileState, without []Dot) FileOp {
	var heads []Dot
	for _, d := range f.names() {
		if f.head(f.versions[d]) && len(heads) < MaxFileParents && !slices.Contains(without, d) {
			heads = append(heads, d)
		}
	}
	return FileOp{index, heads, content}
}

// Seal is the file as the epoch with the given opening starts with it: the heads
// and the newest KeptVersions others.
func (f *File) Seal(opening uint64) *File {
	sealed, kept := new(File), 0
	for _, v := range f.Versions() {
		if !f.head(&v) {
			if kept++; kept > KeptVersions {
				continue
			}
		}
		v.Mark = v.Lower(opening)
		sealed.put(&v)
	}
	return sealed
}

// Reissue is the change of the transaction with the given stamp for the open
// epoch: as it was, since what its versions replace may itself be issued again,
// and a name of nothing does nothing. Nothing is ever lost, and it waits for
// nothing.
func (c *FileChange) Reissue(stamp Stamp) *FileChange {
	again := &FileChange{slices.Clone(c.Ops)}
	again.Renumber(stamp.Device, stamp.Number, 0)
	return again
}

// Renumber replaces a transaction's number in what the change names, see
// SetChange.Renumber.
func (c *FileChange) Renumber(device wire.DeviceID, from, to uint64) {
	for i := range c.Ops {
		c.Ops[i].Parents = slices.Clone(c.Ops[i].Parents)
		renumberAll(c.Ops[i].Parents, device, from, to)
	}
}
