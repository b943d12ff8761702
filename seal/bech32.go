package seal

import "strings"

// bech32 encodes data under a lower-case human-readable part (BIP 173, without its limit
// of 90 characters, as age uses it). It is not constant in time; the seed it is used for
// is encoded once, on the device that holds it.
func bech32(hrp string, data []byte) string {
	const charset = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
	values := fiveBits(data)
	sum := polymod(append(append(expandHRP(hrp), values...), 0, 0, 0, 0, 0, 0)) ^ 1
	for shift := 25; shift >= 0; shift -= 5 {
		values = append(values, byte(sum>>shift)&31)
	}
	var out strings.Builder
	out.WriteString(hrp + "1")
	for _, v := range values {
		out.WriteByte(charset[v])
	}
	return out.String()
}

// fiveBits regroups bytes, high bits first, zero-padded at the end.
func fiveBits(data []byte) []byte {
	var out []byte
	acc, bits := uint32(0), 0
	for _, b := range data {
		acc, bits = acc<<8|uint32(b), bits+8
		for bits >= 5 {
			bits -= 5
			out = append(out, byte(acc>>bits)&31)
		}
		acc &= 31
	}
	if bits > 0 {
		out = append(out, byte(acc<<(5-bits))&31)
	}
	return out
}

func expandHRP(hrp string) []byte {
	var out []byte
	for _, c := range []byte(hrp) {
		out = append(out, c>>5)
	}
	out = append(out, 0)
	for _, c := range []byte(hrp) {
		out = append(out, c&31)
	}
	return out
}

func polymod(values []byte) uint32 {
	generator := [5]uint32{0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3}
	sum := uint32(1)
	for _, v := range values {
		top := sum >> 25
		sum = (sum&0x1ffffff)<<5 ^ uint32(v)
		for i, g := range generator {
			sum ^= g * (top >> i & 1)
		}
	}
	return sum
}
