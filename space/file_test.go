package space_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/espace-git/espace-git/chunks"
	"github.com/espace-git/espace-git/space"
)

func (p *person) puts(path, text string) space.FileInfo {
	p.t.Helper()
	info, _, err := p.s.Files().Put(p.t.Context(), path, strings.NewReader(text), space.PutOptions{})
	if err != nil {
		p.t.Fatalf("%s puts %s: %v", p.name, path, err)
	}
	return info
}

func (p *person) fileText(path string) string {
	p.t.Helper()
	f, err := p.s.Files().Open(p.t.Context(), path)
	if err != nil {
		p.t.Fatalf("%s opens %s: %v", p.name, path, err)
	}
	b, err := io.ReadAll(f)
	if err != nil {
		p.t.Fatalf("%s reads %s: %v", p.name, path, err)
	}
	return string(b)
}

// listing is a folder with all below it: "a/b=text", folders end with a slash.
func (p *person) listing(folder string) (out []string) {
	p.t.Helper()
	list, err := p.s.Files().ReadDir(p.t.Context(), folder)
	if err != nil {
		p.t.Fatalf("%s lists %q: %v", p.name, folder, err)
	}
	for _, e := range list {
		switch {
		case e.Dir:
			out = append(append(out, e.Path+"/"), p.listing(e.Path)...)
		case e.Missing:
			out = append(out, e.Path+" missing")
		default:
			out = append(out, e.Path+"="+p.fileText(e.Path))
		}
	}
	return out
}

func (p *person) lists(want ...string) {
	p.t.Helper()
	if d := cmp.Diff(want, p.listing("")); d != "" {
		p.t.Errorf("files of %s (-want +got):\n%s", p.name, d)
	}
}

// both sync until nothing is new.
func settled(people ...*person) {
	for range 3 {
		for _, p := range people {
			p.sync()
		}
	}
}

func TestFilesOfTwo(t *testing.T) {
	_, people := newMirrorStory(t, "alice", "bob")
	alice, bob := people[0], people[1]
	big := string(content(chunks.Size + 5000))
	alice.puts("notes/plan.txt", "one\n")
	alice.puts("big.bin", big)
	settled(alice, bob)
	want := []string{"big.bin=" + big, "notes/", "notes/plan.txt=one\n"}
	alice.lists(want...)
	bob.lists(want...)

	bob.puts("notes/plan.txt", "one\ntwo\n")
	if err := alice.s.Files().Rename(t.Context(), "notes", "papers"); err != nil {
		t.Fatal(err)
	}
	settled(alice, bob)
	want = []string{"big.bin=" + big, "papers/", "papers/plan.txt=one\ntwo\n"}
	alice.lists(want...)
	bob.lists(want...)

	versions, err := alice.s.Files().Versions(t.Context(), "papers/plan.txt")
	if err != nil || len(versions) != 2 || versions[0].Member != "bob" || !versions[0].Current || versions[0].Parents[0] != versions[1].ID {
		t.Errorf("versions: %+v, %v", versions, err)
	}
	old, err := alice.s.Files().OpenVersion(t.Context(), "papers/plan.txt", versions[1].ID[:5])
	if err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(old); err != nil || string(b) != "one\n" {
		t.Errorf("the old version: %q, %v", b, err)
	}
	if err := bob.s.Files().Remove(t.Context(), "papers"); err != nil {
		t.Fatal(err)
	}
	settled(alice, bob)
	alice.lists("big.bin=" + big)
}

// The same content again is no new version, and of a longer file only what changed
// is stored.
func TestFilePutAgain(t *testing.T) {
	alice := newPerson(t, "alice")
	alice.create(bareHost(t))
	data := content(3*chunks.Size + 777)
	put := func(data []byte) bool {
		t.Helper()
		_, changed, err := alice.s.Files().Put(t.Context(), "f", bytes.NewReader(data), space.PutOptions{})
		if err != nil {
			t.Fatal(err)
		}
		return changed
	}
	if !put(data) {
		t.Error("a new file is no change")
	}
	alice.waiting(4)
	if put(data) {
		t.Error("the same content is a change")
	}
	alice.waiting(4)
	data[chunks.Size+5]++
	if !put(data) {
		t.Error("another content is no change")
	}
	alice.waiting(5)
	if got := alice.fileText("f"); got != string(data) {
		t.Error("reads otherwise")
	}
	if !put(append(data, 1)) || alice.fileText("f") != string(append(data, 1)) {
		t.Error("appended: reads otherwise")
	}
	alice.waiting(6)
	if !put([]byte("short")) || put([]byte("short")) || alice.fileText("f") != "short" {
		t.Error("a short content")
	}
	if _, changed, err := alice.s.Files().Put(t.Context(), "f", strings.NewReader("short"), space.PutOptions{Executable: true}); err != nil || !changed {
		t.Errorf("made executable: %v, %v", changed, err)
	}
}

func TestFileSystem(t *testing.T) {
	alice := newPerson(t, "alice")
	alice.create(bareHost(t))
	alice.puts("a.txt", "hello")
	alice.puts("deep/er/b.txt", strings.Repeat("long ", 2000))
	alice.puts("deep/c (2).bin", "")
	if err := alice.s.Files().Mkdir(t.Context(), "empty"); err != nil {
		t.Fatal(err)
	}
	if err := fstest.TestFS(alice.s.Files().FS(t.Context()), "a.txt", "deep/er/b.txt", "deep/c (2).bin", "empty"); err != nil {
		t.Error(err)
	}
}

// Versions that were written at once: what a program can merge is merged, once, and
// shows as one everywhere; the rest stands side by side until somebody chooses.
func TestFilesWrittenAtOnce(t *testing.T) {
	_, people := newMirrorStory(t, "alice", "bob")
	alice, bob := people[0], people[1]
	alice.puts("m.json", "{\"a\": 1,\n\"b\": 2}\n")
	alice.puts("t.txt", "one\ntwo\nthree\nfour\nfive\n")
	alice.puts("x.bin", "\x00base")
	settled(alice, bob)

	alice.puts("m.json", "{\"a\": 10,\n\"b\": 2}\n")
	bob.puts("m.json", "{\"a\": 1,\n\"b\": 20}\n")
	alice.puts("t.txt", "ONE\ntwo\nthree\nfour\nfive\n")
	bob.puts("t.txt", "one\ntwo\nthree\nfour\nFIVE\n")
	alice.puts("x.bin", "\x00alice")
	bob.puts("x.bin", "\x00bob")
	settled(alice, bob)
	if d := cmp.Diff(alice.listing(""), bob.listing("")); d != "" {
		t.Fatalf("alice and bob see different files:\n%s", d)
	}
	first, other := "bob", "alice" // who wrote last; clocks may decide otherwise
	if alice.fileText("x.bin") == "\x00alice" {
		first, other = other, first
	}
	beside := fmt.Sprintf("x (from %s, %s).bin", other, time.Now().UTC().Format("2006-01-02"))
	merged := []string{"m.json={\"a\": 10,\n\"b\": 20}\n", "t.txt=ONE\ntwo\nthree\nfour\nFIVE\n"}
	alice.lists(append(merged, beside+"=\x00"+other, "x.bin=\x00"+first)...)
	if marked, err := alice.s.Files().Merge(t.Context(), "x.bin"); !errors.Is(err, space.ErrVersions) || marked != nil {
		t.Errorf("merging what is no text: %q, %v", marked, err)
	}
	if err := alice.s.Files().Remove(t.Context(), beside); err != nil {
		t.Fatal(err)
	}
	settled(alice, bob)
	bob.lists(append(merged, "x.bin=\x00"+first)...)
	versions, err := bob.s.Files().Versions(t.Context(), "t.txt")
	if err != nil || len(versions) != 4 || !versions[0].Merged || len(versions[0].Parents) != 2 {
		t.Errorf("versions of t.txt: %+v, %v", versions, err)
	}
}

// Who deletes takes what it saw: a version that somebody puts meanwhile, and what
// is put into a folder, stays.
func TestFileDeletedWhileAnotherPuts(t *testing.T) {
	_, people := newMirrorStory(t, "alice", "bob")
	alice, bob := people[0], people[1]
	alice.puts("d/f.txt", "one")
	alice.puts("d/g.txt", "gone")
	settled(alice, bob)
	if err := alice.s.Files().Remove(t.Context(), "d"); err != nil {
		t.Fatal(err)
	}
	bob.puts("d/f.txt", "two")
	bob.puts("d/new.txt", "new")
	settled(alice, bob)
	want := []string{"f.txt=two", "new.txt=new"}
	alice.lists(want...)
	bob.lists(want...)
}

// Two devices that move folders into each other: no folder is lost, and both see
// the same.
func TestFoldersMovedIntoEachOther(t *testing.T) {
	_, people := newMirrorStory(t, "alice", "bob")
	alice, bob := people[0], people[1]
	alice.puts("a/one", "1")
	alice.puts("b/two", "2")
	settled(alice, bob)
	if err := alice.s.Files().Rename(t.Context(), "a", "b/a"); err != nil {
		t.Fatal(err)
	}
	if err := bob.s.Files().Rename(t.Context(), "b", "a/b"); err != nil {
		t.Fatal(err)
	}
	settled(alice, bob)
	if d := cmp.Diff(alice.listing(""), bob.listing("")); d != "" {
		t.Fatal(d)
	}
	if got := alice.listing(""); len(got) != 4 {
		t.Errorf("%v", got)
	}
}

// What waited while an epoch was sealed is issued again: new files and versions are
// there, with what they replaced; a version of a file whose delete was sealed is in
// its author's conflicts.
func TestFilesOverASeal(t *testing.T) {
	_, people := newMirrorStory(t, "alice", "bob")
	alice, bob := people[0], people[1]
	alice.puts("kept.txt", "1\n2\n3\n4\n5\n6\n")
	alice.puts("gone.bin", "\x00one")
	alice.puts("d/old.txt", "old")
	settled(alice, bob)
	bob.puts("kept.txt", "1\n2\n3\n4\n5\nBOB\n")
	bob.puts("gone.bin", "\x00bob")
	bob.puts("d/new.bin", string(content(20_000)))
	if err := bob.s.Files().Rename(t.Context(), "d/old.txt", "moved.txt"); err != nil {
		t.Fatal(err)
	}
	alice.puts("kept.txt", "ALICE\n2\n3\n4\n5\n6\n")
	if err := alice.s.Files().Remove(t.Context(), "gone.bin"); err != nil {
		t.Fatal(err)
	}
	alice.sync()
	if _, err := alice.s.Seal(t.Context(), space.SealOptions{}); err != nil {
		t.Fatal(err)
	}
	settled(bob, alice)
	if d := cmp.Diff(alice.listing(""), bob.listing("")); d != "" {
		t.Fatal(d)
	}
	var names []string
	for _, e := range alice.listing("") {
		name, _, _ := strings.Cut(e, "=")
		names = append(names, name)
	}
	if d := cmp.Diff([]string{"d/", "d/new.bin", "kept.txt", "moved.txt"}, names); d != "" {
		t.Errorf("files (-want +got):\n%s", d)
	}
	if got := bob.fileText("kept.txt"); got != "ALICE\n2\n3\n4\n5\nBOB\n" {
		t.Errorf("kept.txt: %q", got)
	}
	lost, err := bob.s.Conflicts(t.Context())
	if err != nil || len(lost) == 0 {
		t.Fatalf("%d conflicts, %v", len(lost), err)
	}
	if _, err := bob.s.Retry(t.Context(), lost[0].ID); err != nil {
		t.Fatal(err)
	}
	settled(bob, alice)
	if got := alice.fileText("gone.bin"); got != "\x00bob" {
		t.Errorf("tried again: %q", got)
	}
}

func TestFilesAreWatched(t *testing.T) {
	alice := newPerson(t, "alice")
	alice.create(bareHost(t))
	alice.puts("d/a", "1")
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	steps := []func(){
		func() {}, func() {},
		func() { alice.puts("d/a", "2") },
		func() {
			if err := alice.s.Files().Rename(ctx, "d/a", "d/b"); err != nil {
				t.Error(err)
			}
		}, func() {}, cancel,
	}
	var got []string
	for c, err := range alice.s.Files().Watch(ctx) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, c.Kind+" "+c.File.Path)
		steps[len(got)]()
		if len(got) == 5 {
			break
		}
	}
	if d := cmp.Diff([]string{"put d", "put d/a", "put d/a", "remove d/a", "put d/b"}, got); d != "" {
		t.Error(d)
	}
}
