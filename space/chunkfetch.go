package space

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/espace-git/espace-git/chunks"
	"github.com/espace-git/espace-git/gitstore"
	"github.com/espace-git/espace-git/internal/wire"
)

// openChunks opens a file for reading. What is here is read here; the rest is fetched
// when it is wanted, from the primary remote, then from the mirrors. by are the
// devices that may have pushed it, for hosts that serve no objects by name.
func (s *Space) openChunks(ctx context.Context, refs []chunks.Ref, by ...wire.DeviceID) (*chunks.Reader, error) {
	f := newChunkFetcher(ctx, s, refs, by)
	return chunks.NewReader(ctx, s.id, refs, f.chunk)
}

// chunkFetcher gives a reader its chunks. What several goroutines want at once goes
// into one request.
type chunkFetcher struct {
	ctx context.Context //nolint:containedctx // of the reader whose fetcher it is
	s   *Space
	by  []wire.DeviceID

	left gitstore.Limits // for whole refs, see byRefs; used by one request after the other

	mu    sync.Mutex
	busy  bool
	queue []*chunkAsk
}

// newChunkFetcher is one for a file of these chunks. On a host that serves no objects by
// name they come with all else that their authors stored beside them, in an unknown
// number of refs: together no more than one fetch may bring, or twice the file.
func newChunkFetcher(ctx context.Context, s *Space, refs []chunks.Ref, by []wire.DeviceID) *chunkFetcher {
	left := gitstore.Limits{Objects: 4*len(refs) + 1<<16}
	for _, r := range refs {
		left.Bytes += 2 * int64(r.Stored())
	}
	left.Bytes = max(left.Bytes, gitstore.DefaultFetchBytes)
	return &chunkFetcher{ctx: ctx, s: s, by: by, left: left}
}

type chunkAsk struct {
	ref  chunks.Ref
	done chan struct{}
	err  error
}

// chunk is a chunks.Source.
func (f *chunkFetcher) chunk(ctx context.Context, ref chunks.Ref, take func([]byte) error) error {
	err := f.local(ref, take)
	if errors.Is(err, gitstore.ErrNotFound) {
		if err := f.fetch(ctx, ref); err != nil {
			return err
		}
		err = f.local(ref, take)
	}
	if errors.Is(err, chunks.ErrWrong) || errors.Is(err, gitstore.ErrCorrupt) {
		return f.anew(ref, take, err)
	}
	return err
}

func (f *chunkFetcher) local(ref chunks.Ref, take func([]byte) error) error {
	b, err := f.s.repo.BlobUnchecked(ref.ID, ref.Stored()) // take compares the SHA-256
	if errors.Is(err, gitstore.ErrTooBig) {
		return fmt.Errorf("%w: longer than its author said", chunks.ErrWrong)
	}
	if err != nil {
		return err
	}
	return take(b)
}

// fetch waits until a chunk was fetched.
func (f *chunkFetcher) fetch(ctx context.Context, ref chunks.Ref) error {
	ask := &chunkAsk{ref: ref, done: make(chan struct{})}
	f.mu.Lock()
	f.queue = append(f.queue, ask)
	if !f.busy {
		f.busy = true
		go f.serve()
	}
	f.mu.Unlock()
	select {
	case <-ask.done:
		return ask.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// serve fetches what is asked for until nothing is.
func (f *chunkFetcher) serve() {
	for {
		f.mu.Lock()
		batch := f.queue
		f.queue, f.busy = nil, len(batch) > 0
		f.mu.Unlock()
		if len(batch) == 0 {
			return
		}
		err := f.get(batch)
		for _, ask := range batch {
			if !f.s.repo.Has(ask.ref.ID) {
				ask.err = err
				if err == nil {
					ask.err = notFound("%v: no remote has it", ask.ref)
				}
			}
			close(ask.done)
		}
	}
}

// get asks one remote after the other for what is still lacking.
func (f *chunkFetcher) get(batch []*chunkAsk) (err error) {
	for remote, dialErr := range f.s.eachRemote(f.ctx, f.s.repo) {
		if dialErr == nil {
			dialErr = f.from(remote, batch)
		}
		err = worst(err, dialErr)
		if !slices.ContainsFunc(batch, func(a *chunkAsk) bool { return !f.s.repo.Has(a.ref.ID) }) {
			return nil
		}
	}
	return err
}

// worst is what tells most of why something could not be had: that a host was not
// reached rather than that another lacks it.
func worst(a, b error) error {
	if a == nil || errors.Is(b, ErrUnreachable) && !errors.Is(a, ErrUnreachable) {
		return b
	}
	return a
}

// from asks one remote, within what was signed: a host can't make this device write
// more than it asked for, and little of that.
func (f *chunkFetcher) from(remote gitstore.Remote, batch []*chunkAsk) error {
	var ids []wire.ObjectID
	l := gitstore.Limits{Bytes: 1 << 16, Objects: 16}
	for _, ask := range batch {
		ids = append(ids, ask.ref.ID)
		l.Bytes += int64(ask.ref.Stored()) + int64(ask.ref.Stored())>>8
		l.Objects++
	}
	failed, err := remote.FetchObjects(f.ctx, ids, l)
	if err != nil {
		return fmt.Errorf("fetching pieces of a file: %w", err)
	}
	for _, ask := range batch {
		why := failed[ask.ref.ID]
		if errors.Is(why, gitstore.ErrRefused) {
			return f.byRefs(remote, batch)
		}
		if why != nil && !errors.Is(why, gitstore.ErrMissing) {
			err = worst(err, fmt.Errorf("fetching %v: %w", ask.ref, why))
		}
	}
	return err
}

// byRefs fetches the refs of those who may have pushed what is wanted, the newest
// epoch first: all that a host gives that knows no objects by name.
func (f *chunkFetcher) byRefs(remote gitstore.Remote, batch []*chunkAsk) error {
	var epochs []wire.Epoch
	err := f.s.look(f.ctx, func(r *round) error {
		if r.roster() == nil {
			return errNoLedger
		}
		for _, o := range slices.Backward(r.roster().Openings()) {
			if o.Number >= r.roster().Kept() {
				epochs = append(epochs, o.Epoch)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, e := range epochs {
		for _, d := range f.by {
			if !slices.ContainsFunc(batch, func(a *chunkAsk) bool { return !f.s.repo.Has(a.ref.ID) }) {
				return nil
			}
			if f.left.Bytes <= 0 || f.left.Objects <= 0 {
				return fmt.Errorf("fetching pieces of a file: %w: the refs that may hold them", gitstore.ErrTooBig)
			}
			got, err := remote.Fetch(f.ctx, gitstore.FetchRequest{Patterns: []string{f.s.refs.Files(e, d)}, Limits: f.left})
			if err != nil {
				return fmt.Errorf("fetching pieces of a file: %w", err)
			}
			f.left.Bytes -= got.Bytes
			f.left.Objects -= got.Objects
		}
	}
	return nil
}

// anew looks for a chunk whose copy here is spoilt, past the own repository.
func (f *chunkFetcher) anew(ref chunks.Ref, take func([]byte) error, err error) error {
	dir, tempErr := os.MkdirTemp(filepath.Dir(f.s.repo.Dir()), "chunk")
	if tempErr != nil {
		return errors.Join(err, tempErr)
	}
	defer os.RemoveAll(dir)
	repo, tempErr := gitstore.Init(filepath.Join(dir, gitDir))
	if tempErr != nil {
		return errors.Join(err, tempErr)
	}
	other := newChunkFetcher(f.ctx, f.s, []chunks.Ref{ref}, f.by)
	for remote, dialErr := range f.s.eachRemote(f.ctx, repo) {
		if dialErr != nil || other.from(remote, []*chunkAsk{{ref: ref}}) != nil {
			continue
		}
		b, readErr := repo.Blob(ref.ID, ref.Stored())
		if readErr != nil {
			continue
		}
		if err = take(b); !errors.Is(err, chunks.ErrWrong) {
			return err
		}
	}
	return fmt.Errorf("what is here of a file is damaged, and no remote has it whole: %w", err)
}
