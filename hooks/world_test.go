package hooks_test

import (
	"crypto/ed25519"
	"errors"
	"path"
	"strings"
	"testing"
	"time"

	"github.com/espace-git/espace-git/chain"
	"github.com/espace-git/espace-git/gitstore"
	"github.com/espace-git/espace-git/hooks"
	"github.com/espace-git/espace-git/internal/wire"
	"github.com/espace-git/espace-git/membership"
	"github.com/espace-git/espace-git/seal"
)

const clock = 1_800_000_000 // Unix seconds of everything that is signed

func seed(parts ...string) [32]byte {
	return wire.Sum([]byte("hooks test " + strings.Join(parts, "/")))
}

func keyOf(name string) ed25519.PrivateKey {
	s := seed(name, "sign")
	return ed25519.NewKeyFromSeed(s[:])
}

func deviceOf(name string) wire.DeviceID {
	return wire.DeviceIDOf(keyOf(name).Public().(ed25519.PublicKey))
}

func recipientOf(t testing.TB, name string) string {
	t.Helper()
	s := seed(name, "read")
	k, err := seal.PrivateKeyFrom(s[:])
	if err != nil {
		t.Fatal(err)
	}
	return k.Recipient()
}

// world is a host's repository with the hook, and a space on it. What is pushed
// is checked and, if the hook takes it, moves the refs.
type world struct {
	t       testing.TB
	dir     string
	repo    *gitstore.Repo
	refs    wire.Refs
	memo    memo
	r       *membership.Roster
	entries [][]byte
	logs    map[string]*chain.Log // by ref, as their writers have them
}

type memo map[wire.ObjectID][]byte

func (m memo) Load(id wire.ObjectID) ([]byte, bool) { b, ok := m[id]; return b, ok }

func (m memo) Store(id wire.ObjectID, b []byte) { m[id] = b }

func emptyHost(t testing.TB) *world {
	t.Helper()
	dir := path.Join(t.TempDir(), "host.git")
	repo, err := gitstore.Init(dir)
	if err != nil {
		t.Fatal(err)
	}
	return &world{t: t, dir: dir, repo: repo, refs: wire.DefaultRefs, logs: map[string]*chain.Log{}}
}

// newWorld is alice's space, pushed, with bob (editor) and vera (viewer).
func newWorld(t testing.TB) *world {
	t.Helper()
	w := emptyHost(t)
	w.found("alice")
	w.mustPush(w.founding("alice")...)
	w.join("bob", membership.Editor)
	w.join("vera", membership.Viewer)
	w.mustPush(w.main("alice"))
	return w
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) draft(author string, body membership.Body) membership.Draft {
	return membership.Draft{Body: body, Time: time.Unix(clock, 0), Signer: keyOf(author)}
}

func (w *world) found(founder string) {
	w.t.Helper()
	body := &membership.GenesisBody{Format: 1, Device: w.device(founder), Commitment: seed("commitment")}
	env, err := membership.NewGenesis(w.draft(founder, body))
	w.must(err)
	w.r, _, err = membership.Genesis(env)
	w.must(err)
	w.entries = [][]byte{env}
}

func (w *world) device(name string) membership.NewDevice {
	return membership.NewDevice{Key: keyOf(name).Public().(ed25519.PublicKey), Recipient: recipientOf(w.t, name)}
}

// add makes the next entry; it is on nobody's host yet.
func (w *world) add(d membership.Draft) *membership.Entry {
	w.t.Helper()
	env, err := w.r.Propose(d)
	w.must(err)
	next, e, err := w.r.Apply(env)
	w.must(err)
	w.r, w.entries = next, append(w.entries, env)
	return e
}

// join brings a member in by an invite of alice's.
func (w *world) join(name string, role membership.Role) {
	w.t.Helper()
	d := w.draft(name, nil)
	d = w.request(name, role).Draft(w.r)
	d.Time, d.Signer = time.Unix(clock, 0), keyOf(name)
	w.add(d)
}

func (w *world) request(name string, role membership.Role) *membership.JoinRequest {
	w.t.Helper()
	secret := seed(name, "invite")
	key := membership.InviteKey([16]byte(secret[:16]), w.r.Space())
	invite := w.add(w.draft("alice", &membership.InviteBody{
		Expires: (clock + 3600) * 1000, Key: key.Public().(ed25519.PublicKey), History: &membership.History{},
		Mailbox: recipientOf(w.t, name+" mailbox"), Role: role, Uses: 1,
	}))
	q, err := w.r.NewJoin(invite.Position(), membership.JoinParams{Invite: key, Signer: keyOf(name), Recipient: recipientOf(w.t, name)})
	w.must(err)
	return q
}

// tip is where a ref stands on the host.
func (w *world) tip(ref string) wire.ObjectID {
	w.t.Helper()
	id, _, err := w.repo.Ref(ref)
	w.must(err)
	return id
}

func (w *world) lane(name string) string { return w.refs.Lane(w.r.Epoch().Epoch, deviceOf(name)) }

// message is what name's commits say; fields for one kind are the caller's.
func (w *world) message(kind chain.Kind, name string) chain.Message {
	m := chain.Message{Kind: kind, Space: w.r.Space(), Epoch: w.r.Epoch().O, Device: deviceOf(name)}
	if kind != chain.Ledger {
		head := w.r.Head()
		m.Ledger = &head
	}
	return m
}

// tree stores files, by path, two folders deep at most.
func (w *world) tree(files map[string][]byte) wire.ObjectID {
	w.t.Helper()
	b := w.repo.Batch()
	id := treeOf(b, files)
	w.must(b.Flush())
	return id
}

func treeOf(b *gitstore.Batch, files map[string][]byte) wire.ObjectID {
	folders, entries := map[string]map[string][]byte{}, []gitstore.TreeEntry{}
	for p, content := range files {
		dir, rest, nested := strings.Cut(p, "/")
		if !nested {
			entries = append(entries, gitstore.TreeEntry{Name: p, Mode: gitstore.ModeFile, ID: b.Blob(content)})
			continue
		}
		if folders[dir] == nil {
			folders[dir] = map[string][]byte{}
		}
		folders[dir][rest] = content
	}
	for dir, inner := range folders {
		entries = append(entries, gitstore.TreeEntry{Name: dir, Mode: gitstore.ModeDir, ID: treeOf(b, inner)})
	}
	return b.Tree(entries)
}

// commit signs and stores a commit on the given parents.
func (w *world) commit(signer string, m chain.Message, files map[string][]byte, parents ...wire.ObjectID) wire.ObjectID {
	w.t.Helper()
	raw, err := chain.Sign(chain.Commit{Tree: w.tree(files), Parents: parents, Time: clock, Message: m}, keyOf(signer))
	w.must(err)
	return w.store(raw)
}

func (w *world) store(raw []byte) wire.ObjectID {
	w.t.Helper()
	b := w.repo.Batch()
	id := b.Commit(raw)
	w.must(b.Flush())
	return id
}

func nonZero(ids ...wire.ObjectID) (out []wire.ObjectID) {
	for _, id := range ids {
		if !id.IsZero() {
			out = append(out, id)
		}
	}
	return out
}

// update is a commit on what the host has on the ref.
func (w *world) update(ref, signer string, m chain.Message, files map[string][]byte) gitstore.RefUpdate {
	w.t.Helper()
	old := w.tip(ref)
	return gitstore.RefUpdate{Name: ref, Old: old, New: w.commit(signer, m, files, nonZero(old)...)}
}

// ledgerFiles is the tree of main with the first n entries.
func (w *world) ledgerFiles(n int) map[string][]byte {
	files := map[string][]byte{"README.md": []byte("a space\n")}
	for i, e := range w.entries[:n] {
		files[membership.Path(uint64(i))] = e
	}
	return files
}

// main is a push of all entries that the world has.
func (w *world) main(signer string) gitstore.RefUpdate {
	w.t.Helper()
	return w.mainWith(signer, w.ledgerFiles(len(w.entries)))
}

func (w *world) mainWith(signer string, files map[string][]byte) gitstore.RefUpdate {
	w.t.Helper()
	m := w.message(chain.Ledger, signer)
	adds := chain.AddsHash(files)
	m.Adds = &adds
	return w.update(w.refs.Ledger, signer, m, files)
}

// wraps is a push of one wrap by signer for each recipient; the content is noise.
func (w *world) wraps(signer string, names ...string) gitstore.RefUpdate {
	w.t.Helper()
	add := map[string][]byte{}
	for _, n := range names {
		add[seal.WrapPath(recipientOf(w.t, n), deviceOf(signer), 0)] = []byte("wrap for " + n)
	}
	return w.keysWith(signer, add)
}

func (w *world) keysWith(signer string, add map[string][]byte) gitstore.RefUpdate {
	w.t.Helper()
	ref := w.refs.Keys(w.r.Epoch().Epoch)
	m := w.message(chain.Keys, signer)
	adds := chain.AddsHash(add)
	m.Adds = &adds
	files := w.keysFiles(ref)
	for p, c := range add {
		files[p] = c
	}
	return w.update(ref, signer, m, files)
}

// keysFiles is what lies on keys.
func (w *world) keysFiles(ref string) map[string][]byte {
	w.t.Helper()
	files := map[string][]byte{}
	tip := w.tip(ref)
	if tip.IsZero() {
		return files
	}
	raw, err := w.repo.CommitBytes(tip)
	w.must(err)
	tree, err := gitstore.CommitTree(raw)
	w.must(err)
	dirs, err := w.repo.Tree(tree)
	w.must(err)
	for _, d := range dirs {
		inner, err := w.repo.Tree(d.ID)
		w.must(err)
		for _, f := range inner {
			if files[d.Name+"/"+f.Name], err = w.repo.Blob(f.ID, 1<<20); err != nil {
				w.t.Fatal(err)
			}
		}
	}
	return files
}

// founding is the one push that makes a space.
func (w *world) founding(founder string) []gitstore.RefUpdate {
	w.t.Helper()
	return []gitstore.RefUpdate{w.wraps(founder, founder), w.logUpdate(chain.Order, w.refs.Order(w.r.Epoch().Epoch), founder), w.main(founder)}
}

// write is a push of entries to name's own lane; their bytes are noise.
func (w *world) write(name string, entries ...string) gitstore.RefUpdate {
	w.t.Helper()
	return w.logUpdate(chain.Lane, w.lane(name), name, entries...)
}

func (w *world) logUpdate(kind chain.Kind, ref, signer string, entries ...string) gitstore.RefUpdate {
	w.t.Helper()
	log := w.logs[ref]
	if log == nil {
		log = new(chain.Log)
		w.logs[ref] = log
	}
	files := map[string][]byte{}
	for _, e := range entries {
		files[chain.EntryPath(log.Len())] = []byte(e)
		log.Append([]byte(e))
	}
	m := w.message(kind, signer)
	head := log.Head()
	m.Log = &head
	return w.update(ref, signer, m, files)
}

func (w *world) check(updates ...gitstore.RefUpdate) error {
	if w.memo == nil {
		return hooks.Check(w.repo, w.refs, updates, nil)
	}
	return hooks.Check(w.repo, w.refs, updates, w.memo)
}

func (w *world) push(updates ...gitstore.RefUpdate) error {
	if err := w.check(updates...); err != nil {
		return err
	}
	return w.repo.SetRefs(updates)
}

func (w *world) mustPush(updates ...gitstore.RefUpdate) {
	w.t.Helper()
	w.must(w.push(updates...))
}

// refused checks that the hook refuses the push by this rule, and that nothing
// moved.
func (w *world) refused(rule hooks.Rule, updates ...gitstore.RefUpdate) {
	w.t.Helper()
	var r *hooks.Refusal
	if err := w.push(updates...); !errors.As(err, &r) || r.Rule != rule {
		w.t.Errorf("got %v, want %s", err, rule)
	}
}

// force moves a ref on the host past the hook, as before it was there.
func (w *world) force(u gitstore.RefUpdate) {
	w.t.Helper()
	w.must(w.repo.SetRefs([]gitstore.RefUpdate{u}))
}
