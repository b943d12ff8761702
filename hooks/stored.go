package hooks

import (
	"github.com/espace-git/espace-git/chain"
	"github.com/espace-git/espace-git/gitstore"
	"github.com/espace-git/espace-git/internal/wire"
)

// maxStored bounds a file of a state or of stored files: a page or a chunk with
// what encrypting adds. What may be in it the hook cannot know.
const maxStored = wire.MaxEntry + 1<<20

// stored checks a push to state/<device> or files/<device>: commits of this
// device, with the files that were signed.
func (c *check) stored(u gitstore.RefUpdate, name wire.RefName, e epoch) *Refusal {
	commits, r := c.added(u)
	if r != nil {
		return r
	}
	before := c.filesOf(u.Old)
	for _, commit := range commits {
		if r := c.storedCommit(u, name, e, commit); r != nil {
			return r
		}
		files, err := c.files(commit.Git().Tree)
		if err != nil {
			return refuse(u.Name, Tree, "%w", err)
		}
		if r := c.storedFiles(u.Name, commit.Claims(), before, files); r != nil {
			return r
		}
		before = files
	}
	return nil
}

func (c *check) storedCommit(u gitstore.RefUpdate, name wire.RefName, e epoch, commit chain.Unverified) *Refusal {
	m := commit.Claims()
	if !(chain.Place{Kind: name.Kind, Space: c.after.Space(), Epoch: e.O}).Has(m) {
		return refuse(u.Name, OtherPlace, "a commit of another kind, space or epoch")
	}
	if m.Device != name.Device {
		return refuse(u.Name, OtherLane, "device %s has a ref of its own", m.Device)
	}
	if r := c.signer(u.Name, commit, c.mayStore(u, e, m.Device)); r != nil {
		return r
	}
	return c.position(u.Name, m, e, 0)
}

// storedFiles checks that the files that a commit adds are those that were signed.
func (c *check) storedFiles(ref string, m chain.Message, before, files map[string]wire.ObjectID) *Refusal {
	sums := map[string]wire.Hash{}
	for path, id := range files {
		if before[path] == id {
			continue
		}
		content, err := c.repo.Blob(id, maxStored)
		if err != nil {
			return refuse(ref, Tree, "%q: %w", path, err)
		}
		sums[path] = wire.Sum(content)
	}
	if chain.AddsHashOf(sums) != *m.Adds {
		return refuse(ref, Adds, "the files added are not the ones that were signed")
	}
	return nil
}

// mayStore says who may write keys, state and files of an epoch: a device that it
// lets in. Of one that has ended they may be put back, where the ref is gone, by
// the devices of that time; else only active ones go on.
func (c *check) mayStore(u gitstore.RefUpdate, e epoch, d wire.DeviceID) bool {
	if e.next == nil {
		return c.after.MayWriteLane(d)
	}
	return c.rosterAt(e.next.At-1).HasLane(d) && (u.Old.IsZero() || c.after.MayWriteLane(d))
}
