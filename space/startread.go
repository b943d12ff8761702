package space

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"github.com/espace-git/espace-git/checkpoint"
	"github.com/espace-git/espace-git/gitstore"
	"github.com/espace-git/espace-git/internal/wire"
	"github.com/espace-git/espace-git/membership"
	"github.com/espace-git/espace-git/merge"
)

// importing reads a checkpoint into an empty store.
type importing struct {
	r       *round
	opening membership.Opening
	items   map[uint64]membership.Items
}

var errDirectory = errors.New("its directory is not what members signed")

// read checks the whole of it before anything is believed: the digest first, then
// every item of the directory against its signed entry.
func (im *importing) read(u *checkpoint.Unread, o offer) (*checkpoint.Manifest, error) {
	fetch := func(hash wire.Hash) ([]byte, error) {
		id, ok := o.pages[hash]
		if !ok {
			return nil, fmt.Errorf("page %.12s: %w", hash, gitstore.ErrNotFound)
		}
		return im.r.s.repo.Blob(id, wire.MaxEntry)
	}
	m, err := checkpoint.Read(u, fetch, im.checkRecord)
	if err != nil {
		return nil, err
	}
	if _, err := checkpoint.Read(u, fetch, im.directory); err != nil {
		return nil, err
	}
	if err := im.direct(); err != nil {
		return nil, err
	}
	if _, err := checkpoint.Read(u, fetch, im.rows); err != nil {
		return nil, err
	}
	return m, im.r.v.EndImport()
}

// checkRecord refuses what no honest device writes.
func (im *importing) checkRecord(key, value []byte) error {
	r := im.r
	if len(key) == 0 {
		return fmt.Errorf("%w: a record without a key", errDirectory)
	}
	switch key[0] {
	case recordOpening:
		if !bytes.Equal(value, wire.U64(openingTimes(r.roster())[im.opening.Number])) {
			return fmt.Errorf("%w: it names another opening", errDirectory)
		}
	case recordNumbers:
		if _, err := merge.DecodeRanges(value); err != nil || len(key) != 1+len(wire.DeviceID{}) {
			return fmt.Errorf("%w: numbers: %v", errDirectory, err)
		}
	case recordItem:
		number, name, ok := splitItemKey(key[1:])
		var it storedItem
		if !ok || number > im.opening.At || wire.UnmarshalCBOR(value, &it) != nil {
			return fmt.Errorf("%w: an item is malformed", errDirectory)
		}
		if want, ok := r.ledger.entries[number].Items[name]; !ok || want != membership.ItemHash(name, it.Salt, it.Value) {
			return fmt.Errorf("%w: item %q of entry %d", errDirectory, name, number)
		}
	}
	return nil
}

func (im *importing) directory(key, value []byte) error {
	switch key[0] {
	case recordNumbers:
		return im.r.v.Put(bucketSealed, key[1:], value)
	case recordItem:
		number, name, _ := splitItemKey(key[1:])
		var it storedItem
		if err := wire.UnmarshalCBOR(value, &it); err != nil {
			return err
		}
		if im.items[number] == nil {
			im.items[number] = membership.Items{}
		}
		im.items[number][name] = membership.Item{Salt: it.Salt, Value: it.Value}
		return im.r.v.Put(bucketItem, key[1:], value)
	}
	return nil
}

// undo takes back what a checkpoint brought that turned out to be wrong. Names stay,
// since each matched its signed entry.
func (im *importing) undo() error {
	v := im.r.v
	im.r.schemas = nil
	for _, bucket := range []string{bucketSealed, bucketItem} {
		if err := clearBucket(v, bucket, nil); err != nil {
			return err
		}
	}
	if err := clearBucket(v, bucketName, []byte{nameSchema}); err != nil {
		return err
	}
	return errors.Join(v.ClearRows(), v.Delete(bucketMeta, []byte("items")))
}

// direct writes the names and the schema of the directory.
func (im *importing) direct() error {
	r := im.r
	numbers := make([]uint64, 0, len(im.items))
	for n := range im.items {
		numbers = append(numbers, n)
	}
	slices.Sort(numbers)
	for _, n := range numbers {
		if err := r.direct(r.ledger.entries[n], im.items[n]); err != nil {
			return err
		}
	}
	if err := putValue(r.v, bucketMeta, []byte("items"), im.opening.At+1); err != nil {
		return err
	}
	if _, err := r.pageCut(); err != nil || len(r.schemas) == 0 {
		return fmt.Errorf("%w: without the page-cut key and a schema nobody can go on from it", errDirectory)
	}
	if err := r.useSchema(im.opening.At); err != nil {
		return err
	}
	return r.v.ClearRows()
}

func (im *importing) rows(key, value []byte) error {
	switch key[0] {
	case recordOpening, recordItem, recordNumbers:
		return nil
	}
	return im.r.v.ImportRow(key, value)
}

// begin makes the epoch the one that this device stands in.
func (im *importing) begin(m *checkpoint.Manifest, o offer) error {
	r := im.r
	for _, p := range m.Pages {
		id := o.pages[p.Hash]
		if err := r.v.Put(bucketBlob, p.Hash[:], id[:]); err != nil {
			return err
		}
	}
	r.me.Epoch, r.me.Opening = im.opening.Epoch, openingTimes(r.roster())[im.opening.Number]
	if err := r.me.save(r.v); err != nil {
		return err
	}
	if err := r.storeBase(m); err != nil {
		return err
	}
	if err := r.noteState(m, o.author.ID); err != nil {
		return err
	}
	if err := seenChanged(r.v); err != nil {
		return err
	}
	r.applied = true
	r.res.Fetched += int(m.Records)
	if err := r.openItems(); err != nil {
		return err
	}
	return r.takeUp()
}
