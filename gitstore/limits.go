package gitstore

// What happens at each bound is said beside it: always an error, before allocation.
const (
	// MaxObject is the largest object that is stored or read, in bytes. The largest
	// we write is an entry of 16 MiB and its seal (DESIGN 11). Beyond: ErrTooBig.
	MaxObject = 20 << 20
	// MaxTreeBytes bounds a tree; beyond: ErrTooBig from Tree.
	MaxTreeBytes = 8 << 20
	// MaxCommitBytes bounds a commit; a closing commit of 1,000 lanes needs 50 kB.
	MaxCommitBytes = 1 << 20
	// MaxDeltaDepth bounds chains in packs that others wrote; git's own limit is 4095.
	MaxDeltaDepth = 4096

	// DefaultFetchBytes and DefaultFetchObjects bound one request for objects
	// unless the caller names other limits. Inflated, it may be four times as much.
	DefaultFetchBytes   = 1 << 30
	DefaultFetchObjects = 4 << 20

	// MaxAdvertised bounds the list of refs that a host shows, in bytes and in
	// lines: 1,000 devices have a few thousand refs. Beyond: ErrTooBig.
	MaxAdvertised     = 32 << 20
	MaxAdvertisedRefs = 200_000
	// MaxRefName is the length of a ref name in bytes.
	MaxRefName = 255
	// MaxHostWords is how much of a host's own words an error carries.
	MaxHostWords = 400

	// consolidateAt is the number of packs from which Consolidate merges: random
	// reads halve at 100 packs and fall to a fourteenth at 1,000 (FACTS.md).
	consolidateAt = 50
	// largePack is the size in bytes from which a pack is not merged any more.
	largePack = 256 << 20
	// maxHaves bounds what a fetch tells the host that it has.
	maxHaves = 512
	// spillAt is how much a batch holds in memory before it writes a pack early.
	spillAt = 64 << 20
)

// Limits bound one fetch. Zero fields mean the defaults above.
type Limits struct {
	Bytes   int64 // as received
	Objects int
}

func (l Limits) orDefault() Limits {
	if l.Bytes <= 0 {
		l.Bytes = DefaultFetchBytes
	}
	if l.Objects <= 0 {
		l.Objects = DefaultFetchObjects
	}
	return l
}
