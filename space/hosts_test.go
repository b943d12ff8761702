package space_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/espace-git/espace-git/internal/gitea"
	"github.com/espace-git/espace-git/internal/githost"
	"github.com/espace-git/espace-git/internal/sshdtest"
	"github.com/espace-git/espace-git/space"
)

// The same story on every kind of host, with either transport; docs/design/013-test-hosts.md.

// repository is one on some host.
type repository struct {
	url    string
	dir    string            // where it lies on this disk
	login  func(name string) // makes what the test starts that user's; may be nil
	create space.CreateOptions
}

// hunted are words of the story that nobody but the members may find; long enough
// to be no accident in base64.
var hunted = []string{"Zanzibar", "expedition", "quetzals", "marzipan", "Aureliana", "Montgolfier", "workbench", "travelbook", "errandlist"}

const errands = `
tables:
  errandlist:
    columns:
      title: {type: text, required: true}
      done: {type: bool, default: false}
`

// traveller is somebody in the story.
type traveller struct {
	*person
	repo      *repository
	transport string
}

func newTraveller(t *testing.T, name, transport string, r *repository) *traveller {
	return &traveller{newPerson(t, name), r, transport}
}

func (p *traveller) options() space.Options {
	if p.repo.login != nil {
		p.repo.login(p.name)
	}
	o := p.person.options()
	o.Git = p.transport
	return o
}

func (p *traveller) create() error {
	c := p.repo.create
	c.Name, c.As, c.DeviceName, c.Remote, c.Schema = "Zanzibar expedition", "Aureliana", "workbench", p.repo.url, []byte(errands)
	s, _, err := space.Create(p.t.Context(), filepath.Join(p.t.TempDir(), p.name), c, p.options())
	p.s = s
	return err
}

func (p *traveller) mustJoin(link string) {
	p.t.Helper()
	s, _, err := space.Join(p.t.Context(), filepath.Join(p.t.TempDir(), p.name), link, space.JoinOptions{As: "Montgolfier", DeviceName: "travelbook"}, p.options())
	if err != nil {
		p.t.Fatalf("%s joins: %v", p.name, err)
	}
	p.s = s
}

func (p *traveller) sync() {
	p.t.Helper()
	if p.repo.login != nil {
		p.repo.login(p.name)
	}
	if res := p.person.sync(); len(res.Warnings) > 0 {
		p.t.Errorf("%s syncs with warnings: %q", p.name, res.Warnings)
	}
}

func (p *traveller) add(title string) string {
	p.t.Helper()
	id, err := p.s.Insert(p.t.Context(), "errandlist", space.Row{"title": title})
	if err != nil {
		p.t.Fatalf("%s inserts: %v", p.name, err)
	}
	return id
}

func (p *traveller) change(id string, row space.Row) {
	p.t.Helper()
	if err := p.s.Update(p.t.Context(), "errandlist", id, row); err != nil {
		p.t.Fatalf("%s updates: %v", p.name, err)
	}
}

func (p *traveller) list() []space.Row {
	p.t.Helper()
	rows, err := p.s.Select(p.t.Context(), space.Query{Table: "errandlist"})
	if err != nil {
		p.t.Fatal(err)
	}
	return rows
}

// tell is the story: alice makes a space, bob joins, both write offline, both sync, both see the same.
func tell(t *testing.T, transport string, repo *repository) {
	alice, bob := newTraveller(t, "alice", transport, repo), newTraveller(t, "bob", transport, repo)
	if err := alice.create(); err != nil {
		t.Fatalf("alice creates: %v", err)
	}
	quetzal := alice.add("paint the quetzals")
	alice.sync()
	bob.mustJoin(alice.invite())
	alice.sync()
	bob.sync()
	if got := bob.state(); got != space.StateActive {
		t.Fatalf("bob is %s", got)
	}
	alice.change(quetzal, space.Row{"title": "paint the quetzals green"})
	bob.change(quetzal, space.Row{"done": true})
	bob.add("buy marzipan")
	for _, p := range []*traveller{alice, bob, alice} {
		p.sync()
	}
	if d := cmp.Diff(alice.list(), bob.list()); d != "" {
		t.Errorf("rows differ (-alice +bob):\n%s", d)
	}
	if rows := alice.list(); len(rows) != 2 || rows[0]["title"] != "paint the quetzals green" || rows[0]["done"] != true {
		t.Errorf("alice sees %v", rows)
	}
	for _, p := range []*traveller{alice, bob} {
		if res, err := p.s.Verify(t.Context(), space.VerifyOptions{Full: true}); err != nil || !res.OK {
			t.Errorf("%s verifies: %v %+v", p.name, err, res)
		}
	}
	signers, err := alice.s.AllowedSigners(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	stockGitAgrees(t, repo, signers)
	nothingToRead(t, repo, alice, bob)
}

func hostGit(t *testing.T, repo *repository, args ...string) string {
	t.Helper()
	cmd := exec.Command("git", append([]string{"-c", "safe.directory=*", "--git-dir", repo.dir}, args...)...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %v: %v\n%s", args, err, out)
	}
	return string(out)
}

// stockGitAgrees: the host's repository is sound, and git accepts every commit of the space.
func stockGitAgrees(t *testing.T, repo *repository, signers string) {
	t.Helper()
	clone := filepath.Join(t.TempDir(), "clone.git")
	git(t, "", "clone", "-q", "--mirror", repo.url, clone)
	git(t, clone, "fsck", "--full", "--strict")
	hostGit(t, repo, "fsck", "--full", "--strict")
	file := filepath.Join(t.TempDir(), "signers")
	if err := os.WriteFile(file, []byte(signers), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := exec.LookPath("ssh-keygen"); err != nil {
		t.Skip("git verifies ssh signatures with ssh-keygen, which is not installed (Debian: openssh-client)")
	}
	commits := strings.Fields(git(t, clone, "rev-list", "--all", "--author=@espace.invalid"))
	if len(commits) < 8 { // genesis, invite, join; keys twice; the order; a lane for each
		t.Errorf("the host has only %d commits of the space", len(commits))
	}
	git(t, clone, append([]string{"-c", "gpg.format=ssh", "-c", "gpg.ssh.allowedSignersFile=" + file, "verify-commit"}, commits...)...)
}

// nothingToRead: no word of the story is in any object, ref name or message of the host, nor in the closed spaces.
func nothingToRead(t *testing.T, repo *repository, people ...*traveller) {
	t.Helper()
	seen := hostGit(t, repo, "for-each-ref") + hostGit(t, repo, "cat-file", "--batch-all-objects", "--batch", "--unordered")
	hunt(t, "the host", []byte(seen))
	for _, p := range people {
		dir := p.s.Dir()
		if err := p.s.Close(); err != nil {
			t.Fatal(err)
		}
		huntFiles(t, dir)
		huntFiles(t, p.home)
		hunt(t, p.name+"'s objects", []byte(git(t, filepath.Join(dir, ".espace", "git"), "cat-file", "--batch-all-objects", "--batch")))
	}
}

func huntFiles(t *testing.T, dir string) {
	t.Helper()
	files := 0
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		files++
		content, err := os.ReadFile(p)
		hunt(t, p, content)
		return err
	})
	if err != nil || files == 0 {
		t.Fatalf("%d files in %s: %v", files, dir, err)
	}
}

func hunt(t *testing.T, where string, content []byte) {
	t.Helper()
	for _, word := range found(content) {
		t.Errorf("%s holds the word %q", where, word)
	}
}

// found knows the ways in which a word hides: as it is in any case, in hexadecimal,
// and in base64 at each of its three alignments.
func found(content []byte) (words []string) {
	lower := bytes.ToLower(content)
	for _, w := range hunted {
		here := bytes.Contains(lower, []byte(strings.ToLower(w))) || bytes.Contains(lower, []byte(hex.EncodeToString([]byte(w))))
		for cut := range 3 {
			inner := w[cut:]
			inner = inner[:len(inner)/3*3]
			here = here || bytes.Contains(content, []byte(base64.RawStdEncoding.EncodeToString([]byte(inner))))
		}
		if here {
			words = append(words, w)
		}
	}
	return words
}

func TestHuntFinds(t *testing.T) {
	for _, text := range []string{
		"MARZIPAN", hex.EncodeToString([]byte("xmarzipan")), base64.StdEncoding.EncodeToString([]byte("marzipan")),
		base64.StdEncoding.EncodeToString([]byte("x marzipan")), base64.StdEncoding.EncodeToString([]byte("xmarzipan!")),
	} {
		if got := found([]byte(text)); len(got) != 1 || got[0] != "marzipan" {
			t.Errorf("found %q in %q", got, text)
		}
	}
}

// git runs stock git, also in a repository that another user owns.
func git(t *testing.T, dir string, args ...string) string {
	t.Helper()
	cmd := exec.Command("git", append([]string{"-c", "safe.directory=*"}, args...)...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "GIT_TERMINAL_PROMPT=0")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("git %v: %v\n%s", args, err, stderr.String())
	}
	return string(out)
}

var transports = []string{"git", "inprocess"}

// once are variants that one transport is enough for: the one to leave out is named.
var once = map[string]string{"http-existing-readme": "inprocess", "http-branches-only": "git", "http-protected-branch": "inprocess"}

func TestHosts(t *testing.T) {
	for name, host := range map[string]func(*testing.T) *repository{
		"path": func(t *testing.T) *repository {
			dir := bareHost(t)
			return &repository{url: dir, dir: dir}
		},
		"http": func(t *testing.T) *repository { return httpRepository(t, nil) },
		"ssh": func(t *testing.T) *repository {
			s, dir := sshdtest.Start(t), bareHost(t)
			s.Login(t)
			return &repository{url: s.URL(dir), dir: dir}
		},
		"http-existing-readme": func(t *testing.T) *repository {
			return httpRepository(t, func(h *githost.Server, name string) { commitReadme(t, h.Path(name)) })
		},
		"http-no-atomic": func(t *testing.T) *repository {
			return httpRepository(t, func(h *githost.Server, name string) {
				if err := h.Config(name, "receive.advertiseAtomic", "false"); err != nil {
					t.Fatal(err)
				}
			})
		},
		"http-branches-only": func(t *testing.T) *repository {
			r := httpRepository(t, func(h *githost.Server, name string) { refuse(t, h, name, "refs/espace/*") })
			r.create.Prefix = "refs/heads/espace/"
			return r
		},
		"http-protected-branch": func(t *testing.T) *repository {
			r := httpRepository(t, func(h *githost.Server, name string) { refuse(t, h, name, "refs/heads/main") })
			r.create.LedgerRef = "refs/heads/ledger"
			return r
		},
	} {
		for _, transport := range transports {
			t.Run(name+"/"+transport, func(t *testing.T) {
				if testing.Short() && name != "http" {
					t.Skip("one kind of host in short mode")
				}
				if once[name] == transport && os.Getenv("ESPACE_SLOW") == "" {
					t.Skipf("%s: the variant does not touch what the transports do differently; ESPACE_SLOW=1 tells it, too", name)
				}
				if name != "ssh" { // it sets the environment
					t.Parallel()
				}
				tell(t, transport, host(t))
			})
		}
	}
}

// httpRepository is one behind git http-backend, changed before it is used.
func httpRepository(t *testing.T, change func(h *githost.Server, name string)) *repository {
	t.Helper()
	h, err := githost.Start(t.Context(), "127.0.0.1:0", t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Close() })
	const name = "team/shared.git"
	if err := h.Create(name); err != nil {
		t.Skipf("git is needed for a host: %v", err)
	}
	if change != nil {
		change(h, name)
	}
	return &repository{url: h.URL(name), dir: h.Path(name)}
}

// refuse makes a host refuse all pushes to some refs, as protected branches do.
func refuse(t *testing.T, h *githost.Server, name, refs string) {
	t.Helper()
	script := "#!/bin/sh\ncase $1 in " + refs + ") echo 'this ref is protected' >&2; exit 1;; esac\n"
	if err := h.Hook(name, "update", script); err != nil {
		t.Fatal(err)
	}
}

// commitReadme is what hosts do for people who ask for a README.
func commitReadme(t *testing.T, dir string) {
	t.Helper()
	(&evilHost{t, dir}).set("refs/heads/main", (&evilHost{t, dir}).commit(map[string]string{"README.md": "# shared\n"}))
}

// A protected default branch is a clear refusal, and nothing is left of the attempt.
func TestProtectedBranchIsRefused(t *testing.T) {
	repo := httpRepository(t, func(h *githost.Server, name string) { refuse(t, h, name, "refs/heads/main") })
	for _, transport := range transports {
		t.Run(transport, func(t *testing.T) { refusesToCreate(t, transport, repo) })
	}
}

func refusesToCreate(t *testing.T, transport string, repo *repository) {
	t.Helper()
	alice := newTraveller(t, "alice", transport, repo)
	before := hostGit(t, repo, "for-each-ref")
	err := alice.create()
	if !errors.Is(err, space.ErrRefused) || !strings.Contains(err.Error(), "protected") {
		t.Errorf("creating on a protected branch: %v, want ErrRefused in the host's words", err)
	}
	if after := hostGit(t, repo, "for-each-ref"); after != before {
		t.Errorf("the refused attempt left refs:\n%s", after)
	}
}

// TestGitea tells the story on a real Gitea.
func TestGitea(t *testing.T) {
	s := gitea.Start(t)
	users := map[string]gitea.User{"alice": s.CreateUser(t, "alice"), "bob": s.CreateUser(t, "bob")}
	variants := map[string]struct {
		options gitea.Options
		create  space.CreateOptions
		atomic  string
	}{
		"empty":            {},
		"existing-readme":  {options: gitea.Options{README: true}},
		"protected-branch": {options: gitea.Options{README: true, Protected: true}, create: space.CreateOptions{LedgerRef: "refs/heads/ledger"}},
		"branches-only":    {create: space.CreateOptions{Prefix: "refs/heads/espace/"}},
		"no-atomic":        {atomic: "false"},
	}
	repo := func(t *testing.T, name string, o gitea.Options) (*repository, gitea.Repository) {
		r := s.CreateRepository(t, users["alice"], name, o)
		s.AddCollaborator(t, r, users["bob"])
		return &repository{url: r.URL, dir: r.Dir, login: func(name string) { s.Login(t, users[name]) }}, r
	}
	for name, v := range variants {
		for _, transport := range transports {
			t.Run(name+"/"+transport, func(t *testing.T) {
				repo, made := repo(t, name+"-"+transport, v.options)
				repo.create = v.create
				if v.atomic != "" {
					hostGit(t, repo, "config", "-f", filepath.Join(made.Dir, "config"), "receive.advertiseAtomic", v.atomic)
				}
				tell(t, transport, repo)
			})
		}
	}
	t.Run("protected-branch-is-refused", func(t *testing.T) {
		repo, _ := repo(t, "refused", gitea.Options{README: true, Protected: true})
		refusesToCreate(t, "git", repo)
	})
	t.Run("a-stranger-is-told-so", func(t *testing.T) {
		repo, _ := repo(t, "closed", gitea.Options{})
		repo.login = func(string) { s.Login(t, s.CreateUser(t, "mallory")) }
		err := newTraveller(t, "mallory", "inprocess", repo).create()
		if !errors.Is(err, space.ErrAuth) && !errors.Is(err, space.ErrNotRepository) {
			t.Errorf("a stranger creates a space in somebody's repository: %v", err)
		}
	})
}

// A branch that holds a program is not covered by a space.
func TestForeignBranchIsLeft(t *testing.T) {
	t.Parallel()
	h := newEvilHost(t)
	h.set("refs/heads/main", h.commit(map[string]string{"main.go": "package main\n"}))
	before := h.refs()
	err := newTraveller(t, "alice", "", &repository{url: h.dir, dir: h.dir}).create()
	if !errors.Is(err, space.ErrUsage) || !strings.Contains(err.Error(), "--ledger-ref") {
		t.Errorf("founding a space over a program: %v", err)
	}
	if d := cmp.Diff(before, h.refs()); d != "" {
		t.Errorf("refs changed:\n%s", d)
	}
}

// A newcomer without push rights: a member carries the join; the newcomer reads,
// and what it writes stays until it may push.
func TestReadOnlyNewcomer(t *testing.T) {
	t.Parallel()
	var h *githost.Server
	repo := httpRepository(t, func(host *githost.Server, _ string) { h = host })
	noPush := githost.Tamper{Fail: func(r *http.Request) int {
		if strings.Contains(r.URL.Path+r.URL.RawQuery, "git-receive-pack") {
			return http.StatusForbidden
		}
		return 0
	}}
	alice, bob := newTraveller(t, "alice", "", repo), newTraveller(t, "bob", "", repo)
	if err := alice.create(); err != nil {
		t.Fatal(err)
	}
	alice.add("paint the quetzals")
	link := alice.invite()
	h.SetTamper(noPush)
	join := func(offline bool) ([]byte, error) {
		s, j, err := space.Join(t.Context(), filepath.Join(t.TempDir(), "bob"), link, space.JoinOptions{As: "bob", Offline: offline}, bob.options())
		if err != nil {
			return nil, err
		}
		bob.s = s
		return j.Request, nil
	}
	if _, err := join(false); !errors.Is(err, space.ErrAuth) {
		t.Fatalf("bob joins without the right to push: %v", err)
	}
	request, err := join(true)
	if err != nil {
		t.Fatalf("bob joins offline: %v", err)
	}
	h.SetTamper(githost.Tamper{})
	if err := alice.s.Admit(t.Context(), request); err != nil {
		t.Fatalf("alice admits: %v", err)
	}
	alice.sync()
	h.SetTamper(noPush)
	bob.sync()
	if got := bob.list(); len(got) != 1 {
		t.Errorf("bob reads %v", got)
	}
	bob.add("buy marzipan")
	if _, err := bob.s.Sync(t.Context()); !errors.Is(err, space.ErrAuth) {
		t.Errorf("bob pushes without the right to: %v", err)
	}
	h.SetTamper(githost.Tamper{}) // now he is a collaborator
	bob.sync()
	alice.sync()
	if d := cmp.Diff(alice.list(), bob.list()); d != "" || len(bob.list()) != 2 {
		t.Errorf("rows differ (-alice +bob):\n%s", d)
	}
}
