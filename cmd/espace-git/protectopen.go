package main

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/espace-git/espace-git/pathcrypt"
)

// decryptTree shows in plaintext what git checked out before it knew the filter: in a fresh clone, every protected file.
// git would take those for unchanged and leave them. Where no key opens them they stay as they are, with a warning.
func (a *app) decryptTree() error {
	closed, err := a.encryptedInTree()
	if err != nil || len(closed) == 0 {
		return err
	}
	names := new(strings.Builder)
	for _, e := range closed {
		if err := os.Chtimes(a.path(e.path), time.Time{}, time.Unix(1, 0)); err != nil { // else git finds it up to date
			return err
		}
		names.WriteString(e.path + "\x00")
	}
	cmd := a.gitCommand("checkout-index", "--force", "--index", "-z", "--stdin")
	cmd.Stdin, cmd.Stderr = strings.NewReader(names.String()), a.err
	if err := cmd.Run(); err != nil {
		a.warn(stillEncrypted)
		return a.putBack(closed)
	}
	return nil
}

// encryptedInTree lists the protected files of the work tree that are, byte for byte, the encrypted ones of the index.
func (a *app) encryptedInTree() (found []indexEntry, err error) {
	patterns, err := a.protectedPatterns()
	if err != nil {
		return nil, err
	}
	out, err := a.gitOutput("ls-files", "-s", "-z")
	if err != nil {
		return nil, err
	}
	var x indexBlobs
	defer x.close()
	for _, e := range indexEntries(out) {
		if !strings.HasPrefix(e.mode, "100") || !matchesAny(patterns, e.path) {
			continue
		}
		file := a.encryptedFile(e.path)
		if file == nil {
			continue
		}
		if err := x.ready(a); err != nil {
			return nil, err
		}
		blob, err := x.ask(e.id)
		if err != nil {
			return nil, err
		}
		if bytes.Equal(file, blob) {
			found = append(found, e)
		}
	}
	return found, nil
}

// encryptedFile is nil if the file is none, or is not encrypted.
func (a *app) encryptedFile(path string) []byte {
	if info, err := os.Lstat(a.path(path)); err != nil || !info.Mode().IsRegular() {
		return nil
	}
	b, err := os.ReadFile(a.path(path))
	if err != nil || !pathcrypt.Encrypted(b) {
		return nil
	}
	return b
}

// putBack writes again what git removed before it found that it can't be opened.
func (a *app) putBack(files []indexEntry) error {
	for _, e := range files {
		if _, err := os.Lstat(a.path(e.path)); !os.IsNotExist(err) {
			continue
		}
		blob, err := a.gitOutput("cat-file", "blob", e.id)
		if err != nil {
			return err
		}
		perm := os.FileMode(0o644)
		if e.mode == "100755" {
			perm = 0o755
		}
		if err := os.WriteFile(a.path(e.path), blob, perm); err != nil {
			return fmt.Errorf("putting back %s: %w", e.path, err)
		}
	}
	return nil
}
