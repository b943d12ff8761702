package space_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/espace-git/espace-git/chunks"
	"github.com/espace-git/espace-git/merge"
	"github.com/espace-git/espace-git/space"
)

func noError(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// hostile-file-names: a member's program gives files any name that the format can
// hold. They are listed and can be read and removed; on a disk none of them harms.
func TestAttackFileNames(t *testing.T) {
	_, people := newMirrorStory(t, "alice", "mallory")
	alice, mallory := people[0], people[1]
	mallory.puts("d/good.txt", "good")
	row, err := mallory.s.FileRow(t.Context(), "d/good.txt")
	noError(t, err)
	hostile := []string{".git", ".GIT", "git~1", ".espace", "a\nb", "x\u202egpj.exe", "\x1b[2J"}
	for _, name := range hostile {
		noError(t, mallory.s.ForgeNode(t.Context(), "d", name, row))
	}
	for _, name := range []string{"..", ".", "", "a/b", "/etc", "a\x00b", "\xff"} {
		if err := mallory.s.ForgeNode(t.Context(), "d", name, row); err == nil {
			t.Errorf("%q can be encoded", name)
		}
	}
	settled(mallory, alice)
	list, err := alice.s.Files().ReadDir(t.Context(), "d")
	if err != nil || len(list) != len(hostile)+1 {
		t.Fatalf("%d files, %v", len(list), err)
	}
	dst := filepath.Join(t.TempDir(), "out")
	saved, err := alice.s.Files().Save(t.Context(), "d", dst, space.SaveOptions{Force: true})
	if !errors.Is(err, space.ErrLeftOut) || len(saved.Refused) != len(hostile) || saved.Files != 1 {
		t.Errorf("saved %+v, %v", saved, err)
	}
	if there, _ := os.ReadDir(dst); len(there) != 1 || there[0].Name() != "good.txt" {
		t.Errorf("on the disk: %v", there)
	}
	for _, name := range hostile {
		if err := alice.s.Files().Remove(t.Context(), "d/"+name); err != nil {
			t.Errorf("removing %q: %v", name, err)
		}
	}
	for _, path := range []string{"../x", "a/../../x", "x\x00", "a\nb", strings.Repeat("x", 256), strings.Repeat("x/", 201) + "x", "", ".", "x\u202etxt"} {
		if _, _, err := alice.s.Files().Put(t.Context(), path, strings.NewReader("x"), space.PutOptions{}); !errors.Is(err, space.ErrUsage) {
			t.Errorf("putting %q: %v", path, err)
		}
	}
}

// Names are other things on other systems.
func TestAttackNamesOfDevices(t *testing.T) {
	for _, name := range []string{"con", "NUL.txt", "aux.", "com1", "COM¹.log", "lpt9 .x", "a:b", `..\x`, "x.", "x ", "conin$", "?"} {
		if err := space.LocalName(name, "windows"); err == nil {
			t.Errorf("%q is a file on Windows", name)
		}
		if err := space.LocalName(name, "linux"); err != nil {
			t.Errorf("%q is no file on Linux: %v", name, err)
		}
	}
	for _, name := range []string{"console", "nul1", "com", "com10", "lpt", "a.con", "ünïcode", "name (2).txt"} {
		for _, goos := range []string{"windows", "linux", "darwin"} {
			if err := space.LocalName(name, goos); err != nil {
				t.Errorf("%q on %s: %v", name, goos, err)
			}
		}
	}
	if err := space.LocalName(".g\u200cit", "darwin"); err == nil {
		t.Error("a hidden character in .git")
	}
}

// links-in-the-way: what somebody's links on the disk lead to is not written.
func TestAttackLinksInTheWay(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("links need rights there")
	}
	alice := newPerson(t, "alice")
	alice.create(bareHost(t))
	info := alice.puts("d/sub/f.txt", "new")
	alice.puts("d/g.txt", "new")
	outside, dst := t.TempDir(), t.TempDir()
	victim := filepath.Join(outside, "f.txt")
	noError(t, os.WriteFile(victim, []byte("old"), 0o600))
	noError(t, os.Symlink(outside, filepath.Join(dst, "sub")))
	noError(t, os.Symlink(victim, filepath.Join(dst, "g.txt")))
	saved, err := alice.s.Files().Save(t.Context(), "d", dst, space.SaveOptions{Force: true})
	if !errors.Is(err, space.ErrLeftOut) || len(saved.Refused) != 1 || saved.Files != 1 {
		t.Errorf("saved %+v, %v", saved, err)
	}
	other := t.TempDir()
	noError(t, os.Symlink(victim, filepath.Join(other, ".espace-"+info.Version+".part")))
	if _, err := alice.s.Files().Save(t.Context(), "d/sub/f.txt", filepath.Join(other, "f.txt"), space.SaveOptions{}); err != nil {
		t.Error(err)
	}
	if b, _ := os.ReadFile(victim); string(b) != "old" {
		t.Errorf("the file outside is %q", b)
	}
	if b, _ := os.ReadFile(filepath.Join(dst, "g.txt")); string(b) != "new" {
		t.Errorf("the file inside is %q", b)
	}
	if b, _ := os.ReadFile(filepath.Join(other, "f.txt")); string(b) != "new" {
		t.Errorf("behind a link as the part: %q", b)
	}
}

// version-lies: sizes and lists of chunks that are not so are told when the file is
// read, and nothing is read that is not the content.
func TestAttackVersionLies(t *testing.T) {
	_, people := newMirrorStory(t, "alice", "mallory")
	alice, mallory := people[0], people[1]
	big := content(50_000)
	refs := mallory.stores(big, "chunks")
	list, err := chunks.Encode(refs)
	noError(t, err)
	empty, err := chunks.Encode(nil)
	noError(t, err)
	for name, lie := range map[string]merge.FileState{
		"size":     {Size: 7, Data: append([]byte{0}, list...)},
		"huge":     {Size: 1 << 62, Data: append([]byte{0}, list...)},
		"no list":  {Size: 50_000, Data: []byte{0, 1, 2, 3}},
		"no data":  {Size: 50_000},
		"level":    {Size: 50_000, Data: append([]byte{2}, list...)},
		"of lists": {Size: 50_000, Data: append([]byte{1}, list...)}, // random bytes are no list
		"nothing":  {Size: 50_000, Data: append([]byte{1}, empty...)},
	} {
		mallory.puts("lies/"+name, "text")
		noError(t, mallory.s.ForgeVersion(t.Context(), "lies/"+name, func(op *merge.FileOp) { op.Content = lie }))
	}
	mallory.puts("lies/true", "text")
	noError(t, mallory.s.ForgeVersion(t.Context(), "lies/true", func(op *merge.FileOp) {
		op.Content = merge.FileState{Size: 50_000, Data: append([]byte{0}, list...)}
	}))
	settled(mallory, alice)
	all, err := alice.s.Files().ReadDir(t.Context(), "lies")
	noError(t, err)
	for _, e := range all {
		f, err := alice.s.Files().Open(t.Context(), e.Path)
		if e.Name == "true" {
			noError(t, err)
			if b, err := io.ReadAll(f); err != nil || !bytes.Equal(b, big) {
				t.Errorf("the truth: %d bytes, %v", len(b), err)
			}
			continue
		}
		if !errors.Is(err, space.ErrContent) {
			t.Errorf("%s opens: %v", e.Name, err)
		}
	}
	saved, err := alice.s.Files().Save(t.Context(), "lies", filepath.Join(t.TempDir(), "out"), space.SaveOptions{})
	if !errors.Is(err, space.ErrLeftOut) || saved.Files != 1 || len(saved.Refused) != len(all)-1 {
		t.Errorf("saved %+v, %v", saved, err)
	}
	// What stands in such a version is not taken over, and can be replaced.
	if _, changed, err := alice.s.Files().Put(t.Context(), "lies/size", bytes.NewReader(big), space.PutOptions{}); err != nil || !changed {
		t.Errorf("replacing a lie: %v, %v", changed, err)
	}
	if got := alice.fileText("lies/size"); got != string(big) {
		t.Error("reads otherwise")
	}
}

// version-of-nothing: a version beside another's, with a chunk that no host has or that is
// not what its author says, is fetched once to be merged, and not at every sync.
func TestAttackVersionOfNothing(t *testing.T) {
	_, people := newMirrorStory(t, "alice", "mallory")
	alice, mallory := people[0], people[1]
	refs := mallory.stores(content(50_000), "chunks")
	for name, spoil := range map[string]func(*chunks.Ref){
		"missing.txt": func(r *chunks.Ref) { r.ID[0]++ },
		"wrong.txt":   func(r *chunks.Ref) { r.Sum[0]++ },
		"forged.txt":  func(r *chunks.Ref) { r.Key[0]++ },
	} {
		alice.puts(name, "mine")
		settled(alice, mallory)
		ref := refs[0]
		spoil(&ref)
		list, err := chunks.Encode([]chunks.Ref{ref})
		noError(t, err)
		noError(t, mallory.s.ForgeVersion(t.Context(), name, func(op *merge.FileOp) {
			op.Parents, op.Content = nil, merge.FileState{Size: 50_000, Data: append([]byte{0}, list...)}
		}))
	}
	settled(mallory, alice)
	if n, err := alice.s.FilesToMerge(t.Context()); n > 0 || err != nil {
		t.Errorf("%d files would be fetched again at the next sync, %v", n, err)
	}
}

// version-flood: versions beside another's, many or large together, are fetched only for
// who asks for a merge.
func TestAttackVersionFlood(t *testing.T) {
	_, people := newMirrorStory(t, "alice", "mallory")
	alice, mallory := people[0], people[1]
	for _, c := range []struct {
		name         string
		size, others int
		fetched      bool
	}{{"few.txt", 50_000, 15, true}, {"many.txt", 50_000, 16, false}, {"large.txt", chunks.Size, 9, false}} {
		refs := mallory.stores(content(c.size), c.name)
		alice.puts(c.name, "mine")
		settled(alice, mallory)
		list, err := chunks.Encode(refs)
		noError(t, err)
		for range c.others {
			noError(t, mallory.s.ForgeVersion(t.Context(), c.name, func(op *merge.FileOp) {
				op.Parents, op.Content = nil, merge.FileState{Size: uint64(c.size), Data: append([]byte{0}, list...)}
			}))
		}
		settled(mallory, alice)
		if got := alice.s.Holds(refs[0]); got != c.fetched {
			t.Errorf("%s was fetched to be merged: %v", c.name, got)
		}
	}
}

// version-claims-parents: a version that names versions to come, or that are not
// there, hides nothing of what others write.
func TestAttackVersionClaimsParents(t *testing.T) {
	_, people := newMirrorStory(t, "alice", "mallory")
	alice, mallory := people[0], people[1]
	alice.puts("f.bin", "\x00one")
	settled(alice, mallory)
	next := merge.Dot{Device: alice.deviceID()}
	noError(t, mallory.s.ForgeVersion(t.Context(), "f.bin", func(op *merge.FileOp) {
		op.Content = merge.FileState{Inline: true, Data: []byte("\x00lie")}
		for n := range uint64(50) {
			next.Number = 1000 + n
			op.Parents = append(op.Parents, next)
			if next.Number = 1 + n; !slices.Contains(op.Parents, next) {
				op.Parents = append(op.Parents, next)
			}
		}
		slices.SortFunc(op.Parents, merge.Dot.Compare)
	}))
	for range 5 { // a version that has the greater time, and may have seen it, would count
		alice.insert(space.Row{"title": "later"})
	}
	alice.puts("f.bin", "\x00two")
	settled(alice, mallory)
	var got []string
	for _, e := range alice.listing("") {
		got = append(got, e[strings.Index(e, "=")+1:])
	}
	slices.Sort(got)
	if d := cmp.Diff([]string{"\x00lie", "\x00two"}, got); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(alice.listing(""), mallory.listing("")); d != "" {
		t.Error(d)
	}
}

// tree-strays: what a program puts below a file, or leaves without content, shows.
func TestAttackTreeStrays(t *testing.T) {
	_, people := newMirrorStory(t, "alice", "mallory")
	alice, mallory := people[0], people[1]
	alice.puts("f.txt", "f")
	alice.puts("d/g.txt", "g")
	alice.puts("h.txt", "h")
	alice.puts("g.txt", "top")
	settled(alice, mallory)
	noError(t, mallory.s.ForgeMove(t.Context(), "d/g.txt", "f.txt"))
	noError(t, mallory.s.ForgeLoss(t.Context(), "h.txt"))
	settled(alice, mallory)
	alice.lists("d/", "f.txt=f", "g (2).txt=g", "g.txt=top", "h.txt missing")
	if _, err := alice.s.Files().Open(t.Context(), "h.txt"); !errors.Is(err, space.ErrNotFound) {
		t.Errorf("opening what is missing: %v", err)
	}
	alice.puts("h.txt", "again")
	noError(t, alice.s.Files().Rename(t.Context(), "g (2).txt", "d/g.txt"))
	settled(alice, mallory)
	mallory.lists("d/", "d/g.txt=g", "f.txt=f", "g.txt=top", "h.txt=again")
}

// Two names that differ in case only are two files where the disk has two, and else
// the second is told.
func TestSaveNamesThatDifferInCase(t *testing.T) {
	alice := newPerson(t, "alice")
	alice.create(bareHost(t))
	alice.puts("d/readme", "small")
	alice.puts("d/README", "capital")
	dst := filepath.Join(t.TempDir(), "out")
	saved, err := alice.s.Files().Save(t.Context(), "d", dst, space.SaveOptions{Force: true})
	if saved.Files+len(saved.Refused) != 2 || len(saved.Refused) > 0 != errors.Is(err, space.ErrLeftOut) {
		t.Errorf("saved %+v, %v", saved, err)
	}
	again, err := alice.s.Files().Save(t.Context(), "d", dst, space.SaveOptions{})
	if again.Same != saved.Files || len(again.Refused) != len(saved.Refused) {
		t.Errorf("saved again %+v, %v; before %+v", again, err, saved)
	}
}
