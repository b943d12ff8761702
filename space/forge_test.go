package space_test

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/espace-git/espace-git/chain"
	"github.com/espace-git/espace-git/identity"
	"github.com/espace-git/espace-git/internal/wire"
	"github.com/espace-git/espace-git/membership"
	"github.com/espace-git/espace-git/merge"
	"github.com/espace-git/espace-git/schema"
	"github.com/espace-git/espace-git/seal"
	"github.com/espace-git/espace-git/space"
	"github.com/espace-git/espace-git/view"
)

// world is a space with people in it that is copied for each attack on it, since
// making one anew takes seconds. Everybody is closed until the copy is made.
type world struct {
	host   string
	people map[string]place
}

// place is where somebody's keys and space are.
type place struct{ home, dir string }

// pack closes everybody.
func pack(t *testing.T, h *evilHost, people ...*person) *world {
	t.Helper()
	w := &world{h.dir, map[string]place{}}
	for _, p := range people {
		w.people[p.name] = place{p.home, p.s.Dir()}
		if err := p.s.Close(); err != nil {
			t.Fatal(err)
		}
		p.s = nil
	}
	return w
}

// unpack copies the world for one test.
func (w *world) unpack(t *testing.T, names ...string) (*evilHost, []*person) {
	t.Helper()
	root := t.TempDir()
	h := &evilHost{t, filepath.Join(root, "host.git")}
	copyExactly(t, w.host, h.dir)
	var people []*person
	for _, name := range names {
		p := newPerson(t, name)
		dir := filepath.Join(root, name)
		copyExactly(t, w.people[name].home, p.home)
		copyExactly(t, w.people[name].dir, dir)
		p.rehost(dir, h.dir)
		p.open(dir)
		people = append(people, p)
	}
	return h, people
}

func (p *person) open(dir string) {
	p.t.Helper()
	s, err := space.Open(p.t.Context(), dir, p.options())
	if err != nil {
		p.t.Fatal(err)
	}
	p.s = s
}

// rehost makes a copied space use a copied host.
func (p *person) rehost(dir, url string) {
	p.t.Helper()
	p.store(dir, func(v *view.Tx) error {
		raw, err := wire.MarshalCBOR([]string{url, wire.DefaultRefs.Ledger, wire.DefaultRefs.Prefix})
		if err != nil {
			return err
		}
		return v.Put("meta", []byte("place"), raw)
	})
}

// store opens a space's local store beside the SDK.
func (p *person) store(dir string, fn func(*view.Tx) error) {
	p.t.Helper()
	db, err := view.Open(filepath.Join(dir, ".espace", "store.db"), p.keyring(dir).StoreKey())
	if err != nil {
		p.t.Fatal(err)
	}
	defer db.Close()
	if err := db.Update(p.t.Context(), fn); err != nil {
		p.t.Fatal(err)
	}
}

// digest of the rows that a person sees, and of all that decides about later ones.
func (p *person) digest() (d wire.Hash) {
	p.t.Helper()
	p.store(p.s.Dir(), func(v *view.Tx) (err error) {
		d, err = v.Digest()
		return err
	})
	return d
}

func (p *person) keyring(dir string) *identity.Keyring {
	p.t.Helper()
	marker, err := os.ReadFile(filepath.Join(dir, ".espace", "space"))
	if err != nil {
		p.t.Fatal(err)
	}
	id, err := wire.ParseHash(strings.TrimSpace(string(marker)))
	if err != nil {
		p.t.Fatal(err)
	}
	vault, err := identity.OpenVault(p.home, identity.Unlock{NoAgent: true})
	if err != nil {
		p.t.Fatal(err)
	}
	keys, err := vault.OpenKeyring(id)
	if err != nil {
		p.t.Fatal(err)
	}
	return keys
}

// copyExactly copies a directory with its modes: secrets that others may read are
// refused.
func copyExactly(t *testing.T, from, to string) {
	t.Helper()
	err := filepath.WalkDir(from, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(from, path)
		info, err := d.Info()
		if err != nil {
			return err
		}
		if d.IsDir() {
			return os.MkdirAll(filepath.Join(to, rel), info.Mode().Perm()|0o700)
		}
		if !d.Type().IsRegular() {
			return nil
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(to, rel), content, 0o600); err != nil {
			return err
		}
		return os.Chmod(filepath.Join(to, rel), info.Mode().Perm()|0o600)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// agree: everybody syncs, whatever they are told; then all have n rows, the same
// ones, and the same digest, also after folding anew.
func agree(t *testing.T, n int, people ...*person) {
	t.Helper()
	for range 2 {
		for _, p := range people {
			if _, err := p.s.Sync(t.Context()); err != nil && !errors.Is(err, space.ErrViolation) {
				t.Fatalf("%s syncs: %v", p.name, err)
			}
		}
	}
	first := people[0]
	for _, p := range people {
		if d := cmp.Diff(first.rows(), p.rows()); d != "" {
			t.Errorf("%s and %s differ:\n%s", first.name, p.name, d)
		}
		if a, b := first.digest(), p.digest(); a != b {
			t.Errorf("digests of %s and %s differ: %s, %s", first.name, p.name, a, b)
		}
	}
	if got := len(first.rows()); got != n {
		t.Errorf("%d rows, want %d", got, n)
	}
	res, _ := first.s.Verify(t.Context(), space.VerifyOptions{Full: true})
	for _, p := range res.Problems {
		if strings.Contains(p, "is not what git and the journal fold to") {
			t.Error(p)
		}
	}
}

// evidence that somebody kept, by kind.
func (p *person) evidence() (kinds []string) {
	p.t.Helper()
	var list []struct{ Kind string }
	var out strings.Builder
	if err := p.s.Evidence(p.t.Context(), &out); err != nil {
		p.t.Fatal(err)
	}
	if err := json.NewDecoder(strings.NewReader(out.String())).Decode(&list); err != nil && err != io.EOF {
		p.t.Fatal(err)
	}
	for _, e := range list {
		kinds = append(kinds, e.Kind)
	}
	return kinds
}

// forger is a member with real keys and another program.
type forger struct {
	*person
	h       *evilHost
	keys    *identity.Keyring
	secret  seal.Secret
	log     *chain.Log
	entries [][]byte
	last    *merge.LaneEntry // the last honest one
	number  uint64
	time    uint64
}

func newForger(h *evilHost, p *person) *forger {
	p.t.Helper()
	f := &forger{person: p, h: h, keys: p.keyring(p.s.Dir()), log: new(chain.Log), last: new(merge.LaneEntry)}
	raw, ok := f.keys.Secret(p.id())
	if !ok {
		p.t.Fatalf("%s has no secret", p.name)
	}
	var err error
	if f.secret, err = seal.SecretFrom(raw); err != nil {
		p.t.Fatal(err)
	}
	f.readLane()
	f.time = max(f.time, merge.FromMillis(time.Now().UnixMilli()))
	return f
}

// readLane takes the own lane from the host.
func (f *forger) readLane() {
	f.t.Helper()
	if f.h.refs()[f.ref()] == "" {
		return
	}
	for commit := range strings.FieldsSeq(f.h.git("rev-list", "--reverse", f.ref())) {
		for name := range strings.FieldsSeq(f.h.git("ls-tree", "-r", "--name-only", commit)) {
			stored := []byte(git(f.t, f.h.dir, "cat-file", "blob", commit+":"+name))
			plain, err := f.key().Open(f.ad(), stored, wire.MaxEntry)
			if err != nil {
				f.t.Fatal(err)
			}
			if f.last, err = merge.DecodeEntry(plain); err != nil {
				f.t.Fatal(err)
			}
			for _, tx := range f.last.Transactions {
				f.number, f.time = max(f.number, tx.Number), max(f.time, tx.Time)
			}
			f.log.Append(stored)
			f.entries = append(f.entries, stored)
		}
	}
}

func (f *forger) dev() wire.Hash { return wire.DeviceKeyHash(f.keys.Device().PublicKey()) }
func (f *forger) key() seal.Key  { return f.secret.LaneKey(f.id(), f.dev()) }
func (f *forger) ad() []byte     { return seal.LaneAD(f.id(), f.dev(), f.log.Len()) }

func (f *forger) epoch() wire.Epoch { return wire.Epoch{O: f.id()} }

func (f *forger) ref() string { return wire.DefaultRefs.Lane(f.epoch(), f.keys.Device().ID()) }

// entry is an entry as an honest device would write it now, with these transactions.
func (f *forger) entry(txs ...merge.Transaction) *merge.LaneEntry {
	return &merge.LaneEntry{Ledger: *f.ledger(), Transactions: txs}
}

// tx is the next transaction.
func (f *forger) tx(ops ...merge.Op) merge.Transaction {
	f.number++
	f.time++
	id := wire.Sum([]byte(fmt.Sprint(f.t.Name(), f.number)))
	return merge.Transaction{Number: f.number, ID: [16]byte(id[:16]), Time: f.time, Ops: ops}
}

// insert is a row of tasks with a title.
func (f *forger) row(title any) merge.Op {
	f.t.Helper()
	value, err := merge.EncodeValue(title)
	if err != nil {
		f.t.Fatal(err)
	}
	id := wire.Sum([]byte(fmt.Sprint(f.t.Name(), "row", f.number, title)))
	return merge.Op{Kind: merge.Insert, Table: 1, Row: merge.RowID(id[:16]), Cells: []merge.Cell{{Column: 1, Value: value}}}
}

// good is a transaction that has effect.
func (f *forger) good(title string) merge.Transaction { return f.tx(f.row(title)) }

// seal is how an entry is stored at the next place of the lane.
func (f *forger) seal(e *merge.LaneEntry) []byte {
	f.t.Helper()
	plain, err := merge.EncodeEntry(e)
	if err != nil {
		f.t.Fatal(err)
	}
	return f.sealPlain(plain)
}

func (f *forger) sealPlain(plain []byte) []byte {
	f.t.Helper()
	stored, err := f.key().Seal(rnd{}, f.ad(), plain, wire.MinContent)
	if err != nil {
		f.t.Fatal(err)
	}
	return stored
}

// push signs entries and puts them on the host, and returns the commit.
func (f *forger) push(stored ...[]byte) string {
	f.t.Helper()
	from := f.log.Len()
	for _, s := range stored {
		f.log.Append(s)
		f.entries = append(f.entries, s)
	}
	head := f.log.Head()
	id := f.commit(f.message(head), f.tree(from, stored), f.h.refs()[f.ref()])
	f.h.set(f.ref(), id)
	return id
}

func (f *forger) message(head wire.LogHead) chain.Message {
	return chain.Message{Kind: chain.Lane, Space: f.id(), Epoch: f.id(), Device: f.keys.Device().ID(), Ledger: f.ledger(), Log: &head}
}

// tree of a lane commit with entries from a number on.
func (f *forger) tree(from uint64, stored [][]byte) string {
	f.t.Helper()
	var files strings.Builder
	for i, s := range stored {
		blob := f.h.gitIn(s, "hash-object", "-w", "--stdin")
		fmt.Fprintf(&files, "100644 blob %s\t%s\n", blob, strings.TrimPrefix(chain.EntryPath(from+uint64(i)), "entries/"))
	}
	dir := f.h.gitIn([]byte(files.String()), "mktree")
	return f.h.gitIn([]byte("040000 tree "+dir+"\tentries\n"), "mktree")
}

// commit signs a message on a tree, on parents that may be anything.
func (f *forger) commit(m chain.Message, tree string, parents ...string) string {
	f.t.Helper()
	return f.raw(f.unsigned(m, tree, parents...), f.keys.Device())
}

func (f *forger) raw(c chain.Commit, signer crypto.Signer) string {
	f.t.Helper()
	raw, err := chain.Sign(c, signer)
	if err != nil {
		f.t.Fatal(err)
	}
	return f.h.gitIn(raw, "hash-object", "-t", "commit", "-w", "--literally", "--stdin")
}

// pushKeys adds a file to the keys.
func (f *forger) pushKeys(name string, content []byte) {
	f.t.Helper()
	keys := f.h.ref("/keys")
	tip := f.h.refs()[keys]
	files := map[string]string{name: string(content)}
	for old := range strings.FieldsSeq(f.h.git("ls-tree", "-r", "--name-only", tip)) {
		files[old] = git(f.t, f.h.dir, "cat-file", "blob", tip+":"+old)
	}
	adds := chain.AddsHash(map[string][]byte{name: content})
	m := f.message(f.log.Head())
	m.Kind, m.Log, m.Adds = chain.Keys, nil, &adds
	f.h.set(keys, f.commit(m, f.h.git("rev-parse", f.h.commit(files)+"^{tree}"), tip))
}

// roster folds the ledger that the host shows.
func (f *forger) roster() (r *membership.Roster, envelopes []string) {
	f.t.Helper()
	for name := range strings.FieldsSeq(f.h.git("ls-tree", "-r", "--name-only", "main", "ledger")) {
		envelope := git(f.t, f.h.dir, "cat-file", "blob", "main:"+name)
		var err error
		if r == nil {
			r, _, err = membership.Genesis([]byte(envelope))
		} else {
			r, _, err = r.Apply([]byte(envelope))
		}
		if err != nil {
			f.t.Fatal(err)
		}
		envelopes = append(envelopes, envelope)
	}
	return r, envelopes
}

// propose puts an entry into the ledger, whatever is in its private part.
func (f *forger) propose(body membership.Body, items map[string]wire.Hash, private []byte) {
	f.t.Helper()
	r, envelopes := f.roster()
	e, err := r.Propose(membership.Draft{Body: body, Time: time.Now(), Items: items, Private: private, Signer: f.keys.Device()})
	if err != nil {
		f.t.Fatal(err)
	}
	files := map[string]string{}
	for i, e := range append(envelopes, string(e)) {
		files[membership.Path(uint64(i))] = e
	}
	f.h.set("refs/heads/main", f.h.commit(files, f.h.refs()["refs/heads/main"]))
}

func (f *forger) unsigned(m chain.Message, tree string, parents ...string) chain.Commit {
	f.t.Helper()
	c := chain.Commit{Message: m, Time: chain.FloorTime(time.Now().Unix()) + 600}
	var err error
	if c.Tree, err = wire.ParseObjectID(tree); err != nil {
		f.t.Fatal(err)
	}
	for _, p := range parents {
		if p == "" {
			continue
		}
		id, err := wire.ParseObjectID(p)
		if err != nil {
			f.t.Fatal(err)
		}
		c.Parents = append(c.Parents, id)
	}
	return c
}

// lane is the head of somebody's lane after n entries, as it stands on the host.
func (f *forger) laneOf(p *person, n uint64) merge.Seen {
	f.t.Helper()
	log := new(chain.Log)
	for commit := range strings.FieldsSeq(f.h.git("rev-list", "--reverse", f.h.lane(p))) {
		for name := range strings.FieldsSeq(f.h.git("ls-tree", "-r", "--name-only", commit)) {
			if log.Len() < n {
				log.Append([]byte(git(f.t, f.h.dir, "cat-file", "blob", commit+":"+name)))
			}
		}
	}
	id, err := wire.ParseDeviceID(p.device())
	if err != nil {
		f.t.Fatal(err)
	}
	return merge.Seen{Device: id, LogHead: log.Head()}
}

// rnd gives the same bytes again and again: a forger need not be careful.
type rnd struct{}

func (rnd) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = byte(i * 7)
	}
	return len(b), nil
}

// crowd is a world with alice (owner), carol (editor), mallory (editor) and eve
// (viewer). Everybody who may has written once and seen all; mallory has written
// again after the ledger had grown.
func crowd(t *testing.T) *world {
	t.Helper()
	h := newEvilHost(t)
	alice := newPerson(t, "alice")
	alice.create(h.dir)
	alice.insert(space.Row{"title": "one of alice"})
	alice.sync()
	everybody := []*person{alice}
	for _, name := range []string{"carol", "mallory", "eve"} {
		role := "editor"
		if name == "eve" {
			role = "viewer"
		}
		i, err := alice.s.Invite(t.Context(), space.InviteOptions{Role: role})
		if err != nil {
			t.Fatal(err)
		}
		p := newPerson(t, name)
		p.join(i.Link)
		everybody = append(everybody, p)
		if name == "mallory" {
			alice.sync()
			p.sync()
			p.insert(space.Row{"title": "one of mallory"})
			p.sync()
		}
	}
	alice.sync()
	for _, p := range everybody[1:3] {
		p.sync()
		p.insert(space.Row{"title": "two of " + p.name})
		p.sync()
	}
	alice.sync()
	alice.insert(space.Row{"title": "two of alice"})
	for _, p := range append(everybody, everybody...) {
		p.sync()
	}
	if got := len(alice.rows()); got != crowdRows {
		t.Fatalf("%d rows in the crowd", got)
	}
	return pack(t, h, everybody...)
}

const crowdRows = 5

func entryPath(f *forger) string { return chain.EntryPath(f.log.Len()) }

// founder makes a space by hand, of any format.
type founder struct {
	t      *testing.T
	h      *evilHost
	dev    *identity.Device
	secret seal.Secret
	ledger [][]byte
	roster *membership.Roster
	link   string
}

func newFounder(t *testing.T, format int) *founder {
	t.Helper()
	f := &founder{t: t, h: newEvilHost(t)}
	vault, err := identity.CreateVault(filepath.Join(t.TempDir(), "founder"), nil)
	f.must(err)
	f.dev, err = vault.NewDevice(rand.Reader)
	f.must(err)
	f.secret, err = seal.NewSecret(rand.Reader)
	f.must(err)
	sc, err := schema.Parse([]byte(tasks))
	f.must(err)
	sc, err = schema.Number(nil, sc)
	f.must(err)
	encoded, err := sc.Encode()
	f.must(err)
	d := f.draft(&membership.GenesisBody{
		Commitment: f.secret.Commitment(0, wire.Hash{}), Format: format,
		Device: membership.NewDevice{Key: f.dev.PublicKey(), Recipient: f.dev.Recipient()},
	}, wire.Hash{}, map[string][]byte{
		membership.ItemSpaceName: []byte("Team"), membership.ItemMemberName: []byte("founder"),
		membership.ItemDeviceName: []byte("x"), membership.ItemSchema: encoded, membership.ItemPageCut: make([]byte, 32),
	})
	envelope, err := membership.NewGenesis(d)
	f.must(err)
	f.roster, _, err = membership.Genesis(envelope)
	f.must(err)
	f.ledger = append(f.ledger, envelope)
	f.invite()
	f.pushLedger()
	return f
}

func (f *founder) must(err error) {
	f.t.Helper()
	if err != nil {
		f.t.Fatal(err)
	}
}

func (f *founder) draft(body membership.Body, predecessor wire.Hash, values map[string][]byte) membership.Draft {
	f.t.Helper()
	items := membership.Items{}
	for name, v := range values {
		items[name] = membership.Item{Value: v}
	}
	plain, err := membership.EncodeItems(items)
	f.must(err)
	box, err := f.secret.LedgerKey(predecessor).Seal(rand.Reader, seal.LedgerAD(predecessor), plain, wire.MinPrivate)
	f.must(err)
	return membership.Draft{Body: body, Time: time.Now(), Items: items.Hashes(), Private: box, Signer: f.dev}
}

func (f *founder) invite() {
	f.t.Helper()
	link := membership.Link{Repository: f.h.dir, Space: f.roster.Space(), Secret: [16]byte{1, 2, 3}}
	mailbox, private, err := seal.NewMailbox()
	f.must(err)
	all, err := membership.ParseHistory("all")
	f.must(err)
	body := &membership.InviteBody{
		Key: link.InviteKey().Public().(ed25519.PublicKey), Mailbox: mailbox, Role: membership.Editor, Uses: 1,
		Expires: time.Now().Add(time.Hour).UnixMilli(), History: &all,
	}
	envelope, err := f.roster.Propose(f.draft(body, f.roster.Head().Hash, map[string][]byte{membership.ItemMailbox: private}))
	f.must(err)
	var entry *membership.Entry
	f.roster, entry, err = f.roster.Apply(envelope)
	f.must(err)
	f.ledger = append(f.ledger, envelope)
	link.Invite = entry.Position()
	f.link = link.String()
}

// pushLedger puts the entries on `main`; who made the commit does not matter.
func (f *founder) pushLedger() {
	f.t.Helper()
	files := map[string]string{}
	for i, e := range f.ledger {
		files[membership.Path(uint64(i))] = string(e)
	}
	f.h.set("refs/heads/main", f.h.commit(files))
}

// letIn wraps the secret for somebody who has joined.
func (f *founder) letIn(p *person) {
	f.t.Helper()
	_, err := p.s.Sync(p.t.Context())
	f.must(err)
	head := p.ledger()
	recipient := p.keyring(p.s.Dir()).Device().Recipient()
	wrap, err := seal.WrapSecrets(recipient, seal.Wrap{Space: f.roster.Space(), Secrets: []seal.EpochSecret{{O: f.roster.Space(), Secret: f.secret}}})
	f.must(err)
	name := seal.WrapPath(recipient, f.dev.ID(), 0)
	adds := chain.AddsHash(map[string][]byte{name: wrap})
	m := chain.Message{Kind: chain.Keys, Space: f.roster.Space(), Epoch: f.roster.Space(), Device: f.dev.ID(), Ledger: head, Adds: &adds}
	tree := f.h.git("rev-parse", f.h.commit(map[string]string{name: string(wrap)})+"^{tree}")
	c := chain.Commit{Message: m, Time: chain.FloorTime(time.Now().Unix())}
	c.Tree, err = wire.ParseObjectID(tree)
	f.must(err)
	raw, err := chain.Sign(c, f.dev)
	f.must(err)
	f.h.set(wire.DefaultRefs.Keys(f.roster.Epoch().Epoch), f.h.gitIn(raw, "hash-object", "-t", "commit", "-w", "--literally", "--stdin"))
}
