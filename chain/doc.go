// Package chain makes, reads and judges the signed pieces that a space keeps in
// git: commits of one form, logs, lanes and the order. It is pure: bytes in,
// verdicts out; no clock, no randomness, no disk, no network.
//
// Read in this order:
//
//	message.go   what a commit says about itself (DESIGN 7)
//	commit.go    the one form of a commit; parse.go reads it: parse, print, compare
//	sshsig.go    the one form of its signature, which stock git verifies
//	verify.go    Unverified becomes Verified only under a key that the caller trusts
//	log.go       RFC 6962 roots over entries
//	history.go   what a reader remembers of each place, in pages
//	trunk.go     forks and verdicts, the same for lanes and the order
//	lane.go      one writer; order.go: many writers, each for its own entries
//	cut.go       exactly the log that a seal names; thicket.go finds it among
//	             variants and junk; cutpoints.go: where a reader's log may be cut
//	closing.go   closing commits; what keys, state and files commits add
//	evidence.go  two signed commits that cannot both be of one log
//	state.go     a reader on disk
//	adds.go, signers.go, times.go   the smaller parts
//
// # What counts
//
// Git's parents carry objects; they prove nothing. A lane or the order is what
// its signed pieces say: a commit gives length and root of its log. A reader
// takes each valid piece that extends what it has, ignores and reports all
// else, and never un-reads what it verified (DESIGN 3, Reading a chain):
//
//	        ┌── 5:x ─ 6:y     two valid pieces for place 5 are a fork. Who read one
//	0 … 4 ──┤                 before goes on with it and keeps the other as
//	        └── 5:z           evidence; who meets both at once stops before 5
//
// # Evolution
//
// The form of commits and messages is fixed by the space's format. A new kind
// or trailer comes with a higher format; this code refuses what it does not
// know. The state of a reader is local: its first byte is a version, and a
// reader whose state is not understood is built anew from git.
package chain
