package main

import (
	"path/filepath"
	"strings"
	"unicode"

	"github.com/spf13/cobra"
)

// root builds the tree of commands. Groups and their order are those of the help.
func (a *app) root() *cobra.Command {
	cobra.EnableCommandSorting = false // the order below is that of use
	root := a.command("espace-git")
	root.Version = version()
	root.SetVersionTemplate("espace-git {{.Version}}\n")
	root.SetIn(a.stdin)
	root.SetOut(a.out)
	root.SetErr(a.err)
	root.Annotations = map[string]string{cobra.CommandDisplayNameAnnotation: a.name}
	flags := root.PersistentFlags()
	flags.VarP((*folder)(&a.dir), "directory", "C", flagDirectory)
	flags.BoolVar(&a.json, "json", false, flagJSON)
	flags.BoolVar(&a.yes, "yes", false, flagYes)
	flags.StringVar(&a.transport, "transport", a.fallback("ESPACE_TRANSPORT", "auto"), flagTransport)
	for _, g := range []struct {
		id, title string
		commands  []*cobra.Command
	}{
		{"start", groupStart, []*cobra.Command{a.initVerb(), a.inviteVerb(), a.joinVerb(), a.recoverVerb(), a.demoVerb()}},
		{"data", groupData, []*cobra.Command{
			a.insertVerb(), a.getVerb(), a.selectVerb(), a.updateVerb(), a.deleteVerb(), a.sqlVerb(), a.watchVerb(),
			a.importVerb(), a.exportVerb(), a.fileVerb(), a.schemaVerb(),
		}},
		{"documents", groupDocuments, []*cobra.Command{a.textVerb(), a.listVerb(), a.setVerb(), a.counterVerb(), a.flagVerb(), a.recordVerb()}},
		{"together", groupTogether, []*cobra.Command{a.syncVerb(), a.statusVerb(), a.logVerb(), a.receiptVerb(), a.pendingVerb(), a.conflictsVerb(), a.setAsideVerb()}},
		{"people", groupPeople, []*cobra.Command{a.memberVerb(), a.deviceVerb(), a.leaveVerb(), a.policyVerb(), a.proposalsVerb()}},
		{"trust", groupTrust, []*cobra.Command{a.verifyVerb(), a.fingerprintVerb(), a.forkVerb(), a.allowedSignersVerb(), a.sealVerb(), a.rotateVerb(), a.upgradeVerb(), a.unlockVerb(), a.lockVerb(), a.doctorVerb()}},
		{"host", groupHost, []*cobra.Command{a.remoteVerb(), a.healVerb(), a.hostVerb(), a.hookVerb()}},
		{"git", groupGit, []*cobra.Command{a.protectVerb(), a.mergeDriverVerb(), a.filterProcessVerb(), a.textconvVerb()}},
	} {
		root.AddGroup(&cobra.Group{ID: g.id, Title: g.title})
		for _, c := range g.commands {
			c.GroupID = g.id
			root.AddCommand(c)
		}
	}
	root.AddCommand(a.docsVerb(), a.topic("exit-codes", exitCodesHelp()), a.topic("environment", environmentHelp))
	root.SetHelpCommand(a.helpVerb(root))
	return root
}

// helpVerb shows the help of what it is asked for, and knows when there is none.
func (a *app) helpVerb(root *cobra.Command) *cobra.Command {
	return &cobra.Command{Use: "help [COMMAND]", Short: "Help about any command", RunE: func(_ *cobra.Command, args []string) error {
		c, rest, err := root.Find(args)
		if err != nil || len(rest) > 0 || len(args) > 0 && c == root {
			return usagef("espace-git --help", noSuchTopic, strings.Join(args, " "))
		}
		c.InitDefaultHelpFlag()
		return c.Help()
	}}
}

// folder is -C: given twice, the second starts from the first, as in git.
type folder string

func (f *folder) String() string { return string(*f) }
func (f *folder) Type() string   { return "string" }

func (f *folder) Set(dir string) error {
	if filepath.IsAbs(dir) || *f == "" {
		*f = folder(dir)
		return nil
	}
	*f = folder(filepath.Join(string(*f), dir))
	return nil
}

// verb makes a command from a line like "member role NAME ROLE": the words before the first in capitals or brackets are its
// path, under which its help stands, and the number of the others what it takes.
func (a *app) verb(line string, args cobra.PositionalArgs, run func(args []string) error) *cobra.Command {
	path, rest := splitUse(line)
	c := a.command(path)
	c.Use = strings.TrimSpace(c.Use + " " + rest)
	c.Args = args
	c.RunE = func(_ *cobra.Command, args []string) error {
		a.started = true
		return run(unmarked(args))
	}
	return c
}

// command makes a command that only has a name, help, and perhaps commands below it.
func (a *app) command(path string) *cobra.Command {
	h := help[path]
	words := strings.Fields(path)
	c := &cobra.Command{
		Use:   words[len(words)-1],
		Short: h.short, Long: strings.TrimSpace(h.short + ".\n\n" + h.long), Example: indent(h.example),
		SilenceErrors: true, SilenceUsage: true,
		Args: cobra.ArbitraryArgs, SuggestionsMinimumDistance: 2,
	}
	c.RunE = func(c *cobra.Command, args []string) error {
		if len(args) > 0 {
			return unknown(c, args[0])
		}
		a.started = true
		return c.Help()
	}
	c.CompletionOptions.SetDefaultShellCompDirective(cobra.ShellCompDirectiveNoFileComp)
	return c
}

func unknown(c *cobra.Command, name string) error {
	path := strings.TrimSpace(strings.TrimPrefix(c.CommandPath(), c.Root().CommandPath()) + " " + name)
	if instead, ok := notBuilt[path]; ok {
		return usagef(instead, notBuiltYet, path)
	}
	hint := c.CommandPath() + " --help"
	if near := c.SuggestionsFor(name); len(near) > 0 {
		hint = c.CommandPath() + " " + near[0]
	}
	return usagef(hint, unknownCommand, name, c.CommandPath())
}

func splitUse(line string) (path, rest string) {
	words := strings.Fields(line)
	n := 0
	for n < len(words) && unicode.IsLower(rune(words[n][0])) {
		n++
	}
	return strings.Join(words[:n], " "), strings.Join(words[n:], " ")
}

func indent(text string) string {
	if text == "" {
		return ""
	}
	return "  " + strings.ReplaceAll(text, "\n", "\n  ")
}

// topic is a page of help without a command.
func (a *app) topic(name, text string) *cobra.Command {
	return &cobra.Command{Use: name, Short: help[name].short, Long: text}
}

func (a *app) fallback(variable, value string) string {
	if v := a.env[variable]; v != "" {
		return v
	}
	return value
}
