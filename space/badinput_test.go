package space_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/espace-git/espace-git/internal/wire"
	"github.com/espace-git/espace-git/membership"
	"github.com/espace-git/espace-git/space"
)

// Each line of "Bad input": a clear error of its class, nothing lost and nothing
// half-written. What members forge is in malice_test.go, what hosts do in
// attacks_test.go and hostdown_test.go.

func TestWrongPassphrase(t *testing.T) {
	t.Parallel()
	pass := "correct horse"
	p := newPerson(t, "alice")
	o := space.Options{Home: p.home, NoAgent: true, Passphrase: func() ([]byte, error) { return []byte(pass), nil }}
	dir := filepath.Join(t.TempDir(), "a")
	s, _, err := space.Create(t.Context(), dir, space.CreateOptions{Name: "Team", As: "alice", Schema: []byte(tasks)}, o)
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
	pass = "correct house"
	if _, err := space.Open(t.Context(), dir, o); !errors.Is(err, space.ErrPassphrase) {
		t.Errorf("with a wrong passphrase: %v", err)
	}
	o.Passphrase = nil
	if _, err := space.Open(t.Context(), dir, o); !errors.Is(err, space.ErrLocked) {
		t.Errorf("with none: %v", err)
	}
	o.Home = t.TempDir()
	if _, err := space.Open(t.Context(), dir, o); !errors.Is(err, space.ErrNotMine) {
		t.Errorf("with somebody else's home: %v", err)
	}
	if _, err := space.Open(t.Context(), t.TempDir(), o); !errors.Is(err, space.ErrNoSpace) {
		t.Errorf("where no space is: %v", err)
	}
}

// refuses: a join fails, says so, and leaves nothing.
func refuses(t *testing.T, link string, class error, words string, change ...func(*space.Options)) {
	t.Helper()
	p := newPerson(t, "carol")
	o := p.options()
	for _, c := range change {
		c(&o)
	}
	dir := filepath.Join(t.TempDir(), "carol")
	s, _, err := space.Join(t.Context(), dir, link, space.JoinOptions{As: "carol"}, o)
	if err == nil {
		s.Close()
	}
	if err == nil || class != nil && !errors.Is(err, class) || !strings.Contains(err.Error(), words) {
		t.Errorf("joining: %v; want %v, with %q", err, class, words)
	}
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the refused join left %s: %v", dir, err)
	}
	left, _ := filepath.Glob(filepath.Join(p.home, "spaces", "*", "*"))
	left = slices.DeleteFunc(left, func(name string) bool { return filepath.Base(name) == "lock" }) // an empty file
	if len(left) > 0 {
		t.Errorf("the refused join left %v", left)
	}
}

func TestBadLinks(t *testing.T) {
	t.Parallel()
	alice := newPerson(t, "alice")
	alice.create(bareHost(t))
	other := newPerson(t, "other")
	other.create(bareHost(t))
	link := alice.invite()
	parsed, err := membership.ParseLink(link)
	if err != nil {
		t.Fatal(err)
	}
	t.Run("flipped-character", func(t *testing.T) {
		for i := range link {
			flipped := []byte(link)
			if flipped[i] = 'a'; link[i] == 'a' {
				flipped[i] = 'b'
			}
			if _, err := space.LinkInfo(string(flipped)); !errors.Is(err, space.ErrLink) {
				t.Errorf("character %d of the link changed: %v", i, err)
			}
		}
		for _, l := range []string{"", "espace1", link + "a", link[:len(link)-1], link + link, "https://example.org/team.git", link[:40] + "\x1b" + link[41:]} {
			if _, err := space.LinkInfo(l); !errors.Is(err, space.ErrLink) {
				t.Errorf("link %.20q…: %v", l, err)
			}
		}
		refuses(t, link[:50]+"2"+link[51:], space.ErrLink, "")
	})
	change := func(fn func(*membership.Link)) string {
		l := parsed
		fn(&l)
		return l.String()
	}
	empty := newEvilHost(t)
	readme := newEvilHost(t)
	readme.set("refs/heads/main", readme.commit(map[string]string{"README.md": "# hello\n"}))
	odd := newEvilHost(t)
	odd.set("refs/heads/main", odd.commit(map[string]string{"ledger/0000/00000000.json": "{}", "ledger/x": "y"}))
	tree := newEvilHost(t)
	tree.set("refs/heads/main", tree.commit(map[string]string{"README.md": "# hello\n"}))
	writeRef(t, tree, "refs/heads/main", tree.git("rev-parse", "main^{tree}"))
	for name, c := range map[string]struct {
		link  string
		class error
		words string
	}{
		"of-another-space": {change(func(l *membership.Link) { l.Repository = other.s.Remote() }), errAny, "no ledger of this space"},
		"another-space-id": {change(func(l *membership.Link) { l.Space[3] ^= 1 }), errAny, "no ledger of this space"},
		"another-entry":    {change(func(l *membership.Link) { l.Invite.Hash[3] ^= 1 }), space.ErrViolation, "another ledger"},
		"guessed-secret":   {change(func(l *membership.Link) { l.Secret[3] ^= 1 }), space.ErrLink, "secret does not fit"},
		"empty-repository": {change(func(l *membership.Link) { l.Repository = empty.dir }), errAny, "no ledger of this space"},
		"no-space-there":   {change(func(l *membership.Link) { l.Repository = readme.dir }), errAny, "no ledger of this space"},
		"odd-ledger":       {change(func(l *membership.Link) { l.Repository = odd.dir }), errAny, "no ledger of this space"},
		"main-is-a-tree":   {change(func(l *membership.Link) { l.Repository = tree.dir }), errAny, "no ledger of this space"},
		"no-repository":    {change(func(l *membership.Link) { l.Repository = t.TempDir() }), space.ErrNotRepository, ""},
		"nobody-listens":   {change(func(l *membership.Link) { l.Repository = "http://127.0.0.1:9/x.git" }), space.ErrUnreachable, ""},
		"other-ledger-ref": {change(func(l *membership.Link) { l.LedgerRef = "refs/heads/nope" }), errAny, "no ledger of this space"},
	} {
		t.Run(name, func(t *testing.T) { refuses(t, c.link, c.class, c.words) })
	}
	t.Run("expired", func(t *testing.T) {
		refuses(t, link, space.ErrNotPermitted, "expired", func(o *space.Options) { o.Now = in(8 * 24 * time.Hour) })
	})
	newPerson(t, "bob").join(link) // all of that did the link no harm
	t.Run("used-up", func(t *testing.T) { refuses(t, link, space.ErrNotPermitted, "has been used") })
}

// errAny: the class is plain failure.
var errAny error

func in(d time.Duration) func() time.Time { return func() time.Time { return time.Now().Add(d) } }

// A genesis of a format that this program does not know: it reads the ledger, joins,
// and writes nothing.
func TestUnknownFormat(t *testing.T) {
	t.Parallel()
	f := newFounder(t, 2)
	bob := newPerson(t, "bob")
	bob.join(f.link)
	f.letIn(bob)
	r, err := bob.s.Sync(t.Context())
	if err != nil || !strings.Contains(strings.Join(r.Warnings, "\n"), "upgrade needed") {
		t.Errorf("bob syncs: %+v, %v", r, err)
	}
	if got := bob.state(); got != space.StateBehind {
		t.Errorf("bob is %s, want behind", got)
	}
	before := f.h.refs()
	_, err = bob.s.Insert(t.Context(), "tasks", space.Row{"title": "of an old program"})
	if !errors.Is(err, space.ErrUpgrade) {
		t.Errorf("bob writes into a space that he does not understand: %v", err)
	}
	if _, err := bob.s.Sync(t.Context()); err != nil {
		t.Error(err)
	}
	for ref, id := range f.h.refs() {
		if before[ref] != id && strings.Contains(ref, "/lanes/") {
			t.Errorf("a program that does not know the format wrote to %s", ref)
		}
	}
}

// Truncated, flipped and missing bytes in what this device keeps.
func TestDamagedSpaceDirectory(t *testing.T) {
	t.Parallel()
	alice := newPerson(t, "alice")
	alice.create(bareHost(t))
	alice.insert(space.Row{"title": "precious"})
	alice.sync()
	alice.insert(space.Row{"title": "not yet on the host"})
	h := &evilHost{t, alice.s.Remote()}
	w := pack(t, h, alice)
	for _, c := range []struct {
		file    string
		harm    func([]byte) []byte
		healing bool // the space can go on without the file's help
	}{
		{".espace/space", truncate, false},
		{".espace/space", func(b []byte) []byte { return []byte(strings.Repeat("0", 64) + "\n") }, false},
		{".espace/store.db", truncate, false},
		{".espace/store.db", flip, false},
		{".espace/store.db", func([]byte) []byte { return nil }, false},
		{".espace/git/objects/pack/*.pack", flip, true},
		{".espace/git/objects/pack/*.pack", truncate, true},
		{".espace/git/objects/pack/*.idx", flip, true},
		{".espace/git/objects/pack/*.idx", truncate, true},
		{".espace/git/objects/pack/*.idx", func([]byte) []byte { return nil }, true},
		{".espace/git/config", flip, true},
		{".espace/git/HEAD", truncate, true},
	} {
		t.Run(strings.ReplaceAll(c.file, "/", "_"), func(t *testing.T) {
			t.Parallel()
			root := t.TempDir()
			p := newPerson(t, "alice")
			dir := filepath.Join(root, "alice")
			copyExactly(t, w.people["alice"].home, p.home)
			copyExactly(t, w.people["alice"].dir, dir)
			p.rehost(dir, newEvilHostFrom(t, h).dir)
			files, err := filepath.Glob(filepath.Join(dir, c.file))
			if err != nil || len(files) == 0 {
				t.Fatal("no such file: ", c.file, err)
			}
			p.damaged(dir, files, c.harm)
			p.open(dir)
			defer p.s.Close()
			p.sync()
			if got := len(p.rows()); got != 2 {
				t.Errorf("%d rows after the file came back", got)
			}
			if r, err := p.s.Verify(t.Context(), space.VerifyOptions{Full: true}); err != nil {
				t.Errorf("verify after the file came back: %+v, %v", r, err)
			}
		})
	}
}

func newEvilHostFrom(t *testing.T, h *evilHost) *evilHost {
	dir := filepath.Join(t.TempDir(), "host.git")
	copyExactly(t, h.dir, dir)
	return &evilHost{t, dir}
}

func truncate(b []byte) []byte { return b[:len(b)/2] }

func flip(b []byte) []byte {
	out := append([]byte(nil), b...)
	for i := len(out) / 3; i < len(out); i += max(len(out)/7, 1) {
		out[i] ^= 0x40
	}
	return out
}

// damaged: with some files harmed everything may fail, and nothing may panic or be
// told as true that is not. Then the files come back.
func (p *person) damaged(dir string, files []string, harm func([]byte) []byte) {
	p.t.Helper()
	before := map[string][]byte{}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			p.t.Fatal(err)
		}
		before[f] = b
		os.Chmod(f, 0o600)
		if err := os.WriteFile(f, harm(b), 0o600); err != nil {
			p.t.Fatal(err)
		}
	}
	p.useDamaged(dir)
	for f, b := range before {
		if err := os.WriteFile(f, b, 0o600); err != nil {
			p.t.Fatal(err)
		}
	}
}

func (p *person) useDamaged(dir string) {
	p.t.Helper()
	s, err := space.Open(p.t.Context(), dir, p.options())
	if err != nil {
		p.t.Logf("open: %v", err)
		return
	}
	defer s.Close()
	rows, err := s.Select(p.t.Context(), space.Query{Table: "tasks"})
	if err == nil && len(rows) != 2 {
		p.t.Errorf("a damaged space has %d rows and says nothing", len(rows))
	}
	_, err = s.Verify(p.t.Context(), space.VerifyOptions{Full: true})
	p.t.Logf("verify: %v", err)
	if _, err := s.Sync(p.t.Context()); err != nil {
		p.t.Logf("sync: %v", err)
	}
}

// A damaged host: whatever byte of it is wrong, a member loses nothing, a newcomer
// gets a clear error, and when the host is well again both go on.
func TestDamagedHost(t *testing.T) {
	t.Parallel()
	h, alice, bob := two(t)
	h.git("gc", "-q", "--prune=now") // so that few files hold all
	link := alice.invite()
	alice.insert(space.Row{"title": "while the host is ill"})
	w := pack(t, h, alice, bob)
	for name, harm := range map[string]func([]byte) []byte{"flipped": flip, "truncated": truncate, "gone": func([]byte) []byte { return nil }} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h, people := w.unpack(t, "alice", "bob")
			before := map[string][]byte{}
			err := filepath.WalkDir(filepath.Join(h.dir, "objects"), func(path string, d os.DirEntry, err error) error {
				if err != nil || !d.Type().IsRegular() || strings.HasSuffix(path, ".idx") || strings.HasSuffix(path, ".rev") {
					return err
				}
				b, err := os.ReadFile(path)
				before[path] = b
				os.Chmod(path, 0o600)
				return errors.Join(err, os.WriteFile(path, harm(b), 0o600))
			})
			if err != nil || len(before) == 0 {
				t.Fatal(len(before), err)
			}
			for _, p := range people {
				_, err := p.s.Sync(t.Context())
				t.Logf("%s syncs: %v", p.name, err)
				if got := len(p.rows()); got < 3 {
					t.Errorf("%s has %d rows", p.name, got)
				}
			}
			carol := newPerson(t, "carol")
			moved := relink(t, link, h.dir)
			if _, _, err := space.Join(t.Context(), filepath.Join(t.TempDir(), "c"), moved, space.JoinOptions{As: "carol"}, carol.options()); err == nil {
				t.Error("carol joined by a damaged host")
			}
			for path, b := range before {
				if err := os.WriteFile(path, b, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			for _, p := range people {
				p.reopen(func() {}) // packs don't change under a process otherwise
			}
			// Bob took the unreadable ledger for one that was taken back, and put back
			// what he had; alice has more.
			if _, err := people[0].s.Sync(t.Context()); err != nil && !errors.Is(err, space.ErrViolation) {
				t.Fatal(err)
			}
			carol.join(moved)
			agree(t, 4, people[0], people[1], carol)
		})
	}
}

func relink(t *testing.T, link, url string) string {
	t.Helper()
	l, err := membership.ParseLink(link)
	if err != nil {
		t.Fatal(err)
	}
	l.Repository = url
	return l.String()
}

// An entry far beyond the limit: refused while it comes in, and nobody else waits.
func TestHugeEntry(t *testing.T) {
	t.Parallel()
	size := 64 << 20
	if os.Getenv("ESPACE_SLOW") != "" {
		size = 1 << 30
	}
	w := crowd(t)
	for name, put := range map[string]func(*forger, string) string{
		"as-entry": func(f *forger, blob string) string {
			dir := f.h.gitIn([]byte("100644 blob "+blob+"\t"+strings.TrimPrefix(entryPath(f), "entries/")+"\n"), "mktree")
			return f.h.gitIn([]byte("040000 tree "+dir+"\tentries\n"), "mktree")
		},
		"beside": func(f *forger, blob string) string {
			return f.h.gitIn([]byte("100644 blob "+blob+"\tentries\n"), "mktree")
		},
	} {
		t.Run(name, func(t *testing.T) {
			h, people := w.unpack(t, "alice", "carol", "mallory")
			f := newForger(h, people[2])
			file := filepath.Join(t.TempDir(), "huge")
			if err := os.WriteFile(file, nil, 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.Truncate(file, int64(size)); err != nil {
				t.Fatal(err)
			}
			blob := h.git("-c", "core.compression=1", "hash-object", "-w", file)
			head := f.log.Head()
			head.Len++
			head.Root = wire.Hash{1}
			h.set(f.ref(), f.commit(f.message(head), put(f, blob), h.refs()[f.ref()]))
			for _, p := range people[:2] {
				p.insert(space.Row{"title": "goes on, " + p.name})
			}
			r, err := people[0].s.Sync(t.Context()) // who comes first puts the lane right
			if told := strings.Join(r.Warnings, "\n"); !strings.Contains(told, "too big") || err != nil {
				t.Errorf("alice is told %q, %v", told, err)
			}
			agree(t, crowdRows+2, people[0], people[1])
		})
	}
}
