package sshdtest

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const (
	startTimeout = 15 * time.Second
	startTries   = 3 // another process may take the port between our look and sshd's
)

// Server is a running sshd. It ends with the test that started it.
type Server struct {
	Addr       string // 127.0.0.1:PORT
	User       string // the account: whoever runs the test
	Key        string // path of the private key that it lets in, in OpenSSH's form
	KnownHosts string // path of a known_hosts file with its host key

	dir     string
	hostKey []byte // as in known_hosts
}

// Start runs an sshd of its own for t, or skips t where there is none.
func Start(t testing.TB) *Server {
	t.Helper()
	program, err := find()
	if err != nil {
		t.Skipf("sshd is not installed (Debian: apt-get install openssh-server): %v", err)
	}
	if _, err := exec.LookPath("ssh"); err != nil {
		t.Skipf("ssh is not installed (Debian: apt-get install openssh-client): %v", err)
	}
	account, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	s := &Server{User: account.Username, dir: t.TempDir()}
	if err := s.makeKeys(); err != nil {
		t.Fatalf("making keys: %v", err)
	}
	if err := s.start(t, program); err != nil {
		t.Fatalf("starting sshd: %v\n%s", err, s.log())
	}
	return s
}

// find looks where systems keep programs for root, too. sshd insists on being called by its full path.
func find() (string, error) {
	if p, err := exec.LookPath("sshd"); err == nil {
		return filepath.Abs(p)
	}
	for _, p := range []string{"/usr/sbin/sshd", "/usr/local/sbin/sshd", "/sbin/sshd"} {
		if _, err := os.Stat(p); err == nil {
			return p, nil
		}
	}
	return "", exec.ErrNotFound
}

// URL is the address of a repository at an absolute path.
func (s *Server) URL(path string) string {
	return "ssh://" + s.User + "@" + s.Addr + filepath.ToSlash(path)
}

// Command is what GIT_SSH_COMMAND or core.sshCommand must be to get in: nothing of the user's own ssh takes part.
func (s *Server) Command() string {
	return fmt.Sprintf("ssh -F none -i '%s' -o IdentitiesOnly=yes -o IdentityAgent=none -o BatchMode=yes -o StrictHostKeyChecking=yes -o UserKnownHostsFile='%s'",
		s.Key, s.KnownHosts)
}

// Login makes the test's environment that of a user of this server: git's settings and GIT_SSH_COMMAND use Command.
func (s *Server) Login(t testing.TB) {
	t.Helper()
	home := t.TempDir()
	settings := fmt.Sprintf("[core]\n\tsshCommand = \"%s\"\n[user]\n\tname = test\n\temail = test@localhost.invalid\n", s.Command())
	if err := os.WriteFile(filepath.Join(home, ".gitconfig"), []byte(settings), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("HOME", home)
	t.Setenv("XDG_CONFIG_HOME", filepath.Join(home, ".config"))
	t.Setenv("GIT_SSH_COMMAND", s.Command())
}

func (s *Server) path(name string) string { return filepath.Join(s.dir, name) }

func (s *Server) start(t testing.TB, program string) error {
	makeSeparationFolder()
	var err error
	for range startTries {
		if err = s.tryPort(t, program); err == nil {
			return nil
		}
	}
	return err
}

// makeSeparationFolder makes what a root's sshd insists on and a container without a service manager lacks.
func makeSeparationFolder() {
	if os.Geteuid() == 0 {
		_ = os.MkdirAll("/run/sshd", 0o755) // if it fails, sshd says what it misses
	}
}

func (s *Server) tryPort(t testing.TB, program string) error {
	port, err := freePort()
	if err != nil {
		return err
	}
	s.Addr = "127.0.0.1:" + port
	if err := errors.Join(s.configure(port), s.writeKnownHosts(port)); err != nil {
		return err
	}
	cmd := exec.Command(program, "-D", "-f", s.path("sshd_config"), "-E", s.path("log"))
	if err := cmd.Start(); err != nil {
		return err
	}
	exited := make(chan error, 1)
	go func() { exited <- cmd.Wait() }()
	stop := func() {
		_ = cmd.Process.Kill() // what it serves ends with its connections
		<-exited
	}
	if err := s.waitUntilUp(exited); err != nil {
		stop()
		return err
	}
	t.Cleanup(stop)
	return nil
}

func freePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	return port, err
}

func (s *Server) waitUntilUp(exited chan error) error {
	deadline := time.After(startTimeout)
	for !s.greets() {
		select {
		case err := <-exited:
			exited <- err
			return fmt.Errorf("it ended at once: %v", err)
		case <-deadline:
			return errors.New("no greeting in time")
		case <-time.After(20 * time.Millisecond):
		}
	}
	return nil
}

func (s *Server) greets() bool {
	c, err := net.DialTimeout("tcp", s.Addr, time.Second)
	if err != nil {
		return false
	}
	defer c.Close()
	_ = c.SetReadDeadline(time.Now().Add(time.Second))
	greeting := make([]byte, 4)
	_, err = c.Read(greeting)
	return err == nil && bytes.Equal(greeting, []byte("SSH-"))
}

func (s *Server) configure(port string) error {
	return os.WriteFile(s.path("sshd_config"), []byte(strings.Join([]string{
		"ListenAddress 127.0.0.1",
		"Port " + port,
		"HostKey " + s.path("host"),
		"PidFile none",
		"AuthorizedKeysFile " + s.path("authorized"),
		"AuthenticationMethods publickey",
		"PermitRootLogin prohibit-password",
		"StrictModes no", // the test's folder belongs to whom it may
		"UsePAM no",
		"AcceptEnv GIT_PROTOCOL", // else git falls back to protocol v0
		"MaxStartups 100",
		"",
	}, "\n")), 0o600)
}

func (s *Server) log() string {
	b, err := os.ReadFile(s.path("log"))
	if err != nil {
		return err.Error()
	}
	return string(b)
}
