package space

import (
	"context"
	"errors"
	"fmt"
	"io"

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
	Resumed  bool     `json:"resumed"`  // an earlier run was finished; its words were that run's to show
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
	if err := checkNames(c.Name, c.As, deviceNameOr(c.DeviceName)); err != nil {
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
	if s, err := resume(ctx, dir, stepFound, o, func(*Space, underWay) error { return nil }); s != nil || err != nil {
		if err != nil {
			return nil, nil, fmt.Errorf("creating space: %w", err)
		}
		return s, &Created{Space: s.ID(), Dir: s.dir, Recovery: []string{}, Resumed: true}, nil
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
	f.envelope, err = membership.NewGenesis(membership.Draft{Body: body, Time: coarse(o.Now()), Items: items.Hashes(), Private: box, Signer: f.device})
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
	if s, err = site.settle(ctx); err != nil {
		return nil, err
	}
	if url != "" {
		if err := s.publish(ctx); err != nil {
			if mayHaveLanded(ctx, err) {
				site.keep()
				s.Close()
				return nil, fmt.Errorf("%w; whether the host has the space is not known: `espace-git sync` in %s finishes it", err, s.dir)
			}
			return nil, err
		}
	}
	site.keep()
	return s, nil
}

// mayHaveLanded: after such an error the host may have what was pushed.
func mayHaveLanded(ctx context.Context, err error) bool {
	return errors.Is(err, gitstore.ErrUncertain) || ctx.Err() != nil
}

// found writes what the founder's device knows of itself.
func (s *Space) found(v *view.Tx, f *founding) error {
	if err := s.savePlace(v); err != nil {
		return err
	}
	if err := (self{Device: f.device.ID()}).save(v); err != nil {
		return err
	}
	if s.url != "" {
		if err := (underWay{Step: stepFound}).save(v); err != nil {
			return err
		}
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
