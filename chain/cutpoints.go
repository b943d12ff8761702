package chain

import (
	"bytes"
	"cmp"
	"slices"

	"github.com/espace-git/espace-git/internal/wire"
)

// cut goes back from the end of what was read to where a commit says exactly
// this length. Where the reader did not stop, that is the end itself.
func (t *trunk) cut() wire.LogHead {
	for n := t.log.Len(); n > 0; n-- {
		p, ok := t.hist.at(n - 1)
		if !ok {
			break // its page is lost, and those before it are no help
		}
		if p.signed {
			return wire.LogHead{Len: n, Root: p.root}
		}
	}
	return wire.LogHead{Root: EmptyRoot}
}

func (t *trunk) covers(cut wire.LogHead) bool {
	root, ok := t.hist.rootAt(cut.Len)
	if !ok || root != cut.Root {
		return false
	}
	p, ok := t.hist.at(cut.Len - 1)
	return cut.Len == 0 || ok && p.signed
}

// variants looks again at what is held, as grow did when the reader stopped.
func (t *trunk) variants() (heads []wire.LogHead) {
	if !t.stopped {
		return nil
	}
	for _, b := range t.branches() {
		if b.log.Len() > t.log.Len() {
			heads = append(heads, b.log.Head())
		}
	}
	for _, p := range t.waiting {
		p.supported = false
	}
	slices.SortFunc(heads, func(a, b wire.LogHead) int {
		return cmp.Or(cmp.Compare(b.Len, a.Len), bytes.Compare(a.Root[:], b.Root[:]))
	})
	return heads
}
