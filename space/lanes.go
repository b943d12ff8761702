package space

import (
	"errors"
	"fmt"
	"iter"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/espace-git/espace-git/chain"
	"github.com/espace-git/espace-git/gitstore"
	"github.com/espace-git/espace-git/internal/wire"
	"github.com/espace-git/espace-git/membership"
	"github.com/espace-git/espace-git/merge"
	"github.com/espace-git/espace-git/view"
)

// laneState is how far a lane has been read. Verified and applied differ while an
// entry is held for something that it depends on.
type laneState struct {
	_        struct{}      `cbor:",toarray"`
	Applied  []byte        // chain.Log over the entries that were applied
	Ledger   wire.Position // of the last applied entry
	Seen     []merge.Seen  // of the last applied entry, whole; devices ascending
	Past     uint64        // greatest time with effect in the causal past of the next entry
	Bytes    uint64        // of the applied entries, as stored
	Used     merge.Ranges  // the numbers of its transactions, those without effect too
	SetAside string        // why nothing after the applied entries counts; empty: all is well
}

// headState is what others may refer to: the lane after some of its entries.
type headState struct {
	_    struct{} `cbor:",toarray"`
	Root wire.Hash
	Past uint64 // greatest time with effect in these entries and their causal past
}

func laneKey(o wire.Hash, d wire.DeviceID) []byte { return slices.Concat(o[:], d[:]) }

func headKey(o wire.Hash, d wire.DeviceID, n uint64) []byte {
	return slices.Concat(o[:], d[:], wire.U64(n))
}

// lane is a lane while it is read.
type lane struct {
	laneState
	device  membership.Device
	reader  *chain.LaneReader // verified
	log     *chain.Log        // applied
	pending [][]byte          // verified entries after the applied ones, as stored
	limit   uint64            // where a seal ends it
	sealed  *merge.Ranges     // numbers of its device that earlier epochs hold, once they were needed
	changed bool
	blocked string // what the next entry waits for
}

// loadLane reads what the store knows of a lane. A reader whose stored state is
// not understood begins anew from git: what it verifies again is the same.
func (r *round) loadLane(d membership.Device) (*lane, error) {
	o := r.epoch().O
	l := &lane{device: d, log: new(chain.Log), reader: chain.NewLaneReader(r.s.id, o, d.Key), limit: math.MaxUint64}
	ok, err := getValue(r.v, bucketLane, laneKey(o, d.ID), &l.laneState)
	if err != nil || !ok {
		return l, err
	}
	state, _, err := r.v.Get(bucketReader, laneKey(o, d.ID))
	if err != nil {
		return nil, err
	}
	page := func(n uint64) []byte {
		b, _, _ := r.v.Get(bucketPage, headKey(o, d.ID, n))
		return b
	}
	if l.reader, err = chain.RestoreLane(r.s.id, o, d.Key, state, page); err != nil {
		return nil, fmt.Errorf("local store: lane %s: %w (`espace-git doctor --rebuild` reads it again)", d.ID, err)
	}
	if err := l.log.UnmarshalBinary(l.Applied); err != nil {
		return nil, fmt.Errorf("local store: lane %s: %w", d.ID, err)
	}
	for held, err := range r.v.Each(bucketHeld, laneKey(o, d.ID)) {
		if err != nil {
			return nil, err
		}
		l.pending = append(l.pending, held.Value)
	}
	return l, nil
}

func (l *lane) save(v *view.Tx, o wire.Hash) (err error) {
	state, pages := l.reader.Save()
	if err := v.Put(bucketReader, laneKey(o, l.device.ID), state); err != nil {
		return err
	}
	for n, page := range pages {
		if err := v.Put(bucketPage, headKey(o, l.device.ID, n), page); err != nil {
			return err
		}
	}
	if l.Applied, err = l.log.MarshalBinary(); err != nil {
		return err
	}
	if err := l.saveHeld(v, o); err != nil {
		return err
	}
	return putValue(v, bucketLane, laneKey(o, l.device.ID), l.laneState)
}

// saveHeld keeps what was verified but not applied, and drops what was applied.
func (l *lane) saveHeld(v *view.Tx, o wire.Hash) error {
	for held, err := range v.Each(bucketHeld, laneKey(o, l.device.ID)) {
		if err != nil {
			return err
		}
		if err := v.Delete(bucketHeld, held.Key); err != nil {
			return err
		}
	}
	if l.SetAside != "" {
		return nil
	}
	for i, entry := range l.pending {
		if err := v.Put(bucketHeld, headKey(o, l.device.ID, l.log.Len()+uint64(i)), entry); err != nil {
			return err
		}
	}
	return nil
}

// appliedLanes is the vector of what was applied of the others' lanes.
func appliedLanes(v *view.Tx) ([]merge.Seen, error) {
	me, err := loadSelf(v)
	if err != nil {
		return nil, err
	}
	out, err := appliedOrder(v, me.Epoch.O)
	if err != nil {
		return nil, err
	}
	for st, err := range laneStates(v, me.Epoch.O) {
		if err != nil {
			return nil, err
		}
		if st.device.ID != me.Device && st.log.Len() > 0 {
			out = append(out, merge.Seen{Device: st.device.ID, LogHead: st.log.Head()})
		}
	}
	return out, nil
}

// laneStates goes through the lanes of an epoch as they are stored, by device.
// Of the device only the ID is set.
func laneStates(v *view.Tx, o wire.Hash) iter.Seq2[*lane, error] {
	return func(yield func(*lane, error) bool) {
		for pair, err := range v.Each(bucketLane, o[:]) {
			l := &lane{log: new(chain.Log)}
			if err == nil {
				l.device.ID = wire.DeviceID(pair.Key[len(o):])
				err = wire.UnmarshalCBOR(pair.Value, &l.laneState)
			}
			if err == nil {
				err = l.log.UnmarshalBinary(l.Applied)
			}
			if err != nil {
				err = fmt.Errorf("local store: lane %s: %w", l.device.ID, err)
			}
			if !yield(l, err) {
				return
			}
		}
	}
}

// held is how many bytes wait for something that they depend on.
func (l *lane) held() (size int) {
	for _, e := range l.pending {
		size += len(e)
	}
	return size
}

// readLane offers the commits that are new on a lane to its reader, oldest first.
// Git parents carry objects and prove nothing: what counts is what the device
// signed (DESIGN 3 "Reading a chain").
func (r *round) readLane(l *lane, ref string, tip wire.ObjectID) error {
	if tip == r.tips[ref] {
		return nil
	}
	if l.held() > wire.MaxPush {
		r.warn("%s: nothing more is read of it before what is held can be applied", ref)
		return nil
	}
	commits, stands, err := r.advance(ref, tip, "the lane of "+r.deviceName(l.device.ID))
	if err != nil {
		return err
	}
	pieces, of := r.pieces(l, ref, commits)
	accepted, outcomes := l.reader.Read(pieces)
	l.pending = append(l.pending, accepted...)
	l.changed = true
	r.res.Fetched += len(accepted)
	for i, o := range outcomes {
		if err := r.laneOutcome(l, ref, of[i], o); err != nil {
			return err
		}
	}
	if len(of) == 0 || !stands && len(accepted) == 0 {
		return nil // nothing new in it: what we have stays, and the host is put right
	}
	return r.moveTip(ref, of[len(of)-1].ID)
}

// pieces are the commits that this lane's device signed, with their entries.
func (r *round) pieces(l *lane, ref string, commits []gitstore.CommitRef) ([]chain.Piece, []gitstore.CommitRef) {
	closed := r.closings(ref, commits)
	pieces, of, junk := r.readPieces(l, commits)
	for _, j := range junk {
		if !closed { // below a closing commit lie all the others' lanes
			r.warn("%s: ignoring %s", ref, j)
		}
	}
	for _, p := range pieces {
		if err := r.place(p.Commit); err != nil {
			r.warn("%s: %v", ref, err)
		}
	}
	return pieces, of
}

func (r *round) readPieces(l *lane, commits []gitstore.CommitRef) (pieces []chain.Piece, of []gitstore.CommitRef, junk []string) {
	read := map[wire.ObjectID][]byte{}
	for _, c := range commits {
		v, err := r.laneCommit(l, c)
		var entries map[uint64][]byte
		if err == nil {
			entries, err = r.entries(c.Tree, read)
		}
		if err != nil {
			junk = append(junk, fmt.Sprintf("commit %.10s: %v", c.ID, firstLine(err.Error())))
			continue
		}
		pieces, of = append(pieces, chain.Piece{Commit: v, Entries: entries}), append(of, c)
	}
	return pieces, of, junk
}

func (r *round) laneCommit(l *lane, c gitstore.CommitRef) (chain.Verified, error) {
	return r.verified(c, chain.Lane, func(d wire.DeviceID) (membership.Device, bool) { return l.device, d == l.device.ID })
}

// entries reads the entries that a lane commit's tree adds.
// One blob may stand at many places; read keeps it, so that it is in memory once.
func (r *round) entries(tree wire.ObjectID, read map[wire.ObjectID][]byte) (map[uint64][]byte, error) {
	root, err := r.s.repo.Tree(tree)
	if err != nil {
		return nil, err
	}
	if len(root) != 1 || root[0].Name != "entries" || root[0].Mode != gitstore.ModeDir {
		return nil, errors.New("its tree is not of a lane commit's form")
	}
	files, err := r.s.repo.Tree(root[0].ID)
	if err != nil {
		return nil, err
	}
	out := make(map[uint64][]byte, len(files))
	size := 0
	for _, f := range files {
		i, err := strconv.ParseUint(f.Name, 10, 64)
		if err != nil || f.Mode != gitstore.ModeFile || chain.EntryPath(i) != "entries/"+f.Name {
			return nil, fmt.Errorf("%q is no name of an entry", f.Name)
		}
		if read[f.ID] == nil {
			if read[f.ID], err = r.s.repo.Blob(f.ID, wire.MaxEntry); err != nil {
				return nil, err
			}
		}
		out[i] = read[f.ID]
		if size += len(out[i]); size > wire.MaxPush {
			return nil, fmt.Errorf("it adds more than %d bytes of entries", wire.MaxPush)
		}
	}
	return out, nil
}

// firstLine of a reason that may hold what a stranger wrote.
func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}
