package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/term"

	"github.com/espace-git/espace-git/space"
)

const (
	red    = "31"
	green  = "32"
	yellow = "33"
	bold   = "1"
)

// terminal returns the descriptor behind a stream if it is a terminal.
func terminal(stream any) (fd int, ok bool) {
	f, ok := stream.(*os.File)
	if !ok {
		return 0, false
	}
	return int(f.Fd()), term.IsTerminal(int(f.Fd()))
}

// interactive reports whether somebody is there to answer: questions go to stderr, answers come from stdin.
func (a *app) interactive() bool {
	_, in := terminal(a.stdin)
	_, err := terminal(a.err)
	return in && err
}

// paint colours text for stderr, on a terminal that wants colour.
func (a *app) paint(colour, text string) string {
	if _, ok := terminal(a.err); !ok || a.env["NO_COLOR"] != "" || a.env["TERM"] == "dumb" {
		return text
	}
	return "\x1b[" + colour + "m" + text + "\x1b[0m"
}

// say tells the user something that is no result.
func (a *app) say(text string) {
	a.clearProgress()
	fmt.Fprintln(a.err, a.named(text))
}

// named puts the name that the program was called by into commands to type.
func (a *app) named(text string) string { return strings.ReplaceAll(text, "espace-git ", a.name+" ") }

func (a *app) warn(text string) {
	a.clearProgress()
	fmt.Fprintln(a.err, a.paint(yellow, "espace-git: warning:"), text)
}

// warnings shows what a sync or the status noticed; the texts may quote others.
func (a *app) warnings(texts []string) {
	for _, t := range texts {
		a.warn(cleanLines(t))
	}
}

// progress draws one line on a terminal, at most ten times a second; elsewhere there is none.
func (a *app) progress() func(space.Progress) {
	if _, ok := terminal(a.err); !ok {
		return nil
	}
	var last time.Time
	return func(p space.Progress) {
		if time.Since(last) < 100*time.Millisecond {
			return
		}
		last = time.Now()
		a.busy = true
		if p.Total > 0 {
			fmt.Fprintf(a.err, "\r\x1b[K%s %d/%d (%d%%)", clean(p.Phase), p.Done, p.Total, 100*p.Done/p.Total)
			return
		}
		fmt.Fprintf(a.err, "\r\x1b[K%s %d", clean(p.Phase), p.Done)
	}
}

func (a *app) clearProgress() {
	if a.busy {
		fmt.Fprint(a.err, "\r\x1b[K")
		a.busy = false
	}
}

// confirm asks before what can't be taken back, unless --yes answers.
func (a *app) confirm(question, refusal string) error {
	if a.yes {
		return nil
	}
	if !a.interactive() {
		return usagef(hintOwner, "%s", refusal)
	}
	answer, err := a.ask(question, "--yes")
	if err == nil && answer != "yes" && answer != "y" {
		err = errors.New(notConfirmed)
	}
	return err
}

// ask reads a line from the terminal. Without one it is an error that says which flag to give.
func (a *app) ask(question, flag string) (string, error) {
	if !a.interactive() {
		return "", usagef(fmt.Sprintf(hintFlag, flag), noTerminal, strings.ToLower(strings.TrimSuffix(question, ":")))
	}
	a.clearProgress()
	fmt.Fprint(a.err, question+" ")
	return a.wait(func() (string, error) {
		line, err := a.in.ReadString('\n')
		return strings.TrimSpace(line), err
	})
}

// secret reads a line without showing it.
func (a *app) secret(question string) ([]byte, error) {
	fd, _ := terminal(a.stdin)
	state, err := term.GetState(fd)
	if err != nil {
		return nil, err
	}
	defer term.Restore(fd, state)
	a.clearProgress()
	fmt.Fprint(a.err, question+" ")
	defer fmt.Fprintln(a.err)
	line, err := a.wait(func() (string, error) {
		b, err := term.ReadPassword(fd)
		return string(b), err
	})
	return []byte(line), err
}

// wait ends at once when the user interrupts; a read from a terminal can't be interrupted itself.
func (a *app) wait(read func() (string, error)) (string, error) {
	type answer struct {
		text string
		err  error
	}
	done := make(chan answer, 1)
	go func() {
		text, err := read()
		done <- answer{text, err}
	}()
	select {
	case got := <-done:
		if errors.Is(got.err, io.EOF) && got.text != "" {
			got.err = nil
		}
		return got.text, got.err
	case <-a.ctx.Done():
		return "", a.ctx.Err()
	}
}
