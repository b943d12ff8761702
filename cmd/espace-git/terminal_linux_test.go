package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// typist is the program on a terminal, and somebody who types there.
type typist struct {
	t    *testing.T
	cmd  *exec.Cmd
	ctrl *os.File
	mu   sync.Mutex
	seen strings.Builder
	read int // how much of seen was waited for
	done chan error
}

// openTerminal makes a pseudo-terminal: the side that a user sits at, and the side that a program has.
func openTerminal(t *testing.T) (ctrl, tty *os.File) {
	t.Helper()
	ctrl, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skip("no pseudo-terminals: ", err)
	}
	t.Cleanup(func() { ctrl.Close() })
	if err := unix.IoctlSetPointerInt(int(ctrl.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Skip("no pseudo-terminals: ", err)
	}
	n, err := unix.IoctlGetInt(int(ctrl.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Skip("no pseudo-terminals: ", err)
	}
	tty, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skip("no pseudo-terminals: ", err)
	}
	t.Cleanup(func() { tty.Close() })
	return ctrl, tty
}

func onTerminal(t *testing.T, home string, args ...string) *typist {
	t.Helper()
	ctrl, tty := openTerminal(t)
	p := &typist{t: t, cmd: exec.Command("espace-git", args...), ctrl: ctrl, done: make(chan error, 1)}
	p.cmd.Env = append(os.Environ(), "ESPACE_HOME="+home, "ESPACE_AGENT=off", "TERM=xterm")
	p.cmd.Stdin, p.cmd.Stdout, p.cmd.Stderr = tty, tty, tty
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	tty.Close()
	go func() {
		b := make([]byte, 4096)
		for {
			n, err := ctrl.Read(b)
			p.mu.Lock()
			p.seen.Write(b[:n])
			p.mu.Unlock()
			if err != nil {
				p.done <- p.cmd.Wait()
				return
			}
		}
	}()
	t.Cleanup(func() { p.cmd.Process.Kill() })
	return p
}

func (p *typist) screen() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.seen.String()
}

// expect waits until text shows, after what was expected before.
func (p *typist) expect(text string) {
	p.t.Helper()
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		screen := p.screen()
		if i := strings.Index(screen[p.read:], text); i >= 0 {
			p.read += i + len(text)
			return
		}
	}
	p.t.Fatalf("%q does not show on:\n%s", text, p.screen())
}

func (p *typist) enter(text string) {
	time.Sleep(50 * time.Millisecond) // until the question has switched the echo off
	fmt.Fprint(p.ctrl, text+"\r")
}

func (p *typist) ends(code int) {
	p.t.Helper()
	select {
	case <-p.done:
		if got := p.cmd.ProcessState.ExitCode(); got != code {
			p.t.Errorf("exit code %d, want %d:\n%s", got, code, p.screen())
		}
	case <-time.After(30 * time.Second):
		p.t.Fatalf("it does not end:\n%s", p.screen())
	}
}

func TestTerminalAsksForPassphrase(t *testing.T) {
	home, dir := filepath.Join(t.TempDir(), "home"), filepath.Join(t.TempDir(), "s")
	p := onTerminal(t, home, "init", dir)
	p.expect("Name of the space:")
	p.enter("Picnic")
	p.expect("Your name")
	p.enter("Alice")
	p.expect("New passphrase:")
	p.enter("correct horse")
	p.expect("Again:")
	p.enter("another")
	p.expect("differ")
	p.ends(exitFailed)

	p = onTerminal(t, home, "init", dir, "--name", "Picnic", "--as", "Alice")
	p.expect("New passphrase:")
	p.enter("correct horse")
	p.expect("Again:")
	p.enter("correct horse")
	p.expect("RECOVERY SHEET")
	p.ends(exitOK)
	if strings.Contains(p.screen(), "horse") {
		t.Error("the passphrase shows on the terminal")
	}

	p = onTerminal(t, home, "-C", dir, "status")
	p.expect("Passphrase:")
	p.enter("wrong")
	p.ends(exitNoKey)

	p = onTerminal(t, home, "-C", dir, "status")
	p.expect("Passphrase:")
	fmt.Fprint(p.ctrl, "\x03")
	p.ends(exitInterrupted)
}

// On a terminal, invite shows a code to scan, stays, and lets the newcomer in, who is asked for the link and waits.
func TestTerminalInviteStaysAndJoinWaits(t *testing.T) {
	url, _ := hosted(t)
	alice, bob := filepath.Join(t.TempDir(), "alice"), filepath.Join(t.TempDir(), "bob")
	ours, theirs := filepath.Join(t.TempDir(), "ours"), filepath.Join(t.TempDir(), "theirs")
	must(t, alice, "init", ours, "--name", "N", "--as", "Alice", "--no-passphrase", "--template", "todo", "--remote", url)
	invite := onTerminal(t, alice, "-C", ours, "invite", "--for", "Bob")
	invite.expect("Waiting to let the newcomer in")
	screen := invite.screen()
	if !strings.Contains(screen, "█") {
		t.Errorf("no code to scan on:\n%s", screen)
	}
	link := strings.Fields(screen[strings.Index(screen, linkPrefix):])[0]

	join := onTerminal(t, bob, "join", theirs, "--as", "Bob", "--no-passphrase")
	join.expect("Join link:")
	join.enter(link)
	join.expect("state: ")
	join.ends(exitOK)
	if strings.Contains(join.screen(), "state: waiting") {
		t.Errorf("Bob still waits:\n%s", join.screen())
	}
	invite.expect("The newcomer is in.")
	invite.ends(exitOK)
	must(t, bob, "-C", theirs, "select", "tasks")

	// Ctrl-C while it waits is no failure: the invite stands.
	invite = onTerminal(t, alice, "-C", ours, "invite")
	invite.expect("Waiting to let the newcomer in")
	fmt.Fprint(invite.ctrl, "\x03")
	invite.ends(exitOK)
	if got := must(t, alice, "-C", ours, "invite", "list"); !strings.Contains(got, "open") {
		t.Errorf("the invite is gone: %s", got)
	}
}

// Who makes an owner is asked; whoever joins by a newcomer's link without a name, too.
func TestTerminalAsksForNameAndOwner(t *testing.T) {
	url, _ := hosted(t)
	alice, bob := filepath.Join(t.TempDir(), "alice"), filepath.Join(t.TempDir(), "bob")
	ours, theirs := filepath.Join(t.TempDir(), "ours"), filepath.Join(t.TempDir(), "theirs")
	must(t, alice, "init", ours, "--name", "N", "--as", "Alice", "--no-passphrase", "--template", "todo", "--remote", url)
	link := must(t, alice, "-C", ours, "invite")
	join := onTerminal(t, bob, "join", theirs, "--no-passphrase", "--wait", "0s")
	join.expect("Join link:")
	join.enter(strings.TrimSpace(link))
	join.expect("Your name")
	join.enter("Bob")
	join.expect("state: waiting")
	join.ends(exitOK)
	must(t, alice, "-C", ours, "sync")
	for _, answer := range []string{"no", ""} {
		p := onTerminal(t, alice, "-C", ours, "member", "role", "Bob", "owner")
		p.expect("[yes/no]")
		p.enter(answer)
		p.ends(exitFailed)
	}
	p := onTerminal(t, alice, "-C", ours, "member", "role", "Bob", "owner")
	p.expect("Owners can do everything")
	p.enter("yes")
	p.expect("Bob is now owner")
	p.ends(exitOK)
}

// Colour and progress are for terminals; what others wrote is escaped there too, in every form of output.
func TestAttackTerminalEscapesOnTerminal(t *testing.T) {
	home, dir := filepath.Join(t.TempDir(), "home"), filepath.Join(t.TempDir(), "s")
	must(t, home, "init", dir, "--name", "Plain", "--as", "A", "--no-passphrase", "--template", "todo")
	must(t, home, "-C", dir, "insert", "tasks", "title=evil\x1b[2J\u202etext\rx", "notes=evil\x1b[2J")
	must(t, home, "-C", dir, "text", "append", "evil", "evil\x1b[2J\u202etext\rx\nline")
	must(t, home, "-C", dir, "list", "append", "evil", "evil\x1b[2J\u202e")
	must(t, home, "-C", dir, "set", "add", "evil", "evil\x1b[2J\u202e")
	must(t, home, "-C", dir, "record", "append", "evil", "evil\x1b[2J\u202e")
	for _, args := range [][]string{
		{"select", "tasks"}, {"select", "tasks", "--json"}, {"export", "tasks"}, {"export", "tasks", "--format", "csv"},
		{"text", "show", "evil"}, {"text", "show", "evil", "--json"}, {"text", "blame", "evil"}, {"list", "show", "evil"}, {"list", "show", "-l", "evil"},
		{"set", "show", "evil"}, {"set", "remove", "evil", "x\x1b[2J"}, {"record", "show", "evil"}, {"text", "show", "evil\x1b[2J"}, {"text", "show", "tasks/x\x1b[2J/notes"},
		{"text", "insert", "evil", "x\x1b[2J", "y"}, {"text", "edit", "evil", "--editor", "false \x1b[2J #"}, {"text", "undo", "evil", "x\x1b[2J"},
		{"sql", "select title as \"\x1b[2J\" from tasks"}, {"status"}, {"log"}, {"pending"}, {"select", "evil\x1b[2J"}, {"insert", "tasks", "evil\x1b[2J=1"},
	} {
		p := onTerminal(t, home, append([]string{"-C", dir}, args...)...)
		<-p.done
		screen := strings.NewReplacer("\x1b[31m", "", "\x1b[1m", "", "\x1b[33m", "", "\x1b[0m", "", "\r\x1b[K", "", "\r\n", "\n").Replace(p.screen())
		for _, r := range screen {
			if harmful(r) && r != '\n' {
				t.Errorf("%q: %U shows on a terminal: %q", args, r, screen)
			}
		}
	}
}

// An editor has the terminal, and Ctrl-C: what was typed after it is written all the same; and where that can't be done, told.
func TestTerminalTextEdit(t *testing.T) {
	home, dir := filepath.Join(t.TempDir(), "home"), filepath.Join(t.TempDir(), "s")
	t.Setenv("TMPDIR", t.TempDir())
	must(t, home, "init", dir, "--name", "Plain", "--as", "A", "--no-passphrase", "--template", "todo")
	must(t, home, "-C", dir, "text", "append", "minutes", "--line", "Present: A")
	editor := filepath.Join(t.TempDir(), "ed.sh")
	script := "trap '' INT; test -t 0 && test -t 1 && echo editing; read line; echo \"$line\" >> \"$1\"; exit \"$EXIT\"\n"
	if err := os.WriteFile(editor, []byte(script), 0o600); err != nil {
		t.Fatal(err)
	}
	for code, says := range map[int]string{exitOK: "Written", exitInterrupted: "what you wrote is kept in"} {
		t.Setenv("EXIT", fmt.Sprint(code))
		t.Setenv("EDITOR", "sh "+editor)
		p := onTerminal(t, home, "-C", dir, "text", "edit", "minutes")
		p.expect("editing")
		fmt.Fprint(p.ctrl, "\x03")
		p.enter(fmt.Sprintf("typed %d", code))
		p.expect(says)
		p.ends(code)
	}
	if got := must(t, home, "-C", dir, "text", "show", "minutes"); !strings.Contains(got, "typed 0") || strings.Contains(got, "typed 130") {
		t.Errorf("the text is %q", got)
	}
	kept, _ := filepath.Glob(filepath.Join(os.Getenv("TMPDIR"), "espace-text-*", "minutes.txt"))
	if len(kept) != 1 {
		t.Fatalf("kept: %q", kept)
	}
	if b, err := os.ReadFile(kept[0]); err != nil || !strings.Contains(string(b), "typed 130") {
		t.Errorf("kept is %q, %v", b, err)
	}
}
