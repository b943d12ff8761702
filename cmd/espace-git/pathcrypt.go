package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/espace-git/espace-git/internal/gitfilter"
	"github.com/espace-git/espace-git/pathcrypt"
	"github.com/espace-git/espace-git/space"
)

func (a *app) filterProcessVerb() *cobra.Command {
	return a.verb("filter-process", cobra.NoArgs, func([]string) error { return a.filterProcess() })
}

func (a *app) textconvVerb() *cobra.Command {
	c := a.verb("textconv FILE", cobra.ExactArgs(1), func(args []string) error { return a.textconv(args[0]) })
	c.Flags().SetInterspersed(false)
	return c
}

// filterProcess answers git until git has no more files. The space is opened at the first file that is encrypted: `git
// status` on a repository that needs none of it asks for no passphrase.
func (a *app) filterProcess() error {
	c := &crypt{a: a, rewrite: a.env[rewriteVariable] != ""}
	defer c.close()
	return gitfilter.Serve(a.in, a.out, c, pathcrypt.MaxFile+1024, func(path string, err error) {
		a.warn(clean(path + ": " + err.Error()))
	})
}

// textconv prints a file's plaintext: that of an encrypted one, else the file.
func (a *app) textconv(name string) error {
	b, err := os.ReadFile(a.path(name))
	if err != nil {
		return err
	}
	c := &crypt{a: a}
	defer c.close()
	if b, err = c.Smudge(name, b); err != nil {
		return err
	}
	_, err = a.out.Write(b)
	return err
}

// rewriteVariable, in the environment of the filter, asks for the newest key whatever the index has.
const rewriteVariable = "ESPACE_PATH_REWRITE"

// crypt encrypts for the space that this repository's local configuration names.
type crypt struct {
	a       *app
	s       *space.Space
	keys    *space.PathKeys
	index   indexBlobs
	rewrite bool
	synced  bool // for a key that was not here
}

func (c *crypt) close() {
	c.index.close()
	if c.s != nil {
		c.s.Close()
	}
}

// open opens the space once. What fails then fails for every file.
func (c *crypt) open() (err error) {
	if c.s != nil {
		return nil
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("%w: %w", gitfilter.ErrAbort, err)
		}
	}()
	dir, _ := c.a.gitText("config", "--local", "espace.space")
	if dir == "" {
		return hinted(errors.New(notProtected), hintProtect)
	}
	if c.s, err = c.a.openAt(dir); err != nil {
		return err
	}
	c.keys, err = c.s.PathKeys(c.a.ctx)
	return err
}

// openAt opens the space of a folder elsewhere.
func (a *app) openAt(dir string) (*space.Space, error) {
	other := *a
	other.dir = dir
	return other.open()
}

// Clean is what git stores.
func (c *crypt) Clean(path string, content []byte) ([]byte, error) {
	if err := c.open(); err != nil {
		return nil, err
	}
	var before []byte
	if (c.keys.Len() > 1 || !c.keys.Fresh) && !c.rewrite { // with one key the same content gives the same bytes
		before = c.index.blob(c.a, path)
	}
	return c.retry(func() ([]byte, error) { return pathcrypt.Clean(c.keys.Space, c.keys, content, before) })
}

// Smudge is what the work tree gets.
func (c *crypt) Smudge(_ string, blob []byte) ([]byte, error) {
	if !pathcrypt.Encrypted(blob) {
		return blob, nil
	}
	if err := c.open(); err != nil {
		return nil, err
	}
	return c.retry(func() ([]byte, error) { return pathcrypt.Smudge(c.keys.Space, c.keys, blob) })
}

// retry syncs once when a key is missing: it may have been made after the last sync, or has to be made now, after a removal.
func (c *crypt) retry(f func() ([]byte, error)) ([]byte, error) {
	out, err := f()
	if !errors.Is(err, pathcrypt.ErrNoKey) || c.synced {
		return out, err
	}
	c.synced = true
	if !c.keys.Fresh {
		if c.keys, err = c.s.NewPathKey(c.a.ctx); err != nil {
			c.keys, _ = c.s.PathKeys(c.a.ctx)
			return nil, err
		}
	} else if _, err := c.s.Sync(c.a.ctx); err != nil {
		return nil, err
	} else if c.keys, err = c.s.PathKeys(c.a.ctx); err != nil {
		return nil, err
	}
	return f()
}

// openVersions replaces encrypted versions by their plaintext. It returns nil if none is encrypted.
func (a *app) openVersions(v *versions) (*crypt, error) {
	if !pathcrypt.Encrypted(v.o) && !pathcrypt.Encrypted(v.a) && !pathcrypt.Encrypted(v.b) {
		return nil, nil
	}
	c := &crypt{a: a}
	for _, b := range []*[]byte{&v.o, &v.a, &v.b} {
		var err error
		if *b, err = c.Smudge(v.path, *b); err != nil {
			c.close()
			return nil, err
		}
	}
	return c, nil
}

// seal encrypts the result of a merge.
func (c *crypt) seal(path string, merged []byte) ([]byte, error) {
	defer c.close()
	return c.Clean(path, merged)
}
