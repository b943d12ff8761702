package main

import (
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/espace-git/espace-git/schema"
	"github.com/espace-git/espace-git/space"
)

type initFlags struct {
	space.CreateOptions
	file, template string
	unprotected    bool
}

func (a *app) initVerb() *cobra.Command {
	var f initFlags
	c := a.verb("init DIR", cobra.ExactArgs(1), func(args []string) error { return a.init(args[0], f) })
	flags := c.Flags()
	flags.StringVar(&f.Name, "name", "", flagName)
	flags.StringVar(&f.As, "as", "", flagAs)
	flags.StringVar(&f.Remote, "remote", "", flagRemote)
	flags.StringVar(&f.file, "schema", "", flagSchema)
	flags.StringVar(&f.template, "template", "", flagTemplate)
	flags.BoolVar(&f.NoRecovery, "no-recovery", false, flagNoRecovery)
	flags.StringVar(&f.LedgerRef, "ledger-ref", "", flagLedgerRef)
	flags.StringVar(&f.Prefix, "prefix", "", flagPrefix)
	flags.StringVar(&f.DeviceName, "device", hostname(), flagDevice)
	flags.BoolVar(&f.unprotected, "no-passphrase", false, flagNoPassphrase)
	c.MarkFlagsMutuallyExclusive("schema", "template")
	c.RegisterFlagCompletionFunc("template", cobra.FixedCompletions([]string{"todo", "chat", "notes"}, cobra.ShellCompDirectiveNoFileComp))
	return c
}

func (a *app) init(dir string, f initFlags) (err error) {
	if err := checkURL(f.Remote); err != nil {
		return err
	}
	if f.Name, err = a.required(f.Name, questionSpaceName, "--name NAME"); err != nil {
		return err
	}
	if f.As, err = a.required(f.As, questionPersonName, "--as PERSON"); err != nil {
		return err
	}
	if f.Schema, err = a.schemaText(f.file, f.template); err != nil {
		return err
	}
	o, err := a.newOptions(f.unprotected)
	if err != nil {
		return err
	}
	dir, err = filepath.Abs(a.path(dir))
	if err != nil {
		return err
	}
	s, created, err := space.Create(a.ctx, dir, f.CreateOptions, o)
	if err != nil {
		return hintFor(err, space.ErrUnreachable, hintInitAgain)
	}
	defer s.Close()
	created.Recovery = list(created.Recovery)
	return a.print(created, func(w io.Writer) { a.tellCreated(w, created, f) })
}

// checkURL refuses a password before anything is made.
func checkURL(remote string) error {
	if u, err := url.Parse(remote); err == nil && u.User != nil {
		if _, set := u.User.Password(); set {
			return usagef(hintCredentials, urlPassword)
		}
	}
	return nil
}

func (a *app) tellCreated(w io.Writer, created *space.Created, f initFlags) {
	fmt.Fprintf(w, createdSpace, clean(f.Name), created.Space, clean(created.Dir))
	if len(created.Recovery) > 0 {
		fmt.Fprintf(w, recoverySheet, created.Sheet(f.Remote).Text())
	}
	if created.Resumed {
		a.say(createdResumed)
	}
	if f.Remote == "" {
		a.say(createdWithoutRemote)
		return
	}
	a.say(fmt.Sprintf(createdNext, clean(created.Dir)))
}

// sheet prints words numbered, four to a line, to be copied by hand.
func sheet(words []string) string {
	var b strings.Builder
	for i, word := range words {
		fmt.Fprintf(&b, "  %2d %-9s", i+1, word)
		if i%4 == 3 {
			b.WriteByte('\n')
		}
	}
	return strings.TrimRight(b.String(), " \n")
}

// required returns a flag's value, or asks for it on a terminal.
func (a *app) required(value, question, flag string) (string, error) {
	if value != "" {
		return value, nil
	}
	value, err := a.ask(question, flag)
	if err == nil && value == "" {
		err = usagef(fmt.Sprintf(hintFlag, flag), emptyAnswer)
	}
	return value, err
}

func (a *app) schemaText(file, template string) ([]byte, error) {
	if template != "" {
		text, err := schema.Template(template)
		if err != nil {
			return nil, usage(err, hintTemplate)
		}
		return text, nil
	}
	if file == "" {
		return nil, nil
	}
	return a.readFile(file)
}

// readFile reads a file argument, - being stdin. What others chose the size of is bounded by the SDK; this bound keeps a
// mistaken argument from filling the memory.
func (a *app) readFile(name string) ([]byte, error) {
	const most = 32 << 20
	var r io.Reader = a.in
	source := "stdin"
	if name != "-" {
		f, err := os.Open(a.path(name))
		if err != nil {
			return nil, usage(err, "")
		}
		defer f.Close()
		r, source = f, name
	}
	b, err := io.ReadAll(io.LimitReader(r, most+1))
	if err == nil && len(b) > most {
		err = usagef("", fileTooBig, source, most>>20)
	}
	return b, err
}

// hostname names this device to the other members, and only to them: names are encrypted.
func hostname() string {
	name, err := os.Hostname()
	if err != nil {
		return "device"
	}
	name, _, _ = strings.Cut(name, ".")
	return name
}
