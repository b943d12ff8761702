package space_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/espace-git/espace-git/space"
)

// The simulator over seals: devices that are away for epochs, seals at any moment by
// two who may, crashes in the middle of anything, restored backups. On an honest host
// all come to the same state in the same epoch, nobody is accused, and no write that
// was acknowledged is gone: its row is there, or somebody deleted it, or its author
// has it among the conflicts.
//
//	ESPACE_SEALSIM=2m   runs that long
//	ESPACE_SIM_SEED=…   repeats a schedule
func TestSealSimulation(t *testing.T) {
	t.Parallel()
	span := 6 * time.Second
	if testing.Short() {
		span = 2 * time.Second
	}
	if d, err := time.ParseDuration(os.Getenv("ESPACE_SEALSIM")); err == nil {
		span = d
	}
	seed, once := uint64(time.Now().UnixNano()), false
	if n, err := strconv.ParseUint(os.Getenv("ESPACE_SIM_SEED"), 10, 64); err == nil {
		seed, once = n, true
	}
	w := sealWorld(t)
	for start := time.Now(); time.Since(start) < span && !t.Failed(); seed++ {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { simulateSeals(t, w, seed) })
		if once {
			break
		}
	}
}

// sealWorld: alice is owner, bob an admin, carol and dave editors.
func sealWorld(t *testing.T) *world {
	t.Helper()
	h := newEvilHost(t)
	alice := newPerson(t, simNames[0])
	alice.createSeats(h.dir)
	people := []*person{alice}
	for _, name := range simNames[1:] {
		p := newPerson(t, name)
		p.join(alice.invite())
		people = append(people, p)
	}
	for _, p := range append(people, people[1:]...) {
		p.sync()
	}
	if err := alice.s.SetRole(t.Context(), "bob", "admin"); err != nil {
		t.Fatal(err)
	}
	for _, p := range people {
		p.sync()
	}
	return pack(t, h, people...)
}

// sealSim keeps what was acknowledged.
type sealSim struct {
	*sim
	inserted map[string]*simDevice // row → who inserted it
	deleted  map[string]bool       // rows that somebody deleted
	written  map[string][]string   // row → titles that it was given
	tokens   map[string]*simDevice // of documents → who wrote it
	booked   map[string]booking    // ordered transaction → who made it
	gone     []*simDevice          // who was removed
	came     int                   // newcomers
}

type booking struct {
	by *simDevice
	r  space.Receipt
}

func simulateSeals(t *testing.T, w *world, seed uint64) {
	h, people := w.unpack(t, simNames...)
	s := &sealSim{
		sim:      &sim{t: t, rnd: rand.New(rand.NewPCG(seed, 2)), h: h, ordered: true, taken: map[string]bool{}, went: map[string]went{}},
		tokens:   map[string]*simDevice{},
		inserted: map[string]*simDevice{}, deleted: map[string]bool{}, written: map[string][]string{},
		booked: map[string]booking{},
	}
	if s.rnd.IntN(3) == 0 {
		s.note("the host has no atomic pushes")
		h.git("config", "receive.advertiseAtomic", "false")
	}
	for _, p := range people {
		d := &simDevice{person: p, dir: p.s.Dir(), url: h.dir, backups: map[string][]string{}, skew: time.Duration(s.rnd.IntN(7200)-3600) * time.Second}
		s.devices = append(s.devices, d)
		d.again()
	}
	defer func() {
		if t.Failed() {
			t.Logf("seed %d:\n%s", seed, strings.Join(s.trace, "\n"))
		}
	}()
	for range 30 + s.rnd.IntN(60) {
		s.step()
	}
	s.settle()
	s.seal(s.named("alice"))
	s.settle()
	s.judge()
}

func (s *sealSim) step() {
	d := s.devices[s.rnd.IntN(len(s.devices))]
	switch n := s.rnd.IntN(100); {
	case n < 50:
		s.write(d)
	case n < 72:
		s.sync(d, s.t.Context())
	case n < 82:
		s.seal(s.devices[s.rnd.IntN(2)])
	case n < 90:
		s.crash(d)
	case n < 94:
		s.backup(d)
	case n < 96:
		s.restore(d)
	case n < 97:
		d.again()
	case n < 99:
		s.newcomer()
	default:
		s.remove()
	}
}

func (s *sealSim) named(name string) *simDevice {
	return s.devices[slices.IndexFunc(s.devices, func(d *simDevice) bool { return d.name == name })]
}

// newcomer: alice invites somebody, whom any device lets in that syncs.
func (s *sealSim) newcomer() {
	if s.came == 2 {
		return
	}
	s.came++
	i, err := s.named("alice").s.Invite(s.t.Context(), space.InviteOptions{For: "somebody"})
	if err != nil {
		s.t.Errorf("alice invites: %v", err)
		return
	}
	p := newPerson(s.t, fmt.Sprint("eve", s.came))
	p.join(i.Link)
	d := &simDevice{person: p, dir: p.s.Dir(), url: s.h.dir, backups: map[string][]string{}, skew: time.Duration(s.rnd.IntN(7200)-3600) * time.Second}
	d.again()
	s.note("%s joins", d.name)
	s.devices = append(s.devices, d)
}

// remove takes away somebody who is neither alice nor bob: what had not been pushed
// goes with them.
func (s *sealSim) remove() {
	i := s.rnd.IntN(len(s.devices))
	d := s.devices[i]
	if len(s.gone) == 2 || d.name == "alice" || d.name == "bob" || d.state() == space.StateWaiting {
		return
	}
	got, err := s.devices[s.rnd.IntN(2)].s.RemoveMember(s.t.Context(), d.name, space.RemoveOptions{})
	s.note("%s is removed: %+v %v", d.name, got, err)
	switch {
	case errors.Is(err, space.ErrNotPermitted) || errors.Is(err, space.ErrConflict) || errors.Is(err, space.ErrNotFound):
	case err != nil:
		s.t.Errorf("%s is removed: %v", d.name, err)
	default:
		s.devices, s.gone = slices.Delete(s.devices, i, i+1), append(s.gone, d)
	}
}

// book takes a seat, of which there are few.
func (s *sealSim) book(d *simDevice) {
	place := fmt.Sprint("seat ", s.rnd.IntN(12))
	r, err := d.s.Write(s.t.Context(), func(tx *space.Tx) error {
		_, err := tx.Insert("seats", space.Row{"place": place, "owner": d.name})
		return err
	})
	s.note("%s takes %s: %+v %v", d.name, place, r, err)
	switch {
	case err == nil:
		s.booked[r.ID] = booking{d, r}
	case !errors.Is(err, space.ErrConflict):
		s.t.Errorf("%s takes %s: %v", d.name, place, err)
	}
}

func (s *sealSim) write(d *simDevice) {
	switch d.state() {
	case space.StateWaiting:
		return
	}
	if s.rnd.IntN(8) == 0 {
		s.book(d)
		return
	}
	rows := d.rows()
	title := fmt.Sprintf("%s-%d", d.name, s.rnd.Uint64())
	if s.rnd.IntN(3) == 0 {
		s.docWrite(d, title)
		s.tokens[title] = d
		return
	}
	switch n := s.rnd.IntN(10); {
	case len(rows) == 0 || n < 3 && len(rows) < 8:
		id, err := d.s.Insert(s.t.Context(), "tasks", space.Row{"title": title})
		s.must(err)
		s.note("%s inserts %s as %s", d.name, title, id)
		s.inserted[id], s.written[id] = d, []string{title}
	case n < 9:
		id := rows[s.rnd.IntN(len(rows))]["id"].(string)
		s.note("%s updates %s with %s", d.name, id, title)
		s.must(d.s.Update(s.t.Context(), "tasks", id, space.Row{"title": title, "points": s.rnd.IntN(9)}))
		s.written[id] = append(s.written[id], title)
	default:
		id := rows[s.rnd.IntN(len(rows))]["id"].(string)
		s.note("%s deletes %s", d.name, id)
		s.must(d.s.Delete(s.t.Context(), "tasks", id))
		s.deleted[id] = true
	}
}

// seal may lose a race, or find that this device may not.
func (s *sealSim) seal(d *simDevice) {
	sealed, err := d.s.Seal(s.t.Context(), space.SealOptions{})
	s.note("%s seals: %+v %v", d.name, sealed, err)
	if err != nil && !errors.Is(err, space.ErrConflict) && !errors.Is(err, space.ErrNotPermitted) {
		s.t.Errorf("%s seals: %v", d.name, err)
	}
}

// restore brings back an old copy of a device that has just pushed all it had.
func (s *sealSim) restore(d *simDevice) {
	if len(d.backups) == 0 {
		return
	}
	s.sync(d, s.t.Context())
	if st, err := d.s.Status(s.t.Context()); err != nil || st.Pending > 0 {
		return
	}
	names := make([]string, 0, len(d.backups))
	for name := range d.backups {
		names = append(names, name)
	}
	slices.Sort(names)
	from := names[s.rnd.IntN(len(names))]
	s.note("%s is restored", d.name)
	s.must(d.s.Close())
	s.must(os.RemoveAll(d.dir))
	copyExactly(s.t, from, d.dir)
	d.again()
	for id, b := range s.booked {
		if b.by == d {
			delete(s.booked, id) // it may know nothing of it any more
		}
	}
}

func (s *sealSim) judge() {
	first := s.devices[0]
	for _, d := range s.devices {
		if diff := cmp.Diff(first.rows(), d.rows()); diff != "" {
			s.t.Errorf("%s has other rows than %s:\n%s", d.name, first.name, diff)
		}
		if diff := cmp.Diff(first.taken(), d.taken()); diff != "" {
			s.t.Errorf("%s has other seats than %s:\n%s", d.name, first.name, diff)
		}
		d.seesEachOnce()
		if first.digest() != d.digest() {
			s.t.Errorf("digests of %s and %s differ", first.name, d.name)
		}
		st, err := d.s.Status(s.t.Context())
		if err != nil || st.Pending > 0 || st.State != space.StateActive || d.epoch() != first.epoch() {
			s.t.Errorf("%s: %+v, %v", d.name, st, err)
		}
		if kinds := d.evidence(); len(kinds) > 0 {
			s.t.Errorf("%s keeps evidence of %q", d.name, kinds)
		}
		if res, err := d.s.Verify(s.t.Context(), space.VerifyOptions{Full: true}); err != nil {
			s.t.Errorf("%s verifies: %v %q", d.name, err, res.Problems)
		}
	}
	s.judgeWrites(first)
	s.judgeDocuments()
	s.judgeTokens(first)
	s.judgeOrder()
	for _, d := range s.gone {
		if _, err := d.s.Sync(s.t.Context()); !errors.Is(err, space.ErrNotPermitted) {
			s.t.Errorf("%s syncs after the removal: %v", d.name, err)
		}
		if kinds := d.evidence(); len(kinds) > 0 {
			s.t.Errorf("%s keeps evidence of %q", d.name, kinds)
		}
	}
}

// judgeOrder: every ordered transaction came to an end.
func (s *sealSim) judgeOrder() {
	for id, b := range s.booked {
		if slices.Contains(s.gone, b.by) {
			continue
		}
		got, err := b.by.s.Receipt(s.t.Context(), id)
		if err != nil || got.State != "sealed" && got.State != "refused" && got.State != "lost" {
			s.t.Errorf("%s took a seat, and has %+v, %v", b.by.name, got, err)
		}
	}
}

func (s *sealSim) judgeWrites(d *simDevice) {
	there := map[string]space.Row{}
	for _, r := range d.rows() {
		there[r["id"].(string)] = r
	}
	for id, by := range s.inserted {
		row, ok := there[id]
		if !ok && !s.deleted[id] && !slices.Contains(s.gone, by) && !s.kept(by, id) {
			s.t.Errorf("row %s, which %s inserted, is gone", id, by.name)
		}
		if ok && !slices.Contains(s.written[id], row["title"].(string)) {
			s.t.Errorf("row %s has the title %q, which nobody gave it", id, row["title"])
		}
	}
}

// judgeTokens: what was acknowledged has effect, or its author has it.
func (s *sealSim) judgeTokens(d *simDevice) {
	record := d.documents().Record
	for token, by := range s.tokens {
		if slices.Contains(record, any(token)) || slices.Contains(s.gone, by) {
			continue
		}
		conflicts, err := by.s.Conflicts(s.t.Context())
		s.must(err)
		if !strings.Contains(fmt.Sprint(conflicts), token) {
			s.t.Errorf("%s, which %s wrote into documents, is gone", token, by.name)
		}
	}
}

// kept: the author still has it.
func (s *sealSim) kept(d *simDevice, row string) bool {
	conflicts, err := d.s.Conflicts(s.t.Context())
	s.must(err)
	return slices.ContainsFunc(conflicts, func(c space.Conflict) bool {
		return slices.ContainsFunc(c.Values, func(v space.ConflictValue) bool { return v.Row == row })
	})
}
