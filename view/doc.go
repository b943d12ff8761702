// Package view is the local SQL database of a space: what this device wrote and
// did not yet push (the journal), the folded state of all lanes (the view), and
// the small precious things that others keep here (buckets). It is the only
// importer of SQLite.
//
// Read in this order:
//
//	store.go, crypt.go   one file, encrypted at rest; created whole or not at all
//	conn.go, tx.go       connections, prepared statements, Update and View
//	bucket.go, journal.go, changelog.go   what is kept besides rows
//	layout.go, migrate.go, retype.go   a schema as SQLite tables and views
//	fold.go, row.go      operations into rows, by the drivers of package merge
//	visible.go, settle.go   references: cascade, null, keep
//	query.go, plan.go    reading rows; lex.go, parse.go, compile.go: conditions
//	sql.go, authorize.go    read-only SQL
//	docrow.go    what a document is here: a base, and the edits of this epoch
//	docedit.go, docflush.go, doccell.go, doccache.go    edits in, cells and memory
//	document.go  reading documents
//	sealrows.go, export.go, import.go, record.go   what an epoch starts with
//	docseal.go, docimport.go    the same of documents
//	move.go, forget.go   a scrub: what lives, in a new file under a new key
//	digest.go, check.go, doccheck.go  the folded state as one hash; is it sound?
//	watch.go             who wants to know that a table changed
//
// # Durability
//
// An Update is one SQLite transaction (BEGIN IMMEDIATE, write-ahead log,
// synchronous FULL). When it returns nil, all of it is on disk; when it returns
// an error, nothing of it is seen. (If the disk fails in the very sync, a crash
// right after may bring the whole transaction back: never a part.) Several
// processes may have the store open: one writes at a time, readers never wait
// (DESIGN 10).
//
// # At rest
//
// Database, write-ahead log and temporary files are encrypted (Adiantum) under
// a random key that the caller keeps. The -shm file beside them holds page
// numbers and checksums, no content. Pages are not authenticated: what the
// journal says is checked against signed objects by others (FACTS, SQLite).
//
// # What the fold promises
//
// The state is a function of the set of operations, never of their order of
// arrival. Rows come from merge's row driver. References are derived: whether a
// row shows is computed from the states of the rows it refers to and is stored
// only so that reading is fast; see visible.go. Required columns and defaults
// are matters of the local write, the fold never looks at them. Documents come from
// merge's drivers, which want causal order; an edit counts once.
package view
