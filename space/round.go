package space

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/espace-git/espace-git/chain"
	"github.com/espace-git/espace-git/gitstore"
	"github.com/espace-git/espace-git/internal/wire"
	"github.com/espace-git/espace-git/membership"
	"github.com/espace-git/espace-git/merge"
	"github.com/espace-git/espace-git/seal"
	"github.com/espace-git/espace-git/view"
)

// maxCommits bounds how many new commits of one ref a round looks at: a host that
// drowns a chain in junk costs that much and no more.
const maxCommits = 200_000

// round is one reading of what the host shows, inside one transaction of the
// local store: all of what it verified and applied becomes durable, or nothing.
type round struct {
	s   *Space
	v   *view.Tx
	res *SyncResult

	ledger  *ledger
	me      self
	secret  seal.Secret // of this device's epoch; zero while waiting to be let in
	clock   *clock
	schemas schemas
	lanes   map[wire.DeviceID]*lane
	order   []wire.DeviceID // of lanes, so that every run goes the same way

	tips          map[string]wire.ObjectID // last verified on the host, by ref
	repairs       []gitstore.RefUpdate     // refs to put right under a lease
	found         []string                 // violations
	applied       bool                     // something was folded
	again         bool                     // it was folded before: the changelog has it already
	branches      []membership.Branch      // other branches of the ledger, that nobody settled yet
	dropped       forked                   // what a resolve of this device drops, of the ledger on which it stood
	shown         *display                 // what the host shows, if it was asked
	split         bool                     // the ledger has two branches and neither was verified before
	ownShort      uint64                   // how long others saw the own lane, if longer than the host shows
	history       *history                 // what is read from the beginning, in a transaction that is taken back
	back          *setBack                 // own transactions that wait, and are not in the documents just now
	behindRefused []*merge.Transaction     // own ones that came behind one without effect
	stale         bool                     // the view holds what has no effect: it is made anew
	hidden        string                   // why nothing is pushed: the host hides the ledger
	done          int                      // entries applied, of total
	total         int
	now           time.Time
}

// newRound loads what the store knows.
func (s *Space) newRound(v *view.Tx, res *SyncResult) (*round, error) {
	r := &round{s: s, v: v, res: res, lanes: map[wire.DeviceID]*lane{}, tips: map[string]wire.ObjectID{}, now: s.opts.Now()}
	var err error
	if r.ledger, err = s.ledgerAt(v); err != nil {
		return nil, err
	}
	if r.me, err = loadSelf(v); err != nil {
		return nil, err
	}
	if r.clock, err = loadClock(v); err != nil {
		return nil, err
	}
	if r.schemas, err = loadSchemas(v); err != nil {
		return nil, err
	}
	for pair, err := range v.Each(bucketTip, nil) {
		if err != nil {
			return nil, err
		}
		r.tips[string(pair.Key)] = wire.ObjectID(pair.Value)
	}
	return r, r.loadSecret()
}

func (r *round) roster() *membership.Roster { return r.ledger.roster }

// warn notes something that the user should see and that accuses nobody.
func (r *round) warn(format string, args ...any) { r.res.warn(format, args...) }

func (res *SyncResult) warn(format string, args ...any) {
	text := harmless(fmt.Sprintf(format, args...))
	if !slices.Contains(res.Warnings, text) && len(res.Warnings) < maxWarnings {
		res.Warnings = append(res.Warnings, text)
	}
}

const (
	maxWarnings    = 100
	maxWarningSize = 1 << 10
)

// harmless shows what strangers may have written (names in trees, words of a host)
// at bounded length and without what a terminal would obey.
func harmless(s string) string {
	if len(s) > maxWarningSize {
		s = strings.ToValidUTF8(s[:maxWarningSize], "") + "…"
	}
	return strings.Map(func(c rune) rune {
		if c != '\n' && !unicode.IsPrint(c) {
			return unicode.ReplacementChar
		}
		return c
	}, s)
}

// junk reports a ref that can't be read. Nobody signed it, so nobody is accused;
// if the chain was readable before, it is put right.
func (r *round) junk(ref string, tip wire.ObjectID, err error) {
	r.warn("%s: the host shows no readable chain there: %v", ref, err)
	r.repair(ref, tip)
}

// repair plans to move a ref from what the host shows back to what was verified.
func (r *round) repair(ref string, shown wire.ObjectID) {
	if last := r.tips[ref]; !last.IsZero() && last != shown {
		r.repairs = append(r.repairs, gitstore.RefUpdate{Name: ref, Old: shown, New: last})
	}
}

// takenBack: the host once showed last and now shows something that does not
// stand on it. That is no accident of the protocol, which only ever adds.
func (r *round) takenBack(ref string, shown wire.ObjectID, what string) error {
	text := fmt.Sprintf("the host took back what it had shown of %s (%s)", what, ref)
	r.repair(ref, shown)
	return r.violation(evidence{Kind: "taken-back", Text: text, Ref: ref, Before: r.tips[ref].String(), Shown: shown.String()})
}

// violation keeps evidence and lets the round go on: one who misbehaves stops
// nobody else.
func (r *round) violation(e evidence) error {
	r.found = append(r.found, e.Text)
	r.warn("%s", e.Text)
	return e.save(r.v, r.now)
}

// advance is the way of every chain: which commits are new on a ref, and whether
// they stand on what was verified. Of a chain that can't be read there are none.
func (r *round) advance(ref string, tip wire.ObjectID, what string) (commits []gitstore.CommitRef, stands bool, err error) {
	last := r.tips[ref]
	commits, err = r.s.repo.Commits([]wire.ObjectID{tip}, known(last), maxCommits)
	if err == nil && last.IsZero() {
		err = tipFault(commits, tip)
	}
	if err != nil {
		r.junk(ref, tip, err)
		return nil, false, nil
	}
	stands = last.IsZero() || slices.ContainsFunc(commits, func(c gitstore.CommitRef) bool { return slices.Contains(c.Parents, last) })
	if !stands {
		err = r.takenBack(ref, tip, what)
	}
	return commits, stands, err
}

// tipFault: a ref that shows no commit has shown nothing that could be taken back.
func tipFault(commits []gitstore.CommitRef, tip wire.ObjectID) error {
	for _, c := range commits {
		if c.ID == tip {
			return c.Err
		}
	}
	return nil
}

// moveTip notes the last commit of a chain that somebody of this space signed. What
// a stranger put on top is read again each time: nobody is accused if it goes.
func (r *round) moveTip(ref string, tip wire.ObjectID) error {
	if tip.IsZero() {
		return nil
	}
	r.repairs = slices.DeleteFunc(r.repairs, func(u gitstore.RefUpdate) bool { return u.Name == ref })
	r.tips[ref] = tip
	return r.v.Put(bucketTip, []byte(ref), tip[:])
}

// read reads everything that the host shows: the ledger first, since it says who
// may sign the rest.
func (r *round) read(ctx context.Context, host *display) error {
	before := r.ledger.len()
	r.shown = host
	if tip, ok := host.tip(r.s.refs.Ledger); ok {
		if err := r.readLedger(r.s.refs.Ledger, tip); err != nil {
			return err
		}
	}
	if r.roster() == nil {
		return errNoLedger
	}
	if err := r.readEpochKeys(host); err != nil {
		return err
	}
	if err := r.openItems(); err != nil {
		return err
	}
	if err := r.standing(before); err != nil {
		return err
	}
	if err := r.logLedger(); err != nil {
		return err
	}
	r.tellWaiting()
	r.tellOwnNews(before)
	if err := r.start(host); err != nil {
		return err
	}
	if err := r.readEpoch(ctx, host); err != nil {
		return err
	}
	if err := r.followAll(ctx, host); err != nil {
		return err
	}
	return r.missing(host)
}

// readEpochKeys reads the keys of all epochs that this device has to pass.
func (r *round) readEpochKeys(host *display) error {
	for _, e := range append(epochsToRead(r.me, r.roster()), r.s.epochsLacked(r.me, r.roster())...) {
		if tip, ok := host.tip(r.s.refs.Keys(e)); ok {
			if err := r.readKeys(e, tip); err != nil {
				return err
			}
		}
	}
	return r.loadSecret()
}

// readEpoch reads the order and the lanes of the epoch that this device stands in.
func (r *round) readEpoch(ctx context.Context, host *display) error {
	if !r.started() {
		return nil
	}
	ref := r.s.refs.Order(r.epoch())
	if tip, ok := host.tip(ref); ok && len(r.lacks()) == 0 {
		if err := r.followOrder(ref, tip); err != nil {
			return err
		}
	}
	if err := r.readLanes(ctx, host); err != nil {
		return err
	}
	return r.readFiles(host)
}

// tellWaiting reminds those who may approve of those who wait for it.
func (r *round) tellWaiting() {
	if !r.roster().MayLedger(r.me.Device, membership.KindApprove) {
		return
	}
	for _, d := range r.roster().Devices() {
		if r.roster().NeedsApproval(d.ID) {
			name := memberName(r.v, d.Member)
			r.warn("%s waits for approval: compare the words of `espace-git member words %q`, then `espace-git member approve %q`", name, name, name)
		}
	}
}

// missing finds refs that the host showed before and does not show any more.
func (r *round) missing(host *display) error {
	for ref := range r.tips {
		if _, ok := host.tip(ref); ok {
			continue
		}
		if errors.Is(host.failed[ref], gitstore.ErrTooBig) {
			// Anyone who may push can put too much on top. What lies under it can't be
			// read, so nothing shows that it was taken back.
			r.junk(ref, host.at(ref), host.failed[ref])
			continue
		}
		n, _ := r.s.refs.Parse(ref)
		if n.Kind == wire.RefFiles {
			continue // readFiles puts them back
		}
		if !host.asked(ref) || r.behind() && n.EpochName == r.epoch().Name() {
			continue // not asked for; or over, so that its refs may be cleared away
		}
		what := "the " + string(n.Kind)
		if n.Kind == wire.RefLane {
			what = "the lane of " + r.deviceName(n.Device)
		}
		if err := r.takenBack(ref, host.at(ref), what); err != nil {
			return err
		}
	}
	return nil
}

// deviceName is for people: the member's name and the device's, as far as known.
func (r *round) deviceName(d wire.DeviceID) string { return deviceName(r.v, r.roster(), d) }

// verified accepts a commit of this device's epoch that device signed.
func (r *round) verified(c gitstore.CommitRef, kind chain.Kind, device func(wire.DeviceID) (membership.Device, bool)) (chain.Verified, error) {
	return r.verifiedIn(r.epoch().O, c, kind, device)
}

// errElsewhere: a commit that says itself that it belongs on another ref.
var errElsewhere = errors.New("it is of another kind, space, epoch or device")

func (r *round) verifiedIn(epoch wire.Hash, c gitstore.CommitRef, kind chain.Kind, device func(wire.DeviceID) (membership.Device, bool)) (chain.Verified, error) {
	if c.Err != nil {
		return chain.Verified{}, c.Err
	}
	u, err := chain.Parse(c.Raw)
	if err != nil {
		return chain.Verified{}, err
	}
	m := u.Claims()
	d, ok := device(m.Device)
	if !ok || m.Kind != kind || m.Space != r.s.id || m.Epoch != epoch {
		return chain.Verified{}, errElsewhere
	}
	return u.Verify(d.Key)
}
