// Package merge folds the operations of all lanes into one state, the same on
// every device whatever the order of arrival. It is pure: bytes and values go
// in, values come out; it reads no clock, draws no randomness, touches no disk.
//
// Read in this order:
//
//	stamp.go   who wins: the total order on writes
//	time.go    the hybrid logical clock and its bounds (DESIGN 8)
//	value.go   what a cell may hold (one table)
//	entry.go   operations, transactions, lane entries; encode.go, decode.go
//	row.go     the row driver: last writer per column, delete wins
//	rowcodec.go  a row's stamps as stored bytes
//	ranges.go  which numbers of a device count no more
//	reissue.go what becomes of a transaction that no cut covers; dropped.go
//
// Texts that several people edit at once are a fold of their own:
//
//	text.go         a text and what may be done with it
//	textgraph.go    who had seen what: the causal graph
//	textwalk.go     the walk over it that brings positions together
//	texttree.go     the index that it keeps, textrope.go the text itself
//	textcodec.go    changes and saved texts as bytes
//	textdoc.go      a text as a document: what an epoch starts with, and its
//	                changes; textcarry.go finds their places after a
//	                seal, textagain.go issues them again
//
// Documents of all types have one interface:
//
//	document.go     what they have in common; documentlist.go and its like: a
//	                driver as a document
//
// # The law
//
// Every fold here is a join: each part of a state only grows, and each part is
// a maximum over the operations seen. So any order of transactions, with any
// repetition, gives one state. Operations inside one transaction are applied
// in their order.
//
// # Formats
//
// The wire form is deterministic CBOR (RFC 8949, 4.2.1), decoded by a parser
// that takes nothing but the one form that the encoder prints; after decoding
// the entry is printed again and compared (DESIGN 3). Evolution: new operation
// kinds and new fields come with a higher format of the space (DESIGN 3); an
// old reader refuses what it does not know and never guesses.
package merge
