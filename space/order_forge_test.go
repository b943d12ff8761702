package space_test

import (
	"fmt"
	"strings"

	"github.com/espace-git/espace-git/chain"
	"github.com/espace-git/espace-git/internal/wire"
	"github.com/espace-git/espace-git/merge"
	"github.com/espace-git/espace-git/seal"
)

// orderForger is a member with real keys and another program, at the order.
type orderForger struct {
	*forger
	order *chain.Log
}

func newOrderForger(h *evilHost, p *person) *orderForger {
	p.t.Helper()
	f := &orderForger{forger: newForger(h, p), order: new(chain.Log)}
	f.number += 1000 // far above what the honest program gave
	f.follow(f.orderRef())
	return f
}

func (f *orderForger) orderRef() string { return wire.DefaultRefs.Order(f.epoch()) }

// follow takes the log below a commit, in git's order.
func (f *orderForger) follow(tip string) {
	f.t.Helper()
	f.order = new(chain.Log)
	for commit := range strings.FieldsSeq(f.h.git("rev-list", "--reverse", "--topo-order", tip)) {
		for name := range strings.FieldsSeq(f.h.git("ls-tree", "-r", "--name-only", commit)) {
			if name == chain.EntryPath(f.order.Len()) {
				f.order.Append([]byte(git(f.t, f.h.dir, "cat-file", "blob", commit+":"+name)))
			}
		}
	}
}

// book is the next transaction: a row of seats.
func (f *orderForger) book(place string) merge.Transaction {
	f.t.Helper()
	tx := f.tx(f.booking(place))
	f.time += 1 << 20 // later than what others write meanwhile
	tx.Time = f.time
	return tx
}

func (f *orderForger) booking(place string) merge.Op {
	f.t.Helper()
	value := func(v any) []byte {
		b, err := merge.EncodeValue(v)
		if err != nil {
			f.t.Fatal(err)
		}
		return b
	}
	id := wire.Sum([]byte(fmt.Sprint(f.t.Name(), "seat", f.number, place, f.name)))
	return merge.Op{Kind: merge.Insert, Table: 2, Row: merge.RowID(id[:16]), Cells: []merge.Cell{{Column: 1, Value: value(place)}, {Column: 2, Value: value(f.name)}}}
}

// sealAt is how an entry is stored at a place of the order.
func (f *orderForger) sealAt(index uint64, e *merge.LaneEntry) []byte {
	f.t.Helper()
	plain, err := merge.EncodeEntry(e)
	if err != nil {
		f.t.Fatal(err)
	}
	return f.sealPlainAt(index, plain)
}

func (f *orderForger) sealPlainAt(index uint64, plain []byte) []byte {
	f.t.Helper()
	stored, err := f.secret.OrderKey(f.id(), f.dev()).Seal(rnd{}, seal.OrderAD(f.id(), f.dev(), index), plain, wire.MinContent)
	if err != nil {
		f.t.Fatal(err)
	}
	return stored
}

// sign makes a commit with entries on top of a log, which it moves on, on parents
// that may be anything. Nothing is put on the host's ref.
func (f *orderForger) sign(log *chain.Log, stored [][]byte, parents ...string) string {
	f.t.Helper()
	from := log.Len()
	for _, s := range stored {
		log.Append(s)
	}
	m := f.message(log.Head())
	m.Kind = chain.Order
	return f.commit(m, f.tree(from, stored), parents...)
}

// spend signs one transaction on top of the log, as an honest device would.
func (f *orderForger) spend(log *chain.Log, tx merge.Transaction, parents ...string) string {
	f.t.Helper()
	return f.sign(log, [][]byte{f.sealAt(log.Len(), f.entry(tx))}, parents...)
}

func (f *orderForger) tip() string { return f.h.refs()[f.orderRef()] }

func (f *orderForger) show(commit string) { f.h.set(f.orderRef(), commit) }

// first is the order's first entry as it is stored, on a host where nobody has
// written a second one.
func (f *orderForger) first() []byte {
	f.t.Helper()
	return []byte(git(f.t, f.h.dir, "cat-file", "blob", f.tip()+":"+chain.EntryPath(0)))
}
