package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/espace-git/espace-git/space"
)

// The exit codes, as the documentation lists them.
const (
	exitOK          = 0
	exitFailed      = 1
	exitUsage       = 2
	exitNoSpace     = 10
	exitConflict    = 11
	exitNoKey       = 12
	exitForbidden   = 13
	exitNotFound    = 14
	exitViolation   = 20
	exitInterrupted = 130
)

// exits is the one table from classes of errors to exit codes, with what to do about each. The first that fits counts: a
// violation stays one, whatever else went wrong.
var exits = []struct {
	class error
	code  int
	hint  string
}{
	{space.ErrViolation, exitViolation, hintViolation},
	{context.Canceled, exitInterrupted, ""},
	{space.ErrUsage, exitUsage, ""},
	{space.ErrAddress, exitUsage, hintAddress},
	{space.ErrLink, exitUsage, hintLink},
	{space.ErrNoSpace, exitNoSpace, hintNoSpace},
	{space.ErrPassphrase, exitNoKey, hintPassphrase},
	{space.ErrLocked, exitNoKey, hintLocked},
	{space.ErrWaiting, exitNoKey, hintWaiting},
	{space.ErrNotMine, exitNoKey, hintNotMine},
	{space.ErrStoreKey, exitNoKey, hintDamaged},
	{space.ErrDamaged, exitFailed, hintDamaged},
	{space.ErrLocalGit, exitFailed, hintLocalGit},
	{space.ErrNotPermitted, exitForbidden, hintForbidden},
	{space.ErrNotFound, exitNotFound, ""},
	{space.ErrTaken, exitConflict, hintTaken},
	{space.ErrConflict, exitConflict, hintConflict},
	{space.ErrAuth, exitFailed, hintAuth},
	{space.ErrNotRepository, exitFailed, hintRepository},
	{space.ErrRefused, exitFailed, hintRefused},
	{space.ErrUnreachable, exitFailed, hintUnreachable},
}

// A fault is an error that knows its exit code and what the user can do.
type fault struct {
	err  error
	code int
	hint string
}

func (f *fault) Error() string { return f.err.Error() }
func (f *fault) Unwrap() error { return f.err }

// usage marks what the user typed as wrong.
func usage(err error, hint string) error { return &fault{err, exitUsage, hint} }

// usagef is usage with a text of its own.
func usagef(hint, format string, args ...any) error { return usage(fmt.Errorf(format, args...), hint) }

// hinted gives err a better hint than the table has; its class stays.
func hinted(err error, hint string) error {
	if err == nil {
		return nil
	}
	code, _ := classify(err)
	return &fault{err, code, hint}
}

// hintFor gives a hint to errors of one class.
func hintFor(err, class error, hint string) error {
	if !errors.Is(err, class) || errors.As(err, new(*fault)) {
		return err
	}
	return hinted(err, hint)
}

// usageHint gives wrong usage a hint.
func usageHint(err error, hint string) error { return hintFor(err, space.ErrUsage, hint) }

func classify(err error) (code int, hint string) {
	if f := (*fault)(nil); errors.As(err, &f) {
		return f.code, f.hint
	}
	for _, e := range exits {
		if errors.Is(err, e.class) {
			if e.class == space.ErrConflict && strings.Contains(err.Error(), ".lock") {
				return e.code, hintLockFile
			}
			return e.code, e.hint
		}
	}
	if h := (interface{ Hint() string })(nil); errors.As(err, &h) {
		hint = h.Hint()
	}
	return exitFailed, hint
}

// finish reports err and returns the exit code. help is the command to ask when nothing ran at all.
func (a *app) finish(err error, help string) int {
	a.clearProgress()
	if err == nil {
		return exitOK
	}
	if a.ctx.Err() != nil && !errors.Is(err, space.ErrViolation) {
		err = context.Canceled
	}
	if known := (*fault)(nil); !a.started && !errors.As(err, &known) {
		err = usage(err, help)
	}
	code, hint := classify(err)
	a.report(err, code, a.named(hint))
	return code
}

// ruleOf is how the ledger names which rule an entry would break, and how Go names what reads a number.
var ruleOf = regexp.MustCompile(`strconv\.[A-Za-z]+: parsing "[^"]*": |ledger entry \d+ \("[a-z.]+"\): rule [a-z-]+: (not permitted: )?`)

// plain leaves out the rule's name; --json tells it.
func plain(text string) string { return ruleOf.ReplaceAllString(text, "") }

func (a *app) report(err error, code int, hint string) {
	text := err.Error()
	if !a.json {
		text = plain(text)
	}
	if code == exitInterrupted {
		text = interrupted
	}
	if a.json {
		b, _ := json.Marshal(struct {
			Error string `json:"error"`
			Hint  string `json:"hint"`
			Code  int    `json:"code"`
		}{text, hint, code})
		fmt.Fprintln(a.err, string(cleanJSON(b)))
		return
	}
	fmt.Fprintln(a.err, a.paint(red, "espace-git: error:"), cleanLines(text))
	if hint != "" {
		fmt.Fprintln(a.err, a.paint(bold, "espace-git: hint:"), cleanLines(hint))
	}
}
