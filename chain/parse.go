package chain

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"

	"github.com/espace-git/espace-git/internal/wire"
)

// Parse reads the bytes of a commit object (without git's own header). It
// refuses every commit that this package would not have printed exactly so:
// a second signature, another armour, extra or reordered headers, an encoding,
// another time zone, a number with a leading zero, NUL or CR anywhere. Stock
// git accepts many of these, and its tools disagree on some (ATTACKS 11).
func Parse(raw []byte) (Unverified, error) {
	u, err := parse(raw)
	if err != nil {
		return Unverified{}, fmt.Errorf("commit: %w", err)
	}
	return u, nil
}

func parse(raw []byte) (Unverified, error) {
	if len(raw) > wire.MaxCommit {
		return Unverified{}, fmt.Errorf("%w: %d bytes, limit %d", ErrMalformed, len(raw), wire.MaxCommit)
	}
	s := scanner{rest: string(raw)}
	c, sig := s.commit()
	if s.err != nil {
		return Unverified{}, s.err
	}
	if err := c.check(); err != nil {
		return Unverified{}, err
	}
	u := Unverified{commit: c, sig: sig, raw: bytes.Clone(raw), payload: c.print(nil)}
	if !bytes.Equal(c.print(sig.armour()), raw) {
		return Unverified{}, fmt.Errorf("%w: not in canonical form", ErrMalformed)
	}
	return u, nil
}

// scanner reads headers in their one order and remembers the first error. It
// need not be strict where printing again is: it must only never panic.
type scanner struct {
	rest string
	err  error
}

func (s *scanner) commit() (c Commit, sig signature) {
	c.Tree = s.object("tree ")
	for s.err == nil && strings.HasPrefix(s.rest, "parent ") {
		if len(c.Parents) == maxParents {
			s.fail("more than %d parents", maxParents)
		}
		c.Parents = append(c.Parents, s.object("parent "))
	}
	author := s.line("author ")
	if committer := s.line("committer "); committer != author {
		s.fail("author and committer differ")
	}
	c.Time = s.time(author)
	sig = s.signature()
	s.line("") // the empty line before the message
	if s.err == nil {
		c.Message, s.err = ParseMessage(s.rest)
	}
	return c, sig
}

func (s *scanner) fail(format string, args ...any) {
	if s.err == nil {
		s.err = fmt.Errorf("%w: %s", ErrMalformed, fmt.Sprintf(format, args...))
	}
}

// line takes one line that begins with prefix and returns what follows it.
func (s *scanner) line(prefix string) string {
	line, rest, ok := strings.Cut(s.rest, "\n")
	value, has := strings.CutPrefix(line, prefix)
	if !ok || !has {
		s.fail("no line %q where it belongs", strings.TrimSpace(prefix))
		return ""
	}
	s.rest = rest
	return value
}

func (s *scanner) object(prefix string) wire.ObjectID {
	id, err := wire.ParseObjectID(s.line(prefix))
	if err != nil {
		s.fail("%s%v", prefix, err)
	}
	return id
}

// time takes the time out of a person's line; who that is, printing compares.
func (s *scanner) time(who string) int64 {
	rest, ok := strings.CutSuffix(who, " +0000")
	i := strings.LastIndexByte(rest, ' ')
	if !ok || i < 0 {
		s.fail("time is not in UTC")
		return 0
	}
	t, err := strconv.ParseInt(rest[i+1:], 10, 64)
	if err != nil {
		s.fail("time is not a number")
	}
	return t
}

// signature takes the armour, as many lines as the one form has.
func (s *scanner) signature() signature {
	armour := s.line("gpgsig ") + "\n"
	for range armourLines - 1 {
		armour += s.line(" ") + "\n"
	}
	if s.err != nil {
		return signature{}
	}
	sig, err := parseArmour(armour)
	if err != nil {
		s.err = err
	}
	return sig
}
