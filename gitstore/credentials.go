package gitstore

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"os/exec"
	"strings"
	"sync"
)

// credentials are what the user typed into the address, or else what the user's
// git credential helpers know: asked only when the host wants some, and told
// afterwards whether they were right, as git does.
type credentials struct {
	remote *remote
	mu     sync.Mutex
	user   string
	pass   string
	helper bool // from a helper, and not yet reported on
	tried  bool
}

func newCredentials(r *remote) *credentials {
	return &credentials{remote: r, user: r.addr.user, pass: r.addr.pass}
}

func (c *credentials) apply(req *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.user != "" || c.pass != "" {
		req.SetBasicAuth(c.user, c.pass)
	}
}

// ask gets credentials from the helpers, once.
func (c *credentials) ask(ctx context.Context) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.tried || c.pass != "" {
		return false
	}
	c.tried = true
	out, err := c.run(ctx, "fill", c.describe())
	if err != nil {
		return false
	}
	for line := range strings.Lines(string(out)) {
		key, value, _ := strings.Cut(strings.TrimRight(line, "\n"), "=")
		switch key {
		case "username":
			c.user = value
		case "password":
			c.pass = value
		}
	}
	c.helper = c.pass != ""
	return c.helper
}

// worked and failed let the helper store or forget what it gave.
func (c *credentials) worked() { c.report("approve") }
func (c *credentials) failed() { c.report("reject") }

func (c *credentials) report(verb string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.helper {
		return
	}
	c.helper = false
	c.run(context.Background(), verb, c.describe()+"password="+c.pass+"\n")
	if verb == "reject" {
		c.pass = ""
	}
}

// describe is the attribute form of git-credential; the address has no newline.
func (c *credentials) describe() string {
	host := c.remote.addr.host
	if c.remote.addr.port != "" {
		host += ":" + c.remote.addr.port
	}
	s := fmt.Sprintf("protocol=%s\nhost=%s\n", c.remote.addr.scheme, host)
	if c.user != "" {
		s += "username=" + c.user + "\n"
	}
	return s
}

// run speaks to git credential; secrets go through pipes only.
func (c *credentials) run(ctx context.Context, verb, in string) ([]byte, error) {
	if _, err := exec.LookPath("git"); err != nil {
		return nil, ErrNoGit
	}
	cmd := gitCommand(ctx, c.remote.opts.Interactive, "", "credential", verb)
	cmd.Stdin = bytes.NewBufferString(in)
	return cmd.Output()
}
