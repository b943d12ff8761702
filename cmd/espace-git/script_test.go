package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/espace-git/espace-git/internal/githost"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"espace-git": main, "git-espace": main})
}

// TestScripts plays the stories of testdata/script. Alice, Bob and Mallory each have a home for keys and a folder of their
// own; HOST is a real git host that can go down, with one bare repository per `repository NAME`.
func TestScripts(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("the stories need git")
	}
	testscript.Run(t, params(testscript.Params{Dir: "testdata/script"}))
}

// TestScriptsOnTransports plays the main stories on each way to the host; TestScripts leaves the choice to the program.
func TestScriptsOnTransports(t *testing.T) {
	for _, way := range []string{"git", "inprocess"} {
		t.Run(way, func(t *testing.T) {
			if _, err := exec.LookPath("git"); err != nil {
				t.Skip("the stories need git")
			}
			p := params(testscript.Params{Files: []string{"testdata/script/first.txtar", "testdata/script/links.txtar", "testdata/script/tamper.txtar"}})
			p.Setup = func(e *testscript.Env) error {
				e.Setenv("ESPACE_TRANSPORT", way)
				return setup(e)
			}
			testscript.Run(t, p)
		})
	}
}

func params(p testscript.Params) testscript.Params {
	commands := testscript.Params{
		RequireUniqueNames:  true,
		RequireExplicitExec: true,
		Setup:               setup,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"alice":      person("alice"),
			"bob":        person("bob"),
			"mallory":    person("mallory"),
			"exit":       exitIs,
			"maybe":      maybe,
			"save":       save,
			"replace":    replace,
			"shape":      shape,
			"host":       hostIs,
			"repository": repository,
			"founded":    founded,
			"joined":     bothJoined,
			"same":       same,
			"flip":       flip,
			"pick":       pick,
			"rollback":   rollback,
			"hunt":       hunt,
			"damage":     damage,
			"bytes":      writeBytes,
			"wrap":       wrap,
		},
	}
	commands.Dir, commands.Files = p.Dir, p.Files
	return commands
}

type (
	hostKey struct{}
	exitKey struct{}
)

// testHost serves the repositories of one script.
type testHost struct {
	dir, addr string
	server    *http.Server
}

func (h *testHost) up() error {
	l, err := net.Listen("tcp", h.addr)
	if err != nil {
		return err
	}
	h.addr = l.Addr().String()
	h.server = &http.Server{Handler: githost.New(h.dir)}
	go h.server.Serve(l)
	return nil
}

func setup(e *testscript.Env) error {
	h := &testHost{dir: filepath.Join(e.WorkDir, "host"), addr: "127.0.0.1:0"}
	if err := os.MkdirAll(h.dir, 0o755); err != nil {
		return err
	}
	if err := h.up(); err != nil {
		return err
	}
	e.Defer(func() { h.server.Close() })
	code := 0
	e.Values[hostKey{}], e.Values[exitKey{}] = h, &code
	for _, pair := range [][2]string{
		{"HOST", "http://" + h.addr}, {"HOSTDIR", h.dir}, {"ESPACE_AGENT", "off"}, {"GIT_CONFIG_NOSYSTEM", "1"},
	} {
		e.Setenv(pair[0], pair[1])
	}
	for _, who := range []string{"alice", "bob", "mallory"} {
		if err := os.MkdirAll(filepath.Join(e.WorkDir, who), 0o755); err != nil {
			return err
		}
	}
	return nil
}

// person runs espace-git as somebody: with their keys, in their space if they have one, else in their folder.
func person(name string) func(*testscript.TestScript, bool, []string) {
	return func(ts *testscript.TestScript, neg bool, args []string) {
		err := as(ts, name, args...)
		if (err != nil) != neg {
			ts.Fatalf("%s: espace-git %s: error %v, want one: %v", name, strings.Join(args, " "), err, neg)
		}
	}
}

func as(ts *testscript.TestScript, name string, args ...string) error {
	work := ts.Getenv("WORK")
	dir := filepath.Join(work, name, "plans")
	if _, err := os.Stat(filepath.Join(dir, ".espace")); err != nil {
		dir = filepath.Join(work, name)
	}
	ts.Setenv("ESPACE_HOME", filepath.Join(work, "keys", name))
	err := ts.Exec("espace-git", append([]string{"-C", dir}, args...)...)
	code := 0
	if exited := (*exec.ExitError)(nil); errors.As(err, &exited) {
		code = exited.ExitCode()
	}
	*ts.Value(exitKey{}).(*int) = code
	return err
}

// maybe PERSON ARGS: works or fails, as the host lets it; what holds in both cases is checked afterwards.
func maybe(ts *testscript.TestScript, _ bool, args []string) {
	if err := as(ts, args[0], args[1:]...); err != nil {
		ts.Logf("failed: %v", err)
	}
	if strings.Contains(ts.ReadFile("stderr"), "panic") {
		ts.Fatalf("it panicked")
	}
}

// exit CODE: how the last program run by a person ended.
func exitIs(ts *testscript.TestScript, neg bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	if got := *ts.Value(exitKey{}).(*int); (got == want) == neg {
		ts.Fatalf("exit code %d, want %d: %v", got, want, !neg)
	}
}

// save NAME: stdout of the last command becomes a variable.
func save(ts *testscript.TestScript, _ bool, args []string) {
	ts.Setenv(args[0], strings.TrimSpace(ts.ReadFile("stdout")))
}

// replace OLD NEW FILE: in place.
func replace(ts *testscript.TestScript, _ bool, args []string) {
	old := ts.ReadFile(args[2])
	if !strings.Contains(old, args[0]) {
		ts.Fatalf("%s does not hold %q", args[2], args[0])
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[2]), []byte(strings.ReplaceAll(old, args[0], args[1])), 0o644))
}

// host up|down.
func hostIs(ts *testscript.TestScript, _ bool, args []string) {
	h := ts.Value(hostKey{}).(*testHost)
	switch args[0] {
	case "down":
		h.server.Close()
	case "up":
		ts.Check(h.up())
	default:
		ts.Fatalf("host %q", args[0])
	}
}

// repository NAME: makes an empty one on the host.
func repository(ts *testscript.TestScript, _ bool, args []string) {
	ts.Check(ts.Exec("git", "init", "--quiet", "--bare", filepath.Join(ts.Getenv("HOSTDIR"), args[0]+".git")))
}

// founded: Alice has a space with the todo template on the host.
func founded(ts *testscript.TestScript, _ bool, _ []string) {
	repository(ts, false, []string{"plans"})
	ts.Check(as(ts, "alice", "init", "plans", "--name", "Plans", "--as", "Alice", "--no-passphrase", "--no-recovery",
		"--remote", ts.Getenv("HOST")+"/plans.git", "--template", "todo"))
}

// joined: and Bob was invited, has joined, was let in and witnessed.
func bothJoined(ts *testscript.TestScript, _ bool, _ []string) {
	founded(ts, false, nil)
	ts.Check(as(ts, "alice", "invite"))
	link := ts.MkAbs("link.txt")
	ts.Check(os.WriteFile(link, []byte(ts.ReadFile("stdout")), 0o600))
	ts.Check(as(ts, "bob", "join", "plans", "--as", "Bob", "--no-passphrase", "--link", link))
	for _, who := range []string{"alice", "bob"} {
		ts.Check(as(ts, who, "sync"))
	}
}

// same ARGS: Alice and Bob get the same answer.
func same(ts *testscript.TestScript, neg bool, args []string) {
	ts.Check(as(ts, "alice", args...))
	ours := ts.ReadFile("stdout")
	ts.Check(as(ts, "bob", args...))
	if d := cmp.Diff(ours, ts.ReadFile("stdout")); (d == "") == neg {
		ts.Fatalf("alice and bob get different answers (-alice +bob):\n%s", d)
	}
}

// pick NAME FIELD: a field of the JSON on stdout, or of the last element of a list there, becomes a variable.
func pick(ts *testscript.TestScript, _ bool, args []string) {
	var v any
	ts.Check(json.Unmarshal([]byte(ts.ReadFile("stdout")), &v))
	if list, ok := v.([]any); ok && len(list) > 0 {
		v = list[len(list)-1]
	}
	object, _ := v.(map[string]any)
	text, ok := object[args[1]].(string)
	if !ok {
		ts.Fatalf("no text %q in %s", args[1], ts.ReadFile("stdout"))
	}
	ts.Setenv(args[0], text)
}

// rollback DEVICE: the host sets the lane of a device back by one commit.
func rollback(ts *testscript.TestScript, _ bool, args []string) {
	repo := filepath.Join(ts.Getenv("HOSTDIR"), "plans.git")
	ts.Check(ts.Exec("git", "-C", repo, "for-each-ref", "--format=%(refname)"))
	for _, ref := range strings.Fields(ts.ReadFile("stdout")) {
		if strings.HasSuffix(ref, "/lanes/"+args[0]) {
			ts.Check(ts.Exec("git", "-C", repo, "update-ref", ref, ref+"~1"))
			return
		}
	}
	ts.Fatalf("no lane of %s", args[0])
}

// hunt PATH WORD...: no file below path holds a word, nor does its name; git objects are looked into, and base64 within them.
func hunt(ts *testscript.TestScript, _ bool, args []string) {
	root, words := ts.MkAbs(args[0]), args[1:]
	files := 0
	look := func(where string, b []byte) {
		low := bytes.ToLower(b)
		for _, w := range words {
			if bytes.Contains(low, []byte(strings.ToLower(w))) {
				ts.Fatalf("%s holds %q", where, w)
			}
		}
	}
	ts.Check(filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rest, _ := filepath.Rel(root, name)
		look("the name of "+name, []byte(rest))
		if d.Name() == "objects" {
			look("an object in "+name, gitObjects(ts, filepath.Dir(name)))
		}
		if !d.Type().IsRegular() {
			return nil
		}
		files++
		b, err := os.ReadFile(name)
		look(name, b)
		return err
	}))
	if files == 0 {
		ts.Fatalf("nothing to hunt in below %s", root)
	}
}

var base64Text = regexp.MustCompile(`[A-Za-z0-9+/]{24,}={0,2}`)

// gitObjects are all objects of a repository, and what is in base64 within them.
func gitObjects(ts *testscript.TestScript, repo string) []byte {
	out, err := exec.Command("git", "-C", repo, "cat-file", "--batch-all-objects", "--batch", "--buffer").Output()
	ts.Check(err)
	if !bytes.Contains(out, []byte(" commit ")) {
		ts.Fatalf("%s has no commits", repo)
	}
	for _, text := range base64Text.FindAll(out, -1) {
		inside := make([]byte, base64.StdEncoding.DecodedLen(len(text)))
		n, _ := base64.StdEncoding.Decode(inside, text)
		out = append(append(out, '\n'), inside[:n]...)
	}
	return out
}

// damage REPOSITORY HOW: the host breaks every pack and object, by one byte in the middle or by half of its length.
func damage(ts *testscript.TestScript, _ bool, args []string) {
	ts.Check(filepath.WalkDir(filepath.Join(ts.MkAbs(args[0]), "objects"), func(name string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() || strings.HasSuffix(name, ".idx") {
			return err
		}
		b, err := os.ReadFile(name)
		if err != nil || len(b) == 0 {
			return err
		}
		if args[1] == "flip" {
			b[len(b)/2] ^= 0x10
		} else {
			b = b[:len(b)/2]
		}
		if err := os.Remove(name); err != nil {
			return err
		}
		return os.WriteFile(name, b, 0o644)
	}))
}

// flip FILE: one letter in the middle becomes another of the alphabet.
func flip(ts *testscript.TestScript, _ bool, args []string) {
	b := []byte(strings.TrimSpace(ts.ReadFile(args[0])))
	if i := len(b) / 2; b[i] == 'a' {
		b[i] = 'b'
	} else {
		b[i] = 'a'
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), b, 0o600))
}

// shape GOLDEN: stdout is JSON of the same shape as the file: the same keys, and values of the same kinds. Lists are shown
// by their first element.
func shape(ts *testscript.TestScript, _ bool, args []string) {
	want, err := shapeOf(ts.ReadFile(args[0]))
	ts.Check(err)
	got, err := shapeOf(ts.ReadFile("stdout"))
	ts.Check(err)
	if d := cmp.Diff(want, got); d != "" {
		ts.Fatalf("other JSON than documented (-want +got):\n%s", d)
	}
}

func shapeOf(text string) (string, error) {
	var v any
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		return "", fmt.Errorf("%q: %w", text, err)
	}
	b, err := json.MarshalIndent(kinds(v), "", "  ")
	return string(b), err
}

// kinds replaces each value by its kind.
func kinds(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := map[string]any{}
		for k, value := range v {
			out[k] = kinds(value)
		}
		return out
	case []any:
		if len(v) == 0 {
			return []any{}
		}
		return []any{kinds(v[0])}
	case nil:
		return "null"
	}
	return strings.TrimSuffix(fmt.Sprintf("%T", v), "64")
}

// writeBytes writes its arguments into the file bytes; \xff stands for that byte.
func writeBytes(ts *testscript.TestScript, neg bool, args []string) {
	text := strings.ReplaceAll(strings.Join(args, " "), `\xff`, "\xff")
	ts.Check(os.WriteFile(ts.MkAbs("bytes"), []byte(text), 0o644))
}

// wrap writes the link of a file as a mail program might: quoted, in capitals, over several lines.
func wrap(ts *testscript.TestScript, neg bool, args []string) {
	link := strings.ToUpper(strings.TrimSpace(ts.ReadFile(args[0])))
	text := "Hi Bob,\n\n\"" + link[:60] + "\n" + link[60:] + "\"\n\nAlice\n"
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(text), 0o644))
}
