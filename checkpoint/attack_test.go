package checkpoint

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"slices"
	"testing"

	"golang.org/x/crypto/chacha20poly1305"

	"github.com/espace-git/espace-git/internal/wire"
	"github.com/espace-git/espace-git/seal"
)

// forge is a manifest that an insider makes: sealed as it is, whatever it says.
func forge(t testing.TB, m Manifest, change func(*Manifest)) *Unread {
	t.Helper()
	m.Pages = slices.Clone(m.Pages)
	change(&m)
	return through(t, &m)
}

// TestAttackWrongPages (ATTACKS 47): an insider who may publish a checkpoint makes
// one that is not what was endorsed. The manifest must name the endorsed digest to
// be read at all, so all of these do. None is taken for the state.
func TestAttackWrongPages(t *testing.T) {
	records := rowsOf(5000, 100)
	built := build(t, testPlace, nil, records)
	stale := slices.Clone(records)
	stale[2500].value = []byte("as it was before")
	old := build(t, testPlace, nil, stale)
	foreignPlace := Place{Space: wire.Sum([]byte("elsewhere")), Epoch: testPlace.Epoch}
	foreign := build(t, foreignPlace, nil, records)
	h := host{}
	for _, b := range []*Built{built, old, foreign} {
		h.take(b)
	}
	cases := map[string]func(*Manifest){
		"stale state": func(m *Manifest) {
			m.Pages, m.Records, m.Bytes = old.Manifest.Pages, old.Manifest.Records, old.Manifest.Bytes
		},
		"one stale page":        func(m *Manifest) { m.Pages = mixed(m.Pages, old.Manifest.Pages) },
		"page left out":         func(m *Manifest) { m.Pages = slices.Delete(m.Pages, 1, 2) },
		"last page left out":    func(m *Manifest) { m.Pages = m.Pages[:len(m.Pages)-1] },
		"no pages":              func(m *Manifest) { m.Pages, m.Records, m.Bytes = nil, 0, 0 },
		"pages of other space":  func(m *Manifest) { m.Pages = foreign.Manifest.Pages },
		"keys exchanged":        func(m *Manifest) { m.Pages[0].Key, m.Pages[1].Key = m.Pages[1].Key, m.Pages[0].Key },
		"first key moved":       func(m *Manifest) { m.Pages[1].First = append(slices.Clone(m.Pages[1].First), 0) },
		"page as another's":     func(m *Manifest) { m.Pages[1].Sum = m.Pages[0].Sum },
		"fewer records":         func(m *Manifest) { m.Records = 4000 },
		"more records":          func(m *Manifest) { m.Records++ },
		"fewer bytes":           func(m *Manifest) { m.Bytes-- },
		"more bytes":            func(m *Manifest) { m.Bytes++ },
		"another length":        func(m *Manifest) { m.Pages[2].Length++ },
		"longer than any page":  func(m *Manifest) { m.Pages[2].Length = wire.MaxEntry },
		"digest of other state": func(m *Manifest) { m.Digest = old.Digest },
	}
	for name, change := range cases {
		m, err := Read(forge(t, *built.Manifest, change), h.fetch, nil)
		if m != nil || !errors.Is(err, ErrWrong) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// mixed takes the page that differs from another checkpoint.
func mixed(pages, other []PageRef) []PageRef {
	for i := range pages {
		if i < len(other) && pages[i].Sum != other[i].Sum {
			pages[i] = other[i]
			break
		}
	}
	return pages
}

// TestAttackOverlappingPages (ATTACKS 47): a page twice, pages out of order, pages
// whose keys overlap. The first two are refused in the manifest already.
func TestAttackOverlappingPages(t *testing.T) {
	records := rowsOf(5000, 100)
	built := build(t, testPlace, nil, records)
	for name, change := range map[string]func(*Manifest){
		"page twice":   func(m *Manifest) { m.Pages = slices.Insert(m.Pages, 1, m.Pages[0]) },
		"out of order": func(m *Manifest) { m.Pages[1], m.Pages[2] = m.Pages[2], m.Pages[1] },
	} {
		m := *built.Manifest
		m.Pages = slices.Clone(m.Pages)
		change(&m)
		box, err := m.Seal(manifestKey(t, testPlace), testRand("x"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Open(testPlace, manifestKey(t, testPlace), box); !errors.Is(err, ErrWrong) {
			t.Errorf("%s: %v", name, err)
		}
	}
	inner := build(t, testPlace, nil, records[1:3]) // begins within the first page
	h := host{}
	h.take(built)
	h.take(inner)
	overlap := forge(t, *built.Manifest, func(m *Manifest) { m.Pages = slices.Insert(m.Pages, 1, inner.Manifest.Pages...) })
	if _, err := Read(overlap, h.fetch, nil); !errors.Is(err, ErrWrong) || !errors.Is(err, ErrOrder) {
		t.Errorf("overlap: %v", err)
	}
}

// TestAttackRecordsOutOfOrder (ATTACKS 47): a page that its author made by hand.
func TestAttackRecordsOutOfOrder(t *testing.T) {
	for name, plaintext := range map[string][]byte{
		"descending": {0x84, 0x41, 'b', 0x41, 1, 0x41, 'a', 0x41, 2},
		"twice":      {0x84, 0x41, 'a', 0x41, 1, 0x41, 'a', 0x41, 2},
		"empty key":  {0x82, 0x40, 0x41, 1},
		"odd":        {0x81, 0x41, 'a'},
		"none":       {0x80},
		"trailing":   {0x82, 0x41, 'a', 0x41, 1, 0},
		"long head":  {0x82, 0x58, 1, 'a', 0x41, 1},
		"huge item":  {0x82, 0x41, 'a', 0x5b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
		"huge count": {0x9a, 0xff, 0xff, 0xff, 0xfe, 0x41, 'a', 0x41, 1},
		"endless":    {0x9f, 0x41, 'a', 0x41, 1, 0xff},
		"no page":    {},
	} {
		u, h := handMade(t, plaintext)
		if _, err := Read(u, h.fetch, nil); !errors.Is(err, ErrWrong) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// handMade is a checkpoint of one page with this plaintext, which says of itself
// whatever makes it look right.
func handMade(t testing.TB, plaintext []byte) (*Unread, host) {
	t.Helper()
	key, err := seal.NewKey(testRand("hand"))
	if err != nil {
		t.Fatal(err)
	}
	blob, err := key.Seal(testRand("made"), pageAD(testPlace.Space), plaintext, wire.MinContent)
	if err != nil {
		t.Fatal(err)
	}
	ref := PageRef{First: []byte("a"), Key: key, Hash: wire.Sum(blob), Sum: wire.Sum(plaintext), Length: uint64(len(blob))}
	m := Manifest{Place: testPlace, Records: 2, Bytes: 4, Pages: []PageRef{ref}}
	return through(t, &m), host{ref.Hash: blob}
}

// TestAttackPageBomb (ATTACKS 12, 47): a small blob that inflates to megabytes, a
// page of a million records: refused, or stopped at what the manifest says.
func TestAttackPageBomb(t *testing.T) {
	big := append(appendHead([]byte{0x82, 0x41, 'a'}, cborBytes, 2*MaxValue), make([]byte, 2*MaxValue-1000)...)
	u, h := handMade(t, big[:len(big)-1]) // above any page
	if _, err := Read(u, h.fetch, nil); !errors.Is(err, ErrWrong) || !errors.Is(err, ErrTooBig) {
		t.Errorf("inflates to 16 MiB: %v", err)
	}
	many := page{}
	for i := range 60_000 {
		many.add([]byte{byte(i >> 16), byte(i >> 8), byte(i)}, nil)
	}
	u, h = handMade(t, many.encode())
	u.m.Pages[0].First = many.first
	if _, err := Read(u, h.fetch, nil); !errors.Is(err, ErrWrong) {
		t.Errorf("60,000 records in a page: %v", err)
	}
	handed := 0
	u, h = handMade(t, []byte{0x86, 0x41, 'a', 0x41, 1, 0x41, 'b', 0x41, 2, 0x41, 'c', 0x41, 3})
	_, err := Read(u, h.fetch, func(key, value []byte) error { handed++; return nil })
	if !errors.Is(err, ErrWrong) || handed != 2 {
		t.Errorf("more than the manifest says: %d records handed out, %v", handed, err)
	}
}

// TestAttackBlobExchanged (ATTACKS 8, 47): the host serves another blob under a name.
// Its author is not to blame.
func TestAttackBlobExchanged(t *testing.T) {
	built := build(t, testPlace, nil, rowsOf(5000, 100))
	h := host{}
	h.take(built)
	first, second := built.Pages[0].Hash, built.Pages[1].Hash
	flipped := slices.Clone(h[first])
	flipped[100] ^= 1
	for name, blob := range map[string][]byte{
		"another page": h[second], "flipped bit": flipped, "cut": h[first][:1024], "nothing": nil, "huge": make([]byte, 32<<20),
		"longer": append(slices.Clone(h[first]), 0),
	} {
		bad := func(name wire.Hash) ([]byte, error) {
			if name == first {
				return blob, nil
			}
			return h.fetch(name)
		}
		if _, err := Read(through(t, built.Manifest), bad, nil); !errors.Is(err, seal.ErrWrongBytes) || errors.Is(err, ErrWrong) {
			t.Errorf("%s: %v", name, err)
		}
	}
	delete(h, second)
	if _, err := Read(through(t, built.Manifest), h.fetch, nil); !errors.Is(err, errMissing) || errors.Is(err, ErrWrong) {
		t.Errorf("missing: %v", err)
	}
}

// twoKeys is a blob that opens under two keys; package seal's tests show how it is made.
type twoKeys struct {
	Space, One, Two wire.Hash
	Blob            hexBytes
}

// TestAttackPageTwoKeys (ATTACKS 51): XChaCha20-Poly1305 does not commit to its key, so
// an insider makes one blob that opens under two. In the place of an honest page its
// hash gives it away before any key touches it; named by hash in two manifests, to be
// two things to two readers, one of them gets no page that has the sum beside the key.
func TestAttackPageTwoKeys(t *testing.T) {
	v := readJSON[twoKeys](t, "two-keys.json")
	at, blob := pageAD(v.Space), []byte(v.Blob)
	var keys []seal.Key
	for i, k := range []wire.Hash{v.One, v.Two} {
		aead, err := chacha20poly1305.NewX(k[:])
		if err != nil {
			t.Fatal(err)
		}
		if _, err := aead.Open(nil, blob[:24], blob[24:], at); err != nil {
			t.Fatalf("the attack itself fails under key %d: %v", i+1, err)
		}
		key, err := seal.KeyFrom(k[:])
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, key)
	}
	plaintext, err := keys[0].Open(at, blob, maxPage)
	if err != nil {
		t.Fatal(err)
	}
	fetch := func(wire.Hash) ([]byte, error) { return blob, nil }
	ref := PageRef{First: []byte("a"), Hash: wire.Sum(blob), Sum: wire.Sum(plaintext), Length: uint64(len(blob))}
	digest := Digest{}
	if err := readPage(plaintext, digest.Add); err != nil {
		t.Fatal(err)
	}
	for i, key := range keys {
		ref.Key = key
		m := Manifest{Place: testPlace, Digest: digest.Sum(), Records: 1, Bytes: digest.Bytes(), Pages: []PageRef{ref}}
		replaced := forge(t, m, func(m *Manifest) { m.Pages[0].Hash = wire.Sum([]byte("an honest page")) })
		if _, err := Read(replaced, fetch, nil); !errors.Is(err, seal.ErrWrongBytes) {
			t.Errorf("in the place of another, key %d: %v", i+1, err)
		}
		if _, err := Read(through(t, &m), fetch, nil); errors.Is(err, ErrWrong) != (i == 1) {
			t.Errorf("named by its hash, key %d: %v", i+1, err)
		}
	}
}

// TestAttackManifestEpoch (ATTACKS 48): a manifest does not open under the secret of
// another epoch, nor as that of another epoch or space under the right one.
func TestAttackManifestEpoch(t *testing.T) {
	built := build(t, nextPlace, nil, rowsOf(10, 100))
	before, err := seal.SecretFrom(bytes.Repeat([]byte{8}, 32))
	if err != nil {
		t.Fatal(err)
	}
	box, err := built.Manifest.Seal(manifestKey(t, nextPlace), testRand("m"))
	if err != nil {
		t.Fatal(err)
	}
	other := Place{Space: wire.Sum([]byte("elsewhere")), Epoch: nextPlace.Epoch}
	for name, c := range map[string]struct {
		at  Place
		key seal.Key
	}{
		"secret before":              {nextPlace, before.ManifestKey(nextPlace.Epoch)},
		"secret and epoch before":    {testPlace, before.ManifestKey(testPlace.Epoch)},
		"as of the epoch before":     {testPlace, manifestKey(t, testPlace)},
		"key right, place of before": {testPlace, manifestKey(t, nextPlace)},
		"key right, another space":   {other, manifestKey(t, nextPlace)},
	} {
		if _, err := Open(c.at, c.key, box); !errors.Is(err, seal.ErrNotMine) || errors.Is(err, ErrWrong) {
			t.Errorf("%s: %v", name, err)
		}
	}
	lying := *built.Manifest // sealed for this place, and names another
	lying.Place = testPlace
	plaintext, err := lying.Encode()
	if err != nil {
		t.Fatal(err)
	}
	box, err = manifestKey(t, nextPlace).Seal(testRand("l"), manifestAD(nextPlace), plaintext, wire.MinContent)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Open(nextPlace, manifestKey(t, nextPlace), box); !errors.Is(err, ErrWrong) {
		t.Errorf("names another epoch: %v", err)
	}
}

// TestAttackPlaintextHashGuess (ATTACKS 56): whoever guesses a page or a record in
// full finds no hash of it on the host: not in a name, not in a blob, not in the
// sealed manifest. The same state sealed twice shares no byte string of note.
func TestAttackPlaintextHashGuess(t *testing.T) {
	records := rowsOf(3000, 100)
	built := build(t, testPlace, nil, records)
	h := host{}
	h.take(built)
	box, err := built.Manifest.Seal(manifestKey(t, testPlace), testRand("m"))
	if err != nil {
		t.Fatal(err)
	}
	seen := [][]byte{box}
	for name, blob := range h {
		seen = append(seen, slices.Clone(name[:]), blob)
	}
	visible := bytes.Join(seen, nil)
	guesses := [][]byte{built.Digest[:]}
	for _, p := range built.Manifest.Pages {
		guesses = append(guesses, p.Sum[:], p.Key.Bytes(), p.First)
	}
	for _, r := range records[:100] {
		sum := sha256.Sum256(r.value)
		guesses = append(guesses, sum[:])
	}
	for i, g := range guesses {
		if bytes.Contains(visible, g) || bytes.Contains(visible, g[:8]) {
			t.Errorf("guess %d is on the host", i)
		}
	}
	again := New(testPlace, testCut, nil, testRand("other"))
	for _, r := range records {
		if err := again.Add(r.key, r.value); err != nil {
			t.Fatal(err)
		}
	}
	second, err := again.Finish()
	if err != nil {
		t.Fatal(err)
	}
	if second.Digest != built.Digest {
		t.Error("another digest")
	}
	for _, p := range second.Pages {
		if h[p.Hash] != nil {
			t.Error("one page, sealed twice, has one name")
		}
	}
}

// TestAttackGuessedCuts (ATTACKS 56): where pages end depends on the page-cut key, so
// sizes of pages do not tell which of two known texts is stored.
func TestAttackGuessedCuts(t *testing.T) {
	records := rowsOf(5000, 100)
	sizes := func(cut [32]byte) (out []uint64) {
		b := New(testPlace, cut, nil, testRand("r"))
		for _, r := range records {
			if err := b.Add(r.key, r.value); err != nil {
				t.Fatal(err)
			}
		}
		built, err := b.Finish()
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range built.Manifest.Pages {
			out = append(out, p.Length)
		}
		return out
	}
	if slices.Equal(sizes(testCut), sizes([32]byte{4})) {
		t.Error("another page-cut key, the same pages")
	}
}
