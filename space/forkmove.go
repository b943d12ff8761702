package space

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/espace-git/espace-git/internal/wire"
	"github.com/espace-git/espace-git/membership"
	"github.com/espace-git/espace-git/view"
)

// errNoFork: there is nothing to decide.
func errNoFork() error { return notFound("the ledger has no other branch that this device knows of") }

// ResolveFork keeps the branch on which this device stands, and drops all others. It
// seals, and takes away again all that they took away. Only an owner on every branch
// can; consents are what other owners gave with ConsentToFork, where policy asks for
// them.
func (s *Space) ResolveFork(ctx context.Context, consents []string) (*Sealed, error) {
	return s.sealWith(ctx, SealOptions{Now: true}, func(r *round) (membership.Body, map[string][]byte, error) {
		f, err := r.forked()
		if err != nil {
			return nil, nil, err
		}
		if len(f.branches) == 0 {
			return nil, nil, errNoFork()
		}
		body, err := r.resolving(f, consents)
		return body, nil, err
	})
}

// resolving is the entry that keeps what the round stands on.
func (r *round) resolving(f forked, consents []string) (membership.Body, error) {
	if !r.mayResolve(f) {
		return nil, notPermitted("a fork is resolved by somebody who is an owner on every branch, and stands on one of them")
	}
	body := r.roster().Resolving(f.branches)
	for _, c := range consents {
		given, err := decodeConsent(c)
		if err != nil {
			return nil, err
		}
		body.Consents = append(body.Consents, given)
	}
	slices.SortFunc(body.Consents, func(a, b membership.Consent) int { return slices.Compare(a.Device[:], b.Device[:]) })
	for _, b := range f.branches {
		if err := body.Moves(b.Roster, r.me.Device); err != nil {
			return nil, notPermitted("who stands on the branch that ends at entry %d would not move over: %v", b.Roster.Head().Number, err)
		}
	}
	return body, nil
}

// ConsentToFork agrees, as text to hand to the owner who resolves, that the branch that
// ends at the entry with this hash be kept and the others dropped; "" is the one on
// which this device stands.
func (s *Space) ConsentToFork(ctx context.Context, keep string) (consent string, err error) {
	err = s.look(ctx, func(r *round) error {
		f, err := r.forked()
		switch {
		case err != nil:
			return err
		case len(f.branches) == 0:
			return errNoFork()
		case !r.mayResolve(f):
			return notPermitted("only who is an owner on every branch consents")
		}
		kept := r.roster()
		if keep != "" {
			b, err := f.named(keep)
			if err != nil {
				return err
			}
			kept = b.Roster
		}
		c, err := kept.ConsentTo(kept.Resolving(kept.Rivals(f.all)).Drop, s.keys.Device())
		if err != nil {
			return err
		}
		b, err := wire.MarshalJSON(c)
		consent = base64.RawURLEncoding.EncodeToString(b)
		return err
	})
	return consent, err
}

// named is the one other branch that ends at an entry whose hash begins like this.
func (f forked) named(hash string) (membership.Branch, error) {
	var found []membership.Branch
	for _, b := range f.branches {
		if len(hash) >= minHash && strings.HasPrefix(b.Roster.Head().Hash.String(), strings.ToLower(hash)) {
			found = append(found, b)
		}
	}
	if len(found) != 1 {
		return membership.Branch{}, notFound("no other branch ends at an entry with the hash %q (`espace-git fork show`)", harmless(hash))
	}
	return found[0], nil
}

// minHash is how many letters of a hash name a branch at least.
const minHash = 8

// maxConsent is more than the text of a consent has.
const maxConsent = 4 << 10

func decodeConsent(text string) (c membership.Consent, err error) {
	if len(text) > maxConsent {
		return c, usage("a consent has less than %d bytes", maxConsent)
	}
	b, err := base64.RawURLEncoding.DecodeString(strings.TrimSpace(text))
	if err == nil {
		err = wire.UnmarshalJSON(b, &c)
	}
	if err != nil {
		err = usage("a consent is damaged: %v", err)
	}
	return c, err
}

// FollowFork moves this device to the branch that an owner keeps. What was only on the
// branch that it leaves is issued again.
func (s *Space) FollowFork(ctx context.Context) error {
	return s.moveTo(ctx, func(r *round, f forked) (membership.Move, error) {
		if f.undecided {
			return membership.Move{}, notFound("this device stands on no branch yet that it could leave: `espace-git fork show`")
		}
		moves, refused := r.roster().Follow(f.all)
		if len(moves) > 0 {
			return moves[len(moves)-1], nil
		}
		if len(refused) > 0 {
			return membership.Move{}, notPermitted("no resolve counts for the branch of this device: %v", firstLine(refused[0].Err.Error()))
		}
		return membership.Move{}, notFound("no owner has resolved a fork in favour of another branch")
	})
}

// ChooseFork moves this device to the branch that ends at an entry, by the user's own
// choice: after comparing fingerprints, where no owner of both branches resolves.
func (s *Space) ChooseFork(ctx context.Context, hash string) error {
	return s.moveTo(ctx, func(r *round, f forked) (membership.Move, error) {
		b, err := f.named(hash)
		if err != nil {
			return membership.Move{}, err
		}
		return r.roster().Choose(f.all, b.Roster.Head())
	})
}

func (s *Space) moveTo(ctx context.Context, choose func(*round, forked) (membership.Move, error)) error {
	unlock, err := s.lockSync(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	defer s.mirrorRefs(ctx)
	err = s.db.Update(ctx, func(v *view.Tx) error {
		r, err := s.newRound(v, &SyncResult{})
		if err != nil {
			return err
		}
		f, err := r.forked()
		if err != nil {
			return err
		}
		m, err := choose(r, f)
		if err != nil {
			return err
		}
		return r.move(m, f.all)
	})
	if err != nil {
		return classify(err)
	}
	return s.syncLocked(ctx, &SyncResult{LetIn: []string{}, Warnings: []string{}})
}

// ResolveBefore drops an entry that sealed with a cut which nobody can supply, and all
// that stands on it: whoever did not follow it goes on from the entry before (DESIGN 5).
// Only an owner, both before that entry and now, can.
func (s *Space) ResolveBefore(ctx context.Context, number uint64, consents []string) (*Sealed, error) {
	unlock, err := s.lockSync(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	defer s.mirrorRefs(ctx)
	res := &SyncResult{LetIn: []string{}, Warnings: []string{}}
	if err := s.syncLocked(ctx, res); err != nil {
		return nil, err
	}
	sealed, err := s.sealLocked(ctx, SealOptions{Now: true, before: number}, func(r *round) (membership.Body, map[string][]byte, error) {
		body, err := r.resolving(r.dropped, consents)
		return body, nil, err
	})
	if err != nil {
		return nil, classify(err)
	}
	return sealed, s.syncLocked(ctx, res)
}

// standBefore lets the round stand on the ledger as it was before an entry, and makes
// what follows a branch to drop.
func (r *round) standBefore(ctx context.Context, number uint64, shown *display) error {
	next, sealed := r.sealed()
	if !sealed || next.At != number {
		return usage("entry %d is not the seal that this device waits to follow: `espace-git status`", number)
	}
	rivals, err := r.rivalEnvelopes()
	if err != nil {
		return err
	}
	f := forked{all: append(rivals, r.ledger.envelopes...)}
	before, _ := r.roster().At(number - 1)
	own := membership.Branch{Entries: r.ledger.entries[number:], Roster: r.roster()}
	f.branches = append(before.Rivals(f.all), own)
	if split := before.Read(f.all).Split; split != nil {
		for _, b := range split.Branches {
			if b.Entries[0].Hash != own.Entries[0].Hash {
				f.branches = append(f.branches, b)
			}
		}
	}
	r.ledger = &ledger{roster: before, entries: r.ledger.entries[:number:number], envelopes: r.ledger.envelopes[:number:number]}
	r.dropped = f
	return r.readEpoch(ctx, shown)
}

// readResolve takes the own resolve: this device drops what it stood on.
func (sg *sealing) readResolve(v *view.Tx) error {
	r, err := sg.s.newRound(v, &SyncResult{})
	if err != nil {
		return err
	}
	all := append(slices.Clip(sg.r.dropped.all), sg.landed.Envelope)
	moves, refused := r.roster().Follow(all)
	for _, m := range moves {
		if m.Resolve.Hash == sg.landed.Hash {
			return r.move(m, all)
		}
	}
	err = errors.New("the ledger went on meanwhile: resolve again")
	for _, f := range refused {
		err = fmt.Errorf("%w: %s", err, firstLine(f.Err.Error()))
	}
	return join(ErrConflict, err)
}
