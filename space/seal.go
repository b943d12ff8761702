package space

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
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
	refs := make([]string, 0, len(sg.ends))
	for ref := range sg.ends {
		refs = append(refs, ref)
	}
	order := r.s.refs.Order(ended)
	slices.SortFunc(refs, func(a, b string) int {
		// The order is always moved; then the lanes that moved last.
		return cmp.Or(cmp.Compare(btoi(b == order), btoi(a == order)), cmp.Compare(sg.movedAt(b), sg.movedAt(a)), strings.Compare(a, b))
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

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

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

// keys wraps the new secret for everybody who may hold it: alone for those who have
// the older ones, with the list of them for who comes in now.
func (sg *sealing) keys(next wire.Epoch) (gitstore.RefUpdate, error) {
	r := sg.r
	recipients, err := sg.recipients()
	if err != nil {
		return gitstore.RefUpdate{}, err
	}
	files := make([][]byte, len(recipients))
	errs := make([]error, len(recipients))
	secrets := make([][]seal.EpochSecret, len(recipients))
	for i, d := range recipients {
		secrets[i] = []seal.EpochSecret{{O: next.O, Secret: sg.secret}}
		if had, err := r.holdsEnding(d); err != nil {
			return gitstore.RefUpdate{}, err
		} else if !had {
			secrets[i] = append(r.secretsFor(d), secrets[i]...)
		}
	}
	var wg sync.WaitGroup
	work := make(chan int)
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for i := range work {
				files[i], errs[i] = seal.WrapSecrets(recipients[i].Recipient, seal.Wrap{Space: r.s.id, Secrets: secrets[i]})
			}
		})
	}
	for i := range recipients {
		work <- i
	}
	close(work)
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		return gitstore.RefUpdate{}, err
	}
	add := make(map[string][]byte, len(recipients))
	for i, d := range recipients {
		add[seal.WrapPath(d.Recipient, r.me.Device, 0)] = files[i]
		sg.done.Bytes += len(files[i])
	}
	if paper, ok := r.roster().Paper(); ok {
		me, _ := r.roster().Device(r.me.Device)
		all := append(r.secretsFor(me), seal.EpochSecret{O: next.O, Secret: sg.secret})
		file, err := seal.WrapSecrets(paper, seal.Wrap{Space: r.s.id, Secrets: all})
		if err != nil {
			return gitstore.RefUpdate{}, err
		}
		add[seal.WrapPath(paper, r.me.Device, 0)] = file
		sg.done.Bytes += len(file)
	}
	adds := chain.AddsHash(add)
	msg := r.messageIn(chain.Keys, next)
	msg.Adds = &adds
	ref := r.s.refs.Keys(next)
	id, err := r.commit(sg.b, ref, sg.shown.at(ref), keysTree(sg.b, nil, add), msg)
	return gitstore.RefUpdate{Name: ref, Old: sg.shown.at(ref), New: id}, err
}

// recipients are those who get the new secret: like at any other time, nobody whose
// join was first seen after its invite's expiry, unless it was let in already.
func (sg *sealing) recipients() (out []membership.Device, err error) {
	for _, d := range sg.r.roster().Recipients() {
		had, err := sg.r.hasOlder(d)
		if err != nil {
			return nil, err
		}
		if had || !sg.r.expiredUnseen(d) {
			out = append(out, d)
		}
	}
	return out, nil
}

// hasOlder: the device was let into the epoch that ends: it wrote under its secret, or
// another wrapped it. What else a device signs, it can sign without having any.
func (r *round) hasOlder(d membership.Device) (bool, error) {
	if l := r.lanes[d.ID]; d.ID == r.me.Device || l != nil && l.log.Len() > 0 {
		return true, nil
	}
	ended := r.me.Epoch
	if !r.started() { // who recovers; its entry is in the ledger already
		before, _ := r.roster().OpeningOf(r.roster().Epoch().Number - 1)
		ended = before.Epoch
	}
	makers, err := r.wrappersIn(ended, d)
	return slices.ContainsFunc(makers, func(id wire.DeviceID) bool { return id != d.ID }), err
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

// push moves all refs as one. Where the host can't promise that, keys and close go
// first and then the ledger alone, which decides; what is on the lanes by then and
// not in the cut is issued again by its authors.
func (sg *sealing) push(ctx context.Context, host gitstore.Remote, updates []gitstore.RefUpdate) error {
	pushed, err := host.Push(ctx, updates, gitstore.PushOptions{Atomic: true})
	if errors.Is(err, gitstore.ErrUncertain) {
		// What landed the first time counts as done the second time.
		pushed, err = host.Push(ctx, updates, gitstore.PushOptions{Atomic: true})
	}
	if errors.Is(err, gitstore.ErrNoAtomic) {
		return sg.pushApart(ctx, host, updates)
	}
	if err != nil {
		return fmt.Errorf("pushing: %w", err)
	}
	for ref, err := range pushed.Results {
		if errors.Is(err, gitstore.ErrConflict) {
			sg.unstable[ref]++
		}
	}
	if err := pushed.Err(); err != nil {
		return fmt.Errorf("pushing the seal: %w", err)
	}
	return nil
}

func (sg *sealing) pushApart(ctx context.Context, host gitstore.Remote, updates []gitstore.RefUpdate) error {
	before, main, after := updates[:3], updates[3:4], updates[4:]
	for _, part := range [][]gitstore.RefUpdate{before, main} {
		pushed, err := host.Push(ctx, part, gitstore.PushOptions{})
		if err == nil {
			err = pushed.Err()
		}
		if err != nil {
			return fmt.Errorf("pushing the seal: %w", err)
		}
	}
	// The seal stands. Moving the refs of the epoch that is over only keeps others from
	// pushing there in vain.
	if len(after) > 0 {
		_, _ = host.Push(ctx, after, gitstore.PushOptions{})
	}
	return nil
}

// readBack reads what landed like everybody else does: the ledger says that there is
// a new epoch, the own wrap holds its secret, and the cut is followed.
func (sg *sealing) readBack(ctx context.Context, v *view.Tx, updates []gitstore.RefUpdate) error {
	r, err := sg.s.newRound(v, &SyncResult{})
	if err != nil {
		return err
	}
	refs := map[string]wire.ObjectID{}
	for ref, tip := range r.tips {
		refs[ref] = tip // nothing else moved, as far as this device knows
	}
	for _, u := range updates {
		refs[u.Name] = u.New
	}
	return r.read(ctx, &display{refs: refs})
}
