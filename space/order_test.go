package space_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/espace-git/espace-git/space"
)

// seats has a table of lanes and one of the order.
const seats = tasks + `
  seats:
    ordered: true
    columns:
      place: {type: text, unique: true, required: true}
      owner: {type: text}
`

func (p *person) createSeats(url string) {
	p.t.Helper()
	s, _, err := space.Create(p.t.Context(), filepath.Join(p.t.TempDir(), p.name), space.CreateOptions{
		Name: "Cinema", As: p.name, Remote: url, Schema: []byte(seats),
	}, p.options())
	if err != nil {
		p.t.Fatalf("%s creates: %v", p.name, err)
	}
	p.s = s
}

// cinema is a space with seats and these people, who all may write.
func cinema(t *testing.T, names ...string) (h *evilHost, people []*person) {
	t.Helper()
	h = newEvilHost(t)
	first := newPerson(t, names[0])
	first.createSeats(h.dir)
	people = []*person{first}
	for _, name := range names[1:] {
		p := newPerson(t, name)
		p.join(first.invite())
		people = append(people, p)
	}
	for range 2 {
		for _, p := range people {
			p.sync()
		}
	}
	return h, people
}

// take books a seat and returns the receipt.
func (p *person) take(place string) space.Receipt {
	p.t.Helper()
	r, err := p.s.Write(p.t.Context(), func(tx *space.Tx) error {
		_, err := tx.Insert("seats", space.Row{"place": place, "owner": p.name})
		return err
	})
	if err != nil {
		p.t.Fatalf("%s takes %s: %v", p.name, place, err)
	}
	return r
}

func (p *person) receipt(r space.Receipt) space.Receipt {
	p.t.Helper()
	got, err := p.s.Receipt(p.t.Context(), r.ID)
	if err != nil {
		p.t.Fatal(err)
	}
	return got
}

func (p *person) is(r space.Receipt, state string) {
	p.t.Helper()
	if got := p.receipt(r); got.State != state {
		p.t.Errorf("%s has %+v, want %s", p.name, got, state)
	}
}

// taken lists who has which seat, sorted.
func (p *person) taken() (out []string) {
	p.t.Helper()
	rows, err := p.s.Select(p.t.Context(), space.Query{Table: "seats"})
	if err != nil {
		p.t.Fatal(err)
	}
	for _, r := range rows {
		out = append(out, fmt.Sprint(r["place"], " ", r["owner"]))
	}
	slices.Sort(out)
	return out
}

func (p *person) seat(place string) string {
	p.t.Helper()
	rows, err := p.s.Select(p.t.Context(), space.Query{Table: "seats", Where: "place == ?", Args: []any{place}})
	if err != nil || len(rows) != 1 {
		p.t.Fatalf("%s looks for %s: %v, %v", p.name, place, rows, err)
	}
	return rows[0]["id"].(string)
}

// settled: all see these seats, and the same state, also when it is folded anew.
func settledOrder(t *testing.T, want []string, people ...*person) {
	t.Helper()
	for _, p := range people {
		if d := cmp.Diff(want, p.taken()); d != "" {
			t.Errorf("%s sees:\n%s", p.name, d)
		}
		if a, b := people[0].digest(), p.digest(); a != b {
			t.Errorf("digests of %s and %s differ", people[0].name, p.name)
		}
		p.foldsAgain()
	}
}

// foldsAgain: what is here is what git and the journal fold to.
func (p *person) foldsAgain() {
	p.t.Helper()
	res, err := p.s.Verify(p.t.Context(), space.VerifyOptions{Full: true})
	if err != nil && !errors.Is(err, space.ErrViolation) {
		p.t.Fatal(err)
	}
	for _, problem := range res.Problems {
		if strings.Contains(problem, "is not what git and the journal fold to") || strings.Contains(problem, "git does not have") {
			p.t.Errorf("%s: %s", p.name, problem)
		}
	}
}

// Two want one seat at once. Both see it as theirs until the order has spoken; then
// one has it, and the other is told why not.
func TestOrderOneSeatForTwo(t *testing.T) {
	t.Parallel()
	_, people := cinema(t, "alice", "bob")
	alice, bob := people[0], people[1]
	a, b := alice.take("1A"), bob.take("1A")
	second := bob.take("1B")
	if d := cmp.Diff([]string{"1A bob", "1B bob"}, bob.taken()); d != "" {
		t.Error(d)
	}
	alice.sync()
	alice.is(a, "pushed")
	res := bob.sync()
	bob.is(b, "refused")
	bob.is(second, "pushed")
	if reason := bob.receipt(b).Reason; !strings.Contains(reason, "seats.place: unique") || res.Refused != 1 {
		t.Errorf("refused %d, bob is told %q", res.Refused, reason)
	}
	if log, err := bob.s.Log(t.Context(), space.LogQuery{Refused: true}); err != nil || len(log) != 1 || log[0].ID != b.ID {
		t.Errorf("bob's changelog: %v, %v", log, err)
	}
	alice.sync()
	settledOrder(t, []string{"1A alice", "1B bob"}, alice, bob)
	// Nobody else hears of what never left bob's device.
	if log, err := alice.s.Log(t.Context(), space.LogQuery{Refused: true}); err != nil || len(log) != 0 {
		t.Errorf("alice's changelog: %v, %v", log, err)
	}
	if _, err := bob.s.Insert(t.Context(), "seats", space.Row{"place": "1A"}); !errors.Is(err, space.ErrConflict) || !strings.Contains(err.Error(), "unique") {
		t.Errorf("taken is taken: %v", err)
	}
}

// A receipt says how far an ordered write has come.
func TestOrderReceipts(t *testing.T) {
	t.Parallel()
	_, people := cinema(t, "alice", "bob")
	alice, bob := people[0], people[1]
	r := alice.take("1A")
	alice.is(r, "local")
	alice.sync()
	alice.is(r, "pushed")
	alice.insert(space.Row{"title": "an own lane is no witness"})
	alice.sync()
	alice.is(r, "pushed")
	bob.sync()
	bob.insert(space.Row{"title": "bob has seen the seat"})
	bob.sync()
	alice.sync()
	alice.is(r, "witnessed")
	second := alice.take("1B")
	alice.sync()
	alice.is(second, "pushed")
	alice.is(r, "witnessed")
	if _, err := alice.s.Receipt(t.Context(), "nonsense"); !errors.Is(err, space.ErrUsage) {
		t.Error(err)
	}
	if _, err := bob.s.Receipt(t.Context(), r.ID); !errors.Is(err, space.ErrNotFound) {
		t.Error(err)
	}
	alice.foldsAgain()
	alice.is(r, "witnessed")
}

// One transaction stands in the order or in a lane, never in both.
func TestOrderAloneInATransaction(t *testing.T) {
	t.Parallel()
	_, people := cinema(t, "alice")
	alice := people[0]
	id := alice.insert(space.Row{"title": "x"})
	for name, fn := range map[string]func(*space.Tx) error{
		"ordered first": func(tx *space.Tx) error {
			_, err := tx.Insert("seats", space.Row{"place": "1A"})
			return errors.Join(err, tx.Delete("tasks", id))
		},
		"ordered last": func(tx *space.Tx) error {
			if err := tx.Delete("tasks", id); err != nil {
				return err
			}
			_, err := tx.Insert("seats", space.Row{"place": "1A"})
			return err
		},
	} {
		if _, err := alice.s.Write(t.Context(), fn); !errors.Is(err, space.ErrUsage) || !strings.Contains(err.Error(), "seats is ordered, tasks is not") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if len(alice.taken()) != 0 || len(alice.rows()) != 1 {
		t.Error("a refused transaction left something")
	}
}

// Without a host ordered writes wait here, and show. What they found is judged anew
// when the host is back.
func TestOrderOffline(t *testing.T) {
	t.Parallel()
	h, people := cinema(t, "alice", "bob")
	alice, bob := people[0], people[1]
	alice.take("1A")
	alice.sync()
	bob.sync()
	away := h.dir + ".away"
	if err := os.Rename(h.dir, away); err != nil {
		t.Fatal(err)
	}
	free := bob.seat("1A")
	gone, err := bob.s.Write(t.Context(), func(tx *space.Tx) error { return tx.Delete("seats", free) })
	if err != nil {
		t.Fatal(err)
	}
	kept := bob.take("1A") // it is free, as far as bob knows
	if _, err := bob.s.Sync(t.Context()); err == nil {
		t.Fatal("synced without a host")
	}
	bob.is(kept, "local")
	if d := cmp.Diff([]string{"1A bob"}, bob.taken()); d != "" {
		t.Error(d)
	}
	if pending, err := bob.s.Pending(t.Context()); err != nil || len(pending) != 2 {
		t.Errorf("pending: %v, %v", pending, err)
	}
	bob.foldsAgain()
	if err := os.Rename(away, h.dir); err != nil {
		t.Fatal(err)
	}
	if err := alice.s.Update(t.Context(), "seats", alice.seat("1A"), space.Row{"owner": "alice's mother"}); err != nil {
		t.Fatal(err)
	}
	alice.sync()
	bob.sync()
	bob.is(gone, "pushed")
	bob.is(kept, "pushed")
	alice.sync()
	settledOrder(t, []string{"1A bob"}, alice, bob)
}

// What is written last in the order is what shows, whoever's clock is ahead; and what
// is gone is gone for all that come after.
func TestOrderDecides(t *testing.T) {
	t.Parallel()
	_, people := cinema(t, "alice", "bob")
	alice, bob := people[0], people[1]
	alice.take("1A")
	alice.take("2A")
	alice.sync()
	bob.sync()
	update := func(p *person, place, owner string) space.Receipt {
		id := p.seat(place)
		r, err := p.s.Write(t.Context(), func(tx *space.Tx) error { return tx.Update("seats", id, space.Row{"owner": owner}) })
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	early := update(bob, "1A", "bob, who wrote first and pushed last")
	update(alice, "1A", "alice, who wrote last and pushed first")
	spent, again := alice.seat("2A"), bob.seat("2A")
	spend := func(p *person, id string) space.Receipt {
		r, err := p.s.Write(t.Context(), func(tx *space.Tx) error { return tx.Delete("seats", id) })
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	a, b := spend(alice, spent), spend(bob, again)
	alice.sync()
	bob.sync()
	alice.sync()
	alice.is(a, "pushed")
	bob.is(early, "pushed")
	bob.is(b, "refused")
	if reason := bob.receipt(b).Reason; !strings.Contains(reason, "gone") {
		t.Errorf("bob is told %q", reason)
	}
	settledOrder(t, []string{"1A bob, who wrote first and pushed last"}, alice, bob)
}

// A newcomer reads the order from its beginning, and writes into it.
func TestOrderNewcomer(t *testing.T) {
	t.Parallel()
	_, people := cinema(t, "alice", "bob")
	alice, bob := people[0], people[1]
	var want []string
	for i := range 12 {
		p := people[i%2]
		p.take(fmt.Sprint("row ", i))
		p.sync()
		want = append(want, fmt.Sprint("row ", i, " ", p.name))
	}
	carol := newPerson(t, "carol")
	carol.join(alice.invite())
	r := carol.take
	alice.sync()
	carol.sync()
	r("row 99")
	carol.sync()
	alice.sync()
	bob.sync()
	want = append(want, "row 99 carol")
	slices.Sort(want)
	settledOrder(t, want, alice, bob, carol)
}

// Twenty devices want the same ten seats, all at once, over one host. Each seat goes
// to one of them; everybody else is told; all see the same.
func TestOrderTwentyRace(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("takes a minute")
	}
	names := make([]string, 20)
	for i := range names {
		names[i] = fmt.Sprintf("device%02d", i)
	}
	_, people := cinema(t, names...)
	receipts := make([][]space.Receipt, len(people))
	for i, p := range people {
		for place := range 10 {
			receipts[i] = append(receipts[i], p.take(fmt.Sprintf("seat %d", (i+place)%10)))
		}
	}
	done := make(chan bool)
	for _, p := range people {
		go func() {
			defer func() { done <- true }()
			if _, err := p.s.Sync(t.Context()); err != nil {
				t.Errorf("%s syncs: %v", p.name, err)
			}
		}()
	}
	for range people {
		<-done
	}
	won := 0
	for i, p := range people {
		p.sync()
		for _, r := range receipts[i] {
			switch got := p.receipt(r); got.State {
			case "pushed", "witnessed":
				won++
			case "refused":
			default:
				t.Errorf("%s has %+v", p.name, got)
			}
		}
	}
	if won != 10 || len(people[0].taken()) != 10 {
		t.Errorf("%d seats given, %d shown; want 10", won, len(people[0].taken()))
	}
	settledOrder(t, people[0].taken(), people[0], people[7], people[19])
}
