package space

import (
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

// keepRivals stores the valid entries of other branches, until somebody settles it.
func (r *round) keepRivals(offered [][]byte) error {
	if err := r.forgetRivals(); err != nil || r.roster() == nil || len(offered) == 0 {
		return err
	}
	if r.branches = r.roster().Rivals(offered); len(r.branches) > 0 {
		r.tellFork(offered)
	}
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

const hintForks = "the ledger has two branches; `espace-git fork show` tells who did what on each"

// tellFork points to what the user can do.
func (r *round) tellFork(offered [][]byte) {
	if moves, _ := r.roster().Follow(offered); len(moves) > 0 {
		m := moves[len(moves)-1]
		r.warn("%s has resolved the fork of the ledger in favour of another branch (entry %d): `espace-git fork follow` shows what would go, and asks",
			r.deviceName(m.Resolve.Author), m.Resolve.Number)
		return
	}
	r.warn(hintForks)
}

// bringLedger puts this device's branch beside the one that the host shows: a commit
// on top of that, whose tree has the own entries. So both lie among the ancestors, for
// everybody to read, and nobody takes back what others signed.
//
// The same one at most once a minute: a host that goes on taking it away must not make
// this device sign and push without end.
func (r *round) bringLedger(b *gitstore.Batch, shown wire.ObjectID) (gitstore.RefUpdate, error) {
	if again, err := r.broughtNow(); again || err != nil {
		return gitstore.RefUpdate{}, err
	}
	r.warn("%s: putting this device's branch of the ledger beside the one that the host shows", r.s.refs.Ledger)
	ref := r.s.refs.Ledger
	first := r.ledger.len()
	for _, branch := range r.branches {
		first = min(first, int(branch.Entries[0].Number))
	}
	id, err := r.commit(b, ref, shown, ledgerTree(b, r.ledger.envelopes), r.ledgerMessage(first))
	return gitstore.RefUpdate{Name: ref, Old: shown, New: id}, err
}

// broughtAt is when, by the own clock, a branch that ends there was brought to the host.
type broughtAt struct {
	_      struct{} `cbor:",toarray"`
	Head   wire.Hash
	Millis int64
}

func (r *round) broughtNow() (again bool, err error) {
	var last broughtAt
	if _, err := getValue(r.v, bucketMeta, []byte("brought"), &last); err != nil {
		return false, err
	}
	now := broughtAt{Head: r.roster().Head().Hash, Millis: r.now.UnixMilli()}
	gap := now.Millis - last.Millis
	if last.Head == now.Head && gap >= 0 && gap < time.Minute.Milliseconds() {
		return true, nil
	}
	return false, putValue(r.v, bucketMeta, []byte("brought"), now)
}

// move exchanges the ledger. In an epoch that both branches share, the seal that
// resolved the fork is then followed like any other; one that was opened on the branch
// that goes is left, and this device begins anew with the state of the open one.
func (r *round) move(m membership.Move, all [][]byte) error {
	stays := false
	if o, ok := r.roster().OpeningOf(r.me.Epoch.Number); ok && r.started() {
		stays = o.At <= m.From
	}
	if !stays {
		if err := r.keepNeeds(); err != nil {
			return err
		}
	}
	if err := r.exchangeLedger(m, all); err != nil {
		return err
	}
	if !stays {
		if err := r.beginAnew(); err != nil {
			return err
		}
	}
	return r.standing(0)
}

func (r *round) exchangeLedger(m membership.Move, all [][]byte) error {
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
	got := m.Roster.Read(all) // what stands on it already
	r.ledger.take(got.Roster, got.Accepted)
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
	if err := r.unlogLedger(m.From); err != nil {
		return err
	}
	var err error
	if r.schemas, err = loadSchemas(r.v); err != nil {
		return err
	}
	if err := r.useSchema(m.From); err != nil {
		return err
	}
	return r.keepRivals(all) // of a branch that was left by choice alone, an owner may still tell
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
	docs, names := oldDocuments{}, &namer{v: r.v}
	for _, row := range rows {
		if row.Ordered {
			continue
		}
		u := &unsealedTx{row: row}
		if u.tx, err = merge.DecodeTransaction(row.Tx); err != nil {
			return fmt.Errorf("local store: journal: %w", err)
		}
		if err := r.lookAround(u, docs, names); err != nil {
			return err
		}
		if err := u.docs.save(r.v, row.ID, u.tx); err != nil {
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
	if err := r.relog(); err != nil {
		return err
	}
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
		if u.docs, err = savedDocuments(r.v, row.ID); err != nil {
			return err
		}
		if err := forgetDocuments(r.v, row.ID); err != nil {
			return err
		}
		own = append(own, u)
	}
	if err := clearBucket(r.v, bucketMoved, nil); err != nil {
		return err
	}
	r.clock.Number = max(r.clock.Number, sealed.Max())
	if err := r.reissue(own, oldDocuments{}); err != nil {
		return err
	}
	return r.layOrdered()
}
