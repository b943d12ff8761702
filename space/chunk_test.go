package space_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/espace-git/espace-git/chunks"
	"github.com/espace-git/espace-git/internal/wire"
	"github.com/espace-git/espace-git/space"
)

func writeHook(t *testing.T, name, script string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
}

func content(n int) []byte {
	b := make([]byte, n)
	rand.Read(b)
	return b
}

func (p *person) stores(data []byte, title string) []chunks.Ref {
	p.t.Helper()
	refs, err := p.s.StoreChunks(p.t.Context(), bytes.NewReader(data), space.Row{"title": title})
	if err != nil {
		p.t.Fatalf("%s stores: %v", p.name, err)
	}
	return refs
}

func (p *person) deviceID() wire.DeviceID {
	p.t.Helper()
	d, err := wire.ParseDeviceID(p.device())
	if err != nil {
		p.t.Fatal(err)
	}
	return d
}

// reads gives a file that by stored, or why it can't be had.
func (p *person) reads(refs []chunks.Ref, by *person) ([]byte, error) {
	p.t.Helper()
	r, err := p.s.OpenChunks(p.t.Context(), refs, by.deviceID())
	if err != nil {
		p.t.Fatal(err)
	}
	return io.ReadAll(r)
}

func (p *person) mustRead(refs []chunks.Ref, by *person, want []byte) {
	p.t.Helper()
	if got, err := p.reads(refs, by); err != nil || !bytes.Equal(got, want) {
		p.t.Errorf("%s reads %d bytes of %d, %v", p.name, len(got), len(want), err)
	}
}

func (p *person) waiting(want int) {
	p.t.Helper()
	if n, err := p.s.Waiting(p.t.Context()); err != nil || n != want {
		p.t.Errorf("%d chunks of %s wait, want %d (%v)", n, p.name, want, err)
	}
}

// A file goes to the host in commits of its own, is not fetched by a sync, and is
// there when it is wanted: all of it, or a part.
func TestChunks(t *testing.T) {
	st, people := newMirrorStory(t, "alice", "bob")
	alice, bob := people[0], people[1]
	data := content(7*chunks.Size + 4321)
	refs := alice.stores(data, "a file")
	alice.waiting(8)
	alice.mustRead(refs, alice, data) // offline
	st.sync(alice)
	alice.waiting(0)
	if n := st.host.git("rev-list", "--count", st.host.ref("/files/")); n != "2" {
		t.Errorf("%s commits", n)
	}
	if n := len(strings.Fields(st.host.git("ls-tree", "-r", "--name-only", st.host.ref("/files/")))); n < 2 || n > 3 {
		t.Errorf("the last commit holds %d chunks", n)
	}
	st.sync(bob)
	if len(bob.rows()) != 2 || bob.s.Holds(refs[0]) {
		t.Errorf("bob has %d rows, and a chunk: %v", len(bob.rows()), bob.s.Holds(refs[0]))
	}
	r, err := bob.s.OpenChunks(t.Context(), refs, alice.deviceID())
	if err != nil {
		t.Fatal(err)
	}
	part := make([]byte, 100)
	if _, err := r.ReadAt(part, 2*chunks.Size+7); err != nil || !bytes.Equal(part, data[2*chunks.Size+7:][:100]) {
		t.Errorf("%v", err)
	}
	if !bob.s.Holds(refs[2]) || bob.s.Holds(refs[0]) || bob.s.Holds(refs[3]) {
		t.Error("a range fetched other chunks than its own")
	}
	bob.mustRead(refs, alice, data)
	st.host.git("fsck", "--full", "--strict")
	st.converge(2)
}

// What names a file reaches nobody before the file; what was written before it does.
func TestLaneWaitsForChunks(t *testing.T) {
	st, people := newMirrorStory(t, "alice", "bob")
	alice, bob := people[0], people[1]
	alice.insert(space.Row{"title": "before"})
	alice.stores(content(6*chunks.Size), "the file")
	alice.insert(space.Row{"title": "after"})
	hook := st.host.dir + "/hooks/pre-receive"
	writeHook(t, hook, `#!/bin/sh
while read old new ref; do case "$ref" in */files/*) test "$old" != 0000000000000000000000000000000000000000 && exit 1;; esac; done
exit 0
`)
	if _, err := alice.s.Sync(t.Context()); !errors.Is(err, space.ErrRefused) {
		t.Errorf("the host took the first part of a file only: %v", err)
	}
	alice.waiting(1)
	st.sync(bob)
	if got := bob.rows(); len(got) != 2 {
		t.Errorf("bob sees %v", got)
	}
	writeHook(t, hook, "#!/bin/sh\nexit 0\n")
	st.sync(alice)
	st.sync(bob)
	if len(bob.rows()) != 4 {
		t.Errorf("bob sees %v", bob.rows())
	}
	alice.waiting(0)
}

// A seal that comes between storing and pushing changes nothing.
func TestChunksOverASeal(t *testing.T) {
	st, people := newMirrorStory(t, "alice", "bob")
	alice, bob := people[0], people[1]
	early, late := content(10), content(chunks.Size+3)
	first := bob.stores(early, "in epoch 0")
	st.sync(bob)
	second := bob.stores(late, "stored in epoch 0, pushed in epoch 1")
	if _, err := alice.s.Seal(t.Context(), space.SealOptions{}); err != nil {
		t.Fatal(err)
	}
	st.sync(bob)
	st.sync(alice)
	bob.waiting(0)
	alice.mustRead(first, bob, early)
	alice.mustRead(second, bob, late)
	st.host.ref("/1-", "/files/")
	st.converge(3)
}

// A host that lost the chunks gets them back from the device that stored them.
func TestChunksAreHealed(t *testing.T) {
	st, people := newMirrorStory(t, "alice", "bob")
	alice, bob := people[0], people[1]
	data := content(11*chunks.Size + 1)
	refs := alice.stores(data, "a file")
	st.sync(alice)
	files := st.host.ref("/files/")
	st.host.git("update-ref", "-d", files)
	st.host.git("gc", "-q", "--prune=now")
	if _, err := bob.reads(refs, alice); !errors.Is(err, space.ErrNotFound) {
		t.Errorf("gone: %v", err)
	}
	st.sync(alice)
	bob.mustRead(refs, alice, data)

	st.host.wipe()
	if _, _, err := alice.s.Heal(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := st.host.git("rev-list", "--count", files); n != "3" {
		t.Errorf("%s commits", n)
	}
	st.host.git("fsck", "--full", "--strict")
	carol := newPerson(t, "carol")
	carol.join(alice.invite())
	st.people = append(st.people, carol)
	st.converge(2)
	carol.mustRead(refs, alice, data)
}

// A mirror has the chunks too, and serves them when the primary does not.
func TestChunksFromMirror(t *testing.T) {
	st, people := newMirrorStory(t, "alice", "bob")
	alice, bob := people[0], people[1]
	m := st.mirror(alice, "backup", true)
	st.sync(bob)
	data := content(6*chunks.Size + 1)
	refs := alice.stores(data, "a file")
	st.sync(alice)
	if m.refs()[m.ref("/files/")] != st.host.refs()[st.host.ref("/files/")] {
		t.Error("the mirror does not have the chunks")
	}
	st.sync(bob)
	st.host.wipe()
	bob.mustRead(refs, alice, data)
}
