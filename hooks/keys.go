package hooks

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/espace-git/espace-git/chain"
	"github.com/espace-git/espace-git/gitstore"
	"github.com/espace-git/espace-git/internal/wire"
)

// wrapsPerWrapper is how many wraps one device may make for another (DESIGN 6).
const wrapsPerWrapper = 16

// keys checks a push of wraps: files are only added, each by its signer under
// its own name, for a recipient that the pushed ledger lists. Whether a wrap
// holds the secret, only its recipient can tell.
func (c *check) keys(u gitstore.RefUpdate) *Refusal {
	commits, r := c.added(u)
	if r != nil {
		return r
	}
	before := c.filesOf(u.Old)
	for _, commit := range commits {
		if r := c.keysSigner(u.Name, commit); r != nil {
			return r
		}
		files, err := c.files(commit.Git().Tree)
		if err != nil {
			return refuse(u.Name, Tree, "%w", err)
		}
		if r := c.keysFiles(u.Name, commit.Claims(), before, files); r != nil {
			return r
		}
		before = files
	}
	return nil
}

func (c *check) keysSigner(ref string, commit chain.Unverified) *Refusal {
	m := commit.Claims()
	if m.Kind != chain.Keys || m.Space != c.after.Space() || m.Epoch != c.after.Epoch().O {
		return refuse(ref, OtherPlace, "a commit of another kind, space or epoch")
	}
	if r := c.signer(ref, commit, c.after.MayWriteLane(m.Device)); r != nil {
		return r
	}
	return c.position(ref, m, 0)
}

// keysFiles checks that no wrap is gone, and those that were added.
func (c *check) keysFiles(ref string, m chain.Message, before, files map[string]wire.ObjectID) *Refusal {
	for _, path := range slices.Sorted(maps.Keys(before)) {
		if _, _, wrap := wrapName(path); wrap && files[path] != before[path] {
			return refuse(ref, Tree, "%q is taken out or replaced", path)
		}
	}
	return c.wraps(ref, m, before, files)
}

// wraps checks the files that a commit adds.
func (c *check) wraps(ref string, m chain.Message, before, files map[string]wire.ObjectID) *Refusal {
	listed := c.recipients()
	sums := map[string]wire.Hash{}
	for _, path := range slices.Sorted(maps.Keys(files)) {
		if old, was := before[path]; was && old == files[path] {
			continue
		}
		recipient, wrapper, ok := wrapName(path)
		if !ok || !listed[recipient] || wrapper != m.Device {
			return refuse(ref, Recipient, "%q is no wrap by %s for a device of this space", path, m.Device)
		}
		wrap, err := c.repo.Blob(files[path], maxWrap)
		if err != nil {
			return refuse(ref, Tree, "%q: %w", path, err)
		}
		sums[path] = wire.Sum(wrap)
	}
	if len(sums) == 0 || chain.AddsHashOf(sums) != *m.Adds {
		return refuse(ref, Adds, "the files added are not the ones that were signed")
	}
	return nil
}

// recipients are the names under which wraps may be added.
func (c *check) recipients() map[string]bool {
	out := map[string]bool{}
	for _, d := range c.after.Recipients() {
		sum := wire.Sum([]byte(d.Recipient))
		out[wire.Short([16]byte(sum[:16]))] = true
	}
	return out
}

// wrapName reads `<recipient>/<wrapper>-<i>.age`.
func wrapName(path string) (recipient string, wrapper wire.DeviceID, ok bool) {
	recipient, file, _ := strings.Cut(path, "/")
	name, index, _ := strings.Cut(strings.TrimSuffix(file, ".age"), "-")
	wrapper, err := wire.ParseDeviceID(name)
	if _, err2 := wire.ParseShort(recipient); err != nil || err2 != nil {
		return "", wrapper, false
	}
	i, err := strconv.ParseUint(index, 10, 8)
	canonical := recipient + "/" + name + "-" + strconv.FormatUint(i, 10) + ".age"
	return recipient, wrapper, err == nil && i < wrapsPerWrapper && path == canonical
}
