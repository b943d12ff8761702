package seal

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/espace-git/espace-git/internal/wire"
)

// TestRedacted prints secrets in every way there is, alone and within other values, and
// looks for their bytes in every form that fmt has for bytes.
func TestRedacted(t *testing.T) {
	secret := wire.Sum([]byte("a secret"))
	s, _ := SecretFrom(secret[:])
	k, _ := KeyFrom(secret[:])
	p, err := PrivateKeyFrom(secret[:])
	if err != nil {
		t.Fatal(err)
	}
	type nested struct {
		s Secret
		k *Key
		p PrivateKey
		E EpochSecret
		w Wrap
		m map[string]Secret
	}
	n := nested{s, &k, p, EpochSecret{Secret: s}, Wrap{Secrets: []EpochSecret{{Secret: s}}}, map[string]Secret{"x": s}}
	values := map[string]any{
		"secret": s, "*secret": &s, "key": k, "private": p, "*private": &p, "nested": n, "*nested": &n,
		"slice": []Secret{s}, "map": map[string]Key{"x": k}, "wrap": n.w, "any": []any{s, k, p},
	}
	for name, v := range values {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "% x", "%d", "%o", "%b", "%c", "%U", "%e", "%t", "%p", "%10.3v"} {
			leaks(t, name+" "+verb, fmt.Sprintf(verb, v), secret)
		}
		leaks(t, name+" Sprint", fmt.Sprint(v), secret)
		leaks(t, name+" error", fmt.Errorf("with %v", v).Error(), secret)
		if b, err := json.Marshal(v); err == nil {
			leaks(t, name+" JSON", string(b), secret)
		}
		var log bytes.Buffer
		slog.New(slog.NewTextHandler(&log, nil)).Info("x", "v", v)
		slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "v", v)
		leaks(t, name+" slog", log.String(), secret)
		if b, err := wire.MarshalCBOR(v); err == nil {
			leaks(t, name+" CBOR", string(b), secret)
		}
	}
	for _, got := range []string{fmt.Sprint(s), fmt.Sprintf("%x", k), p.String(), fmt.Sprintf("%#v", s)} {
		if got != redacted {
			t.Errorf("prints as %q", got)
		}
	}
}

// leaks fails if text shows 6 bytes of secret in a row, in any usual form.
func leaks(t *testing.T, where, text string, secret wire.Hash) {
	t.Helper()
	for i := 0; i+6 <= len(secret); i++ {
		part := secret[i : i+6]
		decimal := strings.Trim(fmt.Sprint(part), "[]")
		forms := []string{string(part), hex.EncodeToString(part), fmt.Sprintf("% x", part), decimal,
			strings.ReplaceAll(decimal, " ", ","), strings.TrimPrefix(strings.TrimSuffix(fmt.Sprintf("%#v", part), "}"), "[]byte{")}
		if i%3 == 0 {
			forms = append(forms, base64.StdEncoding.EncodeToString(part))
		}
		for _, form := range forms {
			if strings.Contains(strings.ToLower(text), strings.ToLower(form)) {
				t.Fatalf("%s: shows a secret: %s", where, text)
			}
		}
	}
	if strings.Contains(strings.ToUpper(text), "AGE-SECRET-KEY") {
		t.Fatalf("%s: shows a private key: %s", where, text)
	}
}

// TestRedactedFinds: the search of TestRedacted does find what it looks for.
func TestRedactedFinds(t *testing.T) {
	secret := wire.Sum([]byte("a secret"))
	for _, form := range []string{"%v", "%x", "%#v", "%d", "% x", "%s"} {
		var inner testing.T
		done := make(chan struct{})
		go func() {
			defer close(done)
			leaks(&inner, "", fmt.Sprintf(form, secret[:]), secret)
		}()
		<-done
		if !inner.Failed() {
			t.Errorf("%s: not found", form)
		}
	}
}

// TestUnset: using a secret that was never set stops the program; a key of zeros must
// not come about.
func TestUnset(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("a zero secret derives keys")
		}
	}()
	if (Secret{}).Bytes() != nil || !(Secret{}).IsZero() {
		t.Error("a zero secret has bytes")
	}
	Secret{}.LedgerKey(wire.Hash{})
}
