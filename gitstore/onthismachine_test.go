package gitstore

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"
)

func TestOnThisMachine(t *testing.T) {
	for url, want := range map[string]bool{
		"/srv/x.git": true, "x.git": true, "./a:b": true, "file:///srv/x.git": true, "http://127.0.0.1:8080/x.git": true,
		"https://localhost/x.git": true, "ssh://git@localhost/x.git": true, "localhost:x.git": true, "https://[::1]/x.git": true,
		"https://example.org/x.git": false, "git@example.org:x.git": false, "ssh://git@example.org/x.git": false, "example.org:x": false,
		"ext::sh": false, "": false,
	} {
		if got := OnThisMachine(url); got != want {
			t.Errorf("%s: %v", url, got)
		}
	}
}

func TestKept(t *testing.T) {
	full, err := filepath.Abs("x.git")
	if err != nil {
		t.Fatal(err)
	}
	for url, want := range map[string]string{
		"x.git": full, "file:///srv/x.git": "/srv/x.git", "https://me@example.org/x.git": "https://me@example.org/x.git",
		"git@example.org:x.git": "git@example.org:x.git", "https://me:hunter2@example.org/x.git": "", "http://example.org/x.git": "", "ext::sh": "",
	} {
		got, err := Kept(url)
		if got != want || (want == "") != errors.Is(err, ErrURL) {
			t.Errorf("%s: %q, %v", url, got, err)
		}
		if err != nil && strings.Contains(err.Error(), "hunter2") {
			t.Errorf("the password is shown: %v", err)
		}
	}
}
