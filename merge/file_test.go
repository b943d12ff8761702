package merge

import (
	"errors"
	"reflect"
	"slices"
	"testing"

	"github.com/espace-git/espace-git/internal/wire"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// modelFile is the slow file: all versions that were written, looked through for
// every question.
func modelFile(base *File, done []written[*FileChange]) (all []FileVersion) {
	all = base.Versions()
	for _, w := range done {
		for _, op := range w.change.Ops {
			v := FileVersion{Mark{w.stamp.normal(), op.Index}, []Dot{}, op.Content}
			for _, p := range op.Parents {
				if p = p.in(w.stamp); !slices.Contains(v.Parents, p) {
					v.Parents = append(v.Parents, p)
				}
			}
			slices.SortFunc(v.Parents, Dot.Compare)
			if !slices.ContainsFunc(all, func(o FileVersion) bool { return o.Dot() == v.Dot() }) {
				all = append(all, v)
			}
		}
	}
	slices.SortFunc(all, func(a, b FileVersion) int { return b.Compare(a.Mark) })
	return all
}

func modelHeads(all []FileVersion) (out []FileVersion) {
	for _, v := range all {
		if !slices.ContainsFunc(all, func(o FileVersion) bool { return v.Less(o.Mark) && slices.Contains(o.Parents, v.Dot()) }) {
			out = append(out, v)
		}
	}
	there := func(v FileVersion) bool { return !v.Content.Gone }
	if slices.ContainsFunc(out, there) {
		out = slices.DeleteFunc(out, func(v FileVersion) bool { return v.Content.Gone })
	}
	raw := slices.Clone(out)
	out = slices.DeleteFunc(out, func(v FileVersion) bool { return modelTwin(v, all) })
	if len(out) == 0 {
		out = raw[:min(1, len(raw))]
	}
	return out
}

// modelTwin: another merge of the same parents is a greater head, or no head.
func modelTwin(v FileVersion, all []FileVersion) bool {
	return v.Content.Merged && len(v.Parents) > 1 && slices.ContainsFunc(all, func(o FileVersion) bool {
		replaced := slices.ContainsFunc(all, func(p FileVersion) bool { return o.Less(p.Mark) && slices.Contains(p.Parents, o.Dot()) })
		return o.Content.Merged && slices.Equal(o.Parents, v.Parents) && (replaced || v.Less(o.Mark))
	})
}

func checkFile(t *rapid.T, base, f *File, done []written[*FileChange]) {
	all := modelFile(base, done)
	if got := f.Versions(); !slices.EqualFunc(all, got, sameVersion) || f.Len() != len(all) {
		t.Fatalf("versions (-want +got):\n%s", cmp.Diff(all, got))
	}
	if want, got := modelHeads(all), f.Heads(); !slices.EqualFunc(want, got, sameVersion) {
		t.Fatalf("heads (-want +got):\n%s", cmp.Diff(want, got))
	}
}

func sameVersion(a, b FileVersion) bool { return reflect.DeepEqual(a, b) }

func contentGen() *rapid.Generator[FileState] {
	return rapid.Custom(func(t *rapid.T) FileState {
		data := rapid.SliceOfN(rapid.Byte(), 1, 3).Draw(t, "data")
		switch rapid.IntRange(0, 4).Draw(t, "kind") {
		case 0:
			return FileState{Gone: true}
		case 1:
			return FileState{Modified: rapid.Int64().Draw(t, "modified"), Size: 9 << 20, Data: data}
		}
		return FileState{Executable: true, Merged: rapid.Bool().Draw(t, "merged"), Name: "n.txt", Size: uint64(len(data)), Inline: true, Data: data}
	})
}

func editFile(guesses bool) func(*rapid.T, *File, Stamp) (*FileChange, bool) {
	return func(t *rapid.T, f *File, stamp Stamp) (*FileChange, bool) {
		c := new(FileChange)
		for i := range rapid.IntRange(1, 2).Draw(t, "versions") {
			op := f.Write(uint32(i), contentGen().Draw(t, "content"))
			if heads := f.Heads(); len(heads) > 1 && rapid.IntRange(0, 2).Draw(t, "one head") == 0 {
				op = f.WriteAfter(rapid.SampledFrom(heads).Draw(t, "head").Dot(), uint32(i), op.Content)
			}
			if guesses && rapid.IntRange(0, 3).Draw(t, "guess") == 0 { // names that nobody showed it
				op.Parents = guessedDots(t)
			}
			f.Apply(stamp, &FileChange{[]FileOp{op}})
			c.Ops = append(c.Ops, op)
		}
		c.Renumber(stamp.Device, stamp.Number, 0)
		return c, true
	}
}

func fileDriver(guesses bool) driver[*File, *FileChange] {
	return driver[*File, *FileChange]{
		fresh:  func() *File { return new(File) },
		apply:  (*File).Apply,
		edit:   editFile(guesses),
		print:  EncodeFile,
		read:   DecodeFile,
		encode: EncodeFileChange,
		decode: DecodeFileChange,
		seal:   (*File).Seal,
		reissue: func(_ *File, c *FileChange, stamp, _ Stamp, _ *File) (*FileChange, bool) {
			return c.Reissue(stamp), true
		},
		check: checkFile,
	}
}

func TestFile(t *testing.T) {
	t.Run("honest", func(t *testing.T) { testDriver(t, fileDriver(false)) })
	t.Run("hostile", func(t *testing.T) { testDriver(t, fileDriver(true)) })
}

// Who had seen all that a seal covers sees the same file once its own versions
// are issued again, whichever of them come first.
func TestFileReissueKeepsTheFile(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s := newStory(rt, fileDriver(false))
		s.draw(10)
		s.settle()
		r, opening := s.replicas[1], s.opening+uint64(rapid.IntRange(1, 30).Draw(rt, "opening"))
		base := s.replicas[0].state.Seal(opening)
		first := len(s.log)
		for range rapid.IntRange(1, 5).Draw(rt, "late") {
			s.write(r)
		}
		for _, w := range rapid.Permutation(s.log[first:]).Draw(rt, "order") {
			base.Apply(w.stamp.Lower(opening), w.change.Reissue(w.stamp))
		}
		names := func(f *File) (out []Dot) {
			for _, v := range f.Heads() {
				out = append(out, v.Dot())
			}
			return out
		}
		if d := cmp.Diff(names(r.state), names(base)); d != "" {
			rt.Fatalf("heads (-want +got):\n%s", d)
		}
	})
}

func text(s string) FileState {
	return FileState{Inline: true, Size: uint64(len(s)), Data: []byte(s)}
}

func reads(f *File) (out string) {
	for _, v := range f.Heads() {
		out += string(v.Content.Data) + "."
	}
	return out
}

// What two people do at once.
func TestFileRaces(t *testing.T) {
	base := func() *File {
		f := new(File)
		f.Apply(Stamp{Time: 1, Device: device(1), Number: 1}, &FileChange{[]FileOp{f.Write(0, text("base"))}})
		return f
	}
	for _, tt := range []struct {
		name  string
		other FileState
		want  string
	}{
		{"two versions", text("theirs"), "theirs.ours."},
		{"delete and version", FileState{Gone: true}, "ours."},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ours, theirs := base().Write(0, text("ours")), base().Write(0, tt.other)
			one, two := base(), base()
			one.Apply(Stamp{Time: 5, Device: device(2), Number: 1}, &FileChange{[]FileOp{ours}})
			one.Apply(Stamp{Time: 6, Device: device(3), Number: 1}, &FileChange{[]FileOp{theirs}})
			two.Apply(Stamp{Time: 6, Device: device(3), Number: 1}, &FileChange{[]FileOp{theirs}})
			two.Apply(Stamp{Time: 5, Device: device(2), Number: 1}, &FileChange{[]FileOp{ours}})
			if reads(one) != tt.want || reads(two) != tt.want {
				t.Errorf("%q and %q, want %q", reads(one), reads(two), tt.want)
			}
			one.Apply(Stamp{Time: 7, Device: device(3), Number: 2}, &FileChange{[]FileOp{one.Write(0, text("merged"))}})
			if reads(one) != "merged." || one.Len() != 4 {
				t.Errorf("merged: %q, %d versions", reads(one), one.Len())
			}
		})
	}
}

// Two programs merge the same versions at once: one merge shows, and what is
// written after either is the only head.
func TestFileMergedTwice(t *testing.T) {
	f := new(File)
	f.Apply(Stamp{Time: 1, Device: device(1), Number: 1}, &FileChange{[]FileOp{{Content: text("a")}}})
	f.Apply(Stamp{Time: 1, Device: device(2), Number: 1}, &FileChange{[]FileOp{{Content: text("b")}}})
	merged := text("ab")
	merged.Merged = true
	op := f.Write(0, merged)
	f.Apply(Stamp{Time: 5, Device: device(1), Number: 2}, &FileChange{[]FileOp{op}})
	f.Apply(Stamp{Time: 6, Device: device(2), Number: 2}, &FileChange{[]FileOp{op}})
	if got := reads(f); got != "ab." {
		t.Errorf("merged twice: %q", got)
	}
	g, err := DecodeFile(EncodeFile(f))
	if err != nil {
		t.Fatal(err)
	}
	f.Apply(Stamp{Time: 7, Device: device(1), Number: 3}, &FileChange{[]FileOp{{Parents: []Dot{{device(1), 2, 0}}, Content: text("c")}}})
	if got := reads(f); got != "c." {
		t.Errorf("written after the lesser one: %q", got)
	}
	g.Apply(Stamp{Time: 7, Device: device(1), Number: 3}, &FileChange{[]FileOp{g.WriteAfter(Dot{device(2), 2, 0}, 0, text("c"))}})
	if got := reads(g); got != "c." || len(g.Seal(9).Heads()) != 1 {
		t.Errorf("written after both: %q", got)
	}
}

// A version that names parents which are not there, which are to come, or itself
// changes nothing for others: what it can't have seen it does not replace.
func TestFileParentsThatAreNotThere(t *testing.T) {
	f := new(File)
	bad := FileOp{Index: 1, Parents: []Dot{{device(2), 1, 0}, {device(2), 2, 0}, {device(3), 0, 1}, {device(9), 9, 9}}, Content: text("bad")}
	f.Apply(Stamp{Time: 5, Device: device(3), Number: 1}, &FileChange{[]FileOp{bad}})
	f.Apply(Stamp{Time: 6, Device: device(2), Number: 1}, &FileChange{[]FileOp{{Content: text("later")}}})
	f.Apply(Stamp{Time: 4, Device: device(2), Number: 2}, &FileChange{[]FileOp{{Content: text("before")}}})
	if got := reads(f); got != "later.bad." {
		t.Errorf("reads %q", got)
	}
	if got := reads(f.Seal(9)); got != "later.bad." {
		t.Errorf("sealed: reads %q", got)
	}
}

// Of many versions a seal keeps the newest, and all heads however old.
func TestFileSealKeeps(t *testing.T) {
	f := new(File)
	f.Apply(Stamp{Time: 1, Device: device(9), Number: 1}, &FileChange{[]FileOp{{Content: text("alone")}}})
	for i := range uint64(KeptVersions + 50) {
		f.Apply(Stamp{Time: 10 + i, Device: device(1), Number: 1 + i}, &FileChange{[]FileOp{{Parents: []Dot{{device(1), i, 0}}, Content: text("v")}}})
	}
	s := f.Seal(5000)
	if _, old := s.Version(Dot{device(1), 49, 0}); old || s.Len() != KeptVersions+2 || len(s.Heads()) != 2 {
		t.Errorf("%d versions, %d heads, an old one: %v", s.Len(), len(s.Heads()), old)
	}
	if _, err := DecodeFile(EncodeFile(s)); err != nil {
		t.Error(err)
	}
}

func sampleFileChange() *FileChange {
	return &FileChange{[]FileOp{
		{Index: 0, Parents: []Dot{{device(1), 5, 0}, {device(2), 9, 1}}, Content: FileState{Executable: true, Modified: -1, Name: "a.sh", Size: 2, Inline: true, Data: []byte("hi")}},
		{Index: 300, Parents: []Dot{{device(1), 0, 0}}, Content: FileState{Merged: true, Modified: 1700000000123456789, Size: 1 << 40, Data: []byte{1, 2, 3}}},
		{Index: 301, Content: FileState{Gone: true}},
	}}
}

func sampleFile() *File {
	f := new(File)
	f.Apply(Stamp{Time: 90, Before: 120, Device: device(2), Number: 9}, &FileChange{[]FileOp{{Index: 1, Content: text("x")}}})
	f.Apply(Stamp{Time: 100, Device: device(1), Number: 6}, sampleFileChange())
	return f
}

func TestFileBounds(t *testing.T) {
	parents := make([]Dot, MaxFileParents+1)
	for i := range parents {
		parents[i] = Dot{device(2), uint64(i + 1), 0}
	}
	for name, op := range map[string]FileOp{
		"inline":  {Content: FileState{Inline: true, Size: MaxFileInline + 1, Data: make([]byte, MaxFileInline+1)}},
		"chunks":  {Content: FileState{Data: make([]byte, MaxFileChunks+1)}},
		"parents": {Parents: parents},
		"name":    {Content: FileState{Name: "a/b"}},
		"gone":    {Content: FileState{Gone: true, Name: "x"}},
	} {
		if _, err := EncodeFileChange(device(1), &FileChange{[]FileOp{op}}); !errors.Is(err, wire.ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzDecodeFile(f *testing.F) {
	f.Add(EncodeFile(new(File)))
	f.Add(EncodeFile(sampleFile()))
	f.Add(EncodeFile(sampleFile().Seal(95)))
	f.Fuzz(func(t *testing.T, b []byte) { checkDecoder(t, b, DecodeFile, EncodeFile) })
}

func FuzzDecodeFileChange(f *testing.F) {
	b, err := EncodeFileChange(device(1), sampleFileChange())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte{0})
	f.Fuzz(func(t *testing.T, b []byte) {
		checkDecoder(t, b, func(b []byte) (*FileChange, error) { return DecodeFileChange(device(1), b) }, func(c *FileChange) []byte {
			return encoded(t, c, EncodeFileChange)
		})
	})
}
