package space

import (
	"fmt"
	"slices"
	"strings"

	"github.com/espace-git/espace-git/chain"
	"github.com/espace-git/espace-git/internal/wire"
	"github.com/espace-git/espace-git/membership"
)

// standing brings this device's own view of itself up to the ledger.
func (r *round) standing(before int) error {
	roster := r.roster()
	was := r.me
	r.me.Ledger = roster.Head()
	if first := roster.Openings()[0]; !r.started() && roster.Epoch().Number == 0 && !r.secret.IsZero() {
		r.me.Epoch, r.me.Opening = first.Epoch, openingTimes(roster)[0] // the first epoch starts with nothing
	}
	r.me.Role, r.me.Lacks = "", strings.Join(roster.Lacks(), ", ")
	if role := roster.RoleOf(r.me.Device); role != membership.NoRole {
		r.me.Role = role.String()
	}
	r.me.Gone = ""
	if d, ok := roster.Device(r.me.Device); ok {
		r.me.Member = d.Member
		if err := r.adoptKey(); err != nil {
			return err
		}
		switch d.Status {
		case membership.StatusRemoved:
			r.me.Gone = StateRemoved
		case membership.StatusLeaving:
			r.me.Gone = StateLeaving
		}
	}
	if r.me == was {
		return nil
	}
	if r.ledger.len() != before {
		r.tellInMyName(before)
		if err := seenChanged(r.v); err != nil {
			return err
		}
		if err := r.meet(); err != nil {
			return err
		}
	}
	return r.me.save(r.v)
}

// place notes that a device signed a position of our ledger. Newcomers need that
// of a witness before their writes leave (DESIGN 6).
//
// A position on another branch is what catches a host that shows different ledgers
// (DESIGN 2, promise 3). It speaks of the fork, never against its signer, who may
// have been shown that branch.
func (r *round) place(c chain.Verified) error {
	d, p := c.Device, *c.Message.Ledger
	if hash, known := r.roster().HashAt(p.Number); known && hash != p.Hash {
		text := fmt.Sprintf("%s signed on another branch of the ledger at entry %d: there are two", r.deviceName(d), p.Number)
		if r.knownBranch(p) {
			r.warn("%s", text)
			return nil
		}
		return r.violation(evidence{Kind: "ledger-branch", Text: text, Device: d.String(), Signed: [][]byte{c.Raw()}})
	} else if !known {
		return nil
	}
	var last uint64
	if _, err := getValue(r.v, bucketPlace, d[:], &last); err != nil || last >= p.Number {
		return err
	}
	return putValue(r.v, bucketPlace, d[:], p.Number)
}

// knownBranch: the place lies on a branch that is here as evidence, or was dropped.
func (r *round) knownBranch(p wire.Position) bool {
	return r.roster().Dropped(p) || slices.ContainsFunc(r.branches, func(b membership.Branch) bool { return b.Roster.Holds(p) })
}

// witnessed reports whether enough others have signed a ledger that has this
// device in it.
func (r *round) witnessed() (bool, error) {
	w, ok := r.roster().Witnesses(r.me.Device)
	if !ok {
		return true, nil // the founder's first device
	}
	// Once witnessed, for ever: those who were may go, and with them what they signed.
	var join wire.Hash
	if known, err := getValue(r.v, bucketMeta, []byte("witnessed"), &join); err != nil || known && join == w.Join.Hash {
		return err == nil, err
	}
	var signed []wire.DeviceID
	for pair, err := range r.v.Each(bucketPlace, nil) {
		if err != nil {
			return false, err
		}
		var n uint64
		if err := wire.UnmarshalCBOR(pair.Value, &n); err != nil {
			return false, err
		}
		if n >= w.Join.Number {
			signed = append(signed, wire.DeviceID(pair.Key))
		}
	}
	return w.Enough(signed), nil
}

// wasWitnessed asks, and remembers it: before anything of this device leaves it. What
// its own lane holds already it has signed after that.
func (r *round) wasWitnessed(own *lane) (bool, error) {
	ok, err := r.witnessed()
	if err != nil || !ok && own.reader.Head().Len == 0 {
		return false, err
	}
	w, newcomer := r.roster().Witnesses(r.me.Device)
	if !newcomer {
		return true, nil
	}
	return true, putValue(r.v, bucketMeta, []byte("witnessed"), w.Join.Hash)
}
