package space_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/espace-git/espace-git/internal/wire"
	"github.com/espace-git/espace-git/membership"
	"github.com/espace-git/espace-git/space"
)

const mainRef = "refs/heads/main"

// showsBoth puts the ledger of another host beside its own, and its lane of somebody.
func (h *evilHost) showsBoth(other *evilHost, lanes ...*person) {
	h.t.Helper()
	h.git("fetch", "-q", other.dir, mainRef)
	own := h.refs()[mainRef]
	h.set(mainRef, h.commitTree(h.git("rev-parse", own+"^{tree}"), own, other.refs()[mainRef]))
	for _, p := range lanes {
		ref := other.lane(p)
		h.git("fetch", "-q", other.dir, "+"+ref+":"+ref)
	}
}

// accusesNobody: whatever was kept shows facts about the ledger and the host alone.
func (p *person) accusesNobody() {
	p.t.Helper()
	for _, kind := range p.evidence() {
		if !slices.Contains([]string{"ledger-fork", "ledger-branch", "taken-back"}, kind) {
			p.t.Errorf("%s keeps evidence of %s", p.name, kind)
		}
	}
}

func (p *person) resolves() {
	p.t.Helper()
	if _, err := p.s.ResolveFork(p.t.Context(), nil); err != nil {
		p.t.Fatalf("%s resolves: %v", p.name, err)
	}
}

func (p *person) follows() {
	p.t.Helper()
	if err := p.s.FollowFork(p.t.Context()); err != nil {
		p.t.Fatalf("%s follows: %v", p.name, err)
	}
}

// meet lets people sync until each has seen what the others brought.
func meet(people ...*person) {
	for range 2 {
		for _, p := range people {
			p.syncsAnyhow()
		}
	}
}

func (p *person) invites() {
	p.t.Helper()
	if _, err := p.s.Invite(p.t.Context(), space.InviteOptions{}); err != nil {
		p.t.Fatal(err)
	}
}

func emptySeal() *membership.SealPart {
	return &membership.SealPart{Commitment: wire.Sum([]byte("secret")), Cut: membership.Cut{Order: wire.LogHead{Root: wire.Sum()}}}
}

// hostLedger is a ledger as a host shows it.
type hostLedger struct{ entries []*membership.Unverified }

func ledgerOf(t *testing.T, h *evilHost) (l hostLedger) {
	t.Helper()
	for name := range strings.FieldsSeq(h.git("ls-tree", "-r", "--name-only", "main", "ledger")) {
		u, err := membership.Parse([]byte(git(t, h.dir, "cat-file", "blob", "main:"+name)))
		if err != nil {
			t.Fatal(err)
		}
		l.entries = append(l.entries, u)
	}
	return l
}

// leaves names the branch that leaves a ledger, up to its end.
func (l hostLedger) leaves(r *membership.Roster) (d membership.Dropped) {
	at := func(u *membership.Unverified) wire.Position { return wire.Position{Number: u.Number, Hash: u.Hash} }
	for _, u := range l.entries {
		if !r.Holds(at(u)) {
			d.First = membership.PlaceOf(at(u))
			break
		}
	}
	d.Head = membership.PlaceOf(at(l.entries[len(l.entries)-1]))
	return d
}

// forkOpenings are the openings on all branches that lie among the ancestors of main.
func (p *person) forkOpenings(h *evilHost) (out []membership.Opening) {
	p.t.Helper()
	seen := map[wire.Hash]bool{}
	var envelopes [][]byte
	for commit := range strings.FieldsSeq(h.git("rev-list", "main")) {
		for line := range strings.Lines(h.git("ls-tree", "-r", commit, "ledger")) {
			blob := strings.Fields(line)[2]
			b := []byte(git(p.t, h.dir, "cat-file", "blob", blob))
			if sum := wire.Sum(b); !seen[sum] {
				seen[sum] = true
				envelopes = append(envelopes, b)
			}
		}
	}
	var r *membership.Roster
	for _, e := range envelopes {
		if u, err := membership.Parse(e); err == nil && u.Number == 0 {
			if r, _, err = membership.Genesis(e); err != nil {
				p.t.Fatal(err)
			}
		}
	}
	known := map[wire.Hash]bool{}
	add := func(r *membership.Roster) {
		for _, o := range r.Openings() {
			if !known[o.O] {
				known[o.O] = true
				out = append(out, o)
			}
		}
	}
	read := r.Read(envelopes)
	add(read.Roster)
	if read.Split != nil {
		for _, b := range read.Split.Branches {
			add(b.Roster)
		}
	}
	for _, b := range read.Roster.Rivals(envelopes) {
		add(b.Roster)
	}
	return out
}

// keepsPush lets the host refuse what is pushed meanwhile, and keep it. lost puts the
// objects in and tells what the ref was to become.
func (h *evilHost) keepsPush(ref string, push func()) (lost func() string) {
	h.t.Helper()
	kept := filepath.Join(h.t.TempDir(), "kept")
	hook := filepath.Join(h.dir, "hooks", "pre-receive")
	script := "#!/bin/sh\nmkdir -p '" + kept + "'\ncat > '" + kept + "/refs'\ncp -r \"$GIT_QUARANTINE_PATH\"/. '" + kept + "/objects'\nexit 1\n"
	if err := os.MkdirAll(filepath.Dir(hook), 0o755); err != nil {
		h.t.Fatal(err)
	}
	if err := os.WriteFile(hook, []byte(script), 0o755); err != nil {
		h.t.Fatal(err)
	}
	push()
	if err := os.Remove(hook); err != nil {
		h.t.Fatal(err)
	}
	return func() string {
		h.t.Helper()
		refs, err := os.ReadFile(filepath.Join(kept, "refs"))
		if err != nil {
			h.t.Fatal(err)
		}
		if err := os.CopyFS(filepath.Join(h.dir, "objects"), os.DirFS(filepath.Join(kept, "objects"))); err != nil {
			h.t.Fatal(err)
		}
		for line := range strings.Lines(string(refs)) {
			if f := strings.Fields(line); len(f) == 3 && f[2] == ref {
				return f[1]
			}
		}
		h.t.Fatalf("nothing was pushed to %s", ref)
		return ""
	}
}

// memberState is how somebody stands, as p knows.
func (p *person) memberState(name string) string {
	p.t.Helper()
	all, err := p.s.Members(p.t.Context())
	if err != nil {
		p.t.Fatal(err)
	}
	for _, m := range all {
		if m.Name == name {
			return m.State
		}
	}
	return "removed"
}
