package gitstore

import (
	"context"
	"errors"
	"fmt"
	"os/exec"

	"github.com/espace-git/espace-git/internal/wire"
)

// localLink serves a repository on this disk. Where nothing in it asks for git's
// own services (localhost.go says what could) objects are copied and refs moved
// by this package, under git's locks, without a child process; else
// git-upload-pack and git-receive-pack run, hooks and all.
type localLink struct {
	remote *remote
	child  *inProcess
	host   *Repo // kept for its open packs; whether it may be used is asked each time
}

func newLocalLink(r *remote) link {
	return &localLink{remote: r, child: &inProcess{remote: r, dial: &serviceDialer{r}}}
}

func (l *localLink) close() error { return l.child.close() }

func (l *localLink) open() (*Repo, error) {
	host, err := openHost(l.remote.addr.path)
	if err != nil {
		return nil, err
	}
	if l.host == nil || l.host.dir != host.dir {
		l.host = host
	}
	// Packs that went away since must not count as held: a host that lost its disk is
	// a new one at the old place.
	if seen := l.host.packs.Load(); seen != nil {
		l.host.rescan(seen)
	}
	return l.host, nil
}

// serviceDialer runs git's services as children.
type serviceDialer struct{ remote *remote }

func (d *serviceDialer) dial(ctx context.Context, service string, v version) (session, error) {
	if _, err := exec.LookPath("git"); err != nil {
		return nil, fmt.Errorf("%w: the repository has hooks or settings that only git can serve", ErrNoGit)
	}
	if err := isRepository(d.remote.addr.path); err != nil {
		return nil, err
	}
	return startPipe(ctx, service == receivePack, func(ctx context.Context) *exec.Cmd {
		// Not with our options: the repository's own hooks are to run here.
		cmd := exec.CommandContext(ctx, "git", service[len("git-"):], d.remote.addr.path)
		cmd.Env = append(childEnv(false), v.env()...)
		prepareChild(cmd, false)
		return cmd
	})
}

func (l *localLink) list(ctx context.Context, patterns []refPattern) (*advert, error) {
	host, err := l.open()
	if errors.Is(err, errNeedsGit) {
		return l.child.list(ctx, patterns)
	}
	if err != nil {
		return nil, err
	}
	all, bad, err := host.scanRefs("refs/")
	if err != nil {
		return nil, err
	}
	if len(bad) > 0 {
		return l.child.list(ctx, patterns)
	}
	adv := &advert{refs: map[string]wire.ObjectID{}}
	for name, id := range all {
		if matchAny(patterns, name) {
			adv.refs[name] = id
		}
	}
	return adv, nil
}

func (l *localLink) capabilities(ctx context.Context) (Capabilities, error) {
	_, err := l.open()
	if errors.Is(err, errNeedsGit) {
		return l.child.capabilities(ctx)
	}
	return Capabilities{Atomic: true, DeleteRefs: true, Transport: InProcess, Agent: agent}, err
}

func (l *localLink) pull(ctx context.Context, wants, haves []wire.ObjectID, q *quarantine, lim Limits) (int64, error) {
	host, err := l.open()
	if errors.Is(err, errNeedsGit) {
		return l.child.pull(ctx, wants, haves, q, lim)
	}
	if err != nil {
		return 0, err
	}
	return q.copyFrom(ctx, host, wants, lim)
}

func (l *localLink) objects(ctx context.Context, wants []wire.ObjectID, q *quarantine, lim Limits) (int64, error) {
	host, err := l.open()
	if errors.Is(err, errNeedsGit) {
		return l.child.objects(ctx, wants, q, lim)
	}
	if err != nil {
		return 0, err
	}
	return q.copyFrom(ctx, host, wants, lim)
}

// copyFrom walks the host's objects from wants to what the store has, and
// imports each like an object of a foreign pack.
func (q *quarantine) copyFrom(ctx context.Context, host *Repo, wants []wire.ObjectID, l Limits) (int64, error) {
	w, err := newPackWriter(q.repo.disk, q.dir, -1)
	if err != nil {
		return 0, fmt.Errorf("storing fetched pack: %w", err)
	}
	q.w = w
	c := &copier{q: q, host: host, m: newImporter(w, l), limits: l, seen: map[wire.ObjectID]bool{}}
	if err := c.run(ctx, wants); err != nil {
		return c.bytes, err
	}
	return c.bytes, q.finish()
}

type copier struct {
	q      *quarantine
	host   *Repo
	m      *importer
	limits Limits
	seen   map[wire.ObjectID]bool
	bytes  int64
}

func (c *copier) run(ctx context.Context, todo []wire.ObjectID) error {
	todo = append([]wire.ObjectID(nil), todo...)
	for len(todo) > 0 {
		if err := ctx.Err(); err != nil {
			return err
		}
		id := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if c.seen[id] || c.q.repo.Has(id) {
			continue
		}
		c.seen[id] = true
		links, err := c.copy(id)
		if err != nil {
			return err
		}
		todo = append(todo, links...)
	}
	return nil
}

// copy takes one object over; what the host lacks is left for check to find.
func (c *copier) copy(id wire.ObjectID) ([]wire.ObjectID, error) {
	k, data, err := c.host.object(id, MaxObject)
	if errors.Is(err, ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if c.bytes += int64(len(data)); c.bytes > c.limits.Bytes || len(c.seen) > c.limits.Objects {
		return nil, fmt.Errorf("fetch of more than %d bytes or %d objects: %w", c.limits.Bytes, c.limits.Objects, ErrTooBig)
	}
	if len(data) > maxOf(k) {
		return nil, fmt.Errorf("%s of %d bytes: %w", k, len(data), ErrTooBig)
	}
	if err := c.m.whole(c.m.out.offset, k, data); err != nil {
		return nil, err
	}
	links, err := objectLinks(k, data)
	if err != nil {
		return nil, nil // check reports it with the ref it belongs to
	}
	return links, nil
}

func (l *localLink) send(ctx context.Context, updates []RefUpdate, opts PushOptions) (*Pushed, error) {
	host, err := l.open()
	if errors.Is(err, errNeedsGit) {
		return l.child.send(ctx, updates, opts)
	}
	if err != nil {
		return nil, err
	}
	all, bad, err := host.scanRefs("refs/")
	if err != nil {
		return nil, err
	}
	if len(bad) > 0 {
		return l.child.send(ctx, updates, opts)
	}
	todo, out := compare(updates, all, opts.Atomic)
	if len(todo) == 0 {
		return out, nil
	}
	if err := l.give(ctx, host, todo, &advert{refs: all}); err != nil {
		return nil, err
	}
	return out, moveRefs(ctx, host, todo, opts.Atomic, out)
}

// give writes what the host lacks into it, as one pack, durably.
func (l *localLink) give(ctx context.Context, host *Repo, todo []RefUpdate, adv *advert) error {
	var tips []wire.ObjectID
	for _, u := range todo {
		if !u.New.IsZero() && !host.Has(u.New) {
			tips = append(tips, u.New)
		}
	}
	ids, err := l.remote.repo.missing(tips, shared(adv, todo))
	if err != nil || len(ids) == 0 {
		return err
	}
	w, err := newPackWriter(host.disk, host.packDir(), len(ids))
	if err != nil {
		return fmt.Errorf("writing to host: %w", err)
	}
	defer w.discard()
	for _, id := range ids {
		k, data, err := l.remote.repo.object(id, MaxObject)
		if err != nil {
			return fmt.Errorf("packing: %w", err)
		}
		if err := w.raw(id, appendEntry(nil, k, data)); err != nil {
			return fmt.Errorf("writing to host: %w", err)
		}
	}
	sum, err := w.finish()
	if err != nil {
		return err
	}
	if err := w.keep(host.packDir(), sum); err != nil {
		return err
	}
	// git's services would collect garbage now and then; without this a host on
	// disk would have a pack for each push. Failing costs speed only.
	_ = host.Consolidate(ctx)
	return nil
}

// moveRefs moves the host's refs: as one, or each on its own.
func moveRefs(ctx context.Context, host *Repo, todo []RefUpdate, atomic bool, out *Pushed) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if atomic {
		culprit, err := host.setRefs(todo)
		for _, u := range todo {
			switch {
			case err == nil:
				out.Results[u.Name] = nil
			case u.Name == culprit:
				out.Results[u.Name] = hostRefError(err)
			default:
				out.Results[u.Name] = ErrAborted
			}
		}
		return nil
	}
	for _, u := range todo {
		out.Results[u.Name] = hostRefError(host.SetRef(u.Name, u.Old, u.New))
	}
	return nil
}

func hostRefError(err error) error {
	if err == nil || errors.Is(err, ErrConflict) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrRefused, err)
}
