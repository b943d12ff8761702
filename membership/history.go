package membership

import (
	"fmt"
	"strconv"

	"github.com/espace-git/espace-git/internal/wire"
)

// History is how far back a newcomer may read: everything (the zero value), from
// epoch k on, or nothing that was before it came (DESIGN 6, `since`).
type History struct {
	None bool   // only what comes after the next seal
	From uint64 // the oldest epoch, unless None
}

// ParseHistory reads "all", "none" or the number of an epoch.
func ParseHistory(s string) (History, error) {
	switch s {
	case "all":
		return History{}, nil
	case "none":
		return History{None: true}, nil
	}
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil || n == 0 || n > wire.MaxInt || strconv.FormatUint(n, 10) != s {
		return History{}, fmt.Errorf("%w: history %.20q is none of all, none or an epoch's number", ErrMalformed, s)
	}
	return History{From: n}, nil
}

// String is "all", "none" or the number of the oldest epoch.
func (h History) String() string {
	switch {
	case h.None:
		return "none"
	case h.From == 0:
		return "all"
	}
	return strconv.FormatUint(h.From, 10)
}

// MarshalText is the form in JSON.
func (h History) MarshalText() ([]byte, error) { return []byte(h.String()), nil }

// UnmarshalText accepts what MarshalText prints and nothing else.
func (h *History) UnmarshalText(b []byte) error {
	v, err := ParseHistory(string(b))
	*h = v
	return err
}
