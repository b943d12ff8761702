package space

import (
	"context"
	"time"

	"github.com/espace-git/espace-git/internal/wire"
	"github.com/espace-git/espace-git/merge"
	"github.com/espace-git/espace-git/view"
)

// The states of a device in a space.
const (
	StateActive      = "active"
	StateWaiting     = "waiting"     // for a member's device to let it in
	StateUnwitnessed = "unwitnessed" // reads; its writes stay until a witness has signed
	StateBehind      = "behind"      // a seal's data or an upgrade is missing
	StateLeaving     = "leaving"     // a request names it: the next seal removes it
	StateRemoved     = "removed"     // reads what it has
)

// Status is how this device stands.
type Status struct {
	Space     string       `json:"space"`
	Name      string       `json:"name"`
	Member    string       `json:"member"` // this member's ID
	As        string       `json:"as"`     // and name
	Role      string       `json:"role"`
	Device    string       `json:"device"`
	State     string       `json:"state"`
	Epoch     uint64       `json:"epoch"`
	Ledger    LedgerPos    `json:"ledger"`
	Pending   int          `json:"pending"`   // transactions that are not on the host yet
	Uploading int64        `json:"uploading"` // bytes of files that are not on the host yet, as stored
	Parked    int          `json:"parked"`    // own writes that wait for another's
	Conflicts int          `json:"conflicts"` // own writes that were lost, whole or in part, until dismissed
	SetAside  int          `json:"set_aside"` // writes of others that do not count
	Warnings  []string     `json:"warnings"`
	Remote    string       `json:"remote"`
	Synced    time.Time    `json:"synced,omitzero"` // last time, by this device's clock
	Mirrors   []RemoteInfo `json:"mirrors"`         // the other remotes; never null
}

// LedgerPos is a place in the ledger.
type LedgerPos struct {
	Seq  uint64 `json:"seq"`
	Hash string `json:"hash"`
}

// Status asks the local store only.
func (s *Space) Status(ctx context.Context) (*Status, error) {
	st := &Status{Space: s.ID(), Remote: s.Remote(), Warnings: []string{}, Mirrors: []RemoteInfo{}}
	err := s.look(ctx, func(r *round) error { return r.status(st) })
	return st, err
}

func (r *round) status(st *Status) (err error) {
	st.Device, st.Role, st.Epoch = r.me.Device.String(), r.me.Role, r.epoch().Number
	st.Name, st.Member, st.As = text(r.v, nameSpace, nil), r.me.Member.String(), memberName(r.v, r.me.Member)
	if r.roster() != nil {
		head := r.roster().Head()
		st.Ledger = LedgerPos{head.Number, head.Hash.String()}
	}
	if st.Pending, err = r.v.PendingCount(); err != nil {
		return err
	}
	if _, st.Uploading, err = chunksWaiting(r.v); err != nil {
		return err
	}
	if err := r.countKept(st); err != nil {
		return err
	}
	if _, err := getValue(r.v, bucketMeta, []byte("warnings"), &st.Warnings); err != nil {
		return err
	}
	var synced int64
	if ok, err := getValue(r.v, bucketMeta, []byte("synced"), &synced); err != nil || ok {
		if err != nil {
			return err
		}
		st.Synced = time.UnixMilli(synced).UTC()
	}
	if st.Mirrors, err = r.mirrors(); err != nil {
		return err
	}
	st.State, err = r.state()
	return err
}

func (r *round) state() (string, error) {
	switch {
	case r.me.Gone != "":
		return r.me.Gone, nil
	case r.roster() == nil, r.me.Role == "", r.secret.IsZero(), !r.started():
		return StateWaiting, nil
	case len(r.roster().Lacks()) > 0, r.behind():
		return StateBehind, nil
	}
	ok, err := r.witnessed()
	if !ok {
		return StateUnwitnessed, err
	}
	return StateActive, err
}

// LogQuery chooses lines of the changelog. Zero values choose all.
type LogQuery struct {
	Table   string
	Member  string
	Refused bool // only what had no effect
	Writes  bool // no entries of the ledger
	Limit   int
}

// LogEntry is a line of the changelog.
type LogEntry struct {
	Time    time.Time `json:"time"`   // as its author claims
	Member  string    `json:"member"` // ID
	Name    string    `json:"name"`   // of the member
	Device  string    `json:"device"`
	Kind    string    `json:"kind"`             // insert, update, delete, several, an action's name, "adopt"; of the ledger the entry's kind
	Summary string    `json:"summary"`          // which tables, how many operations; of a refused one the reason
	State   string    `json:"state"`            // local, pushed, witnessed, sealed, parked, refused, lost
	ID      string    `json:"id"`               // of the transaction; none of the ledger
	Reason  string    `json:"reason,omitempty"` // why it is parked, refused or lost
}

// Log is the changelog, newest first.
func (s *Space) Log(ctx context.Context, q LogQuery) ([]LogEntry, error) {
	out := []LogEntry{}
	err := s.look(ctx, func(r *round) error {
		f := view.LogFilter{Refused: q.Refused, Limit: q.Limit, Writes: q.Writes}
		if q.Member != "" {
			m, err := findMember(r.v, r.roster(), q.Member)
			if err != nil {
				return err
			}
			f.Member = m.ID
		}
		if q.Table != "" {
			sc, _ := r.v.Schema()
			if sc == nil {
				return notFound("there is no table %q", q.Table)
			}
			t, ok := sc.Table(q.Table)
			if !ok {
				return notFound("there is no table %q", q.Table)
			}
			f.Table = t.Number
		}
		var err error
		out, err = r.logEntries(f)
		return err
	})
	return out, err
}

// Pending lists the transactions that are not on the host yet, oldest first: those
// that the next sync pushes, and those that are parked, with what they wait for.
func (s *Space) Pending(ctx context.Context) ([]LogEntry, error) {
	out := []LogEntry{}
	err := s.look(ctx, func(r *round) error {
		rows, err := r.waiting()
		if err != nil {
			return err
		}
		for _, row := range rows {
			tx, err := merge.DecodeTransaction(row.Tx)
			if err != nil {
				return err
			}
			out = append(out, r.logEntry(logRow(tx, r.me.Device, r.me.Member, row.State, row.Reason)))
		}
		return nil
	})
	return out, err
}

func (r *round) logEntries(f view.LogFilter) ([]LogEntry, error) {
	rows, err := r.v.QueryLog(f)
	out := make([]LogEntry, 0, len(rows))
	for _, row := range rows {
		out = append(out, r.logEntry(row))
	}
	return out, err
}

func (r *round) logEntry(row view.LogRow) LogEntry {
	e := LogEntry{
		Time: time.UnixMilli(merge.Millis(row.Time)).UTC(), Member: row.Member.String(), Name: memberName(r.v, row.Member), Device: row.Device.String(),
		Kind: row.Kind, State: row.State.String(), Reason: row.Reason,
	}
	if row.Number == 0 && row.TxID == [16]byte{} {
		e.Summary = r.ledgerSummary(row)
		return e
	}
	e.Summary, e.ID = r.summary(row), wire.Short(row.TxID)
	return e
}
