package demo

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/espace-git/espace-git/internal/githost"
	"github.com/espace-git/espace-git/space"
)

// host is the throw-away git host: one bare repository behind smart HTTP on loopback. It can be taken down and brought back
// at the same address.
type host struct {
	ctx     context.Context
	repo    string // the bare repository, for the host's own hands and eyes
	url     string
	addr    string
	handler http.Handler
	server  *http.Server
}

func startHost(ctx context.Context, dir string) (*host, error) {
	h := &host{ctx: ctx, repo: filepath.Join(dir, "shared.git"), addr: "127.0.0.1:0"}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	if _, err := h.git("init", "--quiet", "--bare", h.repo); err != nil {
		return nil, err
	}
	h.handler = githost.New(dir)
	if err := h.start(); err != nil {
		return nil, err
	}
	h.url = "http://" + h.addr + "/shared.git"
	return h, nil
}

// start listens at the address that the host has had before, if it had one.
func (h *host) start() error {
	l, err := net.Listen("tcp", h.addr)
	if err != nil {
		return err
	}
	h.addr = l.Addr().String()
	h.server = &http.Server{Handler: h.handler, ReadHeaderTimeout: 10 * time.Second}
	go h.server.Serve(l)
	return nil
}

// stop drops every connection.
func (h *host) stop() {
	if h.server != nil {
		h.server.Close()
	}
}

func (h *host) close() { h.stop() }

// git runs stock git with the host's hands, without the user's configuration.
func (h *host) git(args ...string) (string, error) { return git(h.ctx, args...) }

func git(ctx context.Context, args ...string) (string, error) {
	out, err := output(ctx, args...)
	return strings.TrimRight(string(out), "\n"), err
}

// output is git's stdout, byte for byte.
func output(ctx context.Context, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, "git", args...)
	for _, pair := range os.Environ() {
		if !strings.HasPrefix(pair, "GIT_") {
			cmd.Env = append(cmd.Env, pair)
		}
	}
	cmd.Env = append(cmd.Env, "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_TERMINAL_PROMPT=0")
	var problem strings.Builder
	cmd.Stderr = &problem
	out, err := cmd.Output()
	if err != nil {
		err = fmt.Errorf("git %s: %w: %s", args[0], err, strings.TrimSpace(problem.String()))
	}
	return out, err
}

// lane is the ref of a person's lane, as the host sees it: it ends in the device's name.
func (h *host) lane(device string) (string, error) {
	refs, err := h.git("-C", h.repo, "for-each-ref", "--format=%(refname)")
	if err != nil {
		return "", err
	}
	for _, ref := range strings.Fields(refs) {
		if strings.HasSuffix(ref, "/lanes/"+device) {
			return ref, nil
		}
	}
	return "", fmt.Errorf("%w: the host has no lane of %s", errStory, device)
}

// tip is the commit that a ref is at.
func (h *host) tip(ref string) (string, error) {
	return h.git("-C", h.repo, "rev-parse", "--verify", ref)
}

// tamper rolls a lane back by one commit, as a host may that wants a write to be forgotten. Bob has seen it.
func (p *play) tamper() (string, error) {
	st, err := p.alice.s.Status(p.ctx)
	if err != nil {
		return "", err
	}
	ref, err := p.host.lane(st.Device)
	if err != nil {
		return "", err
	}
	if p.tip, err = p.host.tip(ref); err != nil {
		return "", err
	}
	p.ref = ref
	if _, err := p.host.git("-C", p.host.repo, "update-ref", ref, ref+"~1"); err != nil {
		return "", err
	}
	p.say(sayRollback)
	r, err := p.bob.s.Sync(p.ctx)
	if !errors.Is(err, space.ErrViolation) {
		return "", fmt.Errorf("%w: Bob did not notice the rollback (%v, %v)", errStory, r, err)
	}
	p.command("espace-git sync   # Bob")
	p.print("      espace-git: error: %s", firstLine(err))
	p.say(sayCaught)
	return firstLine(err), nil
}

// heal: any member pushes what the host lost, so the next sync puts it right.
func (p *play) heal() (string, error) {
	for _, who := range []*person{p.alice, p.bob} {
		if _, err := who.s.Sync(p.ctx); err != nil && !errors.Is(err, space.ErrViolation) {
			return "", err
		}
	}
	if err := p.sync(p.bob); err != nil {
		return "", fmt.Errorf("%w: the lane was not healed: %w", errStory, err)
	}
	if now, err := p.host.tip(p.ref); err != nil || now != p.tip {
		return "", fmt.Errorf("%w: the host's lane is at %s, not back at %s", errStory, now, p.tip)
	}
	r, err := p.bob.s.Verify(p.ctx, space.VerifyOptions{Full: true})
	if err != nil {
		return "", err
	}
	p.say(sayHealed)
	return fmt.Sprintf("%d operations verified again", r.Operations), p.show(p.bob, 3)
}

// stockGit lets stock git verify every commit that the host has, as anybody with the list of signers can.
func (p *play) stockGit() (int, error) {
	signers, err := p.alice.s.AllowedSigners(p.ctx)
	if err != nil {
		return 0, err
	}
	file := filepath.Join(p.dir, "allowed-signers")
	if err := os.WriteFile(file, []byte(signers), 0o600); err != nil {
		return 0, err
	}
	commits, err := p.host.git("-C", p.host.repo, "rev-list", "--all")
	if err != nil {
		return 0, err
	}
	ids := strings.Fields(commits)
	args := append([]string{"-C", p.host.repo, "-c", "gpg.ssh.allowedSignersFile=" + file, "verify-commit"}, ids...)
	if _, err := p.host.git(args...); err != nil {
		return 0, fmt.Errorf("%w: %w", errStory, err)
	}
	p.command("git -c gpg.ssh.allowedSignersFile=… verify-commit …")
	return len(ids), nil
}
