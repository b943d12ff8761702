package hooks

import (
	"slices"
	"strings"

	"github.com/espace-git/espace-git/chain"
	"github.com/espace-git/espace-git/gitstore"
	"github.com/espace-git/espace-git/internal/wire"
)

// added are the commits that a push puts on a ref, oldest first: one behind the
// other, all of the one form, down to what was there. Where that is no commit
// (a blob, a tag, nothing readable) the ref begins anew.
func (c *check) added(u gitstore.RefUpdate) ([]chain.Unverified, *Refusal) {
	var out []chain.Unverified
	stop := c.commitOrNone(u.Old)
	for id := u.New; id != stop; {
		if len(out) == maxNewCommits {
			return nil, refuse(u.Name, TooMuch, "more than %d new commits", maxNewCommits)
		}
		raw, err := c.repo.CommitBytes(id)
		if err != nil {
			return nil, refuse(u.Name, Malformed, "%s: %w", id, err)
		}
		commit, err := chain.Parse(raw)
		if err != nil {
			return nil, refuse(u.Name, Malformed, "%s: %w", id, err)
		}
		if commit.Claims().Kind == chain.Close {
			return nil, refuse(u.Name, OutsideSeal, "%s closes no epoch here", id)
		}
		parents := commit.Git().Parents
		if len(parents) > 1 {
			return nil, refuse(u.Name, NotForward, "%s has %d parents", id, len(parents))
		}
		out = append(out, commit)
		if id = (wire.ObjectID{}); len(parents) == 1 {
			id = parents[0]
		}
		if id.IsZero() && !stop.IsZero() {
			return nil, refuse(u.Name, NotForward, "what was there is not below what is pushed")
		}
	}
	slices.Reverse(out)
	return out, nil
}

func (c *check) commitOrNone(id wire.ObjectID) wire.ObjectID {
	if _, err := c.repo.CommitBytes(id); err != nil {
		return wire.ObjectID{}
	}
	return id
}

// ancestors are all commits below and with the tips, whoever made them, by name.
// What cannot be read is passed over: it was there before.
func (c *check) ancestors(tips ...wire.ObjectID) map[wire.ObjectID][]byte {
	out := map[wire.ObjectID][]byte{}
	for todo := slices.Clone(tips); len(todo) > 0; {
		id := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if _, seen := out[id]; seen || id.IsZero() {
			continue
		}
		if raw, err := c.repo.CommitBytes(id); err == nil {
			out[id], todo = raw, append(todo, parents(raw)...)
		}
	}
	return out
}

// parents reads the parents of a commit that anyone may have made.
func parents(raw []byte) (out []wire.ObjectID) {
	head, _, _ := strings.Cut(string(raw), "\n\n")
	for line := range strings.SplitSeq(head, "\n") {
		if hex, ok := strings.CutPrefix(line, "parent "); ok {
			if id, err := wire.ParseObjectID(hex); err == nil {
				out = append(out, id)
			}
		}
	}
	return out
}
