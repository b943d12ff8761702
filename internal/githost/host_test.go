package githost

import (
	"context"
	"io"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func start(t *testing.T) *Server {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not installed")
	}
	s, err := Start(t.Context(), "127.0.0.1:0", t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	if err := s.Create("team/space.git"); err != nil {
		t.Fatal(err)
	}
	return s
}

func get(t *testing.T, url, host string) (int, string) {
	t.Helper()
	req, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if host != "" {
		req.Host = host
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, err.Error()
	}
	return resp.StatusCode, string(b)
}

const query = "/info/refs?service=git-upload-pack"

// TestServes what is served, and to whom.
func TestServes(t *testing.T) {
	s := start(t)
	if code, body := get(t, s.URL("team/space.git")+query, ""); code != 200 || !strings.HasPrefix(body, "001e# service=git-upload-pack") {
		t.Errorf("%d %q", code, body)
	}
	for path, want := range map[string]int{
		"team/space.git/HEAD": 404, "team/space.git/config": 404, "team/space.git/objects/info/packs": 404,
		"other.git" + query: 404, "info/refs?service=git-upload-pack": 404, "team/%2e%2e/%2e%2e/etc" + query: 404,
	} {
		if code, _ := get(t, s.URL(path), ""); code != want {
			t.Errorf("%s: %d, want %d", path, code, want)
		}
	}
	if code, _ := get(t, s.URL("team/space.git")+query, "evil.example.org"); code != 403 {
		t.Errorf("a foreign name in the Host header: %d", code)
	}
	if n := len(s.Requests()); n < 7 {
		t.Errorf("%d requests noted", n)
	}
}

func TestLoopbackOnly(t *testing.T) {
	for _, addr := range []string{"0.0.0.0:0", ":0", "192.0.2.1:0", "nowhere"} {
		if s, err := Start(context.Background(), addr, t.TempDir()); err == nil {
			s.Close()
			t.Errorf("listens on %q", addr)
		}
	}
}

func TestTamper(t *testing.T) {
	s := start(t)
	url := s.URL("team/space.git") + query
	s.SetTamper(Tamper{Fail: func(*http.Request) int { return 503 }})
	if code, _ := get(t, url, ""); code != 503 {
		t.Errorf("Fail: %d", code)
	}
	s.SetTamper(Tamper{Answer: func(_ *http.Request, w io.Writer) io.Writer { return CutAfter(w, 10) }})
	if code, body := get(t, url, ""); code != 0 {
		t.Errorf("Answer: %d %q", code, body)
	}
	s.SetTamper(Tamper{Answer: func(_ *http.Request, w io.Writer) io.Writer { return FlipAt(w, 0) }})
	if _, body := get(t, url, ""); body == "" || body[0] != '0'^0xff {
		t.Errorf("FlipAt: %q", body)
	}
	s.SetTamper(Tamper{Lost: func(*http.Request) bool { return true }})
	if code, _ := get(t, url, ""); code != 0 {
		t.Errorf("Lost: %d", code)
	}
	s.SetTamper(Tamper{Auth: func(u, p string) bool { return u == "a" && p == "b" }})
	if code, _ := get(t, url, ""); code != 401 {
		t.Errorf("Auth: %d", code)
	}
	if code, _ := get(t, strings.Replace(url, "http://", "http://a:b@", 1), ""); code != 200 {
		t.Errorf("Auth with the password: %d", code)
	}
}

// TestOwner plays what the owner of a host can do to a repository.
func TestOwner(t *testing.T) {
	s := start(t)
	id, err := s.git1("team/space.git", "hash-object", "-w", "-t", "blob", filepath.Join(s.Path("team/space.git"), "HEAD"))
	if err != nil {
		t.Fatal(err)
	}
	id = strings.TrimSpace(id)
	if err := s.SetRef("team/space.git", "refs/espace/x", id); err != nil {
		t.Fatal(err)
	}
	if err := s.Snapshot("team/space.git", "old.git"); err != nil {
		t.Fatal(err)
	}
	if err := s.DeleteRef("team/space.git", "refs/espace/x"); err != nil {
		t.Fatal(err)
	}
	if now, _ := s.Refs("team/space.git"); len(now) != 0 {
		t.Errorf("refs %v", now)
	}
	if then, _ := s.Refs("old.git"); then["refs/espace/x"] != id {
		t.Errorf("snapshot has %v", then)
	}
	s.SetTamper(Tamper{Route: func(*http.Request, string) string { return "old.git" }})
	if _, body := get(t, s.URL("team/space.git")+query, ""); !strings.Contains(body, "refs/espace/x") {
		t.Errorf("Route: %q", body)
	}
	if err := s.Create("../outside.git"); err == nil {
		t.Error("a repository outside the host's directory")
	}
}
