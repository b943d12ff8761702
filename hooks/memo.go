package hooks

import (
	"github.com/espace-git/espace-git/internal/wire"
	"github.com/espace-git/espace-git/membership"
)

// memoState is a logState as a Memo keeps it. The ref is part of it: below one
// foreign commit two lanes may lie.
type memoState struct {
	_    struct{} `cbor:",toarray"`
	Ref  string
	Log  []byte
	Seen map[string]uint64
}

// remember keeps the state after a push. If the push fails all the same, the
// state is of a commit that is on no ref, which nobody asks for.
func (c *check) remember(ref string, tip wire.ObjectID, st *logState) {
	if c.memo == nil {
		return
	}
	log, _ := st.log.MarshalBinary() // cannot fail
	m := memoState{Ref: ref, Log: log, Seen: map[string]uint64{}}
	for d, n := range st.seen {
		m.Seen[d.String()] = n
	}
	if b, err := wire.MarshalCBOR(m); err == nil {
		c.memo.Store(tip, b)
	}
}

// recall is the state at a commit, if the memo has it for this ref.
func (c *check) recall(ref string, tip wire.ObjectID) (*logState, bool) {
	if c.memo == nil {
		return nil, false
	}
	b, ok := c.memo.Load(tip)
	var m memoState
	if !ok || wire.UnmarshalCBOR(b, &m) != nil || m.Ref != ref {
		return nil, false
	}
	st := &logState{seen: map[wire.DeviceID]uint64{}}
	if st.log.UnmarshalBinary(m.Log) != nil {
		return nil, false
	}
	for s, n := range m.Seen {
		d, err := wire.ParseDeviceID(s)
		if err != nil {
			return nil, false
		}
		st.seen[d] = n
	}
	return st, true
}

// memoLedger is which blobs hold the entries up to a commit on main, so that not
// every tree of its history is read. The entries themselves are judged again.
type memoLedger struct {
	_     struct{} `cbor:",toarray"`
	Ref   string
	Blobs [][]byte
}

func (c *check) rememberLedger(tip wire.ObjectID, l *ledgerState) {
	if c.memo == nil {
		return
	}
	m := memoLedger{Ref: c.refs.Ledger}
	for _, id := range l.blobs {
		m.Blobs = append(m.Blobs, id[:])
	}
	if b, err := wire.MarshalCBOR(m); err == nil {
		c.memo.Store(tip, b)
	}
}

func (c *check) recallLedger(tip wire.ObjectID) (*ledgerState, bool) {
	if c.memo == nil {
		return nil, false
	}
	b, ok := c.memo.Load(tip)
	var m memoLedger
	if !ok || wire.UnmarshalCBOR(b, &m) != nil || m.Ref != c.refs.Ledger {
		return nil, false
	}
	l := &ledgerState{}
	for _, id := range m.Blobs {
		if len(id) != len(wire.ObjectID{}) || !c.recallEntry(l, wire.ObjectID(id)) {
			return nil, false
		}
	}
	return l, l.roster != nil
}

func (c *check) recallEntry(l *ledgerState, id wire.ObjectID) bool {
	env, err := c.repo.Blob(id, wire.MaxEnvelope)
	if err != nil {
		return false
	}
	apply := membership.Genesis
	if l.roster != nil {
		apply = l.roster.Apply
	}
	next, e, err := apply(env)
	if err == nil {
		l.take(next, e)
	}
	return err == nil
}
