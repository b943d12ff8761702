package wire

import (
	"bytes"
	"fmt"

	"github.com/fxamacker/cbor/v2"
)

// cborEnc writes RFC 8949 section 4.2.1 (core deterministic encoding).
var cborEnc = func() cbor.EncMode {
	opts := cbor.CoreDetEncOptions()
	opts.Time = cbor.TimeRFC3339NanoUTC
	opts.BigIntConvert = cbor.BigIntConvertReject
	opts.IndefLength = cbor.IndefLengthForbidden
	opts.TagsMd = cbor.TagsForbidden
	return must(opts.EncMode())
}()

// cborDec bounds what it reads; UnmarshalCBOR adds what the library does not
// check: shortest integers, sorted keys (it accepts both otherwise).
var cborDec = must(cbor.DecOptions{
	DupMapKey:         cbor.DupMapKeyEnforcedAPF,
	IndefLength:       cbor.IndefLengthForbidden,
	TagsMd:            cbor.TagsForbidden,
	MaxNestedLevels:   MaxDepth,
	MaxArrayElements:  MaxItems,
	MaxMapPairs:       MaxItems,
	ExtraReturnErrors: cbor.ExtraDecErrorUnknownField,
	UTF8:              cbor.UTF8RejectInvalid,
	IntDec:            cbor.IntDecConvertSignedOrFail,
	NaN:               cbor.NaNDecodeForbidden,
	Inf:               cbor.InfDecodeForbidden,
	BignumTag:         cbor.BignumTagForbidden,
	FieldNameMatching: cbor.FieldNameMatchingCaseSensitive,
}.DecMode())

func must[T any](v T, err error) T {
	if err != nil {
		panic("wire: " + err.Error()) // options are constants: a test would have met it
	}
	return v
}

// MarshalCBOR is the one encoding of v.
func MarshalCBOR(v any) ([]byte, error) {
	b, err := cborEnc.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("encoding: %w", err)
	}
	return b, nil
}

// UnmarshalCBOR decodes b into v and refuses b unless encoding v again gives b.
// v must be a pointer to a type without `any` of which information could be lost.
func UnmarshalCBOR(b []byte, v any) error {
	if len(b) > MaxEntry {
		return fmt.Errorf("%w: %d bytes, limit %d", ErrMalformed, len(b), MaxEntry)
	}
	if err := cborDec.Unmarshal(b, v); err != nil {
		return fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	again, err := cborEnc.Marshal(v)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	if !bytes.Equal(again, b) {
		return fmt.Errorf("%w: not the canonical encoding", ErrMalformed)
	}
	return nil
}

// RawCBOR is an encoded value that is kept as it is.
type RawCBOR = cbor.RawMessage
