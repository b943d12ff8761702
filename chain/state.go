package chain

import (
	"crypto/ed25519"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/espace-git/espace-git/internal/wire"
)

// A reader on disk is its state, which is small while nothing waits, and its
// pages of history, of which only the last one changes as the log grows:
//
//	state, pages := r.Save()       write both in one transaction, then r.Saved()
//	r, err := RestoreLane(…, state, load)
//
// The state is local and never shared; its first byte is its version. A reader
// whose state is not understood is built anew from git.

// ErrState is wrapped when a stored reader cannot be used.
var ErrState = errors.New("stored reader is not usable")

const stateVersion = 1

// Save is the reader's state and the pages of history that changed since it was
// restored or Saved.
func (r *LaneReader) Save() (state []byte, pages map[uint64][]byte) { return r.t.save() }

// Saved says that what Save returned is on disk. Full pages leave the memory if
// the reader can load them.
func (r *LaneReader) Saved() { r.t.hist.saved() }

// RestoreLane is the reader with this state. load gives a page of history, nil
// if it is lost; pages are loaded when they are asked for.
func RestoreLane(space, epoch wire.Hash, key ed25519.PublicKey, state []byte, load func(page uint64) []byte) (*LaneReader, error) {
	r := NewLaneReader(space, epoch, key)
	if err := r.t.restore(state, load); err != nil {
		return nil, fmt.Errorf("lane: %w: %w", ErrState, err)
	}
	for _, v := range r.t.commits() {
		if string(v.key) != string(key) {
			return nil, fmt.Errorf("lane: %w: a commit is of another lane", ErrState)
		}
	}
	return r, nil
}

// Save is as for a LaneReader.
func (r *OrderReader) Save() (state []byte, pages map[uint64][]byte) { return r.t.save() }

// Saved is as for a LaneReader.
func (r *OrderReader) Saved() { r.t.hist.saved() }

// RestoreOrder is as RestoreLane.
func RestoreOrder(space, epoch wire.Hash, authored Authored, state []byte, load func(page uint64) []byte) (*OrderReader, error) {
	r := NewOrderReader(space, epoch, authored)
	if err := r.t.restore(state, load); err != nil {
		return nil, fmt.Errorf("order: %w: %w", ErrState, err)
	}
	return r, nil
}

func (h *history) saved() {
	for i, p := range h.pages {
		p.dirty = false
		if h.load != nil && i != (h.n-1)/pageLen {
			delete(h.pages, i)
		}
	}
}

func (t *trunk) save() ([]byte, map[uint64][]byte) {
	pages := map[uint64][]byte{}
	for i, p := range t.hist.pages {
		if p.dirty {
			pages[i] = p.marshal()
		}
	}
	log, _ := t.log.MarshalBinary() // cannot fail
	e := encoder{stateVersion, flag(t.stopped)}
	e.bytes(log)
	e.commit(t.tip)
	e.hashes(t.ahead)
	e.count(len(t.waiting))
	for _, p := range t.waiting {
		e.commit(p.Verified)
		e.count(len(p.run.entries))
		for _, entry := range p.run.entries {
			e.bytes(entry)
		}
	}
	e.count(len(t.evidence))
	for _, ev := range t.evidence {
		e = append(e, ev.Marshal()...)
	}
	return e, pages
}

// restore reads what save wrote. Every commit is parsed and verified again.
func (t *trunk) restore(state []byte, load func(uint64) []byte) error {
	d := decoder{rest: state}
	if d.byte() != stateVersion {
		return errors.New("unknown version")
	}
	t.stopped = d.byte() == 1
	if err := t.log.UnmarshalBinary(d.bytes()); err != nil {
		return err
	}
	t.tip = d.commit()
	t.ahead = d.hashes()
	for range d.count(maxWaiting) {
		t.waiting = append(t.waiting, d.piece())
	}
	for range d.count(maxEvidence) {
		t.evidence = append(t.evidence, d.evidence())
	}
	if d.err != nil || len(d.rest) != 0 {
		return errors.Join(d.err, fmt.Errorf("%w: %d bytes left", ErrMalformed, len(d.rest)))
	}
	return t.attach(load)
}

// attach connects the history and checks that it fits the state.
func (t *trunk) attach(load func(uint64) []byte) error {
	t.hist = history{n: t.log.Len(), load: load}
	last, ok := t.hist.logAt(t.log.Len())
	if !ok || !t.hist.whole() || last.Head() != t.log.Head() {
		return errors.New("last page of history is lost")
	}
	if covers := t.tip.raw != nil; covers != (t.log.Len()+uint64(len(t.ahead)) > 0) {
		return errors.New("no commit covers the log")
	}
	for _, v := range t.commits() {
		if !t.here(v) {
			return errors.New("a commit is of another place")
		}
	}
	return nil
}

func (t *trunk) commits() (all []Verified) {
	if t.tip.raw != nil {
		all = append(all, t.tip)
	}
	for _, p := range t.waiting {
		all = append(all, p.Verified)
	}
	return all
}

// Marshal is the evidence as bytes, for storing and showing to others.
func (e Evidence) Marshal() []byte {
	var b encoder
	b.bytes(e.A)
	b.bytes(e.B)
	b = binary.BigEndian.AppendUint64(b, e.At)
	b.bytes(e.Common)
	b.hashes([]wire.Hash{e.LeafA, e.LeafB})
	b.hashes(e.RestA)
	b.hashes(e.RestB)
	return b
}

// ParseEvidence reads what Marshal gives. Whether it holds, Check says.
func ParseEvidence(b []byte) (Evidence, error) {
	d := decoder{rest: b}
	e := d.evidence()
	if d.err != nil || len(d.rest) != 0 {
		return Evidence{}, fmt.Errorf("evidence: %w: %d bytes left", ErrMalformed, len(d.rest))
	}
	return e, nil
}
