package space

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"time"

	"github.com/espace-git/espace-git/gitstore"
	"github.com/espace-git/espace-git/identity"
	"github.com/espace-git/espace-git/internal/wire"
	"github.com/espace-git/espace-git/view"
)

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
	t.sweep()
	if _, err := os.Stat(abs); errors.Is(err, os.ErrNotExist) {
		t.made = true
	}
	if err := os.MkdirAll(abs, 0o755); err != nil {
		return nil, err
	}
	t.temp, err = os.MkdirTemp(abs, markerDir+tempInfix)
	return t, err
}

// sweep removes what a run that was killed left before it had put anything into
// its place. An hour is far more than a run takes.
func (t *site) sweep() {
	left, _ := filepath.Glob(t.marker + tempInfix + "*")
	for _, dir := range left {
		if info, err := os.Stat(dir); err == nil && time.Since(info.ModTime()) > time.Hour {
			os.RemoveAll(dir)
		}
	}
}

const tempInfix = ".new-"

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

// settle moves the space into its place and opens it there, before anything of it
// is on the host: whatever kills the program from now on, the next run finds the
// keys and finishes (finish.go).
func (t *site) settle(ctx context.Context) (*Space, error) {
	var urls []string
	if t.s.url != "" {
		urls = []string{t.s.url}
	}
	if err := t.s.Close(); err != nil {
		return nil, err
	}
	if err := identity.Remember(t.home, t.id, t.dir, urls); err != nil {
		return nil, err
	}
	if err := os.Rename(t.temp, t.marker); err != nil {
		return nil, err
	}
	t.temp = t.marker
	s, err := open(ctx, t.dir, t.id, t.keys, t.opts)
	t.s = s
	return s, err
}

// keep: the space stands.
func (t *site) keep() { t.done = true }

// abandon takes everything away again, unless the space is to be kept.
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
		identity.Forget(t.home, t.id)
	}
	if t.made {
		os.Remove(t.dir)
	}
}
