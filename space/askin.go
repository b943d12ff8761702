package space

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/espace-git/espace-git/chain"
	"github.com/espace-git/espace-git/gitstore"
	"github.com/espace-git/espace-git/internal/wire"
	"github.com/espace-git/espace-git/membership"
	"github.com/espace-git/espace-git/seal"
)

// Whether a wrap holds the right secret only its recipient can tell (DESIGN 6 "Accepting
// a secret"). A device that has wraps by others and none that fits says so in the open
// epoch, by a wrap for itself: nobody else has a reason to make one. The others answer
// with wraps of their own, which hold all secrets that it may have. So whoever seals
// locks out nobody.

// maxAnswers is how many devices answer that are no admin's: some may be the ones
// whose wraps are wrong.
const maxAnswers = 3

// lacksSecret: this device has to pass an epoch that no wrap at hand opens.
func (r *round) lacksSecret() (bool, error) {
	for _, e := range epochsToRead(r.me, r.roster()) {
		if e.O == r.me.Epoch.O || !r.roster().MayRead(r.me.Device, e.Number) {
			continue
		}
		if s, err := r.secretOf(e.O); err != nil || s.IsZero() {
			return true, err
		}
	}
	return false, nil
}

// askIn asks for a wrap that opens, once in an epoch.
func (r *round) askIn(b *gitstore.Batch, host map[string]wire.ObjectID) (gitstore.RefUpdate, error) {
	d, ok := r.roster().Device(r.me.Device)
	if !ok || !r.roster().MayWriteLane(d.ID) {
		return gitstore.RefUpdate{}, nil
	}
	if lacks, err := r.lacksSecret(); err != nil || !lacks {
		return gitstore.RefUpdate{}, err
	}
	open := r.roster().Epoch().Epoch
	makers, err := r.wrappersIn(open, d)
	if err != nil || len(makers) == 0 || slices.Contains(makers, d.ID) {
		return gitstore.RefUpdate{}, err // without any the others wrap anyway
	}
	nothing, err := seal.NewSecret(r.s.opts.Rand) // of no epoch
	if err != nil {
		return gitstore.RefUpdate{}, err
	}
	file, err := seal.WrapSecrets(d.Recipient, seal.Wrap{Space: r.s.id, Secrets: []seal.EpochSecret{{Secret: nothing}}})
	if err != nil {
		return gitstore.RefUpdate{}, fmt.Errorf("asking for a wrap: %w", err)
	}
	r.warn("no wrap lets this device into epoch %d: asking other members' devices for one", open.Number)
	return r.addKeys(b, host, open, map[string][]byte{seal.WrapPath(d.Recipient, d.ID, 0): file})
}

// addKeys is the commit that adds wraps to what the host shows of an epoch's keys.
func (r *round) addKeys(b *gitstore.Batch, host map[string]wire.ObjectID, e wire.Epoch, add map[string][]byte) (gitstore.RefUpdate, error) {
	ref := r.s.refs.Keys(e)
	parent := host[ref]
	files, err := r.wrapsOf(parent)
	if err != nil {
		files = nil // not a tree of ours: the wraps in older commits stay reachable
	}
	maps.DeleteFunc(add, func(name string, _ []byte) bool { return files[name] != wire.ObjectID{} }) // only added, never replaced
	if len(add) == 0 {
		return gitstore.RefUpdate{}, nil
	}
	tree := keysTree(b, files, add)
	adds := chain.AddsHash(add)
	msg := r.messageIn(chain.Keys, e)
	msg.Adds = &adds
	id, err := r.commit(b, ref, parent, tree, msg)
	return gitstore.RefUpdate{Name: ref, Old: parent, New: id}, err
}

// answers: d asks for a wrap, and enough others have not answered yet.
func (r *round) answers(d membership.Device, makers []wire.DeviceID) bool {
	if !slices.Contains(makers, d.ID) || d.ID == r.roster().Epoch().Author || r.expiredUnseen(d) {
		return false
	}
	if r.roster().RoleOf(r.me.Device) < membership.Admin && len(makers) > maxAnswers {
		return false
	}
	r.warn("%s says that no wrap lets it in: adding one", r.deviceName(d.ID))
	return true
}

// holdsEnding: the device surely has the secret of the epoch that ends: it wrote in it,
// or this device wrapped it. Of another's wrap nobody knows.
func (r *round) holdsEnding(d membership.Device) (bool, error) {
	if l := r.lanes[d.ID]; d.ID == r.me.Device || l != nil && l.log.Len() > 0 {
		return true, nil
	}
	makers, err := r.wrappersIn(r.me.Epoch, d)
	return slices.Contains(makers, r.me.Device), err
}

// unopenedPatience is how long a device waits for the secret of an epoch that others may
// have, before the epoch counts as one that nobody can open.
const unopenedPatience = 24 * time.Hour

func unopenedKey(o wire.Hash) []byte { return append([]byte("unopened"), o[:]...) }

// noteUnopened notes since when the secret of an epoch is lacking.
func (r *round) noteUnopened(o wire.Hash) error {
	_, noted, err := r.v.Get(bucketMeta, unopenedKey(o))
	if err != nil || noted {
		return err
	}
	return putValue(r.v, bucketMeta, unopenedKey(o), r.now.UnixMilli())
}

// unopenedLong: it has been lacking for so long that nobody is waited for any more.
func (r *round) unopenedLong(o wire.Hash) bool {
	var ms int64
	ok, err := getValue(r.v, bucketMeta, unopenedKey(o), &ms)
	return err == nil && ok && r.now.Sub(time.UnixMilli(ms)) >= unopenedPatience
}

// passesUnopened: an epoch that was sealed again empty is passed without its secret, if
// nothing in the ledger was encrypted under it. Else others may know a name or a schema
// that this device does not, and it waits as long as somebody may have the secret.
func (r *round) passesUnopened(next, after membership.Opening) bool {
	if len(after.Cut.Lanes) > 0 || after.Cut.Order.Len > 0 {
		return false
	}
	secret := func(e *membership.Entry) bool { return len(e.Private) > 0 && !fromJoin(e) }
	return !slices.ContainsFunc(r.ledger.entries[next.At:after.At], secret) || r.unopenedLong(next.O)
}
