package space

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/espace-git/espace-git/chain"
	"github.com/espace-git/espace-git/gitstore"
	"github.com/espace-git/espace-git/internal/wire"
	"github.com/espace-git/espace-git/membership"
	"github.com/espace-git/espace-git/view"
)

// maxDeclared bounds the tries that one entry names; the next one names the rest.
const maxDeclared = 64

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
	if err := s.greet(ctx); err != nil {
		return nil, classify(err)
	}
	for range maxTries {
		e, lost, err := s.proposeOnce(ctx, tries, draft)
		if errors.Is(err, errMoved) {
			if err := s.moveOn(ctx); err != nil {
				return nil, classify(err)
			}
			continue
		}
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
		if entry = r.landed(tries); entry != nil {
			return nil
		}
		if err := r.staysHere(); err != nil {
			return err
		}
		if entry, update, err = r.next(b, shown, draft); err != nil {
			return err
		}
		return putValue(r.v, bucketTry, entry.Hash[:], entry.Number)
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

// tries are own entries that were signed and did not come into the ledger: the
// host may have kept them, whatever it answered, also one that this process never
// heard of again. What was declared, or came in after all, is forgotten.
func (r *round) tries() (lost []wire.Hash, err error) {
	settled := map[wire.Hash]bool{}
	for _, e := range r.ledger.entries {
		settled[e.Hash] = true
		if e.Author == r.me.Device {
			for _, h := range e.Tries {
				settled[h] = true
			}
		}
	}
	for pair, err := range r.v.Each(bucketTry, nil) {
		if err != nil {
			return nil, err
		}
		hash := wire.Hash(pair.Key)
		if settled[hash] {
			if err := r.v.Delete(bucketTry, pair.Key); err != nil {
				return nil, err
			}
		} else if len(lost) < maxDeclared {
			lost = append(lost, hash)
		}
	}
	return lost, nil
}

// readThen fetches and reads everything, and then lets fn make something of it.
// What was read stays, also when fn fails or evidence of a violation turned up:
// then fn does not run.
func (s *Space) readThen(ctx context.Context, fn func(*round, *gitstore.Batch, *display) error) error {
	host, err := s.host()
	if err != nil {
		return err
	}
	for range maxLooks {
		shown, err := s.fetchAll(ctx, host)
		if err != nil {
			return err
		}
		if more, err := s.readOnce(ctx, shown, fn); err != nil || !more {
			return err
		}
	}
	return errLooks
}

// maxLooks bounds how often a host is asked again because what it showed says that there
// is more: each time it must have shown another epoch or branch.
const maxLooks = 1000

var errLooks = join(ErrConflict, errors.New("the host shows ever more of the ledger: try again"))

// readOnce is one reading; more says that there are refs to fetch first, and that fn
// did not run.
func (s *Space) readOnce(ctx context.Context, shown *display, fn func(*round, *gitstore.Batch, *display) error) (more bool, err error) {
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
		if more, err = r.moreToRead(shown); more || err != nil {
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
	if err == nil {
		err = after
	}
	return more, err
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
func (r *round) next(b *gitstore.Batch, shown *display, draft func(*round) (membership.Draft, map[string][]byte, error)) (*membership.Entry, gitstore.RefUpdate, error) {
	var none gitstore.RefUpdate
	if r.split {
		return nil, none, join(ErrViolation, fmt.Errorf("the ledger has two branches at entry %d: nothing is added before that is settled", r.ledger.len()))
	}
	tries, err := r.tries()
	if err != nil {
		return nil, none, err
	}
	d, values, err := draft(r)
	if err != nil {
		return nil, none, err
	}
	d.Time, d.Signer, d.Tries = coarse(r.now), r.s.keys.Device(), tries
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
	parent := shown.at(ref)
	for _, repair := range r.repairs {
		if repair.Name == ref {
			parent = repair.New // what the host shows can't be read: the chain goes on where it was
		}
	}
	id, err := r.commit(b, ref, parent, ledgerTree(b, r.ledger.envelopes), msg)
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

// coarse is a time as the ledger shows it to the host: floored to 10 minutes, as the
// times of commits are. Milliseconds would tell the skew of this machine's clock,
// by which its pseudonyms in several spaces could be linked.
func coarse(t time.Time) time.Time { return time.Unix(chain.FloorTime(t.Unix()), 0).UTC() }
