package gitstore

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// send runs git push with a lease on every ref. A lease without a "+" moves a
// ref only from the value it names, forward or not, and a host that was faster
// makes it stale (FACTS.md).
func (g *gitLink) send(ctx context.Context, updates []RefUpdate, opts PushOptions) (*Pushed, error) {
	out, words, err := g.push(ctx, updates, opts)
	lines := parsePorcelain(out)
	if len(lines) == 0 && err != nil {
		werr := pushError(ctx, words, err)
		if errors.Is(werr, ErrUnreachable) && !errors.Is(werr, ErrNoAtomic) {
			werr = fmt.Errorf("%w; %w", werr, ErrUncertain)
		}
		return nil, werr
	}
	p := &Pushed{Results: map[string]error{}, Atomic: opts.Atomic}
	var no []RefUpdate
	for _, u := range updates {
		line, ok := lines[u.Name]
		if !ok {
			line = porcelain{flag: '!', words: "git said nothing of it"}
		}
		if p.Results[u.Name] = line.err(); p.Results[u.Name] != nil {
			no = append(no, u)
		}
	}
	if len(no) == 0 {
		return p, nil
	}
	if broken := brokenPush(words, lines); broken != nil {
		return nil, broken
	}
	g.sortOut(ctx, no, opts, p)
	p.quote(words)
	return p, nil
}

func pushError(ctx context.Context, words string, err error) error {
	if strings.Contains(words, "does not support --atomic") {
		return ErrNoAtomic
	}
	return childError(ctx, words, err)
}

// brokenPush: git prints a line for each ref also when the host went away.
func brokenPush(words string, lines map[string]porcelain) error {
	for _, l := range lines {
		if strings.Contains(l.words, "remote failed to report status") {
			return fmt.Errorf("%w; %w: %s", ErrUnreachable, ErrUncertain, clean(childWords(words)))
		}
	}
	return nil
}

func (g *gitLink) push(ctx context.Context, updates []RefUpdate, opts PushOptions) (out []byte, words string, err error) {
	args := []string{"--git-dir=" + g.remote.repo.dir, "push", "-q", "--porcelain", "--no-verify", "--no-signed", "--no-thin", "--no-follow-tags"}
	if opts.Atomic {
		args = append(args, "--atomic")
	}
	var specs []string
	for _, u := range updates {
		old, src := "", ""
		if !u.Old.IsZero() {
			old = u.Old.String()
		}
		if !u.New.IsZero() {
			src = u.New.String()
		}
		args = append(args, "--force-with-lease="+u.Name+":"+old)
		specs = append(specs, src+":"+u.Name)
	}
	args = append(append(args, "--", g.url()), specs...)
	return g.run(g.command(ctx, args...))
}

// porcelain is one line of git push --porcelain: flag, from:to, words.
type porcelain struct {
	flag  byte
	words string
}

// parsePorcelain reads "<flag>\t<from>:<to>\t<summary> (<reason>)" by ref name.
func parsePorcelain(out []byte) map[string]porcelain {
	lines := map[string]porcelain{}
	for line := range strings.Lines(string(out)) {
		parts := strings.SplitN(strings.TrimRight(line, "\n"), "\t", 3)
		if len(parts) != 3 || len(parts[0]) != 1 {
			continue
		}
		i := strings.LastIndexByte(parts[1], ':')
		lines[parts[1][i+1:]] = porcelain{parts[0][0], parts[2]}
	}
	return lines
}

func (l porcelain) err() error {
	if l.flag != '!' {
		return nil
	}
	switch {
	case strings.Contains(l.words, "stale info"), strings.Contains(l.words, "fetch first"), strings.Contains(l.words, "non-fast-forward"):
		return fmt.Errorf("%w: %s", ErrConflict, clean(l.words))
	case strings.Contains(l.words, "atomic"):
		return ErrAborted
	}
	return fmt.Errorf("%w: %s", ErrRefused, clean(l.words))
}

// sortOut reads the refs again, to tell a lost race from a refusal, and a ref
// that is already where it should be from both.
func (g *gitLink) sortOut(ctx context.Context, no []RefUpdate, opts PushOptions, p *Pushed) {
	patterns := make([]refPattern, len(no))
	for i, u := range no {
		patterns[i] = refPattern{text: u.Name}
	}
	adv, err := g.list(ctx, patterns)
	if err != nil {
		return
	}
	var still []RefUpdate
	for _, u := range no {
		now := adv.refs[u.Name]
		if now == u.New {
			p.Results[u.Name] = nil
			continue
		}
		if errors.Is(p.Results[u.Name], ErrConflict) && now == u.Old {
			p.Results[u.Name] = ErrAborted // stale for the tracking of another ref
		}
		still = append(still, u)
	}
	sortRefusals(still, adv.refs, opts.Atomic, p)
}

// userSettings reports whether the user's git configuration changes how an
// address is reached; then git itself knows best. It costs one child, so the
// answer is asked for only where it matters.
func userSettings(a address) bool {
	if a.scheme == schemePath {
		return false
	}
	pattern := `^(url\..*\.(insteadof|pushinsteadof)|http\..*|https\.proxy|core\.(sshcommand|gitproxy)|ssh\.variant)$`
	cmd := gitCommand(context.Background(), false, "", "config", "--global", "--includes", "--name-only", "--get-regexp", pattern)
	out, _ := cmd.Output()
	system := gitCommand(context.Background(), false, "", "config", "--system", "--includes", "--name-only", "--get-regexp", pattern)
	more, _ := system.Output()
	for name := range strings.FieldsSeq(strings.ToLower(string(out) + string(more))) {
		web := strings.HasPrefix(name, "http")
		if !web || a.scheme != schemeSSH {
			return true
		}
	}
	return false
}
