package space

import (
	"bytes"
	"errors"
	"fmt"
	"path"
	"slices"

	"github.com/espace-git/espace-git/chain"
	"github.com/espace-git/espace-git/gitstore"
	"github.com/espace-git/espace-git/internal/wire"
	"github.com/espace-git/espace-git/membership"
	"github.com/espace-git/espace-git/merge"
	"github.com/espace-git/espace-git/seal"
	"github.com/espace-git/espace-git/view"
)

const (
	// entryBytes is about how many bytes of transactions go into one entry: few
	// enough to keep memory small, many enough to compress well.
	entryBytes = 4 << 20
	// pushBytes bounds what one commit carries (DESIGN 11: a push is 64 MiB).
	pushBytes = wire.MaxPush / 2
)

// outbox is what was signed and is not known to be on the host. It is stored
// before it is pushed and repeated byte for byte, so that a push whose answer got
// lost can't make two entries of one (DESIGN 7).
type outbox struct {
	_       struct{} `cbor:",toarray"`
	From    uint64   // index of the first entry
	Entries [][]byte // as stored
	Ledger  wire.Position
	Count   int // transactions in them
}

// laneUpdate is the commit with everything that waits, or nothing: a device that
// has not been witnessed, or whose own lane was seen longer than the host shows
// it, signs nothing.
func (r *round) laneUpdate(b *gitstore.Batch, host map[string]wire.ObjectID) (gitstore.RefUpdate, error) {
	l := r.lanes[r.me.Device]
	if ok, err := r.maySign(l); !ok || err != nil {
		return gitstore.RefUpdate{}, err
	}
	out, err := r.loadOutbox(l)
	if err != nil || len(out.Entries) == 0 {
		return gitstore.RefUpdate{}, err
	}
	ref := r.s.refs.Lane(r.epoch(), r.me.Device)
	log := l.reader.Log()
	files := make([]gitstore.TreeEntry, len(out.Entries))
	for i, e := range out.Entries {
		log.Append(e)
		files[i] = gitstore.TreeEntry{Name: path.Base(chain.EntryPath(out.From + uint64(i))), Mode: gitstore.ModeFile, ID: b.Blob(e)}
	}
	tree := b.Tree([]gitstore.TreeEntry{{Name: "entries", Mode: gitstore.ModeDir, ID: b.Tree(files)}})
	head := log.Head()
	msg := r.message(chain.Lane)
	msg.Ledger, msg.Log = &out.Ledger, &head
	id, err := r.commit(b, ref, host[ref], tree, msg)
	return gitstore.RefUpdate{Name: ref, Old: host[ref], New: id}, err
}

func (r *round) maySign(l *lane) (bool, error) {
	switch {
	case l == nil || r.me.Role == "":
		return false, nil
	case r.behind():
		return false, nil
	case r.hidden != "":
		return false, nil
	case r.ownLaneShort(l) > 0:
		r.warn("others have seen %d entries of this device's own lane, the host shows %d: nothing is signed until it shows them all", r.ownShort, l.reader.Head().Len)
		return false, nil
	case l.SetAside != "" || len(l.pending) > 0:
		r.warn("this device's own lane can't go on: %s%s", l.SetAside, l.blocked)
		return false, nil
	case len(r.roster().Lacks()) > 0:
		r.warn("upgrade needed: this space requires %v", r.roster().Lacks())
		return false, nil
	}
	ok, err := r.wasWitnessed(l)
	if !ok && err == nil {
		r.warn("waiting for a witness: no device of the inviter or an owner has confirmed this one yet; writes stay here until then")
	}
	return ok, err
}

// ownLaneShort looks at what is held, too: behind an entry that waits for something
// else may stand one that has seen more of the own lane than the host shows.
func (r *round) ownLaneShort(own *lane) uint64 {
	for _, l := range r.lanes {
		for i, stored := range l.pending {
			e, err := r.openAt(l, l.log.Len()+uint64(i), stored)
			if err != nil {
				break // nothing after it counts
			}
			if seen, ok := findSeen(e.Seen, own.device.ID); ok && seen.Len > own.reader.Head().Len {
				r.ownShort = max(r.ownShort, seen.Len)
			}
		}
	}
	return r.ownShort
}

// loadOutbox is what was signed before, or else what the journal has waiting.
func (r *round) loadOutbox(l *lane) (*outbox, error) {
	out := new(outbox)
	if _, err := getValue(r.v, bucketOutbox, []byte{0}, out); err != nil {
		return nil, err
	}
	if len(out.Entries) > 0 && out.From == l.log.Len() {
		return out, nil
	}
	// Entries that the host shows already were applied by reading the own lane.
	out, err := r.signJournal(l)
	if err != nil || len(out.Entries) == 0 {
		return out, err
	}
	return out, putValue(r.v, bucketOutbox, []byte{0}, out)
}

// signJournal makes entries of the transactions that wait: one for each run of
// them that had seen the same, since an entry says once what its author had seen.
func (r *round) signJournal(l *lane) (*outbox, error) {
	rows, err := r.v.PendingJournal(pushBytes)
	if err != nil {
		return nil, err
	}
	if rows, err = r.withChunks(rows); err != nil {
		return nil, err
	}
	out := &outbox{From: l.log.Len()}
	seen := l.Seen
	endorses, err := r.endorsement(l, len(rows))
	if err != nil {
		return nil, err
	}
	if endorses != nil && len(rows) == 0 {
		return out, r.signEntry(out, &merge.LaneEntry{Ledger: r.roster().Head(), Seen: nil, Endorses: endorses}, l)
	}
	st, err := r.newSettling(l)
	if err != nil {
		return nil, err
	}
	for len(rows) > 0 {
		n := run(rows)
		saw, err := r.seenAt(rows[0].SeenVersion)
		if err != nil {
			return nil, err
		}
		e := merge.LaneEntry{Ledger: later(saw.Ledger, out.Ledger, l.Ledger), Seen: newer(seen, saw.Lanes), Endorses: endorses}
		endorses = nil
		for _, row := range rows[:n] {
			tx, err := st.settle(row)
			if err != nil {
				return nil, err
			}
			e.Transactions = append(e.Transactions, *tx)
		}
		if err := r.signEntry(out, &e, l); err != nil {
			return nil, err
		}
		out.Count += n
		seen, rows = mergeSeen(seen, e.Seen), rows[n:]
	}
	return out, nil
}

func (r *round) signEntry(out *outbox, e *merge.LaneEntry, l *lane) error {
	sealed, err := r.sealEntry(e, l, out.From+uint64(len(out.Entries)))
	if err != nil {
		return err
	}
	out.Entries, out.Ledger = append(out.Entries, sealed), e.Ledger
	return nil
}

// endorsement is what the first entry of the own lane in an epoch says of the state
// that it started with; nil if there is nothing to say now.
func (r *round) endorsement(l *lane, waiting int) (*wire.Hash, error) {
	if l.log.Len() > 0 {
		return nil, nil
	}
	digest, now, err := r.endorses()
	if err != nil || waiting == 0 && !now {
		return nil, err
	}
	return digest, nil
}

// run is how many of the first rows go into one entry.
func run(rows []view.JournalRow) int {
	size := 0
	for i, row := range rows {
		size += len(row.Tx)
		if i > 0 && (row.SeenVersion != rows[0].SeenVersion || size > entryBytes) {
			return i
		}
	}
	return len(rows)
}

func (r *round) seenAt(version uint64) (seenState, error) {
	var st seenState
	ok, err := getValue(r.v, bucketSeen, wire.U64(version), &st)
	if err == nil && !ok {
		err = fmt.Errorf("local store: what was seen at version %d is missing", version)
	}
	return st, err
}

// newer is the part of a vector that goes beyond what the lane has said before.
func newer(said, now []merge.Seen) []merge.Seen {
	var out []merge.Seen
	for _, s := range now {
		if old, ok := findSeen(said, s.Device); !ok || s.Len > old.Len {
			out = append(out, s)
		}
	}
	return out
}

func later(places ...wire.Position) wire.Position {
	return slices.MaxFunc(places, func(a, b wire.Position) int { return int(int64(a.Number) - int64(b.Number)) })
}

// settling goes through the journal in order while it is signed.
type settling struct {
	r      *round
	sealed merge.Ranges // numbers that count already
	used   merge.Ranges // and in this epoch
	last   uint64       // the last number given
	moved  []restamp
}

type restamp struct{ old, settled merge.Stamp }

func (r *round) newSettling(l *lane) (*settling, error) {
	sealed, err := loadSealed(r.v, r.me.Device)
	if err != nil {
		return nil, err
	}
	ordered, err := r.orderedNumbers(r.me.Device)
	used := l.Used.Union(ordered)
	return &settling{r: r, sealed: sealed, used: used, last: max(sealed.Max(), used.Max())}, err
}

// settle decodes a transaction of the journal. Its number and time were settled
// when it was written, and one that is issued again keeps both. Only where the own
// lane turned out to be longer (a backup was restored, an own device's copy came
// back) it gets new ones, above, and what was written after it is told.
func (st *settling) settle(row view.JournalRow) (*merge.Transaction, error) {
	tx, moved, err := st.number(row)
	if err != nil || !moved {
		return tx, err
	}
	if edits(tx) { // else another's may have the number
		if err := st.r.v.Withdraw(st.r.me.Device, row.Number); err != nil {
			return nil, err
		}
	}
	return tx, st.store(row, tx)
}

// number is a transaction of the journal with the number and time that it is signed
// with; moved says that they are new.
func (st *settling) number(row view.JournalRow) (tx *merge.Transaction, moved bool, err error) {
	if tx, err = merge.DecodeTransaction(row.Tx); err != nil {
		return nil, false, fmt.Errorf("local store: journal: %w", err)
	}
	if tx.Marked() && merge.NumberCounts(tx.Number, st.sealed, st.used) {
		return tx, false, nil
	}
	if tx.Number > st.last && len(st.moved) == 0 {
		st.last = tx.Number
		return tx, false, nil
	}
	r, old := st.r, tx.Stamp(st.r.me.Device)
	r.clock.Number = max(r.clock.Number, st.last)
	t, err := r.clock.tick(r.now, r.me.Opening)
	if err != nil {
		return nil, false, err
	}
	if !tx.Marked() { // what is issued again keeps the times that it had
		tx.Time = t
	}
	tx.Number, st.last = r.clock.Number, r.clock.Number
	for _, m := range st.moved {
		resettle(r.v, tx, m)
	}
	st.moved = append(st.moved, restamp{old, tx.Stamp(r.me.Device)})
	return tx, true, nil
}

func (st *settling) store(row view.JournalRow, tx *merge.Transaction) (err error) {
	r := st.r
	if row.Tx, err = merge.EncodeTransaction(tx); err != nil {
		return err
	}
	row.Number, row.Time = tx.Number, tx.Time
	if err := r.v.SetJournal(row); err != nil {
		return err
	}
	if _, err := r.v.Apply(r.me.Device, r.me.Member, tx.Stamp(r.me.Device), tx.Ops); err != nil {
		return err
	}
	return r.clock.save(r.v)
}

func (r *round) sealEntry(e *merge.LaneEntry, l *lane, index uint64) ([]byte, error) {
	plain, err := merge.EncodeEntry(e)
	if err != nil {
		return nil, err
	}
	dev := wire.DeviceKeyHash(l.device.Key)
	o := r.epoch().O
	return r.secret.LaneKey(o, dev).Seal(r.s.opts.Rand, seal.LaneAD(o, dev, index), plain, wire.MinContent)
}

// ownCame: a transaction of this device stands on the host. done if the journal
// has it, so that it is folded already.
func (r *round) ownCame(tx *merge.Transaction, refused string) (done bool, err error) {
	row, err := r.v.Journal(tx.ID)
	r.clock.Number = max(r.clock.Number, tx.Number)
	switch {
	case errors.Is(err, view.ErrNotFound):
		return false, errors.Join(r.setWaitingBack(), r.adopt(tx))
	case err != nil:
		return false, err
	case refused != "" && (row.State == view.Pushed || row.State == view.Witnessed || row.State == view.Sealed):
		return true, nil // it came twice, and counts once
	case refused != "":
		// It took effect here when it was written, and nowhere else. What waits may
		// build on it.
		if err := r.setWaitingBack(); err != nil {
			return false, err
		}
		r.stale = true
		r.res.Refused++
		return true, r.ownRefused(row, tx, refused)
	}
	if came, err := merge.EncodeTransaction(tx); err != nil || !bytes.Equal(came, row.Tx) {
		// It was given another number since: what stands on the host counts.
		if err := errors.Join(err, r.setWaitingBack()); err != nil {
			return false, err
		}
		if row.State == view.Local {
			row.Number, row.Time, row.Tx = tx.Number, tx.Time, came
			if err := r.v.SetJournal(row); err != nil {
				return false, err
			}
		}
		if _, err := r.v.Apply(r.me.Device, r.me.Member, tx.Stamp(r.me.Device), tx.Ops); err != nil {
			return false, err
		}
	}
	r.noteBehind(tx)
	return true, r.ownState(tx, view.Pushed, "")
}

func (r *round) ownState(tx *merge.Transaction, state view.State, reason string) error {
	if err := r.v.SetJournalState(tx.ID, state, reason); err != nil {
		return err
	}
	return r.v.SetLogState(r.me.Device, tx.Number, tx.Number, state, reason)
}

// adopt takes an own transaction that this device has forgotten, because its
// store was restored from a backup, back into the journal.
func (r *round) adopt(tx *merge.Transaction) error {
	raw, err := merge.EncodeTransaction(tx)
	if err != nil {
		return err
	}
	_, err = r.v.AppendJournal(view.JournalRow{ID: tx.ID, Number: tx.Number, Time: tx.Time, State: view.Pushed, Tx: raw})
	return err
}

// message is what every commit of this device says about itself.
func (r *round) message(kind chain.Kind) chain.Message { return r.messageIn(kind, r.epoch()) }

func (r *round) messageIn(kind chain.Kind, e wire.Epoch) chain.Message {
	m := chain.Message{Kind: kind, Space: r.s.id, Epoch: e.O, Device: r.me.Device}
	if kind != chain.Ledger {
		head := r.roster().Head()
		m.Ledger = &head
	}
	return m
}

// commit signs a commit on what the host shows, whatever lies there: a foreign
// commit blocks nobody.
func (r *round) commit(b *gitstore.Batch, ref string, parent, tree wire.ObjectID, m chain.Message) (wire.ObjectID, error) {
	c := chain.Commit{Tree: tree, Message: m}
	var before int64
	if !parent.IsZero() {
		raw, err := r.s.repo.CommitBytes(parent)
		if err == nil {
			c.Parents, before = []wire.ObjectID{parent}, gitstore.CommitTime(raw)
		} else if parent == r.tips[ref] {
			// It was a commit when it was verified. Without it as parent this commit
			// would take back what others have read.
			return wire.ObjectID{}, fmt.Errorf("signing %s: the local repository is damaged: %w", ref, err)
		}
	}
	c.Time = chain.TimeAfter(r.now.Unix(), before)
	raw, err := chain.Sign(c, r.s.keys.Device())
	if err != nil {
		return wire.ObjectID{}, fmt.Errorf("signing %s: %w", ref, err)
	}
	return b.Commit(raw), nil
}

// ledgerTree is the tree of `main`: a README for people, and every entry.
func ledgerTree(b *gitstore.Batch, envelopes [][]byte) wire.ObjectID {
	var dirs, files []gitstore.TreeEntry
	for i, e := range envelopes {
		name := membership.Path(uint64(i))
		files = append(files, gitstore.TreeEntry{Name: path.Base(name), Mode: gitstore.ModeFile, ID: b.Blob(e)})
		if i+1 == len(envelopes) || path.Dir(membership.Path(uint64(i+1))) != path.Dir(name) {
			dirs = append(dirs, gitstore.TreeEntry{Name: path.Base(path.Dir(name)), Mode: gitstore.ModeDir, ID: b.Tree(files)})
			files = nil
		}
	}
	return b.Tree([]gitstore.TreeEntry{
		{Name: "README.md", Mode: gitstore.ModeFile, ID: b.Blob([]byte(hostReadme))},
		{Name: "ledger", Mode: gitstore.ModeDir, ID: b.Tree(dirs)},
	})
}

// hostReadme is what people see who look at the repository on its host.
const hostReadme = `# An encrypted space

This repository holds an end-to-end-encrypted space. The host stores it and can
read none of it: neither names nor contents.

To use it you need a join link from a member, and the program ` + "`espace-git`" + `.
Changes made here by hand have no effect, and members will notice them.
`
