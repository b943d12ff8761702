package gitstore

import (
	"fmt"
	"testing"

	"github.com/espace-git/espace-git/internal/gitea"
)

// TestContractGitea runs what of the contract needs no hand on the host's disk
// against a real Gitea, logged in through the user's credential helper.
func TestContractGitea(t *testing.T) {
	needGit(t)
	isolate(t)
	s := gitea.Start(t)
	alice := s.CreateUser(t, "alice")
	s.Login(t, alice)
	cases := map[string]bool{"empty-host": true, "compare-and-swap": true, "atomic": true, "rewind-under-lease": true,
		"limits": true, "race": true, "capabilities": true, "objects-by-name": true}
	for _, via := range []Transport{InProcess, SystemGit} {
		for i, c := range contract {
			if !cases[c.name] {
				continue
			}
			t.Run(string(via)+"/"+c.name, func(t *testing.T) {
				r := s.CreateRepository(t, alice, fmt.Sprintf("space-%s-%d", via, i), gitea.Options{})
				c.run(t, farSide{name: "gitea", url: r.URL, dir: r.Dir}, via)
			})
		}
	}
}
