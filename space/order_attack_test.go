package space_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/espace-git/espace-git/chain"
	"github.com/espace-git/espace-git/internal/wire"
	"github.com/espace-git/espace-git/merge"
	"github.com/espace-git/espace-git/space"
)

// heist is a cinema with alice (owner), carol and mallory (editors), in which alice
// has booked 1A, carol has seen it, and a newcomer has not come yet.
func heist(t *testing.T) (h *evilHost, alice, carol *person, mallory *orderForger) {
	t.Helper()
	h, people := cinema(t, "alice", "carol", "mallory")
	alice, carol = people[0], people[1]
	people[2].sync()
	alice.take("1A")
	alice.sync()
	carol.sync()
	return h, alice, carol, newOrderForger(h, people[2])
}

// late joins and reads everything at once. What it is told is returned.
func late(t *testing.T, alice *person) (*person, string) {
	t.Helper()
	frank := newPerson(t, "frank")
	frank.join(alice.invite())
	for _, p := range []*person{alice, frank} {
		if _, err := p.s.Sync(t.Context()); err != nil && !errors.Is(err, space.ErrViolation) {
			t.Fatal(err)
		}
	}
	res, err := frank.s.Sync(t.Context())
	return frank, fmt.Sprint(err, res.Warnings)
}

// spoils: mallory signs another entry at the place of 1A, and joins both branches.
// Who saw alice's keeps it, and goes on; who meets both at once applies neither.
func spoils(t *testing.T, alice, carol *person) {
	t.Helper()
	for _, p := range []*person{alice, carol} {
		if _, err := p.s.Sync(t.Context()); err != nil && !errors.Is(err, space.ErrViolation) {
			t.Fatalf("%s: %v", p.name, err)
		}
		if !slices.Contains(p.evidence(), "order-fork") {
			t.Errorf("%s keeps evidence %v", p.name, p.evidence())
		}
		if d := cmp.Diff([]string{"1A alice"}, p.taken()); d != "" {
			t.Errorf("%s sees:\n%s", p.name, d)
		}
	}
	r := carol.take("2A") // the order goes on for those who saw one branch
	for _, p := range []*person{carol, alice, carol} {
		if _, err := p.s.Sync(t.Context()); err != nil && !errors.Is(err, space.ErrViolation) {
			t.Fatalf("%s: %v", p.name, err)
		}
	}
	carol.is(r, "pushed")
	settledOrder(t, []string{"1A alice", "2A carol"}, alice, carol)
	frank, told := late(t, alice)
	if len(frank.taken()) != 0 || !strings.Contains(told, "two branches") {
		t.Errorf("frank met both, sees %v and is told %s", frank.taken(), told)
	}
	waits := frank.take("3A")
	if _, err := frank.s.Sync(t.Context()); err != nil && !errors.Is(err, space.ErrViolation) {
		t.Fatal(err)
	}
	frank.is(waits, "local")
	// A seal names what alice saw. Then there is one order again.
	if _, err := alice.s.Seal(t.Context(), space.SealOptions{Now: true}); err != nil && !errors.Is(err, space.ErrViolation) {
		t.Fatal(err)
	}
	for _, p := range []*person{frank, carol, alice, frank, carol} {
		if _, err := p.s.Sync(t.Context()); err != nil && !errors.Is(err, space.ErrViolation) {
			t.Fatalf("%s: %v", p.name, err)
		}
	}
	settledOrder(t, []string{"1A alice", "2A carol", "3A frank"}, alice, carol, frank)
}

// Attack 1: a merge of two branches of the order decides nothing.
func TestAttackForkByMergeOrder(t *testing.T) {
	t.Parallel()
	_, alice, carol, mallory := heist(t)
	log := new(chain.Log) // without 1A
	other := mallory.spend(log, mallory.book("1A"), mallory.h.git("rev-parse", mallory.orderRef()+"~1"))
	merge := mallory.h.commit(map[string]string{"joins": "both"}, mallory.tip(), other)
	mallory.show(mallory.spend(log, mallory.book("9Z"), merge)) // it goes on from its own branch
	spoils(t, alice, carol)
}

// Attack 2: neither does a commit of nobody that joins them.
func TestAttackForkByJunkMerge(t *testing.T) {
	t.Parallel()
	h, alice, carol, mallory := heist(t)
	other := mallory.spend(new(chain.Log), mallory.book("1A"), h.git("rev-parse", mallory.orderRef()+"~1"))
	mallory.show(h.commit(map[string]string{"junk": "x"}, mallory.tip(), other))
	spoils(t, alice, carol)
}

// Attack 3: a later commit of its own author that forgets an entry takes nothing back.
func TestAttackOwnEntryWithdrawn(t *testing.T) {
	t.Parallel()
	_, alice, carol, mallory := heist(t)
	mallory.show(mallory.spend(mallory.order, mallory.book("5E"), mallory.tip()))
	want := []string{"1A alice", "5E mallory"}
	alice.sync()
	carol.sync()
	// The log that mallory signs now does not have 5E.
	forget := new(chain.Log)
	for commit := range strings.FieldsSeq(mallory.h.git("rev-list", "--reverse", mallory.tip()+"~1")) {
		for name := range strings.FieldsSeq(mallory.h.git("ls-tree", "-r", "--name-only", commit)) {
			forget.Append([]byte(git(t, mallory.h.dir, "cat-file", "blob", commit+":"+name)))
		}
	}
	mallory.show(mallory.spend(forget, mallory.book("6F"), mallory.tip()))
	for _, p := range []*person{alice, carol} {
		p.caught("two branches")
	}
	settledOrder(t, want, alice, carol)
}

// Attack 45: what was spent is spent.
func TestAttackDoubleSpend(t *testing.T) {
	t.Parallel()
	for name, attack := range map[string]struct {
		do    func(f *orderForger)
		want  []string
		words string // of what is in the changelog as refused
	}{
		"control": {want: []string{"1A alice", "5E mallory"}, do: func(f *orderForger) {
			f.show(f.spend(f.order, f.book("5E"), f.tip()))
		}},
		"replay": {want: []string{"1A alice", "5E mallory"}, words: "was given before", do: func(f *orderForger) {
			tx := f.book("5E")
			f.show(f.spend(f.order, tx, f.tip()))
			tx.Time += 1 << 30
			f.show(f.spend(f.order, tx, f.tip()))
		}},
		"again": {want: []string{"1A alice"}, words: "unique", do: func(f *orderForger) {
			f.show(f.spend(f.order, f.book("1A"), f.tip()))
		}},
		"twice-in-one": {want: []string{"1A alice"}, words: "unique", do: func(f *orderForger) {
			tx := f.book("5E")
			tx.Ops = append(tx.Ops, f.booking("5E"))
			tx.Ops[1].Row[15] ^= 1
			f.show(f.spend(f.order, tx, f.tip()))
		}},
		"backdated": {want: []string{"1A alice"}, words: "is not after", do: func(f *orderForger) {
			tx := f.book("5E")
			tx.Time = 1 << 20
			f.show(f.spend(f.order, tx, f.tip()))
		}},
		"dated-ahead": {want: []string{"1A alice"}, words: "dated ahead", do: func(f *orderForger) {
			tx := f.book("5E")
			tx.Time += merge.FromMillis(200 * 24 * 3600 * 1000)
			f.show(f.spend(f.order, tx, f.tip()))
		}},
		"table-of-lanes": {want: []string{"1A alice"}, words: "ordered", do: func(f *orderForger) {
			f.show(f.spend(f.order, f.good("a task"), f.tip()))
		}},
		"marked": {want: []string{"1A alice"}, words: "issued again", do: func(f *orderForger) {
			tx := f.book("5E")
			tx.Before = tx.Time + 1
			f.show(f.spend(f.order, tx, f.tip()))
		}},
		"in-a-lane": {want: []string{"1A alice"}, words: "ordered", do: func(f *orderForger) {
			f.push(f.seal(f.forger.entry(f.book("1A"))))
		}},
		"on-a-lane": {want: []string{"1A alice"}, words: "depends on none", do: func(f *orderForger) {
			e := f.entry(f.book("5E"))
			e.Seen = []merge.Seen{{Device: wire.DeviceID{1}, LogHead: wire.LogHead{Len: 1, Root: wire.Hash{1}}}}
			f.show(f.sign(f.order, [][]byte{f.sealAt(f.order.Len(), e)}, f.tip()))
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, alice, carol, mallory := heist(t)
			attack.do(mallory)
			last := carol.take("9Z") // the order goes on
			for _, p := range []*person{carol, alice, carol} {
				p.sync()
			}
			carol.is(last, "pushed")
			settledOrder(t, append(slices.Clone(attack.want), "9Z carol"), alice, carol)
			log, err := alice.s.Log(t.Context(), space.LogQuery{Refused: true})
			if err != nil || (len(log) > 0) != (attack.words != "") || len(log) > 0 && !strings.Contains(log[0].Summary, attack.words) {
				t.Errorf("the changelog says %+v, %v; want %q", log, err, attack.words)
			}
		})
	}
}

// Attack 45: what a host shows in another order than it was accepted is a fork, and
// what it does not show is missed.
func TestAttackOrderReordered(t *testing.T) {
	t.Parallel()
	h, alice, carol, _ := heist(t)
	ref := h.ref("/order")
	before := h.git("rev-parse", ref)
	carol.take("2A")
	carol.sync()
	h.set(ref, before) // the host forgets what it took
	alice.take("2A")
	alice.sync()
	carol.caught()
	if !slices.Contains(carol.evidence(), "order-fork") && !slices.Contains(carol.evidence(), "taken-back") {
		t.Errorf("carol keeps %v", carol.evidence())
	}
	for range 2 {
		for _, p := range []*person{alice, carol} {
			if _, err := p.s.Sync(t.Context()); err != nil && !errors.Is(err, space.ErrViolation) {
				t.Fatal(err)
			}
		}
	}
	// Each goes on with what it verified; both know.
	for _, p := range []*person{alice, carol} {
		if !slices.Contains(p.evidence(), "order-fork") {
			t.Errorf("%s keeps %v", p.name, p.evidence())
		}
	}
	if d := cmp.Diff([]string{"1A alice", "2A carol"}, carol.taken()); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]string{"1A alice", "2A alice"}, alice.taken()); d != "" {
		t.Error(d)
	}
	last := carol.take("3A")
	carol.sync() // nobody puts back what the other pushes
	carol.is(last, "pushed")
	if _, err := alice.s.Seal(t.Context(), space.SealOptions{Now: true}); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		for _, p := range []*person{carol, alice} {
			if _, err := p.s.Sync(t.Context()); err != nil && !errors.Is(err, space.ErrViolation) {
				t.Fatal(err)
			}
		}
	}
	settledOrder(t, []string{"1A alice", "2A alice", "3A carol"}, alice, carol)
}

// Attack 44: alice's booking is taken by the host and hidden from who seals. Nothing
// is lost, alice is told, and her receipt never said more than was true.
func TestAttackOrderedHiddenFromSealer(t *testing.T) {
	t.Parallel()
	h, people := cinema(t, "carol", "alice", "bob")
	sealer, alice, bob := people[0], people[1], people[2]
	ref := h.ref("/order")
	before := h.git("rev-parse", ref)
	r := alice.take("1A")
	alice.sync()
	alice.is(r, "pushed")
	hidden := h.git("rev-parse", ref)
	h.set(ref, before)
	if _, err := sealer.s.Seal(t.Context(), space.SealOptions{}); err != nil {
		t.Fatal(err)
	}
	h.git("update-ref", "refs/kept/by-the-host", hidden)
	res, err := alice.s.Sync(t.Context())
	if err != nil && !errors.Is(err, space.ErrViolation) {
		t.Fatal(err)
	}
	if told := fmt.Sprint(err, res.Warnings); !strings.Contains(told, "ends the order at 0 entries") {
		t.Errorf("alice is told %s", told)
	}
	alice.is(r, "pushed") // in the order of the next epoch
	for range 2 {
		for _, p := range []*person{sealer, bob, alice} {
			if _, err := p.s.Sync(t.Context()); err != nil && !errors.Is(err, space.ErrViolation) {
				t.Fatal(err)
			}
		}
	}
	settledOrder(t, []string{"1A alice"}, alice, sealer, bob)
}

// What is no entry, or of who may not write there, stops nobody.
func TestAttackOrderJunk(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		do      func(f *orderForger)
		words   string
		accused bool
	}{
		"garbage":                  {accused: true, words: "no entry", do: func(f *orderForger) { f.show(f.sign(f.order, [][]byte{make([]byte, 1064)}, f.tip())) }},
		"alices-at-the-next-place": {accused: true, words: "no entry", do: func(f *orderForger) { f.show(f.sign(f.order, [][]byte{f.first()}, f.tip())) }},
		"alices-as-its-own":        {words: "another device's", do: func(f *orderForger) { f.show(f.sign(new(chain.Log), [][]byte{f.first()}, f.tip())) }},
		"empty-entry":              {accused: true, words: "no entry", do: func(f *orderForger) { f.show(f.sign(f.order, [][]byte{nil}, f.tip())) }},
		"decodes-wrong": {accused: true, words: "no entry", do: func(f *orderForger) {
			f.show(f.sign(f.order, [][]byte{f.sealPlainAt(f.order.Len(), []byte("no CBOR"))}, f.tip()))
		}},
		"root-of-naught": {words: "held", do: func(f *orderForger) {
			m := f.message(wire.LogHead{Len: f.order.Len() + 1, Root: wire.Hash{1}})
			m.Kind = chain.Order
			f.show(f.commit(m, f.tree(f.order.Len(), [][]byte{{1}}), f.tip()))
		}},
		"old-ledger": {words: "might not write", do: func(f *orderForger) {
			n := uint64(0)
			at, err := f.s.Fingerprint(f.t.Context(), &n)
			if err != nil {
				f.t.Fatal(err)
			}
			stored := f.sealAt(f.order.Len(), f.entry(f.book("5E")))
			f.order.Append(stored)
			m := f.message(f.order.Head())
			m.Kind, m.Ledger.Number = chain.Order, n
			if m.Ledger.Hash, err = wire.ParseHash(at.Hash); err != nil {
				f.t.Fatal(err)
			}
			f.show(f.commit(m, f.tree(f.order.Len()-1, [][]byte{stored}), f.tip()))
		}},
		"entry-later-than-commit": {words: "later than its commit", do: func(f *orderForger) {
			e := f.entry(f.book("5E"))
			e.Ledger.Number++
			f.show(f.sign(f.order, [][]byte{f.sealAt(f.order.Len(), e)}, f.tip()))
		}},
		"foreign-commit": {words: "ignoring", do: func(f *orderForger) { f.show(f.h.commit(map[string]string{"x": "y"}, f.tip())) }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, alice, carol, mallory := heist(t)
			c.do(mallory)
			res, err := alice.s.Sync(t.Context())
			if errors.Is(err, space.ErrViolation) != c.accused || err != nil && !c.accused {
				t.Errorf("alice syncs: %v; a violation: %v", err, c.accused)
			}
			if told := fmt.Sprint(err, res.Warnings); !strings.Contains(told, c.words) {
				t.Errorf("alice is told %s, want %q", told, c.words)
			}
			carol.take("9Z")
			for _, p := range []*person{carol, alice, carol} {
				if _, err := p.s.Sync(t.Context()); err != nil && !errors.Is(err, space.ErrViolation) {
					t.Fatal(err)
				}
			}
			settledOrder(t, []string{"1A alice", "9Z carol"}, alice, carol)
		})
	}
}

// A commit ahead of the ledger does not count and nothing is written over it, for an
// hour: the host may show the order a moment later than the ledger. Then the order
// goes on, whatever it was.
func TestAttackOrderAheadOfLedger(t *testing.T) {
	t.Parallel()
	_, alice, carol, mallory := heist(t)
	m := mallory.message(mallory.order.Head())
	stored := mallory.sealAt(mallory.order.Len(), mallory.entry(mallory.book("5E")))
	mallory.order.Append(stored)
	head := mallory.order.Head()
	m.Kind, m.Log = chain.Order, &head
	m.Ledger.Number += 40
	mallory.show(mallory.commit(m, mallory.tree(mallory.order.Len()-1, [][]byte{stored}), mallory.tip()))
	r := carol.take("9Z")
	carol.warned("wait for the ledger")
	carol.is(r, "local")
	o := carol.options()
	o.Now = in(2 * 3600e9)
	dir := carol.s.Dir()
	carol.s.Close()
	s, err := space.Open(t.Context(), dir, o)
	if err != nil {
		t.Fatal(err)
	}
	carol.s = s
	carol.sync()
	carol.is(r, "pushed")
	alice.sync()
	settledOrder(t, []string{"1A alice", "9Z carol"}, alice, carol)
}
