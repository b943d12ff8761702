package space

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"

	"github.com/espace-git/espace-git/chain"
	"github.com/espace-git/espace-git/gitstore"
	"github.com/espace-git/espace-git/internal/wire"
	"github.com/espace-git/espace-git/membership"
)

// chunksDir is the folder in the tree of a commit on <e>/files/<device>. It holds the
// chunks that are new in this commit, each under its SHA-256.
const chunksDir = "chunks"

const (
	// filesPush bounds the bytes of chunks in one commit, and so in one push.
	filesPush = 48 << 20
	// filesInCommit bounds their number.
	filesInCommit = 1 << 10
)

// waiting is a chunk that goes into the next commit.
type waiting struct {
	key []byte
	sum wire.Hash
	chunkWait
}

// nextChunks are those that the next commit carries, and all that waits in bytes.
func (r *round) nextChunks() (next []waiting, total int64, err error) {
	size := int64(0)
	for pair, err := range r.v.Each(bucketChunk, nil) {
		if err != nil {
			return nil, 0, err
		}
		w := waiting{key: pair.Key}
		if _, w.sum, err = splitChunkKey(pair.Key); err == nil {
			err = wire.UnmarshalCBOR(pair.Value, &w.chunkWait)
		}
		if err != nil {
			return nil, 0, fmt.Errorf("local store: %s: %w", bucketChunk, err)
		}
		total += int64(w.Stored)
		if size += int64(w.Stored); (size <= filesPush || len(next) == 0) && len(next) < filesInCommit {
			next = append(next, w)
		}
	}
	return next, total, nil
}

// filesUpdate is a commit with the next chunks that wait, or nothing. One push carries
// one such commit: after a push that broke off, what is on the host stays there.
func (r *round) filesUpdate(b *gitstore.Batch, host map[string]wire.ObjectID) (gitstore.RefUpdate, error) {
	next, total, err := r.nextChunks()
	if err != nil || len(next) == 0 {
		return gitstore.RefUpdate{}, err
	}
	if ok, err := r.maySign(r.lanes[r.me.Device]); !ok || err != nil {
		return gitstore.RefUpdate{}, err
	}
	if next, err = r.stillHere(next); err != nil || len(next) == 0 {
		return gitstore.RefUpdate{}, err
	}
	adds := map[string]wire.Hash{}
	var files []gitstore.TreeEntry
	for _, w := range next {
		name := path.Join(chunksDir, w.sum.String())
		if _, twice := adds[name]; !twice {
			adds[name] = w.sum
			files = append(files, gitstore.TreeEntry{Name: w.sum.String(), Mode: gitstore.ModeFile, ID: w.ID})
		}
	}
	r.res.uploading(r.s, total)
	tree := b.Tree([]gitstore.TreeEntry{{Name: chunksDir, Mode: gitstore.ModeDir, ID: b.Tree(files)}})
	sum := chain.AddsHashOf(adds)
	msg := r.message(chain.Files)
	msg.Adds = &sum
	ref := r.s.refs.Files(r.epoch(), r.me.Device)
	id, err := r.filesCommit(b, ref, host[ref], tree, msg)
	return gitstore.RefUpdate{Name: ref, Old: host[ref], New: id}, err
}

// filesCommit stands on what the host shows also where that could not be had: it may
// be more of this device's own than a restored store knows and can be fetched at
// once, and what it holds must not lose its only ref.
func (r *round) filesCommit(b *gitstore.Batch, ref string, parent, tree wire.ObjectID, m chain.Message) (wire.ObjectID, error) {
	if parent.IsZero() || parent == r.tips[ref] || r.s.repo.Has(parent) {
		return r.commit(b, ref, parent, tree, m)
	}
	c := chain.Commit{Tree: tree, Parents: []wire.ObjectID{parent}, Time: chain.TimeAfter(r.now.Unix(), 0), Message: m}
	raw, err := chain.Sign(c, r.s.keys.Device())
	if err != nil {
		return wire.ObjectID{}, fmt.Errorf("signing %s: %w", ref, err)
	}
	return b.Commit(raw), nil
}

// stillHere leaves out what the own disk lost before any host had it: it can't hold
// up everything else for ever.
func (r *round) stillHere(next []waiting) (here []waiting, err error) {
	for _, w := range next {
		if r.s.repo.Has(w.ID) {
			here = append(here, w)
			continue
		}
		r.warn("a piece of a file (%.12s) was lost on this disk before it was pushed: store that file again", w.sum)
		if err := r.v.Delete(bucketChunk, w.key); err != nil {
			return nil, err
		}
	}
	return here, nil
}

// uploading tells how far it is.
func (res *SyncResult) uploading(s *Space, waits int64) {
	res.upload = max(res.upload, waits)
	s.opts.Progress(Progress{Phase: "uploading", Done: res.upload - waits, Total: res.upload})
}

// readFiles reads where the own chunks stand on the host. Nothing is verified by what
// lies there, so nobody is accused when it goes: what the host took back is put there
// again.
func (r *round) readFiles(host *display) error {
	ref := r.s.refs.Files(r.epoch(), r.me.Device)
	at, last := host.at(ref), r.tips[ref]
	if !host.asked(ref) || at == last {
		return nil
	}
	if at.IsZero() || host.failed[ref] != nil {
		r.repair(ref, at)
		return nil
	}
	return r.readFilesTip(ref, at)
}

func (r *round) readFilesTip(ref string, at wire.ObjectID) error {
	last := r.tips[ref]
	if rel := r.s.relate(last, at); !last.IsZero() && rel != ahead && rel != same {
		r.warn("%s: the host does not show all pieces of files any more that this device stored", ref)
		r.repair(ref, at)
		return nil
	}
	commits, err := r.s.repo.Commits([]wire.ObjectID{at}, known(last), maxCommits)
	if err != nil {
		r.junk(ref, at, err)
		return nil
	}
	self := func(d wire.DeviceID) (membership.Device, bool) {
		dev, ok := r.roster().Device(d)
		return dev, ok && d == r.me.Device
	}
	for _, c := range commits {
		v, err := r.verified(c, chain.Files, self)
		if err != nil {
			continue // a stranger's, or junk: it is built on, and counts for nothing
		}
		if err := r.chunksLanded(v); err != nil {
			return err
		}
		last = c.ID
	}
	return r.moveTip(ref, last)
}

// chunksLanded forgets that the chunks of a commit wait. Their names must be what was
// signed: that they are in the tree is git's word only.
func (r *round) chunksLanded(c chain.Verified) error {
	landed := r.chunksIn(c.Tree)
	if chain.AddsHashOf(landed) != *c.Adds {
		return nil
	}
	for pair, err := range r.v.Each(bucketChunk, nil) {
		if err != nil {
			return err
		}
		_, sum, err := splitChunkKey(pair.Key)
		if _, ok := landed[path.Join(chunksDir, sum.String())]; ok && err == nil {
			err = r.v.Delete(bucketChunk, pair.Key)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// chunksIn are the files of a commit of chunks, by their paths.
func (r *round) chunksIn(tree wire.ObjectID) map[string]wire.Hash {
	out := map[string]wire.Hash{}
	root, err := r.s.repo.Tree(tree)
	if err != nil || len(root) != 1 || root[0].Name != chunksDir {
		return nil
	}
	files, err := r.s.repo.Tree(root[0].ID)
	if err != nil {
		return nil
	}
	for _, f := range files {
		if out[path.Join(chunksDir, f.Name)], err = wire.ParseHash(f.Name); err != nil {
			return nil
		}
	}
	return out
}

// isFiles: an update of chunks.
func (s *Space) isFiles(u gitstore.RefUpdate) bool {
	n, ok := s.refs.Parse(u.Name)
	return ok && n.Kind == wire.RefFiles
}

// longFiles takes out the updates of chunks that carry more than one commit: a remote
// lacks what another had. They go by themselves, after the ledger.
func (s *Space) longFiles(updates []gitstore.RefUpdate) (rest, long []gitstore.RefUpdate) {
	for _, u := range updates {
		if s.isFiles(u) && len(s.filesSteps(u)) != 1 {
			long = append(long, u)
		} else {
			rest = append(rest, u)
		}
	}
	return rest, long
}

// filesSteps are the commits from Old, or from the beginning, to New; none if they are
// not all here.
func (s *Space) filesSteps(u gitstore.RefUpdate) (steps []wire.ObjectID) {
	stop := u.Old
	if rel := s.relate(u.New, u.Old); rel != behind {
		stop = wire.ObjectID{}
	}
	commits, err := s.repo.Commits([]wire.ObjectID{u.New}, known(stop), maxCommits)
	if err != nil {
		return nil
	}
	for _, c := range commits {
		if len(c.Parents) > 1 || c.Err != nil {
			return nil // not of our making: no line to walk along
		}
		steps = append(steps, c.ID)
	}
	return steps
}

// pushFiles moves refs of chunks commit by commit, so that no push is large, and what
// a broken one left behind need not be sent again. no are those that did not move.
func (s *Space) pushFiles(ctx context.Context, remote gitstore.Remote, updates []gitstore.RefUpdate) (done []gitstore.RefUpdate, no map[string]error, err error) {
	no = map[string]error{}
	for _, u := range updates {
		for _, to := range s.filesSteps(u) {
			step := gitstore.RefUpdate{Name: u.Name, Old: u.Old, New: to}
			pushed, err := remote.Push(ctx, []gitstore.RefUpdate{step}, gitstore.PushOptions{})
			if err != nil {
				return done, no, fmt.Errorf("pushing pieces of files: %w", err)
			}
			if err := pushed.Err(); err != nil {
				no[u.Name] = err
				break
			}
			u.Old = to
		}
		if u.Old == u.New {
			done = append(done, u)
		} else if no[u.Name] == nil {
			no[u.Name] = errors.New("not all of it is here")
		}
	}
	return done, no, nil
}

// giveFiles is give for refs of chunks.
func (s *Space) giveFiles(ctx context.Context, remote gitstore.Remote, updates []gitstore.RefUpdate, out *brought) error {
	done, no, err := s.pushFiles(ctx, remote, updates)
	for _, u := range done {
		out.refs = append(out.refs, u.Name)
	}
	for _, u := range updates {
		if why := no[u.Name]; why != nil {
			out.refused = append(out.refused, fmt.Sprintf("%s: %v", u.Name, why))
		}
	}
	return err
}

// restoreFiles puts back what the host lost of chunks; next says whether something moved.
func (s *Space) restoreFiles(ctx context.Context, res *SyncResult, host gitstore.Remote, long []gitstore.RefUpdate) (moved bool, err error) {
	done, no, err := s.pushFiles(ctx, host, long)
	for name, why := range no {
		if errors.Is(why, gitstore.ErrConflict) {
			continue // seen again by the next sync
		}
		res.Refused++
		res.warn("%s: %v", name, why)
	}
	return len(done) > 0, err
}

// saveWaiting copies the chunks that no host has into a repository that takes the
// place of the own one.
func (s *Space) saveWaiting(ctx context.Context, fresh *gitstore.Repo) error {
	var ids []wire.ObjectID
	err := s.look(ctx, func(r *round) error {
		for pair, err := range r.v.Each(bucketChunk, nil) {
			var w chunkWait
			if err == nil {
				err = wire.UnmarshalCBOR(pair.Value, &w)
			}
			if err != nil {
				return err
			}
			ids = append(ids, w.ID)
		}
		return nil
	})
	if err != nil {
		return err
	}
	out := fresh.Blobs()
	defer out.Close()
	for _, id := range slices.Compact(ids) {
		b, err := s.repo.Blob(id, gitstore.MaxObject)
		if err != nil {
			continue // lost: filesUpdate tells it
		}
		if err := out.Add(id, b); err != nil {
			return err
		}
	}
	return out.Flush()
}
