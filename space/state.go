package space

import (
	"fmt"
	"time"

	"github.com/espace-git/espace-git/internal/wire"
	"github.com/espace-git/espace-git/merge"
	"github.com/espace-git/espace-git/view"
)

// The buckets of the local store (docs/spec/local.md). All of it is precious:
// what can be made anew from git and the journal lives in the view's tables.
const (
	bucketMeta     = "meta"     // name → value
	bucketLedger   = "ledger"   // number → envelope, verified
	bucketLane     = "lane"     // O ‖ device → laneState
	bucketReader   = "reader"   // O ‖ device → chain.LaneReader
	bucketPage     = "page"     // O ‖ device ‖ page → its history
	bucketHead     = "head"     // O ‖ device ‖ length → headState
	bucketHeld     = "held"     // O ‖ device ‖ index → entry as stored, verified but not applied
	bucketSeen     = "seen"     // version → seenState
	bucketName     = "name"     // what + ID → text
	bucketPlace    = "place"    // device → the newest ledger position that it signed
	bucketEvidence = "evidence" // hash → evidence
	bucketOutbox   = "outbox"   // signed, not yet on the host
	bucketTip      = "tip"      // ref → the tip last verified
	bucketWrap     = "wrap"     // O ‖ recipient ‖ wrapper → 1: a signed wrap exists
	bucketRival    = "rival"    // hash → envelope on one of the branches of a ledger that was met split
	bucketTry      = "try"      // hash → number of an own entry that was signed and may not be in the ledger
	bucketMet      = "met"      // device → when its join was first seen here, Unix ms
	bucketItem     = "item"     // entry ‖ name → salt and value of a private item that matched its hash
	bucketSealed   = "sealed"   // device → numbers of its transactions that sealed epochs hold
	bucketBase     = "base"     // O → the manifest of the state that the epoch started with
	bucketBlob     = "blob"     // SHA-256 → git object of a page of that state
	bucketEndorsed = "endorsed" // O ‖ device → the digest that it endorsed
	bucketConflict = "conflict" // transaction → what of it could not be issued again
	bucketParked   = "parked"   // transaction → what it waits for
	bucketMoved    = "moved"    // transaction → what it stands on, while this device changes its branch
	bucketPast     = "past"     // ref of an epoch that is over → where it ended
	bucketChunk    = "chunk"    // number ‖ SHA-256 → chunkWait: what a transaction names and no host has
)

func getValue(v *view.Tx, bucket string, key []byte, out any) (bool, error) {
	b, ok, err := v.Get(bucket, key)
	if err != nil || !ok {
		return false, err
	}
	if err := wire.UnmarshalCBOR(b, out); err != nil {
		return false, fmt.Errorf("local store: %s: %w", bucket, err)
	}
	return true, nil
}

func putValue(v *view.Tx, bucket string, key []byte, in any) error {
	b, err := wire.MarshalCBOR(in)
	if err != nil {
		return err
	}
	return v.Put(bucket, key, b)
}

// self is what this device knows of its own standing: enough to write without
// reading the ledger again.
type self struct {
	_       struct{} `cbor:",toarray"`
	Device  wire.DeviceID
	Member  wire.MemberID
	Role    string // as the verified ledger gives it; empty before the join is in it
	Ledger  wire.Position
	Epoch   wire.Epoch
	Opening uint64 // the epoch's effective opening, a merge time
	Lacks   string // what the space requires and this program does not have
	Gone    string // StateLeaving or StateRemoved; else empty
}

func loadSelf(v *view.Tx) (self, error) {
	var me self
	ok, err := getValue(v, bucketMeta, []byte("self"), &me)
	if err == nil && !ok {
		err = fmt.Errorf("local store: %w", ErrNoSpace)
	}
	return me, err
}

func (me self) save(v *view.Tx) error { return putValue(v, bucketMeta, []byte("self"), me) }

func (me self) mayWrite() bool {
	return me.Lacks == "" && (me.Role == "owner" || me.Role == "admin" || me.Role == "editor")
}

func (me self) refusal() error {
	if me.Lacks != "" {
		return join(ErrUpgrade, fmt.Errorf("writing: %w: this space requires %s", ErrUpgrade, me.Lacks))
	}
	switch me.Gone {
	case StateRemoved:
		return notPermitted("this device was removed from the space: what is here stays readable")
	case StateLeaving:
		return notPermitted("this device is about to be removed from the space, on request")
	}
	if me.Role == "" {
		return join(ErrWaiting, fmt.Errorf("writing: %w", ErrWaiting))
	}
	return notPermitted("writing: the role %q may only read", me.Role)
}

// clock is the device's hybrid logical clock and its transaction counter. Neither
// ever goes back (DESIGN 8).
type clock struct {
	_      struct{} `cbor:",toarray"`
	Wall   uint64   // the greatest wall clock used so far, a merge time
	Past   uint64   // the greatest time of a transaction with effect that was applied
	Number uint64   // the last number given
}

func loadClock(v *view.Tx) (*clock, error) {
	c := new(clock)
	_, err := getValue(v, bucketMeta, []byte("clock"), c)
	return c, err
}

func (c *clock) save(v *view.Tx) error { return putValue(v, bucketMeta, []byte("clock"), c) }

// tick gives the next transaction its time and number.
func (c *clock) tick(now time.Time, opening uint64) (uint64, error) {
	c.Wall = max(c.Wall, merge.FromMillis(now.UnixMilli()))
	t := merge.NextTime(c.Wall, c.Past, opening)
	if t <= c.Past || c.Number >= merge.MaxNumber {
		return 0, fmt.Errorf("this device's clock has reached the end of time: seal the space")
	}
	c.Past = t
	c.Number++
	return t, nil
}

// observe takes note of a transaction with effect.
func (c *clock) observe(t uint64) { c.Past = max(c.Past, t) }

// seenState is what this device had applied at some moment: lengths and roots of
// the others' lanes, and the ledger. Transactions of the journal point to the one
// in force when they were written, so that their entry says the truth about their
// causal past however late it is signed.
type seenState struct {
	_      struct{} `cbor:",toarray"`
	Ledger wire.Position
	Lanes  []merge.Seen // devices ascending
}

// currentSeen is the version of what is applied now, written down if it changed
// since the last one.
func currentSeen(v *view.Tx, ledger wire.Position) (uint64, error) {
	var version uint64
	if _, err := getValue(v, bucketMeta, []byte("seen"), &version); err != nil {
		return 0, err
	}
	if version != 0 {
		return version, nil
	}
	lanes, err := appliedLanes(v)
	if err != nil {
		return 0, err
	}
	if _, err := getValue(v, bucketMeta, []byte("seen-last"), &version); err != nil {
		return 0, err
	}
	version++
	if err := putValue(v, bucketSeen, wire.U64(version), seenState{Ledger: ledger, Lanes: lanes}); err != nil {
		return 0, err
	}
	if err := putValue(v, bucketMeta, []byte("seen-last"), version); err != nil {
		return 0, err
	}
	return version, putValue(v, bucketMeta, []byte("seen"), version)
}

// seenChanged makes the next transaction write down what is applied.
func seenChanged(v *view.Tx) error { return v.Delete(bucketMeta, []byte("seen")) }
