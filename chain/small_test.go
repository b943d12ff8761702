package chain_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/espace-git/espace-git/chain"
	"github.com/espace-git/espace-git/internal/wire"
)

func TestTimes(t *testing.T) {
	for _, c := range []struct{ now, parent, want int64 }{
		{1_800_000_599, 0, 1_800_000_000},
		{1_800_000_599, 1_800_000_000, 1_800_000_000},
		{1_800_000_000, 1_800_000_600, 1_800_000_600}, // not before the parent
		{1_800_000_000, 1_800_000_601, 1_800_001_200}, // a foreign parent need not be floored
		{-5, 0, 0},
	} {
		if got := chain.TimeAfter(c.now, c.parent); got != c.want {
			t.Errorf("TimeAfter(%d, %d) = %d, want %d", c.now, c.parent, got, c.want)
		}
	}
	for _, parent := range []int64{1 << 40, 1<<63 - 1, 1<<40 - 1} {
		c := examples()["lane"]
		c.Time = chain.TimeAfter(1_800_000_000, parent)
		if _, err := chain.Sign(c, keyOf("alice")); err != nil {
			t.Errorf("on a parent dated %d nobody can sign: %v", parent, err)
		}
	}
}

func TestAddsHash(t *testing.T) {
	files := map[string][]byte{"ledger/0000/00000001.json": []byte("b"), "README.md": []byte("a")}
	want := wire.Sum([]byte(
		// sorted as lines: the hash of "b" begins with 3e, that of "a" with ca
		hashOf("b").String() + " ledger/0000/00000001.json\n" + hashOf("a").String() + " README.md\n"))
	if got := chain.AddsHash(files); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if chain.AddsHash(nil) != wire.Sum(nil) {
		t.Error("no files have the hash of nothing")
	}
	for _, path := range []string{"", "a\n" + hashOf("b").String() + " b", "a\x00", "a\x7f"} {
		if !chain.AddsHash(map[string][]byte{path: nil}).IsZero() {
			t.Errorf("path %q has a hash", path)
		}
	}
}

func TestEntryPath(t *testing.T) {
	if p := chain.EntryPath(12); p != "entries/00000012" {
		t.Error(p)
	}
	if p := chain.EntryPath(123456789); p != "entries/123456789" {
		t.Error(p)
	}
}

func TestAllowedSigners(t *testing.T) {
	got := chain.AllowedSigners([]chain.Signer{{deviceOf("alice"), pubOf("alice")}, {deviceOf("bob"), pubOf("bob")}})
	lines := strings.Split(strings.TrimSuffix(got, "\n"), "\n")
	if len(lines) != 2 || !strings.HasPrefix(lines[1], deviceOf("bob").String()+`@espace.invalid namespaces="git" ssh-ed25519 AAAA`) {
		t.Error(got)
	}
}

func TestMessageOfEachKind(t *testing.T) {
	for name, c := range examples() {
		m, err := chain.ParseMessage(c.Message.String())
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for other, d := range examples() {
			wrong := d.Message
			wrong.Kind = m.Kind
			_, err := chain.ParseMessage(wrong.String())
			if same := sameTrailers(m, wrong); (err == nil) != same {
				t.Errorf("the trailers of %s as %s: %v", other, name, err)
			}
		}
	}
}

func sameTrailers(a, b chain.Message) bool {
	return (a.Ledger == nil) == (b.Ledger == nil) && (a.Log == nil) == (b.Log == nil) && (a.Adds == nil) == (b.Adds == nil)
}

func TestClosingCommitOfManyLanes(t *testing.T) {
	c := examples()["close"]
	c.Parents = nil
	for i := range wire.MaxDevices + 1 {
		c.Parents = append(c.Parents, objectOf(fmt.Sprint(i)))
	}
	raw, err := chain.Sign(c, keyOf("alice"))
	if err != nil {
		t.Fatal(err)
	}
	verified(t, raw, "alice")
	c.Parents = append(c.Parents, objectOf("one more"))
	if _, err := chain.Sign(c, keyOf("alice")); err == nil {
		t.Error("signed beyond the limit")
	}
	more := strings.Replace(string(raw), "parent ", "parent "+objectOf("one more").String()+"\nparent ", 1)
	if _, err := chain.Parse([]byte(more)); err == nil {
		t.Error("parsed beyond the limit")
	}
}
