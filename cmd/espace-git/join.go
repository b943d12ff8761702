package main

import (
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"time"
	"unicode"

	"github.com/spf13/cobra"

	"github.com/espace-git/espace-git/space"
)

type joinFlags struct {
	space.JoinOptions
	link, wait  string
	unprotected bool
}

func (a *app) joinVerb() *cobra.Command {
	var f joinFlags
	c := a.verb("join DIR", a.noLink(cobra.ExactArgs(1)), func(args []string) error { return a.join(args[0], f) })
	flags := c.Flags()
	flags.StringVar(&f.As, "as", "", flagAs)
	flags.StringVar(&f.link, "link", "", flagLink)
	flags.StringVar(&f.wait, "wait", "", flagWait)
	flags.BoolVar(&f.Offline, "offline", false, flagOffline)
	flags.StringVar(&f.DeviceName, "device", hostname(), flagDevice)
	flags.BoolVar(&f.unprotected, "no-passphrase", false, flagNoPassphrase)
	return c
}

// noLink refuses a link among the arguments before anything else is said about them: the shell has already kept it.
func (a *app) noLink(next cobra.PositionalArgs) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		link, _ := c.Flags().GetString("link")
		for _, arg := range append(args, link) {
			if strings.HasPrefix(strings.ToLower(strings.TrimSpace(arg)), linkPrefix) {
				return usagef(hintLinkArgument, linkInArguments)
			}
		}
		return next(c, args)
	}
}

const linkPrefix = "espace1"

func (a *app) join(dir string, f joinFlags) error {
	wait, err := a.joinWait(f.wait)
	if err != nil {
		return err
	}
	link, err := a.readLink(f.link)
	if err != nil {
		return err
	}
	info, err := space.LinkInfo(link)
	if err != nil {
		return err
	}
	o, err := a.newOptions(f.unprotected)
	if err != nil {
		return err
	}
	if dir, err = filepath.Abs(a.path(dir)); err != nil {
		return err
	}
	if !f.Offline {
		a.say(fmt.Sprintf(joining, info.Space, clean(info.Repository)))
	}
	s, joined, err := space.Join(a.ctx, dir, link, f.JoinOptions, o)
	if errors.Is(err, space.ErrNameless) {
		// Only the ledger tells whether the link is for a newcomer or for a further device of the own, which needs no name.
		if f.As, err = a.required("", questionPersonName, "--as PERSON"); err != nil {
			return err
		}
		s, joined, err = space.Join(a.ctx, dir, link, f.JoinOptions, o)
	}
	if err != nil {
		return hintFor(hintFor(err, space.ErrUnreachable, hintJoinAgain), space.ErrNotPermitted, hintNewLink)
	}
	defer s.Close()
	return a.joined(s, joined, wait)
}

// joinWait is how long to wait to be let in: ten minutes if somebody is watching.
func (a *app) joinWait(flag string) (time.Duration, error) {
	if flag == "" {
		if a.interactive() {
			return 10 * time.Minute, nil
		}
		return 0, nil
	}
	wait, err := duration(flag)
	if err != nil || wait < 0 {
		return 0, usagef(hintDuration, badDuration, "--wait", flag)
	}
	return wait, nil
}

// readLink takes the link from a file, stdin or the terminal. What surrounds it in a mail does not hurt.
func (a *app) readLink(from string) (string, error) {
	if from == "" {
		line, err := a.ask(questionLink, "--link FILE, or --link -")
		if link, ok := findLink(line); ok {
			line = link
		}
		return line, err
	}
	b, err := a.readFile(from)
	if err != nil {
		return "", err
	}
	if link, ok := findLink(string(b)); ok {
		return link, nil
	}
	return "", usagef(hintLink, noLinkInside)
}

// findLink also finds a link that was quoted, wrapped or put into capitals on its way: its checksum tells where it ends.
func findLink(text string) (link string, ok bool) {
	words := strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return unicode.IsSpace(r) || strings.ContainsRune(`"'<>`+"`", r) })
	for i, word := range words {
		if !strings.HasPrefix(word, linkPrefix) {
			continue
		}
		whole := word
		for _, next := range append([]string{""}, words[i+1:min(len(words), i+1+mostWrapped)]...) {
			whole += next
			if _, err := space.LinkInfo(whole); err == nil {
				return whole, true
			}
		}
		return word, true
	}
	return "", false
}

// mostWrapped is over how many lines a link may be wrapped.
const mostWrapped = 20

// joinResult is the JSON of a join; request is there for an offline one only.
type joinResult struct {
	Space   string `json:"space"`
	Dir     string `json:"dir"`
	State   string `json:"state"`
	Request string `json:"request,omitempty"`
}

func (a *app) joined(s *space.Space, joined *space.Joined, wait time.Duration) error {
	if len(joined.Request) > 0 {
		request := string(pem.EncodeToMemory(&pem.Block{Type: requestType, Bytes: joined.Request}))
		a.say(joinedOffline)
		result := joinResult{joined.Space, joined.Dir, joined.State, request}
		return a.print(result, func(w io.Writer) { io.WriteString(w, request) })
	}
	state, err := a.await(s, joined.State, wait)
	if err != nil {
		return err
	}
	result := joinResult{joined.Space, joined.Dir, state, ""}
	err = a.print(result, func(w io.Writer) {
		fmt.Fprintf(w, joinedSpace, joined.Space, clean(joined.Dir), state)
		if state == "waiting" {
			a.say(a.waitingFor(s))
		}
	})
	return errors.Join(err, a.ctx.Err()) // interrupted, and joined all the same
}

// waitingFor says what a newcomer waits for: an approval, or just a sync.
func (a *app) waitingFor(s *space.Space) string {
	devices, _ := s.Devices(a.ctx)
	for _, d := range devices {
		if d.This && d.Status == "pending" {
			return fmt.Sprintf(joinedApprove, orElse(clean(d.Owner), d.Member))
		}
	}
	return joinedWaiting
}

// requestType is the armour around a join that another member carries to the host.
const requestType = "ESPACE JOIN REQUEST"

// await syncs until a member has let this device in, for at most wait.
func (a *app) await(s *space.Space, state string, wait time.Duration) (string, error) {
	for end := time.Now().Add(wait); state == "waiting" && time.Now().Before(end); {
		if a.busy = false; !a.sleep(2 * time.Second) {
			return state, nil
		}
		if _, err := s.Sync(a.ctx); err != nil && !temporary(err) {
			return state, err
		}
		st, err := s.Status(a.ctx)
		if err != nil {
			return state, err
		}
		state = st.State
	}
	return state, nil
}

// temporary errors go away by themselves: somebody was faster, or the host can't be reached now.
func temporary(err error) bool {
	return !errors.Is(err, space.ErrViolation) && (errors.Is(err, space.ErrConflict) || errors.Is(err, space.ErrUnreachable))
}

// sleep reports whether it slept its time and was not interrupted.
func (a *app) sleep(d time.Duration) bool { return sleep(a.ctx, d) }

func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
