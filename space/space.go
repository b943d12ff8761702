package space

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/espace-git/espace-git/gitstore"
	"github.com/espace-git/espace-git/identity"
	"github.com/espace-git/espace-git/internal/wire"
	"github.com/espace-git/espace-git/membership"
	"github.com/espace-git/espace-git/view"
)

// What a space is on disk, below its directory:
//
//	.espace/space     its ID
//	.espace/git/      a bare repository: what the host has, and more
//	.espace/store.db  journal, view, cursors, outbox; encrypted
//	.espace/git/espace.lock  held by the process that syncs
//
// The keys lie apart, in the user's home.
const (
	markerDir  = ".espace"
	markerFile = "space"
	gitDir     = "git"
	storeFile  = "store.db"
)

// Space is an open space. Its methods may be called from several goroutines, and
// several processes may have one space open: one syncs at a time, all read and
// write.
type Space struct {
	dir  string // the directory that has .espace
	opts Options
	id   wire.Hash
	keys *identity.Keyring
	db   *view.DB
	repo *gitstore.Repo
	refs wire.Refs
	url  string // of the primary remote; empty: none yet

	mu     sync.Mutex
	remote gitstore.Remote
	cached *ledger // as of cached.len() entries
}

// Find is the directory of the space that dir lies in.
func Find(dir string) (root string, err error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	for d := abs; ; d = filepath.Dir(d) {
		if _, err := os.Stat(filepath.Join(d, markerDir, markerFile)); err == nil {
			return d, nil
		}
		if d == filepath.Dir(d) {
			return "", fmt.Errorf("%s: %w", abs, ErrNoSpace)
		}
	}
}

// Open opens the space that dir lies in. Errors: ErrNoSpace, ErrLocked,
// ErrPassphrase, and failures of the disk.
func Open(ctx context.Context, dir string, o Options) (*Space, error) {
	root, err := Find(dir)
	if err != nil {
		return nil, err
	}
	if o, err = o.withDefaults(); err != nil {
		return nil, err
	}
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
		if errors.Is(err, identity.ErrNotFound) {
			return nil, join(ErrNotMine, fmt.Errorf("opening space: %w (keys are looked for in %s)", err, o.Home))
		}
		return nil, fmt.Errorf("opening space: %w", err)
	}
	return open(ctx, root, id, keys, o)
}

func open(ctx context.Context, root string, id wire.Hash, keys *identity.Keyring, o Options) (*Space, error) {
	marker := filepath.Join(root, markerDir)
	db, err := view.Open(filepath.Join(marker, storeFile), keys.StoreKey())
	if errors.Is(err, fs.ErrNotExist) {
		err = join(ErrDamaged, err)
	}
	if err != nil {
		return nil, fmt.Errorf("opening space: %w", err)
	}
	repo, err := gitstore.Open(filepath.Join(marker, gitDir))
	if errors.Is(err, gitstore.ErrNotRepository) {
		err = fmt.Errorf("%w: %s", ErrLocalGit, err.Error()) // not the host's
	}
	if err != nil {
		db.Close()
		return nil, fmt.Errorf("opening space: %w", err)
	}
	s := &Space{dir: root, opts: o, id: id, keys: keys, db: db, repo: repo}
	if err := db.View(ctx, s.loadPlace); err != nil {
		s.Close()
		return nil, fmt.Errorf("opening space: %w", err)
	}
	return s, nil
}

// Close releases the store and the connection to the host.
func (s *Space) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.remote != nil {
		s.remote.Close()
		s.remote = nil
	}
	return s.db.Close()
}

// ID is the space's ID: the SHA-256 of the entry that founded it, in hexadecimal.
func (s *Space) ID() string { return s.id.String() }

// Dir is the directory of the space.
func (s *Space) Dir() string { return s.dir }

func readMarker(root string) (wire.Hash, error) {
	b, err := os.ReadFile(filepath.Join(root, markerDir, markerFile))
	if err != nil {
		return wire.Hash{}, fmt.Errorf("opening space: %w", err)
	}
	id, err := wire.ParseHash(strings.TrimSuffix(string(b), "\n"))
	if err != nil {
		return wire.Hash{}, fmt.Errorf("opening space: %s is damaged: %w", filepath.Join(markerDir, markerFile), err)
	}
	return id, nil
}

// place is where a space is on its host.
type place struct {
	_      struct{} `cbor:",toarray"`
	URL    string
	Ledger string
	Prefix string
}

func (s *Space) loadPlace(v *view.Tx) error {
	var p place
	ok, err := getValue(v, bucketMeta, []byte("place"), &p)
	if err == nil && !ok {
		err = errors.New("local store: it does not say where the space is")
	}
	s.url, s.refs = p.URL, wire.Refs{Ledger: p.Ledger, Prefix: p.Prefix}
	return err
}

// savePlace stores it twice: the keyring still has it when the store is lost.
func (s *Space) savePlace(v *view.Tx) error {
	p := place{URL: s.url, Ledger: s.refs.Ledger, Prefix: s.refs.Prefix}
	b, err := wire.MarshalCBOR(p)
	if err != nil {
		return err
	}
	if err := s.keys.Put(keyringPlace, b); err != nil {
		return err
	}
	return putValue(v, bucketMeta, []byte("place"), p)
}

// keyringPlace is the item of the keyring with the place.
const keyringPlace = "place"

// host is the connection to the primary remote.
func (s *Space) host() (gitstore.Remote, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.remote != nil {
		return s.remote, nil
	}
	if s.url == "" {
		return nil, usage("this space has no remote yet: `espace-git remote add origin URL`")
	}
	var err error
	s.remote, err = s.connect(s.url)
	return s.remote, err
}

func (s *Space) connect(url string) (gitstore.Remote, error) { return s.connectTo(s.repo, url) }

func (s *Space) connectTo(repo *gitstore.Repo, url string) (gitstore.Remote, error) {
	prefer := gitstore.Transport(s.opts.Git)
	if s.opts.Git == "auto" {
		prefer = gitstore.Auto
	}
	return gitstore.NewRemote(repo, url, gitstore.RemoteOptions{Prefer: prefer})
}

// ledgerAt is the verified ledger. Entries that this process has folded before
// are not folded again.
func (s *Space) ledgerAt(v *view.Tx) (*ledger, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l, err := s.cached.within(v)
	if err != nil {
		return nil, err
	}
	var stored [][]byte
	for pair, err := range v.From(bucketLedger, nil, wire.U64(uint64(l.len()))) {
		if err != nil {
			return nil, err
		}
		stored = append(stored, pair.Value)
	}
	if len(stored) > 0 {
		roster, entries, err := membership.Fold(l.roster, stored)
		if err != nil {
			return nil, fmt.Errorf("local store: %w", err)
		}
		l = &ledger{roster, append(l.entries[:l.len():l.len()], entries...), append(l.envelopes[:l.len():l.len()], stored...)}
	}
	s.cached = l
	return l.clone(), nil
}

// openVault unlocks this user's keys.
func openVault(o Options) (*identity.Vault, error) {
	if !identity.VaultExists(o.Home) {
		return nil, join(ErrNotMine, fmt.Errorf("no keys in %s: %w", o.Home, fs.ErrNotExist))
	}
	return identity.OpenVault(o.Home, o.unlock())
}

func (o Options) unlock() identity.Unlock {
	u := identity.Unlock{Passphrase: o.Passphrase, NoAgent: o.NoAgent}
	if !o.NoAgent {
		u.Agent = o.Agent
	}
	return u
}

// InitHome makes this user's at-rest key if there is none: under the passphrase
// that Options.Passphrase gives, or unprotected with Options.NoPassphrase.
func InitHome(o Options) error {
	o, err := o.withDefaults()
	if err != nil {
		return err
	}
	_, err = ensureVault(o)
	return err
}

func ensureVault(o Options) (*identity.Vault, error) {
	if identity.VaultExists(o.Home) {
		return openVault(o)
	}
	if o.NoPassphrase {
		return identity.CreateVault(o.Home, nil)
	}
	if o.Passphrase == nil {
		return nil, join(ErrLocked, errors.New("a new home needs a passphrase, or to be told that there is none"))
	}
	pass, err := o.Passphrase()
	if err != nil {
		return nil, err
	}
	defer clear(pass)
	if len(pass) == 0 {
		return nil, usage("the passphrase is empty")
	}
	return identity.CreateVault(o.Home, pass)
}

// Unlock asks for the passphrase once and leaves the key with an agent of this
// user, until Lock or for 8 hours.
func Unlock(_ context.Context, o Options) error {
	o, err := o.withDefaults()
	if err != nil {
		return err
	}
	_, err = openVault(o)
	return err
}

// Lock makes the agent forget the key.
func Lock(home string) error {
	o, err := Options{Home: home}.withDefaults()
	if err != nil {
		return err
	}
	return identity.Lock(o.Home)
}
