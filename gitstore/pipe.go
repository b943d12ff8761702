package gitstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
)

// pipeSession speaks to a service over the standard streams of a child: ssh, or
// git's own services for a repository on this disk.
type pipeSession struct {
	ctx    context.Context
	cancel context.CancelFunc
	cmd    *exec.Cmd
	in     io.WriteCloser
	out    io.ReadCloser
	words  *tail
	asked  bool
	push   bool
}

func startPipe(ctx context.Context, push bool, build func(context.Context) *exec.Cmd) (session, error) {
	ctx, cancel := context.WithCancel(ctx)
	s := &pipeSession{ctx: ctx, cancel: cancel, cmd: build(ctx), words: &tail{}, push: push}
	s.cmd.Stderr = s.words
	var err, err2 error
	s.in, err = s.cmd.StdinPipe()
	s.out, err2 = s.cmd.StdoutPipe()
	if err = firstError(err, err2); err == nil {
		err = s.cmd.Start()
	}
	if err != nil {
		cancel()
		return nil, fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	return s, nil
}

func (s *pipeSession) advert(keep func(string) bool) (*advert, error) {
	adv, err := readAdvert(s.out, "", keep)
	return adv, s.explain(err)
}

// explain prefers what the child said on its way out to "connection broke".
func (s *pipeSession) explain(err error) error {
	if err == nil || !errors.Is(err, ErrUnreachable) && !errors.Is(err, os.ErrClosed) {
		return err
	}
	if s.ctx.Err() != nil {
		return s.ctx.Err()
	}
	s.in.Close()
	s.cmd.Wait()
	words := childWords(s.words.String())
	if words == "" {
		return err
	}
	said := hostSays(words)
	if errors.Is(said, ErrRefused) && !s.asked {
		// Before any request a service that says no has no repository to offer.
		return fmt.Errorf("%w: %s", ErrUnreachable, clean(words))
	}
	return said
}

// childWords takes the lines that matter out of a child's complaints.
func childWords(s string) string {
	var keep []string
	for line := range strings.SplitSeq(strings.ReplaceAll(s, "\r", "\n"), "\n") {
		line = strings.TrimSpace(line)
		if progressLine(line) {
			continue
		}
		low := strings.ToLower(line)
		if line == "" || strings.HasPrefix(low, "warning:") || strings.HasPrefix(low, "hint:") ||
			strings.HasPrefix(low, "please make sure you have") || strings.HasPrefix(low, "and the repository exists") {
			continue
		}
		keep = append(keep, strings.TrimPrefix(line, "fatal: "))
	}
	return strings.Join(keep, "; ")
}

// progressLine: git counts on standard error, whatever -q says.
func progressLine(line string) bool {
	line = strings.TrimPrefix(line, "remote: ")
	for _, word := range []string{"Receiving objects:", "Resolving deltas:", "Counting objects:", "Compressing objects:", "Enumerating objects:", "Writing objects:", "Unpacking objects:", "Indexing objects:", "Total "} {
		if strings.HasPrefix(line, word) {
			return true
		}
	}
	return false
}

func (s *pipeSession) request(body io.Reader, _ int64) (io.ReadCloser, error) {
	s.asked = true
	// Written beside the reading: a host may answer before it has read all.
	go func() {
		if _, err := io.Copy(s.in, body); err != nil {
			s.cancel()
		}
	}()
	return &pipeAnswer{s}, nil
}

type pipeAnswer struct{ s *pipeSession }

func (a *pipeAnswer) Read(p []byte) (int, error) {
	n, err := a.s.out.Read(p)
	if err == io.EOF || err == nil {
		return n, err
	}
	return n, fmt.Errorf("%w: %w", ErrUnreachable, err)
}

func (a *pipeAnswer) Close() error { return nil }

// Close ends the conversation; a service that is still waiting gets a flush,
// which is how a client says that it wants nothing more.
func (s *pipeSession) Close() error {
	if !s.asked {
		io.WriteString(s.in, "0000")
	}
	s.in.Close()
	s.cancel()
	s.cmd.Wait()
	return nil
}

// sshDialer runs the user's ssh program, so that its configuration, agent,
// known hosts and jump hosts work.
type sshDialer struct{ remote *remote }

func (d *sshDialer) dial(ctx context.Context, service string, v version) (session, error) {
	if _, err := exec.LookPath("ssh"); err != nil && os.Getenv("GIT_SSH_COMMAND") == "" && os.Getenv("GIT_SSH") == "" {
		return nil, fmt.Errorf("%w: no ssh program is installed", ErrUnreachable)
	}
	return startPipe(ctx, service == receivePack, func(ctx context.Context) *exec.Cmd {
		return d.command(ctx, service, v)
	})
}

// command puts the far command line together as git does. The host, user and
// path passed checkURL: no dash in front, no quote inside.
func (d *sshDialer) command(ctx context.Context, service string, v version) *exec.Cmd {
	a := d.remote.addr
	var args []string
	if !d.remote.opts.Interactive {
		args = append(args, "-o", "BatchMode=yes")
	}
	if v != version0 {
		args = append(args, "-o", "SendEnv=GIT_PROTOCOL") // as git does; a server may drop it
	}
	if a.port != "" {
		args = append(args, "-p", a.port)
	}
	target := a.host
	if a.user != "" {
		target = a.user + "@" + a.host
	}
	path := a.path
	if strings.HasPrefix(path, "/~") {
		path = path[1:]
	}
	args = append(args, "--", target, service+" "+shellQuote(path))
	var cmd *exec.Cmd
	switch line := os.Getenv("GIT_SSH_COMMAND"); {
	case line != "":
		// The user's own words, for the user's own shell; ours are its arguments.
		cmd = exec.CommandContext(ctx, "sh", append([]string{"-c", line + ` "$@"`, line}, args...)...)
	case os.Getenv("GIT_SSH") != "":
		cmd = exec.CommandContext(ctx, os.Getenv("GIT_SSH"), args...)
	default:
		cmd = exec.CommandContext(ctx, "ssh", args...)
	}
	cmd.Env = append(childEnv(d.remote.opts.Interactive), v.env()...)
	prepareChild(cmd, d.remote.opts.Interactive)
	return cmd
}

// shellQuote quotes for a POSIX shell.
func shellQuote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
