package githost

import (
	"io"
	"net"
	"net/http"
	"net/http/cgi"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
)

// Host serves the bare repositories below a directory. It is an http.Handler.
type Host struct {
	root string
	git  string

	mu     sync.Mutex
	tamper Tamper
	log    []Request
}

// Request is what the host saw of one request.
type Request struct {
	Method, Path, Query string
	In, Out             int64 // bytes of bodies
	Status              int
}

// maxLog bounds the list of requests; later ones are only served.
const maxLog = 100_000

// New serves the repositories below dir. Without a git program every request is
// answered with status 500.
func New(dir string) *Host {
	git, _ := exec.LookPath("git")
	abs, err := filepath.Abs(dir)
	if err != nil {
		abs = dir
	}
	return &Host{root: abs, git: git}
}

// services are the only paths of a repository that are served: no loose files,
// no dumb protocol.
var services = []string{"/info/refs", "/git-upload-pack", "/git-receive-pack"}

// split finds the repository in a path: "/team/space.git/info/refs".
func split(path string) (repo, service string, ok bool) {
	for _, s := range services {
		repo, found := strings.CutSuffix(path, s)
		repo = strings.Trim(repo, "/")
		if found && repo != "" && filepath.IsLocal(filepath.FromSlash(repo)) {
			return repo, s, true
		}
	}
	return "", "", false
}

func (h *Host) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	t := h.current()
	out := &recorder{ResponseWriter: w, tamper: t, req: r}
	in := &counter{ReadCloser: r.Body}
	r.Body = in
	defer func() { // also when a tampered answer breaks off
		h.record(Request{r.Method, r.URL.Path, r.URL.RawQuery, in.n, out.n, out.status})
	}()
	h.serve(out, r, t)
	out.finish()
}

func (h *Host) serve(w http.ResponseWriter, r *http.Request, t Tamper) {
	repo, service, ok := split(r.URL.Path)
	switch {
	case !loopbackHost(r.Host):
		http.Error(w, "this host serves this machine only", http.StatusForbidden)
	case !ok:
		http.Error(w, "no such repository", http.StatusNotFound)
	case h.git == "":
		http.Error(w, "git is not installed", http.StatusInternalServerError)
	case t.Auth != nil && !authorized(r, t.Auth):
		w.Header().Set("WWW-Authenticate", `Basic realm="git"`)
		http.Error(w, "who are you?", http.StatusUnauthorized)
	default:
		h.backend(w, r, t, repo, service)
	}
}

func authorized(r *http.Request, check func(user, pass string) bool) bool {
	user, pass, ok := r.BasicAuth()
	return ok && check(user, pass)
}

// loopbackHost keeps web pages out that point a name of their own at loopback.
func loopbackHost(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	ip := net.ParseIP(strings.Trim(host, "[]"))
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// backend hands a request to git http-backend.
func (h *Host) backend(w http.ResponseWriter, r *http.Request, t Tamper, repo, service string) {
	if t.Fail != nil {
		if code := t.Fail(r); code != 0 {
			http.Error(w, "out of order", code)
			return
		}
	}
	if t.Route != nil {
		repo = t.Route(r, repo)
	}
	done, err := unchunk(r, t)
	if err != nil {
		http.Error(w, "request broke off", http.StatusBadRequest)
		return
	}
	defer done()
	r.URL.Path = "/" + repo + service
	handler := &cgi.Handler{
		Path: h.git, Args: []string{"http-backend"}, Dir: h.root,
		Env: []string{
			"GIT_PROJECT_ROOT=" + h.root, "GIT_HTTP_EXPORT_ALL=1", "REMOTE_USER=anyone",
			"GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=safe.directory", "GIT_CONFIG_VALUE_0=*",
		},
		InheritEnv: []string{"PATH", "HOME", "TMPDIR"},
		Stderr:     io.Discard,
	}
	handler.ServeHTTP(w, r)
}

// unchunk gives CGI what it needs: a body of known length. git sends more than
// 1 MiB in chunks. The body waits in a file, as behind any buffering proxy.
func unchunk(r *http.Request, t Tamper) (done func(), err error) {
	body := io.Reader(r.Body)
	if t.Body != nil {
		body = t.Body(r, body)
	}
	if r.ContentLength >= 0 && t.Body == nil {
		return func() {}, nil
	}
	f, err := os.CreateTemp("", "githost")
	if err != nil {
		return nil, err
	}
	done = func() { f.Close(); os.Remove(f.Name()) }
	n, err := io.Copy(f, body)
	if err == nil {
		_, err = f.Seek(0, io.SeekStart)
	}
	if err != nil {
		done()
		return nil, err
	}
	r.Body, r.ContentLength, r.TransferEncoding = f, n, nil
	return done, nil
}

func (h *Host) record(q Request) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.log) < maxLog {
		h.log = append(h.log, q)
	}
}

// Requests gives what the host saw so far.
func (h *Host) Requests() []Request {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]Request(nil), h.log...)
}

type counter struct {
	io.ReadCloser
	n int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.ReadCloser.Read(p)
	c.n += int64(n)
	return n, err
}
