package space

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/espace-git/espace-git/chain"
	"github.com/espace-git/espace-git/gitstore"
	"github.com/espace-git/espace-git/internal/wire"
	"github.com/espace-git/espace-git/membership"
	"github.com/espace-git/espace-git/merge"
	"github.com/espace-git/espace-git/view"
)

// evidence shows that something was taken back, or that a member signed what it
// must not. It holds what was signed, and no plaintext, so that it can be handed
// to anybody (attack evidence-has-no-plaintext).
type evidence struct {
	Kind   string    `json:"kind" cbor:"1,keyasint"`
	Text   string    `json:"-" cbor:"2,keyasint"` // for members: it may hold names
	Time   time.Time `json:"time" cbor:"-"`
	Millis int64     `json:"-" cbor:"3,keyasint"`
	Ref    string    `json:"ref,omitempty" cbor:"4,keyasint,omitempty"`
	Before string    `json:"before,omitempty" cbor:"5,keyasint,omitempty"` // the tip that the host showed first
	Shown  string    `json:"shown,omitempty" cbor:"6,keyasint,omitempty"`  // and what it showed then
	Device string    `json:"device,omitempty" cbor:"7,keyasint,omitempty"`
	Signed [][]byte  `json:"signed,omitempty" cbor:"8,keyasint,omitempty"` // commits or envelopes, as they were signed
}

// save keeps evidence, the same once: a host that goes on lying must not fill the
// disk.
func (e evidence) save(v *view.Tx, now time.Time) error {
	key, err := e.key()
	if err != nil {
		return err
	}
	if _, ok, err := v.Get(bucketEvidence, key); ok || err != nil {
		return err
	}
	e.Millis = now.UnixMilli()
	return putValue(v, bucketEvidence, key, e)
}

// key tells one piece of evidence from another.
func (e evidence) key() ([]byte, error) {
	same := evidence{Kind: e.Kind, Ref: e.Ref, Before: e.Before, Shown: e.Shown, Device: e.Device, Signed: e.Signed}
	b, err := wire.MarshalCBOR(same)
	key := wire.Sum(b)
	return key[:], err
}

// kindFork is met again as long as both branches are among the ancestors.
const kindFork = "ledger-fork"

func (e evidence) known(v *view.Tx) (bool, error) {
	key, err := e.key()
	if err != nil {
		return false, err
	}
	_, ok, err := v.Get(bucketEvidence, key)
	return ok, err
}

func loadEvidence(v *view.Tx) ([]evidence, error) {
	var out []evidence
	for pair, err := range v.Each(bucketEvidence, nil) {
		if err != nil {
			return nil, err
		}
		var e evidence
		if err := wire.UnmarshalCBOR(pair.Value, &e); err != nil {
			return nil, fmt.Errorf("local store: evidence: %w", err)
		}
		e.Time = time.UnixMilli(e.Millis).UTC()
		out = append(out, e)
	}
	slices.SortStableFunc(out, func(a, b evidence) int { return a.Time.Compare(b.Time) })
	return out, nil
}

// Evidence writes what was kept of violations, as JSON: an array of objects with
// kind, time, ref, and the signed bytes in base64. It holds no plaintext, so it
// may be given away; what it proves can be checked without a key of the space.
func (s *Space) Evidence(ctx context.Context, w io.Writer) error {
	list := []evidence{}
	err := s.db.View(ctx, func(v *view.Tx) error {
		got, err := loadEvidence(v)
		list = append(list, got...)
		return err
	})
	if err != nil {
		return classify(err)
	}
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(list)
}

// ledgerFork keeps both branches. An entry that its author declared lost to a
// race is no offence, and a branch that a resolve dropped is settled.
func (r *round) ledgerFork(f *membership.ForkEvidence) error {
	if f.Declared || f.Dropped {
		return nil
	}
	text := fmt.Sprintf("the ledger has two branches at entry %d", f.Number)
	return r.newViolation(forkEvidence(text, r.ledger.envelopes[f.Number], f.Theirs.Envelope))
}

// ledgerSplit: neither branch was verified here before. The entries in which they part
// are the evidence: it is told once, however long the branches grow.
func (r *round) ledgerSplit(s *membership.Split) error {
	text := fmt.Sprintf("the ledger has two branches at entry %d; nothing after it is applied until members' signed positions, an owner, or the user settles it", r.ledger.len())
	var first [][]byte
	for _, b := range s.Branches {
		first = append(first, b.Entries[0].Envelope)
	}
	return r.newViolation(forkEvidence(text, first...))
}

// forkEvidence is the same from whichever branch it is seen.
func forkEvidence(text string, signed ...[]byte) evidence {
	slices.SortFunc(signed, bytes.Compare)
	return evidence{Kind: kindFork, Text: text, Signed: signed}
}

// ledgerRefused: an entry is evidence if a member's device signed what the rules
// refuse. One of a later version's kind is not, and one that nobody signed is junk.
func (r *round) ledgerRefused(e membership.Refusal) error {
	var rule *membership.RuleError
	if errors.Is(e.Err, membership.ErrUnknownKind) {
		r.warn("upgrade needed: %s", firstLine(e.Err.Error()))
		return nil
	}
	if !errors.As(e.Err, &rule) || rule.Signer.IsZero() || errors.Is(rule, membership.ErrConflict) {
		r.warn("ledger: ignoring %s", firstLine(e.Err.Error()))
		return nil
	}
	text := fmt.Sprintf("%s signed a ledger entry that breaks a rule: %s", r.deviceName(rule.Signer), firstLine(e.Err.Error()))
	return r.newViolation(evidence{Kind: "ledger-entry", Text: text, Device: rule.Signer.String(), Signed: [][]byte{e.Envelope}})
}

// laneOutcome acts on what a lane's reader said about a commit. What nobody can
// have signed by accident is a violation; the rest is everyday or a warning.
func (r *round) laneOutcome(l *lane, ref string, c gitstore.CommitRef, o chain.Outcome) error {
	name := r.deviceName(l.device.ID)
	switch o.Verdict {
	case chain.Equivocation:
		text := fmt.Sprintf("the device of %s signed two different entries at one place: it was copied, restored or stolen", name)
		e := evidence{Kind: "equivocation", Text: text, Ref: ref, Device: l.device.ID.String()}
		if o.Evidence != nil {
			e.Signed = [][]byte{o.Evidence.Marshal()}
		}
		return r.violation(e)
	case chain.Contradiction:
		r.warn("%s: commit %.10s by %s is void: its root is not that of its entries", ref, c.ID, name)
	case chain.Waiting, chain.Held, chain.Dropped, chain.Unchecked:
		r.warn("%s: commit %.10s by %s is held: %s", ref, c.ID, name, o.Verdict)
	}
	return nil
}

// newViolation is for what is met again in every round: it is a violation once,
// and a warning from then on.
func (r *round) newViolation(e evidence) error {
	known, err := e.known(r.v)
	if err != nil {
		return err
	}
	if known {
		r.warn("%s", e.Text)
		return nil
	}
	return r.violation(e)
}

// seenElsewhere keeps what both devices signed when one has seen other entries of
// the other than are here: somebody shows or tells two histories (DESIGN 2.3). It
// is told once, since the lane stays held for as long as nobody settles it.
func (r *round) seenElsewhere(l *lane, seen merge.Seen) error {
	e := evidence{
		Kind: "seen-elsewhere", Device: l.device.ID.String(),
		Text: fmt.Sprintf("%s has seen other entries of %s than are here: two histories are shown", r.deviceName(l.device.ID), r.deviceName(seen.Device)),
	}
	for _, of := range []*lane{l, r.lanes[seen.Device]} {
		if of == nil {
			continue
		}
		if tip, ok := of.reader.Tip(); ok {
			e.Signed = append(e.Signed, tip.Raw())
		}
	}
	if known, err := e.known(r.v); known || err != nil {
		return err
	}
	return r.violation(e)
}

// setAside ends a lane for the epoch at an entry that is wrong by its content.
func (r *round) setAside(l *lane, w *wrongEntry) error {
	l.SetAside, l.changed = w.Error(), true
	text := fmt.Sprintf("the lane of %s is set aside: %s", r.deviceName(l.device.ID), w)
	return r.violation(evidence{Kind: "set-aside", Text: text, Device: l.device.ID.String(), Signed: [][]byte{l.pending[0]}})
}
