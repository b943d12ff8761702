package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"

	"github.com/espace-git/espace-git/identity"
	"github.com/espace-git/espace-git/space"
)

// passphrase returns what the SDK calls when the keys are locked, or nil when nobody can answer: then the SDK says that they
// are locked. It comes from a file or the environment, else from the terminal; never from an argument.
func (a *app) passphrase(ask func(*app) ([]byte, error)) func() ([]byte, error) {
	switch {
	case a.env["ESPACE_PASSPHRASE_FILE"] != "":
		return func() ([]byte, error) { return passphraseFile(a.env["ESPACE_PASSPHRASE_FILE"]) }
	case a.env["ESPACE_PASSPHRASE"] != "":
		return func() ([]byte, error) { return []byte(a.env["ESPACE_PASSPHRASE"]), nil }
	case a.interactive():
		return func() ([]byte, error) { return ask(a) }
	}
	return nil
}

// passphraseFile reads the first line of a file.
func passphraseFile(name string) ([]byte, error) {
	b, err := os.ReadFile(name)
	if err != nil {
		return nil, usage(fmt.Errorf("reading ESPACE_PASSPHRASE_FILE: %w", err), hintPassphraseFile)
	}
	line, _, _ := bytes.Cut(b, []byte("\n"))
	if line = bytes.TrimSuffix(line, []byte("\r")); len(line) == 0 {
		return nil, usagef(hintPassphraseFile, "ESPACE_PASSPHRASE_FILE: the first line of %s is empty", name)
	}
	return line, nil
}

func askUnlock(a *app) ([]byte, error) { return a.secret(questionUnlock) }

// askNew asks for a new passphrase, twice.
func askNew(a *app) ([]byte, error) {
	a.say(explainPassphrase)
	first, err := a.secret(questionNew)
	if err != nil {
		return nil, err
	}
	if len(first) == 0 {
		return nil, usagef(hintNoPassphrase, emptyPassphrase)
	}
	again, err := a.secret(questionAgain)
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(first, again) {
		return nil, errors.New(passphrasesDiffer)
	}
	return first, nil
}

// newOptions are the options of a command that may make this user's keys: the first space that is created or joined does.
func (a *app) newOptions(unprotected bool) (space.Options, error) {
	o, err := a.options()
	if err != nil || identity.VaultExists(o.Home) {
		return o, err
	}
	o.NoPassphrase = unprotected
	if unprotected {
		a.warn(fmt.Sprintf(warnUnprotected, o.Home))
		return o, nil
	}
	if o.Passphrase = a.passphrase(askNew); o.Passphrase == nil {
		return o, usagef(hintNoPassphrase, newKeysNeedPassphrase)
	}
	return o, nil
}
