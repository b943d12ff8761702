package gitstore

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// errNeedsGit: the repository is one that only git itself may serve.
var errNeedsGit = errors.New("repository needs git's own services")

// isRepository tells a wrong path from a repository that can't be served.
func isRepository(dir string) error {
	for _, d := range []string{dir, filepath.Join(dir, ".git"), dir + ".git"} {
		if _, err := os.Stat(filepath.Join(d, "HEAD")); err == nil {
			return nil
		}
	}
	return fmt.Errorf("%w: %s", ErrNotRepository, dir)
}

// openHost opens a repository that may be served without a child. It may where
// git's services would do exactly what we do: a plain bare repository of ours, in
// which no hook runs and no setting hides, refuses or logs anything. Anything
// that is not known to be harmless is errNeedsGit.
func openHost(dir string) (*Repo, error) {
	if err := isRepository(dir); err != nil {
		return nil, err
	}
	for _, check := range []func(string) bool{plainDirs, noHooks, harmlessConfig, ownedByUs, func(string) bool { return harmlessUserConfig() }} {
		if !check(dir) {
			return nil, errNeedsGit
		}
	}
	host, err := Open(dir)
	if errors.Is(err, ErrNotRepository) {
		return nil, errNeedsGit
	}
	return host, err
}

// plainDirs: nothing is elsewhere, borrowed, cut off or grafted.
func plainDirs(dir string) bool {
	for _, d := range []string{".", "objects", "objects/pack", "refs"} {
		st, err := os.Lstat(filepath.Join(dir, filepath.FromSlash(d)))
		if err != nil || !st.IsDir() && d != "." {
			return false
		}
	}
	for _, f := range []string{"objects/info/alternates", "objects/info/http-alternates", "shallow", "info/grafts", "reftable", "commondir", "config.worktree"} {
		if _, err := os.Lstat(filepath.Join(dir, filepath.FromSlash(f))); err == nil {
			return false
		}
	}
	return true
}

func noHooks(dir string) bool {
	names, err := os.ReadDir(filepath.Join(dir, "hooks"))
	if err != nil {
		return isNotExist(err)
	}
	for _, n := range names {
		if !strings.HasSuffix(n.Name(), ".sample") {
			return false
		}
	}
	return true
}

// harmlessKeys of a repository's own configuration, lower case; a section with a
// star is harmless whole.
var harmlessKeys = map[string]bool{
	"core.repositoryformatversion": true, "core.bare": true, "core.filemode": true, "core.ignorecase": true,
	"core.precomposeunicode": true, "core.symlinks": true, "core.compression": true, "core.bigfilethreshold": true,
	"core.fsync": true, "core.loosecompression": true,
	"gc.*": true, "pack.*": true, "maintenance.*": true, "remote.*": true, "branch.*": true, "http.*": true,
	"repack.*": true, "fetch.*": true, "receive.unpacklimit": true, "receive.autogc": true,
	"transfer.unpacklimit": true, "init.*": true, "user.*": true,
}

// harmlessConfig reads the configuration in its plainest form, one key a line; what
// is written in another is not harmless.
func harmlessConfig(dir string) bool {
	b, err := os.ReadFile(filepath.Join(dir, "config"))
	if err != nil {
		return false
	}
	section, bare := "", false
	for line := range bytes.Lines(b) {
		text := strings.ToLower(strings.TrimSpace(string(line)))
		switch {
		case text == "" || text[0] == '#' || text[0] == ';':
			continue
		case strings.HasSuffix(text, `\`):
			return false
		case text[0] == '[':
			if !strings.HasSuffix(text, "]") {
				return false
			}
			section, _, _ = strings.Cut(strings.Trim(text, "[]"), " ")
			continue
		}
		key, value, _ := strings.Cut(text, "=")
		key, value = section+"."+strings.TrimSpace(key), strings.TrimSpace(value)
		if key == "core.logallrefupdates" && value == "false" {
			continue
		}
		if !harmlessKeys[key] && !harmlessKeys[section+".*"] {
			return false
		}
		bare = bare || key == "core.bare" && value == "true"
	}
	return bare
}

// harmlessUserConfig: nothing in the user's or the system's configuration adds
// hooks or refuses pushes. Read as text: a word too many only costs a child.
func harmlessUserConfig() bool {
	for _, path := range userConfigs() {
		b, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		low := strings.ToLower(string(b))
		for _, word := range []string{"hookspath", "[receive", "[transfer", "[uploadpack", "[include", "[extensions"} {
			if strings.Contains(low, word) {
				return false
			}
		}
	}
	return true
}

func userConfigs() []string {
	paths := []string{"/etc/gitconfig"}
	if p := os.Getenv("GIT_CONFIG_GLOBAL"); p != "" {
		return append(paths, p)
	}
	if p := os.Getenv("GIT_CONFIG_SYSTEM"); p != "" {
		paths = append(paths, p)
	}
	if home, err := os.UserHomeDir(); err == nil {
		paths = append(paths, filepath.Join(home, ".gitconfig"), filepath.Join(home, ".config", "git", "config"))
	}
	if x := os.Getenv("XDG_CONFIG_HOME"); x != "" {
		paths = append(paths, filepath.Join(x, "git", "config"))
	}
	return paths
}
