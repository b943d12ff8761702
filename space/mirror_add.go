package space

import (
	"context"
	"fmt"

	"github.com/espace-git/espace-git/gitstore"
)

// AddMirror gives a space a further remote, and everything that was verified here to
// it. What it holds must be nothing, or this space. share tells all members through
// the ledger, which needs an admin: their devices use it too, and find the space
// there when the host is gone. Else only this device knows.
func (s *Space) AddMirror(ctx context.Context, name, url string, share bool) (*SyncResult, error) {
	res := &SyncResult{LetIn: []string{}, Warnings: []string{}}
	url, err := gitstore.Kept(url)
	if err != nil {
		return res, err
	}
	if err := s.newRemote(ctx, name, url, share); err != nil {
		return res, err
	}
	unlock, err := s.lockSync(ctx)
	if err != nil {
		return res, err
	}
	defer unlock()
	defer s.mirrorRefs(ctx)
	a, found, err := s.fill(ctx, res, mirror{Name: name, URL: url})
	if err != nil {
		return res, withViolations(found, classify(fmt.Errorf("adding the remote %s: %w", name, err)))
	}
	a.tried(s.opts.Now(), a)
	if err := s.changeRemotes(ctx, func(rs *remotes) { rs.put(a.mirror) }); err != nil {
		return res, classify(err)
	}
	if share {
		err = s.announce(ctx, res, remoteItem{Name: name, URL: url, Role: remoteMirror})
		if err == nil {
			err = s.bringMirror(ctx, a, patient) // the entry itself
		}
	}
	return res, withViolations(found, classify(err))
}

// fill reads a remote and gives it everything, however long that takes.
func (s *Space) fill(ctx context.Context, res *SyncResult, m mirror) (a *asked, found []string, err error) {
	as := s.askAll(ctx, []mirror{m}, patient)
	defer as.close()
	a = as.wait()[0]
	if a.err == nil {
		found = s.hear(ctx, res, a, false)
	}
	if a.err == nil {
		a.err = s.bringMirror(ctx, a, patient)
	}
	return a, found, a.err
}

// newRemote checks a name and a URL that are to be added.
func (s *Space) newRemote(ctx context.Context, name, url string, share bool) error {
	rs, err := s.loadRemotes(ctx)
	if err != nil {
		return classify(err)
	}
	if err := checkRemoteName(name); err != nil {
		return err
	}
	known := rs.at(url)
	switch {
	case s.Remote() == "":
		return usage("this space has no remote yet: the first one orders, and is called %s", primaryName)
	case share && known != nil && known.Name == name && !known.Shared:
		return s.mayAnnounce(ctx, url) // it was this device's alone
	case name == rs.Primary || rs.mirror(name) != nil:
		return usage("there is a remote %s already", name)
	case url == s.Remote() || known != nil:
		return usage("%s is a remote of this space already", url)
	case share:
		return s.mayAnnounce(ctx, url)
	}
	return nil
}

// RemoveMirror forgets a mirror; what it holds stays there. share tells all members
// not to use it any more, which needs an admin.
func (s *Space) RemoveMirror(ctx context.Context, name string, share bool) (*SyncResult, error) {
	res := &SyncResult{LetIn: []string{}, Warnings: []string{}}
	unlock, err := s.lockSync(ctx)
	if err != nil {
		return res, err
	}
	defer unlock()
	rs, err := s.loadRemotes(ctx)
	if err != nil {
		return res, classify(err)
	}
	m := rs.mirror(name)
	switch {
	case name == rs.Primary && s.url != "":
		return res, usage("%s is the primary remote: promote another one first", name)
	case m == nil:
		return res, notFound("there is no remote %q", name)
	}
	if share {
		if err := s.mayAnnounce(ctx, m.URL); err != nil {
			return res, err
		}
		if err := s.announce(ctx, res, remoteItem{Name: name, URL: m.URL, Role: remoteNone}); err != nil {
			return res, classify(err)
		}
	}
	return res, classify(s.changeRemotes(ctx, func(rs *remotes) { rs.drop(m.URL) }))
}
