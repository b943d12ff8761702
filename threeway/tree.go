package threeway

import (
	"slices"
	"strings"
)

// A node is a value of a document: a scalar, an object, or an array.
type node struct {
	kind  byte     // 's', 'o', 'a'
	value string   // canonical text: equal exactly if the values mean the same
	raw   string   // as it stands in its file; empty for what a merge made
	keys  []string // of an object, in order
	items []*node  // of an object (by keys) or array

	keyRaw []string // JSON: keys as written
	style  *style   // JSON: how the container is laid out
}

func (n *node) child(key string) *node {
	if n != nil {
		if i := slices.Index(n.keys, key); i >= 0 {
			return n.items[i]
		}
	}
	return nil
}

// same compares meanings; nil is absence.
func same(x, y *node) bool {
	return x == y || x != nil && y != nil && x.value == y.value
}

// mergeNode merges what stands at one place. A nil result is a deletion.
func mergeNode(o, a, b *node) (*node, bool) {
	switch {
	case same(a, b), same(o, b):
		return a, true
	case same(o, a):
		return b, true
	case a == nil || b == nil:
		return nil, false // one deletes what the other changes
	case a.kind == 'o' && b.kind == 'o' && (o == nil || o.kind == 'o'):
		return mergeObject(o, a, b)
	case a.kind == 'a' && b.kind == 'a' && o != nil && o.kind == 'a':
		return mergeArray(o, a, b)
	}
	return nil, false
}

func mergeObject(o, a, b *node) (*node, bool) {
	if o == nil {
		o = &node{kind: 'o'}
	}
	out := &node{kind: 'o', style: laid(a, b), keyRaw: []string{}}
	am, bm, om := byKey(a), byKey(b), byKey(o)
	for _, key := range mergeOrder(o.keys, a.keys, b.keys) {
		v, ok := mergeNode(om[key], am[key], bm[key])
		if !ok {
			return nil, false
		}
		if v != nil {
			out.keys, out.items = append(out.keys, key), append(out.items, v)
			out.keyRaw = append(out.keyRaw, rawKey(key, a, b))
		}
	}
	return out.seal(), true
}

func byKey(n *node) map[string]*node {
	m := make(map[string]*node, len(n.keys))
	for i, k := range n.keys {
		m[k] = n.items[i]
	}
	return m
}

// rawKey is the key as the first side writes it that has it.
func rawKey(key string, sides ...*node) string {
	for _, n := range sides {
		if i := slices.Index(n.keys, key); i >= 0 && i < len(n.keyRaw) {
			return n.keyRaw[i]
		}
	}
	return ""
}

// mergeArray is diff3 of elements. Where both sides changed as many elements as there
// were, each in its place, the elements are merged one by one.
func mergeArray(o, a, b *node) (*node, bool) {
	out := &node{kind: 'a', style: laid(a, b)}
	for _, r := range diff3(values(o.items), values(a.items), values(b.items)) {
		items, ok := mergeElements(o.items[r.o.from:r.o.to], a.items[r.a.from:r.a.to], b.items[r.b.from:r.b.to])
		if !ok {
			return nil, false
		}
		out.items = append(out.items, items...)
	}
	return out.seal(), true
}

func mergeElements(o, a, b []*node) ([]*node, bool) {
	switch {
	case slices.EqualFunc(a, b, same), slices.EqualFunc(o, b, same):
		return a, true
	case slices.EqualFunc(o, a, same):
		return b, true
	case len(o) != len(a) || len(o) != len(b):
		return nil, false
	}
	out := make([]*node, len(o))
	for i := range o {
		v, ok := mergeNode(o[i], a[i], b[i])
		if !ok {
			return nil, false
		}
		out[i] = v
	}
	return out, true
}

func values(items []*node) []string {
	out := make([]string, len(items))
	for i, n := range items {
		out[i] = n.value
	}
	return out
}

// seal computes the canonical text of a container. The order of keys has no meaning.
func (n *node) seal() *node {
	parts := make([]string, len(n.items))
	for i, it := range n.items {
		if n.kind == 'o' {
			parts[i] = quote(n.keys[i]) + ":"
		}
		parts[i] += it.value
	}
	if n.kind == 'o' {
		slices.Sort(parts)
	}
	n.value = digest(string(n.kind) + strings.Join(parts, ","))
	return n
}

// mergeOrder is the order of the keys of a merge: that of the side that changed it,
// with what only the other has after what stands before it there. Deleted keys of one
// side are in it. It depends on the set of sides, not on which is ours.
func mergeOrder(o, a, b []string) []string {
	inA, inB := set(a), set(b)
	if !slices.Equal(only(a, inB), only(b, inA)) && preferred(o, a, b) {
		a, b, inA, inB = b, a, inB, inA
	}
	// a leads. Each common key of a is followed by what b has after it.
	after, last := map[string][]string{}, ""
	var head []string
	started := false
	for _, k := range b {
		switch {
		case inA[k]:
			last, started = k, true
		case !started:
			head = append(head, k)
		default:
			after[last] = append(after[last], k)
		}
	}
	return weave(a, inB, head, after)
}

// weave puts the runs of the other side at their places, before or after the leader's
// run there: the smaller first key comes first, so that the order is the same from
// both sides.
func weave(a []string, inB map[string]bool, head []string, after map[string][]string) []string {
	var out, run []string
	flush := func(other []string) {
		if len(run) > 0 && len(other) > 0 && other[0] < run[0] {
			run, other = other, run
		}
		out = append(append(out, run...), other...)
		run = nil
	}
	pending := head
	for _, k := range a {
		if !inB[k] {
			run = append(run, k)
			continue
		}
		flush(pending)
		out, pending = append(out, k), after[k]
	}
	flush(pending)
	return out
}

// preferred reports whether b leads: it alone changed the order of what was there, or
// both did and its order is the smaller.
func preferred(o, a, b []string) bool {
	changed := func(side []string) bool { return !slices.Equal(only(o, set(side)), only(side, set(o))) }
	if ca, cb := changed(a), changed(b); ca != cb {
		return cb
	}
	return slices.Compare(b, a) < 0
}

func set(keys []string) map[string]bool {
	m := make(map[string]bool, len(keys))
	for _, k := range keys {
		m[k] = true
	}
	return m
}

func only(keys []string, in map[string]bool) []string {
	var out []string
	for _, k := range keys {
		if in[k] {
			out = append(out, k)
		}
	}
	return out
}
