package chain

import (
	"slices"

	"github.com/espace-git/espace-git/internal/wire"
)

// AddsHash is what the trailer Adds says about the files that a commit adds: the
// SHA-256 over the sorted lines "<sha-256 of the file> <path>\n". Paths are those
// of the tree, with slashes. A path with a control character could pass for two
// lines, so such files have no hash: the result is zero, which no message can say.
func AddsHash(files map[string][]byte) wire.Hash {
	sums := make(map[string]wire.Hash, len(files))
	for path, content := range files {
		sums[path] = wire.Sum(content)
	}
	return AddsHashOf(sums)
}

// AddsHashOf is AddsHash for files of which only the SHA-256 is at hand.
func AddsHashOf(sums map[string]wire.Hash) wire.Hash {
	lines := make([]string, 0, len(sums))
	size := 0
	for path, sum := range sums {
		if !plainPath(path) {
			return wire.Hash{}
		}
		line := sum.String() + " " + path + "\n"
		lines, size = append(lines, line), size+len(line)
	}
	slices.Sort(lines)
	all := make([]byte, 0, size)
	for _, l := range lines {
		all = append(all, l...)
	}
	return wire.Sum(all)
}

func plainPath(path string) bool {
	for i := range len(path) {
		if path[i] < ' ' || path[i] == 0x7f {
			return false
		}
	}
	return path != ""
}
