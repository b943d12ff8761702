package chain

import "github.com/espace-git/espace-git/internal/wire"

// EmptyHead is the head of a log without entries.
func EmptyHead() wire.LogHead { return wire.LogHead{Root: EmptyRoot} }
