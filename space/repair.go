package space

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/espace-git/espace-git/gitstore"
	"github.com/espace-git/espace-git/view"
)

// Objects that were verified and that the own disk broke come back from the host:
// they are fetched whole into a folder of their own, and what was there is set
// aside, not deleted. A view is never made anew from a git repository that holds
// less than was verified: its rows would be gone (DESIGN 2, promise 7).

const (
	freshDir = "git-fresh"   // fetched anew, while it is
	asideDir = "git-damaged" // what was set aside the last time
)

// gitLacks says what was verified and is not in git any more.
func (s *Space) gitLacks(ctx context.Context) (lacks []string, err error) {
	err = s.undone(ctx, func(v *view.Tx) (err error) {
		a := &audit{s: s, v: v, res: &VerifyResult{}}
		if a.r, err = s.newRound(v, &SyncResult{}); err != nil || a.r.roster() == nil {
			return err
		}
		a.ledger()
		for _, d := range a.r.roster().Devices() {
			if err := errors.Join(ctx.Err(), a.lane(d)); err != nil {
				return err
			}
		}
		if err := errors.Join(a.order(), a.closings()); err != nil {
			return err
		}
		lacks = a.lacks
		return nil
	})
	return lacks, err
}

// restoreGit fetches anew what git lost, and says what it found and did.
func (s *Space) restoreGit(ctx context.Context) (did []string, err error) {
	lacks, err := s.gitLacks(ctx)
	if err != nil || len(lacks) == 0 {
		return nil, err
	}
	for _, l := range lacks {
		did = append(did, "found: "+l)
	}
	fresh := filepath.Join(filepath.Dir(s.repo.Dir()), freshDir)
	defer os.RemoveAll(fresh)
	if err := s.fetchFresh(ctx, fresh); err != nil {
		return did, fmt.Errorf("fetching anew what git lost: %w", err)
	}
	back, err := s.exchange(fresh)
	if err != nil {
		return did, fmt.Errorf("exchanging the objects: %w", err)
	}
	if lacks, err = s.gitLacks(ctx); err == nil && len(lacks) > 0 {
		err = fmt.Errorf("the host does not have it either (%s): let another member sync first", lacks[0])
	}
	if err != nil {
		return did, errors.Join(err, back())
	}
	return append(did, "fetched the objects anew; the damaged ones are in "+asideDir), nil
}

// fetchFresh fetches all that this epoch has into a new repository. One that is
// new has nothing that the host could spare to send.
func (s *Space) fetchFresh(ctx context.Context, dir string) error {
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	repo, err := gitstore.Init(dir)
	if err != nil {
		return err
	}
	host, err := s.connectTo(repo, s.url)
	if err != nil {
		return err
	}
	defer host.Close()
	if _, err = s.fetchAll(ctx, host); err != nil {
		return err
	}
	if err := s.saveWaiting(ctx, repo); err != nil {
		return err
	}
	return s.fetchClosed(ctx, host)
}

// exchange moves the fresh objects in, then the old ones aside: at each moment
// there is at least one of each. back undoes it.
func (s *Space) exchange(fresh string) (back func() error, err error) {
	objects := filepath.Join(s.repo.Dir(), "objects")
	aside := filepath.Join(filepath.Dir(s.repo.Dir()), asideDir)
	if err := os.RemoveAll(aside); err != nil {
		return nil, err
	}
	old, err := files(objects)
	if err != nil {
		return nil, err
	}
	incoming, err := files(filepath.Join(fresh, "objects"))
	if err != nil {
		return nil, err
	}
	for name := range incoming {
		if old[name] { // of the same name, hence meant to be the same
			err = errors.Join(err, move(objects, aside, name))
			delete(old, name)
		}
		err = errors.Join(err, move(filepath.Join(fresh, "objects"), objects, name))
	}
	for name := range old {
		err = errors.Join(err, move(objects, aside, name))
	}
	return func() error {
		gone, err := files(aside)
		for name := range gone {
			err = errors.Join(err, move(aside, objects, name))
		}
		return errors.Join(err, s.reopen())
	}, errors.Join(err, s.reopen())
}

// reopen forgets what is remembered of the objects that are not there any more.
func (s *Space) reopen() error {
	repo, err := gitstore.Open(s.repo.Dir())
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.remote != nil {
		s.remote.Close()
		s.remote = nil
	}
	s.repo = repo
	return nil
}

// files are the files below dir, by their path in it.
func files(dir string) (map[string]bool, error) {
	found := map[string]bool{}
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		rest, err := filepath.Rel(dir, name)
		found[rest] = true
		return err
	})
	return found, err
}

func move(from, to, name string) error {
	if err := os.MkdirAll(filepath.Dir(filepath.Join(to, name)), 0o700); err != nil {
		return err
	}
	return os.Rename(filepath.Join(from, name), filepath.Join(to, name))
}
