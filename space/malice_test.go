package space_test

import (
	"crypto/ed25519"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
	"golang.org/x/crypto/chacha20poly1305"

	"github.com/espace-git/espace-git/chain"
	"github.com/espace-git/espace-git/internal/wire"
	"github.com/espace-git/espace-git/merge"
	"github.com/espace-git/espace-git/seal"
	"github.com/espace-git/espace-git/space"
)

// forgery is what a member with real keys signs, and what must come of it. In each
// the others go on, all honest devices see the same, and so does one that comes
// late and meets everything at once.
type forgery struct {
	name     string
	by       string // mallory unless said
	do       func(f *forger, alice *person)
	rows     int    // that it adds
	words    string // what the others are told
	accused  bool   // it is a violation, with evidence
	kind     string // of that; set-aside unless said
	refused  bool   // it is in the changelog as refused
	latecome bool   // somebody joins after it
}

var forgeries = []forgery{
	{name: "control", rows: 1, latecome: true, do: func(f *forger, _ *person) { f.push(f.seal(f.entry(f.good("honest")))) }},
	{name: "statement", do: func(f *forger, _ *person) { f.push(f.seal(f.entry())) }},

	// Wrong by its own content: the lane ends there.
	{name: "does-not-open", accused: true, words: "does not open", latecome: true, do: func(f *forger, _ *person) {
		f.push(make([]byte, 1064), f.seal(f.entry(f.good("after garbage"))))
	}},
	{name: "of-another-place", accused: true, words: "does not open", do: func(f *forger, _ *person) { f.push(f.entries[0]) }},
	{name: "too-short", accused: true, words: "does not open", do: func(f *forger, _ *person) { f.push([]byte{1, 2, 3}) }},
	{name: "empty", accused: true, words: "does not open", do: func(f *forger, _ *person) { f.push(nil) }},
	{name: "decodes-wrong", accused: true, words: "set aside", do: func(f *forger, _ *person) { f.push(f.sealPlain([]byte("no CBOR"))) }},
	{name: "trailing-byte", accused: true, words: "set aside", do: func(f *forger, _ *person) {
		plain, err := merge.EncodeEntry(f.entry(f.good("x")))
		if err != nil {
			f.t.Fatal(err)
		}
		f.push(f.sealPlain(append(plain, 0)))
	}},
	{name: "zip-bomb", accused: true, words: "does not open", do: func(f *forger, _ *person) { f.push(f.bomb(64 << 20)) }},
	{name: "seen-other-entries", accused: true, kind: "seen-elsewhere", words: "other entries", latecome: true, do: func(f *forger, alice *person) {
		e, seen := f.entry(f.good("x")), f.laneOf(alice, 2)
		seen.Root[0] ^= 1
		e.Seen = []merge.Seen{seen}
		f.push(f.seal(e))
	}},
	{name: "seen-goes-back", accused: true, words: "goes back", do: func(f *forger, alice *person) {
		e := f.entry(f.good("x"))
		e.Seen = []merge.Seen{f.laneOf(alice, 1)}
		f.push(f.seal(e))
	}},
	{name: "seen-itself", accused: true, words: "can't have seen", do: func(f *forger, _ *person) {
		e := f.entry(f.good("x"))
		e.Seen = []merge.Seen{f.laneOf(f.person, 1)}
		f.push(f.seal(e))
	}},
	{name: "ledger-goes-back", accused: true, words: "goes back", latecome: true, do: func(f *forger, _ *person) {
		f.ledgerAt(f.ledger().Number - 2)
	}},
	{name: "ledger-before-joining", accused: true, words: "set aside", do: func(f *forger, _ *person) { f.ledgerAt(0) }},
	{name: "ledger-of-another-branch", words: "are held", do: func(f *forger, _ *person) {
		e := f.entry(f.good("x"))
		e.Ledger.Hash[5] ^= 1
		f.push(f.seal(e))
	}},
	{name: "commit-on-another-branch", accused: true, kind: "ledger-branch", words: "there are two", rows: 1, do: func(f *forger, _ *person) {
		stored := f.seal(f.entry(f.good("x")))
		from := f.log.Len()
		f.log.Append(stored)
		m := f.message(f.log.Head())
		m.Ledger.Hash[5] ^= 1
		f.h.set(f.ref(), f.commit(m, f.tree(from, [][]byte{stored}), f.h.refs()[f.ref()]))
	}},

	// What nobody else has yet: held, and nobody is accused.
	{name: "seen-what-nobody-has", words: "are held", do: func(f *forger, alice *person) {
		e, seen := f.entry(f.good("x")), f.laneOf(alice, 2)
		seen.Len += 40
		e.Seen = []merge.Seen{seen}
		f.push(f.seal(e))
	}},
	{name: "ledger-that-nobody-has", words: "are held", do: func(f *forger, _ *person) {
		e := f.entry(f.good("x"))
		e.Ledger.Number += 40
		f.push(f.seal(e))
	}},

	// Rules: no effect, and shown; the lane goes on.
	{name: "time-too-far", refused: true, latecome: true, do: func(f *forger, _ *person) {
		tx := f.good("from the future")
		tx.Time += merge.FromMillis(200 * 24 * 3600 * 1000)
		f.push(f.seal(f.entry(tx)), f.seal2(f.entry(f.good("honest again"))))
	}, rows: 1},
	{name: "time-in-the-past", refused: true, do: func(f *forger, _ *person) {
		tx := f.good("backdated")
		tx.Time = 1 << 20
		f.push(f.seal(f.entry(tx)))
	}},
	{name: "number-again", refused: true, latecome: true, do: func(f *forger, _ *person) {
		tx := f.good("counts twice")
		tx.Number = 1
		f.push(f.seal(f.entry(tx)))
	}},
	{name: "number-twice", refused: true, rows: 1, do: func(f *forger, _ *person) {
		a := f.good("counts once")
		b := f.good("counts twice")
		b.Number = a.Number
		f.push(f.seal(f.entry(a, b)))
	}},
	{name: "last-number", rows: 1, do: func(f *forger, _ *person) {
		a := f.good("the last one")
		a.Number = merge.MaxNumber
		f.push(f.seal(f.entry(a)))
	}},
	{name: "fake-reissue", refused: true, do: func(f *forger, _ *person) {
		tx := f.good("again")
		tx.Before = tx.Time
		f.push(f.seal(f.entry(tx)))
	}},
	{name: "unknown-table", refused: true, do: func(f *forger, _ *person) {
		op := f.row("x")
		op.Table = 77
		f.push(f.seal(f.entry(f.tx(op))))
	}},
	{name: "unknown-column", refused: true, do: func(f *forger, _ *person) {
		op := f.row("x")
		op.Cells = append(op.Cells, merge.Cell{Column: 77, Value: op.Cells[0].Value})
		f.push(f.seal(f.entry(f.tx(op))))
	}},
	{name: "wrong-type", refused: true, do: func(f *forger, _ *person) { f.push(f.seal(f.entry(f.tx(f.row(int64(5)))))) }},
	{name: "required-missing", refused: true, do: func(f *forger, _ *person) {
		op := f.row("x")
		op.Cells = nil
		f.push(f.seal(f.entry(f.tx(op))))
	}},
	{name: "half-a-transaction", refused: true, do: func(f *forger, _ *person) {
		bad := f.row("bad half")
		bad.Table = 77
		f.push(f.seal(f.entry(f.tx(f.row("good half"), bad))))
	}},
	{name: "viewer-writes", by: "eve", refused: true, latecome: true, do: func(f *forger, _ *person) {
		f.push(f.seal(f.entry(f.good("of a viewer"))))
	}},
	{name: "id-of-another", rows: 1, do: func(f *forger, alice *person) {
		tx := f.good("under her name")
		tx.ID = newForger(f.h, alice).last.Transactions[0].ID
		f.push(f.seal(f.entry(tx)))
	}},
	{name: "row-of-another-again", do: func(f *forger, alice *person) {
		op := newForger(f.h, alice).last.Transactions[0].Ops[0]
		f.push(f.seal(f.entry(f.tx(op)))) // an insert of a row that exists writes its cells
	}},

	// Commits that count nothing: warned of, nobody is accused.
	{name: "on-anothers-lane", words: "ignoring", do: func(f *forger, alice *person) {
		log := *f.log
		stored := f.seal(f.entry(f.good("x")))
		log.Append(stored)
		f.h.set(f.h.lane(alice), f.commit(f.message(log.Head()), f.tree(f.log.Len(), [][]byte{stored}), f.h.refs()[f.h.lane(alice)]))
	}},
	{name: "of-another-space", words: "ignoring", do: func(f *forger, _ *person) {
		m := f.message(f.log.Head())
		m.Space[0] ^= 1
		f.h.set(f.ref(), f.commit(m, f.tree(0, f.entries), f.h.refs()[f.ref()]))
	}},
	{name: "of-another-epoch", words: "ignoring", do: func(f *forger, _ *person) {
		m := f.message(f.log.Head())
		m.Epoch[0] ^= 1
		f.h.set(f.ref(), f.commit(m, f.tree(0, f.entries), f.h.refs()[f.ref()]))
	}},
	{name: "wrong-root", words: "", do: func(f *forger, _ *person) {
		stored := f.seal(f.entry(f.good("x")))
		log := *f.log
		log.Append(stored)
		head := log.Head()
		head.Root[0] ^= 1
		f.h.set(f.ref(), f.commit(f.message(head), f.tree(f.log.Len(), [][]byte{stored}), f.h.refs()[f.ref()]))
	}},
	{name: "gap", words: "", do: func(f *forger, _ *person) {
		stored := f.seal(f.entry(f.good("x")))
		log := *f.log
		log.Append(stored)
		f.h.set(f.ref(), f.commit(f.message(log.Head()), f.tree(f.log.Len()+3, [][]byte{stored}), f.h.refs()[f.ref()]))
	}},
	{name: "more-in-the-tree", words: "ignoring", do: func(f *forger, _ *person) {
		stored := f.seal(f.entry(f.good("x")))
		log := *f.log
		log.Append(stored)
		tree := f.h.gitIn([]byte(f.h.git("ls-tree", f.tree(f.log.Len(), [][]byte{stored}))+"\n100644 blob "+f.h.gitIn([]byte("x"), "hash-object", "-w", "--stdin")+"\tnotes\n"), "mktree")
		f.h.set(f.ref(), f.commit(f.message(log.Head()), tree, f.h.refs()[f.ref()]))
	}},
	{name: "entry-is-a-link", words: "ignoring", do: func(f *forger, _ *person) {
		stored := f.seal(f.entry(f.good("x")))
		log := *f.log
		log.Append(stored)
		tree := f.h.git("ls-tree", "-r", f.tree(f.log.Len(), [][]byte{stored}))
		dir := f.h.gitIn([]byte(strings.ReplaceAll(strings.Replace(tree, "100644", "120000", 1), "entries/", "")+"\n"), "mktree")
		f.h.set(f.ref(), f.commit(f.message(log.Head()), f.h.gitIn([]byte("040000 tree "+dir+"\tentries\n"), "mktree"), f.h.refs()[f.ref()]))
	}},
	{name: "strangers-signature", words: "ignoring", do: func(f *forger, _ *person) {
		stored := f.seal(f.entry(f.good("x")))
		log := *f.log
		log.Append(stored)
		key, stranger, err := ed25519.GenerateKey(nil)
		if err != nil {
			f.t.Fatal(err)
		}
		m := f.message(log.Head())
		m.Device = wire.DeviceIDOf(key)
		c := f.unsigned(m, f.tree(f.log.Len(), [][]byte{stored}), f.h.refs()[f.ref()])
		f.h.set(f.ref(), f.raw(c, stranger))
	}},
	{name: "lane-commit-on-order", words: "ignoring", do: func(f *forger, _ *person) {
		order := f.h.ref("/order")
		f.h.set(order, f.commit(f.message(f.log.Head()), f.tree(0, f.entries), f.h.refs()[order]))
	}},
	{name: "order-commit-on-lane", words: "ignoring", do: func(f *forger, _ *person) {
		m := f.message(f.log.Head())
		m.Kind = chain.Order
		f.h.set(f.ref(), f.commit(m, f.tree(0, f.entries), f.h.refs()[f.ref()]))
	}},
	{name: "state-commit-on-keys", words: "ignoring", do: func(f *forger, _ *person) {
		keys, adds := f.h.ref("/keys"), wire.Hash{1}
		m := f.message(f.log.Head())
		m.Kind, m.Log, m.Adds = chain.State, nil, &adds
		f.h.set(keys, f.commit(m, f.h.git("rev-parse", f.h.refs()[keys]+"^{tree}"), f.h.refs()[keys]))
	}},
	{name: "wrap-of-another", words: "not its to add", do: func(f *forger, alice *person) {
		name := seal.WrapPath(f.keys.Device().Recipient(), alice.keyring(alice.s.Dir()).Device().ID(), 3)
		f.pushKeys(name, []byte("in her name"))
	}},
	{name: "tree-tip-of-the-ledger", words: "ignoring", do: func(f *forger, _ *person) {
		f.h.set(f.ref(), f.h.commitTree(f.h.git("rev-parse", "main^{tree}"), f.h.refs()[f.ref()], f.h.refs()["refs/heads/main"]))
	}},
	{name: "ordered-entry", words: "is held", do: func(f *forger, _ *person) {
		order := f.h.ref("/order")
		m := f.message(wire.LogHead{Len: 1, Root: wire.Hash{1}})
		m.Kind = chain.Order
		f.h.set(order, f.commit(m, f.tree(0, f.entries[:1]), f.h.refs()[order]))
	}},
	{name: "empty-tree", words: "ignoring", do: func(f *forger, _ *person) {
		f.h.set(f.ref(), f.commit(f.message(f.log.Head()), f.h.gitIn(nil, "mktree"), f.h.refs()[f.ref()]))
	}},
}

// Every line of what a malicious member may push (issue "Bad input"; attacks 9, 10,
// 42 as far as they are built).
func TestMaliciousMember(t *testing.T) {
	t.Parallel()
	w := crowd(t)
	for _, c := range forgeries {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			by := c.by
			if by == "" {
				by = "mallory"
			}
			h, people := w.unpack(t, "alice", "carol", by)
			alice, carol, bad := people[0], people[1], newForger(h, people[2])
			c.do(bad, alice)
			c.judge(t, alice)
			carol.insert(space.Row{"title": "carol goes on"})
			honest := []*person{carol, alice}
			if c.latecome {
				frank := newPerson(t, "frank")
				frank.join(alice.invite())
				honest = append(honest, frank)
			}
			agree(t, crowdRows+1+c.rows, honest...)
			if got, want := len(carol.evidence()) > 0, c.accused; got != want {
				t.Errorf("carol has evidence %v, want %v", carol.evidence(), want)
			}
		})
	}
}

func (c forgery) judge(t *testing.T, alice *person) {
	t.Helper()
	res, err := alice.s.Sync(t.Context())
	if errors.Is(err, space.ErrViolation) != c.accused || err != nil && !c.accused {
		t.Errorf("alice syncs: %v; a violation: %v", err, c.accused)
	}
	if told := strings.Join(res.Warnings, "\n"); !strings.Contains(told, c.words) {
		t.Errorf("alice is told %q, want %q", told, c.words)
	}
	if c.kind == "" {
		c.kind = "set-aside"
	}
	if c.accused && !slices.Contains(alice.evidence(), c.kind) {
		t.Errorf("alice keeps evidence %q", alice.evidence())
	}
	log, err := alice.s.Log(t.Context(), space.LogQuery{Refused: true})
	if err != nil || (len(log) == 1) != c.refused || (res.Refused == 1) != c.refused {
		t.Errorf("refused: %d, in the changelog %v, %v; want one: %v", res.Refused, log, err, c.refused)
	}
}

// ledgerAt writes an entry that stands on an earlier ledger.
func (f *forger) ledgerAt(n uint64) {
	f.t.Helper()
	at, err := f.s.Fingerprint(f.t.Context(), &n)
	if err != nil {
		f.t.Fatal(err)
	}
	e := f.entry(f.good("x"))
	e.Ledger.Number = n
	if e.Ledger.Hash, err = wire.ParseHash(at.Hash); err != nil {
		f.t.Fatal(err)
	}
	f.push(f.seal(e))
}

// seal2 is seal for the place after the next.
func (f *forger) seal2(e *merge.LaneEntry) []byte {
	f.t.Helper()
	plain, err := merge.EncodeEntry(e)
	if err != nil {
		f.t.Fatal(err)
	}
	stored, err := f.key().Seal(rnd{}, seal.LaneAD(f.id(), f.dev(), f.log.Len()+1), plain, wire.MinContent)
	if err != nil {
		f.t.Fatal(err)
	}
	return stored
}

// bomb is an entry of a few kilobytes that inflates to n bytes. The SDK's own code
// does not make one.
func (f *forger) bomb(n int) []byte {
	f.t.Helper()
	raw, _ := f.keys.Secret(f.id())
	o, dev := f.id(), f.dev()
	key := wire.KDF(raw, "lane", o[:], dev[:])
	aead, err := chacha20poly1305.NewX(key[:])
	if err != nil {
		f.t.Fatal(err)
	}
	enc, err := zstd.NewWriter(nil, zstd.WithSingleSegment(true), zstd.WithEncoderCRC(false))
	if err != nil {
		f.t.Fatal(err)
	}
	body := enc.EncodeAll(make([]byte, n), nil)
	framed := make([]byte, seal.Padme(8+len(body), wire.MinContent))
	copy(framed, wire.U64(uint64(len(body))))
	copy(framed[8:], body)
	nonce := make([]byte, chacha20poly1305.NonceSizeX)
	return aead.Seal(nonce, nonce, framed, f.ad())
}
