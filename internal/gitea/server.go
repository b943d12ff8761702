package gitea

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Binary is the environment variable that names the program.
const Binary = "ESPACE_GITEA"

const (
	startTimeout = time.Minute
	stopTimeout  = 10 * time.Second
	startTries   = 3 // another process may take the port between our look and Gitea's
)

// Server is a running Gitea. It ends, and its data goes, with the test that started it.
type Server struct {
	URL string // http://127.0.0.1:PORT

	dir    string // config, database and repositories
	binary string
	admin  User
}

// Start runs a Gitea of its own for t, or skips t where there is no binary. It takes about three seconds.
func Start(t testing.TB) *Server {
	t.Helper()
	binary := os.Getenv(Binary)
	if binary == "" {
		t.Skipf("%s is not set; `%s=$(.ci/gitea) go test ./...` builds a Gitea once and runs this test against it", Binary, Binary)
	}
	s := &Server{dir: t.TempDir()}
	if err := s.prepare(binary); err != nil {
		t.Fatalf("preparing gitea: %v", err)
	}
	if err := s.start(t); err != nil {
		t.Fatalf("starting gitea: %v\n%s", err, s.log())
	}
	s.admin = s.createAdmin(t)
	return s
}

// prepare lays out the server's folder so that the user who will run it can read the program and write the data.
func (s *Server) prepare(binary string) error {
	binary, err := filepath.Abs(binary)
	if err != nil {
		return err
	}
	static := filepath.Dir(binary)
	if err := s.share(); err != nil {
		return err
	}
	if !readableByOthers(binary) {
		if static, err = s.copyProgram(static); err != nil {
			return err
		}
		binary = filepath.Join(static, "gitea")
	}
	s.binary = binary
	if err := os.MkdirAll(s.path("data"), 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(s.path("app.ini"), []byte(s.ini(static)), 0o600); err != nil {
		return err
	}
	return giveAway(s.path("app.ini"), s.path("data"))
}

// share lets the other user come as far as s.dir, which is below the test's own folder.
func (s *Server) share() error {
	for _, dir := range []string{s.dir, filepath.Dir(s.dir)} {
		if err := os.Chmod(dir, 0o755); err != nil {
			return err
		}
	}
	return nil
}

// copyProgram copies the binary and what it reads out of a home that is closed to others.
func (s *Server) copyProgram(from string) (string, error) {
	to := s.path("program")
	for _, folder := range []string{"templates", "options", "public"} {
		if err := os.CopyFS(filepath.Join(to, folder), os.DirFS(filepath.Join(from, folder))); err != nil {
			return "", err
		}
	}
	old, fresh := filepath.Join(from, "gitea"), filepath.Join(to, "gitea")
	if os.Link(old, fresh) == nil {
		return to, nil
	}
	program, err := os.ReadFile(old)
	if err != nil {
		return "", err
	}
	return to, os.WriteFile(fresh, program, 0o755)
}

func (s *Server) path(name string) string { return filepath.Join(s.dir, name) }

func (s *Server) start(t testing.TB) error {
	var err error
	for range startTries {
		if err = s.tryPort(t); err == nil {
			return nil
		}
	}
	return err
}

func (s *Server) tryPort(t testing.TB) error {
	port, err := freePort()
	if err != nil {
		return err
	}
	s.URL = "http://127.0.0.1:" + port
	cmd := s.command(context.Background(), "web", "--port", port)
	log, err := os.OpenFile(s.path("gitea.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		return err
	}
	exited := make(chan error, 1)
	go func() { exited <- cmd.Wait() }()
	if err := s.waitUntilUp(exited); err != nil {
		stop(cmd, exited)
		return err
	}
	t.Cleanup(func() { stop(cmd, exited) })
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
	for {
		if s.healthy() {
			return nil
		}
		select {
		case err := <-exited:
			exited <- err
			return fmt.Errorf("it ended at once: %v", err)
		case <-deadline:
			return errors.New("not up after a minute")
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func (s *Server) healthy() bool {
	answer, err := http.Get(s.URL + "/api/healthz")
	if err != nil {
		return false
	}
	answer.Body.Close()
	return answer.StatusCode == http.StatusOK
}

// stop asks for an orderly end, then insists. exited gets the process's end once.
func stop(cmd *exec.Cmd, exited chan error) {
	interrupt(cmd.Process)
	select {
	case <-exited:
	case <-time.After(stopTimeout):
		cmd.Process.Kill()
		<-exited
	}
}

// command runs gitea as the unprivileged user, with an environment of its own.
func (s *Server) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, s.binary, append(args, "--config", s.path("app.ini"), "--work-path", s.path("data"))...)
	cmd.Dir = s.path("data")
	cmd.Env = []string{
		"HOME=" + s.path("data"), "USER=" + runUser(), "PATH=" + os.Getenv("PATH"), "TMPDIR=" + s.path("data"), "SYSTEMROOT=" + os.Getenv("SYSTEMROOT"),
	}
	runAs(cmd)
	return cmd
}

// run executes one gitea command and returns what it printed on stdout.
func (s *Server) run(args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	out, err := s.command(ctx, args...).Output()
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		err = fmt.Errorf("%w: %s", err, exit.Stderr)
	}
	return strings.TrimSpace(string(out)), err
}

func (s *Server) log() string {
	b, err := os.ReadFile(s.path("gitea.log"))
	if err != nil {
		return err.Error()
	}
	return string(b)
}

func (s *Server) ini(static string) string {
	return fmt.Sprintf(iniFormat, runUser(), static, s.path("data"), rand.Text(), rand.Text())
}

// iniFormat: run user, static folder, data folder, secret key, internal token. No job of Gitea's own runs, nothing is
// asked of the network, nothing is indexed.
const iniFormat = `
RUN_MODE = prod
RUN_USER = %[1]s
[server]
HTTP_ADDR = 127.0.0.1
OFFLINE_MODE = true
DISABLE_SSH = true
STATIC_ROOT_PATH = %[2]s
APP_DATA_PATH = %[3]s
[database]
DB_TYPE = sqlite3
PATH = %[3]s/gitea.db
[repository]
ROOT = %[3]s/repositories
[security]
INSTALL_LOCK = true
SECRET_KEY = %[4]s
INTERNAL_TOKEN = %[5]s
PASSWORD_HASH_ALGO = pbkdf2_v1
[service]
DISABLE_REGISTRATION = true
[session]
PROVIDER = memory
[indexer]
ISSUE_INDEXER_TYPE = db
[cron]
ENABLED = false
[cron.update_checker]
ENABLED = false
[actions]
ENABLED = false
[picture]
DISABLE_GRAVATAR = true
[log]
MODE = console
LEVEL = Warn
`
