package space

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/espace-git/espace-git/gitstore"
	"github.com/espace-git/espace-git/internal/wire"
	"github.com/espace-git/espace-git/membership"
	"github.com/espace-git/espace-git/view"
)

// display is what the host shows at one moment.
type display struct {
	refs     map[string]wire.ObjectID
	failed   map[string]error // refs whose objects could not be had
	patterns []string         // what the host was asked for; none: it was not asked
}

// tip is where a ref stands, if there is anything to read.
func (d *display) tip(ref string) (wire.ObjectID, bool) {
	id, ok := d.refs[ref]
	return id, ok && d.failed[ref] == nil
}

// asked reports whether the host was asked for a ref.
func (d *display) asked(ref string) bool {
	return len(d.patterns) == 0 || slices.ContainsFunc(d.patterns, func(p string) bool {
		prefix, wild := strings.CutSuffix(p, "*")
		return p == ref || wild && strings.HasPrefix(ref, prefix)
	})
}

// at is the value that a lease on a ref must name; zero if there is none.
func (d *display) at(ref string) wire.ObjectID { return d.refs[ref] }

// fetchAll asks for the ledger and for the open epoch's refs.
func (s *Space) fetchAll(ctx context.Context, host gitstore.Remote) (*display, error) {
	patterns, err := s.patterns(ctx)
	if err != nil {
		return nil, err
	}
	got, err := host.Fetch(ctx, gitstore.FetchRequest{Patterns: patterns})
	if err != nil {
		return nil, fmt.Errorf("fetching: %w", err)
	}
	return &display{got.Refs, got.Failed, patterns}, nil
}

// patterns name the refs that this device has a use for.
func (s *Space) patterns(ctx context.Context) (out []string, err error) {
	err = s.db.View(ctx, func(v *view.Tx) error {
		me, err := loadSelf(v)
		if err != nil {
			return err
		}
		l, err := s.ledgerAt(v)
		if err != nil {
			return err
		}
		out, err = s.wanted(v, me, l.roster)
		return err
	})
	return out, err
}

// wanted are patternsOf, and what may tell of the branches of a ledger that is split.
func (s *Space) wanted(v *view.Tx, me self, roster *membership.Roster) ([]string, error) {
	out := s.patternsOf(v, me, roster)
	more, err := s.splitPatterns(v, roster)
	for _, e := range s.epochsLacked(me, roster) {
		more = append(more, s.refs.Keys(e))
	}
	for _, p := range more {
		if !slices.Contains(out, p) {
			out = append(out, p)
		}
	}
	return out, err
}

// maxLacked bounds the epochs that are asked for their keys beyond those to pass.
const maxLacked = 16

// epochsLacked are past ones that this device may read and has no secret of, the newest:
// who moved to another branch of the ledger was let in there all the time.
func (s *Space) epochsLacked(me self, roster *membership.Roster) (out []wire.Epoch) {
	if roster == nil {
		return nil
	}
	if _, in := s.keys.Secret(roster.Epoch().O); !in {
		return nil
	}
	passes := epochsToRead(me, roster)
	for _, o := range slices.Backward(roster.Openings()) {
		_, has := s.keys.Secret(o.O)
		if !has && len(out) < maxLacked && !slices.Contains(passes, o.Epoch) && roster.MayRead(me.Device, o.Number) {
			out = append(out, o.Epoch)
		}
	}
	return out
}

// patternsOf: the ledger, and of the epoch that this device stands in and of the open
// one all that is written there. Of those between, which are over, the closing commits
// hold all that counts. Who has no state yet needs one to begin with.
func (s *Space) patternsOf(v *view.Tx, me self, roster *membership.Roster) []string {
	epochs := epochsToRead(me, roster)
	if len(epochs) == 0 {
		epochs = []wire.Epoch{{O: s.id}}
	}
	out := append(s.obstacles(epochs[len(epochs)-1]), s.refs.Ledger)
	for i, e := range epochs {
		out = append(out, s.refs.Keys(e))
		if e.Number > 0 {
			out = append(out, s.refs.State(e, me.Device))
		}
		// Below a closing commit lies the whole epoch before: who began after it with a
		// checkpoint does not need it (`verify --full` fetches it).
		if _, had, err := v.Get(bucketTip, []byte(s.refs.Close(e))); e.Number > 0 && (i > 0 || had || err != nil) {
			out = append(out, s.refs.Close(e))
		}
		if i == 0 || i == len(epochs)-1 {
			out = append(out, s.refs.Order(e), s.refs.Lanes(e)+"*")
			files := s.refs.Files(e, me.Device) // others' are never fetched, but by name
			out = append(out, files, files+"/*", path.Dir(files))
		}
	}
	if me.Epoch.O.IsZero() && epochs[0].Number > 0 {
		out = append(out, s.refs.States(epochs[0])+"*")
	}
	return out
}

// obstacles are patterns of refs that have no place in a space and make others
// impossible: git can't have both `a/lanes` and `a/lanes/x`.
func (s *Space) obstacles(e wire.Epoch) []string {
	lanes := strings.TrimSuffix(s.refs.Lanes(e), "/")
	return []string{path.Dir(lanes), lanes, s.refs.Keys(e) + "/*", s.refs.Order(e) + "/*", s.refs.Ledger + "/*"}
}

// clearTheWay deletes, each under a lease on its value and in a push of its own,
// the refs that make one of the updates impossible.
func clearTheWay(ctx context.Context, host gitstore.Remote, updates []gitstore.RefUpdate, shown *display) error {
	var away []gitstore.RefUpdate
	for name, at := range shown.refs {
		if slices.ContainsFunc(updates, func(u gitstore.RefUpdate) bool {
			return strings.HasPrefix(name, u.Name+"/") || strings.HasPrefix(u.Name, name+"/")
		}) {
			away = append(away, gitstore.RefUpdate{Name: name, Old: at})
		}
	}
	if len(away) == 0 {
		return nil
	}
	pushed, err := host.Push(ctx, away, gitstore.PushOptions{})
	if err != nil {
		return err
	}
	return pushed.Err()
}
