package chunks_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"testing"

	"golang.org/x/crypto/chacha20poly1305"

	"github.com/espace-git/espace-git/chunks"
	"github.com/espace-git/espace-git/internal/wire"
)

// No byte of a chunk that is not the signed one reaches a reader.
func TestAttackChunkChanged(t *testing.T) {
	s, data := newShelf(), random(2*chunks.Size+5000)
	refs := s.write(t, data)
	small := refs[2]
	good := s.stored[small.ID]
	changes := map[string]func([]byte) []byte{
		"nothing":       func([]byte) []byte { return nil },
		"cut":           func(b []byte) []byte { return b[:len(b)-1] },
		"longer":        func(b []byte) []byte { return append(b, 0) },
		"nonce changed": func(b []byte) []byte { b[0] ^= 1; return b },
		"byte changed":  func(b []byte) []byte { b[1000] ^= 1; return b },
		"tag changed":   func(b []byte) []byte { b[len(b)-1] ^= 1; return b },
		"swapped":       func([]byte) []byte { return bytes.Clone(s.stored[refs[0].ID]) },
		"bomb":          func([]byte) []byte { return make([]byte, 64<<20) },
	}
	for name, change := range changes {
		t.Run(name, func(t *testing.T) {
			s.stored[small.ID] = change(bytes.Clone(good))
			defer func() { s.stored[small.ID] = good }()
			var out bytes.Buffer
			if _, err := io.Copy(&out, s.open(t, refs)); !errors.Is(err, chunks.ErrWrong) {
				t.Errorf("%v", err)
			}
			if !bytes.Equal(out.Bytes(), data[:2*chunks.Size]) {
				t.Errorf("%d bytes came out", out.Len())
			}
			got := make([]byte, 10)
			if n, err := s.open(t, refs).ReadAt(got, 2*chunks.Size+1); n != 0 || !errors.Is(err, chunks.ErrWrong) {
				t.Errorf("%d bytes, %v", n, err)
			}
		})
	}
}

// A list that its author made of chunks of another space, with other keys, sizes or
// bytes in the padding, opens nowhere.
func TestAttackChunkOfAnotherSpace(t *testing.T) {
	s := newShelf()
	ref := s.write(t, random(5000))[0]
	stored := func() []byte { return bytes.Clone(s.stored[ref.ID]) }
	if _, err := chunks.Open(wire.Sum([]byte("another")), ref, stored()); !errors.Is(err, chunks.ErrForged) {
		t.Errorf("another space: %v", err)
	}
	other := ref
	other.Key[5] ^= 1
	if _, err := chunks.Open(space, other, stored()); !errors.Is(err, chunks.ErrForged) {
		t.Errorf("another key: %v", err)
	}
	other = ref
	other.Size-- // of the same padded length
	if other.Stored() != ref.Stored() {
		t.Fatal("choose another size")
	}
	if _, err := chunks.Open(space, other, stored()); !errors.Is(err, chunks.ErrForged) {
		t.Errorf("another size: %v", err)
	}
	for _, size := range []uint32{0, chunks.Size + 1, 1<<32 - 1} {
		other.Size = size
		if _, err := chunks.Open(space, other, stored()); !errors.Is(err, chunks.ErrMalformed) {
			t.Errorf("size %d: %v", size, err)
		}
	}
}

// Padding is no place to hide something in.
func TestAttackChunkPadding(t *testing.T) {
	ref := chunks.Ref{Key: [32]byte{1}, Size: 1000}
	plain := make([]byte, ref.Stored()-40)
	plain[1010] = 1
	aead, err := chacha20poly1305.NewX(ref.Key[:])
	if err != nil {
		t.Fatal(err)
	}
	nonce := make([]byte, 24)
	stored := aead.Seal(nonce, nonce, plain, wire.AD("chunk", space[:], wire.U64(1000)))
	ref.Sum = sha256.Sum256(stored)
	if _, err := chunks.Open(space, ref, stored); !errors.Is(err, chunks.ErrForged) {
		t.Errorf("%v", err)
	}
}

// A source that gives wrong bytes first is asked on, and what it gives last counts.
func TestWrongBytesThenRight(t *testing.T) {
	s, data := newShelf(), random(3000)
	refs := s.write(t, data)
	source := func(_ context.Context, ref chunks.Ref, take func([]byte) error) error {
		if err := take(make([]byte, ref.Stored())); !errors.Is(err, chunks.ErrWrong) {
			t.Errorf("zeros: %v", err)
		}
		return take(bytes.Clone(s.stored[ref.ID]))
	}
	r, err := chunks.NewReader(t.Context(), space, refs, source)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, data) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
}

// A source that says that all is well and gave nothing gives nothing.
func TestSourceThatLies(t *testing.T) {
	refs := newShelf().write(t, random(3000))
	r, err := chunks.NewReader(t.Context(), space, refs, func(context.Context, chunks.Ref, func([]byte) error) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(r); err == nil || len(got) > 0 {
		t.Errorf("%d bytes, %v", len(got), err)
	}
}
