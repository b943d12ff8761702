package identity

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/zalando/go-keyring"

	"github.com/espace-git/espace-git/internal/wire"
)

// keepFor is how long a passphrase that was given once serves.
const keepFor = 8 * time.Hour

// keeper holds U between commands. Both methods are best effort: without it the user is
// asked again.
type keeper interface {
	ask() (atRest, bool)
	tell(atRest)
}

// keeperOf chooses the agent, or the system keyring where the user asked for it
// (ESPACE_KEYRING=system). The agent is the default because it forgets after 8 hours by
// itself, is gone after a reboot, works without a desktop session, and hands the key to
// this program's user only; a system keyring keeps items on disk, its own lock is not
// ours to end, and asking for one over a remote login can hang.
func keeperOf(home string, file []byte, opts Unlock) keeper {
	tag := tagOf(file)
	switch {
	case opts.NoAgent:
		return noKeeper{}
	case os.Getenv("ESPACE_KEYRING") == "system":
		return systemKeeper{home, tag}
	}
	return agentKeeper{home, tag, opts.Agent}
}

// tagOf binds a kept key to the identity file that it was in: after the file changed
// (another vault, another passphrase) what is kept serves no more.
func tagOf(file []byte) wire.Hash { return wire.Sum(wire.AD("agent", file)) }

type noKeeper struct{}

func (noKeeper) ask() (atRest, bool) { return atRest{}, false }
func (noKeeper) tell(atRest)         {}

// agentKeeper is the agent of this home.
type agentKeeper struct {
	home    string
	tag     wire.Hash
	command []string
}

func (k agentKeeper) ask() (atRest, bool) { return askAgent(k.home, k.tag) }

func (k agentKeeper) tell(u atRest) {
	if len(k.command) == 0 {
		return
	}
	if err := Lock(k.home); err != nil { // an agent for an identity file of the past
		return
	}
	_ = startAgent(k.command, k.home, k.tag, u, keepFor)
}

// systemKeeper is the system keyring. An item is "<until> <tag> <key>".
type systemKeeper struct {
	home string
	tag  wire.Hash
}

const systemService = "espace-git"

// systemMark is an empty file in a home whose key the system keyring was told, so that
// `lock` deletes it in a session that does not use the system keyring, and asks nobody
// where it never was used.
const systemMark = "system-keyring"

func (k systemKeeper) ask() (atRest, bool) {
	item, err := keyring.Get(systemService, k.home)
	if err != nil {
		return atRest{}, false
	}
	u, ok := k.parse(item, time.Now())
	if !ok {
		_ = keyring.Delete(systemService, k.home)
	}
	return u, ok
}

func (k systemKeeper) parse(item string, now time.Time) (atRest, bool) {
	var until int64
	var tag, key string
	if _, err := fmt.Sscanf(item, "%d %s %s", &until, &tag, &key); err != nil {
		return atRest{}, false
	}
	left := time.Unix(until, 0).Sub(now)
	if tag != k.tag.String() || left <= 0 || left > keepFor {
		return atRest{}, false
	}
	u, err := parseAtRest([]byte(key))
	return u, err == nil
}

func (k systemKeeper) tell(u atRest) {
	if os.WriteFile(filepath.Join(k.home, systemMark), nil, fileMode) != nil {
		return
	}
	_ = keyring.Set(systemService, k.home, k.item(u, time.Now()))
}

func (k systemKeeper) item(u atRest, now time.Time) string {
	return fmt.Sprintf("%d %s %s", now.Add(keepFor).Unix(), k.tag, strings.TrimSpace(u.id().String()))
}

// Lock forgets the at-rest key: the agent ends, the system keyring's item is deleted.
// When it returns nil the next command needs the passphrase. Not being unlocked is no
// error. ErrBusy: an agent is there and does not end.
func Lock(home string) error {
	if err := errors.Join(stopAgent(home), forgetSystem(home)); err != nil {
		return fmt.Errorf("locking: %w", err)
	}
	return nil
}

func forgetSystem(home string) error {
	mark := filepath.Join(home, systemMark)
	if !exists(mark) {
		return nil
	}
	if err := keyring.Delete(systemService, home); err != nil && !errors.Is(err, keyring.ErrNotFound) {
		return fmt.Errorf("system keyring: %w", err)
	}
	return os.Remove(mark)
}
