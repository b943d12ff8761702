package space_test

import (
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/espace-git/espace-git/space"
)

func (p *person) text(want string) {
	p.t.Helper()
	got, err := p.s.Text("note").String(p.t.Context())
	if err != nil || got != want {
		p.t.Errorf("%s reads %q, %v; want %q", p.name, got, err, want)
	}
}

func (p *person) types(pos, del int, s string) space.Receipt {
	p.t.Helper()
	r, err := p.s.Text("note").Splice(p.t.Context(), pos, del, s)
	if err != nil {
		p.t.Fatal(err)
	}
	return r
}

func TestTextUndo(t *testing.T) {
	t.Parallel()
	_, alice, bob := two(t)
	text := alice.s.Text("note")
	alice.types(0, 0, "one three")
	two := alice.types(4, 0, "two ")
	alice.sync()
	bob.sync()
	bob.types(8, 0, "and ")
	bob.sync()
	alice.sync()
	alice.text("one two and three")
	undo, err := text.Undo(t.Context(), two.ID)
	if err != nil {
		t.Fatal(err)
	}
	alice.text("one and three")
	redo, err := text.Redo(t.Context(), undo.ID)
	if err != nil {
		t.Fatal(err)
	}
	alice.text("one two and three")
	if _, err := text.Undo(t.Context(), redo.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := bob.s.Text("note").Undo(t.Context(), two.ID); !errors.Is(err, space.ErrNotFound) {
		t.Errorf("bob undoes what alice wrote: %v", err)
	}
	other, err := alice.s.Text("other").Append(t.Context(), "x")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := text.Undo(t.Context(), other.ID); !errors.Is(err, space.ErrNotFound) {
		t.Errorf("undo of another text: %v", err)
	}
	alice.sync()
	alice.seal()
	alice.sync()
	if _, err := text.Undo(t.Context(), two.ID); !errors.Is(err, space.ErrConflict) {
		t.Errorf("undo over a seal: %v", err)
	}
	bob.sync()
	bob.text("one and three")
}

func TestTextBlame(t *testing.T) {
	t.Parallel()
	_, alice, bob := two(t)
	alice.types(0, 0, "good day")
	alice.sync()
	bob.sync()
	bob.types(5, 0, "sunny ")
	bob.sync()
	alice.sync()
	for range 2 { // also over a seal
		credits, err := alice.s.Text("note").Blame(t.Context())
		if err != nil || len(credits) != 3 {
			t.Fatalf("credits %+v, %v", credits, err)
		}
		for i, want := range []struct {
			name   string
			pos, n int
		}{{"alice", 0, 5}, {"bob", 5, 6}, {"alice", 11, 3}} {
			if c := credits[i]; c.Name != want.name || c.Pos != want.pos || c.N != want.n || c.Time.IsZero() {
				t.Errorf("credit %d is %+v, want %+v", i, c, want)
			}
		}
		alice.seal()
		alice.sync()
	}
}

func TestTextReplace(t *testing.T) {
	t.Parallel()
	_, alice, bob := two(t)
	old := "The quick fox.\nIt jumps.\n"
	alice.types(0, 0, old)
	alice.sync()
	bob.sync()
	bob.types(4, 5, "slow") // while alice edits the text as she opened it
	bob.types(bob.length(), 0, "It sleeps.\n")
	bob.sync()
	alice.sync()
	if _, err := alice.s.Text("note").Replace(t.Context(), old, "The quick brown fox.\nIt hops.\n"); err != nil {
		t.Fatal(err)
	}
	alice.text("The slow brown fox.\nIt hops.\nIt sleeps.\n")
}

func (p *person) length() int {
	p.t.Helper()
	n, err := p.s.Text("note").Len(p.t.Context())
	if err != nil {
		p.t.Fatal(err)
	}
	return n
}

func TestCursor(t *testing.T) {
	t.Parallel()
	_, alice, bob := two(t)
	alice.types(0, 0, "left right")
	alice.sync()
	bob.sync()
	c, err := alice.s.Text("note").Cursor(t.Context(), 5, true)
	if err != nil {
		t.Fatal(err)
	}
	at := func(want int) {
		t.Helper()
		if pos, err := c.Position(t.Context()); err != nil || pos != want {
			t.Errorf("the cursor is at %d, %v; want %d", pos, err, want)
		}
	}
	at(5)
	bob.types(0, 0, "more ")
	bob.types(bob.length(), 0, " more")
	bob.sync()
	alice.sync()
	at(10)
	alice.seal()
	alice.sync()
	at(10)
	bob.sync()
	bob.types(0, 5, "")
	bob.sync()
	alice.sync()
	at(5)
	if _, err := alice.s.Text("note").Cursor(t.Context(), 99, false); !errors.Is(err, space.ErrUsage) {
		t.Errorf("a cursor beyond the end: %v", err)
	}
}

// What a watcher is told gives the text, whatever happens.
func TestTextWatchIsExact(t *testing.T) {
	t.Parallel()
	_, alice, bob := two(t)
	rnd := rand.New(rand.NewPCG(7, 7))
	var mine []rune
	step := 0
	for c, err := range alice.s.Text("note").Watch(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range c.Splices {
			mine = append(mine[:s.Pos:s.Pos], append([]rune(s.Text), mine[s.Pos+s.Del:]...)...)
		}
		alice.text(string(mine))
		if len(mine) != c.Len {
			t.Errorf("%d code points, said to be %d", len(mine), c.Len)
		}
		if step++; t.Failed() || step == 60 {
			return
		}
		changed := false
		for !changed {
			before := string(mine)
			for _, p := range []*person{alice, bob} {
				for range rnd.IntN(3) {
					n := p.length()
					pos := rnd.IntN(n + 1)
					p.types(pos, rnd.IntN(min(n-pos, 4)+1), []string{"ä", "word ", "", "😀\n"}[rnd.IntN(4)])
				}
				if rnd.IntN(3) > 0 {
					p.sync()
				}
			}
			if rnd.IntN(6) == 0 {
				alice.seal()
			}
			now, err := alice.s.Text("note").String(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			changed = now != before
		}
	}
}
