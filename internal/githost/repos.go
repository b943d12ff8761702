package githost

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Root is the directory that holds the repositories.
func (h *Host) Root() string { return h.root }

// Path is where a repository lies on this disk.
func (h *Host) Path(name string) string { return filepath.Join(h.root, filepath.FromSlash(name)) }

// Create makes an empty bare repository that anyone on this machine may push to.
// One that is there already stays.
func (h *Host) Create(name string) error {
	if !filepath.IsLocal(filepath.FromSlash(name)) {
		return fmt.Errorf("repository name %q leaves the host's directory", name)
	}
	if _, err := h.git1("", "init", "-q", "--bare", "-b", "main", "--template=", h.Path(name)); err != nil {
		return err
	}
	_, err := h.git1(name, "config", "http.receivepack", "true")
	return err
}

// SetRef puts a ref at an object, whatever it was at: what a host's owner can do.
func (h *Host) SetRef(repo, ref, id string) error {
	_, err := h.git1(repo, "update-ref", "--no-deref", ref, id)
	return err
}

// DeleteRef removes a ref.
func (h *Host) DeleteRef(repo, ref string) error {
	_, err := h.git1(repo, "update-ref", "--no-deref", "-d", ref)
	return err
}

// Refs lists a repository's refs and the objects they are at.
func (h *Host) Refs(repo string) (map[string]string, error) {
	out, err := h.git1(repo, "for-each-ref", "--format=%(refname) %(objectname)")
	refs := map[string]string{}
	for line := range strings.Lines(out) {
		name, id, _ := strings.Cut(strings.TrimSpace(line), " ")
		refs[name] = id
	}
	return refs, err
}

// Config sets one key of a repository, as receive.advertiseAtomic.
func (h *Host) Config(repo, key, value string) error {
	_, err := h.git1(repo, "config", key, value)
	return err
}

// Hook installs a hook (its text, a script) in a repository.
func (h *Host) Hook(repo, name, script string) error {
	dir := filepath.Join(h.Path(repo), "hooks")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, name), []byte(script), 0o755)
}

// Snapshot copies a repository as it is now to another name, for Tamper.Route to
// show later: a host that rolls back, freezes or forks.
func (h *Host) Snapshot(repo, as string) error {
	return os.CopyFS(h.Path(as), skipLocks{os.DirFS(h.Path(repo))})
}

// skipLocks hides git's lock and temporary files from a copy.
type skipLocks struct{ fs.FS }

func (s skipLocks) ReadDir(name string) ([]fs.DirEntry, error) {
	all, err := fs.ReadDir(s.FS, name)
	kept := all[:0]
	for _, e := range all {
		if !strings.HasSuffix(e.Name(), ".lock") && !strings.HasPrefix(e.Name(), "tmp_") {
			kept = append(kept, e)
		}
	}
	return kept, err
}

// git1 runs git in a repository without anybody's configuration.
func (h *Host) git1(repo string, args ...string) (string, error) {
	if h.git == "" {
		return "", fmt.Errorf("git is not installed")
	}
	if repo != "" {
		args = append([]string{"--git-dir=" + h.Path(repo)}, args...)
	}
	cmd := exec.CommandContext(context.Background(), h.git, args...)
	cmd.Env = append(withoutGit(os.Environ()), "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL="+os.DevNull, "LC_ALL=C")
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("git %s: %w: %s", args[len(args)-1], err, strings.TrimSpace(string(out)))
	}
	return string(out), nil
}

func withoutGit(env []string) []string {
	var kept []string
	for _, kv := range env {
		if !strings.HasPrefix(kv, "GIT_") {
			kept = append(kept, kv)
		}
	}
	return kept
}
