package space

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/espace-git/espace-git/view"
)

// One remote of a space is primary: it orders the ledger (DESIGN 4). The others are
// mirrors. They hold what members verified, so a space outlives its host, and they
// are read: what a mirror shows and the primary does not, the primary hides.
//
//	       order                        what was verified
//	device ─────▶ primary        device ─────────────────▶ mirror
//	       ◀─────                       ◀─────────────────
//
// A mirror decides nothing: where it shows another branch of the ledger, nothing of
// it is taken over (spec/remotes.md).

// primaryName is what the first remote is called.
const primaryName = "origin"

// remotes is what this device knows of the remotes, besides the primary's URL.
type remotes struct {
	_        struct{} `cbor:",toarray"`
	Primary  string   // its name
	Mirrors  []mirror // by name
	Followed uint64   // the ledger's `remote` entries below this number were acted upon
	Greet    bool     // the primary is new here: it gets what it lacks before it is judged
}

// mirror is a remote that does not order.
type mirror struct {
	_       struct{} `cbor:",toarray"`
	Name    string
	URL     string
	Shared  bool   // the ledger names it, so every member's devices use it
	Former  bool   // it was primary: who has not heard yet still pushes there first
	Met     bool   // it held this space's ledger
	Tried   int64  // when it was asked last, Unix ms
	Synced  int64  // when it last had all that was verified here, Unix ms
	Fails   int    // times in a row
	Problem string // of the last time
}

// RemoteInfo is one remote of a space.
type RemoteInfo struct {
	Name    string    `json:"name"`
	URL     string    `json:"url"`
	Primary bool      `json:"primary"` // it orders; the others are mirrors
	Shared  bool      `json:"shared"`  // the ledger names it: every member's devices use it
	Synced  time.Time `json:"synced,omitzero"`
	Problem string    `json:"problem,omitempty"` // why a mirror was not brought up to date the last time
}

func (m mirror) info() RemoteInfo {
	out := RemoteInfo{Name: m.Name, URL: m.URL, Shared: m.Shared, Problem: m.Problem}
	if m.Synced > 0 {
		out.Synced = time.UnixMilli(m.Synced).UTC()
	}
	return out
}

func loadRemotes(v *view.Tx) (remotes, error) {
	rs := remotes{Primary: primaryName}
	_, err := getValue(v, bucketMeta, []byte("remotes"), &rs)
	return rs, err
}

func (rs remotes) save(v *view.Tx) error { return putValue(v, bucketMeta, []byte("remotes"), rs) }

func (s *Space) loadRemotes(ctx context.Context) (rs remotes, err error) {
	err = s.db.View(ctx, func(v *view.Tx) (err error) {
		rs, err = loadRemotes(v)
		return err
	})
	return rs, err
}

// changeRemotes changes the list in one transaction.
func (s *Space) changeRemotes(ctx context.Context, change func(*remotes)) error {
	return s.db.Update(ctx, func(v *view.Tx) error {
		rs, err := loadRemotes(v)
		if err != nil {
			return err
		}
		change(&rs)
		return rs.save(v)
	})
}

// mirror finds a mirror by its name; nil if there is none.
func (rs *remotes) mirror(name string) *mirror {
	i := slices.IndexFunc(rs.Mirrors, func(m mirror) bool { return m.Name == name })
	if i < 0 {
		return nil
	}
	return &rs.Mirrors[i]
}

// put adds a mirror, or replaces the one at its URL.
func (rs *remotes) put(m mirror) {
	rs.drop(m.URL)
	for n, base := 2, m.Name; m.Name == rs.Primary || rs.mirror(m.Name) != nil; n++ {
		m.Name = fmt.Sprintf("%.28s-%d", base, n) // somebody else's mirror of the same name
	}
	rs.Mirrors = append(rs.Mirrors, m)
	slices.SortFunc(rs.Mirrors, func(a, b mirror) int { return strings.Compare(a.Name, b.Name) })
}

func (rs *remotes) drop(url string) {
	rs.Mirrors = slices.DeleteFunc(rs.Mirrors, func(m mirror) bool { return m.URL == url })
}

// Remotes lists the primary first, then the mirrors by name. It asks the local store
// only.
func (s *Space) Remotes(ctx context.Context) ([]RemoteInfo, error) {
	out := []RemoteInfo{}
	rs, err := s.loadRemotes(ctx)
	if err != nil {
		return out, classify(err)
	}
	if s.url != "" {
		out = append(out, RemoteInfo{Name: rs.Primary, URL: s.url, Primary: true})
	}
	for _, m := range rs.Mirrors {
		out = append(out, m.info())
	}
	return out, nil
}

// mirrors is what status shows of them.
func (r *round) mirrors() ([]RemoteInfo, error) {
	rs, err := loadRemotes(r.v)
	out := []RemoteInfo{}
	for _, m := range rs.Mirrors {
		out = append(out, m.info())
	}
	return out, err
}

// checkRemoteName takes short names that need no quoting anywhere.
func checkRemoteName(name string) error {
	ok := name != "" && len(name) <= 32 && !strings.ContainsFunc(name, func(c rune) bool {
		return (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '_'
	})
	if !ok || name[0] == '-' {
		return usage("%q is no name of a remote: use at most 32 lower-case letters, digits, - and _", name)
	}
	return nil
}
