// Package wire holds what every format of a space shares: hashes and names,
// canonical encodings, domain-separation labels, and limits.
//
// Every encoding here is canonical: a value has exactly one form, and a decoder
// refuses every other one ("parse, print, compare", spec/encodings.md). So the
// hash of the bytes is the hash of the value, and no two readers can understand
// the same bytes differently.
package wire
