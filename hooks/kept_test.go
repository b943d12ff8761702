package hooks_test

import (
	"testing"

	"github.com/espace-git/espace-git/chain"
	"github.com/espace-git/espace-git/gitstore"
	"github.com/espace-git/espace-git/hooks"
	"github.com/espace-git/espace-git/membership"
)

// What `kept` released may go, all of it, and takes nothing more; nothing of it is
// asked for when the ledger is put back on an empty host.
func TestHookReleasesWhatIsNotKept(t *testing.T) {
	w := busyWorld(t)
	first := w.r.Epoch().Epoch
	w.mustPush(w.storeFiles(chain.Files, w.refs.Files(first, deviceOf("bob")), "bob", page("one")))
	w.mustPush(w.rotate("alice").push()...)
	w.mustPush(w.wraps("alice", "bob"))
	second := w.r.Epoch().Epoch
	before := *w
	s := w.seal("alice", &membership.RetentionBody{Kept: 2})
	w.mustPush(s.push()...)
	w.refused(hooks.Released, before.storeFiles(chain.Files, w.refs.Files(second, deviceOf("bob")), "bob", page("two")))
	w.refused(hooks.Released, before.wraps("bob", "vera"))
	tips, err := w.repo.Refs("refs/")
	w.must(err)
	var healed, gone []gitstore.RefUpdate
	for name, tip := range tips {
		if n, _ := w.refs.Parse(name); n.EpochName == first.Name() || n.EpochName == second.Name() {
			gone = append(gone, gitstore.RefUpdate{Name: name, Old: tip})
		} else {
			healed = append(healed, gitstore.RefUpdate{Name: name, New: tip})
		}
	}
	if len(gone) < 8 {
		t.Errorf("only %d refs to go", len(gone))
	}
	w.mustPush(gone...)
	if err := hooks.Check(empty{w.repo}, w.refs, healed, nil); err != nil {
		t.Error(err)
	}
	w.mustPush(w.write("bob", "b1"))
}
