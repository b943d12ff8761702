package space

import (
	"context"

	"github.com/espace-git/espace-git/identity"
)

// SetRemote gives a space that is on no host yet its host, and puts it there.
func (s *Space) SetRemote(ctx context.Context, url string) error {
	if s.url != "" {
		return usage("this space is on a host already: %s", s.url)
	}
	unlock, err := s.lockSync(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	s.url = url
	if err := s.publish(ctx); err != nil {
		s.url, s.remote = "", nil
		return classify(err)
	}
	if err := s.db.Update(ctx, s.savePlace); err != nil {
		return classify(err)
	}
	return identity.Remember(s.opts.Home, s.id, s.dir, []string{url})
}

// Remote is the URL of the host, the primary remote; empty if the space is on none
// yet.
func (s *Space) Remote() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.url
}
