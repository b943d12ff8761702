package space

import (
	"context"
	"encoding/base64"
	"fmt"
	"slices"
	"time"

	"github.com/espace-git/espace-git/gitstore"
	"github.com/espace-git/espace-git/internal/wire"
	"github.com/espace-git/espace-git/membership"
	"github.com/espace-git/espace-git/merge"
	"github.com/espace-git/espace-git/view"
)

// Two branches of the ledger (DESIGN 4 "Fork of the ledger"). Who verified one stays
// on it and keeps the other as evidence, until an owner of both resolves the fork, or
// the user chooses.

// ForkBranch is one of the branches.
type ForkBranch struct {
	Own     bool        `json:"own"`  // the one that this device stands on
	From    uint64      `json:"from"` // number of the last entry that both share
	Head    LedgerPos   `json:"head"`
	Words   []string    `json:"words"` // of its head: to compare by voice
	Entries []ForkEntry `json:"entries"`
}

// ForkEntry is an entry on one branch only.
type ForkEntry struct {
	Seq  uint64    `json:"seq"`
	Kind string    `json:"kind"`
	By   string    `json:"by"`
	Time time.Time `json:"time"` // as its author claims
}

// Fork is what is known of a fork; without branches there is none.
type Fork struct {
	Branches []ForkBranch `json:"branches"`
	// Resolved is the head of the branch that an owner keeps, if this device can follow.
	Resolved *LedgerPos `json:"resolved,omitempty"`
	Refused  []string   `json:"refused"`     // resolves that do not count, and why
	May      bool       `json:"may_resolve"` // this device's member is an owner on all branches
}

// Forks tells of the branches of the ledger, the own one first.
func (s *Space) Forks(ctx context.Context) (*Fork, error) {
	out := &Fork{Branches: []ForkBranch{}, Refused: []string{}}
	err := s.look(ctx, func(r *round) error {
		all, branches, err := r.rivalBranches()
		if err != nil || len(branches) == 0 {
			return err
		}
		from := uint64(r.ledger.len())
		for _, b := range branches {
			from = min(from, b.Entries[0].Number-1)
		}
		own := membership.Branch{Entries: r.ledger.entries[from+1:], Roster: r.roster()}
		out.Branches = append(out.Branches, r.forkBranch(own, from, true))
		for _, b := range branches {
			out.Branches = append(out.Branches, r.forkBranch(b, b.Entries[0].Number-1, false))
		}
		out.May = r.mayResolve(branches)
		moves, refused := r.roster().Follow(all)
		for _, m := range moves {
			head := m.Resolve.Position()
			out.Resolved = &LedgerPos{Seq: head.Number, Hash: head.Hash.String()}
		}
		for _, f := range refused {
			out.Refused = append(out.Refused, harmless(firstLine(f.Err.Error())))
		}
		return nil
	})
	return out, err
}

func (r *round) forkBranch(b membership.Branch, from uint64, own bool) ForkBranch {
	head := b.Roster.Head()
	words := membership.Words(head.Hash)
	out := ForkBranch{
		Own: own, From: from, Head: LedgerPos{Seq: head.Number, Hash: head.Hash.String()}, Words: words[:], Entries: []ForkEntry{},
	}
	for _, e := range b.Entries {
		out.Entries = append(out.Entries, ForkEntry{Seq: e.Number, Kind: e.Kind, By: r.deviceName(e.Author), Time: e.Time})
	}
	return out
}

func (r *round) mayResolve(branches []membership.Branch) bool {
	return r.roster().RoleOf(r.me.Device) == membership.Owner && !slices.ContainsFunc(branches, func(b membership.Branch) bool {
		return b.Roster.RoleOf(r.me.Device) != membership.Owner
	})
}

// rivalEnvelopes are the entries on other branches that were read, and are not settled.
func (r *round) rivalEnvelopes() (out [][]byte, err error) {
	for rival, err := range r.v.Each(bucketRival, nil) {
		if err != nil {
			return nil, err
		}
		out = append(out, rival.Value)
	}
	return out, nil
}

// rivalBranches are the other branches, and all envelopes at hand.
func (r *round) rivalBranches() (all [][]byte, branches []membership.Branch, err error) {
	all, err = r.rivalEnvelopes()
	if err != nil || len(all) == 0 || r.roster() == nil {
		return nil, nil, err
	}
	branches = r.roster().Rivals(all)
	return append(all, r.ledger.envelopes...), branches, nil
}

// keepRivals stores the valid entries of other branches, until somebody settles it.
func (r *round) keepRivals(offered [][]byte) error {
	if err := r.forgetRivals(); err != nil || r.roster() == nil || len(offered) == 0 {
		return err
	}
	r.branches = r.roster().Rivals(offered)
	size := 0
	for _, b := range r.branches {
		for _, e := range b.Entries {
			if size += len(e.Envelope); size > ledgerBatch {
				return nil
			}
			key := wire.Sum(e.Envelope)
			if err := r.v.Put(bucketRival, key[:], e.Envelope); err != nil {
				return err
			}
		}
	}
	return nil
}

// bringLedger puts this device's branch beside the one that the host shows: a commit
// on top of that, whose tree has the own entries. So both lie among the ancestors, for
// everybody to read, and nobody takes back what others signed.
func (r *round) bringLedger(b *gitstore.Batch, shown wire.ObjectID) (gitstore.RefUpdate, error) {
	ref := r.s.refs.Ledger
	first := r.ledger.len()
	for _, branch := range r.branches {
		first = min(first, int(branch.Entries[0].Number))
	}
	id, err := r.commit(b, ref, shown, ledgerTree(b, r.ledger.envelopes), r.ledgerMessage(first))
	return gitstore.RefUpdate{Name: ref, Old: shown, New: id}, err
}

// ResolveFork keeps the branch on which this device stands, and drops all others. It
// seals, and takes away again all that they took away. Only an owner on every branch
// can; consents are what other owners gave with ConsentToFork, where policy asks for
// them.
func (s *Space) ResolveFork(ctx context.Context, consents []string) (*Sealed, error) {
	return s.sealWith(ctx, SealOptions{Now: true}, func(r *round) (membership.Body, map[string][]byte, error) {
		_, branches, err := r.rivalBranches()
		if err != nil {
			return nil, nil, err
		}
		if len(branches) == 0 {
			return nil, nil, notFound("the ledger has no other branch that this device knows of")
		}
		if !r.mayResolve(branches) {
			return nil, nil, notPermitted("a fork is resolved by somebody who is an owner on every branch")
		}
		body := r.roster().Resolving(branches)
		for _, c := range consents {
			given, err := decodeConsent(c)
			if err != nil {
				return nil, nil, err
			}
			body.Consents = append(body.Consents, given)
		}
		slices.SortFunc(body.Consents, func(a, b membership.Consent) int { return slices.Compare(a.Device[:], b.Device[:]) })
		return body, nil, nil
	})
}

// ConsentToFork agrees, as text to hand to the owner who resolves, that this device's
// branch be kept and the others dropped.
func (s *Space) ConsentToFork(ctx context.Context) (consent string, err error) {
	err = s.look(ctx, func(r *round) error {
		_, branches, err := r.rivalBranches()
		if err != nil {
			return err
		}
		if len(branches) == 0 {
			return notFound("the ledger has no other branch that this device knows of")
		}
		c, err := r.roster().ConsentTo(r.roster().Resolving(branches).Drop, s.keys.Device())
		if err != nil {
			return err
		}
		b, err := wire.MarshalJSON(c)
		consent = base64.RawURLEncoding.EncodeToString(b)
		return err
	})
	return consent, err
}

func decodeConsent(text string) (c membership.Consent, err error) {
	b, err := base64.RawURLEncoding.DecodeString(text)
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
	return s.moveTo(ctx, func(r *round, all [][]byte) (membership.Move, error) {
		moves, refused := r.roster().Follow(all)
		if len(moves) > 0 {
			return moves[0], nil
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
	return s.moveTo(ctx, func(r *round, all [][]byte) (membership.Move, error) {
		_, branches, err := r.rivalBranches()
		if err != nil {
			return membership.Move{}, err
		}
		for _, b := range branches {
			if head := b.Roster.Head(); len(hash) >= 8 && len(hash) <= 64 && head.Hash.String()[:len(hash)] == hash {
				return r.roster().Choose(all, head)
			}
		}
		return membership.Move{}, notFound("no other branch ends at an entry with the hash %q (`espace-git fork show`)", hash)
	})
}

func (s *Space) moveTo(ctx context.Context, choose func(*round, [][]byte) (membership.Move, error)) error {
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
		all, _, err := r.rivalBranches()
		if err != nil {
			return err
		}
		m, err := choose(r, all)
		if err != nil {
			return err
		}
		return r.move(m)
	})
	if err != nil {
		return classify(err)
	}
	return s.syncLocked(ctx, &SyncResult{LetIn: []string{}, Warnings: []string{}})
}

// move exchanges the ledger. In an epoch that both branches share, the seal that
// resolved the fork is then followed like any other; one that was opened on the branch
// that goes is left, and this device begins anew with the state of the open one.
func (r *round) move(m membership.Move) error {
	stays := false
	if o, ok := r.roster().OpeningOf(r.me.Epoch.Number); ok && r.started() {
		stays = o.At <= m.From
	}
	if !stays {
		if err := r.keepNeeds(); err != nil {
			return err
		}
	}
	if err := r.exchangeLedger(m); err != nil {
		return err
	}
	if !stays {
		if err := r.beginAnew(); err != nil {
			return err
		}
	}
	return r.standing(0)
}

func (r *round) exchangeLedger(m membership.Move) error {
	for n := m.From + 1; n < uint64(r.ledger.len()); n++ {
		if err := r.v.Delete(bucketLedger, wire.U64(n)); err != nil {
			return err
		}
		if err := clearBucket(r.v, bucketItem, wire.U64(n)); err != nil {
			return err
		}
		if err := r.v.Delete(bucketName, nameKey(nameSchema, wire.U64(n))); err != nil {
			return err
		}
	}
	r.ledger = &ledger{entries: slices.Clone(r.ledger.entries[:m.From+1]), envelopes: slices.Clone(r.ledger.envelopes[:m.From+1])}
	r.ledger.take(m.Roster, m.Entries)
	if err := r.ledger.save(r.v, int(m.From)+1); err != nil {
		return err
	}
	var items uint64
	if _, err := getValue(r.v, bucketMeta, []byte("items"), &items); err != nil {
		return err
	}
	if err := putValue(r.v, bucketMeta, []byte("items"), min(items, m.From+1)); err != nil {
		return err
	}
	if err := r.lowerPlaces(m.From); err != nil {
		return err
	}
	var err error
	if r.schemas, err = loadSchemas(r.v); err != nil {
		return err
	}
	if err := r.useSchema(m.From); err != nil {
		return err
	}
	return r.keepRivals(nil)
}

// lowerPlaces: what was signed on the branch that goes speaks for what both share.
func (r *round) lowerPlaces(from uint64) error {
	for pair, err := range r.v.Each(bucketPlace, nil) {
		if err != nil {
			return err
		}
		var n uint64
		if err := wire.UnmarshalCBOR(pair.Value, &n); err != nil {
			return err
		}
		if n <= from {
			continue
		}
		if err := putValue(r.v, bucketPlace, pair.Key, from); err != nil {
			return err
		}
	}
	return nil
}

// keepNeeds notes what the own transactions stand on while the view still shows it.
func (r *round) keepNeeds() error {
	rows, err := r.v.OwnJournal()
	if err != nil {
		return err
	}
	for _, row := range rows {
		if row.Ordered {
			continue
		}
		u := &unsealedTx{row: row}
		if u.tx, err = merge.DecodeTransaction(row.Tx); err != nil {
			return fmt.Errorf("local store: journal: %w", err)
		}
		if u.needs, err = r.needsOf(u); err != nil {
			return err
		}
		if err := putValue(r.v, bucketMoved, row.ID[:], parked{Needs: u.needs}); err != nil {
			return err
		}
	}
	return nil
}

// beginAnew leaves the epoch that this device stands in; start finds another state.
func (r *round) beginAnew() error {
	if err := r.leave(); err != nil {
		return err
	}
	for _, bucket := range []string{bucketSealed, bucketBase, bucketBlob, bucketParked} {
		if err := clearBucket(r.v, bucket, nil); err != nil {
			return err
		}
	}
	if err := r.v.ClearRows(); err != nil {
		return err
	}
	r.me.Epoch, r.me.Opening = wire.Epoch{}, 0
	r.lanes, r.order = map[wire.DeviceID]*lane{}, nil
	if err := r.v.Delete(bucketOutbox, []byte{0}); err != nil {
		return err
	}
	return r.me.save(r.v)
}

// takeUp issues again the own transactions that the state with which this device begins
// does not hold: those of a branch that was left.
func (r *round) takeUp() error {
	rows, err := r.v.OwnJournal()
	if err != nil || len(rows) == 0 {
		return err
	}
	sealed, err := loadSealed(r.v, r.me.Device)
	if err != nil {
		return err
	}
	var own []*unsealedTx
	for _, row := range rows {
		moved := row
		if moved.State = view.Local; sealed.Has(row.Number) {
			moved.State = view.Sealed
		}
		if moved.State != row.State {
			if err := r.v.SetJournal(moved); err != nil {
				return err
			}
		}
		if moved.State == view.Sealed || row.Ordered {
			continue
		}
		u := &unsealedTx{row: moved}
		if u.tx, err = merge.DecodeTransaction(row.Tx); err != nil {
			return fmt.Errorf("local store: journal: %w", err)
		}
		u.tx.Time, u.tx.Before = max(u.tx.Time, u.tx.Before), 0
		var p parked
		if _, err := getValue(r.v, bucketMoved, row.ID[:], &p); err != nil {
			return err
		}
		u.needs = p.Needs
		own = append(own, u)
	}
	if err := clearBucket(r.v, bucketMoved, nil); err != nil {
		return err
	}
	r.clock.Number = max(r.clock.Number, sealed.Max())
	if err := r.reissue(own); err != nil {
		return err
	}
	return r.layOrdered()
}
