package identity

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/espace-git/espace-git/internal/wire"
	"github.com/espace-git/espace-git/seal"
)

// -update writes the vectors anew, which a change of format does and nothing else.
var update = flag.Bool("update", false, "write the vectors anew")

const vectorDir = "../testdata/vectors/identity"

// hexBytes is hexadecimal in JSON.
type hexBytes []byte

func (h hexBytes) MarshalText() ([]byte, error) { return []byte(hex.EncodeToString(h)), nil }

func (h *hexBytes) UnmarshalText(b []byte) (err error) {
	*h, err = hex.DecodeString(string(b))
	return err
}

func vectors[T any](t testing.TB, name string, fresh func() []T) []T {
	t.Helper()
	path := filepath.Join(vectorDir, name)
	if *update {
		b, err := json.MarshalIndent(fresh(), "", " ")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.MkdirAll(vectorDir, 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, append(b, '\n'), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var out []T
	if err := json.Unmarshal(b, &out); err != nil {
		t.Fatal(err)
	}
	if len(out) == 0 {
		t.Fatalf("%s holds no vectors", name)
	}
	return out
}

type recoveryVector struct {
	Words       hexBytes // 16 bytes
	Signing     hexBytes // public key
	Reading     hexBytes // seed of the private key
	ReadingName string   // seal.RecipientName of its recipient
}

func (v recoveryVector) derive(t testing.TB) recoveryVector {
	words := [16]byte(v.Words)
	reading, err := RecoveryReading(words)
	if err != nil {
		t.Fatal(err)
	}
	v.Signing = hexBytes(RecoverySigning(words).PublicKey())
	v.Reading, v.ReadingName = reading.Bytes(), seal.RecipientName(reading.Recipient())
	return v
}

func TestVectorsRecovery(t *testing.T) {
	fresh := func() []recoveryVector {
		h := wire.Sum([]byte("words"))
		return []recoveryVector{recoveryVector{Words: make([]byte, 16)}.derive(t), recoveryVector{Words: h[:16]}.derive(t)}
	}
	for i, v := range vectors(t, "recovery.json", fresh) {
		if d := cmp.Diff(v, v.derive(t)); d != "" {
			t.Errorf("vector %d: %s", i, d)
		}
		if bytes.Equal(v.Signing, v.Reading) {
			t.Errorf("vector %d: the two keys are one", i)
		}
	}
}

// A keyring vector is what lies under the encryption to the at-rest key.
type keyringVector struct {
	Name    string
	Body    hexBytes
	Device  string              `json:",omitempty"`
	Secrets map[string]hexBytes `json:",omitempty"`
	Items   map[string]hexBytes `json:",omitempty"`
	Error   bool                `json:",omitempty"`
}

func TestVectorsKeyring(t *testing.T) {
	for _, v := range vectors(t, "keyring.json", func() []keyringVector { return freshKeyrings(t) }) {
		c, err := decodeKeyring(testSpace, v.Body)
		if (err != nil) != v.Error {
			t.Errorf("%s: %v", v.Name, err)
		}
		if err != nil {
			continue
		}
		if d := cmp.Diff(v, describe(v.Name, v.Body, c)); d != "" {
			t.Errorf("%s: %s", v.Name, d)
		}
		if again, err := encodeKeyring(testSpace, c); err != nil || !bytes.Equal(again, v.Body) {
			t.Errorf("%s: encodes as %x, %v", v.Name, again, err)
		}
	}
}

func describe(name string, body []byte, c *content) keyringVector {
	v := keyringVector{Name: name, Body: body, Device: c.device.ID().String()}
	for o, s := range c.secrets {
		if v.Secrets == nil {
			v.Secrets = map[string]hexBytes{}
		}
		v.Secrets[o.String()] = s.Bytes()
	}
	for n, i := range c.items {
		if v.Items == nil {
			v.Items = map[string]hexBytes{}
		}
		v.Items[n] = i()
	}
	return v
}

func freshKeyrings(t testing.TB) []keyringVector {
	base := keyringWire{Format: keyringFormat, Space: testSpace, Signing: wire.Sum([]byte("signing")), Reading: wire.Sum([]byte("reading")), StoreKey: wire.Sum([]byte("store")), Secrets: []secretWire{}, Items: []itemWire{}}
	encode := func(change func(*keyringWire)) []byte {
		w := base
		change(&w)
		b, err := wire.MarshalCBOR(w)
		if err != nil {
			t.Fatal(err)
		}
		return wire.AD("keyring", b)
	}
	two := []secretWire{{O: wire.Hash{1}, Secret: secretA}, {O: wire.Hash{2}, Secret: secretB}}
	items := []itemWire{{Name: "a", Value: []byte{}}, {Name: "pending", Value: []byte("value")}}
	var out []keyringVector
	for name, change := range map[string]func(*keyringWire){
		"empty": func(*keyringWire) {}, "full": func(w *keyringWire) { w.Secrets, w.Items = two, items },
	} {
		body := encode(change)
		c, err := decodeKeyring(testSpace, body)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, describe(name, body, c))
	}
	good := encode(func(*keyringWire) {})
	for name, body := range map[string][]byte{
		"format": encode(func(w *keyringWire) { w.Format++ }), "space": encode(func(w *keyringWire) { w.Space[0]++ }),
		"secrets-unordered": encode(func(w *keyringWire) { w.Secrets = []secretWire{two[1], two[0]} }), "secret-twice": encode(func(w *keyringWire) { w.Secrets = []secretWire{two[0], two[0]} }),
		"items-unordered": encode(func(w *keyringWire) { w.Items = []itemWire{items[1], items[0]} }), "item-twice": encode(func(w *keyringWire) { w.Items = []itemWire{items[0], items[0]} }),
		"truncated": good[:len(good)-1], "trailing": append(bytes.Clone(good), 0), "no-label": bytes.TrimPrefix(good, wire.AD("keyring")), "label-only": wire.AD("keyring"), "nothing": {},
	} {
		out = append(out, keyringVector{Name: name, Body: body, Error: true})
	}
	slices.SortFunc(out, func(a, b keyringVector) int { return strings.Compare(a.Name, b.Name) })
	return out
}
