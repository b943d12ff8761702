package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/espace-git/espace-git/pathcrypt"
	"github.com/espace-git/espace-git/space"
)

type protectFlags struct {
	Space          string
	Rewrite, Guard bool
}

// protectedPaths is the JSON of protect.
type protectedPaths struct {
	Space    string   `json:"space"`
	Patterns []string `json:"patterns"`
	Files    []string `json:"files"` // in the index and not encrypted under the newest key
}

func (a *app) protectVerb() *cobra.Command {
	var f protectFlags
	c := a.verb("protect [PATTERN…]", cobra.ArbitraryArgs, func(args []string) error { return a.protect(args, f) })
	c.Flags().StringVar(&f.Space, "space", "", flagProtectSpace)
	c.Flags().BoolVar(&f.Rewrite, "rewrite", false, flagProtectRewrite)
	c.Flags().BoolVar(&f.Guard, "guard", false, flagProtectGuard)
	return c
}

func (a *app) protect(patterns []string, f protectFlags) error {
	top, err := a.gitText("rev-parse", "--show-toplevel")
	if err != nil {
		return usage(err, hintProtect)
	}
	if f.Space != "" {
		if f.Space, err = filepath.Abs(a.path(f.Space)); err != nil {
			return err
		}
	}
	a.dir = top
	if f.Guard {
		return a.guard()
	}
	for _, p := range patterns {
		if _, err := parsePattern(p); err != nil {
			return usagef(hintPattern, "%q: %w", p, err)
		}
	}
	if len(patterns) > 0 {
		if err := a.setUp(patterns, f.Space); err != nil {
			return err
		}
		if err := a.decryptTree(); err != nil {
			return err
		}
	}
	if f.Rewrite {
		if err := a.rewriteAll(); err != nil {
			return err
		}
	}
	return a.tellProtected()
}

// setUp writes hooks first: it is the step that may be refused.
func (a *app) setUp(patterns []string, dir string) error {
	if dir == "" {
		dir, _ = a.gitText("config", "--local", "espace.space")
	}
	if dir == "" {
		return usagef("espace-git protect 'secrets/**' --space DIR", hintFlagMissing, "--space")
	}
	s, err := a.openAt(dir)
	if err != nil {
		return err
	}
	defer s.Close()
	if err := s.EnablePathKeys(a.ctx); err != nil {
		return err
	}
	for _, hook := range []string{"pre-commit", "pre-merge-commit"} {
		if err := a.installGuard(hook); err != nil {
			return err
		}
	}
	if err := a.configure(s, patterns); err != nil {
		return err
	}
	return a.writeAttributes(patterns)
}

// configure writes what git runs into the repository's own configuration, which no clone and no pull request changes.
func (a *app) configure(s *space.Space, patterns []string) error {
	self := programPath()
	for _, c := range []setting{
		{"espace.space", s.Dir()},
		{"filter.espace.process", self + " filter-process"},
		{"filter.espace.required", "true"},
		{"diff.espace.textconv", self + " textconv"},
		{"diff.espace.cachetextconv", "false"}, // a cache is a ref with plaintext, and push --mirror sends it
		{"merge.espace.name", "merge files that are encrypted for a space"},
		{"merge.espace.driver", self + " merge-driver %O %A %B %L %P"},
		{"merge.renormalize", "false"},
	} {
		if _, err := a.gitOutput("config", "--local", c.key, c.value); err != nil {
			return err
		}
	}
	have, err := a.protectedPatterns()
	if err != nil {
		return err
	}
	for _, p := range patterns {
		if !slices.Contains(have, p) {
			if _, err := a.gitOutput("config", "--local", "--add", "espace.protect", p); err != nil {
				return err
			}
		}
	}
	return nil
}

// programPath is how git starts this program: by its name if that finds it, so that an update is taken up.
func programPath() string {
	if _, err := exec.LookPath("espace-git"); err == nil {
		return "espace-git"
	}
	if self, err := os.Executable(); err == nil {
		return "'" + strings.ReplaceAll(filepath.ToSlash(self), "'", `'\''`) + "'"
	}
	return "espace-git"
}

func (a *app) protectedPatterns() ([]string, error) {
	out, err := a.gitOutput("config", "--local", "--null", "--get-all", "espace.protect")
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) && exit.ExitCode() == 1 {
		return nil, nil
	}
	return splitNull(out), err
}

func splitNull(b []byte) []string {
	if len(b) == 0 {
		return nil
	}
	return strings.Split(strings.TrimSuffix(string(b), "\x00"), "\x00")
}

// attributes is the line of a pattern. -text: the line ends of ciphertext are not git's to change.
func attributes(pattern string) string {
	return pattern + " filter=espace diff=espace merge=espace -text"
}

func (a *app) writeAttributes(patterns []string) error {
	name := a.path(".gitattributes")
	old, err := os.ReadFile(name)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	text := string(old)
	if text != "" && !strings.HasSuffix(text, "\n") {
		text += "\n"
	}
	for _, p := range patterns {
		if line := attributes(p); !slices.Contains(strings.Split(text, "\n"), line) {
			text += line + "\n"
		}
	}
	return os.WriteFile(name, []byte(text), 0o644)
}

const guardLine = "espace-git protect --guard || exit 1"

// installGuard writes a hook if there is none. One that is there stays: it is told what to add.
func (a *app) installGuard(hook string) error {
	name, err := a.gitText("rev-parse", "--git-path", "hooks/"+hook)
	if err != nil {
		return err
	}
	name = a.path(name)
	old, err := os.ReadFile(name)
	switch {
	case err == nil && strings.Contains(string(old), "protect --guard"):
		return nil
	case err == nil:
		return &fault{fmt.Errorf(hookThere, name), exitConflict, fmt.Sprintf(hintHookThere, guardLine)}
	case !errors.Is(err, os.ErrNotExist):
		return err
	}
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	line := strings.Replace(guardLine, "espace-git", programPath(), 1)
	return os.WriteFile(name, []byte("#!/bin/sh\n# Refuses plaintext on paths that espace-git protects here.\n"+line+"\n"), 0o755)
}

// tellProtected lists what stands in the index in plaintext.
func (a *app) tellProtected() error {
	dir, _ := a.gitText("config", "--local", "espace.space")
	patterns, err := a.protectedPatterns()
	if err != nil {
		return err
	}
	plain, err := a.plaintext("ls-files", "-s", "-z")
	if err != nil {
		return err
	}
	return a.print(protectedPaths{dir, list(patterns), list(plain)}, func(w io.Writer) {
		for _, p := range patterns {
			fmt.Fprintln(w, clean(p))
		}
		for _, p := range plain {
			a.warn(fmt.Sprintf(stillPlain, clean(p)))
		}
		if len(plain) > 0 {
			a.say(protectRewrite)
		}
	})
}

// guard refuses a commit with plaintext on a protected path. The patterns are those of the local configuration:
// .gitattributes comes with the repository, and a pull request may drop its line.
func (a *app) guard() error {
	head := "HEAD"
	if _, err := a.gitOutput("rev-parse", "--verify", "--quiet", "HEAD"); err != nil {
		var err error
		if head, err = a.gitText("hash-object", "-t", "tree", os.DevNull); err != nil {
			return err
		}
	}
	plain, err := a.plaintext("diff-index", "--cached", "--no-renames", "-z", head)
	if err != nil {
		return err
	}
	if len(plain) > 0 {
		return &fault{fmt.Errorf(plainOnProtected, clean(strings.Join(plain, ", "))), exitForbidden, hintPlain}
	}
	return nil
}

// plaintext lists the protected paths among those that git prints whose blobs are not encrypted.
func (a *app) plaintext(args ...string) (plain []string, err error) {
	patterns, err := a.protectedPatterns()
	if err != nil || len(patterns) == 0 {
		return nil, err
	}
	out, err := a.gitOutput(args...)
	if err != nil {
		return nil, err
	}
	var x indexBlobs
	defer x.close()
	for _, e := range indexEntries(out) {
		if e.mode == "160000" || e.mode == "000000" || !matchesAny(patterns, e.path) {
			continue
		}
		if err := x.ready(a); err != nil {
			return nil, err
		}
		blob, err := x.ask(e.id)
		if err != nil {
			return nil, err
		}
		if !pathcrypt.Encrypted(blob) {
			plain = append(plain, e.path)
		}
	}
	return plain, nil
}

func matchesAny(patterns []string, path string) bool {
	return slices.ContainsFunc(patterns, func(text string) bool {
		p, err := parsePattern(text)
		return err != nil || p.matches(path) // a pattern that cannot be read protects everything
	})
}

type indexEntry struct{ mode, id, path string }

// indexEntries reads `ls-files -s -z` ("mode id stage\tpath") and `diff-index -z` (":mode mode id id state", path).
func indexEntries(out []byte) (found []indexEntry) {
	parts := splitNull(out)
	for i := 0; i < len(parts); i++ {
		if f := strings.Fields(parts[i]); strings.HasPrefix(parts[i], ":") && len(f) == 5 && i+1 < len(parts) {
			found = append(found, indexEntry{f[1], f[3], parts[i+1]})
			i++
			continue
		}
		head, path, _ := strings.Cut(parts[i], "\t")
		if f := strings.Fields(head); len(f) == 3 {
			found = append(found, indexEntry{f[0], f[1], path})
		}
	}
	return found
}

// rewriteAll puts every protected file into the index anew, under the newest key.
func (a *app) rewriteAll() error {
	patterns, err := a.protectedPatterns()
	if err != nil {
		return err
	}
	out, err := a.gitOutput("ls-files", "-z")
	if err != nil {
		return err
	}
	var names strings.Builder
	for _, p := range splitNull(out) {
		if matchesAny(patterns, p) {
			names.WriteString(p + "\x00")
		}
	}
	if names.Len() == 0 {
		return nil
	}
	cmd := a.gitCommand("--literal-pathspecs", "add", "--renormalize", "--pathspec-from-file=-", "--pathspec-file-nul")
	cmd.Env = append(cmd.Env, rewriteVariable+"=1")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(names.String()), a.err, a.err
	if err := cmd.Run(); err != nil {
		return err
	}
	a.say(protectRewritten)
	return nil
}
