package identity

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/espace-git/espace-git/internal/wire"
)

// allSecrets are the secret bytes of a home, by name.
func allSecrets(t testing.TB, v *Vault, k *Keyring, extra map[string][]byte) map[string][]byte {
	t.Helper()
	signing, reading := k.Device().seeds()
	store := k.StoreKey()
	out := map[string][]byte{
		"signing key": signing[:], "reading key": reading[:], "store key": store[:],
		"at-rest key": []byte(v.key.id().String()), "passphrase": []byte("correct horse"),
	}
	for name, b := range extra {
		out[name] = b
	}
	return out
}

// shows reports whether text holds any 8 bytes of secret, in any usual form.
func shows(text string, secret []byte) bool {
	lower := strings.ToLower(text)
	for i := 0; i+8 <= len(secret); i++ {
		part := secret[i : i+8]
		decimal := strings.Trim(fmt.Sprint(part), "[]")
		forms := []string{string(part), hex.EncodeToString(part), fmt.Sprintf("% x", part), decimal, strings.ReplaceAll(decimal, " ", ",")}
		if i%3 == 0 {
			forms = append(forms, base64.StdEncoding.EncodeToString(part)[:10])
		}
		for _, form := range forms {
			if strings.Contains(text, form) || strings.Contains(lower, strings.ToLower(form)) {
				return true
			}
		}
	}
	return false
}

// TestAttackStoreHasNoSecret: no file of a home, and no name of one, shows a secret, a name
// or the recipient of the at-rest key.
func TestAttackStoreHasNoSecret(t *testing.T) {
	v, err := CreateVault(newHome(t), []byte("correct horse"))
	if err != nil {
		t.Fatal(err)
	}
	k := newKeyring(t, v)
	epoch, item := wire.Sum([]byte("epoch secret")), []byte("pending join of Alice Liddell")
	if err := k.AddSecret(wire.Hash{1}, epoch[:]); err != nil {
		t.Fatal(err)
	}
	if err := k.Put("pending", item); err != nil {
		t.Fatal(err)
	}
	if err := Remember(v.home, testSpace, "/home/x/space", []string{"https://host/x.git"}); err != nil {
		t.Fatal(err)
	}
	secrets := allSecrets(t, v, k, map[string][]byte{"epoch secret": epoch[:], "item": item, "item's name": []byte("pending."), "recipient": []byte(v.key.id().Recipient().String())})
	err = filepath.WalkDir(v.home, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		for name, secret := range secrets {
			if shows(string(content)+" "+path, secret) {
				t.Errorf("%s shows the %s", path, name)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestAttackArgvAndLogsHaveNoSecret prints everything that holds a secret, in every way,
// and everything that can go wrong.
func TestAttackArgvAndLogsHaveNoSecret(t *testing.T) {
	v, err := CreateVault(newHome(t), []byte("correct horse"))
	if err != nil {
		t.Fatal(err)
	}
	k := newKeyring(t, v)
	epoch, item := wire.Sum([]byte("epoch secret")), []byte("a value that is secret")
	if err := errors.Join(k.AddSecret(wire.Hash{1}, epoch[:]), k.Put("x", item)); err != nil {
		t.Fatal(err)
	}
	secrets := allSecrets(t, v, k, map[string][]byte{"epoch secret": epoch[:], "item": item})
	type nested struct {
		v *Vault
		w Vault
		d *Device
		e Device
		k *Keyring
		c *content
		u content
		s Signer
		a atRest
	}
	n := nested{v, *v, k.Device(), *k.Device(), k, k.now, *k.now, k.Device().Signer, v.key}
	start, err := wire.MarshalCBOR(startWire{Key: v.key.id().String()})
	if err != nil {
		t.Fatal(err)
	}
	a, err := readStart(bytes.NewReader(start))
	if err != nil || a.key() != v.key.id().String() {
		t.Fatal(err)
	}
	values := map[string]any{
		"vault": v, "vault value": *v, "device": k.Device(), "device value": *k.Device(), "keyring": k, "content": k.now, "content value": *k.now,
		"signer": k.Device().Signer, "at rest": v.key, "nested": n, "*nested": &n, "slice": []*Device{k.Device()}, "map": map[string]Device{"x": *k.Device()},
		"keeper": agentKeeper{v.home, wire.Hash{}, SelfAgent()}, "agent": *a, "*agent": a,
	}
	for name, value := range values {
		for _, text := range printed(value) {
			for what, secret := range secrets {
				if shows(text, secret) {
					t.Errorf("%s shows the %s: %.300s", name, what, text)
				}
			}
		}
	}
	for name, err := range wrongs(t, v, k, epoch) {
		for what, secret := range secrets {
			if err == nil || shows(err.Error(), secret) {
				t.Errorf("%s: error shows the %s: %v", name, what, err)
			}
		}
	}
}

func printed(v any) (out []string) {
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "% x", "%d", "%o", "%b", "%c", "%U", "%e", "%t", "%p", "%10.3v"} {
		out = append(out, verb+" "+fmt.Sprintf(verb, v))
	}
	if b, err := json.Marshal(v); err == nil {
		out = append(out, string(b))
	}
	if b, err := wire.MarshalCBOR(v); err == nil {
		out = append(out, string(b))
	}
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "v", v)
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "v", v)
	return append(out, log.String())
}

// wrongs are errors whose making had a secret at hand.
func wrongs(t *testing.T, v *Vault, k *Keyring, epoch wire.Hash) map[string]error {
	t.Helper()
	_, badPass := OpenVault(v.home, Unlock{NoAgent: true, Passphrase: func() ([]byte, error) { return []byte("correct horses"), nil }})
	_, badSign := k.Device().Sign(nil, epoch[:], nil)
	signing, _ := k.Device().seeds()
	_, badForm := decodeKeyring(testSpace, wire.AD("keyring", signing[:]))
	_, badKey := parseAtRest([]byte(v.key.id().String() + "x"))
	_, twoKeys := parseAtRest([]byte(v.key.id().String() + "\n" + v.key.id().String()))
	_, badFile := decrypt([]byte(v.key.id().String()), 100, v.key.id())
	return map[string]error{
		"wrong passphrase": badPass, "refused signature": badSign, "bad keyring": badForm, "bad key": badKey, "two keys": twoKeys, "key for a file": badFile,
		"other secret": k.AddSecret(wire.Hash{1}, make([]byte, 32)), "long secret": k.AddSecret(wire.Hash{3}, append(epoch[:], 1)),
		"huge item": k.Put("x", bytes.Repeat(epoch[:], maxItem)), "url": Remember(v.home, testSpace, "/x", []string{"https://correct%20horse:correct horse@h/"}),
	}
}

// TestPassphraseIsCleared: what the user typed does not stay in the buffer it came in.
func TestPassphraseIsCleared(t *testing.T) {
	home := newHome(t)
	if _, err := CreateVault(home, []byte("correct horse")); err != nil {
		t.Fatal(err)
	}
	for _, word := range []string{"correct horse", "wrong"} {
		typed := []byte(word)
		_, _ = OpenVault(home, Unlock{NoAgent: true, Passphrase: func() ([]byte, error) { return typed, nil }})
		if !bytes.Equal(typed, make([]byte, len(word))) {
			t.Errorf("%q is still there", typed)
		}
	}
}
