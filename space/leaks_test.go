package space_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/espace-git/espace-git/chain"
	"github.com/espace-git/espace-git/identity"
	"github.com/espace-git/espace-git/internal/wire"
	"github.com/espace-git/espace-git/space"
)

// Attack 10: files under a keys commit that are not those that its signer signed.
func TestAttackTreeExchanged(t *testing.T) {
	h, alice, bob := two(t)
	ref := h.ref("/keys")
	mine := "aaaaaaaaaaaaaaaaaaaaaaaaaa/" + bob.device() + "-0.age"
	tree := h.git("rev-parse", h.commit(map[string]string{mine: "what bob signed is something else"})+"^{tree}")
	msg := chain.Message{Kind: chain.Keys, Space: bob.id(), Epoch: bob.id(), Ledger: bob.ledger()}
	adds := chain.AddsHash(map[string][]byte{mine: []byte("what bob signed")})
	msg.Adds = &adds
	h.set(ref, h.gitIn(bob.sign(msg, tree, h.refs()[ref]), "hash-object", "-t", "commit", "-w", "--stdin"))
	alice.warned("not the ones that were signed")
	carol := newPerson(t, "carol")
	carol.join(alice.invite())
	same(t, 3, alice, bob, carol) // the next honest push builds on it
}

func (p *person) id() wire.Hash {
	id, err := wire.ParseHash(p.s.ID())
	if err != nil {
		p.t.Fatal(err)
	}
	return id
}

func (p *person) ledger() *wire.Position {
	st, err := p.s.Status(p.t.Context())
	if err != nil {
		p.t.Fatal(err)
	}
	hash, err := wire.ParseHash(st.Ledger.Hash)
	if err != nil {
		p.t.Fatal(err)
	}
	return &wire.Position{Number: st.Ledger.Seq, Hash: hash}
}

// sign makes a commit with this person's device key, as a malicious member would.
func (p *person) sign(m chain.Message, tree, parent string) []byte {
	p.t.Helper()
	vault, err := identity.OpenVault(p.home, identity.Unlock{NoAgent: true})
	if err != nil {
		p.t.Fatal(err)
	}
	keys, err := vault.OpenKeyring(p.id())
	if err != nil {
		p.t.Fatal(err)
	}
	c := chain.Commit{Message: m, Time: 6_000_000_000}
	c.Device = keys.Device().ID()
	if c.Tree, err = wire.ParseObjectID(tree); err != nil {
		p.t.Fatal(err)
	}
	up, err := wire.ParseObjectID(parent)
	if err != nil {
		p.t.Fatal(err)
	}
	c.Parents = []wire.ObjectID{up}
	raw, err := chain.Sign(c, keys.Device())
	if err != nil {
		p.t.Fatal(err)
	}
	return raw
}

// Attack 19: a backup comes back, and the host hides what the device had pushed since. If the device went on, it would sign
// other entries at places that others have read.
func TestAttackRestorePlusHiddenOwnLane(t *testing.T) {
	h, alice, bob := two(t)
	dir, lane := alice.s.Dir(), h.lane(alice)
	backup, old := filepath.Join(t.TempDir(), "backup"), h.refs()[lane]
	alice.reopen(func() { copyTree(t, backup, dir) })
	alice.insert(space.Row{"title": "third of alice"})
	alice.sync()
	bob.sync()
	bob.insert(space.Row{"title": "bob has seen it"})
	bob.sync()
	late := h.refs()[lane]

	alice.reopen(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
		copyTree(t, dir, backup)
	})
	h.set(lane, old)
	alice.insert(space.Row{"title": "after the restore"})
	alice.warned("nothing is signed until it shows them all")
	if now := h.refs()[lane]; now != old {
		t.Errorf("alice signed a second third entry: her lane went from %s to %s", old, now)
	}
	h.set(lane, late) // another remote, or bob, shows it again
	same(t, 6, alice, bob)
}

// reopen closes the space, does something to its files, and opens it again.
func (p *person) reopen(do func()) {
	p.t.Helper()
	dir := p.s.Dir()
	if err := p.s.Close(); err != nil {
		p.t.Fatal(err)
	}
	do()
	s, err := space.Open(p.t.Context(), dir, p.options())
	if err != nil {
		p.t.Fatal(err)
	}
	p.s = s
}

func copyTree(t *testing.T, to, from string) {
	t.Helper()
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
	// CopyFS makes folders that others can enter, which is refused.
	if err := os.Chmod(filepath.Join(to, ".espace"), 0o700); err != nil {
		t.Fatal(err)
	}
}

// Attack 58: what stands in trees is in the order of numbers and hashes.
func TestAttackTreeOrderTellsNothing(t *testing.T) {
	h, _, _ := two(t)
	allowed := regexp.MustCompile(`^(README\.md|ledger/\d{4}/\d{8}\.json|entries/\d{8,}|[a-z2-7]{26}/[a-z2-7]{26}-\d{1,2}\.age)$`)
	names := 0
	for commit := range strings.Lines(h.git("rev-list", "--all")) {
		for name := range strings.Lines(h.git("ls-tree", "-r", "--name-only", strings.TrimSpace(commit))) {
			names++
			if name = strings.TrimSpace(name); !allowed.MatchString(name) {
				t.Errorf("a tree holds %q", name)
			}
		}
	}
	if names < 10 {
		t.Errorf("only %d names", names)
	}
}

// Attack 59: two spaces of one shape, with other words in them, look the same to the host. What differs is random or a time.
func TestAttackLeakage(t *testing.T) {
	look := func(name, table, column string, titles ...string) []string {
		alice, bob := newPerson(t, "alice"), newPerson(t, "bob")
		h := newEvilHost(t)
		yaml := fmt.Sprintf("tables: {%s: {columns: {%s: {type: text}}}}", table, column)
		s, _, err := space.Create(t.Context(), filepath.Join(t.TempDir(), "a"), space.CreateOptions{
			Name: name, As: name, DeviceName: name, Remote: h.dir, Schema: []byte(yaml),
		}, alice.options())
		if err != nil {
			t.Fatal(err)
		}
		alice.s = s
		bob.join(alice.invite())
		alice.sync()
		bob.sync()
		for _, title := range titles {
			for _, p := range []*person{alice, bob} {
				if _, err := p.s.Insert(t.Context(), table, space.Row{column: title}); err != nil {
					t.Fatal(err)
				}
				p.sync()
			}
		}
		return h.sight()
	}
	one := look("A", "a", "c", "", "x", strings.Repeat("very much longer ", 30))
	other := look("Ministry of silly walks", "payments", "account_number", "a secret that is long enough to show", strings.Repeat("z", 400), "4711")
	if d := cmp.Diff(one, other); d != "" {
		t.Errorf("the host tells them apart:\n%s", d)
	}
	var long strings.Builder // that a size shows at all: this one has a larger class
	for i := range 100 {
		fmt.Fprint(&long, wire.Sum([]byte{byte(i)}))
	}
	if d := cmp.Diff(one, look("A", "a", "c", "", "x", long.String())); d == "" || len(one) < 20 {
		t.Errorf("%d things seen, and 6 kB of text do not show", len(one))
	}
}

// sight is all that a host has, with what is random or a time blotted out: names and sizes.
func (h *evilHost) sight() []string {
	h.t.Helper()
	var out []string
	blot := regexp.MustCompile(`[0-9a-f]{40,64}|[0-9a-f]{16}|[a-z2-7]{26}|\d{10}`)
	for ref := range h.refs() {
		for commit := range strings.Lines(h.git("rev-list", ref)) {
			commit = strings.TrimSpace(commit)
			place := blot.ReplaceAllString(ref, "…")
			head, _, _ := strings.Cut(h.git("cat-file", "commit", commit), "gpgsig")
			out = append(out, place+"\n"+blot.ReplaceAllString(head, "…"))
			for line := range strings.Lines(h.git("ls-tree", "-r", "--format=%(path) %(objectsize)", commit)) {
				out = append(out, place+" "+blot.ReplaceAllString(line, "…"))
			}
		}
	}
	slices.Sort(out)
	return out
}

// Attack 68.
func TestAttackEvidenceHasNoPlaintext(t *testing.T) {
	h, alice, bob := two(t)
	lane := h.lane(alice)
	h.set(lane, h.git("rev-parse", lane+"~1"))
	bob.caught("took back")
	var evidence bytes.Buffer
	if err := bob.s.Evidence(t.Context(), &evidence); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(evidence.String(), lane) {
		t.Errorf("the evidence names no ref: %s", evidence.String())
	}
	for _, word := range []string{"alice", "bob", "first", "second", "tasks", "Team"} {
		if strings.Contains(evidence.String(), word) {
			t.Errorf("the evidence holds %q: %s", word, evidence.String())
		}
	}
	if _, err := bob.s.Verify(t.Context(), space.VerifyOptions{}); err != nil && !errors.Is(err, space.ErrViolation) {
		t.Error(err)
	}
}
