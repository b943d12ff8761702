// Package threeway merges two versions of a file that come from one base (DESIGN 8
// "Custom"): text by lines, JSON by its structure, YAML by its structure with its
// comments, CSV by rows and columns.
//
//	      base o
//	     /      \
//	ours a      theirs b
//	     \      /
//	    Merge(o, a, b)
//
// A merge is clean, or it is a conflict: then the result is the text of all sides
// with git's conflict markers, whatever the kind of file, so that nothing is lost.
// Versions that are no JSON, YAML or CSV are merged as text, binary ones not at all
// ([ErrBinary]).
//
// For every kind: Merge(o, a, a) = a, Merge(o, o, b) = b, Merge(o, a, o) = a; Merge(o,
// b, a) is clean exactly where Merge(o, a, b) is, with the same meaning. Pure: no file,
// no clock. The cost grows with the size times the number of differences, and both
// are bounded.
package threeway
