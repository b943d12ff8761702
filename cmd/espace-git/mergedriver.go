package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/espace-git/espace-git/threeway"
)

// mergeDriverVerb is what stock git runs for a file that both sides changed. Paths may begin with a dash, so no flag is
// looked for behind the first of them.
func (a *app) mergeDriverVerb() *cobra.Command {
	c := a.verb("merge-driver BASE OURS THEIRS MARKER PATH", cobra.RangeArgs(5, 8), a.mergeDriver)
	c.Flags().SetInterspersed(false)
	return c
}

// A versions is what git hands to a merge driver: three files and how to show a conflict.
type versions struct {
	base, ours, theirs string // names of files; the result goes to ours
	path               string
	o, a, b            []byte
	opt                threeway.Options
}

// mergeDriver merges into the file OURS. Exit code 0: merged; 1: a conflict, which git tells. What cannot be merged at all
// leaves OURS as it is, and is a conflict as well.
func (a *app) mergeDriver(args []string) error {
	v, err := a.readVersions(args)
	if err != nil {
		return err
	}
	crypt, err := a.openVersions(v)
	if err != nil {
		return fmt.Errorf("%s: %w", v.path, err)
	}
	merged, clean, err := a.mergeVersions(v, crypt != nil)
	if err != nil {
		return fmt.Errorf("%s: %w", v.path, err)
	}
	if crypt != nil {
		if merged, err = crypt.seal(v.path, merged); err != nil {
			return fmt.Errorf("%s: %w", v.path, err)
		}
	}
	if err := os.WriteFile(v.ours, merged, 0o600); err != nil {
		return err
	}
	if !clean {
		return &fault{fmt.Errorf(mergeConflict, v.path), exitFailed, hintMergeConflict}
	}
	return nil
}

// readVersions reads %O %A %B %L %P, and %S %X %Y, the labels that newer versions of git have.
func (a *app) readVersions(args []string) (*versions, error) {
	marker, err := strconv.Atoi(args[3])
	if err != nil || marker < 1 {
		return nil, usagef(hintMergeDriver, badMarker, args[3])
	}
	v := &versions{base: a.path(args[0]), ours: a.path(args[1]), theirs: a.path(args[2]), path: args[4]}
	labels := append(args[5:], []string{"base", "ours", "theirs"}[len(args)-5:]...)
	v.opt = threeway.Options{Base: labels[0], Ours: labels[1], Theirs: labels[2], Marker: marker}
	style, _ := a.gitOutput("config", "merge.conflictStyle")
	v.opt.Diff3 = strings.HasSuffix(strings.TrimSpace(string(style)), "diff3")
	for name, to := range map[string]*[]byte{v.base: &v.o, v.ours: &v.a, v.theirs: &v.b} {
		if *to, err = os.ReadFile(name); err != nil {
			return nil, err
		}
	}
	return v, nil
}

// mergeKinds are the names by which the configuration asks for a merge of this program.
var mergeKinds = []threeway.Kind{threeway.Text, threeway.JSON, threeway.YAML, threeway.CSV}

// mergeVersions merges by what this repository's configuration says about the path, else by its extension. What
// .gitattributes says comes with the repository, and is not asked. A command gets files with plaintext of encrypted ones:
// secret says so.
func (a *app) mergeVersions(v *versions, secret bool) (merged []byte, clean bool, err error) {
	how, err := a.mergeConfig(v.path)
	if err != nil {
		return nil, false, err
	}
	v.opt.Key = how.key
	kind := threeway.KindOf(v.path)
	for _, k := range mergeKinds {
		if how.driver == string(k) {
			kind, how.driver = k, ""
		}
	}
	if how.driver == "" {
		return threeway.Merge(kind, v.o, v.a, v.b, v.opt)
	}
	return a.mergeByCommand(how.driver, v, secret)
}

// mergeByCommand runs a configured command on copies of the versions, with git's placeholders.
func (a *app) mergeByCommand(command string, v *versions, secret bool) (merged []byte, clean bool, err error) {
	dir, err := os.MkdirTemp(memoryDir(secret), "espace-merge-")
	if err != nil {
		return nil, false, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	names := map[byte]string{'L': strconv.Itoa(v.opt.Marker), 'P': v.path, 'S': v.opt.Base, 'X': v.opt.Ours, 'Y': v.opt.Theirs}
	for c, content := range map[byte][]byte{'O': v.o, 'A': v.a, 'B': v.b} {
		names[c] = dir + "/" + string(c)
		if err := os.WriteFile(names[c], content, 0o600); err != nil {
			return nil, false, err
		}
	}
	cmd := exec.CommandContext(a.ctx, "sh", "-c", expand(command, names))
	cmd.Env, cmd.Stdout, cmd.Stderr = a.childEnv(), a.err, a.err
	err = cmd.Run()
	if exit := (*exec.ExitError)(nil); err != nil && (!errors.As(err, &exit) || exit.ExitCode() < 1 || exit.ExitCode() > 128) {
		return nil, false, fmt.Errorf("running %q: %w", command, err)
	}
	merged, readErr := os.ReadFile(names['A'])
	return merged, err == nil, readErr
}

// memoryDir is where plaintext may lie for a moment: in memory where the system has such a place.
func memoryDir(secret bool) string {
	if info, err := os.Stat("/dev/shm"); secret && err == nil && info.IsDir() {
		return "/dev/shm"
	}
	return ""
}

// expand replaces git's placeholders, each quoted for the shell: a path is no command.
func expand(command string, names map[byte]string) string {
	var out bytes.Buffer
	for i := 0; i < len(command); i++ {
		if command[i] != '%' || i+1 == len(command) {
			out.WriteByte(command[i])
			continue
		}
		i++
		if name, ok := names[command[i]]; ok {
			out.WriteString("'" + strings.ReplaceAll(name, "'", `'\''`) + "'")
		} else if out.WriteByte(command[i]); command[i] != '%' {
			out.Truncate(out.Len() - 1)
			out.WriteString("%" + string(command[i]))
		}
	}
	return out.String()
}
