package chain_test

import (
	"encoding/hex"
	"errors"
	"maps"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/espace-git/espace-git/chain"
	"github.com/espace-git/espace-git/internal/wire"
)

// A cutVector is a cut of alice's lane, the signed commits at hand with what
// their trees bring, and the entries that it reads, or null where it cannot be
// read. Space and epoch are those of the commits.
type cutVector struct {
	Name    string
	Len     uint64
	Root    wire.Hash
	Pieces  []pieceVector
	Entries []string
}

type pieceVector struct {
	Key     string
	Commit  string
	Entries map[uint64]string
}

func cutVectors(t testing.TB) []cutVector {
	return vectors(t, "cuts", func() []cutVector {
		w := laneOf(t, "alice")
		one := w.add("a", "b")
		other := w
		left, right := w.add("c"), other.add("C", "d")
		bad := other.bad(5, 4, "e")
		other.log.Append([]byte("e"))
		other.log.Append([]byte("f"))
		above := other.say(other.log.Head(), 5, "f")
		m := laneOf(t, "mallory")
		all := pieces(m.add("m"), above, bad, right, left, one, right)
		var out []cutVector
		for _, c := range []struct {
			name string
			head wire.LogHead
			with []chain.Piece
			want []string
		}{
			{"empty", wire.LogHead{Root: chain.EmptyRoot}, all, []string{}},
			{"both-sides-of-a-fork-begin-so", *one.Commit.Log, all, []string{"a", "b"}},
			{"left", *left.Commit.Log, all, []string{"a", "b", "c"}},
			{"right", *right.Commit.Log, all, []string{"a", "b", "C", "d"}},
			{"over-a-bad-commit", *above.Commit.Log, all, []string{"a", "b", "C", "d", "e", "f"}},
			{"between-commits", headOf("a"), all, nil},
			{"of-nothing", *bad.Commit.Log, all, nil},
			{"entries-missing", *left.Commit.Log, pieces(left), nil},
			{"of-another-lane", headOf("m"), all, nil},
		} {
			out = append(out, cutVector{c.name, c.head.Len, c.head.Root, pieceVectors(c.with), c.want})
		}
		return out
	})
}

func pieceVectors(all []chain.Piece) (out []pieceVector) {
	for _, p := range all {
		entries := map[uint64]string{}
		for i, e := range p.Entries {
			entries[i] = string(e)
		}
		out = append(out, pieceVector{hex.EncodeToString(p.Commit.Key()), string(p.Commit.Raw()), entries})
	}
	return out
}

func (v cutVector) pieces(t testing.TB) (out []chain.Piece) {
	t.Helper()
	for _, p := range v.Pieces {
		u, err := chain.Parse([]byte(p.Commit))
		if err != nil {
			t.Fatal(err)
		}
		c, err := u.Verify(unhex(t, p.Key))
		if err != nil {
			t.Fatal(err)
		}
		entries := map[uint64][]byte{}
		for i := range maps.Keys(p.Entries) {
			entries[i] = []byte(p.Entries[i])
		}
		out = append(out, chain.Piece{Commit: c, Entries: entries})
	}
	return out
}

func TestCutVectors(t *testing.T) {
	for _, v := range cutVectors(t) {
		got, _, err := readCut(wire.LogHead{Len: v.Len, Root: v.Root}, v.pieces(t))
		if v.Entries == nil {
			if !errors.Is(err, chain.ErrNoCut) {
				t.Errorf("%s: %v, want ErrNoCut", v.Name, err)
			}
			continue
		}
		if err != nil || cmp.Diff(v.Entries, got) != "" {
			t.Errorf("%s: %v: %s", v.Name, err, cmp.Diff(v.Entries, got))
		}
	}
}

// A closingVector is a commit asked to close for alice's entry 12, and whether
// it does.
type closingVector struct {
	Name, Commit string
	Closes       bool
}

func TestClosingVectors(t *testing.T) {
	made := func() (all []closingVector) {
		tips := []wire.ObjectID{objectOf("lane"), objectOf("order")}
		good := closing("alice").Commit(tips, 1_800_000_000)
		files, late := good, good
		files.Tree = objectOf("tree")
		late.Ledger = &wire.Position{Number: 12, Hash: hashOf("another entry 12")}
		lone := good
		lone.Parents = nil
		for _, c := range []struct {
			name   string
			commit chain.Commit
			signer string
			closes bool
		}{
			{"good", good, "alice", true}, {"no-parents", lone, "alice", true}, {"with-files", files, "alice", false},
			{"of-another-entry", late, "alice", false}, {"by-another", closing("bob").Commit(tips, 1_800_000_000), "bob", false},
			{"keys-commit", examples()["keys"], "alice", false},
		} {
			all = append(all, closingVector{c.name, string(signed(t, c.commit, c.signer).Raw()), c.closes})
		}
		return all
	}
	for _, v := range vectors(t, "closings", made) {
		if _, err := chain.VerifyClose([]byte(v.Commit), closing("alice")); (err == nil) != v.Closes {
			t.Errorf("%s: %v", v.Name, err)
		}
	}
}

// FuzzReadCut: whatever the entries of known commits are said to be, what is
// read has the root that was asked for.
func FuzzReadCut(f *testing.F) {
	seeds := cutVectors(f)
	var all []chain.Piece
	for i, v := range seeds {
		all = append(all, v.pieces(f)...)
		f.Add(uint8(i), []byte{0, 1, 2, 3}, []byte("a"))
	}
	seeded(f, len(seeds))
	f.Fuzz(func(t *testing.T, which uint8, pick, junk []byte) {
		v := seeds[int(which)%len(seeds)]
		var offer []chain.Piece
		for i, b := range pick {
			p := all[int(b)%len(all)]
			if i%3 == 2 {
				p.Entries = map[uint64][]byte{uint64(b) % 7: junk, p.Commit.Log.Len - 1: junk}
			}
			offer = append(offer, p)
		}
		got, by, err := readCut(wire.LogHead{Len: v.Len, Root: v.Root}, offer)
		if err == nil && (headOf(got...) != wire.LogHead{Len: v.Len, Root: v.Root} || v.Len > 0 && *by.Log != headOf(got...)) {
			t.Errorf("read %q for %s", got, v.Name)
		}
	})
}
