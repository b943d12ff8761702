package gitfilter_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/espace-git/espace-git/internal/gitfilter"
)

type upper struct{}

func (upper) Clean(path string, content []byte) ([]byte, error) {
	switch path {
	case "bad":
		return nil, errors.New("bad")
	case "stop":
		return nil, gitfilter.ErrAbort
	}
	return bytes.ToUpper(content), nil
}

func (upper) Smudge(_ string, content []byte) ([]byte, error) { return bytes.ToLower(content), nil }

// say writes lines and a flush as git does.
func say(lines ...string) string {
	var s strings.Builder
	for _, l := range lines {
		fmt.Fprintf(&s, "%04x%s", len(l)+4, l)
	}
	return s.String() + "0000"
}

var hello = say("git-filter-client\n", "version=2\n") + say("capability=clean\n", "capability=smudge\n", "capability=delay\n")

func TestServe(t *testing.T) {
	in := hello +
		say("command=clean\n", "pathname=a=b\n") + say("abc", "def") +
		say("command=smudge\n", "pathname=x\n", "ref=refs/heads/main\n") + say() +
		say("command=clean\n", "pathname=bad\n") + say("x") +
		say("command=clean\n", "pathname=big\n") + say("0123456789", "0123456789") +
		say("command=clean\n", "pathname=stop\n") + say("x")
	want := say("git-filter-server\n", "version=2\n") + say("capability=clean\n", "capability=smudge\n") +
		say("status=success\n") + say("ABCDEF") + say() +
		say("status=success\n") + say() + say() +
		say("status=error\n") + say("status=error\n") + say("status=abort\n")
	var out bytes.Buffer
	var failed []string
	err := gitfilter.Serve(strings.NewReader(in), &out, upper{}, 16, func(path string, _ error) { failed = append(failed, path) })
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"bad", "big", "stop"}, failed); diff != "" {
		t.Error(diff)
	}
}

func TestOtherSide(t *testing.T) {
	for name, in := range map[string]string{
		"nothing": "", "not git": "GET / HTTP/1.1\r\n", "version 1": say("git-filter-client\n", "version=1\n"),
		"cut": hello + "0010comm", "cut content": hello + say("command=clean\n") + "0008abcd", "long": "ffff",
	} {
		if err := gitfilter.Serve(strings.NewReader(in), &bytes.Buffer{}, upper{}, 16, func(string, error) {}); err == nil {
			t.Error(name)
		}
	}
}

func FuzzServe(f *testing.F) {
	f.Add([]byte(hello + say("command=clean\n", "pathname=x\n") + say("abc")))
	f.Add([]byte(hello))
	f.Fuzz(func(t *testing.T, in []byte) {
		_ = gitfilter.Serve(bytes.NewReader(in), &bytes.Buffer{}, upper{}, 64, func(string, error) {})
	})
}
