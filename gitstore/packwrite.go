package gitstore

import (
	"bufio"
	"crypto/sha1"
	"encoding/binary"
	"fmt"
	"hash"
	"hash/adler32"
	"hash/crc32"
	"io"
	"path/filepath"

	"github.com/espace-git/espace-git/internal/wire"
)

// packRecord is one object of a pack, as the index needs it.
type packRecord struct {
	id     wire.ObjectID
	crc    uint32 // of header and compressed bytes
	offset uint64
}

const packHeaderSize = 12

// appendPackHeader prints the head of a version 2 pack.
func appendPackHeader(b []byte, objects int) []byte {
	b = append(b, "PACK\x00\x00\x00\x02"...)
	return binary.BigEndian.AppendUint32(b, uint32(objects))
}

// appendEntryHeader prints kind and size as before each object in a pack.
func appendEntryHeader(b []byte, k kind, size int) []byte {
	c := byte(k)<<4 | byte(size&0x0f)
	for size >>= 4; size > 0; size >>= 7 {
		b = append(b, c|0x80)
		c = byte(size & 0x7f)
	}
	return append(b, c)
}

// storeBelow: a tree of a few entries is mostly names, random to a compressor.
const storeBelow = 160

// appendEntry prints a whole object: blobs and small trees stored, the rest
// lightly compressed.
func appendEntry(b []byte, k kind, data []byte) []byte {
	b = appendEntryHeader(b, k, len(data))
	if k == kindBlob || len(data) < storeBelow {
		return appendStored(b, data)
	}
	return appendDeflated(b, data)
}

// packWriter writes one pack and its index into a directory, as temporary
// files until keep renames them. Every other way out removes them.
type packWriter struct {
	disk    disk
	f       file
	w       *bufio.Writer
	offset  uint64
	records []packRecord
	sum     hash.Hash // running, right when declared == len(records)
	// declared is the number of objects said in the header; when it turns out
	// wrong, finish patches it and hashes the file again.
	declared int
	idxTemp  string
}

func newPackWriter(d disk, dir string, declared int) (*packWriter, error) {
	f, err := d.Create(filepath.Join(dir, tempPack+randomName()))
	if err != nil {
		return nil, err
	}
	p := &packWriter{disk: d, f: f, declared: declared, sum: sha1.New()}
	p.w = bufio.NewWriterSize(io.MultiWriter(f, p.sum), 128<<10)
	p.w.Write(appendPackHeader(nil, declared))
	p.offset = packHeaderSize
	return p, nil
}

// raw appends an entry that is already in pack form.
func (p *packWriter) raw(id wire.ObjectID, entry []byte) error {
	p.records = append(p.records, packRecord{id, crc(entry), p.offset})
	p.offset += uint64(len(entry))
	_, err := p.w.Write(entry)
	return err
}

// storedBlobEntry appends what appendEntry prints of a blob, block by block: each byte is
// read from memory once, for all its sums and the disk.
func (p *packWriter) storedBlobEntry(id wire.ObjectID, data []byte) error {
	r := packRecord{id: id, offset: p.offset}
	var err error
	put := func(b []byte) {
		r.crc = crc32.Update(r.crc, crc32.IEEETable, b)
		p.offset += uint64(len(b))
		if err == nil {
			_, err = p.w.Write(b)
		}
	}
	put(append(appendEntryHeader(nil, kindBlob, len(data)), 0x78, 0x01))
	sum := adler32.New()
	for final := false; !final; {
		block := data[:min(len(data), 0xffff)]
		data = data[len(block):]
		final = len(data) == 0
		sum.Write(block)
		put(appendBlockHeader(nil, len(block), final))
		put(block)
	}
	put(sum.Sum(nil))
	p.records = append(p.records, r)
	return err
}

// finish completes pack and index and makes both durable, still under
// temporary names. It gives the pack's checksum, which names it.
func (p *packWriter) finish() (wire.ObjectID, error) {
	sum, err := p.seal()
	if err != nil {
		return sum, fmt.Errorf("writing pack: %w", err)
	}
	idx, err := p.disk.Create(p.f.Name() + ".idx")
	if err != nil {
		return sum, fmt.Errorf("writing pack index: %w", err)
	}
	p.idxTemp = idx.Name()
	// The two flushes run at once: on a journaling disk they share one commit.
	done := make(chan error, 1)
	go func() { done <- p.f.Sync() }()
	_, err = idx.Write(encodeIdx(p.records, sum))
	err = firstError(err, idx.Sync(), <-done, idx.Close(), p.f.Close())
	if err != nil {
		return sum, fmt.Errorf("writing pack: %w", err)
	}
	return sum, nil
}

// seal writes the trailer.
func (p *packWriter) seal() (sum wire.ObjectID, err error) {
	if err := p.w.Flush(); err != nil {
		return sum, err
	}
	if p.declared != len(p.records) {
		if err := p.rehash(); err != nil {
			return sum, err
		}
	}
	p.sum.Sum(sum[:0])
	_, err = p.f.Write(sum[:])
	return sum, err
}

func (p *packWriter) rehash() error {
	if _, err := p.f.WriteAt(appendPackHeader(nil, len(p.records)), 0); err != nil {
		return err
	}
	p.sum.Reset()
	_, err := io.Copy(p.sum, io.NewSectionReader(p.f, 0, int64(p.offset)))
	return err
}

// keep moves the finished pack into packDir, the index last: git and our own
// readers look for indexes, so no one sees a pack before it is whole.
func (p *packWriter) keep(packDir string, sum wire.ObjectID) error {
	base := filepath.Join(packDir, "pack-"+sum.String())
	err := p.disk.Rename(p.f.Name(), base+".pack")
	if err == nil {
		err = p.disk.Rename(p.idxTemp, base+".idx")
	}
	if err == nil {
		err = p.disk.SyncDir(packDir)
	}
	if err != nil {
		return fmt.Errorf("storing pack: %w", err)
	}
	return nil
}

// discard removes what is still under a temporary name. It may follow keep.
func (p *packWriter) discard() {
	p.f.Close()
	p.disk.Remove(p.f.Name())
	if p.idxTemp != "" {
		p.disk.Remove(p.idxTemp)
	}
}

// crc is what an index keeps of each entry.
func crc(entry []byte) uint32 { return crc32.ChecksumIEEE(entry) }

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
