package hooks_test

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"

	"github.com/espace-git/espace-git/gitstore"
	"github.com/espace-git/espace-git/hooks"
)

// gitPush pushes the updates with stock git, all or nothing. The objects are in
// the world's repository, whose own refs stay.
func (w *world) gitPush(dir, host string, updates ...gitstore.RefUpdate) error {
	w.t.Helper()
	args := []string{"-C", dir, "push", "-q", "--atomic", host}
	for _, u := range updates {
		from := ""
		if !u.New.IsZero() {
			from = u.New.String()
		}
		args = append(args, from+":"+u.Name)
	}
	out, err := exec.Command("git", args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	return nil
}

// A seal in one atomic push by stock git, through its quarantine: closing commits
// with many parents, and deletions, come to the hook as they do here.
func TestHookTakesSealFromStockGit(t *testing.T) {
	host := stockHost(t)
	w := busyWorld(t)
	dir := w.dir
	both := func(updates ...gitstore.RefUpdate) {
		t.Helper()
		w.must(w.gitPush(dir, host, updates...))
		w.mustPush(updates...)
	}
	tips, err := w.repo.Refs("refs/")
	w.must(err)
	var all []gitstore.RefUpdate
	for name, tip := range tips {
		all = append(all, gitstore.RefUpdate{Name: name, New: tip})
	}
	w.must(w.gitPush(dir, host, all...))
	s := w.rotate("alice")
	x := s.x()
	opens, moves := s.opens(x), s.moves(x)
	for rule, push := range map[hooks.Rule][]gitstore.RefUpdate{
		hooks.NoClose: opens[:1], hooks.OutsideSeal: moves[:1], hooks.UnknownRef: opens[1:2],
		hooks.Deletion: append(append([]gitstore.RefUpdate{}, opens...), gitstore.RefUpdate{Name: s.moved[0]}),
	} {
		if err := w.gitPush(dir, host, push...); err == nil || !strings.Contains(err.Error(), string(rule)) {
			t.Errorf("%v, want %s", err, rule)
		}
	}
	both(append(opens, moves...)...)
	both(w.write("bob", "b1"))
	for _, ref := range s.moved {
		both(gitstore.RefUpdate{Name: ref, Old: w.tip(ref)})
	}
	if out, err := exec.Command("git", "-C", host, "fsck", "--strict", "--no-dangling").CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
