// Package schema says what a space's tables are: their columns, types, indexes,
// references and defaults. It reads the YAML file that people write, keeps the
// permanent numbers that operations use, says whether a change widens or
// narrows, and converts values between people and the wire.
//
// The life of a schema:
//
//	Parse(yaml) ──► Number(previous, parsed) ──► Encode ──► a ledger entry's private part
//	                        │
//	                        └── Compare(previous, numbered): widens or narrows
//
// Numbers of tables and columns are permanent: a name may change (`was:`), the
// number of what was removed is never used again.
//
// What the format names but this version does not do (rules, actions) is refused
// with ErrLater, never ignored: a rule that is written down and not kept would be
// worse than none.
package schema
