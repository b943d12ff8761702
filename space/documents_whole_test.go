package space_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/espace-git/espace-git/space"
)

// seesAll: everybody syncs; then all have the same documents, files, rows and digest, and
// find the same when they fold everything anew.
func seesAll(t *testing.T, people ...*person) {
	t.Helper()
	for range 3 {
		for _, p := range people {
			p.heard()
		}
	}
	first := people[0]
	for _, p := range people {
		if d := cmp.Diff(first.documents(), p.documents()); d != "" {
			t.Errorf("%s has other documents than %s:\n%s", p.name, first.name, d)
		}
		if d := cmp.Diff(first.listing(""), p.listing("")); d != "" {
			t.Errorf("%s has other files than %s:\n%.2000s", p.name, first.name, d)
		}
		if first.digest() != p.digest() {
			t.Errorf("the digests of %s and %s differ", first.name, p.name)
		}
		if r, err := p.s.Verify(t.Context(), space.VerifyOptions{Full: true}); err != nil || len(r.Problems) > 0 {
			t.Errorf("%s verifies: %v %q", p.name, err, r.Problems)
		}
	}
}

// filed puts files of several kinds and versions.
func (p *person) filed(tag string) {
	p.t.Helper()
	p.puts("docs/notes.md", "one\ntwo\nthree by "+tag+"\n")
	p.puts("bin/of-"+tag, "\x00"+string(content(70_000)))
	p.puts("small-"+tag+".bin", "\x00"+tag)
}

// Who begins with a checkpoint sees what those see who replay all, and writes on.
func TestNewcomersSeeDocuments(t *testing.T) {
	t.Parallel()
	for _, history := range []string{"all", "none", "1", "2"} {
		t.Run(history, func(t *testing.T) {
			t.Parallel()
			_, alice, bob := two(t)
			written(t, alice, bob)
			for i := range 2 {
				alice.filed(fmt.Sprint("alice", i))
				bob.filed(fmt.Sprint("bob", i))
				bob.changes()
				alice.types(2, 1, "XY")
				seesAll(t, alice, bob)
				alice.seal()
				bob.sync()
			}
			bob.changes()
			bob.filed("bob-unsealed")
			alice.types(0, 3, "<")
			alice.filed("alice-unsealed")
			bob.sync()
			alice.sync()
			link, err := alice.s.Invite(t.Context(), space.InviteOptions{History: history})
			noError(t, err)
			carol := newPerson(t, "carol")
			carol.join(link.Link)
			alice.sync()
			bob.sync()
			seesAll(t, alice, bob, carol)
			of := func(p *person) []space.FileVersion {
				list, err := p.s.Files().Versions(t.Context(), "docs/notes.md")
				noError(t, err)
				return list
			}
			if d := cmp.Diff(of(alice), of(carol)); d != "" {
				t.Errorf("versions (-alice +carol)\n%s", d)
			}
			carol.changes()
			carol.filed("carol")
			bob.changes()
			alice.types(1, 1, "zz")
			seesAll(t, alice, bob, carol)
			carol.types(0, 1, "C")
			alice.seal()
			seesAll(t, alice, bob, carol)
		})
	}
}

// A backup that holds edits which were pushed since is put back: they count once.
func TestBackupWithEditsThatWait(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name           string
		seal, more     bool
		sealAfterwards bool
	}{{"plain", false, false, false}, {"more", false, true, false}, {"sealed", true, false, false}, {"sealed, more", true, true, true}} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, alice, bob := two(t)
			written(t, alice, bob)
			bob.changes()
			bob.filed("bob")
			bob.types(3, 1, "")
			dir, backup := bob.s.Dir(), filepath.Join(t.TempDir(), "backup")
			bob.reopen(func() { copyExactly(t, dir, backup) })
			bob.sync()
			if c.more {
				bob.changes()
				bob.filed("bob2")
				bob.sync()
			}
			alice.sync()
			alice.types(0, 0, "A")
			alice.sync()
			want := alice.documents()
			if c.seal {
				alice.seal()
			}
			bob.reopen(func() {
				if err := os.RemoveAll(dir); err != nil {
					t.Fatal(err)
				}
				copyExactly(t, backup, dir)
			})
			bob.types(0, 0, "again ")
			bob.puts("after.txt", "after")
			bob.heard()
			want.Text = "again " + want.Text
			if c.sealAfterwards {
				alice.seal()
			}
			seesAll(t, alice, bob)
			got := alice.documents()
			if strings.HasPrefix(got.Text, "A") { // both began at the same place
				want.Text = "Aagain " + strings.TrimPrefix(want.Text, "again A")
			}
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("(-want +got)\n%s", d)
			}
			if got := alice.fileText("after.txt"); got != "after" {
				t.Error(got)
			}
			bob.conflicts(0)
			alice.seal()
			seesAll(t, alice, bob)
		})
	}
}

// Somebody is removed while others have edits that were not sent: those stay.
func TestRemovalKeepsOthersEdits(t *testing.T) {
	t.Parallel()
	_, alice, bob, carol := team(t)
	written(t, alice, bob, carol)
	bob.types(0, 0, "bob ")
	bob.filed("bob")
	bob.sync()
	carol.sync()
	alice.sync()
	carol.types(2, 0, "+carol+") // among bob's words
	carol.changes()
	carol.filed("carol")
	bob.types(0, 0, "never sent ")
	alice.removes("bob")
	seesAll(t, alice, carol)
	if got := alice.documents().Text; got != "bo+c<carol>arol+b hello" {
		t.Errorf("%q", got)
	}
	if got := alice.fileText("bin/of-bob"); len(got) != 70_001 {
		t.Errorf("%d", len(got))
	}
	carol.conflicts(0)
	bob.isGone()
	alice.seal()
	seesAll(t, alice, carol)
}

// A recovered device sees and goes on writing documents and files.
func TestRecoverDocuments(t *testing.T) {
	t.Parallel()
	for seals := range 3 {
		_, alice, bob := two(t)
		written(t, alice, bob)
		sheet := alice.words()
		alice.filed("alice")
		alice.changes()
		seesAll(t, alice, bob)
		for range seals {
			alice.seal()
			bob.sync()
		}
		bob.changes()
		bob.filed("unsent")
		again, _ := mustRecover(t, sheet)
		again.name = "alice2"
		bob.sync()
		again.sync()
		again.types(1, 1, "__")
		again.changes()
		again.filed("again")
		seesAll(t, again, bob)
		again.seal()
		seesAll(t, again, bob)
		bob.conflicts(0)
	}
}

// Two devices of one member edit at the same time.
func TestDocumentsOnTwoDevices(t *testing.T) {
	t.Parallel()
	_, alice, bob := two(t)
	written(t, alice, bob)
	link, err := bob.s.AddDevice(t.Context(), space.InviteOptions{})
	noError(t, err)
	phone := newPerson(t, "")
	phone.join(link.Link)
	phone.name = "phone"
	for range 2 {
		for _, p := range []*person{alice, bob, phone} {
			p.sync()
		}
	}
	for i := range 4 {
		before := len(alice.documents().Text)
		bob.changes()
		phone.changes()
		bob.types(before-1, 0, "b")
		phone.types(before-1, 1, "p")
		bob.filed("same")
		phone.filed("same")
		if i%2 == 1 {
			phone.sync()
			alice.seal()
		}
		seesAll(t, alice, bob, phone)
		if got, want := alice.documents().Counter, int64(5+20*(i+1)); got != want {
			t.Errorf("%d, want %d", got, want)
		}
	}
	for _, p := range []*person{bob, phone} {
		list, err := p.s.Conflicts(t.Context())
		noError(t, err)
		for _, c := range list { // both move one item
			if !strings.HasPrefix(c.Reason, "moving the item") {
				t.Errorf("%s: %+v", p.name, c)
			}
		}
	}
}

// A wiped host gets documents and files back from one clone or another.
func TestHealDocuments(t *testing.T) {
	t.Parallel()
	st, people := newMirrorStory(t, "alice", "bob")
	alice, bob := people[0], people[1]
	written(t, alice, bob)
	st.mirror(alice, "backup", true)
	st.sync(bob)
	alice.filed("alice")
	bob.filed("bob")
	bob.changes()
	settled(alice, bob)
	alice.seal()
	bob.changes()
	bob.filed("bob1")
	alice.filed("alice1")
	for range 3 {
		st.sync(bob)
		st.sync(alice)
	}
	st.host.wipe()
	bob.types(0, 0, "while it was gone ")
	bob.filed("gone")
	if _, _, err := alice.s.Heal(t.Context()); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		st.sync(bob)
		st.sync(alice)
	}
	carol := newPerson(t, "carol")
	carol.join(alice.invite())
	st.reopen(carol)
	seesAll(t, alice, bob, carol)
	// The primary goes away for good: the mirror serves what was put last.
	bob.filed("late")
	settled(bob, alice)
	for range 3 {
		st.sync(bob) // each brings its own pieces to the mirror
		st.sync(alice)
	}
	settled(carol)
	noError(t, os.RemoveAll(st.host.dir))
	if d := cmp.Diff(alice.listing(""), carol.listing("")); d != "" {
		t.Errorf("%.1000s", d)
	}
}

// A watcher in another process has the text, exactly, while there are syncs and seals.
func TestWatchOfTwoProcesses(t *testing.T) {
	t.Parallel()
	for seed := range uint64(2) {
		_, alice, bob := two(t)
		written(t, alice, bob)
		other, err := space.Open(t.Context(), alice.s.Dir(), alice.options())
		noError(t, err)
		ctx, cancel := context.WithCancel(t.Context())
		type seen struct {
			text string
			err  error
		}
		got := make(chan seen, 100_000)
		done := make(chan struct{})
		go func() {
			defer close(done)
			var mine []rune
			for c, err := range other.Text("note").Watch(ctx) {
				if err != nil {
					got <- seen{err: err}
					return
				}
				for _, s := range c.Splices {
					if s.Pos+s.Del > len(mine) {
						got <- seen{err: fmt.Errorf("splice %+v beyond %d", s, len(mine))}
						return
					}
					mine = append(mine[:s.Pos:s.Pos], append([]rune(s.Text), mine[s.Pos+s.Del:]...)...)
				}
				if c.Len != len(mine) {
					got <- seen{err: fmt.Errorf("%d, told %d", len(mine), c.Len)}
				}
				got <- seen{text: string(mine)}
			}
		}()
		cursor, err := other.Text("note").Cursor(t.Context(), 0, true)
		noError(t, err)
		rnd := rand.New(rand.NewPCG(seed, 9))
		phone := &person{t: t, name: "alice-2", home: alice.home, s: other}
		for range 60 {
			p := []*person{alice, bob, phone}[rnd.IntN(3)]
			switch rnd.IntN(8) {
			case 0:
				p.heard()
			case 1:
				alice.heard()
				bob.heard()
			case 2:
				if rnd.IntN(3) == 0 {
					_, err := alice.s.Seal(t.Context(), space.SealOptions{})
					if err != nil && !errors.Is(err, space.ErrConflict) {
						t.Error(err)
					}
				}
			default:
				n := p.length()
				pos := rnd.IntN(n + 1)
				p.types(pos, rnd.IntN(min(n-pos, 4)+1), []string{"ä", "word ", "😀\n"}[rnd.IntN(3)])
			}
			if _, err := cursor.Position(t.Context()); err != nil {
				t.Error(err)
			}
		}
		settled(alice, bob)
		want := alice.documents().Text
		deadline := time.After(10 * time.Second)
		last := ""
	wait:
		for {
			select {
			case s := <-got:
				if s.err != nil {
					t.Fatalf("seed %d: %v", seed, s.err)
				}
				if last = s.text; last == want && len(got) == 0 {
					break wait
				}
			case <-deadline:
				t.Fatalf("seed %d: the watcher has %q, want %q", seed, last, want)
			}
		}
		cancel()
		<-done
		seesAll(t, alice, bob)
		other.Close()
	}
}

// A sync ends at any moment, with edits and pieces of files that wait; all is there then, once.
func TestSyncEndsAnywhere(t *testing.T) {
	t.Parallel()
	for seed := range uint64(3) {
		_, alice, bob := two(t)
		written(t, alice, bob)
		rnd := rand.New(rand.NewPCG(seed, 3))
		adds := int64(5)
		for i := range 12 {
			p := []*person{alice, bob}[rnd.IntN(2)]
			tag := fmt.Sprintf("%s%d", p.name, i)
			p.types(0, 0, "["+tag+"]")
			p.add(1)
			adds++
			p.filed(tag)
			for range 3 {
				ctx, cancel := context.WithTimeout(t.Context(), time.Duration(rnd.ExpFloat64()*float64(15*time.Millisecond)))
				_, err := p.s.Sync(ctx)
				cancel()
				if err != nil && ctx.Err() == nil {
					t.Error(err)
				}
				p.reopen(func() {})
			}
			if rnd.IntN(4) == 0 {
				_, err := alice.s.Seal(t.Context(), space.SealOptions{})
				if err != nil && !errors.Is(err, space.ErrConflict) {
					t.Error(err)
				}
			}
		}
		seesAll(t, alice, bob)
		d := alice.documents()
		if d.Counter != adds {
			t.Errorf("%d, want %d", d.Counter, adds)
		}
		if n := strings.Count(d.Text, "["); n != 12 {
			t.Errorf("%d of 12 in %q", n, d.Text)
		}
		alice.conflicts(0)
		bob.conflicts(0)
		alice.waiting(0)
		bob.waiting(0)
	}
}
