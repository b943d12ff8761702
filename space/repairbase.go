package space

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/espace-git/espace-git/checkpoint"
	"github.com/espace-git/espace-git/gitstore"
	"github.com/espace-git/espace-git/internal/wire"
	"github.com/espace-git/espace-git/membership"
	"github.com/espace-git/espace-git/view"
)

// The state with which an epoch began is this device's own, and the host has it only
// if somebody published the same. When its pages are lost from the local git, they are
// made anew: from another member's pages of the same state, or from the history.

// baseLacks says what is wrong with the pages of the own state; empty if nothing is.
func (s *Space) baseLacks(ctx context.Context) (lack string, err error) {
	err = s.look(ctx, func(r *round) error {
		m, err := r.base()
		if err != nil || m == nil {
			return err
		}
		for _, p := range m.Pages {
			b, err := r.page(p.Hash)
			if err == nil && wire.Sum(b) != p.Hash {
				err = fmt.Errorf("page %.12s has other bytes", p.Hash)
			}
			if err != nil {
				lack = fmt.Sprintf("the state that epoch %d began with: %v", r.epoch().Number, firstLine(err.Error()))
				return nil
			}
		}
		return nil
	})
	return lack, err
}

// restoreBase makes lost pages anew, and says so.
func (s *Space) restoreBase(ctx context.Context) (did []string, err error) {
	lack, err := s.baseLacks(ctx)
	if err != nil || lack == "" {
		return nil, err
	}
	did = []string{"found: " + lack}
	published, err := s.publishedBase(ctx)
	if err != nil {
		return did, err
	}
	if published {
		return append(did, "took the pages that another device had published"), nil
	}
	var o wire.Hash
	if err := s.look(ctx, func(r *round) error { o = r.epoch().O; return nil }); err != nil {
		return did, err
	}
	h, err := s.readHistory(ctx, o)
	if err == nil && h.state == nil {
		err = fmt.Errorf("the history is not here from its beginning, and nobody has published the state: sync, and try again")
	}
	if err != nil {
		return did, fmt.Errorf("making the state anew: %w", err)
	}
	err = s.db.Update(ctx, func(v *view.Tx) error {
		r, err := s.newRound(v, &SyncResult{})
		if err != nil {
			return err
		}
		return r.exchangeBase(h.state, h.blobs)
	})
	return append(did, "made the state that the epoch began with anew, from the history"), err
}

// exchangeBase puts other pages of the same state in the place of the lost ones.
func (r *round) exchangeBase(m *checkpoint.Manifest, blobs map[wire.Hash]wire.ObjectID) error {
	old, err := r.base()
	switch {
	case err != nil:
		return err
	case old == nil || old.Digest != m.Digest:
		return errors.New("the state that was made anew is not the one that this device had: `espace-git verify --full` says more")
	}
	for hash, id := range blobs {
		if err := r.v.Put(bucketBlob, hash[:], id[:]); err != nil {
			return err
		}
	}
	return r.storeBase(m)
}

// publishedBase looks on the host for pages of exactly the own state.
func (s *Space) publishedBase(ctx context.Context) (found bool, err error) {
	var pattern string
	if err := s.look(ctx, func(r *round) error { pattern = s.refs.States(r.epoch()) + "*"; return nil }); err != nil {
		return false, err
	}
	host, err := s.host()
	if err != nil {
		return false, nil // the history may be here
	}
	got, err := host.Fetch(ctx, gitstore.FetchRequest{Patterns: []string{pattern}})
	if err != nil {
		return false, nil
	}
	err = s.db.Update(ctx, func(v *view.Tx) error {
		r, err := s.newRound(v, &SyncResult{})
		if err != nil {
			return err
		}
		found, err = r.takePages(&display{refs: got.Refs, failed: got.Failed})
		return err
	})
	return found, err
}

func (r *round) takePages(host *display) (bool, error) {
	mine, err := r.base()
	if err != nil || mine == nil {
		return false, err
	}
	st := &starting{r: r, opening: membership.Opening{Epoch: r.epoch()}}
	for _, o := range st.offered(host) {
		u, err := r.manifestOf(o.box)
		if err != nil || u.Digest() != mine.Digest {
			continue
		}
		fetch := func(hash wire.Hash) ([]byte, error) { return r.s.repo.Blob(o.pages[hash], wire.MaxEntry) }
		m, err := checkpoint.Read(u, fetch, func(_, _ []byte) error { return nil })
		if err != nil {
			continue
		}
		return true, r.exchangeBase(m, o.pages)
	}
	return false, nil
}

// closings: the closing commits of the epochs that are over hold all that was sealed.
func (a *audit) closings() error {
	refs, err := a.r.closedRefs()
	for ref, tip := range refs {
		if _, err := a.s.repo.Commits([]wire.ObjectID{tip}, nil, maxCommits); err != nil {
			a.lack("%s: %v", ref, err)
		}
	}
	return err
}

// closedRefs are the closing commits that are known here, by their refs.
func (r *round) closedRefs() (map[string]wire.ObjectID, error) {
	out := map[string]wire.ObjectID{}
	for _, bucket := range []string{bucketPast, bucketTip} {
		for pair, err := range r.v.Each(bucket, nil) {
			if err != nil {
				return nil, err
			}
			if n, ok := r.s.refs.Parse(string(pair.Key)); ok && n.Kind == wire.RefClose {
				out[string(pair.Key)] = wire.ObjectID(pair.Value)
			}
		}
	}
	return out, nil
}

// fetchClosed fetches the closing commits into a new repository, as far as the host
// still has them.
func (s *Space) fetchClosed(ctx context.Context, host gitstore.Remote) error {
	var patterns []string
	err := s.look(ctx, func(r *round) error {
		refs, err := r.closedRefs()
		for ref := range refs {
			patterns = append(patterns, ref)
		}
		return err
	})
	if err != nil || len(patterns) == 0 {
		return err
	}
	slices.Sort(patterns)
	_, err = host.Fetch(ctx, gitstore.FetchRequest{Patterns: patterns})
	return err
}
