// Package lint keeps the tree's rules: who imports whom, which packages are pure, which heavy library has which one
// importer, and what no file may hold. Its test reads the sources of the whole module; nothing else uses it.
//
// A rule is a row of a table in rules.go. To change the architecture, change the row in the same commit.
package lint
