package merge

import "unicode/utf8"

// checkText checks all that must hold within a text between two merges.
func checkText(t textTB, x *Text) {
	t.Helper()
	checkRope(t, &x.rope)
	if x.walker != nil {
		checkWalker(t, x.walker)
	}
	if x.merged == x.log.end && x.walker != nil && x.walker.next == x.merged {
		if alive := treeSums(&x.walker.tree); alive[1] != x.rope.len() {
			t.Fatalf("the index has %d living code points, the text %d", alive[1], x.rope.len())
		}
	}
}

func checkRope(t textTB, r *textRope) {
	t.Helper()
	sum := int32(0)
	for i, b := range r.blocks {
		if len(b.of) == 0 || len(b.of) > ropeBlock {
			t.Fatalf("block %d has %d chunks", i, len(b.of))
		}
		in := int32(0)
		for j, c := range b.of {
			if int(c.runes) != utf8.RuneCount(c.of) || !utf8.Valid(c.of) || len(c.of) > ropeChunk {
				t.Fatalf("chunk %d of block %d: %d bytes, %d code points counted", j, i, len(c.of), c.runes)
			}
			in += c.runes
		}
		if in != b.runes {
			t.Fatalf("block %d counts %d code points, has %d", i, b.runes, in)
		}
		sum += in
	}
	if sum != r.runes {
		t.Fatalf("rope counts %d code points, has %d", r.runes, sum)
	}
}

// treeSums are the prepared and the living items below the root.
func treeSums(tree *textTree) (sums [2]int32) {
	root := &tree.nodes[tree.root]
	for i := range root.n {
		sums[0] += root.prepared[i]
		sums[1] += root.alive[i]
	}
	return sums
}

func checkWalker(t textTB, w *textWalker) {
	t.Helper()
	tree := &w.tree
	last := int32(-1)
	checkNode(t, tree, tree.root, -1, tree.height, &last)
	if last < 0 || tree.leaves.at(last).next != -1 {
		t.Fatalf("leaf %d is the last one, but has another behind it", last)
	}
	if sums := treeSums(tree); sums[0] != tree.prepared {
		t.Fatalf("%d items are prepared, %d counted", sums[0], tree.prepared)
	}
	for i, g := range w.targets {
		if v, start := tree.ids.get(g.lv); v != ^int32(i) || start != g.lv {
			t.Fatalf("target %d of event %d is not indexed", i, g.lv)
		}
	}
}

// checkNode checks what is below a node, with its links and sums.
func checkNode(t textTB, tree *textTree, k, up int32, height int, last *int32) (prepared, alive int32) {
	t.Helper()
	n := &tree.nodes[k]
	if n.up != up || n.n < 1 || n.n > treeNode {
		t.Fatalf("node %d: parent %d, want %d, with %d children", k, n.up, up, n.n)
	}
	for i := range n.n {
		var p, a int32
		if height == 1 {
			p, a = checkLeaf(t, tree, n.kid[i], k, last)
		} else {
			p, a = checkNode(t, tree, n.kid[i], k, height-1, last)
		}
		if n.prepared[i] != p || n.alive[i] != a {
			t.Fatalf("child %d of node %d: sums %d, %d, want %d, %d", i, k, n.prepared[i], n.alive[i], p, a)
		}
		prepared += p
		alive += a
	}
	return prepared, alive
}

func checkLeaf(t textTB, tree *textTree, k, up int32, last *int32) (prepared, alive int32) {
	t.Helper()
	l := tree.leaves.at(k)
	if l.up != up || l.n > treeLeaf || *last >= 0 && tree.leaves.at(*last).next != k {
		t.Fatalf("leaf %d: parent %d, want %d, with %d spans, after %d", k, l.up, up, l.n, *last)
	}
	*last = k
	for i := range l.n {
		s := &l.span[i]
		prepared += s.prepared()
		alive += s.alive()
		if s.n < 1 || s.state < 0 || s.state > 1 && !s.dead {
			t.Fatalf("span %d of leaf %d: %+v", i, k, *s)
		}
		for _, off := range []int32{0, s.n - 1} {
			if at := tree.find(s.id + off); at != (textAt{k, i, off}) {
				t.Fatalf("item %d is at %v, found at %v", s.id+off, textAt{k, i, off}, at)
			}
		}
	}
	return prepared, alive
}
