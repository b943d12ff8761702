package space

import (
	"encoding/hex"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

var update = flag.Bool("update", false, "write the vectors anew")

// remoteVector is one item (docs/spec/remotes.md §1).
type remoteVector struct {
	Name string `json:"name"`
	URL  string `json:"url"`
	Role string `json:"role"`
	Gone string `json:"gone"`
	CBOR string `json:"cbor"` // in hex
}

var remoteVectors = filepath.Join("..", "testdata", "vectors", "space", "remotes.json")

func TestRemoteVectors(t *testing.T) {
	if *update {
		writeRemoteVectors(t)
	}
	raw, err := os.ReadFile(remoteVectors)
	if err != nil {
		t.Fatal(err)
	}
	var list []remoteVector
	if err := json.Unmarshal(raw, &list); err != nil || len(list) == 0 {
		t.Fatalf("%d vectors: %v", len(list), err)
	}
	for _, v := range list {
		b, err := hex.DecodeString(v.CBOR)
		if err != nil {
			t.Fatal(err)
		}
		got, err := decodeRemote(b)
		want := remoteItem{Name: v.Name, URL: v.URL, Role: v.Role, Gone: v.Gone}
		if d := cmp.Diff(want, got, cmpopts.IgnoreUnexported(remoteItem{})); d != "" || err != nil {
			t.Errorf("%s: %v\n%s", v.Name, err, d)
		}
		if again, err := got.encode(); err != nil || hex.EncodeToString(again) != v.CBOR {
			t.Errorf("%s is encoded as %x, %v", v.Name, again, err)
		}
	}
}

func writeRemoteVectors(t *testing.T) {
	t.Helper()
	var list []remoteVector
	for _, i := range []remoteItem{
		{Name: "backup", URL: "https://example.org/picnic.git", Role: remoteMirror},
		{Name: "backup", URL: "https://example.org/picnic.git", Role: remotePrimary},
		{Name: "backup", URL: "https://example.org/picnic.git", Role: remotePrimary, Gone: "git@example.net:alice/picnic.git"},
		{Name: "old_1-x", URL: "git@example.net:alice/picnic.git", Role: remoteNone},
	} {
		b, err := i.encode()
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, remoteVector{i.Name, i.URL, i.Role, i.Gone, hex.EncodeToString(b)})
	}
	b, err := json.MarshalIndent(list, "", "  ")
	if err == nil {
		err = os.MkdirAll(filepath.Dir(remoteVectors), 0o755)
	}
	if err == nil {
		err = os.WriteFile(remoteVectors, append(b, '\n'), 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestRemoteItemRefused(t *testing.T) {
	good := remoteItem{Name: "backup", URL: "https://example.org/x.git", Role: remoteMirror}
	for what, change := range map[string]func(*remoteItem){
		"no name":           func(i *remoteItem) { i.Name = "" },
		"name with escapes": func(i *remoteItem) { i.Name = "a\x1b[2J" },
		"long name":         func(i *remoteItem) { i.Name = strings.Repeat("a", 33) },
		"no URL":            func(i *remoteItem) { i.URL = "" },
		"long URL":          func(i *remoteItem) { i.URL = strings.Repeat("a", maxRemoteItem) },
		"unknown role":      func(i *remoteItem) { i.Role = "king" },
		"gone mirror":       func(i *remoteItem) { i.Gone = "https://example.org/y.git" },
	} {
		i := good
		change(&i)
		b, err := i.encode()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := decodeRemote(b); err == nil {
			t.Errorf("%s is taken", what)
		}
	}
}

// An admin names places that only this machine can reach, or that hold a password.
func TestAttackRemoteOnMyDisk(t *testing.T) {
	const away = "https://example.org/picnic.git"
	for url, follows := range map[string]bool{
		"https://example.net/picnic.git": true, "git@example.net:picnic.git": true,
		"/home/alice/code/.git": false, "file:///home/alice/code/.git": false, "code.git": false, "http://localhost:8080/x.git": false,
		"https://127.0.0.1/x.git": false, "ssh://localhost/home/alice/code": false, "https://x:secret@example.net/x.git": false,
		"http://example.net/x.git": false, "ext::sh -c id": false, "-x": false,
	} {
		for _, role := range []string{remoteMirror, remotePrimary} {
			rs := remotes{Primary: primaryName}
			got, err := rs.heed(away, remoteEntry{remoteItem{Name: "other", URL: url, Role: role}, 3})
			used := got == url || rs.at(url) != nil
			if used != follows || follows != (err == nil) {
				t.Errorf("%s %s: used %v, %v", role, url, used, err)
			}
		}
	}
}

func FuzzRemoteItem(f *testing.F) {
	raw, err := os.ReadFile(remoteVectors)
	var list []remoteVector
	if err == nil {
		err = json.Unmarshal(raw, &list)
	}
	if err != nil || len(list) == 0 {
		f.Fatalf("%d seeds: %v", len(list), err)
	}
	for _, v := range list {
		b, _ := hex.DecodeString(v.CBOR)
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		i, err := decodeRemote(b)
		if err != nil {
			return
		}
		if again, err := i.encode(); err != nil || string(again) != string(b) {
			t.Errorf("%x comes back as %x, %v", b, again, err)
		}
	})
}
