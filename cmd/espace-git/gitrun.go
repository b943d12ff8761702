package main

import (
	"bytes"
	"errors"
	"fmt"
	"os/exec"
	"strings"
)

// The verbs for ordinary repositories run the user's own git there: what it sees is what counts, GIT_DIR and
// GIT_INDEX_FILE of the git that runs them included.

// gitCommand is git in the repository around the current directory.
func (a *app) gitCommand(args ...string) *exec.Cmd {
	cmd := exec.CommandContext(a.ctx, "git", args...)
	cmd.Dir, cmd.Env = a.dir, a.childEnv()
	return cmd
}

// childEnv is the environment as it came, without what no child may know.
func (a *app) childEnv() []string {
	var env []string
	for k, v := range a.env {
		if k != "ESPACE_PASSPHRASE" {
			env = append(env, k+"="+v)
		}
	}
	return env
}

func (a *app) gitOutput(args ...string) ([]byte, error) {
	var complaint bytes.Buffer
	cmd := a.gitCommand(args...)
	cmd.Stderr = &complaint
	out, err := cmd.Output()
	if err != nil {
		return out, fmt.Errorf("git %s: %w: %s", args[0], err, strings.TrimSpace(complaint.String()))
	}
	return out, nil
}

// gitText is the one line that git prints.
func (a *app) gitText(args ...string) (string, error) {
	out, err := a.gitOutput(args...)
	return strings.TrimSuffix(string(out), "\n"), err
}

// A setting is one entry of git's configuration.
type setting struct{ key, value string }

// gitSettings are the entries whose key matches a regular expression, in git's order: the last counts most.
func (a *app) gitSettings(expression string) ([]setting, error) {
	out, err := a.gitOutput("config", "--null", "--get-regexp", expression)
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) && exit.ExitCode() == 1 {
		return nil, nil // there is none
	}
	if err != nil {
		return nil, err
	}
	var found []setting
	for _, entry := range strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00") {
		key, value, _ := strings.Cut(entry, "\n")
		found = append(found, setting{key, value})
	}
	return found, nil
}

// A mergeRule is how a path is merged: one of kinds, or a command; and the column that identifies a row of CSV.
type mergeRule struct{ driver, key string }

// mergeConfig finds the rule of a path: espace-merge.PATTERN.driver and .key, the last one that matches.
func (a *app) mergeConfig(path string) (mergeRule, error) {
	var rule mergeRule
	settings, err := a.gitSettings(`^espace-merge\.`)
	if err != nil {
		return rule, err
	}
	for _, s := range settings {
		pattern := strings.TrimPrefix(s.key, "espace-merge.")
		dot := strings.LastIndexByte(pattern, '.')
		if dot < 0 {
			continue
		}
		m, err := parsePattern(pattern[:dot])
		if err != nil {
			return rule, fmt.Errorf("%s: %w", s.key, err)
		}
		switch what := pattern[dot+1:]; {
		case !m.matches(path):
		case what == "driver":
			rule.driver = s.value
		case what == "key":
			rule.key = s.value
		}
	}
	return rule, nil
}
