package gitstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"sort"

	"github.com/espace-git/espace-git/internal/wire"
)

// maxAsks bounds the requests for objects in one fetch: one is enough where no
// ref is at fault, each bad one costs about twice the logarithm of their number.
const maxAsks = 256

func (r *remote) Fetch(ctx context.Context, req FetchRequest) (*Fetched, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	patterns, err := parsePatterns(req.Patterns)
	if err != nil {
		return nil, err
	}
	defer func() { r.link.close() }() // no ssh is left waiting between fetches
	adv, err := r.link.list(ctx, patterns)
	if r.switchOn(err) {
		adv, err = r.link.list(ctx, patterns)
	}
	if err != nil {
		return nil, r.wrap("fetching from", err)
	}
	f := &fetch{remote: r, limits: r.limits(req.Limits), asks: maxAsks,
		out: &Fetched{Refs: adv.refs, Failed: map[string]error{}}}
	f.pull = func(ctx context.Context, wants []wire.ObjectID, q *quarantine) (int64, error) {
		return r.link.pull(ctx, wants, f.haves(wants), q, f.limits)
	}
	if err := f.run(ctx); err != nil {
		return nil, r.wrap("fetching from", err)
	}
	f.remember()
	return f.out, nil
}

func (r *remote) limits(l Limits) Limits {
	if l.Bytes <= 0 {
		l.Bytes = r.opts.Limits.Bytes
	}
	if l.Objects <= 0 {
		l.Objects = r.opts.Limits.Objects
	}
	return l.orDefault()
}

// fetch is the state of one Fetch after the host listed its refs.
type fetch struct {
	remote *remote
	pull   func(ctx context.Context, wants []wire.ObjectID, q *quarantine) (received int64, err error)
	limits Limits
	asks   int
	out    *Fetched
	failed map[wire.ObjectID]error
}

func (f *fetch) run(ctx context.Context) error {
	f.failed = map[wire.ObjectID]error{}
	wants := f.wants()
	if len(wants) == 0 {
		return nil
	}
	if err := f.get(ctx, wants); err != nil {
		return err
	}
	for name, id := range f.out.Refs {
		if err := f.failed[id]; err != nil {
			f.out.Failed[name] = err
		}
	}
	return nil
}

// wants names what the store lacks, sorted so that equal refs give equal requests.
func (f *fetch) wants() []wire.ObjectID {
	set := map[wire.ObjectID]bool{}
	for _, id := range f.out.Refs {
		if !set[id] && !f.remote.repo.Has(id) {
			set[id] = true
		}
	}
	wants := make([]wire.ObjectID, 0, len(set))
	for id := range set {
		wants = append(wants, id)
	}
	sort.Slice(wants, func(i, j int) bool { return bytes.Compare(wants[i][:], wants[j][:]) < 0 })
	return wants
}

// get asks for all wants at once; where that fails for a reason that may lie in
// one of them, for each half. One that fails alone is Failed.
func (f *fetch) get(ctx context.Context, wants []wire.ObjectID) error {
	var err error
	if f.asks--; f.asks < 0 {
		err = fmt.Errorf("%w: too many bad refs at once", ErrTooBig)
	} else if err = f.ask(ctx, wants); err == nil {
		return nil
	}
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case !splittable(err) && !(errors.Is(err, ErrUnreachable) && len(wants) > 1):
		return err
	case len(wants) == 1 || f.asks < 0:
		for _, id := range wants {
			f.failed[id] = err
		}
		return nil
	}
	half := len(wants) / 2
	return firstError(f.get(ctx, wants[:half]), f.get(ctx, wants[half:]))
}

// ask is one request, in a quarantine of its own.
func (f *fetch) ask(ctx context.Context, wants []wire.ObjectID) error {
	q, err := f.remote.repo.newQuarantine()
	if err != nil {
		return err
	}
	defer q.close()
	n, err := f.pull(ctx, wants, q)
	f.out.Bytes += n
	if err != nil {
		return err
	}
	bad, good := q.check(wants)
	if err := q.admit(good); err != nil {
		return err
	}
	f.out.Objects += len(good)
	for id, err := range bad {
		f.failed[id] = err
	}
	return nil
}

// haves picks what to tell the host: first the last known values of the refs
// that moved, then other refs. Lanes share no history, so git's own choice (by
// date, newest first) fails on many of them (FACTS.md). Every one of these is
// whole in the store.
func (f *fetch) haves(wants []wire.ObjectID) []wire.ObjectID {
	local, err := f.remote.repo.Refs("refs/")
	if err != nil {
		local = nil
	}
	var first, rest []wire.ObjectID
	for name, id := range f.out.Refs {
		if !slices.Contains(wants, id) {
			continue
		}
		first = append(first, f.remote.last[name], local[name])
	}
	for _, known := range []map[string]wire.ObjectID{f.remote.last, local} {
		for _, id := range known {
			rest = append(rest, id)
		}
	}
	return f.remote.repo.onlyHeld(append(first, rest...))
}

func (r *Repo) onlyHeld(ids []wire.ObjectID) []wire.ObjectID {
	seen, out := map[wire.ObjectID]bool{{}: true}, []wire.ObjectID(nil)
	for _, id := range ids {
		if len(out) == maxHaves {
			break
		}
		if !seen[id] && r.Has(id) {
			out = append(out, id)
		}
		seen[id] = true
	}
	return out
}

// remember keeps the refs that are whole, for the haves of the next fetch.
func (f *fetch) remember() {
	for name, id := range f.out.Refs {
		if f.out.Failed[name] == nil {
			f.remote.last[name] = id
		}
	}
}
