package gitstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/espace-git/espace-git/internal/wire"
)

// Objects by name. Version 2 of the protocol serves any object to whoever names it;
// version 0 only what a ref shows, unless the host's owner allows more
// (uploadpack.allowReachableSHA1InWant). On this disk they are just copied.

// word is how a client asks for a version (gitprotocol-v2, "Initial Client Request").
func (v version) word() string { return fmt.Sprintf("version=%d", v) }

// env asks for a version where the service is a child, or ssh passes it on.
func (v version) env() []string {
	if v == version0 {
		return nil
	}
	return []string{"GIT_PROTOCOL=" + v.word()}
}

// maxWants bounds one request for objects by name.
const maxWants = 1 << 12

func (r *remote) FetchObjects(ctx context.Context, ids []wire.ObjectID, l Limits) (map[wire.ObjectID]error, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(ids) > maxWants {
		return nil, fmt.Errorf("%d objects by name, limit %d: %w", len(ids), maxWants, ErrTooBig)
	}
	f := &fetch{remote: r, limits: r.limits(l), asks: maxAsks, out: &Fetched{}, failed: map[wire.ObjectID]error{}}
	f.pull = func(ctx context.Context, wants []wire.ObjectID, q *quarantine) (int64, error) {
		n, err := r.link.objects(ctx, wants, q, f.limits)
		if r.switchOn(err) {
			n, err = r.link.objects(ctx, wants, q, f.limits)
		}
		return n, notOurs(err)
	}
	wants := slices.DeleteFunc(slices.Clone(ids), r.repo.Has)
	slices.SortFunc(wants, func(a, b wire.ObjectID) int { return bytes.Compare(a[:], b[:]) })
	if wants = slices.Compact(wants); len(wants) == 0 {
		return nil, nil
	}
	defer func() { r.link.close() }()
	return f.failed, r.wrap("fetching from", f.get(ctx, wants))
}

// notOurs: "not our ref" is what git says of a name that it has no object of.
func notOurs(err error) error {
	if errors.Is(err, ErrRefused) && strings.Contains(err.Error(), "not our ref") {
		return fmt.Errorf("%w: %s", ErrMissing, clean(err.Error()))
	}
	return err
}

var errByName = fmt.Errorf("%w: it serves no objects by name", ErrRefused)

func (p *inProcess) objects(ctx context.Context, wants []wire.ObjectID, q *quarantine, l Limits) (int64, error) {
	s, err := p.dial.dial(ctx, uploadPack, version2)
	if err != nil {
		return 0, err
	}
	defer s.Close()
	adv, err := s.advert(func(string) bool { return false })
	if err != nil {
		return 0, err
	}
	var body []byte
	switch {
	case adv.v2 && adv.can("fetch"):
		body = objectsRequest(wants, adv)
	case !adv.v2 && adv.can("allow-reachable-sha1-in-want"):
		body, err = wantRequest(wants, nil)
	default:
		err = errByName
	}
	if err != nil {
		return 0, err
	}
	answer, err := s.request(newBytesReader(body), int64(len(body)))
	if err != nil {
		return 0, err
	}
	defer answer.Close()
	if !adv.v2 {
		return q.receive(answer, l, p.remote.opts.Progress)
	}
	in := newPktReader(answer)
	if err := packSection(in); err != nil {
		return 0, err
	}
	return q.receivePack(in, l, p.remote.opts.Progress)
}

// objectsRequest prints a fetch of version 2 that wants these and has nothing.
func objectsRequest(wants []wire.ObjectID, adv *advert) []byte {
	b := appendPkt(nil, "command=fetch\n")
	b = appendPkt(b, "agent=%s\n", agent)
	if adv.can("object-format") {
		b = appendPkt(b, "object-format=sha1\n")
	}
	b = append(b, "0001"...)
	b = appendPkt(b, "no-progress\n")
	b = appendPkt(b, "ofs-delta\n")
	for _, id := range wants {
		b = appendPkt(b, "want %s\n", id)
	}
	b = appendPkt(b, "done\n")
	return append(b, "0000"...)
}

// packSection reads up to the pack of an answer of version 2. After "done" no other
// section comes before it that was not asked for.
func packSection(p *pktReader) error {
	k, line, err := p.line()
	switch {
	case err != nil:
		return brokenOff(err)
	case k != pktData || line != "packfile":
		return fmt.Errorf("%w: %q instead of a pack", ErrProtocol, clean(line))
	}
	return nil
}
