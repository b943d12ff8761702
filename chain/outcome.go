package chain

// Verdict is what a reader says of a commit that was offered to it.
type Verdict string

// The verdicts. Extended to Waiting are everyday; the rest is to be reported.
const (
	// Extended: the commit's log goes beyond what was read, and is read now.
	Extended Verdict = "extended"
	// Known: the commit says what was read already.
	Known Verdict = "known"
	// Waiting: entries are missing, or the root does not hold yet. The reader
	// keeps the commit and its entries until others complete them.
	Waiting Verdict = "waiting"
	// Held: the reader stopped at a fork, and the commit lies beyond it.
	Held Verdict = "held"
	// Equivocation: a lane's device signed two logs; Evidence proves it.
	Equivocation Verdict = "equivocation"
	// Fork: the order has two branches; Evidence proves it and accuses nobody.
	Fork Verdict = "fork"
	// Contradiction: the commit's root is not that of any log at hand, and not
	// that of the log read. It is void; an audit reports it.
	Contradiction Verdict = "contradiction"
	// NotAuthor: the commit, on the order, has entries that are not its signer's.
	NotAuthor Verdict = "not-author"
	// Elsewhere: the commit is of another kind, space, epoch or lane. Whoever
	// signed it, it does not count here.
	Elsewhere Verdict = "elsewhere"
	// Dropped: too much is waiting; offer the commit again later.
	Dropped Verdict = "dropped"
	// Unchecked: the page of history that would tell is lost; rebuild the reader.
	Unchecked Verdict = "unchecked"
)

// Outcome is the verdict on one commit and, where it says so, its proof.
type Outcome struct {
	Verdict  Verdict
	Evidence *Evidence
}

// Piece is a signed commit and the entries that lie in its tree, by index.
type Piece struct {
	Commit  Verified
	Entries map[uint64][]byte
}

// Bounds of what a reader keeps. Beyond them what is longest is dropped; only
// the signer of what waits can come to that, and only its own pieces wait.
const (
	maxWaiting      = 1024     // commits
	maxWaitingBytes = 64 << 20 // of entries
	maxEvidence     = 16       // proofs; the first ones are kept
	maxBranches     = 64       // variants looked at in one read
	maxLend         = 64       // commits in a row with a bad root under a good one
	maxPasses       = 8        // over the commits of one read
)
