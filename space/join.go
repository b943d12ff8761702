package space

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/espace-git/espace-git/gitstore"
	"github.com/espace-git/espace-git/identity"
	"github.com/espace-git/espace-git/internal/wire"
	"github.com/espace-git/espace-git/membership"
	"github.com/espace-git/espace-git/seal"
	"github.com/espace-git/espace-git/view"
)

// JoinOptions say who joins.
type JoinOptions struct {
	As         string // the newcomer's name, for the members; not needed for a further own device
	DeviceName string
	Offline    bool // do not push: hand Joined.Request to a member instead
}

// Joined is how far a join has come.
type Joined struct {
	Space   string `json:"space"`
	Dir     string `json:"dir"`
	State   string `json:"state"`
	Request []byte `json:"-"` // with Offline: what a member puts into the ledger (Admit)
}

// Link is what a join link names, read without connecting to anybody.
type Link struct {
	Repository string `json:"repository"`
	Space      string `json:"space"`
	Entry      uint64 `json:"entry"` // number of the invite's entry, which the ledger must have
}

// LinkInfo reads a link, so that a program can name the host before it connects.
func LinkInfo(link string) (Link, error) {
	l, err := membership.ParseLink(link)
	if err != nil {
		return Link{}, err
	}
	return Link{Repository: l.Repository, Space: l.Space.String(), Entry: l.Invite.Number}, nil
}

// Join joins the space of a link, in dir, which is made if need be. It makes keys
// of its own, reads the ledger, refuses one that does not have exactly the
// invite's entry, and puts its join into it. Until a member's device has synced
// the space is `waiting`. When Join fails, nothing is left, and the link is good
// still.
func Join(ctx context.Context, dir, link string, j JoinOptions, o Options) (*Space, *Joined, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, nil, err
	}
	l, err := membership.ParseLink(link)
	if err != nil {
		return nil, nil, err
	}
	names := []string{deviceNameOr(j.DeviceName)}
	if j.As != "" {
		names = append(names, j.As)
	}
	if err := checkNames(names...); err != nil {
		return nil, nil, err
	}
	vault, err := ensureVault(o)
	if err != nil {
		return nil, nil, fmt.Errorf("joining: %w", err)
	}
	s, request, err := join1(ctx, vault, dir, l, j, o)
	if err != nil {
		return nil, nil, fmt.Errorf("joining: %w", classify(err))
	}
	out := &Joined{Space: s.ID(), Dir: s.dir, State: StateWaiting}
	if j.Offline {
		out.Request = request
	}
	return s, out, nil
}

func join1(ctx context.Context, vault *identity.Vault, dir string, l membership.Link, j JoinOptions, o Options) (*Space, []byte, error) {
	again := func(s *Space, u underWay) error { return s.askAgain(ctx, u, l, j) }
	if s, err := resume(ctx, dir, stepJoin, o, again); s != nil || err != nil {
		return s, nil, err
	}
	site, err := newSite(dir)
	if err != nil {
		return nil, nil, err
	}
	defer site.abandon()
	if err := clearKeyring(vault, l.Space, o.Home, site.dir); err != nil {
		return nil, nil, err
	}
	dev, err := vault.NewDevice(o.Rand)
	if err != nil {
		return nil, nil, err
	}
	if err := site.prepare(vault, o, l.Space, dev); err != nil {
		return nil, nil, err
	}
	s := site.space(l.Refs(), l.Repository)
	if err := s.db.Update(ctx, func(v *view.Tx) error { return s.newcomer(v, j.As) }); err != nil {
		return nil, nil, err
	}
	request, err := s.ask(ctx, l, j)
	if err != nil {
		return nil, nil, err
	}
	if s, err = site.settle(ctx); err != nil {
		return nil, nil, err
	}
	if !j.Offline {
		if err := s.finish(ctx); err != nil && mayHaveLanded(ctx, err) {
			site.keep()
			s.Close()
			return nil, nil, fmt.Errorf("%w; whether the host has the join is not known: `espace-git sync` in %s finishes it", err, s.dir)
		} else if err != nil {
			return nil, nil, err
		}
	}
	site.keep()
	return s, request, nil
}

// newcomer writes what a device knows of itself before it belongs.
func (s *Space) newcomer(v *view.Tx, as string) error {
	own := s.keys.Device().ID()
	if err := s.savePlace(v); err != nil {
		return err
	}
	if err := v.Put(bucketName, nameKey(nameMember, own[:]), []byte(as)); err != nil {
		return err
	}
	return (self{Device: own, Member: wire.MemberIDOf(own)}).save(v)
}

// askAgain: the join that is under way is by this link, or is made by it now: that
// of another link may never be let in.
func (s *Space) askAgain(ctx context.Context, u underWay, l membership.Link, j JoinOptions) error {
	if s.id != l.Space {
		return usage("a join of another space was begun in %s: finish it with `espace-git sync`, or join in another directory", s.dir)
	}
	q, err := membership.DecodeJoinRequest(u.Request)
	if err != nil || q.Body.Invite.Hash == l.Invite.Hash {
		return err
	}
	unlock, err := s.lockSync(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	_, err = s.ask(ctx, l, j)
	return err
}

// ask reads the ledger and makes the join: what any member may put into it. It is
// stored before anything of it leaves the device.
func (s *Space) ask(ctx context.Context, l membership.Link, j JoinOptions) (request []byte, err error) {
	err = s.readThen(ctx, func(r *round, _ *gitstore.Batch, _ *display) error {
		if err := s.checkInvite(r, l, j); err != nil {
			return err
		}
		q, err := s.joinRequest(r, l, j)
		if err != nil {
			return err
		}
		if request, err = q.Encode(); err != nil || j.Offline {
			return err
		}
		return underWay{Step: stepJoin, Request: request}.save(r.v)
	})
	return request, err
}

// checkInvite: the ledger is the one that the inviter saw, and the invite is open.
func (s *Space) checkInvite(r *round, l membership.Link, j JoinOptions) error {
	if !r.roster().Holds(l.Invite) {
		text := fmt.Sprintf("the host shows another ledger than the one that the link is for: it has no such invite at entry %d", l.Invite.Number)
		return join(ErrViolation, errors.New(text))
	}
	inv, ok := r.roster().Invite(membership.InviteID(l.Invite.Hash))
	if !ok || !inv.PublicKey.Equal(l.InviteKey().Public()) {
		return join(ErrLink, fmt.Errorf("%w: its secret does not fit the invite", ErrLink))
	}
	if inv.Member.IsZero() && j.As == "" {
		return join(ErrUsage, ErrNameless)
	}
	switch inviteState(inv, s.opts.Now()) {
	case "revoked":
		return notPermitted("the invite was revoked: ask for a new link")
	case "used":
		return notPermitted("the invite was for %d and has been used: ask for a new link", inv.Uses)
	case "expired":
		return notPermitted("the invite expired on %s: ask for a new link", inv.Expires.Format(time.RFC3339))
	}
	return nil
}

func (s *Space) joinRequest(r *round, l membership.Link, j JoinOptions) (*membership.JoinRequest, error) {
	dev := s.keys.Device()
	values := map[string][]byte{membership.ItemDeviceName: []byte(deviceNameOr(j.DeviceName))}
	if j.As != "" {
		values[membership.ItemMemberName] = []byte(j.As)
	}
	items, err := salted(s.opts.Rand, values)
	if err != nil {
		return nil, err
	}
	plain, err := membership.EncodeJoinItems(dev.ID(), items)
	if err != nil {
		return nil, err
	}
	inv, _ := r.roster().Invite(membership.InviteID(l.Invite.Hash))
	mail, err := seal.SealTo(inv.Mailbox, plain)
	if err != nil {
		return nil, err
	}
	return r.roster().NewJoin(l.Invite, membership.JoinParams{
		Invite: l.InviteKey(), Signer: dev, Recipient: dev.Recipient(), Items: items.Hashes(), Private: mail,
	})
}

// Admit puts the join of somebody who can't push into the ledger.
func (s *Space) Admit(ctx context.Context, request []byte) error {
	q, err := membership.DecodeJoinRequest(request)
	if err != nil {
		return join(ErrUsage, err)
	}
	if q.Space != s.id {
		return usage("the join is for another space")
	}
	_, err = s.propose(ctx, func(r *round) (membership.Draft, map[string][]byte, error) {
		inv, ok := r.roster().Invite(membership.InviteID(q.Body.Invite.Hash))
		if ok && inviteState(inv, s.opts.Now()) == "expired" {
			return membership.Draft{}, nil, notPermitted("the invite expired on %s", inv.Expires.Format(time.RFC3339))
		}
		return q.Draft(r.roster()), nil, nil
	})
	return err
}

// checkNames refuses names that would hide or fake something when they are shown.
func checkNames(names ...string) error {
	for _, n := range names {
		if strings.TrimSpace(n) == "" {
			return usage("a name is empty")
		}
		if len(n) > 200 || !utf8.ValidString(n) {
			return usage("a name is longer than 200 bytes or not UTF-8")
		}
		for _, c := range n {
			if !unicode.IsPrint(c) {
				return usage("the name %q has a character that does not print", n)
			}
		}
	}
	return nil
}

func deviceNameOr(name string) string {
	if name != "" {
		return name
	}
	if host, err := os.Hostname(); err == nil && checkNames(host) == nil {
		return host
	}
	return "device"
}
