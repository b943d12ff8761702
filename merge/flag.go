package merge

import (
	"github.com/espace-git/espace-git/internal/wire"
)

// Flag is on or off. Enabling wins: a disable takes the enables that its author
// saw, so an enable that was made meanwhile keeps the flag on. The same changes
// give the same flag, whatever the order and however often they come. The zero
// value is off.
type Flag struct{ enables presence }

// FlagChange enables the flag, replacing the enables that it names, or disables
// it by naming those.
type FlagChange struct {
	On    bool
	Index uint32 // of an enable, which is named by its author's device and transaction
	Saw   []Dot  // ascending; of a disable, at least one
}

// On is what a reader sees.
func (f *Flag) On() bool { return f.enables.is() }

// Enables are the enables that keep the flag on: who made them, and when.
func (f *Flag) Enables() []Mark { return f.enables.adds() }

// Enable is the change that turns the flag on; index is one that its author's
// transaction has not used in this flag.
func (f *Flag) Enable(index uint32) FlagChange {
	return FlagChange{true, index, f.enables.names()}
}

// Disable is the change that turns the flag off; false if it is off.
func (f *Flag) Disable() (FlagChange, bool) {
	return FlagChange{Saw: f.enables.names()}, f.On()
}

// Apply folds a change of the transaction with the given stamp.
func (f *Flag) Apply(stamp Stamp, c *FlagChange) { f.enables.apply(stamp, c.On, c.Index, c.Saw) }

// Seal is the flag as the epoch with the given opening starts with it: on, with
// the names of the enables, or off.
func (f *Flag) Seal(opening uint64) *Flag { return &Flag{f.enables.seal(opening)} }

// Refers names the enables that a disable depends on: a re-issue waits for those
// that are neither sealed nor in effect.
func (c *FlagChange) Refers() []Dot {
	if c.On {
		return nil
	}
	return c.Saw
}

// Reissue is the change of the transaction with the given stamp for the open
// epoch, whose state is given as sealed, with what its author issued again
// before. ok is false for a disable of what is off by now.
func (c *FlagChange) Reissue(stamp Stamp, sealed *Flag) (again FlagChange, ok bool) {
	again = *c
	again.Saw = sealed.enables.still(stamp, c.Saw)
	return again, again.On || len(again.Saw) > 0
}

// Renumber replaces a transaction's number in what the change names, see
// SetChange.Renumber.
func (c *FlagChange) Renumber(device wire.DeviceID, from, to uint64) {
	renumberAll(c.Saw, device, from, to)
}

// EncodeFlagChange gives a change as bytes, of which its author's device is no
// part. It refuses what DecodeFlagChange would.
//
//	2·names + on, [index], name…
func EncodeFlagChange(device wire.DeviceID, c *FlagChange) ([]byte, error) {
	print := func(w *opWriter) { w.toggle(c.On, c.Index, c.Saw) }
	return encodeOps("flag change", device, print, func(b []byte) error {
		_, err := DecodeFlagChange(device, b)
		return err
	})
}

// DecodeFlagChange takes what EncodeFlagChange prints and nothing else.
func DecodeFlagChange(device wire.DeviceID, b []byte) (*FlagChange, error) {
	c := new(FlagChange)
	err := decodeOps("flag change", device, b,
		func(r *opReader) { c.On, c.Index, c.Saw = r.toggle() },
		func(w *opWriter) { w.toggle(c.On, c.Index, c.Saw) })
	if err != nil {
		return nil, err
	}
	return c, nil
}

// EncodeFlag gives the flag as bytes, the same for the same changes.
//
//	presence
func EncodeFlag(f *Flag) []byte {
	return encodeState(func(w *stateWriter) { w.presence(&f.enables) })
}

// DecodeFlag takes what EncodeFlag prints and nothing else.
func DecodeFlag(b []byte) (*Flag, error) {
	f := new(Flag)
	err := decodeState("flag", b,
		func(r *stateReader) { f.enables = r.presence() },
		func() []byte { return EncodeFlag(f) })
	if err != nil {
		return nil, err
	}
	return f, nil
}
