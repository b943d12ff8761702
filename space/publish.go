package space

import (
	"context"
	"errors"
	"fmt"

	"github.com/espace-git/espace-git/chain"
	"github.com/espace-git/espace-git/gitstore"
	"github.com/espace-git/espace-git/internal/wire"
	"github.com/espace-git/espace-git/membership"
	"github.com/espace-git/espace-git/seal"
	"github.com/espace-git/espace-git/view"
)

// publish makes the three refs of a new space on its host: the ledger, the keys
// and the empty order (DESIGN 3, "Genesis"). `main` comes last where the host
// can't promise all or none: without it there is no space.
func (s *Space) publish(ctx context.Context) error {
	host, err := s.host()
	if err != nil {
		return err
	}
	shown, err := s.fetchAll(ctx, host)
	if err != nil {
		return err
	}
	if s.holdsUs(shown) {
		return s.db.Update(ctx, clearUnderWay) // an earlier run put it there; the next sync reads it
	}
	if err := s.vacant(shown); err != nil {
		return err
	}
	updates, err := s.foundingRefs(ctx, shown)
	if err != nil {
		return err
	}
	pushed, err := pushTogether(ctx, host, updates)
	if err != nil {
		return err
	}
	defer s.mirrorRefs(ctx)
	return s.db.Update(ctx, func(v *view.Tx) error {
		if err := clearUnderWay(v); err != nil {
			return err
		}
		r, err := s.newRound(v, new(SyncResult))
		if err != nil {
			return err
		}
		for _, u := range pushed { // whom this device has wrapped for, it knows from what it signed
			if u.Name == s.refs.Keys(r.epoch()) {
				err = r.newKeys(r.epoch(), u.Name, u.New)
			}
		}
		if err != nil {
			return err
		}
		return s.landed(v, pushed)
	})
}

// holdsUs: the host's ledger begins with this space's founding entry.
func (s *Space) holdsUs(shown *display) bool {
	tip, ok := shown.tip(s.refs.Ledger)
	if !ok {
		return false
	}
	commits, err := s.repo.Commits([]wire.ObjectID{tip}, nil, maxCommits)
	if err != nil {
		return false
	}
	lr := &ledgerReader{repo: s.repo, ledger: new(ledger), space: s.id, blobs: map[wire.ObjectID]bool{}}
	lr.read(commits)
	return lr.ledger.len() > 0
}

// vacant refuses a host where something stands that a new space would cover.
func (s *Space) vacant(shown *display) error {
	tip, ok := shown.tip(s.refs.Ledger)
	if !ok {
		return nil
	}
	raw, err := s.repo.CommitBytes(tip)
	if err != nil {
		return fmt.Errorf("%s on the host is no branch: %w", s.refs.Ledger, err)
	}
	tree, err := gitstore.CommitTree(raw)
	if err != nil {
		return err
	}
	names, err := s.repo.TreeNames(tree)
	if err != nil {
		return fmt.Errorf("reading %s: %w", s.refs.Ledger, err)
	}
	for _, name := range names {
		if !placeholder(name) {
			return usage("the branch %s on the host has files already (%s): use an empty repository, or another branch with --ledger-ref refs/heads/NAME", s.refs.Ledger, name)
		}
	}
	return nil
}

// placeholder: what hosts put into a repository that they create.
func placeholder(name string) bool {
	switch name {
	case "README.md", "README", "LICENSE", ".gitignore", ".gitattributes":
		return true
	}
	return false
}

func (s *Space) foundingRefs(ctx context.Context, shown *display) (updates []gitstore.RefUpdate, err error) {
	b := s.repo.Batch()
	err = s.db.View(ctx, func(v *view.Tx) error {
		r, err := s.newRound(v, new(SyncResult))
		if err != nil {
			return err
		}
		updates, err = r.foundingUpdates(b, shown)
		return err
	})
	if err != nil {
		return nil, err
	}
	return updates, b.Flush()
}

func (r *round) foundingUpdates(b *gitstore.Batch, shown *display) ([]gitstore.RefUpdate, error) {
	dev := r.s.keys.Device()
	wrap, err := seal.WrapSecrets(dev.Recipient(), seal.Wrap{Space: r.s.id, Secrets: []seal.EpochSecret{{O: r.s.id, Secret: r.secret}}})
	if err != nil {
		return nil, err
	}
	add := map[string][]byte{seal.WrapPath(dev.Recipient(), dev.ID(), 0): wrap}
	if err := r.wrapForPaper(add); err != nil {
		return nil, err
	}
	adds := chain.AddsHash(add)
	keys := r.message(chain.Keys)
	keys.Adds = &adds
	var empty chain.Log
	none := empty.Head()
	order := r.message(chain.Order)
	order.Log = &none
	var out []gitstore.RefUpdate
	for _, c := range []struct {
		ref  string
		tree wire.ObjectID
		msg  chain.Message
	}{
		{r.s.refs.Keys(r.epoch()), keysTree(b, nil, add), keys},
		{r.s.refs.Order(r.epoch()), b.Tree(nil), order},
		{r.s.refs.Ledger, ledgerTree(b, r.ledger.envelopes), r.ledgerMessage(0)},
	} {
		id, err := r.commit(b, c.ref, shown.at(c.ref), c.tree, c.msg)
		if err != nil {
			return nil, err
		}
		out = append(out, gitstore.RefUpdate{Name: c.ref, Old: shown.at(c.ref), New: id})
	}
	return out, nil
}

// ledgerMessage is of the commit that adds the entries from number first on.
func (r *round) ledgerMessage(first int) chain.Message {
	files := map[string][]byte{}
	for i := first; i < r.ledger.len(); i++ {
		files[membership.Path(uint64(i))] = r.ledger.envelopes[i]
	}
	adds := chain.AddsHash(files)
	m := r.message(chain.Ledger)
	m.Adds = &adds
	return m
}

// pushAtomic moves refs as one. A push whose answer was lost is repeated: what landed
// the first time counts as done the second time.
func pushAtomic(ctx context.Context, host gitstore.Remote, updates []gitstore.RefUpdate) (*gitstore.Pushed, error) {
	pushed, err := host.Push(ctx, updates, gitstore.PushOptions{Atomic: true})
	if errors.Is(err, gitstore.ErrUncertain) {
		pushed, err = host.Push(ctx, updates, gitstore.PushOptions{Atomic: true})
	}
	return pushed, err
}

// pushTogether moves refs as one where the host can promise that, else one after
// the other, the last one last.
func pushTogether(ctx context.Context, host gitstore.Remote, updates []gitstore.RefUpdate) ([]gitstore.RefUpdate, error) {
	pushed, err := pushAtomic(ctx, host, updates)
	if errors.Is(err, gitstore.ErrNoAtomic) {
		for _, u := range updates {
			if pushed, err = host.Push(ctx, []gitstore.RefUpdate{u}, gitstore.PushOptions{}); err != nil {
				return nil, err
			}
			if err := pushed.Err(); err != nil {
				return nil, err
			}
		}
		return updates, nil
	}
	if err != nil {
		return nil, err
	}
	return updates, pushed.Err()
}

// landed notes where refs stand on the host now.
func (s *Space) landed(v *view.Tx, updates []gitstore.RefUpdate) error {
	for _, u := range updates {
		if err := v.Put(bucketTip, []byte(u.Name), u.New[:]); err != nil {
			return err
		}
	}
	return nil
}
