package space_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/espace-git/espace-git/chunks"
)

// loosen unpacks all objects of the host into files of their own.
func (h *evilHost) loosen() {
	h.t.Helper()
	packs, _ := filepath.Glob(filepath.Join(h.dir, "objects/pack/*.pack"))
	for _, p := range packs {
		b, err := os.ReadFile(p)
		if err != nil {
			h.t.Fatal(err)
		}
		for _, ext := range []string{".pack", ".idx", ".rev"} {
			os.Remove(strings.TrimSuffix(p, ".pack") + ext)
		}
		h.gitIn(b, "unpack-objects", "-q")
	}
}

func (h *evilHost) object(id string) string {
	return filepath.Join(h.dir, "objects", id[:2], id[2:])
}

// A host gives something else for a chunk, or nothing. What the mirror has counts.
func TestAttackChunksOnHost(t *testing.T) {
	st, people := newMirrorStory(t, "alice", "bob", "carol", "dave")
	alice := people[0]
	data := content(chunks.Size + 2000)
	refs := alice.stores(data, "a file")
	for range 2 {
		for _, p := range people {
			st.sync(p)
		}
	}
	st.host.loosen()
	first, second := st.host.object(refs[0].ID.String()), st.host.object(refs[1].ID.String())
	good, err := os.ReadFile(first)
	if err != nil {
		t.Fatal(err)
	}
	replace := func(name string, b []byte) {
		os.Remove(name)
		if err := os.WriteFile(name, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	other, _ := os.ReadFile(second)
	for name, c := range map[string]struct {
		who   *person
		bytes []byte
	}{"swapped": {people[1], other}, "cut": {people[2], good[:1<<20]}, "junk": {people[3], []byte("no object at all")}} {
		replace(first, c.bytes)
		if got, err := c.who.reads(refs, alice); err == nil || len(got) > 0 {
			t.Errorf("%s: %d bytes, %v", name, len(got), err)
		}
		replace(first, good)
		c.who.mustRead(refs, alice, data)
	}

	m := st.mirror(alice, "backup", true)
	erin := newPerson(t, "erin")
	erin.join(alice.invite())
	st.people = append(st.people, erin)
	st.reopen(erin)
	st.converge(2)
	if m.ref("/files/") == "" {
		t.Error("the mirror has no chunks")
	}
	os.Remove(first)
	erin.mustRead(refs, alice, data)
}

// A list names a blob of 20 MB as a chunk of 10 bytes.
func TestAttackChunkBomb(t *testing.T) {
	st, people := newMirrorStory(t, "alice", "bob")
	alice, bob := people[0], people[1]
	refs := alice.stores([]byte("ten bytes!"), "a file")
	st.sync(alice)
	st.sync(bob)
	id := st.host.gitIn(content(20_000_000), "hash-object", "-w", "--stdin")
	bomb := refs[0]
	if err := bomb.ID.UnmarshalText([]byte(id)); err != nil {
		t.Fatal(err)
	}
	if got, err := bob.reads([]chunks.Ref{bomb}, alice); err == nil || len(got) > 0 {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	if bob.s.Holds(bomb) {
		t.Error("the bomb was stored")
	}
	bob.mustRead(refs, alice, []byte("ten bytes!"))
}

// Whatever a stranger does to the ref of chunks: the next chunks arrive, and those
// before are there.
func TestAttackFilesRef(t *testing.T) {
	junk := map[string]func(h *evilHost, ref, tip string){
		"foreign commit":  func(h *evilHost, ref, tip string) { h.set(ref, h.commit(map[string]string{"x": "junk"}, tip)) },
		"another history": func(h *evilHost, ref, _ string) { h.set(ref, h.commit(map[string]string{"chunks/x": "junk"})) },
		"blob": func(h *evilHost, ref, _ string) {
			writeRef(h.t, h, ref, h.gitIn([]byte("junk"), "hash-object", "-w", "--stdin"))
		},
		"missing":  func(h *evilHost, ref, _ string) { writeRef(h.t, h, ref, strings.Repeat("ab", 20)) },
		"rollback": func(h *evilHost, ref, tip string) { h.set(ref, h.git("rev-parse", tip+"~1")) },
		"deleted":  func(h *evilHost, ref, _ string) { h.git("update-ref", "-d", ref) },
		"in the way": func(h *evilHost, ref, tip string) {
			h.git("update-ref", "-d", ref)
			h.set(ref+"/x", tip)
		},
		"folder in the way": func(h *evilHost, ref, tip string) {
			h.git("update-ref", "-d", ref)
			h.set(strings.TrimSuffix(ref, "/"+filepath.Base(ref)), tip)
		},
	}
	for name, do := range junk {
		t.Run(name, func(t *testing.T) {
			st, people := newMirrorStory(t, "alice", "bob")
			alice, bob := people[0], people[1]
			one, two, three := content(3000), content(4000), content(5000)
			first := alice.stores(one, "one")
			st.sync(alice)
			second := alice.stores(two, "two")
			st.sync(alice)
			ref := st.host.ref("/files/")
			tip := st.host.refs()[ref]
			do(st.host, ref, tip)
			third := alice.stores(three, "three")
			st.sync(alice)
			st.sync(alice)
			alice.waiting(0)
			st.host.git("reflog", "expire", "--expire=now", "--all")
			st.host.git("gc", "-q", "--prune=now")
			bob.mustRead(first, alice, one)
			bob.mustRead(second, alice, two)
			bob.mustRead(third, alice, three)
			st.converge(4)
		})
	}
}
