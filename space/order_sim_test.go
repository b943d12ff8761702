package space_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/espace-git/espace-git/space"
)

// Devices book, give up and rename a few seats at random, sync when they like, and
// one seals now and then. At every moment no device sees a seat twice. In the end all
// see the same, and each booking is there or was refused, as its receipt says.
func TestOrderRandomly(t *testing.T) {
	t.Parallel()
	for _, seed := range []uint64{
		1795455373982810451, // carol follows several seals at once, and lanes have seen an order that is only below the closing commit
		uint64(time.Now().UnixNano()),
	} {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { t.Parallel(); orderRandomly(t, seed) })
	}
}

func orderRandomly(t *testing.T, seed uint64) {
	rnd := rand.New(rand.NewPCG(seed, 7))
	_, people := cinema(t, "alice", "bob", "carol")
	booked := map[*person][]space.Receipt{}
	for range 80 {
		p := people[rnd.IntN(len(people))]
		place := fmt.Sprint("seat ", rnd.IntN(6))
		switch n := rnd.IntN(20); {
		case n < 8:
			r, err := p.s.Write(t.Context(), func(tx *space.Tx) error {
				_, err := tx.Insert("seats", space.Row{"place": place, "owner": p.name})
				return err
			})
			if err == nil {
				booked[p] = append(booked[p], r)
			} else if !errors.Is(err, space.ErrConflict) {
				t.Fatal(err)
			}
		case n < 12:
			changes(t, p, rnd, place)
		case n < 13:
			if _, err := people[0].s.Seal(t.Context(), space.SealOptions{}); err != nil {
				t.Fatal(err)
			}
		case n < 15:
			p.insert(space.Row{"title": place})
		default:
			p.sync()
		}
		for _, p := range people {
			p.seesEachOnce()
		}
	}
	for range 3 {
		for _, p := range people {
			p.sync()
		}
	}
	settledOrder(t, people[0].taken(), people...)
	for p, list := range booked {
		for _, r := range list {
			if got := p.receipt(r); !slices.Contains([]string{"pushed", "witnessed", "sealed", "refused"}, got.State) {
				t.Errorf("%s has %+v", p.name, got)
			}
		}
	}
}

// changes renames or frees a seat that the person sees, if there is one.
func changes(t *testing.T, p *person, rnd *rand.Rand, place string) {
	t.Helper()
	rows, err := p.s.Select(t.Context(), space.Query{Table: "seats"})
	if err != nil || len(rows) == 0 {
		return
	}
	id := rows[rnd.IntN(len(rows))]["id"].(string)
	if rnd.IntN(2) == 0 {
		err = p.s.Delete(t.Context(), "seats", id)
	} else {
		err = p.s.Update(t.Context(), "seats", id, space.Row{"place": place})
	}
	if err != nil && !errors.Is(err, space.ErrConflict) {
		t.Fatal(err)
	}
}

func (p *person) seesEachOnce() {
	p.t.Helper()
	seen := map[string]bool{}
	for _, line := range p.taken() {
		place := line[:strings.LastIndex(line, " ")]
		if seen[place] {
			p.t.Fatalf("%s sees %s twice: %v", p.name, place, p.taken())
		}
		seen[place] = true
	}
}
