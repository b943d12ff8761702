package membership

import (
	"cmp"
	"iter"
)

// table is a persistent ordered map: set gives a new table that shares all but
// a path of O(log n) nodes with the old one, which stays as it was. A ledger of
// 10,000 entries and 1,000 devices would otherwise copy maps at every entry.
// It is an AVL tree with path copying; nothing is ever deleted.
type table[K, V any] struct {
	root  *node[K, V]
	order func(K, K) int
}

type node[K, V any] struct {
	left, right *node[K, V]
	key         K
	value       V
	height      int8
	size        int32
}

func newTable[K, V any](order func(K, K) int) table[K, V] { return table[K, V]{order: order} }

func (t table[K, V]) len() int { return int(t.root.count()) }

func (t table[K, V]) get(key K) (V, bool) {
	for n := t.root; n != nil; {
		switch c := t.order(key, n.key); {
		case c < 0:
			n = n.left
		case c > 0:
			n = n.right
		default:
			return n.value, true
		}
	}
	var none V
	return none, false
}

func (t table[K, V]) has(key K) bool { _, ok := t.get(key); return ok }

func (t table[K, V]) set(key K, value V) table[K, V] {
	t.root = t.insert(t.root, key, value)
	return t
}

func (t table[K, V]) insert(n *node[K, V], key K, value V) *node[K, V] {
	if n == nil {
		return &node[K, V]{key: key, value: value, height: 1, size: 1}
	}
	copied := *n
	switch c := t.order(key, n.key); {
	case c < 0:
		copied.left = t.insert(n.left, key, value)
	case c > 0:
		copied.right = t.insert(n.right, key, value)
	default:
		copied.value = value
	}
	return copied.balanced()
}

// all yields the entries in key order.
func (t table[K, V]) all() iter.Seq2[K, V] {
	return func(yield func(K, V) bool) { t.root.walk(yield) }
}

func (n *node[K, V]) walk(yield func(K, V) bool) bool {
	return n == nil || n.left.walk(yield) && yield(n.key, n.value) && n.right.walk(yield)
}

func (n *node[K, V]) count() int32 {
	if n == nil {
		return 0
	}
	return n.size
}

func (n *node[K, V]) tall() int8 {
	if n == nil {
		return 0
	}
	return n.height
}

func (n *node[K, V]) measure() {
	n.height = 1 + max(n.left.tall(), n.right.tall())
	n.size = 1 + n.left.count() + n.right.count()
}

// balanced restores |height(left) - height(right)| <= 1. n is a fresh copy and
// may be changed; its children may be shared and are copied before they are.
func (n *node[K, V]) balanced() *node[K, V] {
	switch d := n.left.tall() - n.right.tall(); {
	case d > 1:
		if n.left.left.tall() < n.left.right.tall() {
			n.left = n.left.fresh().rotateLeft()
		}
		return n.rotateRight()
	case d < -1:
		if n.right.right.tall() < n.right.left.tall() {
			n.right = n.right.fresh().rotateRight()
		}
		return n.rotateLeft()
	}
	n.measure()
	return n
}

func (n *node[K, V]) fresh() *node[K, V] { c := *n; return &c }

func (n *node[K, V]) rotateRight() *node[K, V] {
	top := n.left.fresh()
	n.left, top.right = top.right, n
	n.measure()
	top.measure()
	return top
}

func (n *node[K, V]) rotateLeft() *node[K, V] {
	top := n.right.fresh()
	n.right, top.left = top.left, n
	n.measure()
	top.measure()
	return top
}

// compareBytes orders the fixed-size byte arrays that serve as keys.
func compareBytes[A ~[16]byte](a, b A) int {
	for i := range a {
		if c := cmp.Compare(a[i], b[i]); c != 0 {
			return c
		}
	}
	return 0
}
