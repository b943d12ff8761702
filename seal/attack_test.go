package seal

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"math/big"
	"runtime"
	"slices"
	"strings"
	"testing"

	"filippo.io/age"
	"github.com/klauspost/compress/zstd"
	"golang.org/x/crypto/chacha20"
	"golang.org/x/crypto/chacha20poly1305"

	"github.com/espace-git/espace-git/internal/wire"
)

// mustEncrypt makes an age file with any recipients, as an attacker would.
func mustEncrypt(t testing.TB, plaintext []byte, recipients ...string) []byte {
	t.Helper()
	var list []age.Recipient
	for _, r := range recipients {
		one, err := age.ParseRecipients(strings.NewReader(r))
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, one...)
	}
	return encryptAny(t, plaintext, list...)
}

func encryptAny(t testing.TB, plaintext []byte, to ...age.Recipient) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := age.Encrypt(&b, to...)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(plaintext); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// mixed adds a stanza that age itself refuses to put beside a hybrid one.
type mixed struct{ list []age.Recipient }

func (m mixed) Wrap(fileKey []byte) (all []*age.Stanza, err error) {
	for _, r := range m.list {
		s, err := r.Wrap(fileKey)
		if err != nil {
			return nil, err
		}
		all = append(all, s...)
	}
	return all, nil
}

// junk is a stanza of a type that nobody knows.
type junk struct{}

func (junk) Wrap([]byte) ([]*age.Stanza, error) {
	return []*age.Stanza{{Type: "junk", Args: []string{"x"}, Body: make([]byte, 10)}}, nil
}

type badWrap struct {
	name, class string
	file        []byte
}

// badWraps are files that a host or a member could put in the place of a wrap; good is
// the padded plaintext of one that is right.
func badWraps(t testing.TB, k PrivateKey, good []byte) []badWrap {
	t.Helper()
	r := k.Recipient()
	hybrid, err := age.ParseHybridRecipient(r)
	if err != nil {
		t.Fatal(err)
	}
	classic, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	file := mustEncrypt(t, good, r)
	mail, err := SealTo(r, []byte("mail"))
	if err != nil {
		t.Fatal(err)
	}
	flipped := bytes.Clone(file)
	flipped[len(flipped)-100] ^= 1
	body := func(v any) []byte {
		b, err := wire.MarshalCBOR(v)
		if err != nil {
			t.Fatal(err)
		}
		return mustEncrypt(t, frame(wire.AD(wrapKind, b), wire.MinPrivate), r)
	}
	s := [32]byte{7}
	return []badWrap{
		{"empty-file", "malformed", []byte{}},
		{"truncated", "malformed", file[:len(file)-1]},
		{"flipped", "malformed", flipped},
		{"trailing", "malformed", append(bytes.Clone(file), 0)},
		{"for-somebody-else", "not-mine", mustEncrypt(t, good, mustPrivate(t, "somebody else").Recipient())},
		{"two-recipients", "malformed", mustEncrypt(t, good, r, mustPrivate(t, "eve").Recipient())},
		{"same-recipient-twice", "malformed", mustEncrypt(t, good, r, r)},
		{"classic-recipient", "malformed", encryptAny(t, good, classic.Recipient())},
		{"classic-beside-hybrid", "malformed", encryptAny(t, good, mixed{[]age.Recipient{hybrid, classic.Recipient()}})},
		{"junk-stanza", "malformed", encryptAny(t, good, mixed{[]age.Recipient{hybrid, junk{}}})},
		{"mail", "malformed", mail},
		{"unpadded", "malformed", mustEncrypt(t, good[:len(good)-1], r)},
		{"padding-not-zero", "malformed", mustEncrypt(t, append(bytes.Clone(good[:len(good)-1]), 1), r)},
		{"empty-plaintext", "malformed", mustEncrypt(t, nil, r)},
		{"no-secrets", "malformed", body(wrapWire{Secrets: []secretWire{}})},
		{"epoch-twice", "malformed", body(wrapWire{Secrets: []secretWire{{O: s, Secret: s}, {O: s}}})},
		{"out-of-order", "malformed", body(wrapWire{Secrets: []secretWire{{O: s}, {}}})},
		{"short-secret", "malformed", body([]any{s[:], []any{[]any{s[:], s[:31]}}})},
		{"extra-field", "malformed", body([]any{s[:], []any{[]any{s[:], s[:]}}, 1})},
		{"map", "malformed", body(map[string]any{"space": s[:]})},
	}
}

// TestAttackChunkTwoKeys: XChaCha20-Poly1305 does not commit to its key. An insider makes
// one ciphertext that opens under two keys, and puts it in the place of an honest chunk:
// its hash gives it away before any key touches it.
func TestAttackChunkTwoKeys(t *testing.T) {
	k1, k2, ad := mustKey(t, "one"), mustKey(t, "two"), []byte("ad")
	honest, err := k1.Seal(rand.Reader, ad, []byte("what was named"), wire.MinContent)
	if err != nil {
		t.Fatal(err)
	}
	sum := wire.Sum(honest)
	forged := twoKeys(t, k1, k2, ad)
	for i, k := range []Key{k1, k2} {
		aead, err := chacha20poly1305.NewX(k.raw())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := aead.Open(nil, forged[:nonceSize], forged[nonceSize:], ad); err != nil {
			t.Fatalf("the attack itself fails under key %d: %v", i+1, err)
		}
		if _, err := OpenHashed(k, sum, ad, forged, wire.MaxChunk); !errors.Is(err, ErrWrongBytes) {
			t.Errorf("key %d: %v", i+1, err)
		}
	}
	if got, err := k1.Open(ad, forged, wire.MaxChunk); err != nil || len(got) == 0 {
		t.Errorf("without the hash the forged chunk should open under its first key: %v", err)
	}
	if got, err := OpenHashed(k1, sum, ad, honest, wire.MaxChunk); err != nil || string(got) != "what was named" {
		t.Errorf("the honest chunk: %q, %v", got, err)
	}
	if _, err := OpenHashed(k1, wire.Sum(make([]byte, 5000)), ad, make([]byte, 5000), 1000); !errors.Is(err, ErrTooBig) {
		t.Errorf("limit: %v", err)
	}
}

// twoKeys makes a box that is authentic under both keys, and whole content under k1: one
// 16-byte block, within content that may be anything, solves the equation of the tags.
func twoKeys(t testing.TB, k1, k2 Key, ad []byte) []byte {
	t.Helper()
	content := make([]byte, 900)
	rand.Read(content) // does not compress, so zstd stores it as it is
	for try := range 64 {
		var nonce [nonceSize]byte
		nonce[0] = byte(try)
		framed := appendCompressed(nil, content, wire.MinContent)
		box := k1.encrypt(append(nonce[:], framed...), ad)
		const at = nonceSize + 16*20 // of the block that is solved for, well within the content
		m1, m2 := macOf(t, k1, nonce, ad, box, at), macOf(t, k2, nonce, ad, box, at)
		// x·(r1^e - r2^e) = (rest2 - rest1) + (s2 - s1) mod p, for the block x with its high bit.
		p := new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 130), big.NewInt(5))
		want := new(big.Int).Sub(m2.rest, m1.rest)
		want.Add(want, m2.s).Sub(want, m1.s)
		factor := new(big.Int).Sub(m1.factor, m2.factor)
		inverse := new(big.Int).ModInverse(factor.Mod(factor, p), p)
		if inverse == nil {
			continue
		}
		x := want.Mul(want, inverse).Mod(want, p)
		x.Sub(x, new(big.Int).Lsh(big.NewInt(1), 128))
		if x.Sign() < 0 || x.BitLen() > 128 {
			continue
		}
		block := x.FillBytes(make([]byte, 16))
		slices.Reverse(block)
		copy(box[at:], block)
		m := macOf(t, k1, nonce, ad, box, -1)
		tag := new(big.Int).Add(m.rest, m.s)
		b := tag.Mod(tag, new(big.Int).Lsh(big.NewInt(1), 128)).FillBytes(make([]byte, 16))
		slices.Reverse(b)
		copy(box[len(box)-16:], b)
		if opensUnder(k2, nonce, ad, box) && opensUnder(k1, nonce, ad, box) {
			return box
		}
	}
	t.Fatal("no ciphertext for two keys was found")
	return nil
}

func opensUnder(k Key, nonce [nonceSize]byte, ad, box []byte) bool {
	aead, err := chacha20poly1305.NewX(k.raw())
	if err != nil {
		return false
	}
	_, err = aead.Open(nil, nonce[:], box[nonceSize:], ad)
	return err == nil
}

// mac is Poly1305 as a polynomial: tag = rest + factor·block + s mod 2^128, where block is
// left out of rest.
type mac struct{ rest, factor, s *big.Int }

func macOf(t testing.TB, k Key, nonce [nonceSize]byte, ad, box []byte, at int) mac {
	t.Helper()
	stream, err := chacha20.NewUnauthenticatedCipher(k.raw(), nonce[:])
	if err != nil {
		t.Fatal(err)
	}
	var poly [32]byte
	stream.XORKeyStream(poly[:], poly[:])
	little := func(b []byte) *big.Int {
		b = bytes.Clone(b)
		slices.Reverse(b)
		return new(big.Int).SetBytes(b)
	}
	for _, i := range []int{3, 7, 11, 15} {
		poly[i] &= 15
	}
	for _, i := range []int{4, 8, 12} {
		poly[i] &= 252
	}
	r, s := little(poly[:16]), little(poly[16:])
	p := new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 130), big.NewInt(5))
	pad := func(b []byte) []byte { return append(bytes.Clone(b), make([]byte, (16-len(b)%16)%16)...) }
	ct := box[nonceSize : len(box)-16]
	data := append(pad(ad), pad(ct)...)
	lengths := append(slices.Clone(wire.U64(uint64(len(ad)))), wire.U64(uint64(len(ct)))...)
	slices.Reverse(lengths[:8])
	slices.Reverse(lengths[8:])
	data = append(data, lengths...)
	skip := -1
	if at >= 0 {
		skip = len(pad(ad)) + at - nonceSize
	}
	m := mac{new(big.Int), new(big.Int), s}
	for i := 0; i < len(data); i += 16 {
		block := new(big.Int).SetBit(little(data[i:i+16]), 128, 1)
		if i == skip {
			block.SetInt64(0)
			m.factor.SetInt64(1)
		}
		m.rest.Add(m.rest, block)
		m.rest.Mul(m.rest, r).Mod(m.rest, p)
		m.factor.Mul(m.factor, r).Mod(m.factor, p)
	}
	return m
}

// TestAttackPlaintextHashGuess: who guesses a plaintext can't confirm it: no hash of it,
// nor of its compressed or padded form, occurs in what is stored, and nothing that is
// stored is the same twice.
func TestAttackPlaintextHashGuess(t *testing.T) {
	plaintext := []byte("alice earns 4711")
	k, private := mustKey(t, "k"), mustPrivate(t, "r")
	var stored [][]byte
	for range 2 {
		box, err := k.Seal(rand.Reader, []byte("ad"), plaintext, wire.MinContent)
		if err != nil {
			t.Fatal(err)
		}
		mail, err := SealTo(private.Recipient(), plaintext)
		if err != nil {
			t.Fatal(err)
		}
		stored = append(stored, box, mail)
	}
	framed := appendCompressed(nil, plaintext, wire.MinContent)
	body, err := unframe(framed)
	if err != nil {
		t.Fatal(err)
	}
	for _, guess := range [][]byte{plaintext, body, framed, frame(plaintext, wire.MinContent), frame(wire.AD(mailKind, plaintext), wire.MinPrivate)} {
		sum := wire.Sum(guess)
		for i, s := range stored {
			if bytes.Contains(s, sum[:8]) || bytes.Contains(s, []byte(sum.String()[:16])) {
				t.Errorf("the hash of a guess occurs in %d", i)
			}
		}
	}
	for i := range 2 {
		// An age file begins with 40 bytes that are the same for all: version, stanza type.
		if commonRun(stored[i], stored[i+2]) > 40 {
			t.Errorf("%d: two encryptions of one plaintext share %d bytes", i, commonRun(stored[i], stored[i+2]))
		}
	}
}

// commonRun is the length of the longest run of bytes that a and b share at one place.
func commonRun(a, b []byte) int {
	longest, run := 0, 0
	for i := range min(len(a), len(b)) {
		if run++; a[i] != b[i] {
			run = 0
		}
		longest = max(longest, run)
	}
	return longest
}

// TestAttackSizeOfSmallEntries: texts of 0 to 900 bytes give one size, whatever they are
// made of, with 100 bytes of an entry around them that do not compress.
func TestAttackSizeOfSmallEntries(t *testing.T) {
	k := mustKey(t, "k")
	around := make([]byte, 100)
	rand.Read(around)
	random := make([]byte, 900)
	rand.Read(random)
	alphabet := []rune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+/")
	var letters, wide strings.Builder
	for _, b := range random {
		letters.WriteRune(alphabet[b%64])
		wide.WriteRune(0x4e00 + rune(b)*79)
	}
	texts := map[string]string{"random": string(random), "letters": letters.String(), "wide": wide.String()[:900], "zeros": string(make([]byte, 900)), "english": string(benchText(900))}
	sizes := map[int]string{}
	for name, text := range texts {
		for n := 0; n <= 900; n += 7 {
			box, err := k.Seal(rand.Reader, nil, append(bytes.Clone(around), text[:n]...), wire.MinContent)
			if err != nil {
				t.Fatal(err)
			}
			sizes[len(box)] = fmt.Sprint(name, " ", n)
		}
	}
	if len(sizes) != 1 {
		t.Errorf("sizes differ: %v", sizes)
	}
	mails := map[int]bool{}
	for n := 0; n <= 480; n += 48 {
		mail, err := SealTo(mustPrivate(t, "r").Recipient(), random[:n])
		if err != nil {
			t.Fatal(err)
		}
		mails[len(mail)] = true
	}
	if len(mails) != 1 {
		t.Errorf("sizes of mails differ: %v", mails)
	}
}

// TestAttackInflateBomb: an insider's box that says it inflates to gigabytes, or says
// little and inflates to much, is refused without the memory for it.
func TestAttackInflateBomb(t *testing.T) {
	k := mustKey(t, "k")
	lying := rleFrame(10, 1<<20) // says 10 bytes, repeats one byte a million times
	honest := rleFrame(1<<32-1, 1<<20)
	unsized := streamed(t, make([]byte, 1<<20))
	for name, body := range map[string][]byte{"says-4-GiB": honest, "says-10-bytes": lying, "says-nothing": unsized, "many-blocks": rleFrame(100, slices.Repeat([]int{1 << 17}, 300)...)} {
		box := k.encrypt(append(make([]byte, nonceSize), frame(body, wire.MinContent)...), nil)
		codec() // its tables are no part of the measurement
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := k.Open(nil, box, wire.MaxEntry)
		runtime.ReadMemStats(&after)
		if !errors.Is(err, ErrMalformed) && !errors.Is(err, ErrTooBig) {
			t.Errorf("%s: %v", name, err)
		}
		if used := after.TotalAlloc - before.TotalAlloc; used > 4<<20 {
			t.Errorf("%s: allocated %d bytes", name, used)
		}
	}
}

// rleFrame is a single-segment zstd frame that says size and holds runs of zeros.
func rleFrame(size uint32, runs ...int) []byte {
	b := []byte{0x28, 0xb5, 0x2f, 0xfd, 0xa0, byte(size), byte(size >> 8), byte(size >> 16), byte(size >> 24)}
	for i, n := range runs {
		last := 0
		if i == len(runs)-1 {
			last = 1
		}
		h := n<<3 | 1<<1 | last
		b = append(b, byte(h), byte(h>>8), byte(h>>16), 0)
	}
	return b
}

func streamed(t testing.TB, content []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := zstd.NewWriter(&b)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(content); err != nil {
		t.Fatal(err)
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestAttackWrapFlips: no change of any byte of a wrap opens.
func TestAttackWrapFlips(t *testing.T) {
	k := mustPrivate(t, "device")
	file, err := WrapSecrets(k.Recipient(), Wrap{Secrets: testSecrets(1)})
	if err != nil {
		t.Fatal(err)
	}
	for i := range file {
		flipped := bytes.Clone(file)
		flipped[i] ^= 1
		if _, err := OpenWrap(flipped, k); err == nil {
			t.Errorf("byte %d flipped: opens", i)
		}
		if i%16 == 0 {
			if _, err := OpenWrap(file[:i], k); !errors.Is(err, ErrMalformed) {
				t.Errorf("cut at %d: %v", i, err)
			}
		}
	}
	if _, err := OpenWrap(make([]byte, maxWrap+1), k); !errors.Is(err, ErrTooBig) {
		t.Error(err)
	}
}
