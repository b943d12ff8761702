package bench

import (
	"context"
	"crypto/rand"
	"io"
	"os"
	"path/filepath"
	"testing"

	"filippo.io/age"

	"github.com/espace-git/espace-git/chunks"
	"github.com/espace-git/espace-git/gitstore"
	"github.com/espace-git/espace-git/internal/wire"
)

// fileSize of what is encrypted, stored and read back.
const fileSize = 256 << 20

// BenchmarkFile encrypts and stores a file of 256 MiB, and reads it back, as chunks in
// a git repository, and as one file by age. Ours is on the disk, durably, when it
// counts as stored; age's is where the system put it.
func BenchmarkFile(b *testing.B) {
	dir := b.TempDir()
	src := filepath.Join(dir, "src")
	f, err := os.Create(src)
	if err != nil {
		b.Fatal(err)
	}
	if _, err := io.CopyN(f, rand.Reader, fileSize); err != nil {
		b.Fatal(err)
	}
	f.Close()
	var repo *gitstore.Repo
	var refs []chunks.Ref
	b.Run("store/chunks", func(b *testing.B) {
		b.SetBytes(fileSize)
		for b.Loop() {
			b.StopTimer()
			os.RemoveAll(filepath.Join(dir, "repo"))
			if repo, err = gitstore.Init(filepath.Join(dir, "repo")); err != nil {
				b.Fatal(err)
			}
			b.StartTimer()
			refs = storeChunks(b, repo, src)
		}
	})
	id, err := age.GenerateX25519Identity()
	if err != nil {
		b.Fatal(err)
	}
	sealed := filepath.Join(dir, "sealed.age")
	for name, durable := range map[string]bool{"store/age": false, "store/age-fsync": true} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(fileSize)
			for b.Loop() {
				b.StopTimer()
				os.Remove(sealed)
				b.StartTimer()
				sealAge(b, id.Recipient(), src, sealed, durable)
			}
		})
	}
	b.Run("read/chunks", func(b *testing.B) {
		b.SetBytes(fileSize)
		for b.Loop() {
			readChunks(b, repo, refs)
		}
	})
	b.Run("read/age", func(b *testing.B) {
		b.SetBytes(fileSize)
		for b.Loop() {
			openAge(b, id, sealed)
		}
	})
}

var chunkSpace = wire.Sum([]byte("space"))

func storeChunks(b *testing.B, repo *gitstore.Repo, src string) []chunks.Ref {
	b.Helper()
	in, err := os.Open(src)
	if err != nil {
		b.Fatal(err)
	}
	defer in.Close()
	out := repo.Blobs()
	defer out.Close()
	w := chunks.Writer{Space: chunkSpace, Rand: rand.Reader, Put: func(ref chunks.Ref, stored []byte) error { return out.Add(ref.ID, stored) }}
	refs, err := w.Write(b.Context(), in)
	if err == nil {
		err = out.Flush()
	}
	if err != nil {
		b.Fatal(err)
	}
	return refs
}

func readChunks(b *testing.B, repo *gitstore.Repo, refs []chunks.Ref) {
	b.Helper()
	r, err := chunks.NewReader(b.Context(), chunkSpace, refs, func(_ context.Context, ref chunks.Ref, take func([]byte) error) error {
		stored, err := repo.BlobUnchecked(ref.ID, ref.Stored())
		if err != nil {
			return err
		}
		return take(stored)
	})
	if err != nil {
		b.Fatal(err)
	}
	if n, err := r.WriteTo(io.Discard); err != nil || n != fileSize {
		b.Fatal(n, err)
	}
}

func sealAge(b *testing.B, to age.Recipient, src, dst string, durable bool) {
	b.Helper()
	in, err := os.Open(src)
	if err != nil {
		b.Fatal(err)
	}
	defer in.Close()
	out, err := os.Create(dst)
	if err != nil {
		b.Fatal(err)
	}
	defer out.Close()
	w, err := age.Encrypt(out, to)
	if err == nil {
		_, err = io.Copy(w, in)
	}
	if err == nil {
		err = w.Close()
	}
	if err == nil && durable {
		err = out.Sync()
	}
	if err != nil {
		b.Fatal(err)
	}
}

func openAge(b *testing.B, id age.Identity, src string) {
	b.Helper()
	in, err := os.Open(src)
	if err != nil {
		b.Fatal(err)
	}
	defer in.Close()
	r, err := age.Decrypt(in, id)
	if err != nil {
		b.Fatal(err)
	}
	if n, err := io.Copy(io.Discard, r); err != nil || n != fileSize {
		b.Fatal(n, err)
	}
}
