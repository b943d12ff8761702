package space

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/espace-git/espace-git/gitstore"
	"github.com/espace-git/espace-git/internal/wire"
	"github.com/espace-git/espace-git/view"
)

// display is what the host shows at one moment.
type display struct {
	refs   map[string]wire.ObjectID
	failed map[string]error // refs whose objects could not be had
}

// tip is where a ref stands, if there is anything to read.
func (d *display) tip(ref string) (wire.ObjectID, bool) {
	id, ok := d.refs[ref]
	return id, ok && d.failed[ref] == nil
}

// at is the value that a lease on a ref must name; zero if there is none.
func (d *display) at(ref string) wire.ObjectID { return d.refs[ref] }

// fetchAll asks for the ledger and for the open epoch's refs.
func (s *Space) fetchAll(ctx context.Context, host gitstore.Remote) (*display, error) {
	var e wire.Epoch
	err := s.db.View(ctx, func(v *view.Tx) error {
		me, err := loadSelf(v)
		e = me.Epoch
		return err
	})
	if err != nil {
		return nil, err
	}
	if e.O.IsZero() {
		e.O = s.id
	}
	got, err := host.Fetch(ctx, gitstore.FetchRequest{Patterns: append(s.obstacles(e),
		s.refs.Ledger, s.refs.Keys(e), s.refs.Order(e), s.refs.Lanes(e)+"*",
	)})
	if err != nil {
		return nil, fmt.Errorf("fetching: %w", err)
	}
	return &display{got.Refs, got.Failed}, nil
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
