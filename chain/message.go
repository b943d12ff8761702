package chain

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/espace-git/espace-git/internal/wire"
)

// ErrMalformed is wrapped by every error about bytes that are not of the one
// form. Nobody is accused of them: anyone may have put them there.
var ErrMalformed = errors.New("malformed")

// Kind says on which ref a commit counts; it is the first line of its message.
type Kind = wire.RefKind

// The kinds of commits. A commit counts only on a ref of its kind, epoch and device.
const (
	Ledger Kind = wire.RefLedger
	Lane   Kind = wire.RefLane
	Order  Kind = wire.RefOrder
	Close  Kind = wire.RefClose
	Keys   Kind = wire.RefKeys
	State  Kind = wire.RefState
	Files  Kind = wire.RefFiles
)

// maxMessage bounds a message: it has at most seven lines of known length.
const maxMessage = 1 << 10

// Message is what a commit says about itself (DESIGN 7). Which of the last
// three are set is fixed by the kind.
type Message struct {
	Kind   Kind
	Space  wire.Hash
	Epoch  wire.Hash // O; of close: the epoch that ends
	Device wire.DeviceID
	Ledger *wire.Position // all kinds but ledger
	Log    *wire.LogHead  // lane, order
	Adds   *wire.Hash     // ledger, keys, state, files: see AddsHash
}

// String is the message as it stands in a commit, with its final newline:
//
//	espace lane
//
//	Space: <64 hex>
//	Epoch: <64 hex>
//	Device: <26 base32>
//	Ledger: <number> <64 hex>
//	Log: <entries> <64 hex>
//	Adds: <64 hex>
func (m Message) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "espace %s\n\nSpace: %s\nEpoch: %s\nDevice: %s\n", m.Kind, m.Space, m.Epoch, m.Device)
	if m.Ledger != nil {
		fmt.Fprintf(&b, "Ledger: %d %s\n", m.Ledger.Number, m.Ledger.Hash)
	}
	if m.Log != nil {
		fmt.Fprintf(&b, "Log: %d %s\n", m.Log.Len, m.Log.Root)
	}
	if m.Adds != nil {
		fmt.Fprintf(&b, "Adds: %s\n", m.Adds)
	}
	return b.String()
}

// ParseMessage accepts what String prints of a well-formed message, and nothing
// else: each trailer once, in order, no other.
func ParseMessage(s string) (Message, error) {
	m, err := scanMessage(s)
	if err == nil {
		err = m.check()
	}
	if err == nil && m.String() != s {
		err = fmt.Errorf("%w: not in canonical form", ErrMalformed)
	}
	if err != nil {
		return Message{}, fmt.Errorf("message: %w", err)
	}
	return m, nil
}

func scanMessage(s string) (m Message, err error) {
	if len(s) > maxMessage {
		return m, fmt.Errorf("%w: %d bytes, limit %d", ErrMalformed, len(s), maxMessage)
	}
	head, rest, _ := strings.Cut(s, "\n\n")
	kind, ok := strings.CutPrefix(head, "espace ")
	if !ok {
		return m, fmt.Errorf("%w: first line is not one of ours", ErrMalformed)
	}
	m.Kind = Kind(kind)
	for line := range strings.SplitSeq(strings.TrimSuffix(rest, "\n"), "\n") {
		if err := m.trailer(line); err != nil {
			return m, err
		}
	}
	return m, nil
}

// trailer reads one line. That each is there once and in order is checked by
// printing again; a repeated one is named here for the sake of the report.
func (m *Message) trailer(line string) (err error) {
	name, value, _ := strings.Cut(line, ": ")
	switch name {
	case "Space":
		m.Space, err = once(m.Space.IsZero(), wire.ParseHash, value)
	case "Epoch":
		m.Epoch, err = once(m.Epoch.IsZero(), wire.ParseHash, value)
	case "Device":
		m.Device, err = once(m.Device.IsZero(), wire.ParseDeviceID, value)
	case "Ledger":
		m.Ledger, err = once(m.Ledger == nil, parsePosition, value)
	case "Log":
		m.Log, err = once(m.Log == nil, parseLogHead, value)
	case "Adds":
		m.Adds, err = once(m.Adds == nil, parseAdds, value)
	default:
		return fmt.Errorf("%w: unknown trailer", ErrMalformed)
	}
	if err != nil {
		return fmt.Errorf("%w: %s: %w", ErrMalformed, name, err)
	}
	return nil
}

var errRepeated = errors.New("given twice")

func once[T any](first bool, parse func(string) (T, error), value string) (T, error) {
	if !first {
		var zero T
		return zero, errRepeated
	}
	return parse(value)
}

func parsePosition(s string) (*wire.Position, error) {
	n, h, err := numberAndHash(s)
	return &wire.Position{Number: n, Hash: h}, err
}

func parseLogHead(s string) (*wire.LogHead, error) {
	n, h, err := numberAndHash(s)
	return &wire.LogHead{Len: n, Root: h}, err
}

func parseAdds(s string) (*wire.Hash, error) {
	h, err := wire.ParseHash(s)
	return &h, err
}

func numberAndHash(s string) (uint64, wire.Hash, error) {
	num, hash, _ := strings.Cut(s, " ")
	n, err := strconv.ParseUint(num, 10, 64)
	if err != nil {
		return 0, wire.Hash{}, errors.New("not a number")
	}
	h, err := wire.ParseHash(hash)
	return n, h, err
}

// check says whether m is well-formed: what its kind has is there, no more, and
// within bounds. Sign and ParseMessage both ask it, so we sign what we accept.
func (m Message) check() error {
	has, known := trailersOf[m.Kind]
	switch {
	case !known:
		return fmt.Errorf("%w: unknown kind", ErrMalformed)
	case m.Space.IsZero() || m.Epoch.IsZero() || m.Device.IsZero():
		return fmt.Errorf("%w: space, epoch or device missing", ErrMalformed)
	case has != trailers{m.Ledger != nil, m.Log != nil, m.Adds != nil}:
		return fmt.Errorf("%w: trailers are not those of kind %s", ErrMalformed, m.Kind)
	}
	return errors.Join(m.checkLedger(), m.checkLog(), m.checkAdds())
}

// trailers says which of Ledger, Log and Adds a kind has.
type trailers struct{ ledger, log, adds bool }

var trailersOf = map[Kind]trailers{
	Ledger: {adds: true},
	Lane:   {ledger: true, log: true},
	Order:  {ledger: true, log: true},
	Close:  {ledger: true},
	Keys:   {ledger: true, adds: true},
	State:  {ledger: true, adds: true},
	Files:  {ledger: true, adds: true},
}

func (m Message) checkLedger() error {
	if m.Ledger != nil && (m.Ledger.Number > wire.MaxInt || m.Ledger.Hash.IsZero()) {
		return fmt.Errorf("%w: ledger position out of bounds", ErrMalformed)
	}
	return nil
}

func (m Message) checkLog() error {
	if m.Log == nil {
		return nil
	}
	if m.Log.Len > wire.MaxInt {
		return fmt.Errorf("%w: log length out of bounds", ErrMalformed)
	}
	if (m.Log.Len == 0) != (m.Log.Root == EmptyRoot) {
		return fmt.Errorf("%w: root of an empty log", ErrMalformed)
	}
	return nil
}

// checkAdds refuses the zero hash, which AddsHash gives for paths that have none.
func (m Message) checkAdds() error {
	if m.Adds != nil && m.Adds.IsZero() {
		return fmt.Errorf("%w: adds nothing that can be named", ErrMalformed)
	}
	return nil
}
