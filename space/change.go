package space

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/espace-git/espace-git/membership"
)

// What a member asks the ledger for comes about in one of four ways (DESIGN 4): at
// once; with a seal, when it takes something away; by a request that an admin's next
// seal carries out; by a proposal that others approve. Which it is, the ledger says,
// and may say otherwise by the time that the entry gets in.

// The ways in which a change came about, or is about to.
const (
	OutcomeDone      = "done"      // in force
	OutcomeSealed    = "sealed"    // in force, from the cut of a seal on
	OutcomeRequested = "requested" // the next sync of an admin's device seals it
	OutcomeProposed  = "proposed"  // others have to approve it
)

// Outcome is what became of something that a member asked the ledger for.
type Outcome struct {
	State  string  `json:"state"`
	Entry  uint64  `json:"entry"`            // the ledger entry that asks for it
	Needs  int     `json:"needs"`            // of a proposal: by how many other members it has to be approved
	Sealed *Sealed `json:"sealed,omitempty"` // what the seal did, if this device made it
}

// InForce reports whether the change is: sealed on the host, where it needs that.
func (c *Outcome) InForce() bool { return c.State == OutcomeDone || c.State == OutcomeSealed }

// draftBody makes the body of an entry, and its private items, for the ledger as it
// stands.
type draftBody func(*round) (membership.Body, map[string][]byte, error)

var errOtherForm = errors.New("the ledger asks for another form of this entry now")

// maxForms bounds how often that may happen.
const maxForms = 5

// change brings something about in whatever form the ledger asks for.
func (s *Space) change(ctx context.Context, o SealOptions, body draftBody) (*Outcome, error) {
	res := &SyncResult{LetIn: []string{}, Warnings: []string{}}
	unlock, err := s.lockSync(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	defer s.mirrorRefs(ctx)
	// What waits here goes into the epoch that it was written in. Neither what somebody
	// did wrong nor a host that refuses the own lane keeps anybody from being removed.
	if err := s.syncLocked(ctx, res); err != nil && !errors.Is(err, ErrViolation) && !errors.Is(err, ErrRefused) {
		return nil, err
	}
	c, err := s.changeLocked(ctx, o, body)
	if err != nil {
		return nil, classify(err)
	}
	return c, s.carryOut(ctx, res, c)
}

func (s *Space) changeLocked(ctx context.Context, o SealOptions, body draftBody) (c *Outcome, err error) {
	for range maxForms {
		sealing := false
		err := s.look(ctx, func(r *round) (err error) {
			sealing, err = r.seals(body)
			return err
		})
		if err != nil {
			return nil, err
		}
		if sealing {
			c, err = s.changeBySeal(ctx, o, body)
		} else {
			c, err = s.changePlain(ctx, body)
		}
		// Evidence that turned up is kept now, and the next look does not stop at it again.
		if !errors.Is(err, errOtherForm) && !errors.Is(err, ErrViolation) {
			return c, err
		}
	}
	return nil, join(ErrConflict, errors.New("the ledger kept changing: try again"))
}

// seals reports whether the body has to come with a seal. Whoever may not ask for it
// at all is told so before anything is tried.
func (r *round) seals(body draftBody) (bool, error) {
	b, _, err := body(r)
	if err != nil {
		return false, err
	}
	switch {
	case r.me.Gone != "":
		return false, r.me.refusal()
	case r.me.Role == "":
		return false, join(ErrWaiting, fmt.Errorf("%w", ErrWaiting))
	case !r.roster().MayLedger(r.me.Device, b.Kind()):
		return false, notPermitted("the role %q does not allow it", r.me.Role)
	}
	return r.roster().Seals(b, r.me.Device), nil
}

func (s *Space) changeBySeal(ctx context.Context, o SealOptions, body draftBody) (*Outcome, error) {
	sealed, err := s.sealLocked(ctx, o, func(r *round) (membership.Body, map[string][]byte, error) {
		b, values, err := body(r)
		if err == nil && !r.roster().Seals(b, r.me.Device) {
			err = errOtherForm
		}
		return b, values, err
	})
	if err != nil {
		return nil, err
	}
	return &Outcome{State: OutcomeSealed, Entry: sealed.Entry, Sealed: sealed}, nil
}

func (s *Space) changePlain(ctx context.Context, body draftBody) (*Outcome, error) {
	c := &Outcome{}
	e, err := s.proposeLocked(ctx, func(r *round) (d membership.Draft, values map[string][]byte, err error) {
		if d.Body, values, err = body(r); err != nil {
			return d, nil, err
		}
		if r.roster().Seals(d.Body, r.me.Device) {
			return d, nil, errOtherForm
		}
		if c.Needs = r.roster().Approvals(d.Body, r.me.Device); c.Needs > 0 {
			d.Terms, err = r.terms()
		}
		return d, values, err
	})
	if err != nil {
		return nil, err
	}
	c.Entry = e.Number
	return c, nil
}

// proposalStands is for how many further ledger entries a proposal may be approved.
const proposalStands = 1000

// terms are those of a new proposal.
func (r *round) terms() (*membership.Terms, error) {
	t := &membership.Terms{Until: r.roster().Head().Number + 1 + proposalStands}
	_, err := io.ReadFull(r.s.opts.Rand, t.ID[:])
	return t, err
}

// carryOut ends a change: what it made due here is done, a seal for a request
// included, and what it has come to is looked up.
func (s *Space) carryOut(ctx context.Context, res *SyncResult, c *Outcome) error {
	err := s.syncLocked(ctx, res)
	if err == nil && c.Sealed == nil {
		err = s.sealIfDue(ctx, res)
	}
	if c.Sealed == nil {
		err = errors.Join(s.look(ctx, func(r *round) error { c.State = r.cameTo(c.Entry); return nil }), err)
	}
	if errors.Is(err, ErrViolation) || errors.Is(err, ErrRefused) || errors.Is(err, ErrUnreachable) || errors.Is(err, ErrConflict) {
		return nil // the entry stands; the next sync tells what was wrong
	}
	return err
}

// cameTo says what has become of the entry that asked for something.
func (r *round) cameTo(entry uint64) string {
	asks := func(roster *membership.Roster) bool {
		return slices.ContainsFunc(roster.Requests(), func(q membership.Request) bool { return q.Number == entry })
	}
	if asks(r.roster()) {
		return OutcomeRequested
	}
	for _, p := range r.roster().Proposals() {
		if p.Number == entry {
			return OutcomeProposed
		}
	}
	for _, o := range r.roster().Openings() {
		if before, ok := r.roster().At(o.At - 1); ok && o.At > entry && asks(before) {
			return OutcomeSealed
		}
	}
	return OutcomeDone
}
