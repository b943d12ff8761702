package pathcrypt_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/espace-git/espace-git/internal/wire"
	"github.com/espace-git/espace-git/pathcrypt"
)

var update = flag.Bool("update", false, "write the vectors anew")

func key(n byte) pathcrypt.Key {
	k, _ := pathcrypt.KeyFrom(bytes.Repeat([]byte{n}, 32))
	return k
}

var (
	home = wire.Hash{1}
	ring = pathcrypt.NewRing(key(2), key(1))
)

const vectorFile = "../testdata/vectors/pathcrypt/" + "blobs.json"

type vector struct{ Space, Key, Plaintext, Blob string }

// TestVectors: the format, byte by byte.
func TestVectors(t *testing.T) {
	if *update {
		var fresh []vector
		for i, p := range []string{"", "password\n", "\x00\xff binary", string(bytes.Repeat([]byte("x"), 200))} {
			k, _ := pathcrypt.KeyFrom(bytes.Repeat([]byte{byte(i + 1)}, 32))
			blob, _ := pathcrypt.Seal(home, k, []byte(p))
			fresh = append(fresh, vector{home.String(), hex.EncodeToString(k.Bytes()), hex.EncodeToString([]byte(p)), hex.EncodeToString(blob)})
		}
		b, _ := json.MarshalIndent(fresh, "", "  ")
		if err := os.WriteFile(vectorFile, append(b, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(vectorFile)
	if err != nil {
		t.Fatal(err)
	}
	var vectors []vector
	if err := json.Unmarshal(b, &vectors); err != nil || len(vectors) == 0 {
		t.Fatal(err)
	}
	for _, v := range vectors {
		raw, _ := hex.DecodeString(v.Key)
		plain, _ := hex.DecodeString(v.Plaintext)
		k, err := pathcrypt.KeyFrom(raw)
		if err != nil {
			t.Fatal(err)
		}
		blob, err := pathcrypt.Seal(home, k, plain)
		if err != nil || hex.EncodeToString(blob) != v.Blob {
			t.Errorf("%s: %x %v", v.Plaintext, blob, err)
		}
		back, err := pathcrypt.Open(home, pathcrypt.NewRing(k), blob)
		if err != nil || !bytes.Equal(back, plain) {
			t.Error(back, err)
		}
	}
}

// TestAttackPathBlobChanged: whatever is changed in a blob is noticed, and so is another space.
func TestAttackPathBlobChanged(t *testing.T) {
	blob, _ := pathcrypt.Seal(home, key(1), []byte("secret"))
	for i := range blob {
		bad := bytes.Clone(blob)
		bad[i] ^= 1
		if _, err := pathcrypt.Open(home, ring, bad); err == nil {
			t.Errorf("byte %d", i)
		}
	}
	for n := range blob {
		if _, err := pathcrypt.Open(home, ring, blob[:n]); err == nil {
			t.Errorf("%d bytes", n)
		}
	}
	if _, err := pathcrypt.Open(wire.Hash{2}, ring, blob); !errors.Is(err, pathcrypt.ErrForged) {
		t.Error(err)
	}
	if _, err := pathcrypt.Open(home, pathcrypt.NewRing(key(3)), blob); !errors.Is(err, pathcrypt.ErrNoKey) {
		t.Error(err)
	}
}

// TestAttackFilterStable: a new key changes no byte of what nobody edited.
func TestAttackFilterStable(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		content := rapid.SliceOf(rapid.Byte()).Draw(t, "content")
		before, err := pathcrypt.Clean(home, pathcrypt.NewRing(key(1)), content, nil)
		if err != nil {
			t.Skip("begins as an encrypted file does")
		}
		after, err := pathcrypt.Clean(home, ring, content, before)
		if err != nil || !bytes.Equal(before, after) {
			t.Fatal(err)
		}
		edited, _ := pathcrypt.Clean(home, ring, append(content, '!'), before)
		want, _ := pathcrypt.Seal(home, key(2), append(content, '!'))
		if !bytes.Equal(edited, want) {
			t.Fatal("an edit is not under the newest key")
		}
		back, err := pathcrypt.Smudge(home, ring, after)
		if err != nil || !bytes.Equal(back, content) {
			t.Fatal(err)
		}
	})
}

func TestCleanOfEncrypted(t *testing.T) {
	blob, _ := pathcrypt.Seal(home, key(1), []byte("x"))
	if got, err := pathcrypt.Clean(home, ring, blob, nil); err != nil || !bytes.Equal(got, blob) {
		t.Error(got, err)
	}
	if _, err := pathcrypt.Clean(home, ring, blob[:len(blob)-1], nil); err == nil {
		t.Error("half an encrypted file was taken for a plaintext")
	}
}

func TestKeyIsNotShown(t *testing.T) {
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d"} {
		if diff := cmp.Diff("[secret]", fmt.Sprintf(verb, key(1))); diff != "" {
			t.Error(diff)
		}
	}
}

func FuzzOpen(f *testing.F) {
	blob, _ := pathcrypt.Seal(home, key(1), []byte("secret"))
	f.Add(blob)
	f.Add(blob[:40])
	f.Add([]byte("plain"))
	f.Fuzz(func(t *testing.T, b []byte) {
		plain, err := pathcrypt.Open(home, ring, b)
		if err != nil {
			return
		}
		// Parse, print, compare: what opens is what Seal makes.
		again, err := pathcrypt.Clean(home, ring, plain, b)
		if err != nil || !bytes.Equal(again, b) {
			t.Fatal(err)
		}
	})
}
