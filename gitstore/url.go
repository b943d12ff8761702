package gitstore

import (
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"runtime"
	"strings"
)

// scheme is how a remote is reached.
type scheme string

const (
	schemePath  scheme = "file"
	schemeHTTP  scheme = "http"
	schemeHTTPS scheme = "https"
	schemeSSH   scheme = "ssh"
)

// address is a remote that passed checkURL. It is built only there: what
// reaches a command line or a shell comes from these fields.
type address struct {
	scheme scheme
	url    string // for http and https, without credentials
	path   string // of a repository: local, or on the ssh host
	user   string
	pass   string // from the URL, never printed
	host   string
	port   string
}

// String is safe to show and to log.
func (a address) String() string {
	switch a.scheme {
	case schemePath:
		return a.path
	case schemeSSH:
		return a.sshURL()
	}
	return a.url
}

// sshURL prints the address in the form without ambiguity.
func (a address) sshURL() string {
	host := a.host
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	if a.user != "" {
		host = a.user + "@" + host
	}
	if a.port != "" {
		host += ":" + a.port
	}
	return "ssh://" + host + "/" + strings.TrimPrefix(a.path, "/")
}

// forGit is the address as an argument of git, after --.
func (a address) forGit() string {
	if a.scheme == schemePath && strings.HasPrefix(a.path, "-") {
		return "./" + a.path
	}
	return a.String()
}

// parseAddress takes https and ssh (also user@host:path), and where they are
// local http (loopback) and paths (plain or file://). Everything else is
// refused: ext:: and its kin run commands, git:// and far http authenticate
// nobody, and a leading dash would be an option to git or ssh.
func parseAddress(s string) (address, error) {
	a, err := splitAddress(s)
	if err != nil {
		return a, fmt.Errorf("%w: %w", ErrURL, err)
	}
	return a, nil
}

// OnThisMachine reports whether an address is a place of this machine alone: a path,
// or a server that only it can reach. One that is not allowed is none.
func OnThisMachine(rawURL string) bool {
	a, err := parseAddress(rawURL)
	return err == nil && (a.scheme == schemePath || isLoopback(a.host))
}

// Kept is an address as it may be stored and told to others: one that is opened here,
// without a password, a path in full.
func Kept(rawURL string) (string, error) {
	a, err := parseAddress(rawURL)
	switch {
	case err != nil:
		return "", err
	case a.pass != "":
		return "", fmt.Errorf("%w: a password in it", ErrURL)
	case a.scheme == schemePath:
		return a.path, nil
	}
	return rawURL, nil
}

func splitAddress(s string) (address, error) {
	if s == "" || len(s) > 2048 {
		return address{}, fmt.Errorf("address of %d bytes", len(s))
	}
	for i := 0; i < len(s); i++ {
		if s[i] < ' ' || s[i] == 0x7f {
			return address{}, fmt.Errorf("control character in it")
		}
	}
	name, _, ok := strings.Cut(s, "://")
	switch {
	case ok && !strings.ContainsAny(name, "/:@"):
		return parseURL(s)
	case strings.Contains(s, "::"):
		return address{}, fmt.Errorf("transport helpers are not used")
	case isLocalPath(s):
		return localAddress(s)
	case strings.Contains(s, ":"):
		return parseSCP(s)
	}
	return localAddress(s)
}

// isLocalPath decides as git does: a colon before the first slash is ssh,
// but for a drive letter.
func isLocalPath(s string) bool {
	colon, slash := strings.IndexByte(s, ':'), strings.IndexByte(s, '/')
	drive := runtime.GOOS == "windows" && colon == 1
	return colon < 0 || slash >= 0 && slash < colon || drive || strings.HasPrefix(s, "[")
}

func localAddress(s string) (address, error) {
	if strings.HasPrefix(s, "-") {
		return address{}, fmt.Errorf("path starts with a dash: write ./%s", s)
	}
	abs, err := filepath.Abs(s)
	return address{scheme: schemePath, path: abs}, err
}

func parseURL(s string) (address, error) {
	u, err := url.Parse(s)
	if err != nil {
		return address{}, fmt.Errorf("not an address") // url's own error would show a password
	}
	if u.RawQuery != "" || u.Fragment != "" || u.Opaque != "" {
		return address{}, fmt.Errorf("address with a query or fragment")
	}
	switch strings.ToLower(u.Scheme) {
	case "file":
		if u.Host != "" && u.Host != "localhost" {
			return address{}, fmt.Errorf("file address of another machine")
		}
		return localAddress(filepath.FromSlash(u.Path))
	case "https":
		return httpAddress(u, schemeHTTPS)
	case "http":
		if !isLoopback(u.Hostname()) {
			return address{}, fmt.Errorf("http only to this machine: use https")
		}
		return httpAddress(u, schemeHTTP)
	case "ssh", "git+ssh", "ssh+git":
		if _, set := u.User.Password(); set {
			return address{}, fmt.Errorf("password in an ssh address")
		}
		return sshAddress(u.User.Username(), u.Hostname(), u.Port(), u.Path)
	}
	return address{}, fmt.Errorf("scheme %q is not used", clean(u.Scheme))
}

func httpAddress(u *url.URL, s scheme) (address, error) {
	a := address{scheme: s, user: u.User.Username(), host: u.Hostname(), port: u.Port()}
	a.pass, _ = u.User.Password()
	if err := checkHost(a.host); err != nil {
		return a, err
	}
	bare := *u
	bare.User = nil
	bare.Scheme = string(s)
	a.url = strings.TrimSuffix(bare.String(), "/")
	return a, nil
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// parseSCP reads [user@]host:path.
func parseSCP(s string) (address, error) {
	host, path, _ := strings.Cut(s, ":")
	user := ""
	if i := strings.LastIndexByte(host, '@'); i >= 0 {
		user, host = host[:i], host[i+1:]
	}
	if path == "" {
		return address{}, fmt.Errorf("ssh address without a path")
	}
	// Relative to the login directory, which "~/" says in the other form.
	if !strings.HasPrefix(path, "/") && !strings.HasPrefix(path, "~") {
		path = "~/" + path
	}
	if !strings.HasPrefix(path, "/") {
		path = "/" + path
	}
	return sshAddress(user, host, "", path)
}

func sshAddress(user, host, port, path string) (address, error) {
	a := address{scheme: schemeSSH, user: user, host: host, port: port, path: path}
	if err := checkHost(host); err != nil {
		return a, err
	}
	if user != "" && (user[0] == '-' || !only(user, "._-+@")) {
		return a, fmt.Errorf("user name with characters that are not allowed")
	}
	// The path is quoted for the far shell; what no host uses is refused all the same.
	if path == "" || path == "/" || strings.ContainsAny(path, "'\"`$\\!;&|<>(){}\n") || strings.HasPrefix(strings.TrimPrefix(path, "/"), "-") {
		return a, fmt.Errorf("path with characters that are not allowed")
	}
	return a, nil
}

func checkHost(host string) error {
	if host == "" || host[0] == '-' || len(host) > 255 || !only(host, ".-_:") {
		return fmt.Errorf("host name with characters that are not allowed")
	}
	return nil
}

// only: letters, digits and the bytes of extra.
func only(s, extra string) bool {
	for i := 0; i < len(s); i++ {
		c := s[i]
		if (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && strings.IndexByte(extra, c) < 0 {
			return false
		}
	}
	return true
}
