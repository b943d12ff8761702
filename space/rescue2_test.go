package space

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/espace-git/espace-git/internal/wire"
	"github.com/espace-git/espace-git/view"
)

// loses closes the space, does harm to its folder, and opens it again, rescued.
func (p *peer) loses(harm func(marker string)) {
	p.t.Helper()
	if err := p.Close(); err != nil {
		p.t.Fatal(err)
	}
	harm(filepath.Join(p.dir, markerDir))
	if did, err := Rescue(p.t.Context(), p.dir, p.opts); err != nil {
		p.t.Fatalf("%v %v", did, err)
	}
	s, err := Open(p.t.Context(), p.dir, p.opts)
	if err != nil {
		p.t.Fatal(err)
	}
	p.Space = s
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// A store that is lost in a later epoch begins again with a checkpoint, also of who
// published it, and goes on with numbers that were never used.
func TestRescueInLaterEpoch(t *testing.T) {
	for _, name := range []string{"sealer", "member"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, alice, bob, carol := epochs(t)
			p := map[string]*peer{"sealer": alice, "member": bob}[name]
			before := p.texts()
			p.loses(func(marker string) { must(t, os.Remove(filepath.Join(marker, storeFile))) })
			for range 2 {
				p.syncs()
				carol.syncs()
			}
			if got := p.texts(); !slices.Equal(got, before) {
				t.Errorf("%s sees %v, want %v", p.name, got, before)
			}
			p.writes("after the rescue")
			for range 2 {
				for _, q := range []*peer{p, alice, bob, carol} {
					q.syncs()
				}
			}
			for _, q := range []*peer{alice, bob, carol} {
				if got := q.texts(); !slices.Contains(got, "after the rescue") || len(got) != 10 {
					t.Errorf("%s sees %v", q.name, got)
				}
				q.verifies()
			}
		})
	}
}

// A backup from two epochs ago: what was written since and is on the host comes back,
// what was written before and never pushed is issued again, and nobody is accused.
func TestRestoreFromTwoEpochsAgo(t *testing.T) {
	_, alice, bob, carol := trio(t)
	bob.writes("in the backup only")
	must(t, bob.Close())
	backup := filepath.Join(t.TempDir(), "backup")
	must(t, os.CopyFS(backup, os.DirFS(bob.dir)))
	reopen := func() {
		s, err := Open(t.Context(), bob.dir, bob.opts)
		must(t, err)
		bob.Space = s
	}
	reopen()
	bob.syncs()
	for _, text := range []string{"second", "third"} {
		alice.seals()
		for _, p := range []*peer{bob, carol} {
			p.syncs()
			p.writes(text + " of " + p.name)
			p.syncs()
		}
		alice.syncs()
	}
	bob.writes("lost with the disk")
	must(t, bob.Close())
	must(t, os.RemoveAll(bob.dir))
	must(t, os.CopyFS(bob.dir, os.DirFS(backup)))
	must(t, filepath.WalkDir(bob.dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			err = os.Chmod(path, 0o600)
		} else if err == nil {
			err = os.Chmod(path, 0o700)
		}
		return err
	}))
	reopen()
	bob.writes("after the restore")
	for range 3 {
		for _, p := range []*peer{bob, alice, carol} {
			p.syncs()
		}
	}
	want := []string{"after the restore", "first of alice", "first of bob", "first of carol", "in the backup only", "second of bob", "second of carol", "third of bob", "third of carol"}
	for _, p := range []*peer{alice, bob, carol} {
		if got := p.texts(); !slices.Equal(got, want) {
			t.Errorf("%s sees %v, want %v", p.name, got, want)
		}
		p.verifies()
	}
}

// The pages of the own state, lost from the local git, are fetched or made anew.
func TestDoctorRestoresBase(t *testing.T) {
	for _, published := range []bool{true, false} {
		h, alice, bob, _ := epochs(t)
		before := bob.texts()
		if !published {
			for ref := range strings.FieldsSeq(h.git("for-each-ref", "--format=%(refname)", "refs/espace/2-*")) {
				if strings.Contains(ref, "/state/") {
					h.git("update-ref", "-d", ref)
				}
			}
		}
		bob.forgetsPages()
		if _, err := bob.Doctor(t.Context(), true); err != nil {
			t.Fatalf("published: %v: %v", published, err)
		}
		if got := bob.texts(); !slices.Equal(got, before) {
			t.Errorf("bob sees %v, want %v", got, before)
		}
		bob.verifies()
		alice.seals()
		bob.syncs()
		if bob.texts(); len(bob.texts()) != 9 {
			t.Errorf("bob sees %v", bob.texts())
		}
	}
}

// forgetsPages makes the own pages unreadable: their objects are not there.
func (p *peer) forgetsPages() {
	p.t.Helper()
	err := p.db.Update(p.t.Context(), func(v *view.Tx) error {
		for pair, err := range v.Each(bucketBlob, nil) {
			if err != nil {
				return err
			}
			none := wire.ObjectID{1, 2, 3}
			if err := v.Put(bucketBlob, pair.Key, none[:]); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil && !errors.Is(err, os.ErrClosed) {
		p.t.Fatal(err)
	}
}

// Doctor makes the view anew in a later epoch, and what waits is still there.
func TestDoctorRebuildsInLaterEpoch(t *testing.T) {
	_, _, bob, _ := epochs(t)
	bob.writes("waits")
	before := bob.texts()
	if _, err := bob.Doctor(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	if got := bob.texts(); !slices.Equal(got, before) {
		t.Errorf("bob sees %v, want %v", got, before)
	}
	bob.verifies()
}
