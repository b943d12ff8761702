package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/espace-git/espace-git/space"
)

func (a *app) textEditVerb() *cobra.Command {
	var editor string
	c := a.documentVerb("text edit DOC", "textarea", cobra.ExactArgs(1), func(s *space.Space, doc string, _ []string) error {
		command, err := a.editor(editor)
		if err != nil {
			return err
		}
		return a.editText(s, doc, command)
	})
	c.Flags().StringVar(&editor, "editor", "", flagEditor)
	return c
}

// onScreen are editors that need a terminal. Without one they fail late, or wait for ever.
var onScreen = []string{"vi", "vim", "nvim", "view", "nano", "pico", "emacs", "micro", "helix", "hx", "joe", "jed", "ne", "mcedit", "kak", "less", "more"}

// editor is the command to edit with: the flag, $VISUAL, $EDITOR, or the system's own.
func (a *app) editor(flag string) (string, error) {
	command := strings.TrimSpace(flag)
	for _, next := range []string{a.env["VISUAL"], a.env["EDITOR"]} {
		if command == "" {
			command = strings.TrimSpace(next)
		}
	}
	if a.interactive() {
		return orElse(command, map[bool]string{true: "notepad", false: "vi"}[runtime.GOOS == "windows"]), nil
	}
	if command == "" {
		return "", usagef(hintEditor, noEditor)
	}
	name := strings.TrimSuffix(filepath.Base(strings.Fields(command)[0]), ".exe")
	if slices.Contains(onScreen, name) {
		return "", usagef(hintEditor, editorOnScreen, command)
	}
	return command, nil
}

// editText gives the text to an editor in a file that nobody else can read, and writes what was changed in it onto the text
// as it is by then. The file goes only when that is done, or nothing was changed: what somebody typed is never lost.
func (a *app) editText(s *space.Space, doc, command string) error {
	old, err := s.Text(doc).String(a.ctx)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "espace-text-") // 0700: what editors put beside the file goes with it
	if err != nil {
		return err
	}
	file := filepath.Join(dir, fileName(doc))
	keep := false
	defer func() {
		if !keep {
			os.RemoveAll(dir)
		}
	}()
	if err := os.WriteFile(file, []byte(old), 0o600); err != nil {
		return err
	}
	failed := a.runEditor(command, file)
	edited, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) && failed == nil {
		failed, err = errors.New(editorRemoved), nil
		edited = []byte(old)
	}
	if err != nil {
		keep = true
		return fmt.Errorf(editKept, errors.Join(failed, err), file)
	}
	now := string(edited)
	if now == old || old != "" && now == old+"\n" { // most editors end the last line
		if failed == nil {
			a.say(textSame)
		}
		return failed
	}
	if failed == nil {
		failed = a.writeEdited(s, doc, old, now)
	}
	if failed != nil {
		keep = true
		if a.ctx.Err() != nil { // else the error tells
			a.say(fmt.Sprintf(editKeptAt, file))
		}
		code, hint := classify(failed)
		return &fault{fmt.Errorf(editKept, failed, file), code, hint}
	}
	return nil
}

// writeEdited goes on after an interrupt, which was the editor's.
func (a *app) writeEdited(s *space.Space, doc, old, now string) error {
	if !utf8.ValidString(now) {
		return usagef("", editedNotText)
	}
	r, err := s.Text(doc).Replace(context.WithoutCancel(a.ctx), old, now)
	return a.textWritten(doc, r, err)
}

// shellMeaning are characters that mean something to a shell. A command without them is run without one, which would die by a
// Ctrl-C that the editor takes for a key.
const shellMeaning = "|&;<>()$`\\\"'*?[#~=%"

// runEditor waits for the editor. What Ctrl-C means is the editor's to say.
func (a *app) runEditor(command, file string) error {
	words := append(strings.Fields(command), file)
	cmd := exec.Command(words[0], words[1:]...)
	if runtime.GOOS != "windows" && strings.ContainsAny(command, shellMeaning) {
		cmd = exec.Command("sh", "-c", command+` "$@"`, command, file) // as git does it
	}
	cmd.Env = a.childEnv()
	cmd.Stdin, cmd.Stdout, cmd.Stderr = a.stdin, a.err, a.err
	if err := cmd.Run(); err != nil {
		return fmt.Errorf(editorFailed, command, err)
	}
	return nil
}

// fileName is a name by which an editor shows what is edited.
func fileName(doc string) string {
	name := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_' {
			return r
		}
		return '_'
	}, doc)
	return name[:min(len(name), 60)] + ".txt"
}
