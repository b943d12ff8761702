package space_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
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

// moonbook is a schema of words that occur nowhere else, so that they can be hunted.
const moonbook = `
tables:
  mondkalender:
    columns:
      silbertext: {type: text, required: true}
      nachtzahl: {type: int}
`

// secretWords must never be found on a host, nor in a space that is locked.
var secretWords = []string{
	"mondkalender", "silbertext", "nachtzahl", "Sternenbund", "Aureliana", "Balthasar", "Wolkenrechner", "Nebelrechner",
	"Quellwasser", "Haferbrot", "Lindenblatt", "Uferschilf", "Gesandter",
}

// address is a host under test: where it is, and where its bytes lie.
type address struct {
	url, dir string
	git      string // transport
}

// transports are the ways to speak to a host.
var transports = []string{"git", "inprocess"}

func (a address) options(p *person) space.Options {
	o := p.options()
	o.Git = a.git
	return o
}

// founds makes p found a moonbook on the host.
func (a address) founds(p *person, c space.CreateOptions) error {
	p.t.Helper()
	c.Name, c.As, c.Remote, c.Schema, c.DeviceName = "Sternenbund", "Aureliana", a.url, []byte(moonbook), "Wolkenrechner"
	s, _, err := space.Create(p.t.Context(), filepath.Join(p.t.TempDir(), p.name), c, a.options(p))
	p.s = s
	return err
}

func (a address) joins(p *person, link string, offline bool) ([]byte, error) {
	p.t.Helper()
	s, j, err := space.Join(p.t.Context(), filepath.Join(p.t.TempDir(), p.name), link,
		space.JoinOptions{As: "Balthasar", DeviceName: "Nebelrechner", Offline: offline}, a.options(p))
	if err != nil {
		return nil, err
	}
	p.s = s
	return j.Request, nil
}

func (p *person) note(text string, n int) string {
	p.t.Helper()
	id, err := p.s.Insert(p.t.Context(), "mondkalender", space.Row{"silbertext": text, "nachtzahl": n})
	if err != nil {
		p.t.Fatalf("%s inserts: %v", p.name, err)
	}
	return id
}

func (p *person) notes() []space.Row {
	p.t.Helper()
	rows, err := p.s.Select(p.t.Context(), space.Query{Table: "mondkalender"})
	if err != nil {
		p.t.Fatalf("%s selects: %v", p.name, err)
	}
	return rows
}

func (p *person) change(id string, row space.Row) {
	p.t.Helper()
	if err := p.s.Update(p.t.Context(), "mondkalender", id, row); err != nil {
		p.t.Fatalf("%s updates: %v", p.name, err)
	}
}

// story: two people create, invite, join, edit the same rows offline, sync and see
// the same; stock git accepts all of it, and the host can read none of it.
func (a address) story(t *testing.T, c space.CreateOptions) (alice, bob *person) {
	t.Helper()
	alice, bob = newPerson(t, "alice"), newPerson(t, "bob")
	if err := a.founds(alice, c); err != nil {
		t.Fatalf("creating: %v", err)
	}
	row := alice.note("Quellwasser", 77001)
	alice.sync()
	inv, err := alice.s.Invite(t.Context(), space.InviteOptions{For: "Gesandter"})
	if err != nil {
		t.Fatalf("inviting: %v", err)
	}
	if _, err := a.joins(bob, inv.Link, false); err != nil {
		t.Fatalf("joining: %v", err)
	}
	a.together(t, row, alice, bob)
	return alice, bob
}

// together goes on from where bob has joined.
func (a address) together(t *testing.T, row string, alice, bob *person) {
	t.Helper()
	alice.sync()
	bob.sync()
	if st := bob.state(); st != space.StateActive {
		t.Fatalf("bob is %s", st)
	}
	bob.change(row, space.Row{"nachtzahl": 77002})
	alice.change(row, space.Row{"silbertext": "Haferbrot"})
	bob.note("Lindenblatt", 1)
	alice.note("Uferschilf", 2)
	for _, p := range []*person{alice, bob, alice} {
		if r := p.sync(); len(r.Warnings) > 0 {
			t.Errorf("%s is warned: %q", p.name, r.Warnings)
		}
	}
	if d := cmp.Diff(alice.notes(), bob.notes()); d != "" {
		t.Errorf("alice and bob differ:\n%s", d)
	}
	if got := alice.notes(); len(got) != 3 || got[0]["silbertext"] != "Haferbrot" || got[0]["nachtzahl"] != int64(77002) {
		t.Errorf("rows: %v", got)
	}
	a.stockGit(t, alice)
	a.hunt(t, alice, bob)
}

// stockGit: a stock clone is whole, and stock git verifies every commit in it that
// one of us made.
func (a address) stockGit(t *testing.T, alice *person) {
	t.Helper()
	if res, err := alice.s.Verify(t.Context(), space.VerifyOptions{Full: true}); err != nil || !res.OK {
		t.Errorf("verify: %+v, %v", res, err)
	}
	clone := filepath.Join(t.TempDir(), "clone.git")
	git(t, "", "clone", "-q", "--mirror", a.url, clone)
	git(t, clone, "fsck", "--full", "--strict")
	signers, err := alice.s.AllowedSigners(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "allowed_signers")
	if err := os.WriteFile(file, []byte(signers), 0o600); err != nil {
		t.Fatal(err)
	}
	ours := strings.Fields(git(t, clone, "rev-list", "--all", "--author=@espace.invalid"))
	if n := len(ours); n < 8 { // genesis, invite, join; keys twice; order; a lane for each
		t.Errorf("%d commits of ours on the host", n)
	}
	git(t, clone, append([]string{"-c", "gpg.format=ssh", "-c", "gpg.ssh.allowedSignersFile=" + file, "verify-commit"}, ours...)...)
}

// hunt looks for every word of the run in all that the host has, and in all files
// of the two spaces.
func (a address) hunt(t *testing.T, people ...*person) {
	t.Helper()
	for what, content := range map[string]string{
		"objects":  git(t, a.dir, "cat-file", "--batch-all-objects", "--batch"),
		"refs":     git(t, a.dir, "for-each-ref"),
		"messages": git(t, a.dir, "log", "--all", "--format=raw"),
	} {
		huntIn(t, "the host's "+what, []byte(content))
	}
	for _, p := range people {
		dir := p.s.Dir()
		p.s.Close()
		huntIn(t, p.name+"'s objects", []byte(git(t, filepath.Join(dir, ".espace", "git"), "cat-file", "--batch-all-objects", "--batch")))
		for _, root := range []string{dir, p.home} {
			huntFiles(t, p.name, root)
		}
		s, err := space.Open(t.Context(), dir, a.options(p))
		if err != nil {
			t.Fatal(err)
		}
		p.s = s
	}
}

func huntFiles(t *testing.T, whose, root string) {
	t.Helper()
	files := 0
	err := filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		b, err := os.ReadFile(path)
		files++
		huntIn(t, whose+"'s "+filepath.Base(path), append(b, path...))
		return err
	})
	if err != nil || files < 2 {
		t.Errorf("hunting in %s: %d files, %v", root, files, err)
	}
}

// huntIn knows the ways in which a word hides: as it is, in hexadecimal, and in
// base64 at each of its three alignments.
func huntIn(t *testing.T, where string, b []byte) {
	t.Helper()
	lower := bytes.ToLower(b)
	for _, w := range secretWords {
		if bytes.Contains(lower, []byte(strings.ToLower(w))) || bytes.Contains(lower, []byte(hex.EncodeToString([]byte(w)))) {
			t.Errorf("%q stands in %s", w, where)
		}
		for shift := range 3 {
			inner := w[(3-shift)%3:]
			inner = inner[:len(inner)/3*3]
			if bytes.Contains(b, []byte(base64.RawStdEncoding.EncodeToString([]byte(inner)))) {
				t.Errorf("%q stands in %s, in base64", w, where)
			}
		}
	}
}

func TestHuntFinds(t *testing.T) {
	for _, hidden := range []string{
		"MONDKALENDER", hex.EncodeToString([]byte("xmondkalender")), base64.StdEncoding.EncodeToString([]byte("mondkalender")),
		base64.StdEncoding.EncodeToString([]byte("x mondkalender")), base64.StdEncoding.EncodeToString([]byte("xmondkalender!")),
	} {
		mute := &testing.T{}
		huntIn(mute, "here", []byte(hidden))
		if !mute.Failed() {
			t.Errorf("not found in %q", hidden)
		}
	}
}

// git runs stock git, also in a repository that another user owns.
func git(t *testing.T, dir string, args ...string) string {
	t.Helper()
	cmd := exec.Command("git", append([]string{"-c", "safe.directory=*"}, args...)...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GIT_TERMINAL_PROMPT=0")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("git %v: %v\n%s", args, err, stderr.String())
	}
	return string(out)
}

func TestHostByPath(t *testing.T) {
	t.Parallel()
	for _, via := range transports {
		t.Run(via, func(t *testing.T) {
			t.Parallel()
			dir := bareHost(t)
			address{dir, dir, via}.story(t, space.CreateOptions{})
		})
	}
}

// httpHost is a bare repository behind a small server.
func httpHost(t *testing.T, via string) (*githost.Server, address) {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is needed for a host")
	}
	h, err := githost.Start(t.Context(), "127.0.0.1:0", t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Close() })
	if err := h.Create("team/book.git"); err != nil {
		t.Fatal(err)
	}
	return h, address{h.URL("team/book.git"), h.Path("team/book.git"), via}
}

func TestHostByHTTP(t *testing.T) {
	t.Parallel()
	for _, via := range transports {
		t.Run(via, func(t *testing.T) {
			t.Parallel()
			_, a := httpHost(t, via)
			a.story(t, space.CreateOptions{})
		})
	}
}

// A real sshd. What the user's own ssh knows counts, so git does the talking; the
// transport in process has it by the same way.
func TestHostBySSH(t *testing.T) {
	s := sshdtest.Start(t)
	s.Login(t)
	for _, via := range transports {
		t.Run(via, func(t *testing.T) {
			dir := bareHost(t)
			address{s.URL(dir), dir, via}.story(t, space.CreateOptions{})
		})
	}
}

// A real Gitea: custom refs, its own README, its protected branch.
func TestHostGitea(t *testing.T) {
	s := gitea.Start(t)
	owner := s.CreateUser(t, "owner")
	s.Login(t, owner)
	on := func(t *testing.T, name, via string, o gitea.Options) address {
		r := s.CreateRepository(t, owner, name, o)
		return address{r.URL, r.Dir, via}
	}
	for _, via := range transports {
		t.Run(via, func(t *testing.T) { on(t, "plain-"+via, via, gitea.Options{}).story(t, space.CreateOptions{}) })
	}
	t.Run("readme", func(t *testing.T) {
		on(t, "readme", "", gitea.Options{README: true}).story(t, space.CreateOptions{})
	})
	t.Run("branches-only", func(t *testing.T) {
		on(t, "branches", "", gitea.Options{}).story(t, space.CreateOptions{LedgerRef: "refs/heads/ledger", Prefix: "refs/heads/espace/"})
	})
	t.Run("protected", func(t *testing.T) {
		a := on(t, "protected", "", gitea.Options{README: true, Protected: true})
		err := a.founds(newPerson(t, "alice"), space.CreateOptions{})
		if !errors.Is(err, space.ErrRefused) || !strings.Contains(err.Error(), "protected") {
			t.Errorf("creating on a protected branch: %v", err)
		}
		a.story(t, space.CreateOptions{LedgerRef: "refs/heads/ledger"})
	})
}

// A host that knows branches only, and keeps `main` for something else.
func TestHostOtherRefs(t *testing.T) {
	t.Parallel()
	dir := bareHost(t)
	a := address{url: dir, dir: dir}
	a.story(t, space.CreateOptions{LedgerRef: "refs/heads/ledger", Prefix: "refs/heads/espace/"})
	for name := range (&evilHost{t, dir}).refs() {
		if name != "refs/heads/ledger" && !strings.HasPrefix(name, "refs/heads/espace/") {
			t.Errorf("the space has put %s on the host", name)
		}
	}
}

// Hosts like to begin a repository with a README.
func TestHostReadmeBranch(t *testing.T) {
	t.Parallel()
	h := newEvilHost(t)
	first := h.commit(map[string]string{"README.md": "# My repository\n"})
	h.set("refs/heads/main", first)
	address{url: h.dir, dir: h.dir}.story(t, space.CreateOptions{})
	if got := h.git("rev-list", "--max-parents=0", "main"); got != first {
		t.Errorf("the README's commit is not under the ledger: %s", got)
	}
	other := newEvilHost(t)
	other.set("refs/heads/main", other.commit(map[string]string{"main.go": "package main\n"}))
	err := address{url: other.dir}.founds(newPerson(t, "carol"), space.CreateOptions{})
	if !errors.Is(err, space.ErrUsage) || !strings.Contains(err.Error(), "--ledger-ref") {
		t.Errorf("founding a space over a program: %v", err)
	}
}

const refuseMain = `#!/bin/sh
while read old new ref; do
	if [ "$ref" = refs/heads/main ]; then echo "branch main is protected here" >&2; exit 1; fi
done
`

// A hook that protects the default branch: a clear refusal, nothing left, and
// another branch works.
func TestHostProtectedBranch(t *testing.T) {
	t.Parallel()
	for _, via := range transports {
		t.Run(via, func(t *testing.T) {
			t.Parallel()
			h := newEvilHost(t)
			if err := os.WriteFile(filepath.Join(h.dir, "hooks", "pre-receive"), []byte(refuseMain), 0o755); err != nil {
				t.Fatal(err)
			}
			a := address{h.dir, h.dir, via}
			alice := newPerson(t, "alice")
			err := a.founds(alice, space.CreateOptions{})
			if !errors.Is(err, space.ErrRefused) || !strings.Contains(err.Error(), "branch main is protected here") {
				t.Errorf("creating on a protected branch: %v", err)
			}
			if refs := h.refs(); len(refs) > 0 {
				t.Errorf("the refused space left %v", refs)
			}
			if via == "git" {
				a.story(t, space.CreateOptions{LedgerRef: "refs/heads/ledger"})
				return
			}
			if err := a.founds(alice, space.CreateOptions{LedgerRef: "refs/heads/ledger"}); err != nil {
				t.Errorf("creating on another branch: %v", err)
			}
		})
	}
}

// A host that can't promise all or none of a push.
func TestHostWithoutAtomic(t *testing.T) {
	t.Parallel()
	for _, via := range transports {
		t.Run(via, func(t *testing.T) {
			t.Parallel()
			h := newEvilHost(t)
			h.git("config", "receive.advertiseAtomic", "false")
			address{h.dir, h.dir, via}.story(t, space.CreateOptions{})
		})
	}
}

// A newcomer without push rights: a member carries the join.
func TestHostReadOnlyNewcomer(t *testing.T) {
	t.Parallel()
	h, a := httpHost(t, "")
	alice, bob := newPerson(t, "alice"), newPerson(t, "bob")
	if err := a.founds(alice, space.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	row := alice.note("Quellwasser", 77001)
	inv, err := alice.s.Invite(t.Context(), space.InviteOptions{})
	if err != nil {
		t.Fatal(err)
	}
	pushes := func(r *http.Request) int {
		if strings.HasSuffix(r.URL.Path, "/git-receive-pack") || strings.Contains(r.URL.RawQuery, "git-receive-pack") {
			return http.StatusForbidden
		}
		return 0
	}
	h.SetTamper(githost.Tamper{Fail: pushes})
	if _, err := a.joins(bob, inv.Link, false); !errors.Is(err, space.ErrAuth) {
		t.Fatalf("bob joins without the right to push: %v", err)
	}
	request, err := a.joins(bob, inv.Link, true)
	if err != nil {
		t.Fatalf("bob joins offline: %v", err)
	}
	h.SetTamper(githost.Tamper{})
	if err := alice.s.Admit(t.Context(), request); err != nil {
		t.Fatalf("alice admits: %v", err)
	}
	alice.sync()
	h.SetTamper(githost.Tamper{Fail: pushes})
	bob.sync()
	if got := bob.notes(); len(got) != 1 || got[0]["silbertext"] != "Quellwasser" {
		t.Errorf("bob reads %v", got)
	}
	bob.note("Lindenblatt", 0)
	if _, err := bob.s.Sync(t.Context()); !errors.Is(err, space.ErrAuth) {
		t.Errorf("bob pushes without the right to: %v", err)
	}
	if got := bob.notes(); len(got) != 2 {
		t.Errorf("bob's write is gone: %v", got)
	}
	if err := bob.s.Delete(t.Context(), "mondkalender", bob.notes()[1]["id"].(string)); err != nil {
		t.Fatal(err)
	}
	h.SetTamper(githost.Tamper{}) // now bob was made a collaborator
	a.together(t, row, alice, bob)
}
