package hooks_test

import (
	"testing"

	"github.com/espace-git/espace-git/chain"
	"github.com/espace-git/espace-git/gitstore"
	"github.com/espace-git/espace-git/hooks"
	"github.com/espace-git/espace-git/internal/wire"
	"github.com/espace-git/espace-git/membership"
)

// store is a push of files by name to its own state or files ref.
func (w *world) storeFiles(kind chain.Kind, ref, name string, files map[string][]byte) gitstore.RefUpdate {
	w.t.Helper()
	m := w.message(kind, name)
	adds := chain.AddsHash(files)
	m.Adds = &adds
	return w.update(ref, name, m, files)
}

func page(name string) map[string][]byte {
	return map[string][]byte{"pages/" + name: []byte("page " + name)}
}

func TestHookStoredFiles(t *testing.T) {
	w := busyWorld(t)
	e := w.r.Epoch().Epoch
	for kind, ref := range map[chain.Kind]string{chain.State: w.refs.State(e, deviceOf("bob")), chain.Files: w.refs.Files(e, deviceOf("bob"))} {
		w.mustPush(w.storeFiles(kind, ref, "bob", page("one")))
		w.mustPush(w.storeFiles(kind, ref, "bob", page("two")))
		w.refused(hooks.OtherLane, w.storeFiles(kind, ref, "alice", page("three")))
		w.refused(hooks.NotPermitted, w.storeFiles(kind, "refs/espace/"+e.Name()+"/"+string(kind)+"/"+deviceOf("mallory").String(), "mallory", page("m")))
		w.refused(hooks.OtherPlace, w.storeFiles(chain.Keys, ref, "bob", page("three")))
		w.refused(hooks.Signature, forged(t, w, w.storeFiles(kind, ref, "bob", page("three")), "mallory"))
		m := w.message(kind, "bob")
		adds := chain.AddsHash(page("three"))
		m.Adds = &adds
		w.refused(hooks.Adds, w.update(ref, "bob", m, page("other")))
		w.refused(hooks.Deletion, gitstore.RefUpdate{Name: ref, Old: w.tip(ref)})
	}
}

// Of an epoch that has ended, files go on only by who still belongs; what is gone
// from the host may be put back, whoever made it.
func TestHookStoredFilesOfEndedEpoch(t *testing.T) {
	w := busyWorld(t)
	e := w.r.Epoch().Epoch
	bob, vera := w.refs.Files(e, deviceOf("bob")), w.refs.Files(e, deviceOf("vera"))
	w.mustPush(w.storeFiles(chain.Files, vera, "vera", page("one")))
	kept := w.tip(vera)
	before := *w
	w.mustPush(w.seal("alice", &membership.MemberRemoveBody{Member: wire.MemberIDOf(deviceOf("vera"))}).push()...)
	w.mustPush(before.storeFiles(chain.Files, bob, "bob", page("one")))
	w.mustPush(before.storeFiles(chain.Files, bob, "bob", page("two")))
	w.refused(hooks.NotPermitted, before.storeFiles(chain.Files, vera, "vera", page("two")))
	w.force(gitstore.RefUpdate{Name: vera, Old: kept})
	w.mustPush(gitstore.RefUpdate{Name: vera, New: kept})
	if w.tip(vera) != kept {
		t.Error("not put back")
	}
	w.refused(hooks.LedgerPosition, w.filesOfAnotherTime(bob, before.r.Epoch().O))
}

// filesOfAnotherTime says an epoch and a position that is not in it.
func (w *world) filesOfAnotherTime(ref string, o wire.Hash) gitstore.RefUpdate {
	w.t.Helper()
	m := w.message(chain.Files, "bob")
	adds := chain.AddsHash(page("three"))
	m.Adds, m.Epoch = &adds, o
	return w.update(ref, "bob", m, page("three"))
}

// Lanes and order may be deleted once the closing commit on the host has them;
// all else only when the epoch is no longer kept.
func TestHookDeletions(t *testing.T) {
	w := busyWorld(t)
	s := w.rotate("alice")
	bob := w.refs.Lane(s.ended, deviceOf("bob"))
	s.moved = []string{w.refs.Order(s.ended), w.refs.Lane(s.ended, deviceOf("alice"))}
	tip, log := w.tip(bob), *w.logs[bob]
	gone := func(ref string) gitstore.RefUpdate { return gitstore.RefUpdate{Name: ref, Old: w.tip(ref)} }
	push := s.push()
	w.refused(hooks.Deletion, append(push, gone(w.refs.Lane(s.ended, deviceOf("vera"))))...)
	w.mustPush(push...)
	for _, ref := range s.moved {
		w.mustPush(gone(ref))
	}
	w.mustPush(gone(w.refs.Lane(s.ended, deviceOf("vera")))) // not moved, but X has it
	w.force(gitstore.RefUpdate{Name: bob, Old: tip, New: lateCommit(w, s, "bob", log)})
	w.refused(hooks.Deletion, gone(bob)) // X has not what came late
	w.force(gitstore.RefUpdate{Name: bob, Old: w.tip(bob), New: tip})
	w.force(w.junk(bob))
	w.mustPush(gone(bob))
	for _, ref := range []string{w.refs.Keys(s.ended), s.closeRef(), w.refs.Keys(w.r.Epoch().Epoch), w.order(), w.refs.Ledger, "refs/heads/other"} {
		w.refused(hooks.Deletion, gone(ref))
	}
	w.mustPush(gone(w.lane("bob") + "/x")) // nothing that a chain has, and in the way of one
	w.force(gitstore.RefUpdate{Name: s.closeRef(), Old: w.tip(s.closeRef())})
	w.force(gitstore.RefUpdate{Name: bob, New: tip})
	w.refused(hooks.Deletion, gone(bob)) // nothing holds it any more
	w.mustPush(gitstore.RefUpdate{Name: s.closeRef(), New: push[1].New})
	w.mustPush(gone(bob))
}

// A wiped host is healed by anyone: the ledger with all its seals, closing
// commits, keys, and the open epoch.
func TestHookTakesAHealedHost(t *testing.T) {
	w := busyWorld(t)
	w.mustPush(w.rotate("alice").push()...)
	w.mustPush(w.write("bob", "b1"), w.wraps("alice", "bob"))
	w.mustPush(w.seal("alice", &membership.MemberRemoveBody{Member: wire.MemberIDOf(deviceOf("vera"))}).push()...)
	w.mustPush(w.write("bob", "b2"))
	tips, err := w.repo.Refs("refs/")
	w.must(err)
	var all []gitstore.RefUpdate
	for name, tip := range tips {
		n, _ := w.refs.Parse(name)
		if open := n.EpochName == w.r.Epoch().Name(); open || n.Kind != wire.RefLane && n.Kind != wire.RefOrder {
			all = append(all, gitstore.RefUpdate{Name: name, New: tip})
		}
	}
	if err := hooks.Check(empty{w.repo}, w.refs, all, nil); err != nil {
		t.Error(err)
	}
}
