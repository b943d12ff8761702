package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// process is the program as a process of its own, for what only signals end.
type process struct {
	t      *testing.T
	cmd    *exec.Cmd
	lines  chan string // of stdout
	stderr bytes.Buffer
}

func start(t *testing.T, home string, args ...string) *process {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("no interrupts between processes")
	}
	ctx, stop := context.WithTimeout(context.Background(), time.Minute)
	p := &process{t: t, cmd: exec.CommandContext(ctx, "espace-git", args...), lines: make(chan string, 100)}
	p.cmd.Env = append(os.Environ(), "ESPACE_HOME="+home, "ESPACE_AGENT=off")
	p.cmd.Stderr = &p.stderr
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go p.read(out)
	t.Cleanup(func() { stop(); p.cmd.Wait() })
	return p
}

func (p *process) read(out io.Reader) {
	for s := bufio.NewScanner(out); s.Scan(); {
		p.lines <- s.Text()
	}
	close(p.lines)
}

// line is the next line of stdout.
func (p *process) line() string {
	p.t.Helper()
	select {
	case line, ok := <-p.lines:
		if !ok {
			p.t.Fatalf("the program ended: %s", p.stderr.String())
		}
		return line
	case <-time.After(30 * time.Second):
		p.t.Fatal("no line came")
	}
	return ""
}

// interrupt is Ctrl-C; the program must end by itself with 130.
func (p *process) interrupt() {
	p.t.Helper()
	if err := p.cmd.Process.Signal(os.Interrupt); err != nil {
		p.t.Fatal(err)
	}
	for range p.lines {
	}
	err := p.cmd.Wait()
	exited := (*exec.ExitError)(nil)
	if !errors.As(err, &exited) || exited.ExitCode() != exitInterrupted {
		p.t.Errorf("interrupted: %v, want exit code %d; stderr: %s", err, exitInterrupted, p.stderr.String())
	}
	if !strings.Contains(p.stderr.String(), "interrupted") {
		p.t.Errorf("stderr: %q", p.stderr.String())
	}
}

// must runs the program to its end.
func must(t *testing.T, home string, args ...string) string {
	t.Helper()
	cmd := exec.Command("espace-git", args...)
	cmd.Env = append(os.Environ(), "ESPACE_HOME="+home, "ESPACE_AGENT=off")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("espace-git %v: %v", args, err)
	}
	return strings.TrimSpace(string(out))
}

// hosted starts `espace-git host` with one repository and returns its URL.
func hosted(t *testing.T) (url string, p *process) {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("a host needs git")
	}
	dir := t.TempDir()
	if out, err := exec.Command("git", "init", "--quiet", "--bare", filepath.Join(dir, "shared.git")).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	p = start(t, t.TempDir(), "host", "--listen", "127.0.0.1:0", dir)
	return p.line() + "shared.git", p
}

func TestHostServesUntilInterrupted(t *testing.T) {
	url, p := hosted(t)
	r, err := http.Get(url + "/info/refs?service=git-upload-pack")
	if err != nil {
		t.Fatal(err)
	}
	r.Body.Close()
	if r.StatusCode != http.StatusOK {
		t.Errorf("status %s", r.Status)
	}
	p.interrupt()
}

// A live query shows what another process wrote, and what another device pushed, one object a line.
func TestWatchUntilInterrupted(t *testing.T) {
	url, _ := hosted(t)
	dir, home := filepath.Join(t.TempDir(), "s"), filepath.Join(t.TempDir(), "home")
	must(t, home, "init", dir, "--name", "N", "--as", "A", "--no-passphrase", "--template", "todo", "--remote", url)
	watch := start(t, home, "-C", dir, "watch", "tasks", "--where", "done = false")
	sync := start(t, home, "-C", dir, "sync", "--watch", "--json")
	time.Sleep(500 * time.Millisecond)
	id := must(t, home, "-C", dir, "insert", "tasks", "title=one")
	if line := watch.line(); !strings.HasPrefix(line, `{"kind":"insert","row":{`) || !strings.Contains(line, id) {
		t.Errorf("insert: %s", line)
	}
	must(t, home, "-C", dir, "insert", "tasks", "title=hidden", "done=true")
	must(t, home, "-C", dir, "delete", "tasks", id)
	if line := watch.line(); !strings.HasPrefix(line, `{"kind":"delete"`) || !strings.Contains(line, id) {
		t.Errorf("delete: %s", line)
	}
	watch.interrupt()
	sync.interrupt()
}

// Several processes write at once, and one syncs meanwhile: nothing acknowledged is lost.
func TestManyProcesses(t *testing.T) {
	url, _ := hosted(t)
	dir, home := filepath.Join(t.TempDir(), "s"), filepath.Join(t.TempDir(), "home")
	must(t, home, "init", dir, "--name", "N", "--as", "A", "--no-passphrase", "--template", "todo", "--remote", url)
	done := make(chan error)
	const writers, each = 4, 5
	for range writers {
		go func() {
			for range each {
				cmd := exec.Command("espace-git", "-C", dir, "insert", "tasks", "title=x")
				cmd.Env = append(os.Environ(), "ESPACE_HOME="+home, "ESPACE_AGENT=off")
				if out, err := cmd.CombinedOutput(); err != nil {
					done <- errors.New(string(out))
					return
				}
			}
			done <- nil
		}()
	}
	must(t, home, "-C", dir, "sync")
	for range writers {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	must(t, home, "-C", dir, "sync")
	if got := must(t, home, "-C", dir, "sql", "select count(*) as n from tasks", "--json"); got != `[{"n":20}]` {
		t.Errorf("got %s", got)
	}
	must(t, home, "-C", dir, "verify", "--full")
}
