package space

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/espace-git/espace-git/chain"
	"github.com/espace-git/espace-git/internal/wire"
	"github.com/espace-git/espace-git/membership"
	"github.com/espace-git/espace-git/merge"
	"github.com/espace-git/espace-git/view"
)

// Entries of others that a seal left out don't exist for anybody (DESIGN 5): their
// author, when it comes back, issues them again. Until then who has them keeps their
// values here, and any member may adopt what an author never comes back for. What
// went wrong in a lane by its own content is kept the same way: nothing disappears
// silently (DESIGN 2, promise 5).

// bucketAside: SHA-256 of device ‖ transaction, cut to 16 bytes → asideTx.
const bucketAside = "aside"

// asideTx is a transaction, or an entry that is none, that a lane had beyond what
// counts of it.
type asideTx struct {
	_      struct{} `cbor:",toarray"`
	Device wire.DeviceID
	Member wire.MemberID
	Epoch  uint64
	Reason string
	Tx     []byte // encoded; empty if the entry does not open
}

// asideKey: an author chooses the IDs of its transactions, and must not reach what
// is another's.
func asideKey(d wire.DeviceID, id [16]byte) []byte {
	sum := wire.Sum(slices.Concat([]byte("aside"), d[:], id[:]))
	return sum[:16]
}

// maxAside bounds what is kept of one lane at one seal. What lies beyond is counted.
const maxAside = 10_000

// longerLane is a lane of which this device has verified more than may count, read
// before the epoch's reading state goes.
type longerLane struct {
	lane    *lane
	entries [][]byte // all of the lane
}

// beyondCut reads the lanes that are longer than what will count of them.
func (f *following) beyondCut() (out []longerLane, err error) {
	r := f.r
	for _, id := range slices.Clone(r.order) {
		l := r.lanes[id]
		head, _ := f.next.Cut.Lane(id)
		if id == r.me.Device || l.reader.Head().Len <= head.Len && l.SetAside == "" {
			continue
		}
		entries, err := r.wholeLane(l)
		if err != nil {
			r.warn("what %s wrote beyond the cut can't be read: %v", r.deviceName(id), err)
			continue
		}
		out = append(out, longerLane{l, entries})
	}
	return out, nil
}

// wholeLane reads a lane from git again, from its first entry.
func (r *round) wholeLane(l *lane) ([][]byte, error) {
	tip := r.tips[r.s.refs.Lane(r.epoch(), l.device.ID)]
	commits, err := r.s.repo.Commits(known(tip), nil, maxCommits)
	if err != nil {
		return nil, err
	}
	pieces, _, _ := r.readPieces(l, commits)
	entries, _ := chain.NewLaneReader(r.s.id, r.epoch().O, l.device.Key).Read(pieces)
	return entries, nil
}

// setBeyond keeps what does not count. It is called when the view holds exactly what
// does, and before the epoch is left: its secret opens the entries.
func (f *following) setBeyond(list []longerLane) error {
	for _, b := range list {
		if err := f.setLaneBeyond(b); err != nil {
			return err
		}
	}
	return nil
}

func (f *following) setLaneBeyond(b longerLane) error {
	r, id := f.r, b.lane.device.ID
	counts, why := uint64(0), "it lies beyond the cut of the seal"
	if l := r.lanes[id]; l != nil {
		counts = l.log.Len()
	}
	switch head, _ := f.next.Cut.Lane(id); {
	case b.lane.SetAside != "":
		why = "its lane was set aside: " + b.lane.SetAside
	case counts < head.Len:
		why = "what it depends on was cut off"
	case !f.writesOn(id):
		why = "it lies beyond the cut, and its author was removed or may no longer write"
	}
	kept := 0
	for i := counts; i < uint64(len(b.entries)); i++ {
		e, err := r.openAt(b.lane, i, b.entries[i])
		if err != nil {
			if err := f.setTxAside(b.lane.device, fmt.Sprintf("%s; entry %d does not open", why, i), entryID(r.epoch().O, i), nil); err != nil {
				return err
			}
			continue
		}
		for j := range e.Transactions {
			if kept++; kept > maxAside {
				continue
			}
			tx := &e.Transactions[j]
			raw, err := merge.EncodeTransaction(tx)
			if err != nil {
				return err
			}
			if err := f.setTxAside(b.lane.device, why, tx.ID, raw); err != nil {
				return err
			}
		}
	}
	if kept > 0 {
		r.warn("%d writes of %s in epoch %d do not count (%s): `espace-git set-aside`", kept, r.deviceName(id), r.me.Epoch.Number, firstLine(why))
	}
	if kept > maxAside {
		r.warn("of these only the first %d are kept", maxAside)
	}
	return nil
}

// writesOn: the author of a lane may write in the epoch to come, so that it can issue
// again what was cut off.
func (f *following) writesOn(id wire.DeviceID) bool {
	after, ok := f.r.roster().At(f.next.At)
	return ok && after.MayWriteLane(id)
}

// entryID names an entry that holds no transaction that could be read.
func entryID(o wire.Hash, index uint64) (id [16]byte) {
	sum := wire.Sum(slices.Concat(o[:], wire.U64(index)))
	copy(id[:], sum[:])
	return id
}

func (f *following) setTxAside(d membership.Device, why string, id [16]byte, raw []byte) error {
	a := asideTx{Device: d.ID, Member: d.Member, Epoch: f.r.me.Epoch.Number, Reason: why, Tx: raw}
	key := asideKey(d.ID, id)
	if tx, err := merge.DecodeTransaction(raw); err == nil {
		if err := keepAbout(f.r.v, key, tx, nil, nil); err != nil {
			return err
		}
	}
	return putValue(f.r.v, bucketAside, key, a)
}

// cameBack: a transaction has effect. If its author issued it again, or somebody
// adopted it, it is not set aside any more. An adopted one keeps the ID of the write
// that it was made of.
func (r *round) cameBack(author wire.DeviceID, tx *merge.Transaction) error {
	switch {
	case tx.Action == adoptAction:
		for pair, err := range r.v.Each(bucketAside, nil) {
			if err != nil {
				return err
			}
			var a asideTx
			if err := wire.UnmarshalCBOR(pair.Value, &a); err != nil {
				return fmt.Errorf("local store: set aside: %w", err)
			}
			if a.id() == tx.ID {
				if err := forgetKept(r.v, bucketAside, pair.Key); err != nil {
					return err
				}
			}
		}
		return nil
	case tx.Marked():
		return forgetKept(r.v, bucketAside, asideKey(author, tx.ID))
	}
	return nil
}

// id of the transaction; zero of an entry that does not open.
func (a *asideTx) id() (id [16]byte) {
	if tx, err := merge.DecodeTransaction(a.Tx); err == nil {
		id = tx.ID
	}
	return id
}

// SetAside is a write of another device that does not count: it lies beyond the cut
// of a seal, or in a lane that ended by its own content.
type SetAside struct {
	ID     string          `json:"id"`
	Member string          `json:"member"` // who wrote it: ID
	Name   string          `json:"name"`   // and name
	Device string          `json:"device"`
	Epoch  uint64          `json:"epoch"`          // in which it was written
	Time   time.Time       `json:"time,omitzero"`  // when, as its author claims
	Back   bool            `json:"back,omitempty"` // its author has written since, and has not issued it again
	Reason string          `json:"reason"`
	Open   bool            `json:"open"`   // the lane ended in this epoch: what follows is not known to be lost
	Values []ConflictValue `json:"values"` // what it would write; empty if it does not open
}

// SetAside lists what others wrote and does not count, oldest first, until it is
// adopted, dismissed, or issued again by its author.
func (s *Space) SetAside(ctx context.Context) ([]SetAside, error) {
	out := []SetAside{}
	err := s.look(ctx, func(r *round) error {
		wrote, now := map[wire.DeviceID]bool{}, &namer{v: r.v}
		for l, err := range laneStates(r.v, r.epoch().O) {
			if err != nil {
				return err
			}
			wrote[l.device.ID] = l.log.Len() > 0
			if l.SetAside != "" {
				out = append(out, r.endedLane(l))
			}
		}
		for pair, err := range r.v.Each(bucketAside, nil) {
			if err != nil {
				return err
			}
			a, err := r.showAside(pair.Key, pair.Value, now)
			if err != nil {
				return err
			}
			id, _ := wire.ParseDeviceID(a.Device)
			a.Back = wrote[id]
			out = append(out, a)
		}
		return now.err
	})
	slices.SortStableFunc(out, func(a, b SetAside) int { return cmp.Or(cmp.Compare(a.Epoch, b.Epoch), a.Time.Compare(b.Time)) })
	return out, err
}

// endedLane tells of a lane of the open epoch that ended by its own content.
func (r *round) endedLane(l *lane) SetAside {
	d, _ := r.roster().Device(l.device.ID)
	key := asideKey(l.device.ID, entryID(r.epoch().O, l.log.Len()))
	return SetAside{
		ID: wire.Short([16]byte(key)), Member: d.Member.String(), Name: memberName(r.v, d.Member), Device: d.ID.String(),
		Epoch: r.epoch().Number, Reason: l.SetAside, Open: true, Values: []ConflictValue{},
	}
}

func (r *round) showAside(key, stored []byte, now *namer) (SetAside, error) {
	var a asideTx
	if err := wire.UnmarshalCBOR(stored, &a); err != nil {
		return SetAside{}, fmt.Errorf("local store: set aside: %w", err)
	}
	out := SetAside{
		ID: wire.Short([16]byte(key)), Member: a.Member.String(), Name: memberName(r.v, a.Member), Device: a.Device.String(),
		Epoch: a.Epoch, Reason: a.Reason, Values: []ConflictValue{},
	}
	if len(a.Tx) == 0 {
		return out, nil
	}
	tx, err := merge.DecodeTransaction(a.Tx)
	if err != nil {
		return out, fmt.Errorf("local store: set aside: %w", err)
	}
	out.Time = time.UnixMilli(merge.Millis(max(tx.Before, tx.Time))).UTC()
	show, err := newKeptWrite(r.v, key, a.Device, tx, now)
	if err != nil {
		return out, err
	}
	for i := range tx.Ops {
		out.Values = append(out.Values, show.op(&tx.Ops[i])...)
	}
	return out, nil
}

// adoptAction is the action name of an adopted write: so everybody is told that its
// values are another's. No schema may call an action so.
const adoptAction = "adopt"

// Adopt makes the values of a write that was set aside an own write, for an author
// that does not come back. It is told as adopted, with the same transaction ID, so
// that nobody else adopts it again.
func (s *Space) Adopt(ctx context.Context, id string) (Receipt, error) {
	return s.Write(ctx, func(tx *Tx) error {
		key, a, err := findAside(tx.v, id)
		if err != nil {
			return err
		}
		if len(a.Tx) == 0 {
			return usage("%s holds nothing that could be read", id)
		}
		theirs, err := merge.DecodeTransaction(a.Tx)
		if err != nil {
			return fmt.Errorf("local store: set aside: %w", err)
		}
		show, err := newKeptWrite(tx.v, key, a.Device, theirs, &namer{v: tx.v})
		if err != nil {
			return err
		}
		if err := tx.redo(show, theirs.Ops); err != nil {
			return fmt.Errorf("adopting %s: %w", id, err)
		}
		tx.action = adoptAction
		if _, err := tx.v.Journal(theirs.ID); errors.Is(err, view.ErrNotFound) {
			tx.id = theirs.ID
		} else if err != nil {
			return err
		}
		return forgetKept(tx.v, bucketAside, key)
	})
}

func findAside(v *view.Tx, id string) (key []byte, a asideTx, err error) {
	short, err := wire.ParseShort(id)
	if err != nil {
		return nil, a, notFound("nothing is set aside as %q", id)
	}
	ok, err := getValue(v, bucketAside, short[:], &a)
	if err == nil && !ok {
		err = notFound("nothing is set aside as %q", id)
	}
	return short[:], a, err
}

// DismissSetAside forgets what was set aside, with its values; "all" forgets all. A
// lane that ended in the open epoch stays until that is sealed.
func (s *Space) DismissSetAside(ctx context.Context, id string) error {
	return classify(s.db.Update(ctx, func(v *view.Tx) error {
		if id == "all" {
			return forgetAllKept(v, bucketAside)
		}
		key, _, err := findAside(v, id)
		if err != nil {
			return err
		}
		return forgetKept(v, bucketAside, key)
	}))
}

// countKept says in a status how much was not lost silently.
func (r *round) countKept(st *Status) error {
	count := func(bucket string) (n int, err error) {
		for _, err := range r.v.Each(bucket, nil) {
			if err != nil {
				return n, err
			}
			n++
		}
		return n, nil
	}
	var errs [3]error
	st.Parked, errs[0] = count(bucketParked)
	st.Conflicts, errs[1] = count(bucketConflict)
	st.SetAside, errs[2] = count(bucketAside)
	return errors.Join(errs[:]...)
}
