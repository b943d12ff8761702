package space

import (
	"context"
	"slices"

	"github.com/espace-git/espace-git/membership"
)

// Requirements are what a program must have to write in this space (DESIGN 3).
type Requirements struct {
	Format   int      `json:"format"`
	Features []string `json:"features"`
	Lacks    []string `json:"lacks"` // what this program does not have
}

// Requirements tells what the open epoch asks of those who write.
func (s *Space) Requirements(ctx context.Context) (*Requirements, error) {
	out := &Requirements{Features: []string{}, Lacks: []string{}}
	err := s.look(ctx, func(r *round) error {
		out.Format = r.roster().Format()
		out.Features = append(out.Features, r.roster().Requires()...)
		out.Lacks = append(out.Lacks, r.roster().Lacks()...)
		return nil
	})
	return out, err
}

// Require asks for features from the next epoch on, and no longer for those in drop.
// Only an owner can. A program that lacks one writes nothing, but an owner who has it
// can take the requirement back.
func (s *Space) Require(ctx context.Context, add, drop []string) (*Sealed, error) {
	for _, name := range add {
		if !slices.Contains(membership.Features(), name) {
			return nil, usage("this program does not have the feature %q itself; it has: %v", name, membership.Features())
		}
	}
	return s.sealWith(ctx, SealOptions{}, func(r *round) (membership.Body, map[string][]byte, error) {
		features := append(r.roster().Requires(), add...)
		features = slices.DeleteFunc(features, func(f string) bool { return slices.Contains(drop, f) })
		slices.Sort(features)
		return &membership.UpgradeBody{Format: r.roster().Format(), Requires: slices.Compact(features)}, nil, nil
	})
}

// lacks says what this program does not have of what its epoch asks for: then it
// folds nothing of it, since it would have to guess.
func (r *round) lacks() []string { return r.lastRoster().Lacks() }
