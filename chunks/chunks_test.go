package chunks_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"sync"
	"testing"
	"testing/iotest"

	"github.com/espace-git/espace-git/chunks"
	"github.com/espace-git/espace-git/internal/wire"
)

var space = wire.Sum([]byte("a space"))

// shelf holds chunks in memory.
type shelf struct {
	mu     sync.Mutex
	stored map[wire.ObjectID][]byte
	asked  int
}

func newShelf() *shelf { return &shelf{stored: map[wire.ObjectID][]byte{}} }

func (s *shelf) put(ref chunks.Ref, stored []byte) error {
	s.stored[ref.ID] = bytes.Clone(stored)
	return nil
}

var errGone = errors.New("gone")

func (s *shelf) source(_ context.Context, ref chunks.Ref, take func([]byte) error) error {
	s.mu.Lock()
	s.asked++
	b, ok := s.stored[ref.ID]
	s.mu.Unlock()
	if !ok {
		return errGone
	}
	return take(bytes.Clone(b))
}

func (s *shelf) write(t testing.TB, data []byte) []chunks.Ref {
	t.Helper()
	w := chunks.Writer{Space: space, Rand: rand.Reader, Put: s.put}
	refs, err := w.Write(t.Context(), bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	return refs
}

func (s *shelf) open(t testing.TB, refs []chunks.Ref) *chunks.Reader {
	t.Helper()
	r, err := chunks.NewReader(t.Context(), space, refs, s.source)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func random(n int) []byte {
	b := make([]byte, n)
	rand.Read(b)
	return b
}

func TestWriteRead(t *testing.T) {
	for _, n := range []int{0, 1, 1023, 1024, 1025, 100_000, chunks.Size - 1, chunks.Size, chunks.Size + 1, 3*chunks.Size + 17} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			s, data := newShelf(), random(n)
			refs := s.write(t, data)
			if want := (n + chunks.Size - 1) / chunks.Size; len(refs) != want || chunks.Length(refs) != int64(n) {
				t.Fatalf("%d chunks of %d bytes, want %d of %d", len(refs), chunks.Length(refs), want, n)
			}
			for _, ref := range refs {
				if got := len(s.stored[ref.ID]); got != ref.Stored() {
					t.Errorf("%v: %d bytes stored, it says %d", ref, got, ref.Stored())
				}
			}
			if got, err := io.ReadAll(s.open(t, refs)); err != nil || !bytes.Equal(got, data) {
				t.Errorf("read back: %d bytes, %v", len(got), err)
			}
			var out bytes.Buffer
			if m, err := io.Copy(&out, s.open(t, refs)); err != nil || m != int64(n) || !bytes.Equal(out.Bytes(), data) {
				t.Errorf("copied: %d bytes, %v", m, err)
			}
		})
	}
}

// The standard library's own test of readers, with seeks and ReadAt.
func TestReaderIsAReader(t *testing.T) {
	s, data := newShelf(), random(chunks.Size+333)
	refs := s.write(t, data)
	if err := iotest.TestReader(s.open(t, refs), data); err != nil {
		t.Error(err)
	}
}

func TestReadAtFetchesWhatIsNeeded(t *testing.T) {
	s, data := newShelf(), random(5*chunks.Size)
	r := s.open(t, s.write(t, data))
	got := make([]byte, 1000)
	for _, off := range []int64{3*chunks.Size + 5, 3*chunks.Size + 900_000} {
		if _, err := r.ReadAt(got, off); err != nil || !bytes.Equal(got, data[off:off+1000]) {
			t.Errorf("at %d: %v", off, err)
		}
	}
	if s.asked != 1 {
		t.Errorf("%d chunks fetched for a range of one", s.asked)
	}
	if _, err := r.ReadAt(got, 2*chunks.Size-500); err != nil || !bytes.Equal(got, data[2*chunks.Size-500:2*chunks.Size+500]) {
		t.Errorf("over a boundary: %v", err)
	}
	if s.asked != 3 {
		t.Errorf("%d chunks fetched", s.asked)
	}
}

func TestReadAtByMany(t *testing.T) {
	s, data := newShelf(), random(3*chunks.Size)
	r := s.open(t, s.write(t, data))
	var wg sync.WaitGroup
	for i := range 30 {
		wg.Go(func() {
			off, got := int64(i%3)*chunks.Size+int64(i)*100, make([]byte, 5000)
			if _, err := r.ReadAt(got, off); err != nil || !bytes.Equal(got, data[off:off+5000]) {
				t.Errorf("at %d: %v", off, err)
			}
		})
	}
	wg.Wait()
	if s.asked > 3 {
		t.Errorf("%d fetches of 3 chunks", s.asked)
	}
}

func TestMissingChunkIsAskedForAgain(t *testing.T) {
	s, data := newShelf(), random(chunks.Size+5)
	refs := s.write(t, data)
	lost := s.stored[refs[1].ID]
	delete(s.stored, refs[1].ID)
	r := s.open(t, refs)
	if _, err := r.ReadAt(make([]byte, 3), chunks.Size); !errors.Is(err, errGone) {
		t.Fatalf("%v", err)
	}
	s.stored[refs[1].ID] = lost
	if _, err := r.ReadAt(make([]byte, 3), chunks.Size); err != nil {
		t.Error(err)
	}
}

func TestWriteFails(t *testing.T) {
	broken := errors.New("broken")
	put := func(chunks.Ref, []byte) error { return nil }
	for name, c := range map[string]struct {
		w   chunks.Writer
		src io.Reader
	}{
		"source": {chunks.Writer{Rand: rand.Reader, Put: put}, io.MultiReader(bytes.NewReader(random(chunks.Size+9)), iotest.ErrReader(broken))},
		"put":    {chunks.Writer{Rand: rand.Reader, Put: func(chunks.Ref, []byte) error { return broken }}, bytes.NewReader(random(6 * chunks.Size))},
		"rand":   {chunks.Writer{Rand: iotest.ErrReader(broken), Put: put}, bytes.NewReader(random(10))},
	} {
		t.Run(name, func(t *testing.T) {
			c.w.Space = space
			if _, err := c.w.Write(t.Context(), c.src); !errors.Is(err, broken) {
				t.Errorf("%v", err)
			}
		})
	}
}

func TestWriteIsCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	w := chunks.Writer{Space: space, Rand: rand.Reader, Put: func(chunks.Ref, []byte) error { cancel(); return nil }}
	if _, err := w.Write(ctx, rand.Reader); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

func TestNoKeyIsPrinted(t *testing.T) {
	s := newShelf()
	ref := s.write(t, []byte("hello"))[0]
	for _, shown := range []string{fmt.Sprint(ref), fmt.Sprintf("%+v", ref), fmt.Sprintf("%#v", ref)} {
		if bytes.Contains([]byte(shown), fmt.Appendf(nil, "%d", ref.Key[0:3])) || len(shown) > 60 {
			t.Errorf("%s", shown)
		}
	}
}
