package gitstore

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"strings"
	"unicode"
)

// pktKind tells data from the special packets of gitprotocol-common and -v2.
type pktKind int

const (
	pktData pktKind = iota
	pktFlush
	pktDelim
	pktEnd
)

// pktReader reads pkt-lines from a host. go-git's scanner knows only flush, and
// its advertisement decoder has no bound; everything a host says is decoded here.
type pktReader struct {
	r   *bufio.Reader
	buf [65516]byte
}

func newPktReader(r io.Reader) *pktReader {
	return &pktReader{r: bufio.NewReaderSize(r, 32<<10)}
}

// next gives one packet; its bytes are valid until the next call. io.EOF only
// between packets.
func (p *pktReader) next() (pktKind, []byte, error) {
	var head [4]byte
	if n, err := io.ReadFull(p.r, head[:]); err != nil {
		if n == 0 && err == io.EOF {
			return 0, nil, io.EOF
		}
		return 0, nil, brokenOff(err)
	}
	n := 0
	for _, c := range head {
		d := hexValue(c)
		if d < 0 {
			return 0, nil, fmt.Errorf("%w: %q is no packet length", ErrProtocol, head)
		}
		n = n<<4 | d
	}
	switch {
	case n < 3:
		return pktKind(n + 1), nil, nil
	case n == 3 || n > len(p.buf)+4:
		return 0, nil, fmt.Errorf("%w: packet of %d bytes", ErrProtocol, n)
	}
	line := p.buf[:n-4]
	if _, err := io.ReadFull(p.r, line); err != nil {
		return 0, nil, brokenOff(err)
	}
	return pktData, line, nil
}

// line gives the next packet as text without its newline; "ERR" lines become errors.
func (p *pktReader) line() (pktKind, string, error) {
	k, b, err := p.next()
	if err != nil || k != pktData {
		return k, "", err
	}
	b = bytes.TrimSuffix(b, []byte("\n"))
	if words, ok := bytes.CutPrefix(b, []byte("ERR ")); ok {
		return k, "", hostSays(string(words))
	}
	return k, string(b), nil
}

func hexValue(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c >= 'a' && c <= 'f':
		return int(c-'a') + 10
	case c >= 'A' && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}

func brokenOff(err error) error {
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return fmt.Errorf("%w: the connection ended in the middle of an answer", ErrUnreachable)
	}
	return err
}

func appendPkt(b []byte, format string, args ...any) []byte {
	line := fmt.Sprintf(format, args...)
	return append(fmt.Appendf(b, "%04x", len(line)+4), line...)
}

// sideband reads the pack out of a multiplexed answer: band 1 is data, band 2
// progress, band 3 the host's last words.
type sideband struct {
	p        *pktReader
	rest     []byte
	progress func(string)
	done     bool
}

func (s *sideband) Read(b []byte) (int, error) {
	for len(s.rest) == 0 {
		if s.done {
			return 0, io.EOF
		}
		if err := s.fill(); err != nil {
			return 0, err
		}
	}
	n := copy(b, s.rest)
	s.rest = s.rest[n:]
	return n, nil
}

func (s *sideband) fill() error {
	k, line, err := s.p.next()
	switch {
	case err == io.EOF:
		return brokenOff(err)
	case err != nil:
		return err
	case k == pktFlush:
		s.done = true
		return nil
	case k != pktData || len(line) == 0:
		return fmt.Errorf("%w: packet without a band", ErrProtocol)
	}
	switch line[0] {
	case 1:
		s.rest = line[1:]
	case 2:
		if s.progress != nil {
			s.progress(clean(string(line[1:])))
		}
	case 3:
		return hostSays(string(line[1:]))
	default:
		if words, ok := bytes.CutPrefix(line, []byte("ERR ")); ok {
			return hostSays(string(words))
		}
		return fmt.Errorf("%w: band %d", ErrProtocol, line[0])
	}
	return nil
}

// hostSays makes an error of what a host says, sorted by what it seems to mean.
func hostSays(words string) error {
	words = clean(words)
	low := strings.ToLower(words)
	for _, is := range hostPhrases {
		if strings.Contains(low, is.phrase) {
			return fmt.Errorf("%w: %s", is.err, words)
		}
	}
	return fmt.Errorf("%w: %s", ErrRefused, words)
}

// hostPhrases are the messages of git, its helpers, ssh and common hosts, most
// telling first.
var hostPhrases = []struct {
	phrase string
	err    error
}{
	{"does not support --atomic", ErrNoAtomic},
	{"repository not found", ErrNotRepository},
	{"does not appear to be a git repository", ErrNotRepository},
	{"not a git repository", ErrNotRepository},
	{"repository access denied", ErrAuth},
	{"authentication failed", ErrAuth},
	{"could not read username", ErrAuth},
	{"could not read password", ErrAuth},
	{"terminal prompts disabled", ErrAuth},
	{"permission denied", ErrAuth},
	{"access denied", ErrAuth},
	{"host key verification failed", ErrAuth},
	{"returned error: 401", ErrAuth},
	{"returned error: 403", ErrAuth},
	{"returned error: 404", ErrNotRepository},
	{"not valid: is this a git repository", ErrNotRepository},
	{"could not resolve", ErrUnreachable},
	{"couldn't connect", ErrUnreachable},
	{"failed to connect", ErrUnreachable},
	{"connection refused", ErrUnreachable},
	{"connection reset", ErrUnreachable},
	{"connection timed out", ErrUnreachable},
	{"operation timed out", ErrUnreachable},
	{"connection closed", ErrUnreachable},
	{"network is unreachable", ErrUnreachable},
	{"no route to host", ErrUnreachable},
	{"hung up unexpectedly", ErrUnreachable},
	{"early eof", ErrUnreachable},
	{"unexpected disconnect", ErrUnreachable},
	{"empty reply from server", ErrUnreachable},
	{"returned error: 5", ErrUnreachable},
	{"rpc failed", ErrUnreachable},
	{"transfer closed", ErrUnreachable},
	{"inflate: data stream error", ErrCorrupt},
	{"does not exist", ErrNotRepository},
	{"' not found", ErrNotRepository},
	{"unable to access", ErrUnreachable},
}

// clean makes foreign words fit for a terminal: one line, no control or
// direction-changing characters, bounded.
func clean(s string) string {
	s = strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' || r == '\r' {
			return ' '
		}
		if !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
	s = strings.TrimSpace(s)
	if len(s) > MaxHostWords {
		s = strings.ToValidUTF8(s[:MaxHostWords], "") + "…"
	}
	return s
}
