package chain

import (
	"crypto/ed25519"
	"errors"
	"fmt"

	"github.com/espace-git/espace-git/internal/wire"
)

// ErrEvidence is wrapped when evidence does not show what it claims.
var ErrEvidence = errors.New("evidence does not hold")

// Evidence shows that two signed commits cannot both be of one log. It holds
// commits and hashes over ciphertext only, a few kilobytes, and anybody who has
// the two devices' public keys can check it offline.
//
//	Common   At  RestA
//	0 … At-1 A   … …     the log of A
//	         B   … …     the log of B: another entry at At, or it ends there
//
// In a lane this is a fact about its one device: it signed both. In the order it
// is a fact about the branches: signing another try after a lost race is no
// offence, so nobody is accused (DESIGN 7).
type Evidence struct {
	A, B         []byte      // raw commits; A is of what the reader goes on with, if it does
	At           uint64      // how many entries the logs have in common, as far as is known
	Common       []byte      // the Log of these, as MarshalBinary gives it
	LeafA, LeafB wire.Hash   // the leaf hashes at At; zero where the log ends before
	RestA, RestB []wire.Hash // compact ranges (RFC 6962 subtree roots) from At+1 to the end
}

// Check verifies both signatures and that the two logs contradict each other.
func (e Evidence) Check(keyA, keyB ed25519.PublicKey) error {
	if err := e.check(keyA, keyB); err != nil {
		return fmt.Errorf("%w: %w", ErrEvidence, err)
	}
	return nil
}

func (e Evidence) check(keyA, keyB ed25519.PublicKey) error {
	a, err := verifyLogCommit(e.A, keyA)
	if err != nil {
		return err
	}
	b, err := verifyLogCommit(e.B, keyB)
	if err != nil {
		return err
	}
	if a.Kind != b.Kind || a.Space != b.Space || a.Epoch != b.Epoch {
		return errors.New("the commits are of two places")
	}
	if a.Kind == Lane && string(a.key) != string(b.key) {
		return errors.New("the commits are of two lanes")
	}
	return e.contradiction(*a.Log, *b.Log)
}

// contradiction: A's log begins with Common. Either B's does too and goes on
// with another entry, or B ends there and says another root for it. The entry
// at one index of a log with one root is unique, since leaves and subtrees are
// hashed apart (RFC 6962 section 2.1): honest devices cannot be framed.
func (e Evidence) contradiction(a, b wire.LogHead) error {
	var common Log
	if err := common.UnmarshalBinary(e.Common); err != nil {
		return err
	}
	if common.Len() != e.At || join(common, e.LeafA, e.RestA, a.Len) != a {
		return errors.New("the first commit is not of the log shown")
	}
	if b.Len == e.At && b.Root != common.Head().Root {
		return nil
	}
	if join(common, e.LeafB, e.RestB, b.Len) != b {
		return errors.New("the second commit is not of the log shown")
	}
	if a.Len == e.At || b.Len == e.At || e.LeafA == e.LeafB {
		return errors.New("one log continues the other")
	}
	return nil
}

func verifyLogCommit(raw []byte, key ed25519.PublicKey) (Verified, error) {
	u, err := Parse(raw)
	if err != nil {
		return Verified{}, err
	}
	v, err := u.Verify(key)
	if err == nil && v.Log == nil {
		err = errors.New("the commit has no log")
	}
	return v, err
}
