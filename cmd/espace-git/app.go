package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/espace-git/espace-git/identity"
	"github.com/espace-git/espace-git/space"
)

// An app is one run of the program: where it reads and writes, and the flags that every verb has.
type app struct {
	ctx     context.Context
	name    string // as the user types it
	in      *bufio.Reader
	stdin   io.Reader // in, unbuffered: to ask whether it is a terminal
	out     io.Writer
	err     io.Writer
	env     map[string]string
	started bool // a verb runs: what went wrong before that is wrong usage
	busy    bool // a progress line stands on the terminal

	dir       string // -C
	json      bool
	yes       bool
	transport string
}

func newApp(ctx context.Context, args []string, in io.Reader, out, err io.Writer, env []string) *app {
	a := &app{ctx: ctx, name: programName(args[0]), in: bufio.NewReader(in), stdin: in, out: out, err: err, env: map[string]string{}}
	for _, pair := range env {
		key, value, _ := strings.Cut(pair, "=")
		a.env[key] = value
	}
	// Flags that do not parse are answered in JSON as well.
	a.json = slices.Contains(args, "--json")
	return a
}

// home is the folder of this user's keys (ESPACE_HOME).
func (a *app) home() (string, error) {
	if home := a.env["ESPACE_HOME"]; home != "" {
		return filepath.Abs(home)
	}
	if config := a.env["XDG_CONFIG_HOME"]; filepath.IsAbs(config) {
		return filepath.Join(config, "espace-git"), nil
	}
	config, err := os.UserConfigDir()
	if err != nil {
		return "", usage(errors.New(noHome), hintNoHome)
	}
	return filepath.Join(config, "espace-git"), nil
}

var transports = []string{"auto", "git", "inprocess"}

// options are those of the SDK, as flags and environment have them.
func (a *app) options() (space.Options, error) {
	home, err := a.home()
	if err != nil {
		return space.Options{}, err
	}
	if !slices.Contains(transports, a.transport) {
		return space.Options{}, usagef(hintTransport, badTransport, a.transport)
	}
	o := space.Options{Home: home, Passphrase: a.passphrase(askUnlock), Git: a.transport, Progress: a.progress()}
	if o.NoAgent = a.env["ESPACE_AGENT"] == "off"; !o.NoAgent {
		o.Agent = identity.SelfAgent()
	}
	return o, nil
}

// path resolves a file or folder argument against -C.
func (a *app) path(name string) string {
	if a.dir == "" || filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(a.dir, name)
}

// open opens the space around the current directory. A device that waits to be let in syncs first, so that every command
// works as soon as somebody has let it in.
func (a *app) open() (*space.Space, error) {
	root, err := space.Find(a.path("."))
	if err != nil {
		return nil, err
	}
	o, err := a.options()
	if err != nil {
		return nil, err
	}
	if !identity.VaultExists(o.Home) {
		return nil, &fault{fmt.Errorf(noKeys, o.Home), exitNoKey, hintNoKeys}
	}
	s, err := space.Open(a.ctx, root, o)
	if err != nil {
		return nil, err
	}
	if err := a.catchUp(s); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// catchUp syncs once for a newcomer. That the host can't be reached is a warning: reading what is here still works.
func (a *app) catchUp(s *space.Space) error {
	st, err := s.Status(a.ctx)
	if err != nil || st.State != "waiting" {
		return err
	}
	_, err = s.Sync(a.ctx)
	if errors.Is(err, space.ErrViolation) || a.ctx.Err() != nil {
		return err
	}
	if err != nil {
		a.warn(fmt.Sprintf(stillWaiting, clean(err.Error())))
	}
	return nil
}

// in calls f with the space around the current directory.
func (a *app) inSpace(f func(*space.Space) error) error {
	s, err := a.open()
	if err != nil {
		return err
	}
	defer s.Close()
	return f(s)
}
