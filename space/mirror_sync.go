package space

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/espace-git/espace-git/gitstore"
	"github.com/espace-git/espace-git/internal/wire"
)

const (
	// mirrorEvery: a mirror is asked and brought up to date at most this often.
	mirrorEvery = time.Minute
	// mirrorRest is how long one that fails is left alone at most; twice as long each
	// time, from mirrorEvery on.
	mirrorRest = time.Hour
	// mirrorTimeout bounds what a mirror may delay a sync, unless Options say it.
	mirrorTimeout = 10 * time.Second
)

// asked is a mirror that is asked what it shows.
type asked struct {
	mirror
	remote gitstore.Remote
	shown  *display
	holds  whose
	err    error
}

// asking is under way beside a sync, so that a slow mirror costs little.
type asking struct {
	list []*asked
	done sync.WaitGroup
}

// due reports whether a mirror is to be asked again.
func (m mirror) due(now time.Time) bool {
	rest := mirrorEvery
	for range min(m.Fails, 10) {
		rest = min(2*rest, mirrorRest)
	}
	since := now.Sub(time.UnixMilli(m.Tried))
	return since >= rest || since < 0 // the clock was set back
}

// askMirrors begins to ask the mirrors that are due. What can't be asked is told by
// keepMirrors; nothing of it fails a sync.
func (s *Space) askMirrors(ctx context.Context) *asking {
	rs, err := s.loadRemotes(ctx)
	if err != nil {
		return new(asking) // the sync meets the same error
	}
	var due []mirror
	for _, m := range rs.Mirrors {
		if m.due(s.opts.Now()) {
			due = append(due, m)
		}
	}
	return s.askAll(ctx, due, s.opts.MirrorTimeout)
}

func (s *Space) askAll(ctx context.Context, mirrors []mirror, timeout time.Duration) *asking {
	out := new(asking)
	for _, m := range mirrors {
		a := &asked{mirror: m}
		out.list = append(out.list, a)
		out.done.Add(1)
		go func() {
			defer out.done.Done()
			ctx, cancel := context.WithTimeout(ctx, timeout)
			defer cancel()
			if a.remote, a.err = s.connect(a.URL); a.err == nil {
				a.shown, a.err = s.fetchAll(ctx, a.remote)
			}
			if errors.Is(ctx.Err(), context.DeadlineExceeded) {
				a.err = join(ErrUnreachable, errors.New("it does not answer in time"))
			}
		}()
	}
	return out
}

// wait ends the asking.
func (as *asking) wait() []*asked {
	as.done.Wait()
	return as.list
}

func (as *asking) close() {
	for _, a := range as.wait() {
		if a.remote != nil {
			a.remote.Close()
		}
	}
}

// hearMirrors reads what the mirrors showed and compares it with the primary, which
// answered with err. Where the ledger names another primary by now, that one is synced
// with.
func (s *Space) hearMirrors(ctx context.Context, res *SyncResult, as *asking, err error) (found []string, _ error) {
	if errors.Is(err, ErrViolation) && ordered(err) && !errors.Is(err, ErrRefused) {
		found, err = []string{err.Error()}, nil // told together with what is found now
	}
	for _, a := range as.wait() {
		if a.err == nil {
			found = append(found, s.hear(ctx, res, a, ordered(err))...)
		}
	}
	moved, failed := s.follow(ctx, res)
	switch {
	case failed != nil:
		res.warn("remotes: %v", failed)
	case moved:
		err = s.syncLocked(ctx, res)
	}
	return found, err
}

// ordered: the primary was read, whatever was found, and whether or not it took what
// waited.
func ordered(err error) bool {
	return err == nil || (errors.Is(err, ErrViolation) || errors.Is(err, ErrRefused)) && !unreachable(err)
}

// keepMirrors gives the mirrors what was verified.
func (s *Space) keepMirrors(ctx context.Context, res *SyncResult, as *asking) {
	defer as.close()
	for _, a := range as.wait() {
		if ctx.Err() == nil && a.URL != s.url {
			s.keepUp(ctx, res, a, s.opts.MirrorTimeout)
		}
	}
}

// hear reads one mirror.
func (s *Space) hear(ctx context.Context, res *SyncResult, a *asked, primary bool) (found []string) {
	t, err := s.readMirror(ctx, res, a, primary)
	if err != nil {
		a.err = err
		return nil
	}
	found = t.found
	if primary && len(t.refs) > 0 {
		more, err := s.hides(ctx, res, a, t)
		found = append(found, more...)
		if err != nil {
			res.warn("bringing to the host what the mirror %s shows: %v", a.Name, err)
		}
	}
	return found
}

// keepUp gives a mirror what it lacks, and notes how it went.
func (s *Space) keepUp(ctx context.Context, res *SyncResult, a *asked, timeout time.Duration) {
	if a.err == nil {
		a.err = s.bringMirror(ctx, a, timeout)
	}
	if a.err != nil {
		res.warn("mirror %s: %v", a.Name, a.err)
	}
	s.noteMirror(ctx, res, a)
}

// noteMirror keeps how it went with a mirror.
func (s *Space) noteMirror(ctx context.Context, res *SyncResult, a *asked) {
	now := s.opts.Now()
	err := s.changeRemotes(ctx, func(rs *remotes) {
		if m := rs.mirror(a.Name); m != nil && m.URL == a.URL {
			m.tried(now, a)
		}
	})
	if err != nil {
		res.warn("mirror %s: %v", a.Name, err)
	}
}

func (m *mirror) tried(now time.Time, a *asked) {
	m.Tried, m.Problem = now.UnixMilli(), ""
	if a.err != nil {
		m.Fails, m.Problem = m.Fails+1, harmless(a.err.Error())
		return
	}
	m.Fails, m.Synced, m.Met = 0, now.UnixMilli(), true
}

func (s *Space) bringMirror(ctx context.Context, a *asked, timeout time.Duration) error {
	if a.Problem == "" && s.upToDate(ctx, a.shown) {
		return nil
	}
	within, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	b, err := s.bring(within, a.remote, a.Met)
	if err != nil {
		return err
	}
	return b.err()
}

// upToDate: a mirror shows all of the ledger, and all else that it was asked for, as
// it was verified. Sealed epochs' refs do not move, so they are not asked for again.
func (s *Space) upToDate(ctx context.Context, shown *display) (yes bool) {
	err := s.look(ctx, func(r *round) error {
		for ref, tip := range r.tips {
			if n, ok := s.refs.Parse(ref); ok && (n.Kind == wire.RefLedger || n.EpochName == r.epoch().Name()) && shown.at(ref) != tip {
				return nil
			}
		}
		yes = len(r.tips) > 0
		return nil
	})
	return yes && err == nil
}
