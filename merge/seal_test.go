package merge

import (
	"fmt"
	"slices"
	"testing"

	"github.com/espace-git/espace-git/internal/wire"
	"pgregory.net/rapid"
)

// ---------- one row, any schedule ----------

// sealedCell is what the obvious model keeps of a column: who won it.
type sealedCell struct {
	value string
	stamp Stamp
}

// slowSeal is the obvious model of a seal: all operations in the order of their
// stamps, the winner of each column lowered by hand. It is nil for no row.
func slowSeal(history []write, opening uint64) map[uint32]sealedCell {
	cells := map[uint32]sealedCell{}
	for _, o := range inOrder(history) {
		switch o.op.Kind {
		case Delete:
			cells = map[uint32]sealedCell{}
		case Insert:
			cells[0] = sealedCell{"", o.stamp}
		}
		for _, c := range o.op.Cells {
			text := string(c.Value)
			if o.op.Kind == Edit { // its document keeps the value
				text = cells[c.Column].value
			}
			cells[c.Column] = sealedCell{text, o.stamp}
		}
	}
	if _, alive := cells[0]; !alive {
		return nil
	}
	for column, c := range cells {
		c.stamp.Before = max(c.stamp.Before, c.stamp.Time)
		c.stamp.Time = min(c.stamp.Time, opening)
		cells[column] = c
	}
	return cells
}

// The seal of any schedule of row operations equals the fold in any order, with
// any repetition, and equals the obvious model.
func TestSealOfAnySchedule(t *testing.T) {
	bothOptions(t, func(t *testing.T, opt TableOptions) {
		rapid.Check(t, func(rt *rapid.T) {
			var history []write
			for i := range rapid.IntRange(0, 6).Draw(rt, "transactions") {
				history = append(history, drawWrite(rt, uint64(i+1), opt.UpdateWins))
			}
			opening := rapid.Uint64Range(1, 6).Draw(rt, "opening")
			f := fold(t, history, opt)
			first, live := f.state.Seal(opening)
			again := append(slices.Clone(history), history[:len(history)/2]...)
			g := fold(t, rapid.Permutation(again).Draw(rt, "schedule"), opt)
			second, stillLive := g.state.Seal(opening)
			if live != stillLive || string(AppendRowState(nil, &first)) != string(AppendRowState(nil, &second)) || !equal(f.visible(), g.visible()) {
				rt.Fatalf("%s: %+v, in another order %+v", tell(history), first, second)
			}
			if twice, ok := first.Seal(opening + 5); ok != live || string(AppendRowState(nil, &twice)) != string(AppendRowState(nil, &first)) {
				rt.Fatalf("%+v sealed again is %+v", first, twice)
			}
			if !opt.UpdateWins {
				checkSlowSeal(rt, history, opening, f, first, live)
			}
		})
	})
}

func checkSlowSeal(t *rapid.T, history []write, opening uint64, f *folded, sealed RowState, live bool) {
	want := slowSeal(history, opening)
	if live != (want != nil) {
		t.Fatalf("%s: alive %t", tell(history), live)
	}
	if !live {
		return
	}
	got := map[uint32]sealedCell{0: {"", sealed.Inserted}}
	for _, c := range sealed.Cells {
		got[c.Column] = sealedCell{f.values[c.Column], c.Stamp}
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Fatalf("%s: sealed as %v, want %v", tell(history), got, want)
	}
}

// ---------- a group over many epochs ----------

// world is a group of devices that write, hear of each other, are offline for
// whole epochs, and seal. Device 0 is malicious. It shares with the code under
// test the fold of single operations, and keeps by hand, for each transaction,
// what its author truly had seen.
type world struct {
	t       *rapid.T
	tt      testing.TB
	epochs  []*epoch
	devices []*simDevice
	next    int                  // ID
	saw     map[int]map[int]bool // honest transactions only
}

// epoch begins with a state and has one lane for each device.
type epoch struct {
	opening uint64
	base    rows
	ids     map[int]bool  // transactions with effect in base
	void    map[int]bool  // sealed without effect
	numbers []Ranges      // sealed, by device
	names   map[TxRef]int // sealed, with effect
	lanes   [][]*simEntry // one transaction each
	cut     []int         // where the lanes end; nil while it is open
}

type simEntry struct {
	id   int
	lane int
	tx   Transaction
	seen []int // lengths of all lanes
	void string
}

type simDevice struct {
	n       int
	epoch   int
	seen    []int
	clock   uint64
	journal []*simTx
}

type simTx struct {
	id     int
	tx     Transaction
	seen   []int
	signed bool // in the lane of the device's epoch
	parked bool
	needs  []TxRef
	done   string // sealed, conflict, moot
}

const simDevices = 4

func newWorld(tt testing.TB, t *rapid.T) *world {
	w := &world{t: t, tt: tt, saw: map[int]map[int]bool{}}
	w.begin(1000, rows{})
	for n := range simDevices {
		w.devices = append(w.devices, &simDevice{n: n, seen: make([]int, simDevices)})
	}
	return w
}

func (w *world) begin(opening uint64, base rows) *epoch {
	e := &epoch{opening: opening, base: base, ids: map[int]bool{}, void: map[int]bool{}, names: map[TxRef]int{},
		numbers: make([]Ranges, simDevices), lanes: make([][]*simEntry, simDevices)}
	w.epochs = append(w.epochs, e)
	return e
}

func (w *world) open() *epoch { return w.epochs[len(w.epochs)-1] }

func simID(n int) wire.DeviceID { return device(byte(200 - n)) } // the malicious one has the highest

// known are the entries of an epoch up to the given lengths.
func (e *epoch) known(seen []int) (out []*simEntry) {
	for l, n := range seen {
		out = append(out, e.lanes[l][:n]...)
	}
	return out
}

// past is the greatest time with effect among entries.
func past(entries []*simEntry) (m uint64) {
	for _, x := range entries {
		if x.void == "" {
			m = max(m, x.tx.Time)
		}
	}
	return m
}

// sign appends an entry to a lane and judges it by its causal past alone.
func (w *world) sign(n, id int, tx Transaction, seen []int) *simEntry {
	e := w.open()
	x := &simEntry{id: id, lane: n, tx: tx, seen: slices.Clone(seen)}
	x.seen[n] = len(e.lanes[n])
	var used Ranges
	for _, before := range e.lanes[n] {
		if err := used.Add(before.tx.Number); err != nil {
			w.t.Fatal(err)
		}
	}
	if !NumberCounts(tx.Number, e.numbers[n], used) {
		x.void = "number"
	} else if err := CheckTime(&tx, past(e.known(x.seen)), e.opening); err != nil {
		x.void = err.Error()
	}
	e.lanes[n] = append(e.lanes[n], x)
	return x
}

// fold puts entries with effect over a base.
func (w *world) fold(base rows, entries []*simEntry) rows {
	s := base.clone()
	for _, x := range entries {
		if x.void == "" {
			s.apply(w.tt, x.tx.Stamp(simID(x.lane)), x.tx.Ops)
		}
	}
	return s
}

// view is what a device sees: the state of its epoch, what it knows of the
// lanes, and its own journal up to a transaction (nil: all of it).
func (w *world) view(d *simDevice, until *simTx) rows {
	e := w.epochs[d.epoch]
	s := w.fold(e.base, e.known(d.seen))
	for _, j := range d.journal {
		if j == until {
			break
		}
		if j.done == "" && !j.signed && !j.parked {
			s.apply(w.tt, j.tx.Stamp(simID(d.n)), j.tx.Ops)
		}
	}
	return s
}

func (w *world) write(d *simDevice) {
	e := w.epochs[d.epoch]
	w.next++
	j := &simTx{id: w.next, seen: slices.Clone(d.seen), tx: Transaction{ID: row(byte(w.next)), Ops: drawOps(w.t, w.view(d, nil), 2)}}
	known := e.known(d.seen)
	before, number := past(known), uint64(0)
	saw := mapsClone(e.ids)
	for _, x := range known {
		saw[x.id] = saw[x.id] || x.void == ""
	}
	for _, o := range d.journal {
		number = max(number, o.tx.Number)
		if o.done == "" && !o.parked {
			before, saw[o.id] = max(before, o.tx.Time), true
		}
	}
	d.clock = max(d.clock, rapid.SampledFrom([]uint64{0, 1000, 1500, 3000, MaxTime}).Draw(w.t, "clock"))
	j.tx.Number, j.tx.Time = number+1, NextTime(d.clock, before, e.opening)
	d.clock, w.saw[j.id] = j.tx.Time, saw
	d.journal = append(d.journal, j)
}

// misbehave lets device 0 sign what it likes.
func (w *world) misbehave() {
	e, d := w.open(), w.devices[0]
	w.follow(d)
	w.next++
	p := past(e.known(d.seen))
	tx := Transaction{ID: row(byte(w.next)), Ops: drawOps(w.t, w.fold(e.base, e.known(d.seen)), 3),
		Number: rapid.SampledFrom([]uint64{1, 2, 3, 4, 7, MaxNumber}).Draw(w.t, "number"),
		Time:   rapid.SampledFrom([]uint64{1, e.opening, e.opening + 1, p + 1, e.opening + Ahead, p, MaxTime}).Draw(w.t, "time")}
	if rapid.Bool().Draw(w.t, "marked") {
		tx.Before = max(tx.Time, rapid.SampledFrom([]uint64{0, e.opening + 1, MaxTime}).Draw(w.t, "before"))
	}
	w.sign(0, w.next, tx, d.seen)
	d.seen[0] = len(e.lanes[0])
}

// sync: follow, sign what waits, hear of one other device.
func (w *world) sync(d *simDevice) {
	w.follow(d)
	e := w.open()
	for _, j := range d.journal {
		if j.parked && j.done == "" && w.met(d, j) {
			j.parked = false
			w.reissue(d, j, 0)
		}
	}
	for _, j := range d.journal {
		if j.done != "" || j.signed || j.parked {
			continue
		}
		j.signed = true
		if x := w.sign(d.n, j.id, j.tx, j.seen); x.void != "" {
			w.t.Fatalf("transaction %d of an honest device has no effect: %s", j.id, x.void)
		}
	}
	d.seen[d.n] = len(e.lanes[d.n])
	if o := w.devices[rapid.IntRange(0, simDevices-1).Draw(w.t, "hears")]; o.epoch == d.epoch {
		for l := range d.seen {
			d.seen[l] = max(d.seen[l], o.seen[l])
		}
	}
	for _, x := range e.known(d.seen) {
		if x.void == "" {
			d.clock = max(d.clock, Observed(&x.tx, e.opening))
		}
	}
}

// met says whether what a parked transaction needs is in effect by now.
func (w *world) met(d *simDevice, j *simTx) bool {
	e := w.epochs[d.epoch]
	return !slices.ContainsFunc(j.needs, func(ref TxRef) bool {
		if _, ok := e.names[ref]; ok {
			return false
		}
		if slices.ContainsFunc(e.known(d.seen), func(x *simEntry) bool {
			return x.void == "" && simID(x.lane) == ref.Device && x.tx.Number == ref.Number
		}) {
			return false
		}
		return !slices.ContainsFunc(d.journal, func(o *simTx) bool {
			return ref == TxRef{simID(d.n), o.tx.Number} && o.id < j.id && o.done == "" && !o.parked
		})
	})
}

// follow takes a device through every seal that it has missed.
func (w *world) follow(d *simDevice) {
	for d.epoch < len(w.epochs)-1 {
		for _, j := range d.journal {
			if j.done == "" && !j.parked {
				j.needs = Needs(&j.tx, simID(d.n), w.view(d, nil))
			}
		}
		d.epoch++
		d.seen = make([]int, simDevices)
		e := w.epochs[d.epoch]
		for _, j := range d.journal {
			switch {
			case j.done != "":
			case e.ids[j.id]:
				j.done = "sealed"
			case e.void[j.id]:
				j.done = "conflict"
			case j.parked:
				j.done = "conflict" // it waited for one epoch
			default:
				w.reissue(d, j, e.opening)
			}
		}
	}
}

// reissue; opening is 0 for one that was parked, and lowered when it was.
func (w *world) reissue(d *simDevice, j *simTx, opening uint64) {
	e := w.epochs[d.epoch]
	j.signed = false
	if opening > 0 {
		j.seen = make([]int, simDevices)
		if !w.met(d, j) {
			s := j.tx.Stamp(simID(d.n)).Lower(opening)
			j.tx.Time, j.tx.Before, j.parked = s.Time, s.Before, true
			return
		}
	}
	again, dropped, verdict := Reissue(&j.tx, simID(d.n), e.opening, w.view(d, j))
	for _, x := range dropped {
		if id, ok := w.byStamp(e, d, x.By); ok && w.saw[j.id][id] {
			w.t.Fatalf("I11: transaction %d gives way to %d, which its author had seen", j.id, id)
		}
	}
	switch verdict {
	case Again:
		j.tx, j.seen = *again, slices.Clone(d.seen)
	case Conflict:
		j.done = "conflict"
	default:
		j.done = "moot"
	}
}

// byStamp finds the transaction of a stamp.
func (w *world) byStamp(e *epoch, d *simDevice, s Stamp) (int, bool) {
	ref := TxRef{s.Device, s.Number}
	if id, ok := e.names[ref]; ok {
		return id, true
	}
	for _, x := range e.known(d.seen) {
		if x.void == "" && simID(x.lane) == s.Device && x.tx.Number == s.Number {
			return x.id, true
		}
	}
	return 0, false
}

// seal ends the open epoch where one honest device stands: a closed cut.
func (w *world) seal() {
	e := w.open()
	d := w.devices[rapid.IntRange(1, simDevices-1).Draw(w.t, "sealer")]
	w.follow(d)
	e.cut = slices.Clone(d.seen)
	cut := e.known(e.cut)
	state := w.fold(e.base, cut)
	w.checkEpoch(e, state, cut)
	claim := rapid.SampledFrom([]uint64{0, e.opening, e.opening + 1, e.opening + 700, e.opening + Ahead, MaxTime}).Draw(w.t, "claim")
	next := w.begin(OpeningTime(claim, e.opening), rows{})
	next.base = state.seal(next.opening)
	if again := w.fold(e.base, rapid.Permutation(cut).Draw(w.t, "order")).seal(next.opening); again.digest() != next.base.digest() {
		w.t.Fatalf("sealed as %s, in another order %s", next.base.digest(), again.digest())
	}
	next.ids, next.void, next.names = mapsClone(e.ids), mapsClone(e.void), mapsClone(e.names)
	numbers := make([]Ranges, simDevices)
	for _, x := range cut {
		w.count(next, x)
		if err := numbers[x.lane].Add(x.tx.Number); err != nil {
			w.t.Fatal(err)
		}
	}
	for l := range numbers {
		next.numbers[l] = e.numbers[l].Union(numbers[l])
	}
}

// count: a transaction, and a number of a device, counts once.
func (w *world) count(next *epoch, x *simEntry) {
	if x.void != "" {
		next.void[x.id] = !next.ids[x.id]
		return
	}
	ref := TxRef{simID(x.lane), x.tx.Number}
	if other, ok := next.names[ref]; ok || next.ids[x.id] {
		w.t.Fatalf("number %d of device %d counts for transactions %d and %d", x.tx.Number, x.lane, other, x.id)
	}
	next.names[ref], next.ids[x.id] = x.id, true
}

// checkEpoch: no write of an honest device loses to one that it had seen.
func (w *world) checkEpoch(e *epoch, state rows, entries []*simEntry) {
	for _, x := range entries {
		if x.void != "" || x.lane == 0 {
			continue
		}
		for _, op := range x.tx.Ops {
			f := state[place{op.Table, op.Row}]
			if op.Kind == Insert && op.Table != votes && !f.state.Live() {
				w.checkDeleted(x, op, entries)
			}
			for _, c := range op.Cells {
				by := f.state.Stamp(c.Column)
				if by.IsZero() {
					continue // the row is gone
				}
				id, ok := w.byStamp(e, &simDevice{seen: e.cut}, by)
				if !ok {
					w.t.Fatalf("a column is held by %v, which nobody wrote", by)
				}
				if id != x.id && w.saw[x.id][id] {
					w.t.Fatalf("I11: transaction %d loses to %d, which its author had seen", x.id, id)
				}
			}
		}
	}
}

// checkDeleted: what an honest device inserted is gone only by a delete that it
// had not seen, or by its own.
func (w *world) checkDeleted(x *simEntry, op Op, entries []*simEntry) {
	for _, y := range entries {
		if y.void == "" && (y.id == x.id || !w.saw[x.id][y.id]) && slices.ContainsFunc(y.tx.Ops, func(o Op) bool {
			return o.Kind == Delete && o.Table == op.Table && o.Row == op.Row
		}) {
			return
		}
	}
	w.t.Fatalf("I11: what transaction %d inserted was deleted by what its author had seen", x.id)
}

// Over seals, re-issues, wrong clocks and a malicious device: a write never
// loses to one that its author had seen (I11), each transaction and each number
// counts once (I3), a seal does not depend on the order of arrival (I1), no honest
// device's transaction is without effect (I14), and each ends sealed or where
// its author sees it (I2).
func TestWritesOverSeals(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := newWorld(t, rt)
		for range rapid.IntRange(1, 60).Draw(rt, "steps") {
			d := w.devices[rapid.IntRange(1, simDevices-1).Draw(rt, "device")]
			switch rapid.SampledFrom([]string{"write", "write", "sync", "sync", "sync", "evil", "seal"}).Draw(rt, "step") {
			case "write":
				w.write(d)
			case "sync":
				w.sync(d)
			case "evil":
				w.misbehave()
			case "seal":
				w.seal()
			}
		}
		w.quiesce()
	})
}

// quiesce: everybody comes online, all is sealed, and nothing is missing.
func (w *world) quiesce() {
	for range 3 {
		for _, d := range w.devices[1:] {
			w.sync(d)
		}
		for _, d := range w.devices[1:] {
			for l := range d.seen {
				d.seen[l] = len(w.open().lanes[l])
			}
		}
		w.seal()
	}
	for _, d := range w.devices[1:] {
		w.follow(d)
		for _, j := range d.journal {
			if j.done == "" {
				w.t.Fatalf("transaction %d of device %d never ends: %+v", j.id, d.n, j)
			}
			if j.done == "sealed" != w.open().ids[j.id] {
				w.t.Fatalf("transaction %d: %s", j.id, j.done)
			}
		}
	}
}
