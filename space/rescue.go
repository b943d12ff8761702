package space

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/espace-git/espace-git/gitstore"
	"github.com/espace-git/espace-git/internal/wire"
	"github.com/espace-git/espace-git/view"
)

// storeAside is how the folder's name begins where a store goes that does not open
// any more.
const storeAside = "store-damaged"

// Rescue makes the local store of a space anew, when it is lost or too damaged to
// open, from what is left: the keys in the home and the local git repository. What
// had been pushed is all there again; what had only been written here went with
// the old store, which is set aside. It says what it did. A store that opens is
// left alone. A lost git repository is made anew, for the next sync to fill: what
// was written here is in the store.
func Rescue(ctx context.Context, dir string, o Options) (did []string, err error) {
	root, err := Find(dir)
	if err != nil {
		return nil, err
	}
	s, err := Open(ctx, root, o)
	if err == nil {
		return nil, s.Close()
	}
	if errors.Is(err, ErrLocalGit) {
		return rescueGit(root)
	}
	if !lostStore(err) {
		return nil, err
	}
	if o, err = o.withDefaults(); err != nil {
		return nil, err
	}
	if s, err = reopenWithout(root, o); err != nil {
		return nil, fmt.Errorf("rescuing the space: %w", err)
	}
	defer s.Close()
	if err := s.db.Update(ctx, func(v *view.Tx) error { return s.readLocal(ctx, v) }); err != nil {
		return nil, fmt.Errorf("rescuing the space: %w", err)
	}
	did = []string{
		"made the local store anew from the keys and the local git repository",
		"the old one is in " + filepath.Join(markerDir, storeAside+"-*") + "; what it had and never pushed is lost",
	}
	err = s.look(ctx, func(r *round) error {
		if !r.started() {
			did = append(did, "the next sync brings the state that the open epoch began with")
		}
		return nil
	})
	return did, err
}

func rescueGit(root string) ([]string, error) {
	if _, err := gitstore.Init(filepath.Join(root, markerDir, gitDir)); err != nil {
		return nil, fmt.Errorf("rescuing the space: %w", err)
	}
	return []string{"made the local git repository anew; the next sync fills it, and nothing that was written here is lost"}, nil
}

func lostStore(err error) bool {
	return errors.Is(err, ErrDamaged) || errors.Is(err, ErrStoreKey)
}

// reopenWithout opens a space with a new, empty store.
func reopenWithout(root string, o Options) (*Space, error) {
	id, err := readMarker(root)
	if err != nil {
		return nil, err
	}
	vault, err := openVault(o)
	if err != nil {
		return nil, err
	}
	keys, err := vault.OpenKeyring(id)
	if err != nil {
		return nil, err
	}
	s := &Space{dir: root, opts: o, id: id, keys: keys}
	b, ok, err := keys.Get(keyringPlace)
	if err == nil && !ok {
		err = errors.New("the keyring does not say where the space is")
	}
	if err != nil {
		return nil, err
	}
	var p place
	if err := wire.UnmarshalCBOR(b, &p); err != nil {
		return nil, err
	}
	s.url, s.refs = p.URL, wire.Refs{Ledger: p.Ledger, Prefix: p.Prefix}
	marker := filepath.Join(root, markerDir)
	if s.repo, err = gitstore.Init(filepath.Join(marker, gitDir)); err != nil {
		return nil, err
	}
	if err := setAside(marker); err != nil {
		return nil, err
	}
	s.db, err = view.Create(filepath.Join(marker, storeFile), keys.StoreKey())
	return s, err
}

// setAside moves all files of the old store away.
func setAside(marker string) error {
	old, err := filepath.Glob(filepath.Join(marker, storeFile+"*"))
	if err != nil || len(old) == 0 {
		return err
	}
	// What an earlier run set aside stays: it may hold what was never pushed.
	aside, err := os.MkdirTemp(marker, storeAside+"-")
	if err != nil {
		return err
	}
	for _, name := range old {
		err = errors.Join(err, os.Rename(name, filepath.Join(aside, filepath.Base(name))))
	}
	return err
}

// readLocal reads the local git repository as if it were a host.
func (s *Space) readLocal(ctx context.Context, v *view.Tx) error {
	if err := s.savePlace(v); err != nil {
		return err
	}
	own := s.keys.Device().ID()
	if err := (self{Device: own, Member: wire.MemberIDOf(own)}).save(v); err != nil {
		return err
	}
	refs, err := s.repo.Refs("refs/")
	if err != nil {
		return err
	}
	r, err := s.newRound(v, new(SyncResult))
	if err != nil {
		return err
	}
	if err := r.read(ctx, &display{refs: refs}); err != nil && !errors.Is(err, errNoLedger) {
		return err
	}
	return nil
}

// mirrorRefs lets the local refs stand where the store says that the host's do:
// so git keeps their objects, a later fetch can say what is here, and the space
// can be read again if the store is lost. The refs decide nothing, so an error
// only costs speed.
func (s *Space) mirrorRefs(ctx context.Context) {
	local, err := s.repo.Refs("refs/")
	if err != nil {
		return
	}
	var updates []gitstore.RefUpdate
	err = s.db.View(ctx, func(v *view.Tx) error {
		for pair, err := range v.Each(bucketTip, nil) {
			if err != nil {
				return err
			}
			ref, tip := string(pair.Key), wire.ObjectID(pair.Value)
			if local[ref] != tip {
				updates = append(updates, gitstore.RefUpdate{Name: ref, Old: local[ref], New: tip})
			}
		}
		return nil
	})
	if err == nil && len(updates) > 0 {
		_ = s.repo.SetRefs(updates)
	}
}
