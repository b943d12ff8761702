package demo

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"strings"
	"testing"
)

func TestDemo(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("the demo needs git")
	}
	for _, transport := range []string{"git", "inprocess"} {
		t.Run(transport, func(t *testing.T) {
			var story bytes.Buffer
			dir := t.TempDir()
			r, err := Run(context.Background(), Options{Out: &story, Dir: dir, Git: transport})
			if err != nil {
				t.Fatalf("%v\n%s", err, story.String())
			}
			if !r.OK || len(r.Scenes) != 11 || len(r.Host.Found) != 0 || r.Host.Objects == 0 || r.Seconds > 60 {
				t.Errorf("got %+v", r)
			}
			for _, title := range []string{titleCreate, titleOffline, titleTamper, titleRemove, titleSight, "exit code 20"} {
				if !strings.Contains(story.String(), title) {
					t.Errorf("the story does not tell %q", title)
				}
			}
			if left, _ := os.ReadDir(dir); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

// The hunt must be able to find: words as they are, in base64 within an envelope, in names of files.
func TestHuntFinds(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(dir+"/Tartan", []byte("refs"), 0o600); err != nil {
		t.Fatal(err)
	}
	p := &play{host: &host{repo: dir}}
	objects := []object{{data: []byte("the LANTERNS")}, {data: []byte(`{"payload":"YmxhbmtldA=="}`)}}
	found, err := p.hunt(objects, []string{"lanterns", "blanket", "tartan", "cordial"})
	if err != nil || strings.Join(found, " ") != "lanterns blanket tartan" {
		t.Errorf("found %v, %v", found, err)
	}
}

func TestParseBatch(t *testing.T) {
	all, err := parseBatch([]byte("aa blob 3\nx\ny\nbb tree 0\n\n"))
	if err != nil || len(all) != 2 || string(all[0].data) != "x\ny" || all[1].kind != "tree" {
		t.Errorf("got %v, %v", all, err)
	}
	for _, bad := range []string{"aa blob\n", "aa blob x\n\n", "aa blob 9\nx\n", "aa blob -1\n\n"} {
		if _, err := parseBatch([]byte(bad)); err == nil {
			t.Errorf("%q was read", bad)
		}
	}
}
