package wire

// Limits of the format (DESIGN 11). What is beyond is refused with an error that
// names the limit, before anything is allocated for it.
const (
	MaxEntry    = 16 << 20  // bytes of a lane or order entry as stored, and inflated
	MaxEnvelope = 256 << 10 // bytes of a ledger entry's envelope
	MaxPrivate  = 160 << 10 // bytes of the private part within it
	MaxChunk    = 8 << 20   // bytes of a file chunk
	MaxPush     = 64 << 20  // bytes of objects in one push
	MaxCommit   = 1 << 20   // bytes of a commit object: a closing commit names many parents

	MaxDevices          = 1000 // devices known to a space
	MaxDevicesPerMember = 16
	MaxNumberRanges     = 10000 // a device

	MinContent = 1 << 10 // padded bytes of the smallest content
	MinPrivate = 512     // padded bytes of the smallest private part, and of a wrap

	MaxDepth = 32      // nesting of JSON and CBOR
	MaxItems = 1 << 20 // elements of one CBOR array or map
	MaxJSON  = 1 << 20 // bytes of a JSON document

	// MaxInt is the greatest integer that every JSON reader keeps exactly.
	MaxInt = 1<<53 - 1
)
