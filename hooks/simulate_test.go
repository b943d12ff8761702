package hooks_test

import (
	"crypto/ed25519"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/espace-git/espace-git/chain"
	"github.com/espace-git/espace-git/gitstore"
	"github.com/espace-git/espace-git/internal/wire"
	"github.com/espace-git/espace-git/membership"
)

// player does honest work on a host with the hook, among pushes of all that was
// ever made to all refs that ever were. Whatever the hook takes, what members rely
// on holds.
type player struct {
	*world
	rand  *rand.Rand
	made  []wire.ObjectID // every commit on any ref
	refs  []string        // every ref
	ended []*sealing
	taken int // mischief that the hook took
}

func (p *player) note(updates ...gitstore.RefUpdate) {
	for _, u := range updates {
		p.made = append(p.made, u.New)
		if !slices.Contains(p.refs, u.Name) {
			p.refs = append(p.refs, u.Name)
		}
	}
	p.mustPush(updates...)
}

func (p *player) honest() {
	name := []string{"alice", "bob", "vera"}[p.rand.IntN(3)]
	switch p.rand.IntN(6) {
	case 0:
		s := p.rotate("alice")
		p.note(s.push()...)
		p.ended = append(p.ended, s)
	case 1:
		if name != "vera" {
			p.note(p.logUpdate(chain.Order, p.order(), name, fmt.Sprint("o", len(p.made))))
		}
	case 2:
		p.note(p.storeFiles(chain.Files, p.world.refs.Files(p.r.Epoch().Epoch, deviceOf(name)), name, page(fmt.Sprint(len(p.made)))))
	default:
		p.note(p.write(name, fmt.Sprint("e", len(p.made))))
	}
}

// mischief pushes something that was there, or nothing, to one or two refs.
func (p *player) mischief() {
	var push []gitstore.RefUpdate
	for range 1 + p.rand.IntN(2) {
		ref := p.refs[p.rand.IntN(len(p.refs))]
		u := gitstore.RefUpdate{Name: ref, Old: p.tip(ref), New: p.made[p.rand.IntN(len(p.made))]}
		if p.rand.IntN(4) == 0 {
			u.New = wire.ObjectID{}
		}
		if u.Old != u.New && !slices.ContainsFunc(push, func(o gitstore.RefUpdate) bool { return o.Name == ref }) {
			push = append(push, u)
		}
	}
	if len(push) > 0 && p.push(push...) == nil {
		p.taken++
	}
}

// holds checks what members rely on.
func (p *player) holds() {
	p.t.Helper()
	for n, env := range p.entries {
		raw, err := p.repo.CommitBytes(p.tip(p.world.refs.Ledger))
		p.must(err)
		tree, err := gitstore.CommitTree(raw)
		p.must(err)
		if got := p.fileAt(tree, membership.Path(uint64(n))); got != gitstore.BlobID(env) {
			p.t.Fatalf("entry %d is not on main", n)
		}
	}
	for _, s := range p.ended {
		p.sealHolds(s)
	}
	for _, name := range []string{"alice", "bob", "vera"} {
		if log := p.logs[p.lane(name)]; log != nil {
			p.reads(p.tip(p.lane(name)), p.r.Epoch().O, name, log.Head())
		}
	}
}

// sealHolds: all of the cut can be read below X, and lanes of the epoch have
// nothing that is not there.
func (p *player) sealHolds(s *sealing) {
	p.t.Helper()
	o, _ := p.r.At(s.entry.Number)
	x := p.tip(p.world.refs.Close(o.Epoch().Epoch))
	if x.IsZero() {
		p.t.Fatalf("epoch %d stands on nothing", o.Epoch().Number)
	}
	for _, name := range []string{"alice", "bob", "vera"} {
		if head, ok := s.cut.Lane(deviceOf(name)); ok {
			p.reads(x, s.ended.O, name, head)
		}
		tip := p.tip(p.world.refs.Lane(s.ended, deviceOf(name)))
		if !tip.IsZero() && tip != x {
			p.t.Fatalf("%s's lane of epoch %d stands at %s", name, s.ended.Number, tip)
		}
	}
}

func (p *player) fileAt(tree wire.ObjectID, path string) (id wire.ObjectID) {
	p.t.Helper()
	for id = tree; path != ""; {
		entries, err := p.repo.Tree(id)
		p.must(err)
		i := slices.IndexFunc(entries, func(e gitstore.TreeEntry) bool {
			return path == e.Name || len(path) > len(e.Name) && path[:len(e.Name)+1] == e.Name+"/"
		})
		if i < 0 {
			return wire.ObjectID{}
		}
		id, path = entries[i].ID, path[min(len(path), len(entries[i].Name)+1):]
	}
	return id
}

// reads reads a lane from all that lies below a commit.
func (p *player) reads(tip wire.ObjectID, o wire.Hash, name string, head wire.LogHead) {
	p.t.Helper()
	commits, err := p.repo.Commits([]wire.ObjectID{tip}, nil, 1<<16)
	p.must(err)
	var pieces []chain.Piece
	for _, c := range commits {
		u, err := chain.Parse(c.Raw)
		if err != nil || u.Claims().Kind != chain.Lane || u.Claims().Device != deviceOf(name) {
			continue
		}
		v, err := u.Verify(keyOf(name).Public().(ed25519.PublicKey))
		p.must(err)
		piece := chain.Piece{Commit: v, Entries: map[uint64][]byte{}}
		for i := range v.Log.Len {
			if blob := p.fileAt(v.Tree, chain.EntryPath(i)); !blob.IsZero() {
				piece.Entries[i], err = p.repo.Blob(blob, wire.MaxEntry)
				p.must(err)
			}
		}
		pieces = append(pieces, piece)
	}
	if _, _, err := chain.ReadCut(p.r.Space(), o, keyOf(name).Public().(ed25519.PublicKey), head, pieces); err != nil {
		p.t.Fatalf("%s's lane: %v", name, err)
	}
}

func TestHookHoldsAgainstMischief(t *testing.T) {
	for seed := range uint64(3) {
		t.Run(fmt.Sprint("seed-", seed), func(t *testing.T) {
			w := busyWorld(t)
			if seed%2 == 1 {
				w.memo = memo{}
			}
			p := &player{world: w, rand: rand.New(rand.NewPCG(seed, 69))} //nolint:gosec // to be repeated
			tips, err := w.repo.Refs("refs/")
			w.must(err)
			for name, tip := range tips {
				p.refs, p.made = append(p.refs, name), append(p.made, tip)
			}
			slices.Sort(p.refs)
			slices.SortFunc(p.made, func(a, b wire.ObjectID) int { return slices.Compare(a[:], b[:]) })
			for range 10 {
				p.honest()
				for range 15 {
					p.mischief()
				}
				p.holds()
			}
			t.Logf("%d refs, %d commits, %d seals; the hook took %d of 150", len(p.refs), len(p.made), len(p.ended), p.taken)
		})
	}
}
