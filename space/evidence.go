package space

import (
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
	id, err := wire.MarshalCBOR(evidence{Kind: e.Kind, Ref: e.Ref, Before: e.Before, Shown: e.Shown, Device: e.Device, Signed: e.Signed})
	if err != nil {
		return err
	}
	key := wire.Sum(id)
	if _, ok, err := v.Get(bucketEvidence, key[:]); ok || err != nil {
		return err
	}
	e.Millis = now.UnixMilli()
	return putValue(v, bucketEvidence, key[:], e)
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

// ledgerOutcome acts on what a reading of the ledger could not take.
func (r *round) ledgerOutcome(got membership.Reading) error {
	for _, f := range got.Forks {
		if f.Declared {
			continue // its author said that it lost a race: no offence
		}
		text := fmt.Sprintf("the ledger has two branches at entry %d", f.Number)
		ours := r.ledger.envelopes[f.Number]
		if err := r.violation(evidence{Kind: "ledger-fork", Text: text, Signed: [][]byte{ours, f.Theirs.Envelope}}); err != nil {
			return err
		}
	}
	if got.Split != nil {
		if err := r.ledgerSplit(got.Split); err != nil {
			return err
		}
	}
	for _, refused := range got.Refused {
		if err := r.ledgerRefusal(refused); err != nil {
			return err
		}
	}
	return nil
}

// ledgerSplit: who meets two branches at once applies nothing after the split
// (DESIGN 3).
func (r *round) ledgerSplit(split *membership.Split) error {
	e := evidence{Kind: "ledger-fork", Text: fmt.Sprintf("the ledger has %d branches after entry %d; nothing of them is applied until an owner settles it", len(split.Branches), split.Shared.Head().Number)}
	for _, b := range split.Branches {
		for _, entry := range b.Entries {
			e.Signed = append(e.Signed, entry.Envelope)
		}
	}
	return r.violation(e)
}

// ledgerRefusal: a refused entry says something about somebody only if a device
// of this space signed it; all else anyone may have put there.
func (r *round) ledgerRefusal(refused membership.Refusal) error {
	var rule *membership.RuleError
	if errors.Is(refused.Err, membership.ErrUnknownKind) {
		r.warn("upgrade needed: %s", firstLine(refused.Err.Error()))
		return nil
	}
	if !errors.As(refused.Err, &rule) || rule.Signer.IsZero() || errors.Is(rule, membership.ErrConflict) {
		r.warn("ledger: ignoring %s", firstLine(refused.Err.Error()))
		return nil
	}
	text := fmt.Sprintf("%s signed a ledger entry that breaks a rule: %s", r.deviceName(rule.Signer), firstLine(rule.Error()))
	return r.violation(evidence{Kind: "ledger-entry", Text: text, Device: rule.Signer.String(), Signed: [][]byte{refused.Envelope}})
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

// setAside ends a lane for the epoch at an entry that is wrong by its content.
func (r *round) setAside(l *lane, w *wrongEntry) error {
	l.SetAside, l.changed = w.Error(), true
	text := fmt.Sprintf("the lane of %s is set aside: %s", r.deviceName(l.device.ID), w)
	return r.violation(evidence{Kind: "set-aside", Text: text, Device: l.device.ID.String(), Signed: [][]byte{l.pending[0]}})
}
