package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"pgregory.net/rapid"
)

// TestAttackEncryptedPaths plays testdata/paths: two clones of an ordinary repository with encrypted paths, and stock git.
func TestAttackEncryptedPaths(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("the stories need git")
	}
	testscript.Run(t, params(testscript.Params{Dir: "testdata/paths"}))
}

// TestPatternsAsGit: git finds the attribute of a pattern on exactly the paths that the guard takes for protected.
func TestPatternsAsGit(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is the oracle")
	}
	dir := t.TempDir()
	if out, err := exec.Command("git", "init", "-q", dir).CombinedOutput(); err != nil {
		t.Fatalf("%v %s", err, out)
	}
	part := rapid.SampledFrom([]string{"a", "b", "*", "?", "**", "a*", "*.k", "ab", "x.k"})
	name := rapid.SampledFrom([]string{"a", "b", "ab", "x.k", ".k", "abc"})
	rapid.Check(t, func(t *rapid.T) {
		text := strings.Join(rapid.SliceOfN(part, 1, 4).Draw(t, "pattern"), "/")
		if rapid.Bool().Draw(t, "rooted") {
			text = "/" + text
		}
		p, err := parsePattern(text)
		if err != nil {
			t.Skip(err)
		}
		if err := os.WriteFile(filepath.Join(dir, ".gitattributes"), []byte(attributes(text)+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		var paths []string
		for range 10 {
			paths = append(paths, strings.Join(rapid.SliceOfN(name, 1, 4).Draw(t, "path"), "/"))
		}
		out, err := exec.Command("git", append([]string{"-C", dir, "check-attr", "filter", "--"}, paths...)...).Output()
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range paths {
			want := strings.Contains(string(out), path+": filter: espace\n") && slices.Contains(strings.Split(string(out), "\n"), path+": filter: espace")
			if p.matches(path) != want {
				t.Fatalf("%q on %q: git says %v", text, path, want)
			}
		}
	})
}

func TestBadPatterns(t *testing.T) {
	for _, text := range []string{"", "a b", "!a", "#a", "dir/", "a\nb", "[a]", `a\b`, `"a"`, "-a", "a***"} {
		if _, err := parsePattern(text); err == nil {
			t.Errorf("%q", text)
		}
	}
}

func TestExpand(t *testing.T) {
	got := expand("x %A 100%% %Z '%P' %", map[byte]string{'A': "a b", 'P': "it's; rm"})
	if want := `x 'a b' 100% %Z ''it'\''s; rm'' %`; got != want {
		t.Error(got)
	}
}

// TestFilterSpeed prints how long git takes to add and to check out many small files: with this filter, with `cat`, with none.
// It is for docs/performance.md: ESPACE_FILTER_FILES=10000.
func TestFilterSpeed(t *testing.T) {
	var n int
	if _, err := fmt.Sscan(os.Getenv("ESPACE_FILTER_FILES"), &n); err != nil {
		t.Skip("a measurement")
	}
	work := t.TempDir()
	bin := filepath.Join(work, "espace-git")
	runIn(t, "", "go", "build", "-o", bin, ".")
	t.Setenv("ESPACE_HOME", filepath.Join(work, "home"))
	t.Setenv("ESPACE_AGENT", "off")
	host := filepath.Join(work, "host.git")
	runIn(t, work, "git", "init", "-q", "--bare", "-b", "main", host)
	runIn(t, work, bin, "init", "team", "--name", "T", "--as", "A", "--no-passphrase", "--no-recovery", "--template", "todo", "--remote", host)
	for _, way := range []string{"none", "cat", "espace"} {
		repo := filepath.Join(work, way)
		runIn(t, "", "git", "init", "-q", repo)
		switch way {
		case "cat":
			runIn(t, repo, "git", "config", "filter.c.clean", "cat")
			runIn(t, repo, "git", "config", "filter.c.smudge", "cat")
			os.WriteFile(filepath.Join(repo, ".gitattributes"), []byte("s/** filter=c\n"), 0o600)
		case "espace":
			runIn(t, repo, bin, "protect", "s/**", "--space", filepath.Join(work, "team"))
		}
		os.Mkdir(filepath.Join(repo, "s"), 0o700)
		for i := range n {
			os.WriteFile(filepath.Join(repo, "s", fmt.Sprint(i)), []byte(strings.Repeat(fmt.Sprintln("line", i), 40)), 0o600)
		}
		start := time.Now()
		runIn(t, repo, "git", "add", "-A")
		added := time.Since(start)
		os.RemoveAll(filepath.Join(repo, "s"))
		start = time.Now()
		runIn(t, repo, "git", "checkout", "-q", "--", "s")
		t.Logf("%s: %d files added in %v, checked out in %v", way, n, added, time.Since(start))
	}
}

func runIn(t *testing.T, dir, name string, args ...string) {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s %v: %v %s", name, args, err, out)
	}
}
