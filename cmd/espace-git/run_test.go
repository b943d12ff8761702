package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/espace-git/espace-git/space"
)

// call runs the program in process, without a terminal, with a home of its own.
func call(t *testing.T, stdin string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, err bytes.Buffer
	env := []string{"ESPACE_HOME=" + filepath.Join(t.TempDir(), "home"), "ESPACE_AGENT=off", "HOME=" + t.TempDir()}
	code = run(append([]string{"espace-git"}, args...), strings.NewReader(stdin), &out, &err, env)
	return code, out.String(), err.String()
}

func TestUsageErrors(t *testing.T) {
	dir := t.TempDir()
	link := "espace1" + strings.Repeat("a", 40)
	for _, tt := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"nonsense"}, exitUsage, "unknown command"},
		{[]string{"member", "lst"}, exitUsage, "hint: espace-git member list"},
		{[]string{"select"}, exitUsage, "accepts 1 arg"},
		{[]string{"member", "role", "x"}, exitUsage, "hint: espace-git member role --help"},
		{[]string{"unlock", "--transport", "pigeon"}, exitUsage, "hint: the transports are"},
		{[]string{"select", "t", "--nonsense"}, exitUsage, "unknown flag"},
		{[]string{"select", "t", "--limit", "x"}, exitUsage, "invalid argument"},
		{[]string{"-C", dir, "status"}, exitNoSpace, "hint: go to the space's folder"},
		{[]string{"init", dir}, exitUsage, "hint: give --name NAME"},
		{[]string{"init", dir, "--name", "n"}, exitUsage, "hint: give --as PERSON"},
		{[]string{"init", dir, "--name", "n", "--as", "a"}, exitUsage, "--no-passphrase"},
		{[]string{"init", dir, "--name", "n", "--as", "a", "--schema", "x", "--template", "todo"}, exitUsage, "none of the others can be"},
		{[]string{"init", dir, "--name", "n", "--as", "a", "--schema", filepath.Join(dir, "none")}, exitUsage, "no such file"},
		{[]string{"init", dir, "--name", "n", "--as", "a", "--template", "none"}, exitUsage, "todo, chat and notes"},
		{[]string{"join", dir, "--as", "b"}, exitUsage, "--link"},
		{[]string{"join", dir, link}, exitUsage, "history"},
		{[]string{"join", dir, "--as", "b", "--link", link}, exitUsage, "history"},
		{[]string{"join", link}, exitUsage, "history"},
		{[]string{"join", dir, "--as", "b", "--link", "-", "--wait", "soon"}, exitUsage, "no duration"},
		{[]string{"invite", "--expires", "0d"}, exitUsage, "no duration"},
		{[]string{"invite", "--uses", "0"}, exitUsage, "less than 1"},
		{[]string{"fingerprint", "--at", "x"}, exitUsage, "no number"},
		{[]string{"host", dir, "--listen", "0.0.0.0:0"}, exitUsage, "other machines"},
		{[]string{"host", dir, "--listen", "nowhere"}, exitUsage, "hint"},
	} {
		t.Run(strings.Join(tt.args, " "), func(t *testing.T) {
			code, stdout, stderr := call(t, "", tt.args...)
			if code != tt.code || !strings.Contains(stderr, tt.want) || !strings.HasPrefix(stderr, "espace-git: error: ") {
				t.Errorf("exit %d, want %d with %q:\n%s", code, tt.code, tt.want, stderr)
			}
			if stdout != "" {
				t.Errorf("stdout: %q", stdout)
			}
		})
	}
}

// A link that was refused is not repeated: stderr may be kept in a log.
func TestRefusedLinkIsNotPrinted(t *testing.T) {
	link := "espace1" + strings.Repeat("q", 40)
	_, stdout, stderr := call(t, "", "join", "x", "--as", "b", "--link", link)
	if strings.Contains(stdout+stderr, link) {
		t.Errorf("the link is in the output: %s", stderr)
	}
}

func TestJSONErrors(t *testing.T) {
	for _, args := range [][]string{{"--json", "-C", t.TempDir(), "status"}, {"select", "--json"}, {"nonsense", "--json"}} {
		code, stdout, stderr := call(t, "", args...)
		var e map[string]any
		if err := json.Unmarshal([]byte(stderr), &e); err != nil {
			t.Fatalf("%v: %q: %v", args, stderr, err)
		}
		if len(e) != 3 || e["error"] == "" || e["hint"] == "" || e["code"] != float64(code) || stdout != "" {
			t.Errorf("%v: exit %d, %v, stdout %q", args, code, e, stdout)
		}
	}
}

func TestExitCodes(t *testing.T) {
	wrapped := func(err error) error { return fmt.Errorf("doing this: %w", err) }
	for _, tt := range []struct {
		err  error
		code int
	}{
		{errors.New("x"), 1}, {wrapped(space.ErrUsage), 2}, {wrapped(space.ErrLink), 2}, {wrapped(space.ErrNoSpace), 10},
		{wrapped(space.ErrConflict), 11}, {wrapped(space.ErrLocked), 12}, {wrapped(space.ErrPassphrase), 12}, {wrapped(space.ErrNotMine), 12},
		{wrapped(space.ErrNotPermitted), 13}, {wrapped(space.ErrNotFound), 14}, {wrapped(space.ErrViolation), 20}, {context.Canceled, 130},
		{errors.Join(space.ErrUnreachable, space.ErrViolation), 20}, {hinted(wrapped(space.ErrNotFound), "look"), 14}, {wrapped(usage(errors.New("x"), "")), 2},
	} {
		if code, _ := classify(tt.err); code != tt.code {
			t.Errorf("%v: exit code %d, want %d", tt.err, code, tt.code)
		}
	}
	documented := mapped(exitCodes, func(e struct {
		code    int
		meaning string
	}) int {
		return e.code
	})
	for _, e := range exits {
		if !slices.Contains(documented, e.code) {
			t.Errorf("exit code %d is not in the documentation", e.code)
		}
	}
}

// Every command says what it does, and every page of help belongs to a command.
func TestHelpIsComplete(t *testing.T) {
	used := map[string]bool{}
	var walk func(c *cobra.Command)
	walk = func(c *cobra.Command) {
		path := strings.TrimPrefix(c.CommandPath(), "espace-git ")
		used[path] = true
		if c.Short == "" || strings.HasSuffix(c.Short, ".") {
			t.Errorf("%s: short help is %q", path, c.Short)
		}
		for _, child := range c.Commands() {
			walk(child)
		}
	}
	walk(testApp("").root())
	for path := range help {
		if !used[path] {
			t.Errorf("help for %q, which is no command", path)
		}
	}
}

func TestHelpGoesToStdout(t *testing.T) {
	for _, args := range [][]string{{}, {"--help"}, {"member"}, {"member", "role", "--help"}, {"help", "exit-codes"}, {"--version"}} {
		if code, stdout, stderr := call(t, "", args...); code != 0 || stdout == "" || stderr != "" {
			t.Errorf("%v: exit %d, stdout %q, stderr %q", args, code, stdout, stderr)
		}
	}
}

func TestAlias(t *testing.T) {
	for argv0, want := range map[string]string{"/usr/bin/git-espace": "git espace", "espace-git": "espace-git", "git-espace.exe": "git espace", "./espace-git": "espace-git"} {
		if got := programName(argv0); got != want {
			t.Errorf("programName(%q) = %q", argv0, got)
		}
	}
	var out, errs bytes.Buffer
	run([]string{"git-espace", "-C", t.TempDir(), "status"}, strings.NewReader(""), &out, &errs, nil)
	if !strings.Contains(errs.String(), "git espace init DIR") {
		t.Errorf("the hint does not use the alias: %s", errs.String())
	}
}

func TestCompletions(t *testing.T) {
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		if code, stdout, stderr := call(t, "", "completion", shell); code != 0 || len(stdout) < 1000 {
			t.Errorf("%s: exit %d, %d bytes, %s", shell, code, len(stdout), stderr)
		}
	}
	if _, stdout, _ := call(t, "", "__complete", "member", "ro"); !strings.HasPrefix(stdout, "role\t") {
		t.Errorf("member ro<tab>: %q", stdout)
	}
	if _, stdout, _ := call(t, "", "__complete", "invite", "--role", ""); !strings.Contains(stdout, "viewer") {
		t.Errorf("--role <tab>: %q", stdout)
	}
}

func TestMarkNumbers(t *testing.T) {
	for in, want := range map[string]string{
		"counter add likes -3 --json":     "counter add likes _-3 --json",
		"-C -4 --json text insert a -1 x": "-C -4 --json text insert a _-1 x",
		"list move a -- -1 0":             "list move a -- -1 0",
		"select tasks --limit -5":         "select tasks --limit -5",
		"text append a -l -12x --12":      "text append a -l -12x --12",
		"--transport git set add list -5": "--transport git set add list _-5",
		"insert text -5":                  "insert text -5",
	} {
		got := markNumbers(strings.Fields(in))
		if show := strings.ReplaceAll(strings.Join(got, " "), "\x00", "_"); show != want {
			t.Errorf("%s: %s, want %s", in, show, want)
		}
		if back := strings.Join(unmarked(got), " "); back != in {
			t.Errorf("%s comes back as %s", in, back)
		}
	}
}

// Names of documents complete, each type its own; what is written for people quotes them for their shell.
func TestDocumentNames(t *testing.T) {
	home, dir := filepath.Join(t.TempDir(), "home"), filepath.Join(t.TempDir(), "s")
	must(t, home, "init", dir, "--name", "N", "--as", "A", "--no-passphrase")
	must(t, home, "-C", dir, "text", "append", "the minutes", "x")
	must(t, home, "-C", dir, "list", "append", "shopping", "x")
	if got := must(t, home, "-C", dir, "__complete", "text", "show", ""); !strings.Contains(got, "the minutes") || strings.Contains(got, "shopping") {
		t.Errorf("text show <tab>: %q", got)
	}
	for in, want := range map[string]string{"minutes": "minutes", "a/b-c_d": "a/b-c_d", "the minutes": "'the minutes'", "it's": `'it'\''s'`, "-x": "'-x'", "": "''", "$(x)": "'$(x)'"} {
		if got := quoted(in); got != want {
			t.Errorf("quoted(%q) is %s", in, got)
		}
	}
}

func TestManPages(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "man")
	if code, _, stderr := call(t, "", "docs", "man", dir); code != 0 {
		t.Fatal(stderr)
	}
	for _, name := range []string{"espace-git.1", "espace-git-init.1", "espace-git-member-role.1", "espace-git-exit-codes.1"} {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.HasPrefix(b, []byte(".TH ")) || !bytes.Contains(b, []byte(".SH NAME")) {
			t.Errorf("%s is no page: %.80q", name, b)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "espace-git-docs.1")); err == nil {
		t.Error("a hidden command has a page")
	}
}
