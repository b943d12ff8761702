package merge

import (
	"bytes"
	"cmp"
	"fmt"
	"iter"
	"slices"

	"github.com/espace-git/espace-git/internal/wire"
)

// ErrRanges says that a set of numbers has too many gaps to take one more.
var ErrRanges = fmt.Errorf("more than %d ranges of numbers", wire.MaxNumberRanges)

// Range is the numbers from First to Last, both included.
type Range struct{ First, Last uint64 }

// Ranges is a set of one device's transaction numbers. A number counts once
// (DESIGN 5): the sealed state keeps the numbers of each device so, because a
// gap stays open for a re-issue, however late it comes.
//
//	[first, last, first, last, …]     ascending, no two ranges touch
//
// The zero value is the empty set. Copies share memory: change a Clone.
type Ranges struct{ list []Range }

// NumberCounts says that a transaction's number does not keep it from having
// effect: it is a number, no sealed transaction of its device had it, and none
// that came earlier in its causal past. Both sets hold the numbers of
// transactions without effect too, so that no verdict changes with another.
func NumberCounts(number uint64, sealed, used Ranges) bool {
	return number > 0 && number <= MaxNumber && !sealed.Has(number) && !used.Has(number)
}

// Add puts n into the set. It refuses what is no number, and with ErrRanges a
// number that would make one range too many: then the set stays as it is.
func (r *Ranges) Add(n uint64) error {
	if n == 0 || n > MaxNumber {
		return fmt.Errorf("adding number %d: %w", n, wire.ErrMalformed)
	}
	i := r.at(n)
	if i < len(r.list) && r.list[i].First <= n {
		return nil
	}
	below := i > 0 && r.list[i-1].Last+1 == n
	above := i < len(r.list) && r.list[i].First == n+1
	switch {
	case below && above:
		r.list[i-1].Last = r.list[i].Last
		r.list = slices.Delete(r.list, i, i+1)
	case below:
		r.list[i-1].Last = n
	case above:
		r.list[i].First = n
	case len(r.list) >= wire.MaxNumberRanges:
		return fmt.Errorf("adding number %d: %w", n, ErrRanges)
	default:
		r.list = slices.Insert(r.list, i, Range{n, n})
	}
	return nil
}

// at is the place of the first range that does not end before n.
func (r Ranges) at(n uint64) int {
	if k := len(r.list); k > 0 && r.list[k-1].Last < n {
		return k // numbers mostly ascend
	}
	i, _ := slices.BinarySearchFunc(r.list, n, func(x Range, n uint64) int {
		if x.Last < n {
			return -1
		}
		return 1
	})
	return i
}

// Has says whether n is in the set.
func (r Ranges) Has(n uint64) bool {
	i := r.at(n)
	return i < len(r.list) && r.list[i].First <= n
}

// Len counts the ranges, not the numbers.
func (r Ranges) Len() int { return len(r.list) }

// Max is the greatest number, 0 in the empty set.
func (r Ranges) Max() uint64 {
	if len(r.list) == 0 {
		return 0
	}
	return r.list[len(r.list)-1].Last
}

// All gives the ranges, ascending.
func (r Ranges) All() iter.Seq[Range] { return slices.Values(r.list) }

// Clone is a copy that shares nothing.
func (r Ranges) Clone() Ranges { return Ranges{slices.Clone(r.list)} }

// Equal says that both sets hold the same numbers.
func (r Ranges) Equal(o Ranges) bool { return slices.Equal(r.list, o.list) }

// Union is the set of all numbers of r and the others. If it has too many
// ranges, its lowest gaps are closed until it has not: who left them must take
// new numbers. Give all sets in one call, for then the order does not matter.
func (r Ranges) Union(others ...Ranges) Ranges {
	all := slices.Clone(r.list)
	for _, o := range others {
		all = append(all, o.list...)
	}
	slices.SortFunc(all, func(a, b Range) int { return cmp.Compare(a.First, b.First) })
	out := all[:0]
	for _, x := range all {
		if k := len(out); k > 0 && x.First <= out[k-1].Last+1 {
			out[k-1].Last = max(out[k-1].Last, x.Last)
		} else {
			out = append(out, x)
		}
	}
	if over := len(out) - wire.MaxNumberRanges; over > 0 {
		out[over].First = out[0].First
		out = slices.Clone(out[over:])
	}
	return Ranges{out}
}

// Encode is the one encoding of the set.
func (r Ranges) Encode() []byte {
	b := appendHead(make([]byte, 0, 9+10*len(r.list)), majorArray, uint64(2*len(r.list)))
	for _, x := range r.list {
		b = appendUint(appendUint(b, x.First), x.Last)
	}
	return b
}

// DecodeRanges takes what Encode prints and nothing else.
func DecodeRanges(b []byte) (Ranges, error) {
	d := reader{b: b}
	r := d.ranges()
	d.end()
	if d.err == nil && !bytes.Equal(r.Encode(), b) {
		d.fail("not the canonical encoding")
	}
	if d.err != nil {
		return Ranges{}, fmt.Errorf("decoding number ranges: %w", d.err)
	}
	return r, nil
}

func (d *reader) ranges() Ranges {
	n := d.count(majorArray, 1, "number ranges")
	if n%2 != 0 || n/2 > wire.MaxNumberRanges {
		d.fail("%d ends of ranges, of which there may be %d pairs", n, wire.MaxNumberRanges)
	}
	if n == 0 || d.err != nil {
		return Ranges{}
	}
	list := make([]Range, n/2)
	next := uint64(1) // the least number that the next range may begin with
	for i := range list {
		x := Range{d.uint(MaxNumber, "first number"), d.uint(MaxNumber, "last number")}
		if d.err == nil && (x.First < next || x.Last < x.First) {
			d.fail("ranges touch or do not ascend")
		}
		if d.err != nil {
			return Ranges{}
		}
		list[i], next = x, x.Last+2
	}
	return Ranges{list}
}

// MarshalCBOR lets a set be a field of what package wire encodes.
func (r Ranges) MarshalCBOR() ([]byte, error) { return r.Encode(), nil }

// UnmarshalCBOR is DecodeRanges.
func (r *Ranges) UnmarshalCBOR(b []byte) (err error) {
	*r, err = DecodeRanges(b)
	return err
}
