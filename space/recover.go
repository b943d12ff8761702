package space

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/espace-git/espace-git/chain"
	"github.com/espace-git/espace-git/gitstore"
	"github.com/espace-git/espace-git/identity"
	"github.com/espace-git/espace-git/internal/wire"
	"github.com/espace-git/espace-git/membership"
	"github.com/espace-git/espace-git/seal"
	"github.com/espace-git/espace-git/view"
)

// Who lost every device comes back by the words on paper (DESIGN 6): they sign for a
// new device, once, and are worth nothing afterwards. They also read, while the space
// has one member: there is nobody else who could hand on its secrets.

// RecoverOptions say what is recovered, and where.
type RecoverOptions struct {
	Sheet      *Sheet
	Remote     string   // empty: the sheet's
	DeviceName string   // of the new device
	Lost       []string // devices to remove in the same entry, by ID or the beginning of one; "all": every other one
	LedgerRef  string   // as in CreateOptions
	Prefix     string
}

// Recovered is what a recovery came to.
type Recovered struct {
	Space  string       `json:"space"`
	Dir    string       `json:"dir"`
	Member string       `json:"member"`
	State  string       `json:"state"`  // of the device; waiting: until an admin's device seals, or a member's lets it in
	Sheet  *Sheet       `json:"sheet"`  // new: the old one is worth nothing now
	Others []DeviceInfo `json:"others"` // further devices of the member that still belong; never null
}

// Recover makes this device one of the member that the words on the sheet stand for. A
// ledger that does not hold the entry of the sheet's day is refused.
func Recover(ctx context.Context, dir string, c RecoverOptions, o Options) (*Space, *Recovered, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, nil, err
	}
	s, words, err := c.recover(ctx, dir, o)
	if err != nil {
		return nil, nil, fmt.Errorf("recovering: %w", classify(err))
	}
	out, err := s.recovered(ctx, words)
	return s, out, err
}

func (c RecoverOptions) recover(ctx context.Context, dir string, o Options) (*Space, []string, error) {
	id, _, err := c.Sheet.day()
	if err != nil {
		return nil, nil, err
	}
	refs, err := layout(c.LedgerRef, c.Prefix)
	if err != nil {
		return nil, nil, err
	}
	if c.Remote == "" {
		c.Remote = c.Sheet.Remote
	}
	if c.DeviceName = deviceNameOr(c.DeviceName); checkNames(c.DeviceName) != nil {
		return nil, nil, checkNames(c.DeviceName)
	}
	vault, err := ensureVault(o)
	if err != nil {
		return nil, nil, err
	}
	site, err := newSite(dir)
	if err != nil {
		return nil, nil, err
	}
	defer site.abandon()
	if err := clearKeyring(vault, id, o.Home, site.dir); err != nil {
		return nil, nil, err
	}
	dev, err := vault.NewDevice(o.Rand)
	if err != nil {
		return nil, nil, err
	}
	if err := site.prepare(vault, o, id, dev); err != nil {
		return nil, nil, err
	}
	s := site.space(refs, c.Remote)
	if err := s.db.Update(ctx, func(v *view.Tx) error { return s.newcomer(v, "") }); err != nil {
		return nil, nil, err
	}
	words, err := s.askByWords(ctx, c)
	if err != nil {
		return nil, nil, err
	}
	if s, err = site.settle(ctx); err != nil {
		return nil, nil, err
	}
	if err := s.finish(ctx); err != nil {
		if mayHaveLanded(ctx, err) {
			site.keep()
			s.Close()
			err = fmt.Errorf("%w; whether the host has it is not known: `espace-git sync` in %s finishes it, then `espace-git rotate --recovery` makes new words", err, s.dir)
		}
		return nil, nil, err
	}
	site.keep()
	return s, words, nil
}

// askByWords reads the ledger and makes the body of the entry, which needs the words
// once: whatever comes next, also after a crash, works without them.
func (s *Space) askByWords(ctx context.Context, c RecoverOptions) (words []string, err error) {
	old, err := membership.ParseRecoveryWords(strings.Join(c.Sheet.Words, " "))
	if err != nil {
		return nil, join(ErrUsage, err)
	}
	reading, err := identity.RecoveryReading(old)
	if err != nil {
		return nil, err
	}
	next, words, err := newRecovery(s.opts.Rand)
	if err != nil {
		return nil, err
	}
	return words, s.readThen(ctx, func(r *round, _ *gitstore.Batch, shown *display) error {
		space, day, err := c.Sheet.day()
		if err != nil {
			return err
		}
		if err := r.roster().Sheet(space, day); err != nil {
			return join(ErrViolation, fmt.Errorf("the host shows another ledger than the one of the sheet: %w", err))
		}
		signing := membership.RecoverySigningKey(old)
		m, ok := r.roster().RecoveryOf(signing.Public().(ed25519.PublicKey))
		if !ok {
			return notPermitted("no member has these recovery words (any more)")
		}
		p := membership.RecoverParams{Words: signing, Signer: s.keys.Device(), Recipient: s.keys.Device().Recipient(), Recovery: *next}
		if p.Lost, err = r.lost(m, c.Lost); err != nil {
			return err
		}
		body, err := r.roster().NewRecover(p)
		if err != nil {
			return err
		}
		if err := r.readByWords(reading, seal.RecipientName(m.Recovery.Recipient), shown); err != nil {
			return err
		}
		request, err := wire.MarshalJSON(body)
		if err != nil {
			return err
		}
		r.me.Member = m.ID
		if err := r.me.save(r.v); err != nil {
			return err
		}
		if err := r.v.Put(bucketMeta, []byte("recover-name"), []byte(c.DeviceName)); err != nil {
			return err
		}
		return underWay{Step: stepRecover, Request: request}.save(r.v)
	})
}

// lost resolves which of the member's devices go with the entry.
func (r *round) lost(m membership.Member, names []string) (out []wire.DeviceID, err error) {
	found := map[string]bool{}
	for _, id := range m.Devices {
		d, _ := r.roster().Device(id)
		for _, name := range names {
			if d.Status != membership.StatusRemoved && (name == "all" || called(name, id.String(), "")) {
				found[name] = true
				if !slices.Contains(out, id) {
					out = append(out, id)
				}
			}
		}
	}
	for _, name := range names {
		if !found[name] && name != "all" {
			return nil, notFound("the member has no device %q", name)
		}
	}
	return out, nil
}

// readByWords takes what was wrapped for the recovery words themselves, if anything.
func (r *round) readByWords(reading seal.PrivateKey, name string, shown *display) error {
	tip, ok := shown.tip(r.s.refs.Keys(r.epoch()))
	if !ok {
		return nil
	}
	commits, err := r.s.repo.Commits([]wire.ObjectID{tip}, nil, maxCommits)
	if err != nil {
		return err
	}
	seen := map[wire.ObjectID]bool{}
	for _, c := range slices.Backward(commits) {
		if c.Err != nil {
			continue
		}
		for _, w := range r.wrapsFor(name, c.Tree, seen) {
			file, err := r.s.repo.Blob(w.ID, maxWrap)
			if err != nil {
				continue
			}
			if err := r.acceptWrapBy(reading, path.Join(name, w.Name), file); err != nil {
				return err
			}
		}
	}
	return nil
}

// finishRecover puts the entry into the ledger, unless it is there: with a seal, or
// below admin as a request.
func (s *Space) finishRecover(ctx context.Context, request []byte) error {
	var body membership.RecoverBody
	if err := wire.UnmarshalJSON(request, &body); err != nil {
		return fmt.Errorf("local store: %w", err)
	}
	var err error
	for range maxForms {
		if err = s.recoverOnce(ctx, &body); !errors.Is(err, errOtherForm) {
			break
		}
	}
	if err != nil && !errors.Is(err, errJoined) {
		return err
	}
	return s.db.Update(ctx, func(v *view.Tx) error {
		return errors.Join(clearUnderWay(v), v.Delete(bucketMeta, []byte("recover-name")))
	})
}

func (s *Space) recoverOnce(ctx context.Context, body *membership.RecoverBody) error {
	sealing := false
	err := s.look(ctx, func(r *round) error {
		sealing = r.roster().Seals(body, r.me.Device)
		return nil
	})
	if err != nil {
		return err
	}
	fits := func(r *round) error {
		if _, ok := r.roster().Device(r.me.Device); ok {
			return errJoined
		}
		if r.roster().Seals(body, r.me.Device) != sealing {
			return errOtherForm
		}
		return nil
	}
	if !sealing {
		_, err := s.proposeLocked(ctx, func(r *round) (membership.Draft, map[string][]byte, error) {
			return membership.Draft{Body: body}, nil, fits(r)
		})
		return err
	}
	_, err = s.sealLocked(ctx, SealOptions{recovers: true}, func(r *round) (membership.Body, map[string][]byte, error) {
		name, _, err := r.v.Get(bucketMeta, []byte("recover-name"))
		return body, map[string][]byte{membership.ItemDeviceName: name}, errors.Join(fits(r), err)
	})
	return err
}

// recovered says what a recovery came to.
func (s *Space) recovered(ctx context.Context, words []string) (*Recovered, error) {
	out := &Recovered{Space: s.ID(), Dir: s.dir, Others: []DeviceInfo{}}
	if _, err := s.Sync(ctx); err != nil && !errors.Is(err, ErrUnreachable) {
		return out, err
	}
	var entry uint64
	err := s.look(ctx, func(r *round) (err error) {
		d, _ := r.roster().Device(r.me.Device)
		m, _ := r.roster().Member(d.Member)
		entry, out.Member = d.AddedAt, m.ID.String()
		for _, id := range m.Devices {
			info, err := r.deviceInfo(id)
			if err != nil {
				return err
			}
			if id != r.me.Device && info.Status != StateRemoved && info.Status != StateLeaving {
				out.Others = append(out.Others, info)
			}
		}
		out.State, err = r.state()
		return err
	})
	if err != nil {
		return out, err
	}
	out.Sheet, err = s.sheet(ctx, words, entry)
	return out, err
}

// recovers: the entry that makes this device one of the space is under way.
func (r *round) recovers() bool {
	var u underWay
	_, err := getValue(r.v, bucketMeta, []byte("under-way"), &u)
	return err == nil && u.Step == stepRecover
}

// shownCut ends lanes and order at what the host shows and their devices signed: who
// recovers can't open them yet. What was pushed before is in it; what a device had
// seen and the host hides is issued again.
func (sg *sealing) shownCut() error {
	r := sg.r
	if err := r.loadLanes(sg.shown); err != nil {
		return err
	}
	for _, id := range r.order {
		l := r.lanes[id]
		if err := l.save(r.v, r.epoch().O); err != nil {
			return err
		}
		end, err := r.endOf(l, l.reader.Head().Len)
		if err != nil {
			return err
		}
		if end.head.Len > 0 {
			sg.ends[r.s.refs.Lane(r.epoch(), id)] = end.commit
			sg.part.Cut.Lanes = append(sg.part.Cut.Lanes, membership.LaneCut{Device: id, LogHead: end.head})
		}
	}
	slices.SortFunc(sg.part.Cut.Lanes, func(a, b membership.LaneCut) int { return slices.Compare(a.Device[:], b.Device[:]) })
	return sg.shownOrder()
}

func (sg *sealing) shownOrder() error {
	r := sg.r
	ref := r.s.refs.Order(r.epoch())
	tip, ok := sg.shown.tip(ref)
	if !ok {
		return nil
	}
	commits, err := r.s.repo.Commits([]wire.ObjectID{tip}, nil, maxCommits)
	if err != nil {
		return err
	}
	reader := chain.NewOrderReader(r.s.id, r.epoch().O, func(wire.DeviceID, uint64, []byte) bool { return true })
	read := map[wire.ObjectID][]byte{}
	for _, c := range commits {
		v, err := r.verified(c, chain.Order, r.roster().Device)
		if err != nil {
			continue
		}
		entries, err := r.orderEntries(v, read)
		if err != nil {
			continue
		}
		reader.Offer(v, entries)
		if *v.Log == reader.Head() {
			sg.part.Cut.Order, sg.ends[ref] = *v.Log, c.ID
		}
	}
	return nil
}
