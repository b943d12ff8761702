package gitstore

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"fmt"
	"hash/adler32"
	"io"
	"sync"
)

// appendStored appends data as a zlib stream of stored blocks (RFC 1950, RFC
// 1951 section 3.2.4). Ciphertext does not compress, and trying costs four
// times the rest of a pack write.
func appendStored(b, data []byte) []byte {
	b = append(b, 0x78, 0x01)
	rest := data
	for {
		n := min(len(rest), 0xffff)
		final := n == len(rest)
		b = append(appendBlockHeader(b, n, final), rest[:n]...)
		if rest = rest[n:]; final {
			return binary.BigEndian.AppendUint32(b, adler32.Checksum(data))
		}
	}
}

// appendBlockHeader prints what stands before a stored block of n bytes.
func appendBlockHeader(b []byte, n int, final bool) []byte {
	last := byte(0)
	if final {
		last = 1
	}
	b = append(b, last)
	b = binary.LittleEndian.AppendUint16(b, uint16(n))
	return binary.LittleEndian.AppendUint16(b, ^uint16(n))
}

// deflater is a reused compressor for commits and trees, which do compress.
type deflater struct {
	buf bytes.Buffer
	w   *zlib.Writer
}

var deflaters = sync.Pool{New: func() any {
	d := &deflater{}
	d.w, _ = zlib.NewWriterLevel(&d.buf, zlib.BestSpeed)
	return d
}}

func appendDeflated(b, data []byte) []byte {
	d := deflaters.Get().(*deflater)
	defer deflaters.Put(d)
	d.buf.Reset()
	d.w.Reset(&d.buf)
	d.w.Write(data)
	d.w.Close()
	return append(b, d.buf.Bytes()...)
}

// inflater is a reused decompressor.
type inflater struct {
	z io.ReadCloser
}

var inflaters = sync.Pool{New: func() any { return &inflater{} }}

// byteReader is a reader from which flate takes not a byte beyond its stream.
type byteReader interface {
	io.Reader
	io.ByteReader
}

// inflate reads one zlib stream of exactly size bytes from r. The caller has
// checked size: that is the bound on the allocation.
func inflate(r byteReader, size int) ([]byte, error) {
	in := inflaters.Get().(*inflater)
	defer inflaters.Put(in)
	if err := in.reset(r); err != nil {
		return nil, corruptOr(err)
	}
	data := make([]byte, size)
	if _, err := io.ReadFull(in.z, data); err != nil {
		return nil, corruptOr(err)
	}
	var one [1]byte
	if n, err := in.z.Read(one[:]); n != 0 || err != io.EOF {
		if n != 0 {
			return nil, fmt.Errorf("%w: inflates to more than its size", ErrCorrupt)
		}
		return nil, corruptOr(err)
	}
	return data, nil
}

func (in *inflater) reset(r io.Reader) (err error) {
	if in.z == nil {
		in.z, err = zlib.NewReader(r)
		return err
	}
	return in.z.(zlib.Resetter).Reset(r, nil)
}

func corruptOr(err error) error {
	if err == nil || err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return fmt.Errorf("%w: %w", ErrCorrupt, err)
}
