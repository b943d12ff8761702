package gitstore

import "testing"

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
