package merge

import (
	"encoding/binary"

	"github.com/espace-git/espace-git/internal/wire"
)

// Flags of a version.
const (
	fileGone = 1 << iota // nothing else follows
	fileExecutable
	fileNamed
	fileInline // the length of the content is its size, which is not written
	fileMerged
)

// EncodeFileChange gives a change as bytes, of which its author's device is no
// part. It refuses what DecodeFileChange would.
//
//	versions, (index, parents, parent…, content)…
//	content   flags, [±modified, [length, name], [size], length, data]
func EncodeFileChange(device wire.DeviceID, c *FileChange) ([]byte, error) {
	return encodeOps("file change", device, c.print, func(b []byte) error {
		_, err := DecodeFileChange(device, b)
		return err
	})
}

func (c *FileChange) print(w *opWriter) {
	w.uint(uint64(len(c.Ops)))
	for i := range c.Ops {
		op := &c.Ops[i]
		w.uint(uint64(op.Index))
		w.uint(uint64(len(op.Parents)))
		w.dots(op.Parents)
		w.content(&op.Content)
	}
}

func (s *FileState) flags() (flags uint64) {
	for flag, is := range map[uint64]bool{fileGone: s.Gone, fileExecutable: s.Executable, fileNamed: s.Name != "", fileInline: s.Inline, fileMerged: s.Merged} {
		if is {
			flags |= flag
		}
	}
	return flags
}

func (w *column) content(s *FileState) {
	if w.uint(s.flags()); s.Gone {
		return
	}
	*w = binary.AppendVarint(*w, s.Modified)
	if s.Name != "" {
		w.text(s.Name)
	}
	if !s.Inline {
		w.uint(s.Size)
	}
	w.text(string(s.Data))
}

// DecodeFileChange takes what EncodeFileChange prints and nothing else.
func DecodeFileChange(device wire.DeviceID, b []byte) (*FileChange, error) {
	c := new(FileChange)
	err := decodeOps("file change", device, b, func(r *opReader) {
		n := r.count(3, "versions")
		for i := 0; i < n && r.err == nil; i++ {
			op := FileOp{Index: r.index()}
			op.Parents = r.dots(int(r.uint(MaxFileParents, "parents")))
			op.Content = r.content()
			c.Ops = append(c.Ops, op)
		}
	}, func(w *opWriter) { c.print(w) })
	if err != nil {
		return nil, err
	}
	return c, nil
}

func (r *columnReader) content() (s FileState) {
	flags := r.uint(2*fileMerged-1, "flags")
	if s.Gone = flags&fileGone != 0; s.Gone {
		return s
	}
	s.Executable, s.Inline, s.Merged = flags&fileExecutable != 0, flags&fileInline != 0, flags&fileMerged != 0
	s.Modified = r.varint("time of the last change")
	if flags&fileNamed != 0 {
		s.Name = r.name()
	}
	most := uint64(MaxFileInline)
	if !s.Inline {
		s.Size, most = r.uint(MaxNumber, "size"), MaxFileChunks
	}
	s.Data = r.copied(most, "content")
	if s.Inline {
		s.Size = uint64(len(s.Data))
	}
	return s
}

func (r *columnReader) varint(what string) int64 {
	n, size := binary.Varint(r.b)
	if size <= 0 {
		r.fail("%s", what)
		return 0
	}
	r.b = r.b[size:]
	return n
}

// copied is a length of at most so many, and as many bytes, as a copy.
func (r *columnReader) copied(most uint64, what string) []byte {
	return append([]byte{}, r.bytes(int(r.uint(most, what)), what)...)
}

// EncodeFile gives the file as bytes, the same for the same changes.
//
//	versions, (name, times, parents, parent…, content)…    ascending by name
func EncodeFile(f *File) []byte {
	names := f.names()
	return encodeState(func(w *stateWriter) {
		w.uint(uint64(len(names)))
		for _, d := range names {
			v := f.versions[d]
			w.mark(v.Mark)
			w.uint(uint64(len(v.Parents)))
			for _, p := range v.Parents {
				w.dot(p)
			}
			w.content(&v.Content)
		}
	})
}

const minFileVersion = minStateMark + 2

// DecodeFile takes what EncodeFile prints and nothing else.
func DecodeFile(b []byte) (*File, error) {
	f := new(File)
	err := decodeState("file", b, func(r *stateReader) {
		n := r.count(minFileVersion, "versions")
		for i := 0; i < n && r.err == nil; i++ {
			f.put(r.fileVersion())
		}
	}, func() []byte { return EncodeFile(f) })
	if err != nil {
		return nil, err
	}
	return f, nil
}

func (r *stateReader) fileVersion() *FileVersion {
	v := &FileVersion{Mark: r.mark()}
	n := min(r.count(minStateDot, "parents"), MaxFileParents+1)
	if n > MaxFileParents {
		r.fail("more than %d parents", MaxFileParents)
	}
	v.Parents = make([]Dot, 0, n)
	for i := 0; i < n && r.err == nil; i++ {
		v.Parents = append(v.Parents, r.dot())
		if i > 0 && v.Parents[i-1].Compare(v.Parents[i]) >= 0 {
			r.fail("parents do not ascend")
		}
	}
	v.Content = r.content()
	return v
}
