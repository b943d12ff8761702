package space

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/espace-git/espace-git/chain"
	"github.com/espace-git/espace-git/gitstore"
	"github.com/espace-git/espace-git/internal/wire"
	"github.com/espace-git/espace-git/membership"
	"github.com/espace-git/espace-git/seal"
	"github.com/espace-git/espace-git/view"
)

// A seal ends an epoch and opens the next (DESIGN 5). It is one atomic push: the
// ledger entry with the cut, the closing commit X onto every lane and the order that
// it moves, and `close`, `keys` and `order` of the new epoch. If anything moved since
// the fetch, nothing of it lands, and all is drawn anew.

// SealOptions say how patient a seal is.
type SealOptions struct {
	// Now does not wait for lanes of which others have seen more than the host shows.
	Now bool

	before uint64 // of a resolve that drops this entry and what stands on it; 0: none

	recovers bool // the entry brings its own author
}

// Sealed is what a seal did, and what it could not do.
type Sealed struct {
	Epoch uint64   `json:"epoch"` // the one that it opened
	Entry uint64   `json:"entry"` // its ledger entry
	Tries int      `json:"tries"`
	Short []string `json:"short"` // lanes known to be longer than the host shows; never null
	Bytes int      `json:"bytes"` // pushed with it: entry, commits and wraps
}

// Seal ends the epoch and opens a new one with a fresh secret.
func (s *Space) Seal(ctx context.Context, o SealOptions) (*Sealed, error) {
	return s.sealWith(ctx, o, func(*round) (membership.Body, map[string][]byte, error) {
		return &membership.RotateBody{}, nil, nil
	})
}

// sealWith puts a sealing entry into the ledger. body makes it for the ledger as it
// stands, without its seal.
func (s *Space) sealWith(ctx context.Context, o SealOptions, body func(*round) (membership.Body, map[string][]byte, error)) (*Sealed, error) {
	res := &SyncResult{LetIn: []string{}, Warnings: []string{}}
	unlock, err := s.lockSync(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	defer s.mirrorRefs(ctx)
	// What waits here goes into the epoch that it was written in.
	if err := s.syncLocked(ctx, res); err != nil {
		return nil, err
	}
	sealed, err := s.sealLocked(ctx, o, body)
	if err != nil {
		return nil, classify(err)
	}
	return sealed, s.syncLocked(ctx, res)
}

func (s *Space) sealLocked(ctx context.Context, o SealOptions, body func(*round) (membership.Body, map[string][]byte, error)) (*Sealed, error) {
	moved := map[string]int{}
	var tries []wire.Hash
	for try := range maxTries {
		sg := &sealing{s: s, options: o, body: body, unstable: moved, tries: &tries, done: Sealed{Tries: try + 1, Short: []string{}}}
		err := sg.attempt(ctx)
		switch {
		case err == nil:
			return &sg.done, nil
		case errors.Is(err, errMoved):
			if err := s.moveOn(ctx); err != nil {
				return nil, err
			}
			continue
		case !errors.Is(err, gitstore.ErrConflict) && !errors.Is(err, gitstore.ErrUncertain):
			return nil, err
		}
	}
	return nil, join(ErrConflict, errors.New("the host kept changing while the epoch was sealed: try again"))
}

// sealing is one attempt. Nothing of one that did not land is ever used again: a
// refused push leaves its objects readable on the host.
type sealing struct {
	s        *Space
	options  SealOptions
	body     func(*round) (membership.Body, map[string][]byte, error)
	unstable map[string]int // refs that moved under earlier attempts: how often
	tries    *[]wire.Hash   // entries of earlier attempts, whose pushes may have worked
	done     Sealed

	r      *round
	b      *gitstore.Batch
	shown  *display
	secret seal.Secret
	part   membership.SealPart
	ends   map[string]wire.ObjectID // of each lane in the cut, and of the order: the commit in which it ends
	beyond map[string]bool          // of those, the ones that go on behind the cut: X does not move them
	landed *membership.Entry
}

func (sg *sealing) attempt(ctx context.Context) error {
	var updates []gitstore.RefUpdate
	err := sg.s.readThen(ctx, func(r *round, b *gitstore.Batch, shown *display) (err error) {
		if e := r.landed(*sg.tries); e != nil {
			sg.done.Entry, sg.done.Epoch = e.Number, openingAt(r.roster(), e.Number).Number
			return nil
		}
		if err := r.staysHere(); err != nil {
			return err
		}
		sg.r, sg.b, sg.shown = r, b, shown
		if n := sg.options.before; n > 0 {
			if err := r.standBefore(ctx, n, shown); err != nil {
				return err
			}
		}
		if updates, err = sg.prepare(); err != nil {
			return err
		}
		*sg.tries = append(*sg.tries, sg.landed.Hash)
		return putValue(r.v, bucketTry, sg.landed.Hash[:], sg.landed.Number)
	})
	if err != nil || updates == nil {
		return err
	}
	host, err := sg.s.host()
	if err != nil {
		return err
	}
	if err := clearTheWay(ctx, host, updates, sg.shown); err != nil {
		return err
	}
	if err := sg.push(ctx, host, updates); err != nil {
		return err
	}
	if sg.options.before > 0 {
		return sg.s.db.Update(ctx, sg.readResolve)
	}
	return sg.s.db.Update(ctx, func(v *view.Tx) error { return sg.readBack(ctx, v, updates) })
}

// prepare draws the secret and signs everything.
func (sg *sealing) prepare() (updates []gitstore.RefUpdate, err error) {
	r := sg.r
	if err := sg.maySeal(); err != nil {
		return nil, err
	}
	if sg.secret, err = seal.NewSecret(sg.s.opts.Rand); err != nil {
		return nil, err
	}
	if err := sg.cut(); err != nil {
		return nil, err
	}
	sg.part.Commitment = sg.secret.Commitment(r.roster().Epoch().Number+1, r.roster().Head().Hash)
	ended := r.ending()
	main, err := sg.entry()
	if err != nil {
		return nil, err
	}
	next := r.roster().Epoch()
	sg.done.Epoch, sg.done.Entry = next.Number, sg.landed.Number
	closing, moves, err := sg.closing(ended)
	if err != nil {
		return nil, err
	}
	keys, err := sg.keys(next.Epoch)
	if err != nil {
		return nil, err
	}
	order, err := sg.order(next.Epoch)
	if err != nil {
		return nil, err
	}
	close := gitstore.RefUpdate{Name: r.s.refs.Close(next.Epoch), Old: sg.shown.at(r.s.refs.Close(next.Epoch)), New: closing}
	return append([]gitstore.RefUpdate{keys, close, order, main}, moves...), nil
}

func (sg *sealing) maySeal() error {
	r := sg.r
	switch {
	case r.split:
		return join(ErrViolation, fmt.Errorf("the ledger has two branches at entry %d: nothing is sealed before that is settled", r.ledger.len()))
	case sg.options.recovers:
		return nil
	case r.me.Gone != "":
		return r.me.refusal()
	case !r.roster().MaySeal(r.me.Device):
		return notPermitted("sealing: only a device of an owner or admin who stays one may draw the next secret")
	case !r.started() || r.behind() && !r.orphan():
		return join(ErrConflict, errors.New("this device has not followed the last seal yet: sync first"))
	}
	return sg.shortLanes()
}

// orphan: the open epoch has no wrap for anybody, so that nobody can enter it. It is
// sealed again, empty.
func (r *round) orphan() bool {
	open := r.roster().Epoch()
	if _, has := r.s.keys.Secret(open.O); has || !r.behind() || r.me.Epoch.Number+1 != open.Number {
		return false
	}
	for _, err := range r.v.Each(bucketWrap, open.O[:]) {
		return err == nil && r.unopenedLong(open.O)
	}
	return true
}

// ending is the epoch that a seal by this device ends.
func (r *round) ending() wire.Epoch {
	if r.orphan() {
		return r.roster().Epoch().Epoch // nobody stands in it
	}
	return r.epoch()
}

// shortLanes: what others have seen, and the host does not show, would be cut off.
// Its authors would issue it again; still, a seal waits for it, unless it is told
// not to.
func (sg *sealing) shortLanes() error {
	r := sg.r
	for _, id := range r.order {
		l := r.lanes[id]
		if l.blocked != "" && l.SetAside == "" && !sg.leaves(id) {
			sg.done.Short = append(sg.done.Short, fmt.Sprintf("%s: %s", r.deviceName(id), l.blocked))
		}
	}
	if len(sg.done.Short) == 0 || sg.options.Now {
		return nil
	}
	since, err := r.heldSince()
	if err != nil || r.now.Sub(since) >= heldPatience {
		return err
	}
	return join(ErrConflict, fmt.Errorf("the host does not show what others have seen (%s): sync again, or seal all the same with --now", strings.Join(sg.done.Short, "; ")))
}

// heldPatience is how long a removal waits for entries that the host does not show.
const heldPatience = time.Hour

// leaves: the entry at hand takes the device away, so nobody waits for it.
func (sg *sealing) leaves(id wire.DeviceID) bool {
	body, _, err := sg.body(sg.r)
	if err != nil {
		return false
	}
	gone, err := sg.r.roster().Removes(body)
	return err == nil && slices.Contains(gone.Devices, id)
}

// cut names where each lane and the order end: at what was applied here, as far as a
// signed commit says exactly that.
func (sg *sealing) cut() error {
	r := sg.r
	sg.ends, sg.beyond = map[string]wire.ObjectID{}, map[string]bool{}
	sg.part.Cut.Order = chain.EmptyHead()
	if r.orphan() {
		return nil
	}
	if !r.started() {
		return sg.shownCut()
	}
	cuts, err := r.closedCut()
	if err != nil {
		return err
	}
	for _, c := range cuts {
		sg.part.Cut.Lanes = append(sg.part.Cut.Lanes, membership.LaneCut{Device: c.device, LogHead: c.head})
		ref := r.s.refs.Lane(r.epoch(), c.device)
		sg.ends[ref], sg.beyond[ref] = c.commit, r.lanes[c.device].reader.Head() != c.head
	}
	slices.SortFunc(sg.part.Cut.Lanes, func(a, b membership.LaneCut) int { return slices.Compare(a.Device[:], b.Device[:]) })
	head, commit, err := r.orderEnd()
	sg.part.Cut.Order = head
	sg.ends[r.s.refs.Order(r.epoch())] = commit
	return err
}

// entry signs the sealing entry and the commit that carries it, and takes it into
// the round's ledger. Its private part is sealed under the secret that it opens.
func (sg *sealing) entry() (gitstore.RefUpdate, error) {
	r := sg.r
	body, values, err := sg.body(r)
	if err != nil {
		return gitstore.RefUpdate{}, err
	}
	sealed, ok := membership.WithSeal(body, sg.part)
	if !ok {
		return gitstore.RefUpdate{}, fmt.Errorf("sealing: a %s can't carry a seal", body.Kind())
	}
	r.secret = sg.secret // the epoch in force after the entry
	e, update, err := r.next(sg.b, sg.shown, func(*round) (membership.Draft, map[string][]byte, error) {
		return membership.Draft{Body: sealed}, values, nil
	})
	sg.landed = e
	return update, err
}

// maxMoved bounds the refs that one seal moves: some hosts are slow for each.
const maxMoved = 200

// closing signs X: no files, and below it everything that the cut names. The refs
// that it moves go from exactly where the fetch saw them.
func (sg *sealing) closing(ended wire.Epoch) (wire.ObjectID, []gitstore.RefUpdate, error) {
	r := sg.r
	var parents []wire.ObjectID
	var moves []gitstore.RefUpdate
	moved := make(map[string]int64, len(sg.ends))
	for ref := range sg.ends {
		moved[ref] = sg.movedAt(ref)
	}
	moved[r.s.refs.Order(ended)] = math.MaxInt64 // the order is always moved; then the lanes that moved last
	refs := slices.SortedFunc(maps.Keys(sg.ends), func(a, b string) int {
		return cmp.Or(cmp.Compare(moved[b], moved[a]), strings.Compare(a, b))
	})
	for _, ref := range refs {
		end := sg.ends[ref]
		at := sg.shown.at(ref)
		if len(moves) < maxMoved && !at.IsZero() && !sg.beyond[ref] && sg.unstable[ref] < unstableTries && r.stands(at, end) {
			moves = append(moves, gitstore.RefUpdate{Name: ref, Old: at})
			end = at
		}
		if !end.IsZero() && !slices.Contains(parents, end) {
			parents = append(parents, end)
		}
	}
	d, _ := r.roster().Device(r.me.Device)
	x := chain.Closing{Space: r.s.id, Epoch: ended.O, Device: d.ID, Key: d.Key, Entry: sg.landed.Position()}
	var before int64
	for _, p := range parents {
		raw, err := r.s.repo.CommitBytes(p)
		if err != nil {
			return wire.ObjectID{}, nil, err
		}
		before = max(before, gitstore.CommitTime(raw))
	}
	raw, err := chain.Sign(x.Commit(parents, chain.TimeAfter(r.now.Unix(), before)), r.s.keys.Device())
	if err != nil {
		return wire.ObjectID{}, nil, fmt.Errorf("signing the closing commit: %w", err)
	}
	sg.b.Tree(nil)
	id := sg.b.Commit(raw)
	sg.done.Bytes += len(raw)
	for i := range moves {
		moves[i].New = id
	}
	return id, moves, nil
}

// unstableTries is after how many lost tries a seal stops waiting for a lane that
// keeps moving.
const unstableTries = 3

func (sg *sealing) movedAt(ref string) int64 {
	raw, err := sg.s.repo.CommitBytes(sg.shown.at(ref))
	if err != nil {
		return 0
	}
	return gitstore.CommitTime(raw)
}

// stands reports whether tip has end among its ancestors, so that X on top of it
// takes nothing back.
func (r *round) stands(tip, end wire.ObjectID) bool {
	if tip == end || end.IsZero() {
		return true
	}
	commits, err := r.s.repo.Commits([]wire.ObjectID{tip}, nil, maxCommits)
	return err == nil && slices.ContainsFunc(commits, func(c gitstore.CommitRef) bool { return c.ID == end })
}

// order is the empty order of the new epoch, as in genesis.
func (sg *sealing) order(next wire.Epoch) (gitstore.RefUpdate, error) {
	r := sg.r
	none := chain.EmptyHead()
	msg := r.messageIn(chain.Order, next)
	msg.Log = &none
	ref := r.s.refs.Order(next)
	id, err := r.commit(sg.b, ref, sg.shown.at(ref), sg.b.Tree(nil), msg)
	return gitstore.RefUpdate{Name: ref, Old: sg.shown.at(ref), New: id}, err
}
