package hooks

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/espace-git/espace-git/chain"
	"github.com/espace-git/espace-git/gitstore"
	"github.com/espace-git/espace-git/internal/wire"
	"github.com/espace-git/espace-git/membership"
)

// wrapsPerWrapper is how many wraps one device may make for another (DESIGN 6).
const wrapsPerWrapper = 16

// keys checks a push of wraps: files are only added, each by its signer under
// its own name, for a recipient that the pushed ledger lists. Whether a wrap
// holds the secret, only its recipient can tell.
func (c *check) keys(u gitstore.RefUpdate, e epoch) *Refusal {
	commits, r := c.added(u)
	if r != nil {
		return r
	}
	before := c.filesOf(u.Old)
	for _, commit := range commits {
		if r := c.keysSigner(u, e, commit); r != nil {
			return r
		}
		files, err := c.files(commit.Git().Tree)
		if err != nil {
			return refuse(u.Name, Tree, "%w", err)
		}
		if r := c.keysFiles(u.Name, e, commit.Claims(), before, files); r != nil {
			return r
		}
		before = files
	}
	return nil
}

func (c *check) keysSigner(u gitstore.RefUpdate, e epoch, commit chain.Unverified) *Refusal {
	m := commit.Claims()
	if !(chain.Place{Kind: chain.Keys, Space: c.after.Space(), Epoch: e.O}).Has(m) {
		return refuse(u.Name, OtherPlace, "a commit of another kind, space or epoch")
	}
	if r := c.signer(u.Name, commit, c.mayStore(u, e, m.Device)); r != nil {
		return r
	}
	return c.position(u.Name, m, e, 0)
}

// keysFiles checks that no wrap is gone, and those that were added.
func (c *check) keysFiles(ref string, e epoch, m chain.Message, before, files map[string]wire.ObjectID) *Refusal {
	for _, path := range slices.Sorted(maps.Keys(before)) {
		if _, _, wrap := wrapName(path); wrap && files[path] != before[path] {
			return refuse(ref, Tree, "%q is taken out or replaced", path)
		}
	}
	return c.wraps(ref, e, m, before, files)
}

// wraps checks the files that a commit adds.
func (c *check) wraps(ref string, e epoch, m chain.Message, before, files map[string]wire.ObjectID) *Refusal {
	listed := c.recipients(e)
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

// recipients are the names under which wraps may be added: those listed now, and
// for an epoch that has ended those listed in its course.
func (c *check) recipients(e epoch) map[string]bool {
	out := map[string]bool{}
	rosters := []*membership.Roster{c.after}
	if e.next != nil {
		rosters = append(rosters, c.rosterAt(e.At), c.rosterAt(e.next.At-1))
	}
	for _, r := range rosters {
		for _, d := range r.Recipients() {
			sum := wire.Sum([]byte(d.Recipient))
			out[wire.Short([16]byte(sum[:16]))] = true
		}
		if paper, ok := r.Paper(); ok {
			sum := wire.Sum([]byte(paper))
			out[wire.Short([16]byte(sum[:16]))] = true
		}
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
