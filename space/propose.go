package space

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/espace-git/espace-git/gitstore"
	"github.com/espace-git/espace-git/internal/wire"
	"github.com/espace-git/espace-git/membership"
	"github.com/espace-git/espace-git/view"
)

// propose puts one entry into the ledger. draft makes it for the ledger as it
// stands; if somebody is faster it is made anew, and names the tries that lost,
// so that nobody takes the race for a fork (DESIGN 4).
func (s *Space) propose(ctx context.Context, draft func(*round) (membership.Draft, map[string][]byte, error)) (*membership.Entry, error) {
	unlock, err := s.lockSync(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	return s.proposeLocked(ctx, draft)
}

func (s *Space) proposeLocked(ctx context.Context, draft func(*round) (membership.Draft, map[string][]byte, error)) (*membership.Entry, error) {
	var tries []wire.Hash
	uncertain := 0
	for range maxTries {
		e, lost, err := s.proposeOnce(ctx, tries, draft)
		if errors.Is(err, gitstore.ErrUncertain) && lost != nil {
			// It may stand all the same: look, before the keys of a join are thrown away.
			if uncertain++; uncertain < maxUncertain {
				err = nil
			}
		}
		if err != nil || e != nil {
			s.mirrorRefs(ctx)
			return e, classify(err)
		}
		if lost != nil {
			tries = append(tries, *lost)
		}
	}
	return nil, join(ErrConflict, errors.New("the ledger kept changing: try again"))
}

// maxUncertain bounds how often a push is tried whose answer gets lost.
const maxUncertain = 3

func (s *Space) proposeOnce(ctx context.Context, tries []wire.Hash, draft func(*round) (membership.Draft, map[string][]byte, error)) (_ *membership.Entry, lost *wire.Hash, err error) {
	var update gitstore.RefUpdate
	var entry *membership.Entry
	err = s.readThen(ctx, func(r *round, b *gitstore.Batch, shown *display) (err error) {
		if entry = r.landed(tries); entry == nil {
			entry, update, err = r.next(b, shown, tries, draft)
		}
		return err
	})
	if err != nil || update.Name == "" {
		return entry, nil, err
	}
	host, err := s.host()
	if err != nil {
		return nil, nil, err
	}
	pushed, err := host.Push(ctx, []gitstore.RefUpdate{update}, gitstore.PushOptions{})
	if err != nil {
		return nil, &entry.Hash, fmt.Errorf("pushing: %w", err)
	}
	if err := pushed.Err(); errors.Is(err, gitstore.ErrConflict) {
		return nil, &entry.Hash, nil
	} else if err != nil {
		return nil, nil, fmt.Errorf("pushing the ledger: %w", err)
	}
	return entry, nil, s.db.Update(ctx, func(v *view.Tx) error {
		r, err := s.newRound(v, &SyncResult{})
		if err != nil {
			return err
		}
		return r.readStanding(update.Name, update.New)
	})
}

// landed finds an earlier try in the ledger: its push worked, and the answer got
// lost.
func (r *round) landed(tries []wire.Hash) *membership.Entry {
	for _, e := range r.ledger.entries {
		if slices.Contains(tries, e.Hash) {
			return e
		}
	}
	return nil
}

// readThen fetches and reads everything, and then lets fn make something of it.
// What was read stays, also when fn fails or evidence of a violation turned up:
// then fn does not run.
func (s *Space) readThen(ctx context.Context, fn func(*round, *gitstore.Batch, *display) error) error {
	host, err := s.host()
	if err != nil {
		return err
	}
	shown, err := s.fetchAll(ctx, host)
	if err != nil {
		return err
	}
	batch := s.repo.Batch()
	var after error
	err = s.db.Update(ctx, func(v *view.Tx) error {
		r, err := s.newRound(v, &SyncResult{})
		if err != nil {
			return err
		}
		if err := r.read(ctx, shown); err != nil {
			return err
		}
		if len(r.found) > 0 {
			after = join(ErrViolation, errors.New(strings.Join(r.found, "; ")))
			return nil
		}
		if after = fn(r, batch, shown); after != nil {
			return nil
		}
		return batch.Flush()
	})
	if err != nil {
		return err
	}
	return after
}

// readStanding reads an own entry back from the own repository.
func (r *round) readStanding(ref string, tip wire.ObjectID) error {
	before := r.ledger.len()
	if err := r.readLedger(ref, tip); err != nil {
		return err
	}
	if err := r.openItems(); err != nil {
		return err
	}
	return r.standing(before)
}

// next signs the next entry and the commit that carries it.
func (r *round) next(b *gitstore.Batch, shown *display, tries []wire.Hash, draft func(*round) (membership.Draft, map[string][]byte, error)) (*membership.Entry, gitstore.RefUpdate, error) {
	var none gitstore.RefUpdate
	d, values, err := draft(r)
	if err != nil {
		return nil, none, err
	}
	d.Time, d.Signer, d.Tries = r.now, r.s.keys.Device(), tries
	if len(values) > 0 {
		if d.Items, d.Private, err = r.privateNext(values); err != nil {
			return nil, none, err
		}
	}
	envelope, err := r.roster().Propose(d)
	if err != nil {
		return nil, none, err
	}
	first := r.ledger.len()
	if err := r.ledger.add(envelope); err != nil {
		return nil, none, err
	}
	entry := r.ledger.entries[first]
	ref := r.s.refs.Ledger
	msg := r.ledgerMessage(first)
	msg.Device = r.s.keys.Device().ID()
	id, err := r.commit(b, ref, shown.at(ref), ledgerTree(b, r.ledger.envelopes), msg)
	return entry, gitstore.RefUpdate{Name: ref, Old: shown.at(ref), New: id}, err
}

func (r *round) privateNext(values map[string][]byte) (map[string]wire.Hash, []byte, error) {
	if r.secret.IsZero() {
		return nil, nil, join(ErrWaiting, fmt.Errorf("%w", ErrWaiting))
	}
	items, err := salted(r.s.opts.Rand, values)
	if err != nil {
		return nil, nil, err
	}
	box, err := private(r.s.opts.Rand, r.secret, r.roster().Head().Hash, items)
	return items.Hashes(), box, err
}
