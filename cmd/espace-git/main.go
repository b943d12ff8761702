// Command espace-git makes and uses end-to-end-encrypted spaces in ordinary git repositories. It is also installed as
// git-espace, so that `git espace …` works.
//
// The program is flags, words and exit codes around package space: every verb has a file of its own, ui.go and help.go hold
// every word that a user reads, exit.go the one table of exit codes.
package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/espace-git/espace-git/identity"
)

func main() {
	env := os.Environ()
	os.Unsetenv("ESPACE_PASSPHRASE") // no child inherits it (attack env-has-no-passphrase)
	os.Exit(run(os.Args, os.Stdin, os.Stdout, os.Stderr, env))
}

// agentVerb is how the program starts itself to keep the keys unlocked. Nobody types it, and it reads nothing else.
const agentVerb = "agent"

// run is the whole program: it returns the exit code. args[0] is the name that it was called by.
func run(args []string, stdin io.Reader, stdout, stderr io.Writer, env []string) int {
	if len(args) == 2 && args[1] == agentVerb {
		return identity.RunAgent(stdin, stdout)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	a := newApp(ctx, args, stdin, stdout, stderr, env)
	root := a.root()
	root.SetArgs(markNumbers(args[1:]))
	c, err := root.ExecuteContextC(ctx)
	return a.finish(err, commandPath(c)+" --help")
}

// programName is what hints tell the user to type: called as git-espace, git is the program.
func programName(argv0 string) string {
	base := strings.TrimSuffix(filepath.Base(argv0), ".exe")
	if base == "git-espace" {
		return "git espace"
	}
	return "espace-git"
}
