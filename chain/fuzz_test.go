package chain_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/espace-git/espace-git/chain"
)

// seeded fails a fuzz target that would start from nothing.
func seeded(f *testing.F, n int) {
	f.Helper()
	if n == 0 {
		f.Fatal("no seed corpus")
	}
}

// FuzzParse: what Parse takes has one signature, no byte that tools disagree
// on, and a message that says the same when read alone.
func FuzzParse(f *testing.F) {
	for _, c := range commitVectors(f) {
		f.Add([]byte(c.Commit))
	}
	bad := refusedVectors(f)
	for _, c := range bad {
		f.Add([]byte(c.Commit))
	}
	seeded(f, len(bad))
	f.Fuzz(func(t *testing.T, raw []byte) {
		u, err := chain.Parse(raw)
		if err != nil {
			return
		}
		head, message, _ := strings.Cut(string(raw), "\n\n")
		if strings.Count(head, "\ngpgsig") != 1 || strings.Count(head, "tree ") != 1 || bytes.ContainsAny(raw, "\x00\r\t") {
			t.Errorf("accepted:\n%q", raw)
		}
		if u.Claims().String() != message || !bytes.Equal(u.Raw(), raw) {
			t.Errorf("claims\n%s\nof\n%s", u.Claims(), raw)
		}
		_, _ = u.Verify(pubOf("alice"))
	})
}

func FuzzParseMessage(f *testing.F) {
	seeds := commitVectors(f)
	for _, c := range seeds {
		_, message, _ := strings.Cut(c.Commit, "\n\n")
		f.Add(message)
	}
	seeded(f, len(seeds))
	f.Fuzz(func(t *testing.T, s string) {
		if m, err := chain.ParseMessage(s); err == nil && m.String() != s {
			t.Errorf("%q is not what it prints", s)
		}
	})
}

func FuzzLog(f *testing.F) {
	for n := range 20 {
		log := logOf(make([]string, n)...)
		b, _ := log.MarshalBinary()
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var log chain.Log
		if log.UnmarshalBinary(b) != nil {
			return
		}
		again, _ := log.MarshalBinary()
		if !bytes.Equal(again, b) {
			t.Errorf("%x is encoded as %x", b, again)
		}
		log.Head()
		log.Append(b)
	})
}

func FuzzEvidence(f *testing.F) {
	seeds := evidenceVectors(f)
	for _, v := range seeds {
		f.Add(unhex(f, v.Evidence))
	}
	seeded(f, len(seeds))
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := chain.ParseEvidence(b)
		if err != nil {
			return
		}
		if !bytes.Equal(e.Marshal(), b) {
			t.Errorf("%x is encoded as %x", b, e.Marshal())
		}
		_ = e.Check(pubOf("mallory"), pubOf("mallory"))
	})
}

// FuzzRestore: a damaged reader on disk is refused or reads on, never panics.
func FuzzRestore(f *testing.F) {
	s := newStored(f)
	w := laneOf(f, "alice")
	other := w
	f.Add(s.state, []byte{})
	s.read(pieces(w.add("a", "b")))
	f.Add(s.state, s.pages[0])
	s.read(pieces(other.add("x"), w.bad(9, 8, "z")))
	f.Add(s.state, s.pages[0])
	next := w.add("c")
	f.Fuzz(func(t *testing.T, state, page []byte) {
		load := func(uint64) []byte { return page }
		r, err := chain.RestoreLane(hashOf("space"), hashOf("epoch"), pubOf("alice"), state, load)
		if err != nil {
			return
		}
		r.Read(pieces(next))
		r.Save()
		r.RootAt(1)
	})
}
