package space

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"io"
	"time"

	"github.com/espace-git/espace-git/internal/wire"
	"github.com/espace-git/espace-git/membership"
	"github.com/espace-git/espace-git/seal"
	"github.com/espace-git/espace-git/view"
)

// Defaults of an invite (DESIGN 6).
const (
	DefaultExpiry = 7 * 24 * time.Hour
	DefaultRole   = "editor"
)

// InviteOptions say who may come. The zero value: one editor, within seven days,
// with all history.
type InviteOptions struct {
	Role    string // viewer, editor, admin, owner
	Expires time.Duration
	Uses    int
	History string // all, none (what was before the join stays closed), or the number of an epoch
	Approve bool   // an admin approves each join; always so for admin and owner
	For     string // whom it is for; members see it
	Member  string // of AddDevice: a member that lost all its devices
}

// Invitation is a link that is on the host already.
type Invitation struct {
	Link    string    `json:"link"` // a secret until it is used
	ID      string    `json:"id"`
	Expires time.Time `json:"expires"`
	Host    string    `json:"-"` // the repository that the newcomer must be able to reach
	Entry   uint64    `json:"-"` // of the ledger
	Needs   int       `json:"-"` // how many other members have to approve the entry before anybody can join by it
}

// Invite puts an invite into the ledger and returns its link.
func (s *Space) Invite(ctx context.Context, o InviteOptions) (*Invitation, error) {
	body, err := o.body(s.opts.Now())
	if err != nil {
		return nil, err
	}
	return s.invite(ctx, body, o.For)
}

// AddDevice makes a link for a further device of the own member: only its role
// and history are given on, and only this member's devices can make it. With
// o.Member it is for a member that has lost all its devices, once these are removed:
// an admin vouches for it, who could impersonate it and so is named for ever.
func (s *Space) AddDevice(ctx context.Context, o InviteOptions) (*Invitation, error) {
	expires := o.Expires
	if expires == 0 {
		expires = DefaultExpiry
	}
	var me self
	if err := s.db.View(ctx, func(v *view.Tx) (err error) { me, err = loadSelf(v); return err }); err != nil {
		return nil, classify(err)
	}
	body := &membership.InviteBody{Member: &me.Member, Uses: 1, Expires: expiry(s.opts.Now(), expires)}
	if o.Member != "" {
		err := s.look(ctx, func(r *round) error {
			m, err := findMember(r.v, r.roster(), o.Member)
			body.Member, body.Approve = &m.ID, m.ID != me.Member && (o.Approve || m.Role >= membership.Admin)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return s.invite(ctx, body, o.For)
}

func (o InviteOptions) body(now time.Time) (*membership.InviteBody, error) {
	if o.Role == "" {
		o.Role = DefaultRole
	}
	role, err := membership.ParseRole(o.Role)
	if err != nil {
		return nil, join(ErrUsage, err)
	}
	if o.History == "" {
		o.History = "all"
	}
	history, err := membership.ParseHistory(o.History)
	if err != nil {
		return nil, join(ErrUsage, err)
	}
	if o.Expires < 0 || o.Uses < 0 {
		return nil, usage("an invite needs a time and a number of uses above zero")
	}
	if o.Expires == 0 {
		o.Expires = DefaultExpiry
	}
	return &membership.InviteBody{
		Role: role, History: &history, Uses: max(o.Uses, 1), Expires: expiry(now, o.Expires),
		Approve: o.Approve || role >= membership.Admin,
	}, nil
}

// invite draws the invite's secrets, puts the entry on the host and only then
// makes the link: a link names the number and hash of its entry, so that it opens
// no other ledger (attack newcomer-captured).
func (s *Space) invite(ctx context.Context, body *membership.InviteBody, whom string) (*Invitation, error) {
	link := membership.Link{Repository: s.url, Space: s.id}
	if s.refs.Ledger != wire.DefaultRefs.Ledger {
		link.LedgerRef = s.refs.Ledger
	}
	if s.refs.Prefix != wire.DefaultRefs.Prefix {
		link.Prefix = s.refs.Prefix
	}
	if _, err := io.ReadFull(s.opts.Rand, link.Secret[:]); err != nil {
		return nil, err
	}
	if s.url == "" {
		return nil, usage("nobody can join a space that is on no host: `espace-git remote add origin URL`")
	}
	if err := link.Check(); err != nil {
		return nil, join(ErrUsage, fmt.Errorf("this space's remote can't stand in a link: %w", err))
	}
	mailbox, private, err := seal.NewMailbox()
	if err != nil {
		return nil, err
	}
	body.Key, body.Mailbox = link.InviteKey().Public().(ed25519.PublicKey), mailbox
	values := map[string][]byte{membership.ItemMailbox: private}
	if whom != "" {
		if err := checkNames(whom); err != nil {
			return nil, err
		}
		values[membership.ItemInviteFor] = []byte(whom)
	}
	needs := 0
	e, err := s.propose(ctx, func(r *round) (d membership.Draft, _ map[string][]byte, err error) {
		d.Body = body
		if needs = r.roster().Approvals(body, r.me.Device); needs > 0 {
			d.Terms, err = r.terms()
		}
		return d, values, err
	})
	if err != nil {
		return nil, fmt.Errorf("inviting: %w", err)
	}
	link.Invite, link.Repository = e.Position(), s.Remote() // where the entry was put
	return &Invitation{
		Link: link.String(), ID: membership.InviteID(e.Hash), Expires: time.UnixMilli(body.Expires).UTC(), Host: link.Repository,
		Entry: e.Number, Needs: needs,
	}, nil
}

// InviteInfo is an invite as the ledger has it.
type InviteInfo struct {
	ID      string    `json:"id"`
	Role    string    `json:"role"` // empty for a device link
	By      string    `json:"by"`
	For     string    `json:"for"`
	Uses    int       `json:"uses"`
	Used    int       `json:"used"`
	Expires time.Time `json:"expires"`
	State   string    `json:"state"` // open, used, expired, revoked
}

// Invites lists all invites ever made, oldest first.
func (s *Space) Invites(ctx context.Context) ([]InviteInfo, error) {
	out := []InviteInfo{}
	err := s.look(ctx, func(r *round) error {
		for _, i := range r.roster().Invites() {
			out = append(out, r.inviteInfo(i))
		}
		return nil
	})
	return out, err
}

func (r *round) inviteInfo(i membership.Invite) InviteInfo {
	info := InviteInfo{
		ID: i.ID, By: r.deviceName(i.Author), For: text(r.v, nameInvite, []byte(i.ID)),
		Uses: i.Uses, Used: i.Used, Expires: i.Expires, State: inviteState(i, r.now),
	}
	if i.Member.IsZero() {
		info.Role = i.Role.String()
	}
	return info
}

func inviteState(i membership.Invite, now time.Time) string {
	switch {
	case i.Closed:
		return "revoked"
	case i.Used >= i.Uses:
		return "used"
	case now.After(i.Expires):
		return "expired"
	}
	return "open"
}

// RevokeInvite closes an invite. Whoever has joined by it stays.
func (s *Space) RevokeInvite(ctx context.Context, id string) error {
	_, err := s.propose(ctx, func(r *round) (membership.Draft, map[string][]byte, error) {
		i, ok := r.roster().Invite(id)
		if !ok {
			return membership.Draft{}, nil, notFound("there is no invite %q", id)
		}
		return membership.Draft{Body: &membership.InviteRevokeBody{Invite: i.Hash}}, nil, nil
	})
	return err
}

// expiry is when an invite made now ends, in Unix milliseconds. Like all times that
// the host can read it is coarse, unless so short that it would end at once.
func expiry(now time.Time, after time.Duration) int64 {
	end := now.Add(after)
	if after >= time.Hour {
		end = coarse(end)
	}
	return end.UnixMilli()
}
