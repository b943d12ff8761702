package membership

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/espace-git/espace-git/internal/wire"
)

// drawing is a ledger drawn in a test's source, one line a branch:
//
//	"G -> A -> B"      G is the last entry of the base story
//	"A -> C@adam"      C, by adam, builds on A
//	"A -> D!B"         D declares B a lost try of its author
type drawing struct {
	t     *testing.T
	at    map[string]*story
	first *story
}

func draw(t *testing.T, base *story, lines ...string) *drawing {
	t.Helper()
	d := &drawing{t: t, at: map[string]*story{"G": base}, first: base}
	for _, line := range lines {
		steps := strings.Split(line, " -> ")
		from := steps[0]
		for _, step := range steps[1:] {
			from = d.step(from, step)
		}
	}
	return d
}

func (d *drawing) step(from, step string) string {
	d.t.Helper()
	rest, lost, _ := strings.Cut(step, "!")
	name, author, ok := strings.Cut(rest, "@")
	if !ok {
		author = "alice"
	}
	s := d.at[from].fork()
	draft := s.draft(&SchemaBody{Widens: true})
	s.clock = t0.Add(time.Duration(len(d.at)) * time.Hour) // so that no two are equal
	if lost != "" {
		draft.Tries = []wire.Hash{d.at[lost].last.Hash}
	}
	if _, err := s.try(author, draft); err != nil {
		d.t.Fatalf("drawing %s: %v", step, err)
	}
	d.at[name] = s
	return name
}

// envs are the entries of these names, in a random order that must not matter.
func (d *drawing) envs(names string) [][]byte {
	var out [][]byte
	for _, n := range strings.Fields(names) {
		out = append(out, d.at[n].last.Envelope)
	}
	rand.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	return out
}

func (d *drawing) name(h wire.Hash) string {
	for n, s := range d.at {
		if s.r.Head().Hash == h {
			return n
		}
	}
	return "?"
}

// read says in words what a reader at `at` makes of the entries.
func (d *drawing) read(at, names string) string {
	got := d.at[at].r.Read(d.envs(names))
	var out []string
	for _, e := range got.Accepted {
		out = append(out, "+"+d.name(e.Hash))
	}
	for _, f := range got.Forks {
		word := "fork:"
		if f.Declared {
			word = "lost:"
		}
		out = append(out, word+d.name(f.Theirs.Hash)+"/"+d.name(f.Ours.Hash))
	}
	if got.Split != nil {
		out = append(out, "split")
		for _, b := range got.Split.Branches {
			out = append(out, d.name(b.Entries[0].Hash)+".."+d.name(b.Roster.Head().Hash))
		}
	}
	for _, r := range got.Refused {
		u, _ := Parse(r.Envelope)
		out = append(out, "refused:"+d.name(u.Hash))
	}
	return strings.Join(out, " ")
}

func TestReadDrawnChains(t *testing.T) {
	base := with(t, map[string]Role{"adam": Admin})
	d := draw(t, base,
		"G -> A -> B -> C -> D",
		"A -> B1@adam -> C1@adam",
		"A -> L -> L2@adam", // L lost to B, and adam built on it all the same
		"A -> M",            // M lost to N
		"A -> N!M -> O",
		"A -> P@adam -> Q!M", // alice declares M on another branch
		"A -> S@adam",
		"A -> R!S", // S is not alice's: her word on it is worth nothing
	)
	for _, c := range []struct{ at, sees, want string }{
		{"G", "", ""},
		{"G", "A B C D", "+A +B +C +D"},
		{"B", "A B C D", "+C +D"},
		{"D", "A B", ""},
		// Who verified one goes on with it and keeps the other.
		{"B", "C D B1 C1", "+C +D fork:B1/B"},
		{"C1", "B C D", "fork:B/B1"},
		{"A", "B C", "+B +C"},
		// Who meets both at once applies nothing after the split.
		{"G", "A B B1", "+A split B..B B1..B1"},
		{"A", "B C D B1 C1", "split B..D B1..C1"},
		{"G", "A B C B1 C1 L L2", "+A split B..C B1..C1 L..L2"},
		// An honest loser of a race is no fork, unless somebody built on it.
		{"A", "N M", "+N"},
		{"A", "N O M", "+N +O"},
		{"O", "M", "lost:M/N"},
		{"A", "P Q M", "+P +Q"},
		{"A", "R S", "split R..R S..S"},
		// Entries that nothing connects are refused and change nothing.
		{"A", "C D", "refused:C refused:D"},
		{"A", "B D", "+B refused:D"},
		{"G", "C1 B1", "refused:B1 refused:C1"},
	} {
		for range 3 {
			got, want := sortSplit(d.read(c.at, c.sees)), sortSplit(c.want)
			if got != want {
				t.Errorf("at %s, seeing %s: %q, want %q", c.at, c.sees, got, want)
			}
		}
	}
}

// sortSplit makes the order of branches, which is by hash, readable.
func sortSplit(s string) string {
	a, b, ok := strings.Cut(s, "split ")
	if !ok {
		return s
	}
	words := map[string]bool{}
	for _, w := range strings.Fields(b) {
		words[w] = true
	}
	return a + "split " + strings.Join(sortedKeys(words), " ")
}

func TestSplitNamedByPositions(t *testing.T) {
	base := with(t, map[string]Role{"adam": Admin, "eve": Editor})
	d := draw(t, base, "G -> A -> B -> C", "A -> X@adam -> Y@adam")
	reading := d.at["G"].r.Read(d.envs("A B C X Y"))
	if reading.Split == nil || reading.Roster.Head() != d.at["A"].r.Head() {
		t.Fatalf("no split after A: %+v", reading)
	}
	at := func(names ...string) (out []wire.Position) {
		for _, n := range names {
			out = append(out, d.at[n].r.Head())
		}
		return out
	}
	for _, c := range []struct {
		what      string
		positions map[wire.DeviceID][]wire.Position
		want      string
	}{
		{"nobody speaks", nil, ""},
		{"old places say nothing", map[wire.DeviceID][]wire.Position{id("eve"): at("G", "A")}, ""},
		{"one member", map[wire.DeviceID][]wire.Position{id("eve"): at("G", "A", "B")}, "C"},
		{"all on one branch", map[wire.DeviceID][]wire.Position{id("eve"): at("X"), id("adam"): at("Y")}, "Y"},
		{"members disagree", map[wire.DeviceID][]wire.Position{id("eve"): at("X"), id("alice"): at("B")}, ""},
		{"same-device-on-both-branches", map[wire.DeviceID][]wire.Position{id("eve"): at("X", "C")}, ""},
		{"strangers do not count", map[wire.DeviceID][]wire.Position{id("mallory"): at("Y")}, ""},
	} {
		b, ok := reading.Split.Named(c.positions)
		got := ""
		if ok {
			got = d.name(b.Roster.Head().Hash)
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", c.what, got, c.want)
		}
	}
}

func TestContradicts(t *testing.T) {
	base := with(t, map[string]Role{"adam": Admin, "eve": Editor})
	d := draw(t, base, "G -> A -> B -> C", "A -> X@adam -> Y@adam", "A -> M", "A -> N!M -> O")
	r := d.at["C"].r
	ev, ok := r.Contradicts(d.at["X"].last.Envelope)
	if !ok || ev.Number != d.at["X"].last.Number || ev.Ours != d.at["B"].r.Head() || ev.Shared != d.at["A"].r.Head() || ev.Declared || ev.Theirs.Author != id("adam") {
		t.Fatalf("evidence %+v, %v", ev, ok)
	}
	for what, env := range map[string][]byte{
		"own entry": d.at["B"].last.Envelope, "next entry of another branch": d.at["Y"].last.Envelope,
		"no envelope": []byte("{}"), "genesis": d.first.entries[0], "other space": with(t, nil).entries[0],
	} {
		if _, ok := r.Contradicts(env); ok {
			t.Errorf("%s is no evidence", what)
		}
	}
	if ev, ok := d.at["O"].r.Contradicts(d.at["M"].last.Envelope); !ok || !ev.Declared {
		t.Errorf("a declared loser: %+v, %v", ev, ok)
	}
	// An editor's entry was never valid there: it shows no fork.
	s := d.at["A"].fork()
	env := forge(t, s, "eve", func(p *payload) {
		p.Kind, p.Body = KindKeyWrap, []byte(`{"member":"`+memberID("eve").String()+`","since":0}`)
	})
	if _, ok := r.Contradicts(env); ok {
		t.Error("an entry that was never valid is no fork")
	}
}

// forge signs what Propose would not: the next payload, changed.
func forge(t testing.TB, s *story, author string, change func(*payload)) []byte {
	t.Helper()
	p := payload{
		Author: id(author), Body: []byte(`{"widens":true}`), Kind: KindSchema, Number: s.r.Head().Number + 1,
		Predecessor: s.r.Head().Hash, Space: ref(s.r.Space()), Time: t0.UnixMilli(),
	}
	draft := s.draft(&SchemaBody{})
	p.Items, p.Private = draft.Items, draft.Private
	change(&p)
	if p.Kind != KindSchema {
		p.Items, p.Private = nil, nil
	}
	b, err := wire.MarshalJSON(p)
	if err != nil {
		t.Fatal(err)
	}
	return forgeBytes(t, author, b)
}

func forgeBytes(t testing.TB, author string, payload []byte) []byte {
	t.Helper()
	env, err := signEnvelope(payload, testKey(author))
	if err != nil {
		t.Fatal(err)
	}
	return env
}

// Junk between the entries is refused, each with its reason, and hides nothing.
func TestReadAmongJunk(t *testing.T) {
	s := with(t, map[string]Role{"eve": Editor})
	start, _ := s.r.At(0)
	junk := [][]byte{nil, []byte("README"), append([]byte(" "), s.entries[1]...), forge(t, s, "mallory", func(*payload) {})}
	got := start.Read(append(junk, s.entries...))
	if got.Roster.Head() != s.r.Head() || len(got.Refused) != len(junk) {
		t.Fatalf("head at %d, refused %d", got.Roster.Head().Number, len(got.Refused))
	}
	for _, r := range got.Refused {
		if r.Err == nil {
			t.Errorf("%q refused without a reason", r.Envelope)
		}
	}
}

// What is verified ahead is all that the fold will ask for, from genesis and
// from the middle; else batches would be slow without anybody noticing.
func TestAheadFindsEverySignature(t *testing.T) {
	s := vectorLedger(t)
	for _, from := range []int{0, 4} {
		var r *Roster
		if from > 0 {
			r, _ = s.r.At(uint64(from - 1))
		}
		want := 0
		batch, _ := parseAll(s.entries[from:])
		for _, u := range batch {
			want++
			if u.Kind == KindJoin || u.Kind == KindDeviceAdd {
				want += 2
			}
		}
		if got := len(ahead(r, batch)); got != want {
			t.Errorf("from %d: %d signatures, want %d", from, got, want)
		}
	}
	if ahead(nil, nil) != nil {
		t.Error("nothing ahead of nothing")
	}
}

// From any state to any earlier one it takes O(log n) steps.
func TestAtTakesFewSteps(t *testing.T) {
	const n = 5000
	r := &Roster{}
	for i := range uint64(n) {
		next := &Roster{head: wire.Position{Number: i + 1}}
		next.follow(r)
		r = next
	}
	for to := range uint64(n) {
		steps := 0
		for at := r; at.head.Number > to; steps++ {
			if at.jump.head.Number >= to {
				at = at.jump
			} else {
				at = at.prev
			}
		}
		if steps > 40 { // about 3 log2(n)
			t.Fatalf("%d steps from %d to %d", steps, n, to)
		}
		if at, ok := r.At(to); !ok || at.head.Number != to {
			t.Fatalf("At(%d)", to)
		}
	}
}
