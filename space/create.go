package space

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/espace-git/espace-git/chain"
	"github.com/espace-git/espace-git/gitstore"
	"github.com/espace-git/espace-git/identity"
	"github.com/espace-git/espace-git/internal/wire"
	"github.com/espace-git/espace-git/membership"
	"github.com/espace-git/espace-git/schema"
	"github.com/espace-git/espace-git/seal"
	"github.com/espace-git/espace-git/view"
)

// CreateOptions say what a new space is.
type CreateOptions struct {
	Name       string // of the space, for its members
	As         string // the founder's name, for the members
	DeviceName string // of this device, for the members
	Remote     string // URL of the host; empty: none yet
	Schema     []byte // YAML; empty: no tables yet
	NoRecovery bool   // make no recovery words
	LedgerRef  string // empty: refs/heads/main
	Prefix     string // empty: refs/espace/
}

// Created is what Create made.
type Created struct {
	Space    string   `json:"space"`
	Dir      string   `json:"dir"`
	Recovery []string `json:"recovery"` // twelve words for paper; none with NoRecovery
}

// Create founds a space in dir, which is made if need be, and puts it on the host
// if Remote names one. When it fails, nothing of the space is left.
func Create(ctx context.Context, dir string, c CreateOptions, o Options) (*Space, *Created, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, nil, err
	}
	refs, err := layout(c.LedgerRef, c.Prefix)
	if err != nil {
		return nil, nil, err
	}
	if err := checkNames(c.Name, c.As); err != nil {
		return nil, nil, err
	}
	sc, err := parseSchema(nil, c.Schema)
	if err != nil {
		return nil, nil, err
	}
	vault, err := ensureVault(o)
	if err != nil {
		return nil, nil, fmt.Errorf("creating space: %w", err)
	}
	f, err := newFounding(vault, o, c, sc)
	if err != nil {
		return nil, nil, fmt.Errorf("creating space: %w", err)
	}
	s, err := f.build(ctx, vault, dir, refs, c.Remote, o)
	if err != nil {
		return nil, nil, fmt.Errorf("creating space: %w", err)
	}
	return s, &Created{Space: s.ID(), Dir: s.dir, Recovery: f.words}, nil
}

func layout(ledger, prefix string) (wire.Refs, error) {
	refs := wire.DefaultRefs
	if ledger != "" {
		refs.Ledger = ledger
	}
	if prefix != "" {
		refs.Prefix = prefix
	}
	if err := wire.CheckRefs(refs); err != nil {
		return refs, join(ErrUsage, err)
	}
	return refs, nil
}

func parseSchema(before *schema.Schema, yaml []byte) (*schema.Schema, error) {
	parsed := &schema.Schema{}
	var err error
	if len(yaml) > 0 {
		if parsed, err = schema.Parse(yaml); err != nil {
			return nil, join(ErrUsage, err)
		}
	}
	sc, err := schema.Number(before, parsed)
	if err != nil {
		return nil, join(ErrUsage, err)
	}
	return sc, nil
}

// founding is a space before it is anywhere.
type founding struct {
	device   *identity.Device
	secret   seal.Secret
	envelope []byte
	entry    *membership.Entry
	roster   *membership.Roster
	words    []string
}

func newFounding(vault *identity.Vault, o Options, c CreateOptions, sc *schema.Schema) (*founding, error) {
	f := new(founding)
	var err error
	if f.device, err = vault.NewDevice(o.Rand); err != nil {
		return nil, err
	}
	if f.secret, err = seal.NewSecret(o.Rand); err != nil {
		return nil, err
	}
	body := &membership.GenesisBody{
		Commitment: f.secret.Commitment(0, wire.Hash{}),
		Device:     membership.NewDevice{Key: f.device.PublicKey(), Recipient: f.device.Recipient()},
		Format:     1,
	}
	if !c.NoRecovery {
		if body.Recovery, f.words, err = newRecovery(o.Rand); err != nil {
			return nil, err
		}
	}
	items, err := foundingItems(o.Rand, c, sc)
	if err != nil {
		return nil, err
	}
	box, err := private(o.Rand, f.secret, wire.Hash{}, items)
	if err != nil {
		return nil, err
	}
	f.envelope, err = membership.NewGenesis(membership.Draft{Body: body, Time: o.Now(), Items: items.Hashes(), Private: box, Signer: f.device})
	if err != nil {
		return nil, err
	}
	f.roster, f.entry, err = membership.Genesis(f.envelope)
	return f, err
}

func foundingItems(rnd io.Reader, c CreateOptions, sc *schema.Schema) (membership.Items, error) {
	encoded, err := sc.Encode()
	if err != nil {
		return nil, err
	}
	cut, err := seal.NewKey(rnd)
	if err != nil {
		return nil, err
	}
	values := map[string][]byte{
		membership.ItemSpaceName:  []byte(c.Name),
		membership.ItemMemberName: []byte(c.As),
		membership.ItemDeviceName: []byte(deviceNameOr(c.DeviceName)),
		membership.ItemSchema:     encoded,
		membership.ItemPageCut:    cut.Bytes(),
	}
	return salted(rnd, values)
}

// newRecovery draws the twelve words. Only their public halves stay here.
func newRecovery(rnd io.Reader) (*membership.RecoveryKeys, []string, error) {
	var words [16]byte
	if _, err := io.ReadFull(rnd, words[:]); err != nil {
		return nil, nil, err
	}
	reading, err := identity.RecoveryReading(words)
	if err != nil {
		return nil, nil, err
	}
	signing := identity.RecoverySigning(words)
	text := membership.RecoveryWords(words)
	return &membership.RecoveryKeys{Key: signing.PublicKey(), Recipient: reading.Recipient()}, text[:], nil
}

// build puts the space on disk, then on the host, then into its place: whoever
// finds `.espace` finds a whole space.
func (f *founding) build(ctx context.Context, vault *identity.Vault, dir string, refs wire.Refs, url string, o Options) (*Space, error) {
	site, err := newSite(dir)
	if err != nil {
		return nil, err
	}
	defer site.abandon()
	id := f.entry.Hash
	if err := site.prepare(vault, o, id, f.device); err != nil {
		return nil, err
	}
	if err := site.keys.AddSecret(id, f.secret.Bytes()); err != nil {
		return nil, err
	}
	s := site.space(refs, url)
	err = s.db.Update(ctx, func(v *view.Tx) error { return s.found(v, f) })
	if err != nil {
		return nil, err
	}
	if url != "" {
		if err := s.publish(ctx); err != nil {
			return nil, err
		}
	}
	return site.settle(ctx)
}

// found writes what the founder's device knows of itself.
func (s *Space) found(v *view.Tx, f *founding) error {
	if err := s.savePlace(v); err != nil {
		return err
	}
	if err := (self{Device: f.device.ID()}).save(v); err != nil {
		return err
	}
	if err := v.Put(bucketLedger, wire.U64(0), f.envelope); err != nil {
		return err
	}
	r, err := s.newRound(v, new(SyncResult))
	if err != nil {
		return err
	}
	if err := r.openItems(); err != nil {
		return err
	}
	return r.standing(0)
}

// publish makes the three refs of a new space on its host: the ledger, the keys
// and the empty order (DESIGN 3, "Genesis"). `main` comes last where the host
// can't promise all or none: without it there is no space.
func (s *Space) publish(ctx context.Context) error {
	host, err := s.host()
	if err != nil {
		return err
	}
	shown, err := s.fetch(ctx, host, s.id)
	if err != nil {
		return err
	}
	if err := s.vacant(shown); err != nil {
		return err
	}
	updates, err := s.foundingRefs(ctx, shown)
	if err != nil {
		return err
	}
	pushed, err := pushTogether(ctx, host, updates)
	if err != nil {
		return err
	}
	return s.db.Update(ctx, func(v *view.Tx) error { return s.landed(v, pushed) })
}

// vacant refuses a host where something stands that a new space would cover.
func (s *Space) vacant(shown map[string]wire.ObjectID) error {
	tip, ok := shown[s.refs.Ledger]
	if !ok {
		return nil
	}
	raw, err := s.repo.CommitBytes(tip)
	if err != nil {
		return fmt.Errorf("%s on the host is no branch: %w", s.refs.Ledger, err)
	}
	tree, err := gitstore.CommitTree(raw)
	if err != nil {
		return err
	}
	names, err := s.repo.TreeNames(tree)
	if err != nil {
		return fmt.Errorf("reading %s: %w", s.refs.Ledger, err)
	}
	for _, name := range names {
		if !placeholder(name) {
			return usage("the branch %s on the host has files already (%s): use an empty repository, or another branch with --ledger-ref refs/heads/NAME", s.refs.Ledger, name)
		}
	}
	return nil
}

// placeholder: what hosts put into a repository that they create.
func placeholder(name string) bool {
	switch name {
	case "README.md", "README", "LICENSE", ".gitignore", ".gitattributes":
		return true
	}
	return false
}

func (s *Space) foundingRefs(ctx context.Context, shown map[string]wire.ObjectID) (updates []gitstore.RefUpdate, err error) {
	b := s.repo.Batch()
	err = s.db.View(ctx, func(v *view.Tx) error {
		r, err := s.newRound(v, new(SyncResult))
		if err != nil {
			return err
		}
		updates, err = r.foundingUpdates(b, shown)
		return err
	})
	if err != nil {
		return nil, err
	}
	return updates, b.Flush()
}

func (r *round) foundingUpdates(b *gitstore.Batch, shown map[string]wire.ObjectID) ([]gitstore.RefUpdate, error) {
	dev := r.s.keys.Device()
	wrap, err := seal.WrapSecrets(dev.Recipient(), seal.Wrap{Space: r.s.id, Secrets: []seal.EpochSecret{{O: r.s.id, Secret: r.secret}}})
	if err != nil {
		return nil, err
	}
	add := map[string][]byte{seal.WrapPath(dev.Recipient(), dev.ID(), 0): wrap}
	adds := chain.AddsHash(add)
	keys := r.message(chain.Keys)
	keys.Adds = &adds
	var empty chain.Log
	none := empty.Head()
	order := r.message(chain.Order)
	order.Log = &none
	var out []gitstore.RefUpdate
	for _, c := range []struct {
		ref  string
		tree wire.ObjectID
		msg  chain.Message
	}{
		{r.s.refs.Keys(r.epoch()), keysTree(b, nil, add), keys},
		{r.s.refs.Order(r.epoch()), b.Tree(nil), order},
		{r.s.refs.Ledger, ledgerTree(b, r.ledger.envelopes), r.ledgerMessage(0)},
	} {
		id, err := r.commit(b, c.ref, shown[c.ref], c.tree, c.msg)
		if err != nil {
			return nil, err
		}
		out = append(out, gitstore.RefUpdate{Name: c.ref, Old: shown[c.ref], New: id})
	}
	return out, nil
}

// ledgerMessage is of the commit that adds the entries from number first on.
func (r *round) ledgerMessage(first int) chain.Message {
	files := map[string][]byte{}
	for i := first; i < r.ledger.len(); i++ {
		files[membership.Path(uint64(i))] = r.ledger.envelopes[i]
	}
	adds := chain.AddsHash(files)
	m := r.message(chain.Ledger)
	m.Adds = &adds
	return m
}

// pushTogether moves refs as one where the host can promise that, else one after
// the other, the last one last.
func pushTogether(ctx context.Context, host gitstore.Remote, updates []gitstore.RefUpdate) ([]gitstore.RefUpdate, error) {
	pushed, err := host.Push(ctx, updates, gitstore.PushOptions{Atomic: true})
	if errors.Is(err, gitstore.ErrNoAtomic) {
		for _, u := range updates {
			if pushed, err = host.Push(ctx, []gitstore.RefUpdate{u}, gitstore.PushOptions{}); err != nil {
				return nil, err
			}
			if err := pushed.Err(); err != nil {
				return nil, err
			}
		}
		return updates, nil
	}
	if err != nil {
		return nil, err
	}
	return updates, pushed.Err()
}

// landed notes where refs stand on the host now.
func (s *Space) landed(v *view.Tx, updates []gitstore.RefUpdate) error {
	for _, u := range updates {
		if err := v.Put(bucketTip, []byte(u.Name), u.New[:]); err != nil {
			return err
		}
	}
	return nil
}

// site is a space while it is built, in a directory beside its place.
type site struct {
	dir, marker, temp string
	made              bool // dir itself was made here
	home              string
	id                wire.Hash
	opts              Options
	keys              *identity.Keyring
	vault             *identity.Vault
	s                 *Space
	done              bool
}

func newSite(dir string) (*site, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	t := &site{dir: abs, marker: filepath.Join(abs, markerDir)}
	if root, err := Find(abs); err == nil {
		return nil, usage("there is a space in %s already", root)
	}
	if _, err := os.Stat(abs); errors.Is(err, os.ErrNotExist) {
		t.made = true
	}
	if err := os.MkdirAll(abs, 0o755); err != nil {
		return nil, err
	}
	t.temp, err = os.MkdirTemp(abs, markerDir+".new-")
	return t, err
}

func (t *site) prepare(vault *identity.Vault, o Options, id wire.Hash, dev *identity.Device) (err error) {
	t.vault, t.opts, t.home, t.id = vault, o, o.Home, id
	if t.keys, err = vault.CreateKeyring(id, dev); err != nil {
		return err
	}
	repo, err := gitstore.Init(filepath.Join(t.temp, gitDir))
	if err != nil {
		return err
	}
	db, err := view.Create(filepath.Join(t.temp, storeFile), t.keys.StoreKey())
	if err != nil {
		return err
	}
	t.s = &Space{dir: t.dir, opts: o, id: id, keys: t.keys, db: db, repo: repo}
	return os.WriteFile(filepath.Join(t.temp, markerFile), []byte(id.String()+"\n"), 0o600)
}

func (t *site) space(refs wire.Refs, url string) *Space {
	t.s.refs, t.s.url = refs, url
	return t.s
}

// settle moves the space into its place and opens it there.
func (t *site) settle(ctx context.Context) (*Space, error) {
	url := t.s.url
	if err := t.s.Close(); err != nil {
		return nil, err
	}
	if err := os.Rename(t.temp, t.marker); err != nil {
		return nil, err
	}
	t.done = true
	var urls []string
	if url != "" {
		urls = []string{url}
	}
	if err := identity.Remember(t.home, t.id, t.dir, urls); err != nil {
		return nil, err
	}
	return open(ctx, t.dir, t.id, t.keys, t.opts)
}

// abandon takes everything away again, unless the space was settled.
func (t *site) abandon() {
	if t.done {
		return
	}
	if t.s != nil {
		t.s.Close()
	}
	os.RemoveAll(t.temp)
	if t.keys != nil {
		t.vault.DropKeyring(t.id)
	}
	if t.made {
		os.Remove(t.dir)
	}
}
