package gitstore

import (
	"fmt"
	"io"
	"strings"

	"github.com/espace-git/espace-git/internal/wire"
)

// advert is what a host shows of itself: the refs asked for and its capabilities.
type advert struct {
	refs map[string]wire.ObjectID
	caps map[string]string // name → value, "" for none
	v2   bool              // the host speaks version 2: there are no refs, and caps are of that version
}

func (a *advert) can(capability string) bool {
	_, ok := a.caps[capability]
	return ok
}

// readAdvert reads an advertisement of version 0 or 1 (gitprotocol-pack), or of 2
// where that was asked for (gitprotocol-v2). service is
// "git-upload-pack" over HTTP, where a banner names it, and "" over a pipe. Refs
// that keep refuses cost no memory.
func readAdvert(r io.Reader, service string, keep func(string) bool) (*advert, error) {
	p := newPktReader(&boundedReader{r: r, left: MaxAdvertised, what: "list of refs"})
	a := &advert{refs: map[string]wire.ObjectID{}, caps: map[string]string{}}
	if service != "" {
		v2, err := readBanner(p, service)
		switch {
		case err != nil:
			return nil, err
		case v2:
			return a, a.readVersion2(p)
		}
	}
	for n := 0; ; n++ {
		k, line, err := p.line()
		switch {
		case err == io.EOF:
			return nil, brokenOff(err)
		case err != nil:
			return nil, err
		case k == pktFlush:
			return a, nil
		case k != pktData || n > MaxAdvertisedRefs:
			return nil, fmt.Errorf("list of refs: %w", ErrTooBig)
		}
		if line == "version 1" && n == 0 {
			n--
			continue
		}
		if line == version2Line && n == 0 {
			return a, a.readVersion2(p)
		}
		if err := a.add(line, n == 0, keep); err != nil {
			return nil, err
		}
	}
}

// refsOf reads the refs of a session in which version 0 was asked for.
func refsOf(s session, keep func(string) bool) (*advert, error) {
	a, err := s.advert(keep)
	if err == nil && a.v2 { // it shows no refs: not the same as having none
		a, err = nil, fmt.Errorf("%w: it speaks version 2 unasked", ErrProtocol)
	}
	return a, err
}

const version2Line = "version 2"

// readVersion2 reads capabilities, a line for each.
func (a *advert) readVersion2(p *pktReader) error {
	a.v2 = true
	for n := 0; ; n++ {
		k, line, err := p.line()
		switch {
		case err == io.EOF:
			return brokenOff(err)
		case err != nil || k == pktFlush:
			return err
		case k != pktData || n > maxCapabilities:
			return fmt.Errorf("%w: its capabilities do not end", ErrProtocol)
		}
		name, value, _ := strings.Cut(line, "=")
		a.caps[name] = value
	}
}

// maxCapabilities of version 2; git has about ten.
const maxCapabilities = 1000

// readBanner reads what names the service. http-backend puts none before version 2.
func readBanner(p *pktReader, service string) (v2 bool, err error) {
	k, line, err := p.line()
	if err == nil && k == pktData && line == version2Line {
		return true, nil
	}
	if err == nil && (k != pktData || line != "# service="+service) {
		err = fmt.Errorf("%w: no git server answers there", ErrNotRepository)
	}
	if err != nil {
		return false, err
	}
	if k, _, err = p.line(); err == nil && k != pktFlush {
		err = fmt.Errorf("%w: no flush after the banner", ErrProtocol)
	}
	return false, err
}

// add takes one line: "<name> <ref>", on the first also NUL and capabilities.
func (a *advert) add(line string, first bool, keep func(string) bool) error {
	if first {
		var caps string
		line, caps, _ = strings.Cut(line, "\x00")
		for c := range strings.FieldsSeq(caps) {
			name, value, _ := strings.Cut(c, "=")
			a.caps[name] = value
		}
	}
	if strings.HasPrefix(line, "shallow ") {
		return nil
	}
	hex, name, ok := strings.Cut(line, " ")
	id, err := wire.ParseObjectID(hex)
	if !ok || err != nil {
		return fmt.Errorf("%w: %q in the list of refs", ErrProtocol, clean(line))
	}
	if strings.HasSuffix(name, "^{}") || checkRefName(name) != nil || !keep(name) {
		return nil // peeled tags, HEAD, and names that no writer of ours makes
	}
	a.refs[name] = id
	return nil
}

// boundedReader fails with ErrTooBig instead of reading beyond its bound.
type boundedReader struct {
	r    io.Reader
	left int64
	what string
}

func (b *boundedReader) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, fmt.Errorf("%s: %w", b.what, ErrTooBig)
	}
	if int64(len(p)) > b.left {
		p = p[:b.left]
	}
	n, err := b.r.Read(p)
	b.left -= int64(n)
	return n, err
}
