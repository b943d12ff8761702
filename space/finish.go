package space

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/espace-git/espace-git/identity"
	"github.com/espace-git/espace-git/internal/wire"
	"github.com/espace-git/espace-git/membership"
	"github.com/espace-git/espace-git/view"
)

// A space that is founded or joined is whole on this device before anything of it
// is pushed. What is left to do is noted until it is done, so that a program that
// was killed, or an answer that got lost, costs no keys: the next `init` or `join`
// there, or any sync, finishes it.
const (
	stepFound   = "found"
	stepJoin    = "join"
	stepRecover = "recover"
)

// underWay is what is left to do.
type underWay struct {
	_       struct{} `cbor:",toarray"`
	Step    string
	Request []byte // of a join; body of a recover entry
}

func (u underWay) save(v *view.Tx) error { return putValue(v, bucketMeta, []byte("under-way"), u) }

func clearUnderWay(v *view.Tx) error { return v.Delete(bucketMeta, []byte("under-way")) }

func (s *Space) loadUnderWay(ctx context.Context) (u underWay, err error) {
	err = s.db.View(ctx, func(v *view.Tx) error {
		_, err := getValue(v, bucketMeta, []byte("under-way"), &u)
		return err
	})
	return u, err
}

// finish does what is left to do, if anything.
func (s *Space) finish(ctx context.Context) error {
	unlock, err := s.lockSync(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	return s.finishLocked(ctx)
}

// finishLocked is finish for who holds the lock of the sync.
func (s *Space) finishLocked(ctx context.Context) error {
	u, err := s.loadUnderWay(ctx)
	if err != nil {
		return err
	}
	switch u.Step {
	case stepFound:
		return s.publish(ctx)
	case stepJoin:
		return s.finishJoin(ctx, u.Request)
	case stepRecover:
		return s.finishRecover(ctx, u.Request)
	}
	return nil
}

// finishJoin puts the join into the ledger, unless it is there.
func (s *Space) finishJoin(ctx context.Context, request []byte) error {
	q, err := membership.DecodeJoinRequest(request)
	if err != nil {
		return fmt.Errorf("local store: %w", err)
	}
	_, err = s.proposeLocked(ctx, func(r *round) (membership.Draft, map[string][]byte, error) {
		if _, ok := r.roster().Device(r.me.Device); ok {
			return membership.Draft{}, nil, errJoined
		}
		return q.Draft(r.roster()), nil, nil
	})
	if err != nil && !errors.Is(err, errJoined) {
		return err
	}
	return s.db.Update(ctx, clearUnderWay)
}

var errJoined = errors.New("the join is in the ledger")

// resume finishes what an earlier run in this directory began, if fits says that
// it is what is wanted now; nil if there is nothing of the kind.
func resume(ctx context.Context, dir, step string, o Options, fits func(*Space, underWay) error) (*Space, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(filepath.Join(abs, markerDir, markerFile)); err != nil {
		return nil, nil
	}
	s, err := Open(ctx, abs, o)
	if err != nil {
		return nil, err
	}
	u, err := s.loadUnderWay(ctx)
	if err == nil && u.Step != step {
		err = usage("there is a space in %s already", abs)
	}
	if err == nil {
		err = fits(s, u)
	}
	if err == nil {
		err = s.finish(ctx)
	}
	if err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// clearKeyring makes room for new keys of a space. Keys that no space uses were
// made by a run that was killed before it had pushed anything.
func clearKeyring(vault *identity.Vault, id wire.Hash, home, dir string) error {
	if _, err := vault.OpenKeyring(id); err != nil {
		return nil
	}
	known, err := identity.List(home)
	for _, l := range known {
		if l.Space != id {
			continue
		}
		if _, err := os.Stat(filepath.Join(l.Dir, markerDir, markerFile)); err == nil {
			return usage("this user belongs to the space already, in %s; a further device is another ESPACE_HOME and `device add`", l.Dir)
		}
		if l.Dir == dir {
			break
		}
		return usage("this user's keys of the space belong to %s, which is not there now: bring it back, or join with another ESPACE_HOME", l.Dir)
	}
	if err != nil {
		return err
	}
	return vault.DropKeyring(id)
}
