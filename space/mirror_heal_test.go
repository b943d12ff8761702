package space_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/espace-git/espace-git/space"
)

// Whoever of the three heals the host, and however, in the end everybody has
// everything: what one of them had more comes from that one.
func TestHealWipedHost(t *testing.T) {
	for who := range 3 {
		t.Run([]string{"alice", "bob", "carol"}[who], func(t *testing.T) {
			st, people := newMirrorStory(t, "alice", "bob", "carol")
			for _, p := range people {
				p.insert(space.Row{"title": "of " + p.name})
				p.sync()
			}
			st.host.wipe()
			healed, _, err := people[who].s.Heal(t.Context())
			if err != nil || len(healed) != 1 || len(healed[0].Refs) < 4 || healed[0].Name != "origin" {
				t.Fatalf("%+v %v", healed, err)
			}
			st.host.git("fsck", "--full", "--strict")
			for _, p := range people {
				if _, _, err := p.s.Heal(t.Context()); err != nil {
					t.Errorf("%s heals: %v", p.name, err)
				}
			}
			st.converge(4)
			again, _, err := people[who].s.Heal(t.Context())
			if err != nil || len(again[0].Refs) != 0 {
				t.Errorf("healed again: %+v %v", again, err)
			}
		})
	}
}

// A sync heals a wiped host too; that it lost what it had shown is told.
func TestHealBySync(t *testing.T) {
	st, people := newMirrorStory(t, "alice", "bob")
	want := st.host.refs()
	st.host.wipe()
	if _, err := people[1].s.Sync(t.Context()); !errors.Is(err, space.ErrViolation) {
		t.Errorf("syncing with a wiped host: %v", err)
	}
	for ref := range want {
		if st.host.refs()[ref] == "" {
			t.Errorf("%s is not back", ref)
		}
	}
	st.converge(1)
}

func TestHealLeavesForeignRepository(t *testing.T) {
	st, people := newMirrorStory(t, "alice")
	st.host.wipe()
	st.host.set("refs/heads/main", st.host.commit(map[string]string{"main.go": "package main"}))
	want := st.host.refs()
	healed, _, err := people[0].s.Heal(t.Context())
	if err == nil || healed[0].Problem == "" {
		t.Errorf("%+v %v", healed, err)
	}
	if d := cmp.Diff(want, st.host.refs()); d != "" {
		t.Errorf("it was changed:\n%s", d)
	}
}

// After seals, too, one clone is enough: the closing commits hold what is over, and
// who is an epoch behind, or comes new, finds all it needs.
func TestHealWipedHostAfterSeals(t *testing.T) {
	for who := range 2 {
		t.Run([]string{"alice", "bob"}[who], func(t *testing.T) {
			st, people := newMirrorStory(t, "alice", "bob", "carol")
			alice, bob, carol := people[0], people[1], people[2]
			m := st.mirror(people[who], "backup", false)
			for i := range 2 {
				bob.insert(space.Row{"title": "of bob", "points": i})
				st.sync(bob)
				if _, err := alice.s.Seal(t.Context(), space.SealOptions{}); err != nil {
					t.Fatal(err)
				}
				for _, p := range []*person{bob, alice, bob} {
					st.sync(p)
				}
			}
			carol.insert(space.Row{"title": "written two epochs ago"})
			st.host.wipe()
			if _, _, err := people[who].s.Heal(t.Context()); err != nil {
				t.Fatal(err)
			}
			st.host.git("fsck", "--full", "--strict")
			// A state is with its maker only; others make theirs when somebody needs one.
			if _, _, err := alice.s.Heal(t.Context()); err != nil {
				t.Fatal(err)
			}
			st.sync(alice)
			st.sync(people[who])
			for ref, id := range st.host.refs() {
				if m.refs()[ref] != id && !strings.Contains(ref, "/state/") {
					t.Errorf("%s of the mirror is at %q, of the host at %s", ref, m.refs()[ref], id)
				}
			}
			dave := newPerson(t, "dave")
			dave.join(alice.invite())
			st.people = append(st.people, dave)
			st.reopen(dave)
			st.converge(4)
		})
	}
}

// A mirror has what the lost host had and nobody else: heal brings it to the host.
func TestHealFromMirror(t *testing.T) {
	st, people := newMirrorStory(t, "alice", "bob")
	alice, bob := people[0], people[1]
	st.mirror(alice, "backup", true)
	st.sync(bob)
	alice.insert(space.Row{"title": "only on the mirror"})
	alice.invite()
	st.sync(alice)
	st.host.wipe()
	if _, _, err := bob.s.Heal(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := bob.rows(); len(got) != 2 {
		t.Errorf("bob has %v", got)
	}
	st.converge(2)
}

// Commits that a host names and lost do not keep it from being healed.
func TestHealDamagedHost(t *testing.T) {
	st, people := newMirrorStory(t, "alice", "bob")
	for ref := range st.host.refs() {
		writeRef(t, st.host, ref, strings.Repeat("cd", 20))
	}
	if healed, _, err := people[1].s.Heal(t.Context()); err != nil {
		t.Fatalf("%+v %v", healed, err)
	}
	st.host.git("fsck", "--full", "--strict")
	st.converge(1)
}
