package merge

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/espace-git/espace-git/internal/wire"
)

// appendFloat writes the shortest of the three widths that gives f back (RFC
// 8949, 4.2.1). NaN and the infinities are refused, since SQL and JSON have no
// word for them, and so is -0: equal values have equal bytes.
func appendFloat(b []byte, f float64) ([]byte, error) {
	if math.IsNaN(f) || math.IsInf(f, 0) || f == 0 && math.Signbit(f) {
		return nil, fmt.Errorf("encoding real: %w: %v is no value of a cell", wire.ErrMalformed, f)
	}
	f32 := float32(f)
	if float64(f32) != f {
		return binary.BigEndian.AppendUint64(append(b, majorOther<<5|27), math.Float64bits(f)), nil
	}
	if h := half(f32); fromHalf(h) == f {
		return binary.BigEndian.AppendUint16(append(b, majorOther<<5|25), h), nil
	}
	return binary.BigEndian.AppendUint32(append(b, majorOther<<5|26), math.Float32bits(f32)), nil
}

// float reads the bits of a float of 2, 4 or 8 bytes and refuses what
// appendFloat does not write.
func (r *reader) float(bits uint64, size int) any {
	var f float64
	switch size {
	case 2:
		f = fromHalf(uint16(bits))
	case 4:
		f = float64(math.Float32frombits(uint32(bits)))
	case 8:
		f = math.Float64frombits(bits)
	}
	var buf [9]byte
	b, err := appendFloat(buf[:0], f)
	if err != nil || len(b) != 1+size {
		r.fail("not a finite real in its shortest form")
		return nil
	}
	return f
}

// half rounds towards zero to 16 bits; the caller asks whether it was exact.
// Layout: 1 sign, 5 exponent (bias 15), 10 fraction; of float32: 1, 8 (127), 23.
func half(f float32) uint16 {
	bits := math.Float32bits(f)
	sign, exp, frac := uint16(bits>>16)&0x8000, int(bits>>23&0xff)-127, bits&0x7fffff
	switch {
	case exp > 15:
		return sign | 0x7c00 // too great: infinity, never equal to f
	case exp >= -14:
		return sign | uint16(exp+15)<<10 | uint16(frac>>13)
	case exp >= -24:
		return sign | uint16((frac|1<<23)>>(-exp-1)) // subnormal: multiples of 2^-24
	}
	return sign
}

func fromHalf(h uint16) float64 {
	exp, frac := int(h>>10&0x1f), float64(h&0x3ff)
	f := 0.0
	switch exp {
	case 0:
		f = math.Ldexp(frac, -24)
	case 31:
		return math.NaN() // infinities and NaN: not values of a cell
	default:
		f = math.Ldexp(frac+1024, exp-25)
	}
	if h&0x8000 != 0 {
		return -f
	}
	return f
}
