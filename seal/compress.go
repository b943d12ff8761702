package seal

import (
	"encoding/binary"
	"fmt"
	"slices"
	"sync"

	"github.com/klauspost/compress/zstd"

	"github.com/espace-git/espace-git/internal/wire"
)

// codec is shared: an encoder's tables cost megabytes and both halves are safe for
// concurrent use. It holds options only, no state of any message.
var codec = sync.OnceValue(func() *zstdCodec {
	enc, err := zstd.NewWriter(nil,
		zstd.WithEncoderLevel(zstd.SpeedDefault),
		zstd.WithSingleSegment(true), // so each frame says how much it inflates to
		zstd.WithZeroFrames(true),
		zstd.WithEncoderCRC(false), // what is around it authenticates
		zstd.WithLowerEncoderMem(true),
	)
	dec, err2 := zstd.NewReader(nil,
		zstd.WithDecoderConcurrency(0),
		zstd.WithDecodeAllCapLimit(true),
		zstd.WithDecoderMaxMemory(wire.MaxEntry),
		zstd.WithDecoderMaxWindow(wire.MaxEntry),
		zstd.WithDecoderLowmem(true),
	)
	if err != nil || err2 != nil {
		panic(fmt.Sprint("seal: zstd options: ", err, err2)) // constants: a test would have met it
	}
	return &zstdCodec{enc, dec}
})

type zstdCodec struct {
	enc *zstd.Encoder
	dec *zstd.Decoder
}

// appendCompressed appends the frame of the compressed plaintext to head. The result
// has room for the tag of a box.
func appendCompressed(head, plaintext []byte, min int) []byte {
	const tag = overhead - nonceSize
	start := len(head)
	room := start + Padme(lengthSize+len(plaintext)+32, min) + tag
	out := append(make([]byte, 0, room), head...)
	out = codec().enc.EncodeAll(plaintext, append(out, make([]byte, lengthSize)...))
	used := len(out) - start
	binary.BigEndian.PutUint64(out[start:], uint64(used-lengthSize))
	size := Padme(used, min)
	return append(slices.Grow(out, size-used+tag), make([]byte, size-used)...)
}

// decompressFrame inflates a frame's body to at most max bytes. The size is known, and
// judged, before anything is allocated (attack inflate bomb).
func decompressFrame(framed []byte, max int) ([]byte, error) {
	body, err := unframe(framed)
	if err != nil {
		return nil, err
	}
	size, err := inflatedSize(body)
	if err != nil {
		return nil, err
	}
	if max < 0 || size > uint64(max) {
		return nil, fmt.Errorf("%w: inflates to %d bytes, limit %d", ErrTooBig, size, max)
	}
	// A little room beyond lets the decoder copy in words; what it made is compared.
	plaintext, err := codec().dec.DecodeAll(body, make([]byte, 0, size+32))
	if err != nil || uint64(len(plaintext)) != size {
		return nil, fmt.Errorf("%w: compressed content", ErrMalformed)
	}
	return plaintext, nil
}

// inflatedSize accepts the one kind of zstd frame that appendCompressed writes (RFC 8878
// section 3.1.1): it says its size, needs no dictionary, is not skipped, and nothing
// follows it.
func inflatedSize(body []byte) (uint64, error) {
	var h zstd.Header
	if err := h.Decode(body); err != nil {
		return 0, fmt.Errorf("%w: compressed content", ErrMalformed)
	}
	if h.Skippable || !h.HasFCS || !h.SingleSegment || h.HasCheckSum || h.DictionaryID != 0 {
		return 0, fmt.Errorf("%w: compressed content of another kind", ErrMalformed)
	}
	if !endsWithBlocks(body[min(h.HeaderSize, len(body)):]) {
		return 0, fmt.Errorf("%w: compressed content does not end with its frame", ErrMalformed)
	}
	return h.FrameContentSize, nil
}

// endsWithBlocks reports whether b is blocks up to a last one, and no more. A block's
// header has 3 bytes, little-endian: last (1 bit), type (2), size (21).
func endsWithBlocks(b []byte) bool {
	const rle = 1
	for len(b) >= 3 {
		header := int(b[0]) | int(b[1])<<8 | int(b[2])<<16
		size := header >> 3
		if header>>1&3 == rle {
			size = 1
		}
		if b = b[3:]; size > len(b) {
			return false
		}
		if b = b[size:]; header&1 == 1 {
			return len(b) == 0
		}
	}
	return false
}
