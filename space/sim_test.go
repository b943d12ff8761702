package space_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/espace-git/espace-git/gitstore"
	"github.com/espace-git/espace-git/internal/wire"
	"github.com/espace-git/espace-git/merge"
	"github.com/espace-git/espace-git/schema"
	"github.com/espace-git/espace-git/seal"
	"github.com/espace-git/espace-git/space"
)

// The simulator: devices in one process on a host that is mostly honest. Whatever
// the schedule, all come to the same rows and the same digest, those rows are what
// a naive second fold of everything that was signed gives, and no write that was
// acknowledged is missing. Nobody is accused but the host, and only if it lied.
//
//	ESPACE_SIM=2m       runs that long instead of a few seconds
//	ESPACE_SIM_SEED=…   repeats a schedule (but for the moments of crashes)
func TestSimulation(t *testing.T) {
	t.Parallel()
	span := 6 * time.Second
	if testing.Short() {
		span = 2 * time.Second
	}
	if d, err := time.ParseDuration(os.Getenv("ESPACE_SIM")); err == nil {
		span = d
	}
	seed := uint64(time.Now().UnixNano())
	once := false
	if n, err := strconv.ParseUint(os.Getenv("ESPACE_SIM_SEED"), 10, 64); err == nil {
		seed, once = n, true
	}
	w := simWorld(t)
	for start := time.Now(); time.Since(start) < span && !t.Failed(); seed++ {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { simulate(t, w, seed) })
		if once {
			break
		}
	}
}

var simNames = []string{"alice", "bob", "carol", "dave"}

func simWorld(t *testing.T) *world {
	t.Helper()
	h := newEvilHost(t)
	alice := newPerson(t, simNames[0])
	alice.create(h.dir)
	people := []*person{alice}
	for _, name := range simNames[1:] {
		p := newPerson(t, name)
		p.join(alice.invite())
		people = append(people, p)
	}
	for _, p := range append(people, people[1:]...) {
		p.sync()
	}
	return pack(t, h, people...)
}

// sim is one run.
type sim struct {
	t       *testing.T
	rnd     *rand.Rand
	h       *evilHost
	devices []*simDevice
	secret  seal.Secret
	space   wire.Hash
	lied    bool
	ordered bool // writes may break a rule: two take one seat
	trace   []string
	taken   map[string]bool // tokens that somebody took out of documents
	went    map[string]went // where they went
}

type simDevice struct {
	*person
	dir     string
	url     string
	skew    time.Duration
	acked   []string            // values of acknowledged writes
	backups map[string][]string // a copy of the directory → what was acknowledged then
	hidden  bool                // the host hides some of its lane
	fresh   bool                // restored, and has not synced since: what was on its disk is on the host only
}

func simulate(t *testing.T, w *world, seed uint64) {
	h, people := w.unpack(t, simNames...)
	s := &sim{t: t, rnd: rand.New(rand.NewPCG(seed, 1)), h: h, taken: map[string]bool{}, went: map[string]went{}}
	for _, p := range people {
		d := &simDevice{person: p, dir: p.s.Dir(), url: h.dir, backups: map[string][]string{}, skew: time.Duration(s.rnd.IntN(7200)-3600) * time.Second}
		s.devices = append(s.devices, d)
		d.again()
	}
	s.space = people[0].id()
	raw, _ := people[0].keyring(people[0].s.Dir()).Secret(s.space)
	var err error
	if s.secret, err = seal.SecretFrom(raw); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if t.Failed() {
			t.Logf("seed %d:\n%s", seed, strings.Join(s.trace, "\n"))
		}
	}()
	for range 40 + s.rnd.IntN(60) {
		s.step()
	}
	s.settle()
	s.judge()
}

func (s *sim) note(format string, args ...any) {
	s.trace = append(s.trace, fmt.Sprintf(format, args...))
}

func (d *simDevice) again() {
	d.t.Helper()
	d.s.Close()
	o := d.options()
	o.Git, o.Now = "inprocess", in(d.skew)
	s, err := space.Open(d.t.Context(), d.dir, o)
	if err != nil {
		d.t.Fatal(err)
	}
	d.s = s
}

// step lets something happen. Some things are likelier than others.
func (s *sim) step() {
	d := s.devices[s.rnd.IntN(len(s.devices))]
	switch n := s.rnd.IntN(100); {
	case n < 45:
		s.write(d)
	case n < 75:
		s.sync(d, s.t.Context())
	case n < 82:
		s.crash(d)
	case n < 86:
		s.note("%s starts again", d.name)
		d.again()
	case n < 90:
		s.backup(d)
	case n < 93:
		s.restore(d)
	case n < 96:
		s.rollback(d)
	case n < 98:
		s.junk(d)
	default:
		s.split(d)
	}
}

func (s *sim) write(d *simDevice) {
	rows := d.rows()
	value := fmt.Sprintf("%s-%d", d.name, s.rnd.Uint64())
	if s.rnd.IntN(3) == 0 {
		s.docWrite(d, value)
		d.acked = append(d.acked, value)
		return
	}
	var err error
	switch n := s.rnd.IntN(10); {
	case len(rows) == 0 || n < 3 && len(rows) < 6:
		s.note("%s inserts %s", d.name, value)
		_, err = d.s.Insert(s.t.Context(), "tasks", space.Row{"title": value})
	case n < 9:
		row := rows[s.rnd.IntN(len(rows))]
		change := space.Row{"title": value}
		if s.rnd.IntN(2) == 0 {
			change["points"] = s.rnd.IntN(1000)
		}
		s.note("%s updates %v with %s", d.name, row["id"], value)
		err = d.s.Update(s.t.Context(), "tasks", row["id"].(string), change)
	default:
		row := rows[s.rnd.IntN(len(rows))]
		value = "delete " + row["id"].(string)
		s.note("%s deletes %s", d.name, row["id"])
		err = d.s.Delete(s.t.Context(), "tasks", row["id"].(string))
	}
	if err != nil {
		s.t.Fatalf("%s writes: %v", d.name, err)
	}
	d.acked = append(d.acked, value)
}

// sync may be told of a violation only if the host has lied.
func (s *sim) sync(d *simDevice, ctx context.Context) {
	r, err := d.s.Sync(ctx)
	s.note("%s syncs: +%d -%d %v %q", d.name, r.Fetched, r.Pushed, err, r.Warnings)
	switch {
	case err == nil:
		d.hidden, d.fresh = false, false
	case errors.Is(err, space.ErrViolation):
		d.hidden, d.fresh = false, false
		if !s.lied {
			s.t.Errorf("%s accuses an honest host: %v", d.name, err)
		}
	case ctx.Err() == nil && !errors.Is(err, space.ErrConflict):
		s.t.Errorf("%s syncs: %v", d.name, err)
	}
	if r.Refused > 0 && !s.ordered {
		s.t.Errorf("%s refuses %d", d.name, r.Refused)
	}
}

// crash: the process goes away at some moment of a sync.
func (s *sim) crash(d *simDevice) {
	ctx, cancel := context.WithTimeout(s.t.Context(), time.Duration(s.rnd.ExpFloat64()*float64(12*time.Millisecond)))
	defer cancel()
	s.note("%s crashes", d.name)
	s.sync(d, ctx)
	d.again()
}

func (s *sim) backup(d *simDevice) {
	to := filepath.Join(s.t.TempDir(), "backup")
	d.s.Close()
	copyExactly(s.t, d.dir, to)
	d.backups[to] = slices.Clone(d.acked)
	s.note("%s is backed up", d.name)
	d.again()
}

// restore brings an old copy back. What was on this device only, and written since,
// is gone with the disk; what was pushed must come back from the host.
func (s *sim) restore(d *simDevice) {
	if d.hidden || len(d.backups) == 0 || d.url != s.h.dir {
		return
	}
	names := make([]string, 0, len(d.backups))
	for name := range d.backups {
		names = append(names, name)
	}
	slices.Sort(names)
	from := names[s.rnd.IntN(len(names))]
	signed := s.signed(d)
	acked := d.backups[from]
	for _, v := range d.acked {
		if signed[v] > 0 && !slices.Contains(acked, v) {
			acked = append(slices.Clone(acked), v)
		}
	}
	s.note("%s is restored: %d of %d writes left", d.name, len(acked), len(d.acked))
	d.acked, d.fresh = acked, true
	d.s.Close()
	if err := os.RemoveAll(d.dir); err != nil {
		s.t.Fatal(err)
	}
	copyExactly(s.t, from, d.dir)
	d.again()
}

// rollback: the host takes back a lane, the ledger or the keys, as far as it likes.
func (s *sim) rollback(d *simDevice) {
	if s.rnd.IntN(3) == 0 {
		ref := []string{wire.DefaultRefs.Ledger, wire.DefaultRefs.Keys(wire.Epoch{O: s.space})}[s.rnd.IntN(2)]
		s.lied = true
		s.note("the host takes back some of %s", ref)
		commits := strings.Fields(s.h.git("rev-list", "--first-parent", ref))
		s.h.set(ref, commits[s.rnd.IntN(len(commits))])
		return
	}
	lane := wire.DefaultRefs.Lane(wire.Epoch{O: s.space}, d.keyring(d.dir).Device().ID())
	refs := s.h.refs()
	if refs[lane] == "" || d.fresh { // a lost disk and a host that deletes: nobody can help
		return
	}
	s.lied, d.hidden = true, true
	commits := strings.Fields(s.h.git("rev-list", "--first-parent", refs[lane]))
	n := s.rnd.IntN(len(commits) + 1)
	if n == len(commits) {
		s.note("the host deletes the lane of %s", d.name)
		s.h.git("update-ref", "-d", lane)
		return
	}
	s.note("the host takes back %d commits of %s", n, d.name)
	s.h.set(lane, commits[n])
}

// junk: a stranger pushes onto a lane.
func (s *sim) junk(d *simDevice) {
	for ref, id := range s.h.refs() {
		if strings.Contains(ref, d.keyring(d.dir).Device().ID().String()) {
			s.note("a stranger pushes onto the lane of %s", d.name)
			s.h.set(ref, s.h.commit(map[string]string{"x": fmt.Sprint(s.rnd.Uint64())}, id))
		}
	}
}

// split: one device meets a copy of the host for a while, alone.
func (s *sim) split(d *simDevice) {
	s.lied = true
	copied := s.h.clone()
	s.note("%s is shown a copy of the host", d.name)
	move := func(url string) {
		d.s.Close()
		d.rehost(d.dir, url)
		d.url = url
		d.again()
	}
	move(copied.dir)
	s.sync(d, s.t.Context())
	s.write(d)
	s.sync(d, s.t.Context())
	for _, other := range s.devices { // meanwhile the others go on
		if other != d && s.rnd.IntN(2) == 0 {
			s.write(other)
			s.sync(other, s.t.Context())
		}
	}
	move(s.h.dir)
	s.sync(d, s.t.Context())
}

// settle: the host is honest from now on, and everybody syncs until nothing moves.
func (s *sim) settle() {
	s.note("settling")
	for range 4 {
		s.rnd.Shuffle(len(s.devices), func(i, j int) { s.devices[i], s.devices[j] = s.devices[j], s.devices[i] })
		for _, d := range s.devices {
			s.sync(d, s.t.Context())
		}
	}
}

func (s *sim) judge() {
	s.judgeDocuments()
	want := s.fold()
	for _, d := range s.devices {
		got := map[string]space.Row{}
		for _, r := range d.rows() {
			got[r["id"].(string)] = r
		}
		if diff := cmp.Diff(want, got); diff != "" {
			s.t.Errorf("%s has other rows than everything that was signed gives (-want +got):\n%s", d.name, diff)
		}
		if a, b := s.devices[0].digest(), d.digest(); a != b {
			s.t.Errorf("digests of %s and %s differ", s.devices[0].name, d.name)
		}
		st, err := d.s.Status(s.t.Context())
		if err != nil || st.Pending > 0 {
			s.t.Errorf("%s: %d writes wait: %v", d.name, st.Pending, err)
		}
		signed := s.signed(d)
		for _, v := range d.acked {
			// A restored device may delete again what it had deleted.
			if again := strings.HasPrefix(v, "delete "); signed[v] == 0 || signed[v] > 1 && !again {
				s.t.Errorf("%s: the write %s, which was acknowledged, counts %d times", d.name, v, signed[v])
			}
		}
		for _, kind := range d.evidence() {
			if kind != "taken-back" {
				s.t.Errorf("%s keeps evidence of %s", d.name, kind)
			}
		}
		if res, err := d.s.Verify(s.t.Context(), space.VerifyOptions{Full: true}); err != nil {
			s.t.Errorf("%s verifies: %v %q", d.name, err, res.Problems)
		}
	}
}

// lanes decodes a device's lane from the host.
func (s *sim) lane(d *simDevice) (out []*merge.LaneEntry) {
	s.t.Helper()
	dev := d.keyring(d.dir).Device()
	tip := s.h.refs()[wire.DefaultRefs.Lane(wire.Epoch{O: s.space}, dev.ID())]
	if tip == "" {
		return nil
	}
	repo, err := gitstore.Open(s.h.dir)
	s.must(err)
	id, err := wire.ParseObjectID(tip)
	s.must(err)
	commits, err := repo.Commits([]wire.ObjectID{id}, nil, 1e6)
	s.must(err)
	stored := map[string][]byte{}
	for _, c := range commits {
		root, err := repo.Tree(c.Tree)
		if err != nil || len(root) != 1 || root[0].Name != "entries" {
			continue // a stranger's
		}
		files, err := repo.Tree(root[0].ID)
		s.must(err)
		for _, f := range files {
			b, err := repo.Blob(f.ID, wire.MaxEntry)
			s.must(err)
			if old, ok := stored[f.Name]; ok && !bytes.Equal(old, b) {
				s.t.Errorf("%s signed two entries %s", d.name, f.Name)
			}
			stored[f.Name] = b
		}
	}
	key, hash := s.secret.LaneKey(s.space, wire.DeviceKeyHash(dev.PublicKey())), wire.DeviceKeyHash(dev.PublicKey())
	for i := range uint64(len(stored)) {
		plain, err := key.Open(seal.LaneAD(s.space, hash, i), stored[fmt.Sprintf("%08d", i)], wire.MaxEntry)
		s.must(err)
		e, err := merge.DecodeEntry(plain)
		s.must(err)
		out = append(out, e)
	}
	return out
}

func (s *sim) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// signed counts the values in a device's lane.
func (s *sim) signed(d *simDevice) map[string]int {
	out := map[string]int{}
	for _, e := range s.lane(d) {
		for _, tx := range e.Transactions {
			for _, op := range tx.Ops {
				if op.Kind == merge.Delete {
					out["delete "+uuid.UUID(op.Row).String()]++
				}
				for _, c := range op.Cells {
					if v, err := merge.DecodeValue(c.Value); err == nil && c.Column == 1 && op.Table < schema.FirstBuiltin {
						out[v.(string)]++
					}
				}
			}
			for _, token := range s.loggedTokens(d, &tx) {
				out[token]++
			}
		}
	}
	return out
}

// fold is the naive second implementation: the last writer of each cell, and a row
// that anybody deleted is gone.
func (s *sim) fold() map[string]space.Row {
	type cell struct {
		stamp merge.Stamp
		value any
	}
	cells := map[merge.RowID]map[uint32]cell{}
	gone := map[merge.RowID]bool{}
	for _, d := range s.devices {
		dev := d.keyring(d.dir).Device().ID()
		for _, e := range s.lane(d) {
			for _, tx := range e.Transactions {
				for _, op := range tx.Ops {
					if op.Table >= schema.FirstBuiltin {
						continue
					}
					gone[op.Row] = gone[op.Row] || op.Kind == merge.Delete
					if cells[op.Row] == nil {
						cells[op.Row] = map[uint32]cell{}
					}
					for _, c := range op.Cells {
						v, err := merge.DecodeValue(c.Value)
						s.must(err)
						if stamp := tx.Stamp(dev); cells[op.Row][c.Column].stamp.Less(stamp) {
							cells[op.Row][c.Column] = cell{stamp, v}
						}
					}
				}
			}
		}
	}
	out := map[string]space.Row{}
	for row, columns := range cells {
		if !gone[row] {
			id := uuid.UUID(row).String()
			out[id] = space.Row{"id": id, "title": columns[1].value, "done": columns[2].value, "points": columns[3].value}
		}
	}
	return out
}
