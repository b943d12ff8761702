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
	if j.As != "" {
		if err := checkNames(j.As); err != nil {
			return nil, nil, err
		}
	}
	vault, err := ensureVault(o)
	if err != nil {
		return nil, nil, fmt.Errorf("joining: %w", err)
	}
	s, request, err := join1(ctx, vault, dir, l, j, o)
	if err != nil {
		return nil, nil, fmt.Errorf("joining: %w", classify(err))
	}
	out := &Joined{Space: s.ID(), Dir: s.dir, State: StateWaiting, Request: request}
	return s, out, nil
}

func join1(ctx context.Context, vault *identity.Vault, dir string, l membership.Link, j JoinOptions, o Options) (*Space, []byte, error) {
	if _, err := vault.OpenKeyring(l.Space); err == nil {
		return nil, nil, usage("this user belongs to the space already; for a further device use another ESPACE_HOME or `device add`")
	}
	site, err := newSite(dir)
	if err != nil {
		return nil, nil, err
	}
	defer site.abandon()
	dev, err := vault.NewDevice(o.Rand)
	if err != nil {
		return nil, nil, err
	}
	if err := site.prepare(vault, o, l.Space, dev); err != nil {
		return nil, nil, err
	}
	s := site.space(l.Refs(), l.Repository)
	own := dev.ID()
	err = s.db.Update(ctx, func(v *view.Tx) error {
		if err := s.savePlace(v); err != nil {
			return err
		}
		if err := v.Put(bucketName, nameKey(nameMember, own[:]), []byte(j.As)); err != nil {
			return err
		}
		return (self{Device: dev.ID(), Member: wire.MemberIDOf(dev.ID())}).save(v)
	})
	if err != nil {
		return nil, nil, err
	}
	request, err := s.ask(ctx, l, j)
	if err != nil {
		return nil, nil, err
	}
	s, err = site.settle(ctx)
	return s, request, err
}

// ask puts the join into the ledger, or makes the request that a member does it.
func (s *Space) ask(ctx context.Context, l membership.Link, j JoinOptions) ([]byte, error) {
	var request *membership.JoinRequest
	make := func(r *round) (err error) {
		if err := s.checkInvite(r, l, j); err != nil {
			return err
		}
		if request == nil { // it proves itself, so one serves all tries
			request, err = s.joinRequest(r, l, j)
		}
		return err
	}
	if j.Offline {
		err := s.readThen(ctx, func(r *round, _ *gitstore.Batch, _ *display) error { return make(r) })
		if err != nil {
			return nil, err
		}
		return request.Encode()
	}
	_, err := s.propose(ctx, func(r *round) (membership.Draft, map[string][]byte, error) {
		if err := make(r); err != nil {
			return membership.Draft{}, nil, err
		}
		return request.Draft(r.roster()), nil, nil
	})
	return nil, err
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
		return usage("a newcomer needs a name for the others to see")
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
