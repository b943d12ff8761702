package chain_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/espace-git/espace-git/chain"
	"github.com/espace-git/espace-git/internal/wire"
)

var update = flag.Bool("update", false, "write the vectors anew")

// A commitVector is a commit of each kind, made by the key with this seed.
type commitVector struct {
	Name     string
	Seed     string
	Identity wire.Hash
	Object   wire.ObjectID
	Commit   string // the bytes; they are ASCII
}

// A refusedVector is bytes that are no commit of ours.
type refusedVector struct{ Name, Commit string }

// A logVector is a log with its state as it is stored.
type logVector struct {
	Entries []string
	Root    wire.Hash
	State   string
}

// An addsVector is what the trailer Adds says about files.
type addsVector struct {
	Files map[string]string
	Adds  wire.Hash
}

// An evidenceVector is a proof, as bytes, and whether it holds.
type evidenceVector struct {
	Name, KeyA, KeyB, Evidence string
	Holds                      bool
}

// vectors reads a file of vectors; with -update it writes made first.
func vectors[T any](t testing.TB, name string, made func() []T) []T {
	t.Helper()
	path := filepath.Join("..", "testdata", "vectors", "chain", name+".json")
	if *update {
		var b bytes.Buffer
		e := json.NewEncoder(&b)
		e.SetEscapeHTML(false)
		e.SetIndent("", "  ")
		if err := errors.Join(e.Encode(made()), os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, b.Bytes(), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var out []T
	if err := json.Unmarshal(b, &out); err != nil || len(out) == 0 {
		t.Fatalf("%s: %d vectors: %v", path, len(out), err)
	}
	return out
}

func commitVectors(t testing.TB) []commitVector {
	return vectors(t, "commits", func() (all []commitVector) {
		for _, name := range slices.Sorted(maps.Keys(examples())) {
			v := signed(t, examples()[name], "alice")
			all = append(all, commitVector{name, hex.EncodeToString(keyOf("alice").Seed()), v.ID(), v.ObjectID(), string(v.Raw())})
		}
		return all
	})
}

func refusedVectors(t testing.TB) []refusedVector {
	return vectors(t, "commits-refused", func() (all []refusedVector) {
		bad := malformedCommits(t, goodCommit(t))
		for _, name := range slices.Sorted(maps.Keys(bad)) {
			if len(bad[name]) < 4096 {
				all = append(all, refusedVector{name, bad[name]})
			}
		}
		return all
	})
}

func evidenceVectors(t testing.TB) []evidenceVector {
	return vectors(t, "evidence", func() []evidenceVector {
		w := laneOf(t, "mallory")
		base := w.add("0", "1", "2")
		other := w
		x, y := w.add("x", "x2"), other.add("y")
		r := newLane("mallory")
		r.Read(pieces(base, x))
		_, out := r.Offer(y.Commit, y.Entries)
		honest := *out.Evidence
		honest.B = w.add("x3").Commit.Raw()
		key := hex.EncodeToString(pubOf("mallory"))
		return []evidenceVector{
			{"equivocation", key, key, hex.EncodeToString(out.Evidence.Marshal()), true},
			{"one-log", key, key, hex.EncodeToString(honest.Marshal()), false},
		}
	})
}

func TestCommitVectors(t *testing.T) {
	for _, c := range commitVectors(t) {
		t.Run(c.Name, func(t *testing.T) {
			v := verified(t, []byte(c.Commit), "alice")
			if v.ID() != c.Identity || v.ObjectID() != c.Object || hex.EncodeToString(keyOf("alice").Seed()) != c.Seed {
				t.Errorf("identity %s, object %s", v.ID(), v.ObjectID())
			}
			again, err := chain.Sign(v.Commit, keyOf("alice"))
			if err != nil || string(again) != c.Commit {
				t.Errorf("signed again: %v\n%s", err, again)
			}
		})
	}
}

func TestRefusedVectors(t *testing.T) {
	for _, c := range refusedVectors(t) {
		if _, err := chain.Parse([]byte(c.Commit)); !errors.Is(err, chain.ErrMalformed) {
			t.Errorf("%s: %v, want ErrMalformed", c.Name, err)
		}
	}
}

func TestLogVectors(t *testing.T) {
	made := func() (all []logVector) {
		for _, n := range []int{0, 1, 2, 3, 7, 8, 13} {
			v := logVector{Entries: []string{}}
			for i := range n {
				v.Entries = append(v.Entries, fmt.Sprint("entry ", i))
			}
			log := logOf(v.Entries...)
			state, _ := log.MarshalBinary()
			v.Root, v.State = log.Head().Root, hex.EncodeToString(state)
			all = append(all, v)
		}
		return all
	}
	for _, v := range vectors(t, "logs", made) {
		log := logOf(v.Entries...)
		state, _ := log.MarshalBinary()
		if log.Head().Root != v.Root || hex.EncodeToString(state) != v.State {
			t.Errorf("%d entries: root %s, state %x", len(v.Entries), log.Head().Root, state)
		}
	}
}

func TestAddsVectors(t *testing.T) {
	made := func() (all []addsVector) {
		for _, files := range []map[string]string{
			{}, {"README.md": "a"}, {"README.md": "a", "ledger/0000/00000000.json": "b"}, {"a b": "", "ä": "a"},
		} {
			all = append(all, addsVector{files, adds(files)})
		}
		return all
	}
	for _, v := range vectors(t, "adds", made) {
		if got := adds(v.Files); got != v.Adds {
			t.Errorf("%v: %s, want %s", v.Files, got, v.Adds)
		}
	}
}

func adds(files map[string]string) wire.Hash {
	all := map[string][]byte{}
	for path, content := range files {
		all[path] = []byte(content)
	}
	return chain.AddsHash(all)
}

func TestEvidenceVectors(t *testing.T) {
	for _, v := range evidenceVectors(t) {
		e, err := chain.ParseEvidence(unhex(t, v.Evidence))
		if err != nil {
			t.Fatalf("%s: %v", v.Name, err)
		}
		if hex.EncodeToString(e.Marshal()) != v.Evidence {
			t.Errorf("%s: not encoded again as it was", v.Name)
		}
		if err := e.Check(unhex(t, v.KeyA), unhex(t, v.KeyB)); (err == nil) != v.Holds {
			t.Errorf("%s: %v", v.Name, err)
		}
	}
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
