package space

import (
	"context"
	"iter"

	"github.com/espace-git/espace-git/gitstore"
)

// eachRemote connects to the primary remote, then to the mirrors, one after the other.
// What they give goes into repo.
func (s *Space) eachRemote(ctx context.Context, repo *gitstore.Repo) iter.Seq2[gitstore.Remote, error] {
	return func(yield func(gitstore.Remote, error) bool) {
		if s.Remote() != "" && !s.visitPrimary(repo, yield) {
			return
		}
		rs, err := s.loadRemotes(ctx)
		if err != nil {
			yield(nil, err)
			return
		}
		for _, m := range rs.Mirrors {
			if ctx.Err() != nil || !s.visit(repo, m.URL, yield) {
				return
			}
		}
	}
}

// visitPrimary uses the connection that there is, if its objects go there.
func (s *Space) visitPrimary(repo *gitstore.Repo, yield func(gitstore.Remote, error) bool) bool {
	if repo != s.repo {
		return s.visit(repo, s.Remote(), yield)
	}
	return yield(s.host())
}

func (s *Space) visit(repo *gitstore.Repo, url string, yield func(gitstore.Remote, error) bool) bool {
	remote, err := s.connectTo(repo, url)
	if err != nil {
		return yield(nil, err)
	}
	defer remote.Close()
	return yield(remote, nil)
}
