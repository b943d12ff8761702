package space

import (
	"context"
	"errors"
	"slices"

	"github.com/espace-git/espace-git/chain"
	"github.com/espace-git/espace-git/internal/wire"
	"github.com/espace-git/espace-git/membership"
)

// Member is a person in the space.
type Member struct {
	Member  string       `json:"member"` // ID: that of the first device, for ever
	Name    string       `json:"name"`   // as the member gave it
	Role    string       `json:"role"`
	State   string       `json:"state"` // active; pending: waits for approval; leaving; removed
	Devices []DeviceInfo `json:"devices"`
	Vouched string       `json:"vouched"` // who invited; empty for the founder
	Claims  []string     `json:"claims"`
}

// DeviceInfo is one device of a member.
type DeviceInfo struct {
	Device string `json:"device"`
	Name   string `json:"name"`
	Member string `json:"member"` // whose it is: ID
	Owner  string `json:"owner"`  // and name
	Status string `json:"status"` // active, pending, waiting (not let in yet), recovering, leaving, removed
	This   bool   `json:"this"`
	Via    string `json:"via"` // how it came, if not by an own device: recovery; or the admin who vouched for it, and could impersonate
}

// Members lists everybody who belongs, in the order in which they came.
func (s *Space) Members(ctx context.Context) ([]Member, error) {
	return s.members(ctx, func(m membership.Member) bool { return m.Status != membership.StatusRemoved })
}

// EveryMember lists everybody who ever belonged.
func (s *Space) EveryMember(ctx context.Context) ([]Member, error) {
	return s.members(ctx, func(membership.Member) bool { return true })
}

func (s *Space) members(ctx context.Context, which func(membership.Member) bool) ([]Member, error) {
	out := []Member{}
	err := s.look(ctx, func(r *round) error {
		if r.roster() == nil {
			return nil
		}
		for _, m := range r.roster().Members() {
			if !which(m) {
				continue
			}
			info, err := r.member(m)
			if err != nil {
				return err
			}
			out = append(out, info)
		}
		return nil
	})
	return out, err
}

func (r *round) member(m membership.Member) (Member, error) {
	info := Member{
		Member: m.ID.String(), Name: memberName(r.v, m.ID), Role: m.Role.String(), State: string(m.Status),
		Devices: []DeviceInfo{}, Claims: []string{},
	}
	if !m.InvitedBy.IsZero() {
		info.Vouched = r.deviceName(m.InvitedBy)
	}
	for _, id := range m.Devices {
		d, err := r.deviceInfo(id)
		if err != nil {
			return info, err
		}
		if d.Status != StateRemoved || m.Status == membership.StatusRemoved {
			info.Devices = append(info.Devices, d)
		}
	}
	return info, nil
}

func (r *round) deviceInfo(id wire.DeviceID) (DeviceInfo, error) {
	d, _ := r.roster().Device(id)
	info := DeviceInfo{
		Device: id.String(), Name: text(r.v, nameDevice, id[:]), Member: d.Member.String(), Owner: memberName(r.v, d.Member),
		Status: string(d.Status), This: id == r.me.Device,
	}
	switch {
	case d.Recovered:
		info.Via = "recovery"
	case !d.Voucher.IsZero():
		info.Via = r.deviceName(d.Voucher)
	}
	if !d.Active || r.secret.IsZero() || id == r.me.Device {
		return info, nil
	}
	makers, err := r.wrappers(d)
	if len(makers) == 0 {
		info.Status = StateWaiting
	}
	return info, err
}

// Devices lists the devices that belong, in the order in which they came.
func (s *Space) Devices(ctx context.Context) ([]DeviceInfo, error) {
	all, err := s.EveryDevice(ctx)
	return slices.DeleteFunc(all, func(d DeviceInfo) bool { return d.Status == StateRemoved }), err
}

// EveryDevice lists all devices that ever belonged.
func (s *Space) EveryDevice(ctx context.Context) ([]DeviceInfo, error) {
	out := []DeviceInfo{}
	err := s.look(ctx, func(r *round) error {
		if r.roster() == nil {
			return nil
		}
		for _, d := range r.roster().Devices() {
			info, err := r.deviceInfo(d.ID)
			if err != nil {
				return err
			}
			out = append(out, info)
		}
		return nil
	})
	return out, err
}

// SetHistory lets a member read from an earlier epoch on: "all", or its number.
func (s *Space) SetHistory(ctx context.Context, name, history string) (*Outcome, error) {
	h, err := membership.ParseHistory(history)
	if err != nil || h.None {
		return nil, usage("history %q is neither all nor the number of an epoch", history)
	}
	readsAlready := false
	err = s.look(ctx, func(r *round) error {
		m, err := findMember(r.v, r.roster(), name)
		readsAlready = err == nil && m.Since <= h.From
		return err
	})
	if err != nil || readsAlready {
		return &Outcome{State: OutcomeDone}, err
	}
	return s.change(ctx, SealOptions{}, func(r *round) (membership.Body, map[string][]byte, error) {
		m, err := findMember(r.v, r.roster(), name)
		return &membership.KeyWrapBody{Member: m.ID, Since: h.From}, nil, err
	})
}

// ApproveMember agrees to a join that waits for an admin's second signature.
func (s *Space) ApproveMember(ctx context.Context, name string) error {
	_, err := s.propose(ctx, func(r *round) (membership.Draft, map[string][]byte, error) {
		m, err := findMember(r.v, r.roster(), name)
		if err != nil {
			return membership.Draft{}, nil, err
		}
		i := slices.IndexFunc(m.Devices, func(id wire.DeviceID) bool { return r.roster().NeedsApproval(id) || r.late(id) })
		if i < 0 {
			return membership.Draft{}, nil, usage("%q does not wait for approval", name)
		}
		d, _ := r.roster().Device(m.Devices[i])
		return membership.Draft{Body: &membership.ApproveBody{Entry: membership.Place{Number: d.AddedAt, Hash: d.AddedHash}}}, nil, nil
	})
	if err != nil {
		return err
	}
	return s.syncQuietly(ctx)
}

// late: a join that was first seen here after its invite's expiry.
func (r *round) late(id wire.DeviceID) bool {
	d, ok := r.roster().Device(id)
	return ok && r.expiredUnseen(d)
}

// syncQuietly carries out what an entry has made due. The entry stands, so only
// what a user must know is an error.
func (s *Space) syncQuietly(ctx context.Context) error {
	_, err := s.Sync(ctx)
	if errors.Is(err, ErrUnreachable) {
		return nil
	}
	return err
}

// Words are the twelve safety words of a member: they stand for its keys and the
// space, the same on every device that sees the same keys. Comparing them by voice
// is optional; all twelve, or none.
func (s *Space) Words(ctx context.Context, name string) ([]string, error) {
	var out []string
	err := s.look(ctx, func(r *round) error {
		m, err := findMember(r.v, r.roster(), name)
		if err != nil {
			return err
		}
		parts := [][]byte{wire.AD("member-words", r.s.id[:], m.ID[:])}
		for _, id := range m.Devices {
			d, _ := r.roster().Device(id)
			recipient := wire.Sum([]byte(d.Recipient))
			parts = append(parts, d.Key, recipient[:])
		}
		words := membership.Words(wire.Sum(parts...))
		out = words[:]
		return nil
	})
	return out, err
}

// Fingerprint is the verified ledger in words: equal at one number means equal
// ledgers, so nobody was shown another branch.
type Fingerprint struct {
	Seq   uint64   `json:"seq"`
	Hash  string   `json:"hash"`
	Words []string `json:"words"`
}

// Fingerprint of the ledger's head, or of the entry with the number at.
func (s *Space) Fingerprint(ctx context.Context, at *uint64) (*Fingerprint, error) {
	var out *Fingerprint
	err := s.look(ctx, func(r *round) error {
		p := r.roster().Head()
		if at != nil {
			hash, ok := r.roster().HashAt(*at)
			if !ok {
				return notFound("the ledger has no entry %d yet", *at)
			}
			p = wire.Position{Number: *at, Hash: hash}
		}
		words := membership.Words(p.Hash)
		out = &Fingerprint{Seq: p.Number, Hash: p.Hash.String(), Words: words[:]}
		return nil
	})
	return out, err
}

// AllowedSigners is a file for `git -c gpg.ssh.allowedSignersFile=FILE
// verify-commit`: all devices ever, since git checks old commits too.
func (s *Space) AllowedSigners(ctx context.Context) (string, error) {
	var signers []chain.Signer
	err := s.look(ctx, func(r *round) error {
		for _, d := range r.roster().Devices() {
			signers = append(signers, chain.Signer{Device: d.ID, Key: d.Key})
		}
		return nil
	})
	return chain.AllowedSigners(signers), err
}
