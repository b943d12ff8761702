package merge

import (
	"bytes"
	"slices"
	"testing"

	"github.com/espace-git/espace-git/internal/wire"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// driver is what the schedules below need to know about a document: S is its
// state, a pointer; C one transaction's change.
type driver[S, C any] struct {
	fresh  func() S
	apply  func(S, Stamp, C)
	edit   func(*rapid.T, S, Stamp) (C, bool) // may change the state, but as applying the change does
	print  func(S) []byte
	read   func([]byte) (S, error)
	encode func(wire.DeviceID, C) ([]byte, error)
	decode func(wire.DeviceID, []byte) (C, error)
	seal   func(S, uint64) S
	// reissue gets the author's state before the seal and the sealed state with
	// its earlier re-issues.
	reissue func(old S, c C, stamp, lowered Stamp, sealed S) (C, bool)
	// check holds a state against the slow model of what was folded into it.
	check func(t *rapid.T, base S, s S, done []written[C])
	once  bool // changes that come twice count twice
}

// written is one transaction.
type written[C any] struct {
	stamp  Stamp
	change C
}

type replica[S any] struct {
	id     wire.DeviceID
	state  S
	known  []bool // by the transaction's place in the story
	number uint64
}

// story is a space of n devices that write, meet, lose each other, and hear
// things twice and in any order, causes after effects included.
type story[S, C any] struct {
	*rapid.T
	driver[S, C]
	base     S
	opening  uint64
	replicas []*replica[S]
	log      []written[C]
}

func newStory[S, C any](t *rapid.T, d driver[S, C]) *story[S, C] {
	s := &story[S, C]{T: t, driver: d, base: d.fresh(), opening: 1000}
	for i := range rapid.IntRange(2, 4).Draw(t, "devices") {
		s.replicas = append(s.replicas, &replica[S]{id: device(byte(i + 1)), state: d.fresh()})
	}
	return s
}

func (s *story[S, C]) copyOf(state S) S {
	out, err := s.read(s.print(state))
	if err != nil {
		s.Fatal(err)
	}
	return out
}

// write lets a device make a transaction that its own clock dates, but after all
// that it knows.
func (s *story[S, C]) write(r *replica[S]) {
	past := s.opening
	for i, w := range s.log {
		if i < len(r.known) && r.known[i] {
			past = max(past, w.stamp.Time)
		}
	}
	r.number++
	at := past + uint64(rapid.IntRange(1, 5).Draw(s.T, "clock"))
	stamp := Stamp{at, at, r.id, r.number}
	if c, ok := s.edit(s.T, r.state, stamp); ok {
		s.add(stamp, c)
		s.hear(r, len(s.log)-1)
	}
}

// add puts a transaction on the wire and takes it from there.
func (s *story[S, C]) add(stamp Stamp, c C) {
	b, err := s.encode(stamp.Device, c)
	if err != nil {
		s.Fatal(err)
	}
	back, err := s.decode(stamp.Device, b)
	if err != nil {
		s.Fatal(err)
	}
	if again, err := s.encode(stamp.Device, back); err != nil || !bytes.Equal(again, b) {
		s.Fatalf("encoded again: %x, %v; was %x", again, err, b)
	}
	s.log = append(s.log, written[C]{stamp, back})
}

func (s *story[S, C]) hear(r *replica[S], i int) {
	r.known = append(r.known, make([]bool, len(s.log)-len(r.known))...)
	if !r.known[i] || !s.once {
		s.apply(r.state, s.log[i].stamp, s.log[i].change)
	}
	r.known[i] = true
}

// meet tells a device much of what another knows, in any order, some of it twice.
func (s *story[S, C]) meet(to, from *replica[S]) {
	var all []int
	for i, k := range from.known {
		if k {
			all = append(all, i)
		}
	}
	if len(all) == 0 {
		return
	}
	all = append(all, rapid.SliceOfN(rapid.SampledFrom(all), 0, 2).Draw(s.T, "twice")...)
	all = rapid.Permutation(all).Draw(s.T, "order")
	if rapid.Bool().Draw(s.T, "broken off") {
		all = all[:len(all)/2]
	}
	for _, i := range all {
		s.hear(to, i)
	}
}

func (s *story[S, C]) draw(steps int) {
	for range rapid.IntRange(1, steps).Draw(s.T, "steps") {
		r := rapid.SampledFrom(s.replicas).Draw(s.T, "device")
		if rapid.IntRange(0, 3).Draw(s.T, "step") > 0 {
			for range rapid.IntRange(1, 4).Draw(s.T, "writes") { // branches of uneven length
				s.write(r)
			}
		} else {
			s.meet(r, rapid.SampledFrom(s.replicas).Draw(s.T, "from"))
		}
		s.compare(r)
	}
}

// compare holds a device's state against the model of what it knows.
func (s *story[S, C]) compare(r *replica[S]) {
	var done []written[C]
	for i, w := range s.log {
		if i < len(r.known) && r.known[i] {
			done = append(done, w)
		}
	}
	s.check(s.T, s.base, r.state, done)
}

// settle tells everybody everything; all must then have one state, and so must
// who begins anew and who goes on from stored bytes.
func (s *story[S, C]) settle() []byte {
	order := make([]int, len(s.log))
	for i := range order {
		order[i] = i
	}
	var want []byte
	for k, r := range append(slices.Clone(s.replicas), &replica[S]{state: s.copyOf(s.base)}) {
		if k%2 == 1 {
			r.state = s.copyOf(r.state)
		}
		for _, i := range rapid.Permutation(order).Draw(s.T, "rest") {
			s.hear(r, i)
		}
		s.compare(r)
		got := s.print(r.state)
		if k > 0 && !bytes.Equal(got, want) {
			s.Fatalf("device %d ends with\n%x\nnot\n%x", k, got, want)
		}
		want = got
	}
	return want
}

// cut seals what one device knows, with all that came before it, and lets the
// others issue again what it did not know. It returns their changes that were
// given up.
func (s *story[S, C]) cut(sealer *replica[S]) (lost []written[C]) {
	s.close(sealer)
	opening := s.opening + uint64(rapid.IntRange(1, 40).Draw(s.T, "opening"))
	covered := s.fold(s.base, func(i int) bool { return i < len(sealer.known) && sealer.known[i] })
	base := s.seal(covered, opening)
	rest := &story[S, C]{T: s.T, driver: s.driver, base: s.copyOf(base), opening: opening}
	for _, r := range s.replicas {
		n := &replica[S]{id: r.id, state: s.copyOf(base), number: r.number}
		rest.replicas = append(rest.replicas, n)
		for i, w := range s.log {
			if w.stamp.Device != r.id || i < len(sealer.known) && sealer.known[i] {
				continue
			}
			lowered := w.stamp.Lower(opening)
			c, ok := s.reissue(r.state, w.change, w.stamp, lowered, n.state)
			if !ok {
				lost = append(lost, w)
				continue
			}
			rest.add(lowered, c)
			rest.hear(n, len(rest.log)-1)
		}
	}
	*s = *rest
	return lost
}

// close makes what the device knows causally closed: each device's transactions
// from the first on, and all that those had heard. For that it hears everything
// that stands before its last in the log, whose order is one in which it was written.
func (s *story[S, C]) close(r *replica[S]) {
	last := 0
	for i, k := range r.known {
		if k {
			last = i
		}
	}
	for i := range min(last+1, len(s.log)) {
		if i >= len(r.known) || !r.known[i] {
			s.hear(r, i)
		}
	}
}

func (s *story[S, C]) fold(base S, with func(int) bool) S {
	state := s.copyOf(base)
	for i, w := range s.log {
		if with(i) {
			s.apply(state, w.stamp, w.change)
		}
	}
	return state
}

// testDriver runs one epoch, and several with seals between.
func testDriver[S, C any](t *testing.T, d driver[S, C]) {
	t.Run("one epoch", func(t *testing.T) {
		rapid.Check(t, func(rt *rapid.T) {
			s := newStory(rt, d)
			s.draw(20)
			s.settle()
		})
	})
	t.Run("seals", func(t *testing.T) {
		rapid.Check(t, func(rt *rapid.T) {
			s := newStory(rt, d)
			for range rapid.IntRange(1, 3).Draw(rt, "epochs") {
				s.draw(8)
				s.cut(rapid.SampledFrom(s.replicas).Draw(rt, "sealer"))
				s.draw(4)
				s.settle()
			}
		})
	})
	t.Run("seal is the same everywhere", func(t *testing.T) {
		rapid.Check(t, func(rt *rapid.T) {
			s := newStory(rt, d)
			s.draw(12)
			s.settle()
			a, b := s.replicas[0], s.replicas[1]
			opening := s.opening + 7
			one, two := d.seal(a.state, opening), d.seal(b.state, opening)
			if diff := cmp.Diff(d.print(one), d.print(two)); diff != "" {
				rt.Fatal(diff)
			}
			if again := d.print(d.seal(one, opening)); !bytes.Equal(again, d.print(one)) {
				rt.Fatalf("sealed twice: %x, once: %x", again, d.print(one))
			}
		})
	})
}

// checkDecoder is what every fuzz target of a decoder holds it to.
func checkDecoder[T any](t *testing.T, b []byte, decode func([]byte) (T, error), encode func(T) []byte) {
	v, err := decode(b)
	if err == nil && !bytes.Equal(encode(v), b) {
		t.Fatalf("%x is taken, and printed as %x", b, encode(v))
	}
}

func scalarGen() *rapid.Generator[[]byte] {
	return rapid.Custom(func(t *rapid.T) []byte { return value(int64(rapid.IntRange(0, 3).Draw(t, "value"))) })
}
