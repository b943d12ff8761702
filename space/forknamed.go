package space

import (
	"slices"

	"github.com/espace-git/espace-git/chain"
	"github.com/espace-git/espace-git/gitstore"
	"github.com/espace-git/espace-git/internal/wire"
	"github.com/espace-git/espace-git/membership"
	"github.com/espace-git/espace-git/view"
)

// Who meets both branches of the ledger at once stands on neither (DESIGN 3). The
// places in the ledger that members signed in lanes and keys tell on which branch they
// stand; they stand in the messages of commits, and need no secret.

const (
	maxNamingEpochs  = 16      // epochs whose lanes and keys are asked
	maxNamingCommits = 20_000  // of one ref: more is somebody's junk
	maxNamingTotal   = 100_000 // of all
)

// splitEpochs are the epoch in which the branches part, and the last one of each.
func splitEpochs(s *membership.Split) (out []wire.Epoch) {
	out = append(out, s.Shared.Epoch().Epoch)
	for _, b := range s.Branches {
		if e := b.Roster.Epoch().Epoch; len(out) < maxNamingEpochs && !slices.Contains(out, e) {
			out = append(out, e)
		}
	}
	return out
}

// splitPatterns name the refs that may tell which branch members stand on; none if the
// ledger is not split here.
func (s *Space) splitPatterns(v *view.Tx, roster *membership.Roster) (out []string, err error) {
	if roster == nil {
		return nil, nil
	}
	r := &round{s: s, v: v}
	rivals, err := r.rivalEnvelopes()
	if err != nil || len(rivals) == 0 {
		return nil, err
	}
	split := roster.Read(rivals).Split
	if split == nil {
		return nil, nil
	}
	for _, e := range splitEpochs(split) {
		out = append(out, s.refs.Keys(e), s.refs.Lanes(e)+"*")
	}
	return out, nil
}

// signedPlaces collects the ledger places beyond the split that devices signed.
func (r *round) signedPlaces(s *membership.Split) map[wire.DeviceID][]wire.Position {
	out := map[wire.DeviceID][]wire.Position{}
	if r.shown == nil {
		return out
	}
	budget := maxNamingTotal
	for _, e := range splitEpochs(s) {
		for ref := range r.shown.refs {
			n, ok := r.s.refs.Parse(ref)
			tip, has := r.shown.tip(ref)
			if !ok || !has || n.EpochName != e.Name() || n.Kind != wire.RefLane && n.Kind != wire.RefKeys {
				continue
			}
			commits, err := r.s.repo.Commits([]wire.ObjectID{tip}, nil, min(budget, maxNamingCommits))
			if err != nil {
				continue // who fills it with junk names nothing
			}
			budget -= len(commits)
			r.readPlaces(s, e, commits, out)
		}
	}
	return out
}

func (r *round) readPlaces(s *membership.Split, e wire.Epoch, commits []gitstore.CommitRef, out map[wire.DeviceID][]wire.Position) {
	for _, c := range commits {
		if c.Err != nil {
			continue
		}
		u, err := chain.Parse(c.Raw)
		if err != nil {
			continue
		}
		m := u.Claims()
		if m.Ledger == nil || m.Ledger.Number <= s.Shared.Head().Number || m.Kind != chain.Lane && m.Kind != chain.Keys || slices.Contains(out[m.Device], *m.Ledger) {
			continue
		}
		if _, err := r.verifiedIn(e.O, c, m.Kind, s.Shared.Device); err == nil {
			out[m.Device] = append(out[m.Device], *m.Ledger)
		}
	}
}

// holdsBack: a branch of the split has sealed the epoch that this device stands in, so
// that nothing is pushed under it.
func (r *round) holdsBack(s *membership.Split) bool {
	return slices.ContainsFunc(s.Branches, func(b membership.Branch) bool { return b.Roster.Epoch().O != s.Shared.Epoch().O })
}
