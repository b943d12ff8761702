// Package membership is the ledger: a signed chain of entries, folded into a
// Roster that says who belongs, who may do what, and which epoch is open.
//
// It is pure. Bytes go in, a state or an error that names the rule comes out; it
// reads no clock, no randomness, no disk. The same code runs in clients and in
// hooks on a host, which have no secret: the public part of an entry alone
// decides whether it is valid (spec/ledger.md, DESIGN 4).
//
// Every entry goes through three steps, in this order:
//
//	well-formed          Parse: one exact envelope, one exact JSON payload
//	signed by whom       Judge: a device of the roster, or the proof a join carries
//	applicable           Judge: the next place, an active author, the rules of its kind
//
// A kind of entry is one file, kind_<name>.go, with one Body type: its JSON
// form, what makes it well-formed, the least role that may author it, and what
// it does to the roster. kinds.go lists them; what is not listed is refused.
//
// What takes something away is a narrowing body (standing.go): it comes with a
// seal (seal.go), or is a request that suspends at once and that the next seal of
// any kind carries out. removal.go says what goes with whom; proposal.go lets
// others approve first; follow.go and repeats.go end forks.
//
// Rosters are values that never change. A new one shares all that the entry did
// not touch with the one before, and points back to it, so any earlier state
// can be asked for (At): that is how forks are judged and witnesses found.
//
//	genesis <- 1 <- 2 <- 3 <- ... <- head      At(n) takes O(log n) steps
package membership
