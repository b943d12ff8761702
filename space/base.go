package space

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/espace-git/espace-git/chain"
	"github.com/espace-git/espace-git/checkpoint"
	"github.com/espace-git/espace-git/gitstore"
	"github.com/espace-git/espace-git/internal/wire"
	"github.com/espace-git/espace-git/membership"
)

// The base of an epoch is the state that it starts with (DESIGN 5, "Checkpoint").
// Every device makes its own as it passes a seal, and keeps it: the view is made
// anew from it, its digest is what the device endorses, and whoever joins later can
// begin with it. Its records, by the first byte of their keys:
//
//	'a'                   opening of the epoch, as times count it
//	'i' ‖ entry ‖ name    an item of the directory: salt and value
//	'n' ‖ device          numbers of its sealed transactions
//	then what package view exports: rows, and who wrote them
const (
	recordOpening = 'a'
	recordItem    = 'i'
	recordNumbers = 'n'
)

// storedItem is a private item that matched the hash in its signed entry.
type storedItem struct {
	_     struct{} `cbor:",toarray"`
	Salt  [32]byte
	Value []byte
}

func itemKey(number uint64, name string) []byte { return append(wire.U64(number), name...) }

// baseBatch bounds how many bytes of pages are in memory before they go to git.
const baseBatch = 16 << 20

// makeBase keeps the state as it is now as the base of this device's epoch.
func (r *round) makeBase() error {
	prev, err := r.lastBase()
	if err != nil {
		return err
	}
	cut, err := r.pageCut()
	if err != nil {
		return err
	}
	place := checkpoint.Place{Space: r.s.id, Epoch: r.epoch().O}
	builder := checkpoint.New(place, cut, prev, r.s.opts.Rand)
	batch, size := r.s.repo.Batch(), 0
	builder.Emit = func(p checkpoint.Page) error {
		if p.Blob == nil {
			return nil
		}
		id := batch.Blob(p.Blob)
		if size += len(p.Blob); size > baseBatch {
			if err := batch.Flush(); err != nil {
				return err
			}
			batch, size = r.s.repo.Batch(), 0
		}
		return r.v.Put(bucketBlob, p.Hash[:], id[:])
	}
	if err := r.eachRecord(builder.Add); err != nil {
		return fmt.Errorf("making the state of epoch %d: %w", r.epoch().Number, err)
	}
	built, err := builder.Finish()
	if err != nil {
		return fmt.Errorf("making the state of epoch %d: %w", r.epoch().Number, err)
	}
	if err := batch.Flush(); err != nil {
		return err
	}
	return r.storeBase(built.Manifest)
}

// storeBase stores a manifest as that of this device's epoch, and forgets the ones
// before, with the pages that they alone had.
func (r *round) storeBase(m *checkpoint.Manifest) error {
	b, err := m.Encode()
	if err != nil {
		return err
	}
	if err := clearBucket(r.v, bucketBase, nil); err != nil {
		return err
	}
	if err := r.v.Put(bucketBase, m.Epoch[:], b); err != nil {
		return err
	}
	if err := r.noteState(m, r.me.Device); err != nil {
		return err
	}
	lives := map[wire.Hash]bool{}
	for _, p := range m.Pages {
		lives[p.Hash] = true
	}
	for pair, err := range r.v.Each(bucketBlob, nil) {
		if err != nil {
			return err
		}
		if !lives[wire.Hash(pair.Key)] {
			if err := r.v.Delete(bucketBlob, pair.Key); err != nil {
				return err
			}
		}
	}
	return nil
}

// lastBase is the newest manifest that is kept; nil before the first seal.
func (r *round) lastBase() (*checkpoint.Manifest, error) {
	for pair, err := range r.v.Each(bucketBase, nil) {
		if err != nil {
			return nil, err
		}
		return checkpoint.Decode(pair.Value)
	}
	return nil, nil
}

// base is the manifest of this device's epoch; nil in the first one.
func (r *round) base() (*checkpoint.Manifest, error) {
	o := r.epoch().O
	b, ok, err := r.v.Get(bucketBase, o[:])
	if err != nil || !ok {
		return nil, err
	}
	return checkpoint.Decode(b)
}

func (r *round) pageCut() (cut [32]byte, err error) {
	b, ok, err := r.v.Get(bucketName, nameKey(nameCut, nil))
	if err == nil && (!ok || len(b) != len(cut)) {
		err = errors.New("local store: the space's page-cut key is missing")
	}
	copy(cut[:], b)
	return cut, err
}

// eachRecord gives all records of the state, in the order of their keys.
func (r *round) eachRecord(add func(key, value []byte) error) error {
	if err := add([]byte{recordOpening}, wire.U64(r.me.Opening)); err != nil {
		return err
	}
	o, _ := r.roster().OpeningOf(r.me.Epoch.Number)
	roster, _ := r.roster().At(o.At)
	for pair, err := range r.v.Each(bucketItem, nil) {
		if err != nil {
			return err
		}
		if !r.living(roster, pair.Key) {
			continue
		}
		if err := add(append([]byte{recordItem}, pair.Key...), pair.Value); err != nil {
			return err
		}
	}
	for pair, err := range r.v.Each(bucketSealed, nil) {
		if err != nil {
			return err
		}
		if err := add(append([]byte{recordNumbers}, pair.Key...), pair.Value); err != nil {
			return err
		}
	}
	return r.v.ExportRows(add)
}

// living says whether the directory still has a use for an item: the names of those
// who were ever known, the schema in force, and what open invites need.
func (r *round) living(roster *membership.Roster, key []byte) bool {
	number, name, ok := splitItemKey(key)
	if !ok || number > roster.Head().Number {
		return false
	}
	e := r.ledger.entries[number]
	switch name {
	case membership.ItemSchema:
		in, ok := r.schemas.inForce(roster.Head().Number)
		return ok && (number == in || e.Proposal != nil && number == roster.SchemaAt())
	case membership.ItemMailbox, membership.ItemInviteFor:
		inv, ok := roster.Invite(membership.InviteID(e.Hash))
		return ok && inv.Open()
	}
	return true
}

func splitItemKey(key []byte) (number uint64, name string, ok bool) {
	if len(key) <= 8 {
		return 0, "", false
	}
	return wire.ReadU64(key), string(key[8:]), true
}

// readBase hands the records of the base to fn.
func (r *round) readBase(m *checkpoint.Manifest, fn func(key, value []byte) error) error {
	_, err := checkpoint.Read(m.Unread(), r.page, fn)
	return err
}

// page is a page of a base, out of the own repository.
func (r *round) page(hash wire.Hash) ([]byte, error) {
	id, ok, err := r.v.Get(bucketBlob, hash[:])
	if err == nil && !ok {
		err = fmt.Errorf("local store: page %.12s of the state is not known", hash)
	}
	if err != nil {
		return nil, err
	}
	return r.s.repo.Blob(wire.ObjectID(id), wire.MaxEntry)
}

// resetEpoch takes the view back to the state with which this device's epoch began.
func (r *round) resetEpoch() error {
	if err := r.v.ClearRows(); err != nil {
		return err
	}
	o := r.epoch().O
	for _, bucket := range []string{bucketLane, bucketReader, bucketPage, bucketHead, bucketHeld} {
		if err := clearBucket(r.v, bucket, o[:]); err != nil {
			return err
		}
	}
	if err := clearOrder(r.v); err != nil {
		return err
	}
	r.lanes, r.order = map[wire.DeviceID]*lane{}, nil
	m, err := r.base()
	if err != nil || m == nil {
		return err
	}
	err = r.readBase(m, func(key, value []byte) error {
		switch key[0] {
		case recordOpening, recordItem, recordNumbers:
			return nil
		}
		return r.v.ImportRow(key, value)
	})
	if err != nil {
		return err
	}
	return r.v.EndImport()
}

// The files of a checkpoint's commits.
const (
	manifestFile = "manifest"
	pagesDir     = "pages"
)

// stateAfter is how long a newcomer may stay silent before other members publish
// the state as they know it, too.
const stateAfter = 10 * time.Minute

// statePush bounds what one commit of a checkpoint carries.
const statePush = wire.MaxPush / 2

// stateUpdate publishes this device's base, if it is the one to do it: the sealer, or
// whoever lets in somebody that the sealer's did not help. done says that nothing of
// it is missing on the host any more.
func (r *round) stateUpdate(b *gitstore.Batch, host map[string]wire.ObjectID) (gitstore.RefUpdate, error) {
	m, err := r.base()
	if err != nil || m == nil || r.secret.IsZero() {
		return gitstore.RefUpdate{}, err
	}
	ref := r.s.refs.State(r.epoch(), r.me.Device)
	if wanted, err := r.publishes(); err != nil || !wanted || !r.tips[ref].IsZero() {
		return gitstore.RefUpdate{}, err
	}
	key := r.secret.ManifestKey(r.epoch().O)
	box, err := m.Seal(key, r.s.opts.Rand)
	if err != nil {
		return gitstore.RefUpdate{}, err
	}
	parent := host[ref]
	var pages []gitstore.TreeEntry
	adds, size := map[string]wire.Hash{}, 0
	tree := func(manifest []byte) wire.ObjectID {
		files := slices.Clone(pages)
		slices.SortFunc(files, func(a, b gitstore.TreeEntry) int { return strings.Compare(a.Name, b.Name) })
		root := []gitstore.TreeEntry{{Name: pagesDir, Mode: gitstore.ModeDir, ID: b.Tree(files)}}
		if manifest != nil {
			root = append([]gitstore.TreeEntry{{Name: manifestFile, Mode: gitstore.ModeFile, ID: b.Blob(manifest)}}, root...)
		}
		return b.Tree(root)
	}
	commit := func(manifest []byte) error {
		sum := chain.AddsHashOf(adds)
		msg := r.message(chain.State)
		msg.Adds = &sum
		id, err := r.commit(b, ref, parent, tree(manifest), msg)
		parent, adds, size = id, map[string]wire.Hash{}, 0
		return err
	}
	listed := map[wire.Hash]bool{}
	for _, p := range m.Pages {
		if listed[p.Hash] {
			continue
		}
		listed[p.Hash] = true
		id, ok, err := r.v.Get(bucketBlob, p.Hash[:])
		if err != nil || !ok {
			return gitstore.RefUpdate{}, errors.Join(err, fmt.Errorf("publishing the state: page %.12s is missing", p.Hash))
		}
		name := p.Hash.String()
		pages = append(pages, gitstore.TreeEntry{Name: name, Mode: gitstore.ModeFile, ID: wire.ObjectID(id)})
		adds[path.Join(pagesDir, name)] = p.Hash
		if size += int(p.Length); size > statePush {
			if err := commit(nil); err != nil {
				return gitstore.RefUpdate{}, err
			}
		}
	}
	adds[manifestFile] = wire.Sum(box)
	if err := commit(box); err != nil {
		return gitstore.RefUpdate{}, err
	}
	return gitstore.RefUpdate{Name: ref, Old: host[ref], New: parent}, nil
}

// publishes says whether this device's base should be on the host.
func (r *round) publishes() (bool, error) {
	o := r.roster().Epoch()
	if o.O != r.epoch().O || o.Number == 0 {
		return false, nil
	}
	if o.Author == r.me.Device {
		return true, nil
	}
	for _, d := range r.roster().Recipients() {
		late, err := r.waitsForState(d, o)
		if err != nil || late {
			return late, err
		}
	}
	return false, nil
}

// waitsForState: d came in this epoch and has not spoken, though the sealer has not
// endorsed a state as this device knows it, or ten minutes have passed.
func (r *round) waitsForState(d membership.Device, o membership.Opening) (bool, error) {
	if !r.newcomer(d, o) {
		return false, nil
	}
	mine, err := r.base()
	if err != nil || mine == nil {
		return false, err
	}
	var digest wire.Hash
	b, ok, err := r.v.Get(bucketEndorsed, laneKey(o.O, o.Author))
	copy(digest[:], b)
	if err != nil || !ok || digest != mine.Digest {
		return err == nil, err
	}
	return r.now.Sub(r.firstSeen(d)) > stateAfter, nil
}

// newcomer: the device came in the open epoch, and nothing that it signed was seen.
func (r *round) newcomer(d membership.Device, o membership.Opening) bool {
	if d.AddedAt == o.At { // it recovered, and sealed without having read anything
		l := r.lanes[d.ID]
		return l == nil || l.log.Len() == 0
	}
	_, spoke, err := r.v.Get(bucketPlace, d.ID[:])
	m, _ := r.roster().Member(d.Member)
	return err == nil && !spoke && (d.AddedAt > o.At || m.NoHistory && m.Since == o.Number)
}

// endorses is the digest that the own lane's first entry in an epoch names, and
// whether that entry should go now, with nothing else in it.
func (r *round) endorses() (digest *wire.Hash, now bool, err error) {
	m, err := r.base()
	if err != nil || m == nil {
		return nil, false, err
	}
	o := r.roster().Epoch()
	now = o.Author == r.me.Device
	for _, d := range r.roster().Recipients() {
		now = now || r.newcomer(d, o)
	}
	return &m.Digest, now, nil
}

// manifestOf opens the manifest of a checkpoint that somebody published.
func (r *round) manifestOf(box []byte) (*checkpoint.Unread, error) {
	key := r.secret.ManifestKey(r.epoch().O)
	return checkpoint.Open(checkpoint.Place{Space: r.s.id, Epoch: r.epoch().O}, key, box)
}
