package gitstore

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"sort"
	"sync"

	"github.com/espace-git/espace-git/internal/wire"
)

// Remote is a repository at a host, as seen from one Repo. Its methods may be
// called from several goroutines; they take turns.
type Remote interface {
	// Fetch gets what the host shows under the patterns, within the limits, and
	// puts the objects into the Repo, durably, before it returns. It moves no ref.
	Fetch(ctx context.Context, req FetchRequest) (*Fetched, error)
	// Push moves refs at the host, each only from the value named as Old.
	Push(ctx context.Context, updates []RefUpdate, opts PushOptions) (*Pushed, error)
	// FetchObjects gets objects that no ref needs to show, by their names, and puts
	// them into the Repo as Fetch does; failed says why some could not be had. Not
	// every host serves them: then each is ErrRefused.
	FetchObjects(ctx context.Context, ids []wire.ObjectID, l Limits) (failed map[wire.ObjectID]error, err error)
	// Capabilities asks the host what it offers.
	Capabilities(ctx context.Context) (Capabilities, error)
	Close() error
}

// FetchRequest names refs, in full or with one star at the end.
type FetchRequest struct {
	Patterns []string
	Limits   Limits // zero: those of RemoteOptions
}

// Fetched is what the host shows now.
type Fetched struct {
	// Refs holds every ref that matches, also those in Failed.
	Refs map[string]wire.ObjectID
	// Failed says why the objects of a ref could not be had: ErrMissing,
	// ErrTooBig, ErrCorrupt, ErrRefused. The other refs are whole in the store.
	Failed map[string]error
	// Bytes received in packs and Objects that are new in the store.
	Bytes   int64
	Objects int
}

// PushOptions of one push.
type PushOptions struct {
	Atomic bool // all or none; ErrNoAtomic when the host can't promise it
}

// Pushed says for each ref how it went: nil, ErrConflict, ErrRefused, ErrAborted.
// A ref that stood at New already is nil: someone finished the same work.
type Pushed struct {
	Results map[string]error
	Atomic  bool // the host applied them as one
}

// OK reports whether every ref moved.
func (p *Pushed) OK() bool { return p.Err() == nil }

// Err is the most telling of the results, nil when all moved.
func (p *Pushed) Err() error {
	names := make([]string, 0, len(p.Results))
	for name := range p.Results {
		names = append(names, name)
	}
	sort.Strings(names)
	var aborted error
	for _, name := range names {
		switch err := p.Results[name]; {
		case errors.Is(err, ErrAborted):
			aborted = err
		case err != nil:
			return fmt.Errorf("pushing %s: %w", name, err)
		}
	}
	return aborted
}

// Capabilities of a host.
type Capabilities struct {
	Atomic     bool
	DeleteRefs bool
	Transport  Transport
	Agent      string // what the host says of itself, cleaned
}

// Transport is one of the ways to speak to a host.
type Transport string

const (
	// Auto chooses by what the remote needs: see NewRemote.
	Auto Transport = ""
	// SystemGit runs the user's git: credential helpers, ssh configuration,
	// proxies and protocol v2 work as they are set up.
	SystemGit Transport = "git"
	// InProcess speaks the protocol itself: fastest for small pushes.
	InProcess Transport = "inprocess"
)

// RemoteOptions; the zero value is right for most.
type RemoteOptions struct {
	Prefer   Transport
	Limits   Limits
	Progress func(string) // the host's own progress lines, cleaned; may be nil
	// Interactive lets git and ssh ask on the terminal.
	Interactive bool
}

// link is a way to reach one repository. An implementation promises: list and
// send reach the host each time; pull writes nothing outside the quarantine; send
// moves a ref only from Old, and sends nothing when it answers ErrNoAtomic.
type link interface {
	list(ctx context.Context, patterns []refPattern) (*advert, error)
	pull(ctx context.Context, wants, haves []wire.ObjectID, q *quarantine, l Limits) (received int64, err error)
	// objects is pull for names that no ref shows; it needs no list.
	objects(ctx context.Context, wants []wire.ObjectID, q *quarantine, l Limits) (received int64, err error)
	send(ctx context.Context, updates []RefUpdate, opts PushOptions) (*Pushed, error)
	capabilities(ctx context.Context) (Capabilities, error)
	// close ends the conversation that list left open; the link stays usable.
	close() error
}

type remote struct {
	mu   sync.Mutex
	repo *Repo
	addr address
	opts RemoteOptions
	link link
	last map[string]wire.ObjectID // refs that are whole in the store, as last shown
}

// NewRemote checks the address and chooses a transport; it connects to nobody.
//
// Auto: paths and http(s) in process, where it is faster (see the benchmarks), unless
// the user's git configuration changes how that host is reached; then, and when the
// host asks for a password that git's helpers may know, the system's git. For ssh
// both run the same ssh program; in process saves git's own start.
func NewRemote(repo *Repo, rawURL string, opts RemoteOptions) (Remote, error) {
	addr, err := parseAddress(rawURL)
	if err != nil {
		return nil, err
	}
	r := &remote{repo: repo, addr: addr, opts: opts, last: map[string]wire.ObjectID{}}
	if r.link, err = r.choose(); err != nil {
		return nil, err
	}
	return r, nil
}

func (r *remote) choose() (link, error) {
	_, err := exec.LookPath("git")
	haveGit := err == nil
	switch {
	case r.opts.Prefer == SystemGit && !haveGit:
		return nil, ErrNoGit
	case r.opts.Prefer == SystemGit:
		return newGitLink(r), nil
	case r.opts.Prefer == InProcess || !haveGit || !userSettings(r.addr):
		return newInProcess(r), nil
	}
	return newGitLink(r), nil
}

func (r *remote) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if p, ok := r.link.(*inProcess); ok {
		if d, ok := p.dial.(*httpDialer); ok {
			d.client.CloseIdleConnections()
		}
	}
	return r.link.close()
}

func (r *remote) Capabilities(ctx context.Context) (Capabilities, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	c, err := r.link.capabilities(ctx)
	if r.switchOn(err) {
		c, err = r.link.capabilities(ctx)
	}
	return c, r.wrap("asking", err)
}

// switchOn moves from the in-process link to the system's git when the host
// wants what only that may have: a password from a helper, a shorter list of refs.
func (r *remote) switchOn(err error) bool {
	_, inProcess := r.link.(*inProcess)
	if !inProcess || r.opts.Prefer != Auto || r.addr.scheme == schemePath {
		return false
	}
	if !errors.Is(err, ErrAuth) && !errors.Is(err, errListTooBig) {
		return false
	}
	if _, lookErr := exec.LookPath("git"); lookErr != nil {
		return false
	}
	r.link.close()
	r.link = newGitLink(r)
	return true
}

func (r *remote) wrap(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s %s: %w", what, r.addr, err)
}

// errListTooBig is ErrTooBig of the list of refs, not of a pack.
var errListTooBig = fmt.Errorf("list of refs: %w", ErrTooBig)
