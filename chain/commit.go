package chain

import (
	"crypto/sha1" //nolint:gosec // git's names are addresses, never trusted
	"fmt"
	"strconv"

	"github.com/espace-git/espace-git/internal/wire"
)

// Bounds of a commit. The form itself bounds its length: beyond the parents it
// is about 1,100 bytes.
const (
	maxParents = wire.MaxDevices + 1 // a closing commit: every lane and the order
	maxTime    = 1 << 40             // seconds; git's own tools read dates beyond 2^63 wrongly
	timeStep   = 600                 // seconds: 10 minutes
)

// Commit is a git commit of the one form (DESIGN 3). Author and committer are
// both `<device> <<device>@espace.invalid> <time> +0000`.
type Commit struct {
	Tree    wire.ObjectID
	Parents []wire.ObjectID // at most one, but in a closing commit
	Time    int64           // Unix seconds, a multiple of 600
	Message
}

// check says whether c is well-formed.
func (c Commit) check() error {
	switch {
	case c.Tree.IsZero():
		return fmt.Errorf("%w: no tree", ErrMalformed)
	case c.Time < 0 || c.Time > maxTime || c.Time%timeStep != 0:
		return fmt.Errorf("%w: time is not a multiple of 10 minutes within bounds", ErrMalformed)
	case len(c.Parents) > 1 && c.Kind != Close:
		return fmt.Errorf("%w: %d parents", ErrMalformed, len(c.Parents))
	case len(c.Parents) > maxParents:
		return fmt.Errorf("%w: %d parents, limit %d", ErrMalformed, len(c.Parents), maxParents)
	}
	if err := c.checkParents(); err != nil {
		return err
	}
	return c.Message.check()
}

func (c Commit) checkParents() error {
	seen := make(map[wire.ObjectID]bool, len(c.Parents))
	for _, p := range c.Parents {
		if p.IsZero() || seen[p] {
			return fmt.Errorf("%w: parent missing or given twice", ErrMalformed)
		}
		seen[p] = true
	}
	return nil
}

// print is the commit as git stores it. With sig nil it is what is signed: git
// takes the signature's header out before it verifies.
func (c Commit) print(sig []byte) []byte {
	b := make([]byte, 0, 1200+48*len(c.Parents))
	b = append(b, "tree "+c.Tree.String()+"\n"...)
	for _, p := range c.Parents {
		b = append(b, "parent "+p.String()+"\n"...)
	}
	who := person(c.Device) + " " + strconv.FormatInt(c.Time, 10) + " +0000\n"
	b = append(b, "author "+who...)
	b = append(b, "committer "+who...)
	if sig != nil {
		b = append(b, "gpgsig "...)
		b = append(b, sig...)
	}
	b = append(b, '\n')
	return append(b, c.Message.String()...)
}

// person is a device as git shows it. The top-level domain `invalid` is
// reserved (RFC 2606): no mail can ever go there.
func person(d wire.DeviceID) string { return d.String() + " <" + principal(d) + ">" }

// principal is the name of a device in an allowed-signers file.
func principal(d wire.DeviceID) string { return d.String() + "@espace.invalid" }

// ObjectIDOf is the name that git gives the commit with these bytes.
func ObjectIDOf(raw []byte) wire.ObjectID {
	h := sha1.New() //nolint:gosec // see above
	fmt.Fprintf(h, "commit %d\x00", len(raw))
	h.Write(raw)
	return wire.ObjectID(h.Sum(nil))
}
