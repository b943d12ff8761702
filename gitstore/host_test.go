package gitstore

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/espace-git/espace-git/internal/githost"
	"github.com/espace-git/espace-git/internal/wire"
	"golang.org/x/crypto/ssh"
)

// gitIn runs stock git with an input.
func gitIn(t testing.TB, dir, in string, args ...string) string {
	t.Helper()
	cmd := exec.Command("git", append([]string{"-C", dir}, args...)...)
	cmd.Stdin = strings.NewReader(in)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %v: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

// dropObject unpacks a host's repository and loses one object.
func dropObject(t testing.TB, dir string, id wire.ObjectID) {
	t.Helper()
	packs, _ := filepath.Glob(filepath.Join(dir, "objects/pack/*.pack"))
	for _, p := range packs {
		moved := filepath.Join(dir, filepath.Base(p))
		os.Rename(p, moved)
		os.Remove(strings.TrimSuffix(p, ".pack") + ".idx")
		b, err := os.ReadFile(moved)
		if err != nil {
			t.Fatal(err)
		}
		os.Remove(moved)
		gitIn(t, dir, string(b), "unpack-objects", "-q")
	}
	name := id.String()
	if err := os.Remove(filepath.Join(dir, "objects", name[:2], name[2:])); err != nil {
		t.Fatal(err)
	}
}

// noLeftovers: nothing in the quarantine, no temporary file among the packs.
func noLeftovers(t testing.TB, r *Repo) {
	t.Helper()
	left, _ := filepath.Glob(filepath.Join(r.Dir(), "quarantine", "*"))
	temp, _ := filepath.Glob(filepath.Join(r.packDir(), "tmp_*"))
	locks, _ := filepath.Glob(filepath.Join(r.Dir(), "refs", "*", "*.lock"))
	if left = append(append(left, temp...), locks...); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// sshSide is OpenSSH's own server on loopback, with a key made for the test.
func sshSide(t testing.TB) farSide {
	sshd, err := exec.LookPath("sshd")
	if err != nil {
		if sshd = "/usr/sbin/sshd"; !exists(sshd) {
			t.Skip("sshd is not installed (Debian: openssh-server): the stories over ssh are skipped")
		}
	}
	if _, err := exec.LookPath("ssh"); err != nil {
		t.Skip("ssh is not installed: the stories over ssh are skipped")
	}
	h := githost.New(t.TempDir())
	if err := h.Create("space.git"); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	port := startSSHD(t, sshd, dir)
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	url := fmt.Sprintf("ssh://%s@127.0.0.1:%d%s", me.Username, port, h.Path("space.git"))
	return farSide{name: "ssh", url: url, dir: h.Path("space.git")}
}

func exists(path string) bool { _, err := os.Stat(path); return err == nil }

// startSSHD runs a server and makes GIT_SSH_COMMAND reach it, as a user would
// with an ssh configuration of their own.
func startSSHD(t testing.TB, sshd, dir string) int {
	t.Helper()
	os.MkdirAll("/run/sshd", 0o755) // privilege separation wants it; not ours to fail on
	hostKey := writeKey(t, filepath.Join(dir, "host"))
	userKey := writeKey(t, filepath.Join(dir, "user"))
	authorized := filepath.Join(dir, "authorized")
	must(t, os.WriteFile(authorized, ssh.MarshalAuthorizedKey(userKey), 0o600))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	l.Close()
	known := fmt.Sprintf("[127.0.0.1]:%d %s", port, ssh.MarshalAuthorizedKey(hostKey))
	must(t, os.WriteFile(filepath.Join(dir, "known"), []byte(known), 0o600))
	config := fmt.Sprintf("Port %d\nListenAddress 127.0.0.1\nHostKey %s\nAuthorizedKeysFile %s\nStrictModes no\n"+
		"PasswordAuthentication no\nKbdInteractiveAuthentication no\nPidFile none\nAcceptEnv GIT_PROTOCOL\n",
		port, filepath.Join(dir, "host"), authorized)
	must(t, os.WriteFile(filepath.Join(dir, "sshd_config"), []byte(config), 0o600))
	cmd := exec.Command(sshd, "-D", "-f", filepath.Join(dir, "sshd_config"), "-E", filepath.Join(dir, "log"))
	if err := cmd.Start(); err != nil {
		t.Skipf("sshd does not start (%v): the stories over ssh are skipped", err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	waitForPort(t, port, filepath.Join(dir, "log"))
	t.Setenv("GIT_SSH_COMMAND", fmt.Sprintf("ssh -F none -i %s -o IdentitiesOnly=yes -o UserKnownHostsFile=%s",
		filepath.Join(dir, "user"), filepath.Join(dir, "known")))
	return port
}

func waitForPort(t testing.TB, port int, log string) {
	t.Helper()
	for range 200 {
		c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil {
			c.Close()
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	b, _ := os.ReadFile(log)
	t.Skipf("sshd does not answer: the stories over ssh are skipped\n%s", b)
}

func writeKey(t testing.TB, path string) ssh.PublicKey {
	t.Helper()
	pub, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(key, "")
	if err != nil {
		t.Fatal(err)
	}
	must(t, os.WriteFile(path, pem.EncodeToMemory(block), 0o600))
	sp, err := ssh.NewPublicKey(pub)
	if err != nil {
		t.Fatal(err)
	}
	return sp
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
