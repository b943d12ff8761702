package gitstore

import (
	"bufio"
	"bytes"
	"crypto/sha1"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"

	"github.com/espace-git/espace-git/internal/wire"
)

type byteBuffer = bytes.Buffer

func newBytesReader(b []byte) io.Reader { return bytes.NewReader(b) }

// spool holds a request while its length becomes known (hosts behind CGI take
// no chunked bodies): in memory while small, else in a file that has no name
// for long.
type spool struct {
	repo *Repo
	mem  bytes.Buffer
	f    *os.File
	w    *bufio.Writer
	r    io.Reader
	n    int64
}

const spoolMemory = 4 << 20

func (r *Repo) newSpool() (*spool, error) { return &spool{repo: r}, nil }

func (s *spool) Write(p []byte) (int, error) {
	s.n += int64(len(p))
	if s.f == nil && s.mem.Len()+len(p) <= spoolMemory {
		return s.mem.Write(p)
	}
	if s.f == nil {
		if err := s.toFile(); err != nil {
			return 0, err
		}
	}
	return s.w.Write(p)
}

func (s *spool) toFile() error {
	root := filepath.Join(s.repo.dir, "quarantine")
	if err := os.MkdirAll(root, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(root, "push")
	if err != nil {
		return err
	}
	s.f, s.w = f, bufio.NewWriterSize(f, 128<<10)
	_, err = s.w.Write(s.mem.Bytes())
	s.mem.Reset()
	return err
}

// rewind ends writing and starts reading.
func (s *spool) rewind() (int64, error) {
	if s.f == nil {
		s.r = &s.mem
		return s.n, nil
	}
	if err := s.w.Flush(); err != nil {
		return 0, err
	}
	_, err := s.f.Seek(0, io.SeekStart)
	s.r = s.f
	return s.n, err
}

func (s *spool) Read(p []byte) (int, error) { return s.r.Read(p) }

func (s *spool) Close() error {
	if s.f == nil {
		return nil
	}
	s.f.Close()
	return os.Remove(s.f.Name())
}

// packFor writes the pack that a host with haves needs for tips: whole objects
// only, since ciphertext has no deltas.
func (r *Repo) packFor(w io.Writer, tips, haves []wire.ObjectID) error {
	ids, err := r.missing(tips, haves)
	if err != nil {
		return fmt.Errorf("packing: %w", err)
	}
	p := &packStreamWriter{w: w, sum: sha1.New()}
	p.write(appendPackHeader(nil, len(ids)))
	var entry []byte
	for _, id := range ids {
		k, data, err := r.object(id, MaxObject)
		if err != nil {
			return fmt.Errorf("packing: %w", err)
		}
		entry = appendEntry(entry[:0], k, data)
		p.write(entry)
	}
	p.write(p.sum.Sum(nil))
	return p.err
}

type packStreamWriter struct {
	w   io.Writer
	sum hash.Hash
	err error
}

func (p *packStreamWriter) write(b []byte) {
	if p.err == nil {
		p.sum.Write(b)
		_, p.err = p.w.Write(b)
	}
}
