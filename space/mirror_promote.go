package space

import (
	"context"
	"errors"
	"fmt"

	"github.com/espace-git/espace-git/gitstore"
	"github.com/espace-git/espace-git/membership"
	"github.com/espace-git/espace-git/view"
)

// ErrHostGone: the primary can't be reached, and whoever promotes another remote has
// not said that it is gone for good.
var ErrHostGone = errors.New("the primary remote can't be reached")

// Promote makes a mirror the primary remote, for everybody: an entry of the ledger
// says so, which the old primary orders as its last one and which is on both then.
// Whoever reads it follows. Needs an admin.
//
// gone says that the old primary is lost for good: then, if it does not answer, the
// entry is put onto the new one alone. If somebody can reach the old one all the same
// and adds to the ledger there, it has two branches.
func (s *Space) Promote(ctx context.Context, name string, gone bool) (*SyncResult, error) {
	res := &SyncResult{LetIn: []string{}, Warnings: []string{}}
	unlock, err := s.lockSync(ctx)
	if err != nil {
		return res, err
	}
	defer unlock()
	defer s.mirrorRefs(ctx)
	rs, err := s.loadRemotes(ctx)
	if err != nil {
		return res, classify(err)
	}
	m := rs.mirror(name)
	if m == nil {
		return res, notFound("there is no mirror %q", name)
	}
	if err := s.mayAnnounce(ctx, m.URL); err != nil {
		return res, err
	}
	// What the old host took back is no reason to stay with it.
	err = s.syncLocked(ctx, res)
	lost := unreachable(err)
	if !ordered(err) && !lost || lost && !gone {
		if lost {
			err = join(ErrHostGone, err)
		}
		return res, err
	}
	found, failed := s.promote(ctx, res, *m, lost)
	if errors.Is(err, ErrViolation) {
		found = append([]string{err.Error()}, found...)
	}
	return res, withViolations(found, classify(failed))
}

// unreachable: the host does not answer as one that has the space.
func unreachable(err error) bool {
	return errors.Is(err, ErrUnreachable) || errors.Is(err, ErrNotRepository) || errors.Is(err, ErrAuth)
}

// promote gives the mirror everything, has the entry ordered, and gives it that, too.
func (s *Space) promote(ctx context.Context, res *SyncResult, m mirror, lost bool) (found []string, err error) {
	if _, found, err = s.fill(ctx, res, m); err != nil {
		return found, fmt.Errorf("the remote %s: %w", m.Name, err)
	}
	item := remoteItem{Name: m.Name, URL: m.URL, Role: remotePrimary}
	before := s.url
	if lost {
		item.Gone = before
		if err := s.movePlace(ctx, m.URL); err != nil {
			return found, err
		}
	}
	if err := s.announce(ctx, res, item); err != nil {
		if lost {
			err = errors.Join(err, s.movePlace(ctx, before))
		}
		return found, err
	}
	return found, s.greet(ctx)
}

// movePlace makes another URL the primary's before the ledger says so.
func (s *Space) movePlace(ctx context.Context, url string) error {
	err := s.db.Update(ctx, func(v *view.Tx) error { return s.storePlace(v, url) })
	if err != nil {
		return err
	}
	return s.turnTo(url)
}

// announce puts a `remote` entry into the ledger, and acts upon it.
func (s *Space) announce(ctx context.Context, res *SyncResult, item remoteItem) error {
	value, err := item.encode()
	if err != nil {
		return err
	}
	_, err = s.proposeLocked(ctx, func(*round) (membership.Draft, map[string][]byte, error) {
		return membership.Draft{Body: &membership.RemoteBody{}}, map[string][]byte{membership.ItemRemote: value}, nil
	})
	if err != nil {
		return err
	}
	_, err = s.follow(ctx, res)
	return err
}

// mayAnnounce asks before anything is pushed. A place of this machine is of use only
// to members who have their primary on it, too (heed).
func (s *Space) mayAnnounce(ctx context.Context, url string) error {
	if gitstore.OnThisMachine(url) && !gitstore.OnThisMachine(s.Remote()) {
		return usage("%s is a place of this machine: the other members can't use it", url)
	}
	return s.look(ctx, func(r *round) error {
		if r.roster() == nil || !r.roster().MayLedger(r.me.Device, membership.KindRemote) {
			return notPermitted("only an admin or owner says which remotes the members use")
		}
		return nil
	})
}
