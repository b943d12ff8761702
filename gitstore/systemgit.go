package gitstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/espace-git/espace-git/internal/wire"
)

// gitLink runs the system's git. Fetches happen in a bare repository of their
// own inside the quarantine that borrows our objects; what arrives there is
// imported like any foreign pack.
type gitLink struct {
	remote *remote
	last   []refPattern // of the last list, for the refspecs of pull
	shown  map[string]wire.ObjectID
}

func newGitLink(r *remote) link { return &gitLink{remote: r} }

func (g *gitLink) close() error { return nil }

func (g *gitLink) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := gitCommand(ctx, g.remote.opts.Interactive, g.remote.addr.scheme, args...)
	return cmd
}

// url is the address for a child. A password from the address goes in by an
// inline credential helper's environment, never on the command line.
func (g *gitLink) url() string { return g.remote.addr.forGit() }

func (g *gitLink) withCredentials(cmd *exec.Cmd) {
	a := g.remote.addr
	if a.pass == "" {
		return
	}
	// GIT_CONFIG_COUNT variables are seen by git only. The helper reads the
	// password from a descriptor: not from an environment that children inherit.
	r, w, err := os.Pipe()
	if err != nil {
		return
	}
	fmt.Fprintf(w, "username=%s\npassword=%s\n", a.user, a.pass)
	w.Close()
	cmd.ExtraFiles = []*os.File{r}
	helper := `!f() { test "$1" = get && cat <&3; }; f`
	cmd.Args = append([]string{cmd.Args[0], "-c", "credential.helper=", "-c", "credential.helper=" + helper}, cmd.Args[1:]...)
}

func (g *gitLink) run(cmd *exec.Cmd) ([]byte, string, error) {
	g.withCredentials(cmd)
	words := &tail{}
	var out limitedBuffer
	out.left = MaxAdvertised
	cmd.Stderr, cmd.Stdout = words, &out
	err := cmd.Run()
	for _, f := range cmd.ExtraFiles {
		f.Close()
	}
	if out.over {
		return nil, "", errListTooBig
	}
	return out.Bytes(), words.String(), err
}

// limitedBuffer takes so much and then fails, which ends the child.
type limitedBuffer struct {
	bytes.Buffer
	left int
	over bool
}

func (l *limitedBuffer) Write(p []byte) (int, error) {
	if l.left -= len(p); l.left < 0 {
		l.over = true
		return 0, errListTooBig
	}
	return l.Buffer.Write(p)
}

// childError makes an error of how a child ended and what it said.
func childError(ctx context.Context, words string, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if words = childWords(words); words == "" {
		return fmt.Errorf("%w: git: %w", ErrUnreachable, err)
	}
	return hostSays(words)
}

func (g *gitLink) list(ctx context.Context, patterns []refPattern) (*advert, error) {
	args := []string{"ls-remote", "-q", "--refs", "--", g.url()}
	for _, p := range patterns {
		text := p.text
		if p.star {
			text += "*"
		}
		args = append(args, text)
	}
	out, words, err := g.run(g.command(ctx, args...))
	if errors.Is(err, ErrTooBig) {
		return nil, err
	}
	if err != nil {
		return nil, childError(ctx, words, err)
	}
	adv := &advert{refs: map[string]wire.ObjectID{}}
	n := 0
	for line := range strings.Lines(string(out)) {
		hex, name, ok := strings.Cut(strings.TrimRight(line, "\n"), "\t")
		id, err := wire.ParseObjectID(hex)
		if !ok || err != nil {
			return nil, fmt.Errorf("%w: %q from ls-remote", ErrProtocol, clean(line))
		}
		if n++; n > MaxAdvertisedRefs {
			return nil, errListTooBig
		}
		// ls-remote matches patterns at any place of a name; ours start at the front.
		if checkRefName(name) == nil && matchAny(patterns, name) {
			adv.refs[name] = id
		}
	}
	g.last, g.shown = patterns, adv.refs
	return adv, nil
}

// pull runs git fetch for exactly the wanted objects: by their ref names, which
// every host serves.
func (g *gitLink) pull(ctx context.Context, wants, haves []wire.ObjectID, q *quarantine, l Limits) (int64, error) {
	dir := filepath.Join(q.dir, "git")
	if err := g.borrow(dir, haves); err != nil {
		return 0, err
	}
	return g.fetchInto(ctx, dir, strings.Join(g.refspecs(wants), "\n")+"\n", q, l)
}

func (g *gitLink) fetchInto(ctx context.Context, dir, specs string, q *quarantine, l Limits) (int64, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go watchSize(ctx, filepath.Join(dir, "objects"), l.Bytes, cancel)
	cmd := g.command(ctx, "--git-dir="+dir, "-c", "fetch.unpackLimit=1", "-c", "core.bigFileThreshold=1m",
		"fetch", "-q", "--no-tags", "--no-write-fetch-head", "--no-auto-gc", "--no-show-forced-updates", "--stdin", "--", g.url())
	cmd.Stdin = strings.NewReader(specs)
	_, words, err := g.run(cmd)
	if cause := context.Cause(ctx); cause != nil {
		return 0, cause
	}
	// Whether everything came is for our own check to say, ref by ref.
	if err != nil && !strings.Contains(words, "did not send all necessary objects") {
		return 0, fetchError(ctx, words, err)
	}
	return g.collect(dir, q, l)
}

// objects runs git fetch for names, into a repository that knows nothing of ours:
// there is nothing to compare when what is wanted has no history.
func (g *gitLink) objects(ctx context.Context, wants []wire.ObjectID, q *quarantine, l Limits) (int64, error) {
	dir := filepath.Join(q.dir, "git")
	if _, err := Init(dir); err != nil {
		return 0, err
	}
	var specs strings.Builder
	for i, id := range wants {
		fmt.Fprintf(&specs, "%s:refs/q/%d\n", id, i)
	}
	return g.fetchInto(ctx, dir, specs.String(), q, l)
}

// fetchError: where git's index-pack gave up on what it got, the pack is at fault.
func fetchError(ctx context.Context, words string, err error) error {
	low := strings.ToLower(words)
	for _, is := range fetchPhrases {
		if strings.Contains(low, is.phrase) {
			return fmt.Errorf("%w: %s", is.err, clean(childWords(words)))
		}
	}
	return childError(ctx, words, err)
}

var fetchPhrases = []struct {
	phrase string
	err    error
}{
	{"attempting to allocate", ErrTooBig},
	{"out of memory", ErrTooBig},
	{"early eof", ErrUnreachable},
	{"inflate returned", ErrCorrupt},
	{"data stream error", ErrCorrupt},
	{"bad object at offset", ErrCorrupt},
	{"unresolved delta", ErrCorrupt},
	{"pack is corrupted", ErrCorrupt},
	{"pack has", ErrCorrupt},
	{"pack header", ErrCorrupt},
	{"couldn't find remote ref", ErrMissing},
	{"not our ref", ErrMissing},
	{"missing", ErrMissing},
	{"bad object", ErrMissing},
	{"invalid index-pack output", ErrCorrupt},
	{"index-pack failed", ErrCorrupt},
}

// refspecs names one ref for each want; where it lands is of no meaning.
func (g *gitLink) refspecs(wants []wire.ObjectID) []string {
	names := map[wire.ObjectID]string{}
	for name, id := range g.shown {
		if old, ok := names[id]; !ok || name < old {
			names[id] = name
		}
	}
	var specs []string
	for i, id := range wants {
		src := names[id]
		if src == "" {
			src = id.String()
		}
		specs = append(specs, fmt.Sprintf("%s:refs/q/%d", src, i))
	}
	return specs
}

// borrow makes the repository that git fetches into: ours as its alternate,
// and the haves as its refs, so that git tells the host of them.
func (g *gitLink) borrow(dir string, haves []wire.ObjectID) error {
	if _, err := Init(dir); err != nil {
		return err
	}
	alternates := filepath.Join(g.remote.repo.dir, "objects") + "\n"
	if err := os.WriteFile(filepath.Join(dir, "objects", "info", "alternates"), []byte(alternates), 0o600); err != nil {
		return err
	}
	packed := "# pack-refs with: sorted \n"
	for i, id := range haves {
		packed += fmt.Sprintf("%s refs/have/%06d\n", id, i)
	}
	return os.WriteFile(filepath.Join(dir, "packed-refs"), []byte(packed), 0o600)
}

// watchSize ends a fetch that writes more than its limit.
func watchSize(ctx context.Context, dir string, limit int64, cancel context.CancelCauseFunc) {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if dirSize(dir) > limit+limit/8 {
				cancel(fmt.Errorf("fetched pack beyond %d bytes: %w", limit, ErrTooBig))
				return
			}
		}
	}
}

func dirSize(dir string) (n int64) {
	filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			if st, err := d.Info(); err == nil {
				n += st.Size()
			}
		}
		return nil
	})
	return n
}

// collect imports what git left behind.
func (g *gitLink) collect(dir string, q *quarantine, l Limits) (int64, error) {
	paths, err := filepath.Glob(filepath.Join(dir, "objects", "pack", "*.pack"))
	if err != nil {
		return 0, err
	}
	var files []io.Reader
	size := int64(0)
	for _, p := range paths {
		f, err := os.Open(p)
		if err != nil {
			return size, err
		}
		defer f.Close()
		st, err := f.Stat()
		if err != nil {
			return size, err
		}
		size += st.Size()
		files = append(files, f)
	}
	if size > l.Bytes {
		return size, fmt.Errorf("fetched pack of %d bytes: %w", size, ErrTooBig)
	}
	return size, q.take(l, files...)
}

// capabilities reads the receive-pack advertisement, which git shows only in its
// packet trace.
func (g *gitLink) capabilities(ctx context.Context) (Capabilities, error) {
	cmd := g.command(ctx, "--git-dir="+g.remote.repo.dir, "push", "-q", "--porcelain", "--dry-run", "--", g.url(), ":refs/espace-probe/none")
	cmd.Env = append(cmd.Env, "GIT_TRACE_PACKET=1", "GIT_TRACE_REDACT=1")
	_, words, err := g.run(cmd)
	line := pushCapabilities(words)
	if line == "" {
		if err == nil {
			err = ErrProtocol
		}
		return Capabilities{}, childError(ctx, withoutTrace(words), err)
	}
	adv := &advert{refs: map[string]wire.ObjectID{}, caps: map[string]string{}}
	for c := range strings.FieldsSeq(line) {
		name, value, _ := strings.Cut(c, "=")
		adv.caps[name] = value
	}
	c := adv.capabilities()
	c.Transport = SystemGit
	return c, nil
}

// pushCapabilities finds "push< <name> <ref>\0report-status …" in a trace.
func pushCapabilities(trace string) string {
	for line := range strings.Lines(trace) {
		if _, caps, ok := strings.Cut(line, `\0`); ok && strings.Contains(line, "report-status") {
			return strings.TrimSpace(caps)
		}
	}
	return ""
}

func withoutTrace(words string) string {
	var keep []string
	for line := range strings.Lines(words) {
		if !strings.Contains(line, "pkt-line.c") {
			keep = append(keep, line)
		}
	}
	return strings.Join(keep, "")
}
