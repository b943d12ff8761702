package space

import (
	"context"
	"errors"
	"fmt"

	"github.com/espace-git/espace-git/gitstore"
	"github.com/espace-git/espace-git/identity"
	"github.com/espace-git/espace-git/internal/wire"
	"github.com/espace-git/espace-git/view"
)

// What the ledger says of a remote.
const (
	remoteMirror  = "mirror"
	remotePrimary = "primary" // it orders from this entry on
	remoteNone    = "none"    // it is not used any more
)

// nameRemote: entry number → remoteItem as it came (bucketName).
const nameRemote = 'r'

// remoteItem is the private item of a `remote` entry (spec/remotes.md): CBOR, an array.
// The host of a space does not learn of the others from it.
type remoteItem struct {
	_    struct{} `cbor:",toarray"`
	Name string
	URL  string
	Role string
	Gone string // with "primary": URL of the one before, if it is given up; else empty
}

func (i remoteItem) encode() ([]byte, error) { return wire.MarshalCBOR(i) }

// decodeRemote takes exactly what encode gives. Whether a URL can be reached from
// here is another question.
func decodeRemote(b []byte) (i remoteItem, err error) {
	if len(b) > maxRemoteItem {
		return i, fmt.Errorf("remote: %d bytes: %w", len(b), wire.ErrMalformed)
	}
	if err := wire.UnmarshalCBOR(b, &i); err != nil {
		return i, fmt.Errorf("remote: %w", err)
	}
	if err := checkRemoteName(i.Name); err != nil {
		return i, fmt.Errorf("remote: %w", err)
	}
	switch {
	case i.URL == "" || i.Gone != "" && i.Role != remotePrimary:
		return i, fmt.Errorf("remote: no URL, or one too many: %w", wire.ErrMalformed)
	case i.Role == remoteMirror, i.Role == remotePrimary, i.Role == remoteNone:
		return i, nil
	}
	return i, fmt.Errorf("remote: role %q: %w", harmless(i.Role), wire.ErrMalformed)
}

// maxRemoteItem: a URL has at most 2,048 bytes, as gitstore takes them.
const maxRemoteItem = 8 << 10

// remoteEntry is one that the ledger names, with the number of its entry.
type remoteEntry struct {
	remoteItem
	number uint64
}

// remoteEntries are those from entry number first on that open here, oldest first.
func remoteEntries(v *view.Tx, first uint64) (out []remoteEntry, err error) {
	for pair, err := range v.From(bucketName, []byte{nameRemote}, nameKey(nameRemote, wire.U64(first))) {
		if err != nil {
			return nil, err
		}
		if i, err := decodeRemote(pair.Value); err == nil && len(pair.Key) == 9 {
			out = append(out, remoteEntry{i, wire.ReadU64(pair.Key[1:])})
		}
	}
	return out, nil
}

// errMoved: nothing is added to the ledger on a host that orders no more.
var errMoved = errors.New("the ledger names another primary remote")

// staysHere is errMoved before anything is added where nobody orders any more.
func (r *round) staysHere() error {
	moves, err := r.namesPrimary()
	if err == nil && moves {
		err = errMoved
	}
	return err
}

// moveOn turns to the primary that the ledger names.
func (s *Space) moveOn(ctx context.Context) error {
	if _, err := s.follow(ctx, new(SyncResult)); err != nil {
		return err
	}
	return s.greet(ctx)
}

// namesPrimary: the ledger as read by now names a primary that is not followed yet.
func (r *round) namesPrimary() (bool, error) {
	rs, err := loadRemotes(r.v)
	if err != nil {
		return false, err
	}
	entries, err := remoteEntries(r.v, rs.Followed)
	last := r.s.url
	for _, e := range entries {
		if e.Role == remotePrimary {
			last = e.URL
		}
	}
	return last != r.s.url, err
}

// follow acts upon what the ledger says of remotes since the last time. moved: the
// primary is another one from now on. It is given what it lacks before it is judged,
// since it never showed anything here that it could have taken back.
func (s *Space) follow(ctx context.Context, res *SyncResult) (moved bool, err error) {
	if news, err := s.remoteNews(ctx); err != nil || !news {
		return false, err
	}
	url := s.url
	err = s.db.Update(ctx, func(v *view.Tx) error {
		rs, err := loadRemotes(v)
		if err != nil {
			return err
		}
		entries, err := remoteEntries(v, rs.Followed)
		if err != nil {
			return err
		}
		for _, e := range entries {
			if url, err = rs.heed(url, e); err != nil {
				res.warn("ledger entry %d names a remote that is not used: %v", e.number, err)
			}
			rs.Followed = e.number + 1
		}
		moved = url != s.url
		if err := rs.save(v); err != nil {
			return err
		}
		return s.storePlace(v, url)
	})
	if err != nil || !moved {
		return false, err
	}
	return true, s.turnTo(url)
}

// remoteNews: there are entries that were not acted upon. Most syncs find none, and
// write nothing.
func (s *Space) remoteNews(ctx context.Context) (news bool, err error) {
	err = s.db.View(ctx, func(v *view.Tx) error {
		rs, err := loadRemotes(v)
		if err != nil {
			return err
		}
		entries, err := remoteEntries(v, rs.Followed)
		news = len(entries) > 0
		return err
	})
	return news, err
}

// heed acts upon one entry; url is the primary before it, and the result after it.
func (rs *remotes) heed(url string, e remoteEntry) (string, error) {
	if e.Role == remoteNone {
		if m := rs.at(e.URL); m != nil && m.Shared {
			rs.drop(e.URL)
		}
		return url, nil
	}
	if kept, err := gitstore.Kept(e.URL); err != nil || kept != e.URL {
		return url, errors.Join(err, usage("%s is no address to keep", harmless(e.URL)))
	}
	// A malicious admin must not choose which folder of ours is written to.
	if gitstore.OnThisMachine(e.URL) && !gitstore.OnThisMachine(url) {
		return url, usage("%s is a place on one machine: add it yourself if it is yours", harmless(e.URL))
	}
	m := mirror{Name: e.Name, URL: e.URL, Shared: true}
	if old := rs.at(e.URL); old != nil {
		m = *old
		m.Shared = true
	}
	if e.Role == remoteMirror {
		if e.URL != url {
			rs.put(m)
		}
		return url, nil
	}
	before := mirror{Name: rs.Primary, URL: url, Shared: true, Former: true, Met: true}
	rs.drop(e.Gone)
	rs.drop(e.URL)
	rs.Primary = e.Name
	if e.URL == url {
		return url, nil // where it is already
	}
	rs.Greet = true
	if url != e.Gone {
		rs.put(before)
	}
	return e.URL, nil
}

// at finds a mirror by its URL; nil if there is none.
func (rs *remotes) at(url string) *mirror {
	for i := range rs.Mirrors {
		if rs.Mirrors[i].URL == url {
			return &rs.Mirrors[i]
		}
	}
	return nil
}

// storePlace stores what turnTo does once that is durable.
func (s *Space) storePlace(v *view.Tx, url string) error {
	at := &Space{keys: s.keys, refs: s.refs, url: url}
	return at.savePlace(v)
}

// turnTo speaks with another primary from now on.
func (s *Space) turnTo(url string) error {
	s.mu.Lock()
	if s.remote != nil {
		s.remote.Close()
	}
	s.url, s.remote = url, nil
	s.mu.Unlock()
	return identity.Remember(s.opts.Home, s.id, s.dir, []string{url})
}

// currentRemotes are the remotes as stored, and turns to the primary that the store
// names: another process may have followed the ledger.
func (s *Space) currentRemotes(ctx context.Context) (rs remotes, err error) {
	stored := new(Space)
	err = s.db.View(ctx, func(v *view.Tx) (err error) {
		if rs, err = loadRemotes(v); err != nil {
			return err
		}
		return stored.loadPlace(v)
	})
	if err == nil && stored.url != s.url {
		err = s.turnTo(stored.url)
	}
	return rs, err
}

// greet gives a primary that is new here what it lacks, once.
func (s *Space) greet(ctx context.Context) error {
	rs, err := s.currentRemotes(ctx)
	if err != nil || !rs.Greet {
		return err
	}
	host, err := s.host()
	if err != nil {
		return err
	}
	if _, err := s.bring(ctx, host, false); err != nil {
		return fmt.Errorf("the new primary %s: %w", rs.Primary, err)
	}
	return s.changeRemotes(ctx, func(rs *remotes) { rs.Greet = false })
}
