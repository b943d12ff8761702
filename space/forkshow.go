package space

import (
	"context"
	"slices"
	"time"

	"github.com/espace-git/espace-git/membership"
)

// ForkBranch is one of the branches.
type ForkBranch struct {
	Own     bool        `json:"own"`  // the one that this device stands on
	From    uint64      `json:"from"` // number of the last entry that it shares with the others
	Head    LedgerPos   `json:"head"`
	Words   []string    `json:"words"` // of its head: to compare by voice
	Role    string      `json:"role"`  // of this member on it; empty: it is nobody there
	Entries []ForkEntry `json:"entries"`
}

// ForkEntry is an entry on one branch only.
type ForkEntry struct {
	Seq  uint64    `json:"seq"`
	Kind string    `json:"kind"`
	By   string    `json:"by"`
	Time time.Time `json:"time"` // as its author claims
}

// ForkMove is what following a resolve means for this device.
type ForkMove struct {
	Head  LedgerPos   `json:"head"` // the entry that resolves the fork
	By    string      `json:"by"`
	From  uint64      `json:"from"`
	Drops []ForkEntry `json:"drops"` // own entries that go; never null
}

// Fork is what is known of a fork; without branches there is none.
type Fork struct {
	Branches  []ForkBranch `json:"branches"`
	Undecided bool         `json:"undecided"` // this device met all at once and stands on none
	// Resolved is where an owner of both branches leads, if this device can follow.
	Resolved *ForkMove `json:"resolved,omitempty"`
	Refused  []string  `json:"refused"`     // resolves that do not count, and why
	May      bool      `json:"may_resolve"` // this device's member is an owner on all branches
	Consents int       `json:"consents"`    // of other owners, that policy asks for; where there are fewer, of all
}

// Forks tells of the branches of the ledger, the own one first.
func (s *Space) Forks(ctx context.Context) (*Fork, error) {
	out := &Fork{Branches: []ForkBranch{}, Refused: []string{}}
	err := s.look(ctx, func(r *round) error {
		f, err := r.forked()
		if err != nil || len(f.branches) == 0 {
			return err
		}
		r.showBranches(f, out)
		out.May, out.Undecided = r.mayResolve(f), f.undecided
		out.Consents = r.roster().Policy().Approvals[membership.KindForkResolve]
		for _, b := range f.branches {
			out.Consents = max(out.Consents, b.Roster.Policy().Approvals[membership.KindForkResolve])
		}
		if f.undecided {
			return nil
		}
		moves, refused := r.roster().Follow(f.all)
		if len(moves) > 0 {
			out.Resolved = r.showMove(moves[len(moves)-1])
		}
		for _, f := range refused {
			out.Refused = append(out.Refused, harmless(firstLine(f.Err.Error())))
		}
		return nil
	})
	return out, err
}

func (r *round) showBranches(f forked, out *Fork) {
	if !f.undecided {
		from := uint64(r.ledger.len())
		for _, b := range f.branches {
			from = min(from, b.Entries[0].Number-1)
		}
		own := membership.Branch{Entries: r.ledger.entries[from+1:], Roster: r.roster()}
		out.Branches = append(out.Branches, r.forkBranch(own, from, true))
	}
	for _, b := range f.branches {
		out.Branches = append(out.Branches, r.forkBranch(b, b.Entries[0].Number-1, false))
	}
}

func (r *round) forkBranch(b membership.Branch, from uint64, own bool) ForkBranch {
	head := b.Roster.Head()
	words := membership.Words(head.Hash)
	out := ForkBranch{
		Own: own, From: from, Head: LedgerPos{Seq: head.Number, Hash: head.Hash.String()}, Words: words[:], Entries: r.forkEntries(b.Entries),
	}
	if role := b.Roster.RoleOf(r.me.Device); role != membership.NoRole {
		out.Role = role.String()
	}
	return out
}

func (r *round) forkEntries(entries []*membership.Entry) []ForkEntry {
	out := make([]ForkEntry, 0, len(entries))
	for _, e := range entries {
		out = append(out, ForkEntry{Seq: e.Number, Kind: e.Kind, By: r.deviceName(e.Author), Time: e.Time})
	}
	return out
}

func (r *round) showMove(m membership.Move) *ForkMove {
	head := m.Resolve.Position()
	return &ForkMove{
		Head: LedgerPos{Seq: head.Number, Hash: head.Hash.String()}, By: r.deviceName(m.Resolve.Author), From: m.From, Drops: r.forkEntries(m.Dropped),
	}
}

// forked is what there is besides the ledger on which this device stands.
type forked struct {
	all       [][]byte // envelopes of all branches
	branches  []membership.Branch
	undecided bool // the branches were met at once: this device stands before all of them
}

// forked finds the branches that were read, and that nobody settled yet.
func (r *round) forked() (f forked, err error) {
	rivals, err := r.rivalEnvelopes()
	if err != nil || len(rivals) == 0 || r.roster() == nil {
		return f, err
	}
	f.all = append(rivals, r.ledger.envelopes...)
	if split := r.roster().Read(rivals).Split; split != nil {
		f.branches, f.undecided = split.Branches, true
		return f, nil
	}
	f.branches = r.roster().Rivals(rivals)
	return f, nil
}

func (r *round) mayResolve(f forked) bool {
	return !f.undecided && r.roster().RoleOf(r.me.Device) == membership.Owner && !slices.ContainsFunc(f.branches, func(b membership.Branch) bool {
		return b.Roster.RoleOf(r.me.Device) != membership.Owner
	})
}
