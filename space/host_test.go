package space_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// evilHost is a bare repository whose owner may do anything to it.
type evilHost struct {
	t   *testing.T
	dir string
}

func newEvilHost(t *testing.T) *evilHost { return &evilHost{t, bareHost(t)} }

func (h *evilHost) git(args ...string) string { return h.gitIn(nil, args...) }

func (h *evilHost) gitIn(stdin []byte, args ...string) string {
	h.t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir, cmd.Stdin = h.dir, bytes.NewReader(stdin)
	cmd.Env = append(os.Environ(), "GIT_AUTHOR_NAME=mallory", "GIT_AUTHOR_EMAIL=m@example.org", "GIT_COMMITTER_NAME=mallory", "GIT_COMMITTER_EMAIL=m@example.org")
	out, err := cmd.CombinedOutput()
	if err != nil {
		h.t.Fatalf("git %v: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

// refs lists what the host shows, by name.
func (h *evilHost) refs() map[string]string {
	out := map[string]string{}
	for line := range strings.Lines(h.git("for-each-ref", "--format=%(refname) %(objectname)")) {
		if name, id, ok := strings.Cut(strings.TrimSpace(line), " "); ok {
			out[name] = id
		}
	}
	return out
}

// ref finds the one ref whose name has these words.
func (h *evilHost) ref(words ...string) string {
	h.t.Helper()
	var found []string
next:
	for name := range h.refs() {
		for _, w := range words {
			if !strings.Contains(name, w) {
				continue next
			}
		}
		found = append(found, name)
	}
	if len(found) != 1 {
		h.t.Fatalf("refs with %v: %v", words, found)
	}
	return found[0]
}

func (h *evilHost) lane(p *person) string { return h.ref("/lanes/", p.device()) }

func (h *evilHost) set(ref, id string) { h.git("update-ref", ref, id) }

// commit makes a foreign commit with these files on parents.
func (h *evilHost) commit(files map[string]string, parents ...string) string {
	h.t.Helper()
	index := filepath.Join(h.t.TempDir(), "index")
	for name, content := range files {
		id := h.gitIn([]byte(content), "hash-object", "-w", "--stdin")
		cmd := exec.Command("git", "update-index", "--add", "--cacheinfo", "100644,"+id+","+name)
		cmd.Dir, cmd.Env = h.dir, append(os.Environ(), "GIT_INDEX_FILE="+index)
		if out, err := cmd.CombinedOutput(); err != nil {
			h.t.Fatalf("%v %s", err, out)
		}
	}
	cmd := exec.Command("git", "write-tree")
	cmd.Dir, cmd.Env = h.dir, append(os.Environ(), "GIT_INDEX_FILE="+index)
	tree, err := cmd.Output()
	if err != nil {
		h.t.Fatal(err)
	}
	return h.commitTree(strings.TrimSpace(string(tree)), parents...)
}

func (h *evilHost) commitTree(tree string, parents ...string) string {
	args := []string{"commit-tree", tree, "-m", "junk"}
	for _, p := range parents {
		args = append(args, "-p", p)
	}
	return h.git(args...)
}

// clone is a copy of the host as it is now.
func (h *evilHost) clone() *evilHost {
	h.t.Helper()
	dir := filepath.Join(h.t.TempDir(), "copy.git")
	if err := os.CopyFS(dir, os.DirFS(h.dir)); err != nil {
		h.t.Fatal(err)
	}
	return &evilHost{h.t, dir}
}

// writeRef points a ref at an object that update-ref would refuse.
func writeRef(t *testing.T, h *evilHost, ref, id string) {
	t.Helper()
	path := filepath.Join(h.dir, filepath.FromSlash(ref))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(id+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
}
