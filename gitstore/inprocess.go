package gitstore

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/espace-git/espace-git/internal/wire"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/capability"
)

// inProcess speaks git's protocol, version 0, without running git. Requests are
// printed by go-git (packp); answers are read by our own decoders, since
// go-git's sessions read a list of refs without bound and take the ssh
// configuration of nobody. Command.Old is the compare-and-swap: the host
// enforces it under its own lock, creation included (FACTS.md).
type inProcess struct {
	remote *remote
	dial   dialer
	// open is the upload-pack session whose refs were just listed; over a pipe
	// the request for objects goes on in it.
	open session
}

const (
	uploadPack  = "git-upload-pack"
	receivePack = "git-receive-pack"
	agent       = "espace-git"
)

// dialer opens a session with one of the host's two services. Its errors are
// this package's sentinels.
type dialer interface {
	dial(ctx context.Context, service string, v version) (session, error)
}

// version of git's protocol. Refs are listed and pushed by version 0, which all
// hosts speak; objects that no ref shows are served by version 2 (objects.go).
type version int

const (
	version0 version = 0
	version2 version = 2
)

// session is one conversation: the host speaks first, then one request, one answer.
type session interface {
	advert(keep func(string) bool) (*advert, error)
	// request sends body, of size bytes, and gives the answer to read. An error
	// that is ErrUncertain says that the host may have acted.
	request(body io.Reader, size int64) (io.ReadCloser, error)
	Close() error
}

// newInProcess picks the way by the address; a path that is safe to serve
// without a child gets a link of its own.
func newInProcess(r *remote) link {
	switch r.addr.scheme {
	case schemePath:
		return newLocalLink(r)
	case schemeSSH:
		return &inProcess{remote: r, dial: &sshDialer{r}}
	}
	return &inProcess{remote: r, dial: newHTTPDialer(r)}
}

func (p *inProcess) close() error {
	if p.open == nil {
		return nil
	}
	err := p.open.Close()
	p.open = nil
	return err
}

func (p *inProcess) list(ctx context.Context, patterns []refPattern) (*advert, error) {
	p.close()
	s, err := p.dial.dial(ctx, uploadPack, version0)
	if err != nil {
		return nil, err
	}
	adv, err := refsOf(s, func(name string) bool { return matchAny(patterns, name) })
	if err != nil {
		s.Close()
		return nil, err
	}
	p.open = s
	return adv, nil
}

func (p *inProcess) capabilities(ctx context.Context) (Capabilities, error) {
	s, err := p.dial.dial(ctx, receivePack, version0)
	if err != nil {
		return Capabilities{}, err
	}
	defer s.Close()
	adv, err := refsOf(s, func(string) bool { return false })
	if err != nil {
		return Capabilities{}, err
	}
	return adv.capabilities(), nil
}

func (a *advert) capabilities() Capabilities {
	return Capabilities{
		Atomic: a.can("atomic"), DeleteRefs: a.can("delete-refs"),
		Transport: InProcess, Agent: clean(a.caps["agent"]),
	}
}

// session gives the one that list left open, or a new one.
func (p *inProcess) session(ctx context.Context) (session, error) {
	if s := p.open; s != nil {
		p.open = nil
		return s, nil
	}
	s, err := p.dial.dial(ctx, uploadPack, version0)
	if err != nil {
		return nil, err
	}
	if _, err := refsOf(s, func(string) bool { return false }); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

func (p *inProcess) pull(ctx context.Context, wants, haves []wire.ObjectID, q *quarantine, l Limits) (int64, error) {
	s, err := p.session(ctx)
	if err != nil {
		return 0, err
	}
	defer s.Close()
	body, err := wantRequest(wants, haves)
	if err != nil {
		return 0, err
	}
	answer, err := s.request(newBytesReader(body), int64(len(body)))
	if err != nil {
		return 0, err
	}
	defer answer.Close()
	return q.receive(answer, l, p.remote.opts.Progress)
}

// receive reads the answer to a request for objects: acknowledgements, then a
// pack in side bands. The pack is spooled, so that a slow or long one holds no
// memory, and imported only when it arrived whole.
func (q *quarantine) receive(answer io.Reader, l Limits, progress func(string)) (int64, error) {
	p := newPktReader(answer)
	if err := skipAcks(p); err != nil {
		return 0, err
	}
	return q.receivePack(p, l, progress)
}

func (q *quarantine) receivePack(p *pktReader, l Limits, progress func(string)) (int64, error) {
	spool, err := os.OpenFile(filepath.Join(q.dir, "received"), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return 0, err
	}
	defer spool.Close()
	band := &sideband{p: p, progress: progress}
	n, err := io.Copy(spool, &boundedReader{r: band, left: l.Bytes, what: "pack"})
	if err != nil {
		return n, err
	}
	if _, err := spool.Seek(0, io.SeekStart); err != nil {
		return n, err
	}
	return n, q.take(l, spool)
}

// skipAcks reads "ACK <name>" and "NAK" up to the first packet of the pack,
// which it leaves unread.
func skipAcks(p *pktReader) error {
	for {
		ahead, err := p.r.Peek(5)
		if err != nil {
			return brokenOff(err)
		}
		if ahead[4] <= 3 { // a band
			return nil
		}
		k, line, err := p.line()
		if err != nil {
			return err
		}
		if k != pktData || line != "NAK" && (len(line) < 44 || line[:4] != "ACK ") {
			return fmt.Errorf("%w: %q instead of a pack", ErrProtocol, clean(line))
		}
	}
}

// wantRequest prints wants, haves and done: one round, no negotiation, since we
// know what to name.
func wantRequest(wants, haves []wire.ObjectID) ([]byte, error) {
	req := packp.NewUploadRequest()
	req.Wants = hashes(wants)
	for _, c := range []capability.Capability{capability.Sideband64k, capability.OFSDelta} {
		if err := req.Capabilities.Set(c); err != nil {
			return nil, err
		}
	}
	if err := req.Capabilities.Set(capability.Agent, agent); err != nil {
		return nil, err
	}
	var b byteBuffer
	if err := req.Encode(&b); err != nil {
		return nil, err
	}
	up := packp.UploadHaves{Haves: hashes(haves)}
	if err := up.Encode(&b, false); err != nil {
		return nil, err
	}
	return appendPkt(b.Bytes(), "done\n"), nil
}

func hashes(ids []wire.ObjectID) []plumbing.Hash {
	out := make([]plumbing.Hash, len(ids))
	for i, id := range ids {
		out[i] = plumbing.Hash(id)
	}
	return out
}
