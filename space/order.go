package space

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/espace-git/espace-git/chain"
	"github.com/espace-git/espace-git/gitstore"
	"github.com/espace-git/espace-git/internal/wire"
	"github.com/espace-git/espace-git/merge"
	"github.com/espace-git/espace-git/view"
)

// The order (docs/spec/order.md): one log that all devices write, compare-and-swap.
// It is read before the lanes, since it depends on none of them and they may have
// seen it. In buckets that are kept by lane it stands under the zero device.
const (
	bucketOrder       = "order"        // O → orderState
	bucketOrderNumber = "order-number" // O ‖ device → merge.Ranges: numbers of its transactions, with effect or not
	bucketOrderAt     = "order-at"     // O ‖ device ‖ number → index of the entry that used it
	bucketOrderOwn    = "order-own"    // O ‖ index → IDs of the own transactions in the entry
	bucketOrderKnown  = "order-known"  // O → wire.LogHead that was verified: it stays when the order is read anew
	bucketOrderBase   = "order-base"   // table ‖ row → the row as the order alone has it, see orderpending.go
)

var orderDevice wire.DeviceID // the zero device stands for the order, as in merge.Seen

// orderState is how far the order has been read.
type orderState struct {
	_         struct{} `cbor:",toarray"`
	Applied   []byte   // chain.Log over the entries that were applied
	Past      uint64   // greatest time with effect
	Witnessed uint64   // how many entries another member's lane has seen
	Ahead     []aheadCommit
}

// aheadCommit stands on a ledger entry that is not here. Whether it counts can't be
// said yet: one fetch may show the order a moment later than the ledger.
type aheadCommit struct {
	_     struct{} `cbor:",toarray"`
	ID    wire.ObjectID
	Since int64 // when it was first seen, Unix ms
}

const (
	// maxAhead bounds what is remembered of commits that stand ahead.
	maxAhead = 64
	// aheadWait is how long nothing is written because of them. A signer may name
	// any entry, and must not stop the order with one that never comes.
	aheadWait = time.Hour
)

// orderLog is the order while it is read.
type orderLog struct {
	orderState
	reader *chain.OrderReader // verified
	log    *chain.Log         // applied
}

// loadOrder reads what the store knows of the open epoch's order.
func (r *round) loadOrder() (*orderLog, error) {
	o := r.epoch().O
	c := &orderLog{reader: chain.NewOrderReader(r.s.id, o, r.authored), log: new(chain.Log)}
	if ok, err := getValue(r.v, bucketOrder, o[:], &c.orderState); err != nil || !ok {
		return c, err
	}
	state, _, err := r.v.Get(bucketReader, laneKey(o, orderDevice))
	if err != nil {
		return nil, err
	}
	page := func(n uint64) []byte {
		b, _, _ := r.v.Get(bucketPage, headKey(o, orderDevice, n))
		return b
	}
	if c.reader, err = chain.RestoreOrder(r.s.id, o, r.authored, state, page); err != nil {
		return nil, fmt.Errorf("local store: %w (`espace-git doctor --rebuild` reads it again)", err)
	}
	if err := c.log.UnmarshalBinary(c.Applied); err != nil {
		return nil, fmt.Errorf("local store: order: %w", err)
	}
	return c, nil
}

func (c *orderLog) save(v *view.Tx, o wire.Hash) (err error) {
	if c.Applied, err = c.log.MarshalBinary(); err != nil {
		return err
	}
	state, pages := c.reader.Save()
	if err := v.Put(bucketReader, laneKey(o, orderDevice), state); err != nil {
		return err
	}
	if head := c.reader.Head(); head.Len > 0 {
		if err := putValue(v, bucketOrderKnown, o[:], head); err != nil {
			return err
		}
	}
	for n, page := range pages {
		if err := v.Put(bucketPage, headKey(o, orderDevice, n), page); err != nil {
			return err
		}
	}
	return putValue(v, bucketOrder, o[:], c.orderState)
}

// clearOrder forgets what was read of all orders, to read it anew, but for how far:
// of two branches it has to be the same one again. Rows are cleared with it, so there
// is nothing left to put back under those that wait.
func clearOrder(v *view.Tx) error {
	for _, bucket := range []string{bucketOrder, bucketOrderNumber, bucketOrderAt, bucketOrderOwn, bucketOrderBase} {
		if err := clearBucket(v, bucket, nil); err != nil {
			return err
		}
	}
	return nil
}

// authored: what was made for another device's place is that device's, whoever
// signs a commit with it. What opens for nobody is the signer's, and has no effect:
// so the host's hook, which opens nothing, counts the same entries.
func (r *round) authored(author wire.DeviceID, index uint64, entry []byte) bool {
	if _, err := r.openOrdered(author, index, entry); err == nil {
		return true
	}
	for _, d := range r.roster().Devices() {
		if d.ID == author {
			continue
		}
		if _, err := r.openOrdered(d.ID, index, entry); err == nil {
			return false
		}
	}
	return true
}

func (r *round) openOrdered(author wire.DeviceID, index uint64, entry []byte) ([]byte, error) {
	d, ok := r.roster().Device(author)
	if !ok {
		return nil, errors.New("no device of this space")
	}
	key, ad := r.orderKey(wire.DeviceKeyHash(d.Key), index)
	return key.Open(ad, entry, wire.MaxEntry)
}

// followOrder reads the order and applies what is new in it.
func (r *round) followOrder(ref string, tip wire.ObjectID) error {
	if r.secret.IsZero() {
		return nil // nothing of it can be opened, and nothing is forgotten: the tip stays
	}
	c, err := r.loadOrder()
	if err != nil {
		return err
	}
	var commits []gitstore.CommitRef
	stands := true
	if tip != r.tips[ref] {
		if commits, stands, err = r.advance(ref, tip, "the order"); err != nil {
			return err
		}
	}
	commits = append(r.stillAhead(c), commits...)
	if len(commits) == 0 {
		return r.splitOrder(c)
	}
	before := c.log.Len()
	read, err := r.readOrder(c, ref, commits)
	if err != nil || read.anchor.IsZero() || !stands && !read.forked && c.log.Len() == before {
		return err // nothing new in it: what we have stays, and the host is put right
	}
	// Another branch is not put right: members who verified different ones would take
	// turns at it. Both go onto the host, see joinOrder.
	return r.moveTip(ref, read.anchor)
}

// readOrder gives commits to the reader and applies what counts from now on.
func (r *round) readOrder(c *orderLog, ref string, commits []gitstore.CommitRef) (read orderRead, err error) {
	read = r.orderPieces(c, ref, commits)
	for _, part := range r.knownFirst(c, read) {
		accepted, outcomes := c.reader.Read(part.pieces)
		r.res.Fetched += len(accepted)
		for i, o := range outcomes {
			read.forked = read.forked || o.Verdict == chain.Fork
			if err := r.orderOutcome(ref, part.of[i], o); err != nil {
				return read, err
			}
		}
		if err := r.applyOrder(c, accepted); err != nil {
			return read, err
		}
	}
	return read, c.save(r.v, r.epoch().O)
}

// knownFirst puts what was verified before in front, where the order is read anew:
// who verified one of two branches goes on with it.
func (r *round) knownFirst(c *orderLog, read orderRead) []orderRead {
	var head wire.LogHead
	o := r.epoch().O
	if ok, err := getValue(r.v, bucketOrderKnown, o[:], &head); err != nil || !ok || c.reader.Head().Len > 0 {
		return []orderRead{read}
	}
	entries, err := r.orderOf(head, read.pieces)
	if err != nil {
		return []orderRead{read} // git lost some of it: what is left is read like a newcomer does
	}
	var before, rest orderRead
	for i, p := range read.pieces {
		to := &rest
		if within(p, entries) {
			to = &before
		}
		to.pieces, to.of = append(to.pieces, p), append(to.of, read.of[i])
	}
	return []orderRead{before, rest}
}

// within reports whether all that a piece says is among entries.
func within(p chain.Piece, entries []chain.Ordered) bool {
	if p.Commit.Log.Len > uint64(len(entries)) {
		return false
	}
	for i, stored := range p.Entries {
		if i >= uint64(len(entries)) || entries[i].Author != p.Commit.Device || !bytes.Equal(entries[i].Entry, stored) {
			return false
		}
	}
	return true
}

// orderOf is exactly what a head names, of all pieces at hand.
func (r *round) orderOf(head wire.LogHead, pieces []chain.Piece) ([]chain.Ordered, error) {
	key := func(id wire.DeviceID) (ed25519.PublicKey, bool) {
		d, ok := r.roster().Device(id)
		return d.Key, ok
	}
	entries, _, err := chain.ReadOrderCut(r.s.id, r.epoch().O, key, head, pieces, r.authored)
	return entries, err
}

// stillAhead gives the commits that were ahead of the ledger another look.
func (r *round) stillAhead(c *orderLog) (commits []gitstore.CommitRef) {
	for _, a := range c.Ahead {
		raw, err := r.s.repo.CommitBytes(a.ID)
		if err != nil {
			continue // damaged here: restoreGit's
		}
		if tree, err := gitstore.CommitTree(raw); err == nil {
			commits = append(commits, gitstore.CommitRef{ID: a.ID, Raw: raw, Tree: tree})
		}
	}
	return commits
}

// orderRead is what commits of the order hold.
type orderRead struct {
	pieces []chain.Piece
	of     []gitstore.CommitRef
	anchor wire.ObjectID // the last commit that a device of this space signed
	was    []aheadCommit
	forked bool // some are of another branch than the one that was verified
}

// orderPieces are the commits that count: signed by a device that might write to
// the order at the ledger position that the commit names. That position and no
// other says so, or who reads later would count what others did not.
func (r *round) orderPieces(c *orderLog, ref string, commits []gitstore.CommitRef) orderRead {
	out := orderRead{was: c.Ahead}
	c.Ahead = nil
	read := map[wire.ObjectID][]byte{}
	closed := r.closings(ref, commits)
	for _, commit := range commits {
		v, err := r.verified(commit, chain.Order, r.roster().Device)
		if err == nil {
			if !slices.ContainsFunc(out.was, func(a aheadCommit) bool { return a.ID == commit.ID }) {
				out.anchor = commit.ID
			}
			err = r.place(v)
		}
		if err == nil && v.Message.Ledger.Number > r.roster().Head().Number {
			r.ahead(c, &out, ref, v)
			continue
		}
		var entries map[uint64][]byte
		if err == nil && v.Log.Len > 0 {
			entries, err = r.orderEntries(v, read)
		}
		if err != nil {
			if !closed { // below a closing commit lie all the lanes
				r.warn("%s: ignoring commit %.10s: %v", ref, commit.ID, firstLine(err.Error()))
			}
			continue
		}
		out.pieces, out.of = append(out.pieces, chain.Piece{Commit: v, Entries: entries}), append(out.of, commit)
	}
	return out
}

// ahead notes a commit that stands on a ledger entry that is not here.
func (r *round) ahead(c *orderLog, out *orderRead, ref string, v chain.Verified) {
	r.warn("%s: %s wrote on ledger entry %d, which the host does not show", ref, r.deviceName(v.Device), v.Message.Ledger.Number)
	a := aheadCommit{ID: v.ObjectID(), Since: r.now.UnixMilli()}
	if i := slices.IndexFunc(out.was, func(o aheadCommit) bool { return o.ID == a.ID }); i >= 0 {
		a.Since = out.was[i].Since
	}
	if len(c.Ahead) < maxAhead {
		c.Ahead = append(c.Ahead, a)
	}
}

// waitsForLedger: a commit came ahead of the ledger, not long ago.
func (c *orderLog) waitsForLedger(now time.Time) bool {
	return slices.ContainsFunc(c.Ahead, func(a aheadCommit) bool { return now.Sub(time.UnixMilli(a.Since)) < aheadWait })
}

// orderEntries checks a commit's signer at the position that it names, and reads
// its entries. None of them may stand on a later position: the host's hook, which
// opens nothing, must be able to say what a commit depends on.
func (r *round) orderEntries(v chain.Verified, read map[wire.ObjectID][]byte) (map[uint64][]byte, error) {
	if err := r.mayOrder(v.Device, *v.Message.Ledger); err != nil {
		return nil, err
	}
	entries, err := r.entries(v.Tree, read)
	if err != nil {
		return nil, err
	}
	for i, stored := range entries {
		plain, err := r.openOrdered(v.Device, i, stored)
		if err != nil {
			continue
		}
		if e, err := merge.DecodeEntry(plain); err == nil && e.Ledger.Number > v.Message.Ledger.Number {
			return nil, fmt.Errorf("entry %d stands on ledger entry %d, later than its commit", i, e.Ledger.Number)
		}
	}
	return entries, nil
}

// mayOrder: the position is one of this ledger and this epoch, and the device might
// write to the order there.
func (r *round) mayOrder(d wire.DeviceID, p wire.Position) error {
	then, ok := r.roster().At(p.Number)
	switch {
	case !ok:
		return fmt.Errorf("ledger entry %d is not here", p.Number)
	case then.Head() != p:
		return fmt.Errorf("it stands on another branch of the ledger at entry %d", p.Number)
	case then.Epoch().O != r.epoch().O:
		return fmt.Errorf("it stands on ledger entry %d, of another epoch", p.Number)
	case !then.MayOrder(d):
		return fmt.Errorf("%s might not write to the order at ledger entry %d", r.deviceName(d), p.Number)
	}
	return nil
}

// orderOutcome acts on what the reader said about a commit. Two branches accuse
// nobody: signing another try after a lost race is no offence (DESIGN 7).
func (r *round) orderOutcome(ref string, c gitstore.CommitRef, o chain.Outcome) error {
	switch o.Verdict {
	case chain.Fork:
		text := "the order has two branches: the host shows what had lost a race, or shows two histories"
		e := evidence{Kind: "order-fork", Text: text, Ref: ref}
		if o.Evidence != nil {
			e.Signed = [][]byte{o.Evidence.Marshal()}
		}
		return r.newViolation(e)
	case chain.NotAuthor:
		r.warn("%s: commit %.10s is void: its entries are another device's", ref, c.ID)
	case chain.Contradiction:
		r.warn("%s: commit %.10s is void: its root is not that of its entries", ref, c.ID)
	case chain.Waiting, chain.Held, chain.Dropped, chain.Unchecked:
		r.warn("%s: commit %.10s is held: %s", ref, c.ID, o.Verdict)
	}
	return nil
}
