package space

import (
	"fmt"
	"path"
	"slices"
	"time"

	"github.com/espace-git/espace-git/gitstore"
	"github.com/espace-git/espace-git/internal/wire"
	"github.com/espace-git/espace-git/membership"
	"github.com/espace-git/espace-git/seal"
)

// letIn wraps the epoch's secret for every device that belongs and has no wrap
// yet, and adds an own wrap for newcomers that this device can witness and nobody
// has (DESIGN 6). It returns the files to add; nil if there is nothing to do.
func (r *round) letIn() (map[string][]byte, error) {
	if r.secret.IsZero() || r.me.Role == "" || r.behind() {
		return nil, nil
	}
	add := map[string][]byte{}
	for _, d := range r.roster().Recipients() {
		needed, err := r.needsWrap(d)
		if err != nil || !needed {
			if err != nil {
				return nil, err
			}
			continue
		}
		file, err := seal.WrapSecrets(d.Recipient, seal.Wrap{Space: r.s.id, Secrets: r.secretsFor(d)})
		if err != nil {
			return nil, fmt.Errorf("wrapping for device %s: %w", d.ID, err)
		}
		add[seal.WrapPath(d.Recipient, r.me.Device, 0)] = file
		if name := r.deviceName(d.ID); !slices.Contains(r.res.LetIn, name) {
			r.res.LetIn = append(r.res.LetIn, name)
		}
	}
	return add, r.wrapForPaper(add)
}

// wrapForPaper lets the recovery words of the only member read.
func (r *round) wrapForPaper(add map[string][]byte) error {
	paper, ok := r.roster().Paper()
	if !ok {
		return nil
	}
	makers, err := r.wrappers(membership.Device{Recipient: paper})
	if err != nil || slices.Contains(makers, r.me.Device) {
		return err
	}
	me, _ := r.roster().Device(r.me.Device)
	file, err := seal.WrapSecrets(paper, seal.Wrap{Space: r.s.id, Secrets: r.secretsFor(me)})
	if err == nil {
		add[seal.WrapPath(paper, r.me.Device, 0)] = file
	}
	return err
}

// needsWrap: nobody can tell whether another's wrap is good, so a device whose word
// counts alone adds its own unless one like it has: else any member could lock
// newcomers out by wrapping garbage for them first.
func (r *round) needsWrap(d membership.Device) (bool, error) {
	if d.ID == r.me.Device {
		return false, nil
	}
	makers, err := r.wrappers(d)
	if err != nil || slices.Contains(makers, r.me.Device) {
		return false, err
	}
	if r.answers(d, makers) {
		return true, nil
	}
	// What it signed itself lets nobody in.
	if slices.ContainsFunc(makers, func(id wire.DeviceID) bool { return id != d.ID }) {
		return r.shouldWitness(d, makers)
	}
	return d.ID != r.roster().Epoch().Author && !r.expiredUnseen(d), nil
}

// wrappers are the devices that signed a wrap for d in the open epoch.
func (r *round) wrappers(d membership.Device) (makers []wire.DeviceID, err error) {
	return r.wrappersIn(r.epoch(), d)
}

func (r *round) wrappersIn(e wire.Epoch, d membership.Device) (makers []wire.DeviceID, err error) {
	prefix := wrapKey(e.O, seal.RecipientName(d.Recipient), wire.DeviceID{})[:32+26]
	for pair, err := range r.v.Each(bucketWrap, prefix) {
		if err != nil {
			return nil, err
		}
		makers = append(makers, wire.DeviceID(pair.Key[len(prefix):]))
	}
	return makers, nil
}

// shouldWitness: d has wraps and has not come in by them, none of them is by a
// device whose word counts alone, and this device's word does.
func (r *round) shouldWitness(d membership.Device, makers []wire.DeviceID) (bool, error) {
	w, ok := r.roster().Witnesses(d.ID)
	if !ok || !w.Enough([]wire.DeviceID{r.me.Device}) {
		return false, nil
	}
	if slices.ContainsFunc(makers, func(id wire.DeviceID) bool { return w.Enough([]wire.DeviceID{id}) }) {
		return false, nil
	}
	_, spoke, err := r.v.Get(bucketPlace, d.ID[:]) // only who has the secret, and was witnessed, writes
	return !spoke, err
}

// expiredUnseen: the join was first seen after its invite's expiry by the own
// clock. Nobody wraps for it until an admin approves (DESIGN 6).
func (r *round) expiredUnseen(d membership.Device) bool {
	if d.Invited == nil || len(d.Approvals) > 0 {
		return false
	}
	inv, ok := r.roster().Invite(membership.InviteID(d.Invited.Hash))
	if !ok || inv.Expires.After(r.firstSeen(d)) {
		return false
	}
	r.warn("%s joined by an invite that had expired: an admin lets it in with `member approve`", r.deviceName(d.ID))
	return true
}

// firstSeen is when a device's join was first read here, by the own clock. A join
// that is being read now is seen now.
func (r *round) firstSeen(d membership.Device) time.Time {
	var ms int64
	if ok, err := getValue(r.v, bucketMet, d.ID[:], &ms); err != nil || !ok {
		return r.now
	}
	return time.UnixMilli(ms)
}

// meet notes when devices were first seen.
func (r *round) meet() error {
	for _, d := range r.roster().Devices() {
		_, met, err := r.v.Get(bucketMet, d.ID[:])
		if err != nil {
			return err
		}
		if met {
			continue
		}
		if err := putValue(r.v, bucketMet, d.ID[:], r.now.UnixMilli()); err != nil {
			return err
		}
	}
	return nil
}

// secretsFor lists what a device may hold: from its member's first epoch on.
func (r *round) secretsFor(d membership.Device) []seal.EpochSecret {
	m, _ := r.roster().Member(d.Member)
	var out []seal.EpochSecret
	for _, o := range r.roster().Openings() {
		if o.Number < max(m.Since, r.roster().Kept()) {
			continue
		}
		if b, ok := r.s.keys.Secret(o.O); ok {
			if s, err := seal.SecretFrom(b); err == nil {
				out = append(out, seal.EpochSecret{O: o.O, Secret: s})
			}
		}
	}
	return out
}

// keysUpdate is the commit that adds wraps to what the host shows.
func (r *round) keysUpdate(b *gitstore.Batch, host map[string]wire.ObjectID) (gitstore.RefUpdate, error) {
	add, err := r.letIn()
	if err != nil || len(add) == 0 {
		return gitstore.RefUpdate{}, err
	}
	return r.addKeys(b, host, r.epoch(), add)
}

// keysTree is the tree with all files, old and new.
func keysTree(b *gitstore.Batch, files map[string]wire.ObjectID, add map[string][]byte) wire.ObjectID {
	dirs := map[string][]gitstore.TreeEntry{}
	put := func(name string, id wire.ObjectID) {
		dirs[path.Dir(name)] = append(dirs[path.Dir(name)], gitstore.TreeEntry{Name: path.Base(name), Mode: gitstore.ModeFile, ID: id})
	}
	for name, id := range files {
		if _, again := add[name]; !again {
			put(name, id)
		}
	}
	for name, data := range add {
		put(name, b.Blob(data))
	}
	var root []gitstore.TreeEntry
	for dir, entries := range dirs {
		root = append(root, gitstore.TreeEntry{Name: dir, Mode: gitstore.ModeDir, ID: b.Tree(entries)})
	}
	return b.Tree(root)
}
