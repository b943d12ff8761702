package space

import (
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"

	"github.com/espace-git/espace-git/chain"
	"github.com/espace-git/espace-git/gitstore"
	"github.com/espace-git/espace-git/identity"
	"github.com/espace-git/espace-git/internal/wire"
	"github.com/espace-git/espace-git/membership"
	"github.com/espace-git/espace-git/seal"
)

// maxWrap bounds a wrap: a thousand epochs' secrets need 71 kB.
const maxWrap = 256 << 10

// loadSecret takes the secret of this device's epoch out of the keyring.
func (r *round) loadSecret() (err error) {
	if r.ledger.roster == nil {
		return nil
	}
	r.secret, err = r.secretOf(r.epoch().O)
	return err
}

// readKeys reads what is new in an epoch's keys: wraps for this device, and who
// has been let in by whom.
func (r *round) readKeys(e wire.Epoch, tip wire.ObjectID) error {
	ref := r.s.refs.Keys(e)
	if tip != r.tips[ref] {
		if err := r.newKeys(e, ref, tip); err != nil {
			return err
		}
	}
	if _, has := r.s.keys.Secret(e.O); has {
		return nil
	}
	return r.takeSecret(e, tip)
}

func (r *round) newKeys(e wire.Epoch, ref string, tip wire.ObjectID) error {
	commits, stands, err := r.advance(ref, tip, "the keys")
	if err != nil {
		return err
	}
	var anchor wire.ObjectID
	for _, c := range commits {
		v, asks, err := r.keysCommit(e, c)
		if err != nil {
			r.warn("%s: ignoring commit %.10s: %v", ref, c.ID, firstLine(err.Error()))
			continue
		}
		if !asks { // who asks to be let in has seen nothing yet
			if err := r.place(v); err != nil {
				return err
			}
		}
		anchor = c.ID
	}
	if !stands {
		return nil // what we have stays, and the host is put right
	}
	return r.moveTip(ref, anchor)
}

// keysCommit notes whom a member's device let in. Whoever reads wraps judges them
// by the commitment, so this only says who made them. A device that is not let in
// itself has nothing to hand on: it may ask for itself.
func (r *round) keysCommit(e wire.Epoch, c gitstore.CommitRef) (v chain.Verified, asks bool, err error) {
	v, err = r.verifiedIn(e.O, c, chain.Keys, func(id wire.DeviceID) (membership.Device, bool) {
		d, ok := r.roster().Device(id)
		return d, ok && r.hasKeysOf(e, d)
	})
	if err != nil {
		return v, false, err
	}
	added, err := r.keysAdded(c)
	if err != nil {
		return v, false, err
	}
	if chain.AddsHashOf(added) != *v.Adds {
		return v, false, errors.New("its files are not the ones that were signed")
	}
	own, _ := r.roster().Device(v.Device)
	asks = true
	for name := range added {
		n, err := seal.ParseWrapPath(name)
		if err != nil || n.Wrapper != v.Device {
			return v, false, fmt.Errorf("%s adds %q, which is not its to add", v.Device, name)
		}
		asks = asks && n.Recipient == seal.RecipientName(own.Recipient)
		if err := r.v.Put(bucketWrap, wrapKey(e.O, n.Recipient, n.Wrapper), []byte{1}); err != nil {
			return v, false, err
		}
	}
	return v, asks, nil
}

// hasKeysOf reports whether the device had a say about the keys of that epoch while
// they were handed on: then, or after it. Who was removed since did no wrong before.
func (r *round) hasKeysOf(e wire.Epoch, d membership.Device) bool {
	roster := r.roster()
	next, over := roster.OpeningOf(e.Number + 1)
	if !over {
		return roster.HasLane(d.ID) || roster.MayWriteLane(d.ID)
	}
	last, ok := roster.At(next.At - 1)
	return d.AddedAt >= next.At || ok && last.HasLane(d.ID)
}

// wrapKey names a wrap that was signed: whose keys it is for, and who made it.
func wrapKey(o wire.Hash, recipient string, wrapper wire.DeviceID) []byte {
	return slices.Concat(o[:], []byte(recipient), wrapper[:])
}

// maxAdded bounds the files of one keys commit: every device of a space, and more.
const maxAdded = 4 * wire.MaxDevices

// keysAdded is what a commit adds to its parent's tree, by path: Adds covers it by
// SHA-256. One blob may stand under many names, so that each is read once.
func (r *round) keysAdded(c gitstore.CommitRef) (map[string]wire.Hash, error) {
	files, err := r.wraps(c.Tree)
	if err != nil {
		return nil, err
	}
	if len(c.Parents) > 0 {
		before, err := r.wrapsOf(c.Parents[0])
		if err != nil {
			return nil, err
		}
		maps.DeleteFunc(files, func(name string, id wire.ObjectID) bool { return before[name] == id })
	}
	if len(files) > maxAdded {
		return nil, fmt.Errorf("it adds %d files, limit %d", len(files), maxAdded)
	}
	added := make(map[string]wire.Hash, len(files))
	sums := map[wire.ObjectID]wire.Hash{}
	for name, id := range files {
		sum, ok := sums[id]
		if !ok {
			wrap, err := r.s.repo.Blob(id, maxWrap)
			if err != nil {
				return nil, err
			}
			sum = wire.Sum(wrap)
			sums[id] = sum
		}
		added[name] = sum
	}
	return added, nil
}

// wrapsOf lists the wraps in a commit's tree; none if it is no commit.
func (r *round) wrapsOf(commit wire.ObjectID) (map[string]wire.ObjectID, error) {
	raw, err := r.s.repo.CommitBytes(commit)
	if err != nil {
		return nil, nil
	}
	tree, err := gitstore.CommitTree(raw)
	if err != nil {
		return nil, nil
	}
	return r.wraps(tree)
}

// wraps lists what a keys tree holds: `<recipient>/<wrapper>-<i>.age`.
func (r *round) wraps(tree wire.ObjectID) (map[string]wire.ObjectID, error) {
	root, err := r.s.repo.Tree(tree)
	if err != nil {
		return nil, err
	}
	out := map[string]wire.ObjectID{}
	for _, dir := range root {
		if dir.Mode != gitstore.ModeDir {
			continue
		}
		files, err := r.s.repo.Tree(dir.ID)
		if err != nil {
			return nil, err
		}
		for _, f := range files {
			if f.Mode == gitstore.ModeFile {
				out[path.Join(dir.Name, f.Name)] = f.ID
			}
		}
	}
	return out, nil
}

// takeSecret looks through all wraps for this device, those in older commits too,
// since anyone who may push can hide them under a commit without them, and takes the
// first that fits the commitment in the verified ledger. Who pushed it does not matter.
func (r *round) takeSecret(e wire.Epoch, tip wire.ObjectID) error {
	if !r.roster().MayWriteLane(r.me.Device) {
		return nil
	}
	commits, err := r.s.repo.Commits([]wire.ObjectID{tip}, nil, maxCommits)
	if err != nil {
		r.warn("keys: %v", err)
		return nil
	}
	mine := seal.RecipientName(r.s.keys.Device().Recipient())
	seen := map[wire.ObjectID]bool{}
	for _, c := range slices.Backward(commits) {
		if c.Err != nil {
			continue
		}
		for _, w := range r.wrapsFor(mine, c.Tree, seen) {
			file, err := r.s.repo.Blob(w.ID, maxWrap)
			if err != nil {
				continue
			}
			if err := r.acceptWrap(path.Join(mine, w.Name), file); err != nil {
				return err
			}
			if _, has := r.s.keys.Secret(e.O); has {
				return nil
			}
		}
	}
	return nil
}

// wrapsFor lists the wraps for one recipient in a tree that were not seen yet.
func (r *round) wrapsFor(recipient string, tree wire.ObjectID, seen map[wire.ObjectID]bool) (out []gitstore.TreeEntry) {
	if seen[tree] {
		return nil
	}
	seen[tree] = true
	root, err := r.s.repo.Tree(tree)
	if err != nil {
		return nil // a stranger's
	}
	for _, dir := range root {
		if dir.Name != recipient || dir.Mode != gitstore.ModeDir || seen[dir.ID] {
			continue
		}
		seen[dir.ID] = true
		files, err := r.s.repo.Tree(dir.ID)
		if err != nil {
			continue
		}
		for _, f := range files {
			n, err := seal.ParseWrapPath(path.Join(recipient, f.Name))
			if _, known := r.roster().Device(n.Wrapper); err == nil && known && f.Mode == gitstore.ModeFile && !seen[f.ID] {
				seen[f.ID] = true
				out = append(out, f)
			}
		}
	}
	return out
}

func (r *round) acceptWrap(name string, file []byte) error {
	return r.acceptWrapBy(r.s.keys.Device(), name, file)
}

func (r *round) acceptWrapBy(key seal.Opener, name string, file []byte) error {
	w, err := seal.OpenWrap(file, key)
	if err != nil || w.Space != r.s.id {
		r.warn("keys: wrap %s is for another space or does not open", name)
		return nil
	}
	for _, o := range r.roster().Openings() {
		i := slices.IndexFunc(w.Secrets, func(s seal.EpochSecret) bool { return s.O == o.O })
		if i < 0 {
			continue
		}
		s := w.Secrets[i].Secret
		if !s.Matches(o.Commitment, o.Number, o.P) {
			r.warn("keys: wrap %s holds a wrong secret for epoch %d", name, o.Number)
			continue
		}
		if err := r.s.keys.AddSecret(o.O, s.Bytes()); err != nil && !errors.Is(err, identity.ErrExists) {
			return err
		}
	}
	return nil
}
