package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// docsVerb writes the manual from the same texts as the help. It is hidden: packagers call it.
func (a *app) docsVerb() *cobra.Command {
	c := a.command("docs")
	c.Hidden = true
	c.AddCommand(a.verb("docs man DIR", cobra.ExactArgs(1), func(args []string) error {
		dir := a.path(args[0])
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
		return manPages(c.Root(), dir)
	}))
	return c
}

// manPages writes a page for each visible command below c, and for c.
func manPages(c *cobra.Command, dir string) error {
	if c.Hidden || c.Name() == "help" {
		return nil
	}
	name := strings.ReplaceAll(commandPath(c), " ", "-")
	var b strings.Builder
	manPage(&b, c, name)
	if err := os.WriteFile(filepath.Join(dir, name+".1"), []byte(b.String()), 0o644); err != nil {
		return err
	}
	for _, child := range c.Commands() {
		if err := manPages(child, dir); err != nil {
			return err
		}
	}
	return nil
}

// commandPath is the path by the program's own name, whatever name it was called by.
func commandPath(c *cobra.Command) string {
	if c.HasParent() {
		return commandPath(c.Parent()) + " " + c.Name()
	}
	return c.Name()
}

// manPage prints the page in the man macros (man(7)).
func manPage(w io.Writer, c *cobra.Command, name string) {
	fmt.Fprintf(w, ".TH %s 1 \"\" \"espace-git\" \"espace-git manual\"\n", roff(strings.ToUpper(name)))
	fmt.Fprintf(w, ".SH NAME\n%s \\- %s\n", roff(name), roff(c.Short))
	if c.Runnable() {
		fmt.Fprintf(w, ".SH SYNOPSIS\n.B %s\n", roff(strings.TrimSpace(commandPath(c)+strings.TrimPrefix(c.Use, c.Name())+" [flags]")))
	}
	fmt.Fprintf(w, ".SH DESCRIPTION\n%s\n", paragraphs(c.Long))
	manFlags(w, "OPTIONS", c.NonInheritedFlags())
	manFlags(w, "OPTIONS OF EVERY COMMAND", c.InheritedFlags())
	if c.Example != "" {
		fmt.Fprintf(w, ".SH EXAMPLES\n.nf\n%s\n.fi\n", roff(c.Example))
	}
	if !c.HasParent() {
		fmt.Fprintf(w, ".SH EXIT STATUS\n.nf\n%s\n.fi\n.SH ENVIRONMENT\n.nf\n%s\n.fi\n", roff(exitCodesHelp()), roff(environmentHelp))
	}
	manSeeAlso(w, c)
}

func manFlags(w io.Writer, title string, flags *pflag.FlagSet) {
	if !flags.HasAvailableFlags() {
		return
	}
	fmt.Fprintf(w, ".SH %s\n", title)
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Hidden {
			return
		}
		kind, usage := pflag.UnquoteUsage(f)
		name := "--" + f.Name
		if f.Shorthand != "" {
			name = "-" + f.Shorthand + ", " + name
		}
		fmt.Fprintf(w, ".TP\n.B %s\n%s\n", roff(strings.TrimSpace(name+" "+kind)), roff(usage))
	})
}

func manSeeAlso(w io.Writer, c *cobra.Command) {
	var pages []string
	if c.HasParent() {
		pages = append(pages, strings.ReplaceAll(commandPath(c.Parent()), " ", "-"))
	}
	for _, child := range c.Commands() {
		if !child.Hidden && child.Name() != "help" {
			pages = append(pages, strings.ReplaceAll(commandPath(child), " ", "-"))
		}
	}
	if len(pages) > 0 {
		fmt.Fprintf(w, ".SH SEE ALSO\n%s\n", strings.Join(mapped(pages, func(p string) string { return ".BR " + roff(p) + " (1)" }), "\n"))
	}
}

// paragraphs keeps blocks that are set by hand (indented) as they are.
func paragraphs(text string) string {
	blocks := strings.Split(text, "\n\n")
	return strings.Join(mapped(blocks, func(b string) string {
		if strings.HasPrefix(b, " ") {
			return ".PP\n.nf\n" + roff(b) + "\n.fi"
		}
		return ".PP\n" + roff(b)
	}), "\n")
}

// roff protects what troff would read as a request or an escape.
func roff(text string) string {
	text = strings.NewReplacer(`\`, `\e`, "-", `\-`).Replace(text)
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		if strings.HasPrefix(line, ".") || strings.HasPrefix(line, "'") {
			lines[i] = `\&` + line
		}
	}
	return strings.Join(lines, "\n")
}
