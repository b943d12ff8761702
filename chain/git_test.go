package chain_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/espace-git/espace-git/chain"
	"github.com/espace-git/espace-git/internal/wire"
)

// stockGit runs git in an empty bare repository, without the user's settings.
type stockGit struct {
	t   testing.TB
	dir string
	env []string
}

func newGit(t testing.TB) stockGit {
	t.Helper()
	for _, tool := range []string{"git", "ssh-keygen"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("%s is not installed: stock git's view of our commits is not tested", tool)
		}
	}
	g := stockGit{t: t, dir: t.TempDir(), env: append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null")}
	g.must("", "init", "-q", "--bare", ".")
	return g
}

func (g stockGit) run(stdin string, args ...string) (string, error) {
	cmd := exec.Command("git", args...)
	cmd.Dir, cmd.Env, cmd.Stdin = g.dir, g.env, strings.NewReader(stdin)
	out, err := cmd.CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

func (g stockGit) must(stdin string, args ...string) string {
	g.t.Helper()
	out, err := g.run(stdin, args...)
	if err != nil {
		g.t.Fatalf("git %s: %v\n%s", args[0], err, out)
	}
	return out
}

func (g stockGit) signers(names ...string) string {
	g.t.Helper()
	var list []chain.Signer
	for _, n := range names {
		list = append(list, chain.Signer{Device: deviceOf(n), Key: pubOf(n)})
	}
	path := filepath.Join(g.t.TempDir(), "allowed")
	if err := os.WriteFile(path, []byte(chain.AllowedSigners(list)), 0o600); err != nil {
		g.t.Fatal(err)
	}
	return path
}

// What we sign, stock git takes: fsck finds nothing, verify-commit is good.
func TestStockGitAccepts(t *testing.T) {
	g := newGit(t)
	allowed := g.signers("bob", "alice")
	tree := g.must("", "hash-object", "-t", "tree", "-w", "--stdin")
	var tips []string
	for name, c := range examples() {
		c.Tree, c.Parents = objectID(t, tree), nil
		if name == "close" { // a closing commit stands on all others
			continue
		}
		tips = append(tips, g.accepts(c, allowed))
	}
	closing := examples()["close"]
	closing.Tree, closing.Parents = objectID(t, tree), nil
	for _, id := range tips {
		closing.Parents = append(closing.Parents, objectID(t, id))
	}
	g.accepts(closing, allowed)
	if out := g.must("", "fsck", "--full", "--strict"); strings.Contains(out, "error") || strings.Contains(out, "warning") {
		t.Errorf("git fsck: %s", out)
	}
}

// accepts stores c and asks stock git about it.
func (g stockGit) accepts(c chain.Commit, allowed string) string {
	g.t.Helper()
	raw, err := chain.Sign(c, keyOf("alice"))
	if err != nil {
		g.t.Fatal(err)
	}
	id := g.must(string(raw), "hash-object", "-t", "commit", "-w", "--stdin")
	if want := chain.ObjectIDOf(raw).String(); id != want {
		g.t.Errorf("%s: git names it %s, we %s", c.Kind, id, want)
	}
	g.must("", "update-ref", "refs/heads/"+string(c.Kind), id)
	out := g.must("", "-c", "gpg.ssh.allowedSignersFile="+allowed, "verify-commit", "-v", id)
	if !strings.Contains(out, "Good \"git\" signature for "+deviceOf("alice").String()+"@espace.invalid") {
		g.t.Errorf("%s: git verify-commit: %s", c.Kind, out)
	}
	return id
}

func TestStockGitRefusesUnknownSigner(t *testing.T) {
	g := newGit(t)
	id := g.must(goodCommit(t), "hash-object", "-t", "commit", "-w", "--stdin")
	if out, err := g.run("", "-c", "gpg.ssh.allowedSignersFile="+g.signers("bob"), "verify-commit", id); err == nil {
		t.Errorf("git took alice's commit with only bob allowed: %s", out)
	}
}

// Why the parser is our own: stock git takes commits that were tampered with.
// When a git of the future refuses one, this test only says so.
func TestStockGitTakesMoreThanWe(t *testing.T) {
	g := newGit(t)
	allowed := g.signers("alice")
	bad := malformedCommits(t, goodCommit(t))
	for _, name := range []string{"gpgsigFOO", "gpgsig-sha256", "re-wrapped-armour"} {
		id := g.must(bad[name], "hash-object", "--literally", "-t", "commit", "-w", "--stdin")
		_, err := g.run("", "-c", "gpg.ssh.allowedSignersFile="+allowed, "verify-commit", id)
		t.Logf("%s: stock git accepts it: %v", name, err == nil)
		if _, err := chain.Parse([]byte(bad[name])); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func objectID(t testing.TB, s string) wire.ObjectID {
	t.Helper()
	id, err := wire.ParseObjectID(s)
	if err != nil {
		t.Fatal(err)
	}
	return id
}
