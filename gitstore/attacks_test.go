package gitstore

import (
	"bytes"
	"compress/zlib"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/espace-git/espace-git/internal/githost"
	"github.com/espace-git/espace-git/internal/wire"
)

// bothWays runs an attack against a real host by both transports.
func bothWays(t *testing.T, run func(t *testing.T, side farSide, via Transport)) {
	t.Helper()
	needGit(t)
	isolate(t)
	for _, side := range []func(testing.TB) farSide{pathSide, httpSide} {
		for _, via := range []Transport{InProcess, SystemGit} {
			s := side(t)
			t.Run(s.name+"/"+string(via), func(t *testing.T) { run(t, s, via) })
		}
	}
}

// Attack 5: a commit that no member made lies on a chain. It is seen, and the
// next push builds on it.
func TestAttackForeignCommit(t *testing.T) {
	for _, ref := range []struct{ name, ref string }{
		{"foreign-commit-on-lane", "refs/espace/0-aa/lanes/x"},
		{"foreign-commit-on-order", "refs/espace/0-aa/order"},
		{"foreign-commit-on-main", "refs/heads/main"},
	} {
		t.Run(ref.name, func(t *testing.T) {
			bothWays(t, func(t *testing.T, side farSide, via Transport) {
				alice := newRepo(t)
				m := dial(t, alice, side.url, via)
				a := addCommit(t, alice, "a", "a")
				mustPush(t, m, RefUpdate{ref.ref, none, a})
				// Executable, link, submodule: nothing that we would write.
				tree := gitIn(t, side.dir, fmt.Sprintf("100755 blob %s\t.gitmodules\n120000 blob %[1]s\tlink\n160000 commit %s\tsub\n",
					BlobID([]byte("a")), wire.ObjectID{7}), "mktree", "--missing")
				foreign := git(t, side.dir, "commit-tree", "-p", a.String(), "-m", "junk", tree)
				git(t, side.dir, "update-ref", ref.ref, foreign, a.String())

				b := addCommit(t, alice, "b", "b", a)
				p, err := m.Push(context.Background(), []RefUpdate{{ref.ref, a, b}}, PushOptions{})
				if err != nil || !errors.Is(p.Results[ref.ref], ErrConflict) {
					t.Fatalf("push over a foreign commit: %+v, %v", p, err)
				}
				f := mustFetch(t, m, ref.ref)
				tip := f.Refs[ref.ref]
				list, err := alice.Commits([]wire.ObjectID{tip}, []wire.ObjectID{a}, 0)
				if err != nil || len(list) != 1 || list[0].ID.String() != foreign {
					t.Fatalf("new commits %v, %v", list, err)
				}
				if _, err := alice.Tree(list[0].Tree); !errors.Is(err, ErrBadTree) {
					t.Errorf("its tree: %v", err)
				}
				mustPush(t, m, RefUpdate{ref.ref, tip, addCommit(t, alice, "b", "b", tip)})
			})
		})
	}
}

// Attack 6: a ref stands where a chain belongs, or in its way, and is put right
// under a lease on its old value.
func TestAttackRefTo(t *testing.T) {
	const lane = "refs/espace/0-aa/lanes/dev"
	for _, c := range []struct {
		name, ref string
		put       func(t *testing.T, dir string)
	}{
		{"ref-to-blob", lane, func(t *testing.T, dir string) {
			git(t, dir, "update-ref", lane, gitIn(t, dir, "junk", "hash-object", "-w", "--stdin"))
		}},
		{"ref-to-tag", lane, func(t *testing.T, dir string) {
			blob := gitIn(t, dir, "junk", "hash-object", "-w", "--stdin")
			git(t, dir, "update-ref", lane, gitIn(t, dir, "object "+blob+"\ntype blob\ntag t\ntagger a <a@b> 1 +0000\n\nm\n", "mktag"))
		}},
		{"ref-to-tree", lane, func(t *testing.T, dir string) {
			git(t, dir, "update-ref", lane, gitIn(t, dir, "", "mktree"))
		}},
		{"ref-to-missing", lane, func(t *testing.T, dir string) {
			id := git(t, dir, "commit-tree", "-m", "m", gitIn(t, dir, "100644 blob "+gitIn(t, dir, "gone", "hash-object", "-w", "--stdin")+"\tf\n", "mktree"))
			git(t, dir, "update-ref", lane, id)
			dropObject(t, dir, BlobID([]byte("gone")))
		}},
		{"files-as-blob", "refs/espace/0-aa/lanes", func(t *testing.T, dir string) {
			git(t, dir, "update-ref", "refs/espace/0-aa/lanes", gitIn(t, dir, "junk", "hash-object", "-w", "--stdin"))
		}},
		{"ref-below-a-lane", lane + "/x", func(t *testing.T, dir string) {
			git(t, dir, "update-ref", lane+"/x", gitIn(t, dir, "junk", "hash-object", "-w", "--stdin"))
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			bothWays(t, func(t *testing.T, side farSide, via Transport) {
				c.put(t, side.dir)
				alice := newRepo(t)
				m := dial(t, alice, side.url, via)
				f := mustFetch(t, m, "refs/espace/*")
				stands := f.Refs[c.ref]
				if stands.IsZero() {
					t.Fatalf("what stands in the way is not shown: %v", f.Refs)
				}
				mine := addCommit(t, alice, "a", "a")
				if c.ref == lane {
					mustPush(t, m, RefUpdate{lane, stands, mine})
				} else {
					p, err := m.Push(context.Background(), []RefUpdate{{lane, none, mine}}, PushOptions{})
					if err == nil && p.OK() {
						t.Fatal("a lane and a ref in its way are both there")
					}
					mustPush(t, m, RefUpdate{c.ref, stands, none})
					mustPush(t, m, RefUpdate{lane, none, mine})
				}
				if f = mustFetch(t, m, "refs/espace/*"); f.Refs[lane] != mine || len(f.Refs) != 1 || len(f.Failed) != 0 {
					t.Errorf("after the repair: %v, failed %v", f.Refs, f.Failed)
				}
			})
		})
	}
}

// Attack 8, as far as transport goes: a host that goes back, stands still or
// deletes is shown as what it is; what was read stays, and a lease puts it right.
func TestAttackHostGoesBack(t *testing.T) {
	needGit(t)
	isolate(t)
	for _, via := range []Transport{InProcess, SystemGit} {
		for _, what := range []string{"rollback", "freeze", "delete-main", "delete-all", "lane-swapped"} {
			t.Run(what+"/"+string(via), func(t *testing.T) { hostGoesBack(t, what, via) })
		}
	}
}

func hostGoesBack(t *testing.T, what string, via Transport) {
	side := httpSide(t)
	alice, bob := newRepo(t), newRepo(t)
	am, bm := dial(t, alice, side.url, via), dial(t, bob, side.url, via)
	m1 := addCommit(t, alice, "m1", "m1")
	x1, y1 := addCommit(t, alice, "x1", "x1"), addCommit(t, alice, "y1", "y1")
	const main, x, y = "refs/heads/main", "refs/espace/0-aa/lanes/x", "refs/espace/0-aa/lanes/y"
	mustPush(t, am, RefUpdate{main, none, m1}, RefUpdate{x, none, x1}, RefUpdate{y, none, y1})
	must(t, side.host.Snapshot("space.git", "old.git"))
	m2 := addCommit(t, alice, "m2", "m2", m1)
	mustPush(t, am, RefUpdate{main, m1, m2})
	f := mustFetch(t, bm, main, "refs/espace/*")
	for name, id := range f.Refs {
		must(t, bob.SetRef(name, none, id))
	}
	shown := map[string]wire.ObjectID{main: m2, x: x1, y: y1}
	switch what {
	case "rollback":
		must(t, side.host.SetRef("space.git", main, m1.String()))
		shown[main] = m1
	case "freeze":
		side.host.SetTamper(githost.Tamper{Route: func(*http.Request, string) string { return "old.git" }})
		shown[main] = m1
	case "delete-main":
		must(t, side.host.DeleteRef("space.git", main))
		delete(shown, main)
	case "delete-all":
		for name := range shown {
			must(t, side.host.DeleteRef("space.git", name))
		}
		shown = map[string]wire.ObjectID{}
	case "lane-swapped":
		must(t, side.host.SetRef("space.git", x, y1.String()))
		shown[x] = y1
	}
	f = mustFetch(t, bm, main, "refs/espace/*")
	if fmt.Sprint(f.Refs) != fmt.Sprint(shown) || len(f.Failed) != 0 {
		t.Fatalf("fetch shows %v, host %v", f.Refs, shown)
	}
	for name, id := range map[string]wire.ObjectID{main: m2, x: x1, y: y1} {
		if got, _, _ := bob.Ref(name); got != id || !bob.Has(id) {
			t.Errorf("bob lost %s", name)
		}
		if shown[name] != id {
			mustPush(t, bm, RefUpdate{name, shown[name], id})
		}
	}
	if f = mustFetch(t, am, main, "refs/espace/*"); f.Refs[main] != m2 || f.Refs[x] != x1 || f.Refs[y] != y1 {
		t.Errorf("after the repair the host shows %v", f.Refs)
	}
}

// Attack 12: bombs. Nothing is allocated before a bound is checked, and nothing
// is kept.
func TestAttackBombs(t *testing.T) {
	needGit(t)
	isolate(t)
	zeros := deflatedZeros(64 << 20)
	bomb := func(claim int) []byte { return append(appendEntryHeader(nil, kindBlob, claim), zeros...) }
	base := make([]byte, 8<<20)
	entry := appendEntryHeader(nil, kindBlob, len(base))
	entry = append(entry, appendDeflated(nil, base)...)
	deltas := [][]byte{entry}
	for i := range 60 {
		deltas = append(deltas, refDelta(BlobID(base), len(base), 16<<20+i))
	}
	for _, c := range []struct {
		name  string
		pack  []byte
		limit Limits
		want  []error
	}{
		{"inflates-to-more-than-it-says", testPack(bomb(100)), Limits{}, []error{ErrCorrupt}},
		{"entry-of-4-GiB", testPack(bomb(4 << 30)), Limits{}, []error{ErrTooBig, ErrCorrupt}},
		{"entry-of-1-EiB", testPack(bomb(1 << 60)), Limits{}, []error{ErrTooBig, ErrCorrupt}},
		{"many-small-bombs", testPack(repeat(append(appendEntryHeader(nil, kindBlob, 1<<20), deflatedZeros(1<<20)...), 300)...), Limits{Bytes: 1 << 20}, []error{ErrTooBig}},
		{"delta-bomb", testPack(deltas...), Limits{Bytes: 1 << 20}, []error{ErrTooBig}},
		{"delta-to-4-GiB", testPack(entry, refDelta(BlobID(base), len(base), 3<<29)), Limits{}, []error{ErrTooBig, ErrCorrupt}},
		{"objects-without-end", testPack(repeat(appendEntry(nil, kindBlob, []byte("x")), 5000)...), Limits{Objects: 1000}, []error{ErrTooBig}},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := &fakeHost{refs: map[string]wire.ObjectID{"refs/espace/x": {1}}, pack: c.pack}
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			fetchFake(t, h, c.limit, refused(c.want...))
			runtime.ReadMemStats(&after)
			if grown := int64(after.HeapSys) - int64(before.HeapSys); grown > 300<<20 {
				t.Errorf("the heap grew by %d MiB", grown>>20)
			}
		})
	}
}

func repeat(b []byte, n int) [][]byte {
	out := make([][]byte, n)
	for i := range out {
		out[i] = b
	}
	return out
}

func deflatedZeros(n int) []byte {
	var b bytes.Buffer
	w, _ := zlib.NewWriterLevel(&b, zlib.BestCompression)
	io.CopyN(w, zeroReader{}, int64(n))
	w.Close()
	return b.Bytes()
}

type zeroReader struct{}

func (zeroReader) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// Attack 12: a million refs. Refused by size; asking for few does not keep many.
func TestAttackMillionRefs(t *testing.T) {
	needGit(t)
	isolate(t)
	h := &fakeHost{list: func(w io.Writer) {
		caps := "\x00side-band-64k"
		for i := range 1_000_000 {
			if _, err := w.Write(appendPkt(nil, "%040x refs/espace/junk/%07d%s\n", i+1, i, caps)); err != nil {
				return
			}
			caps = ""
		}
		io.WriteString(w, "0000")
	}}
	fetchFake(t, h, Limits{}, refused(ErrTooBig))
}

// Attack 12: a host that sends a byte now and then, or none, ends with the
// caller's patience.
func TestAttackSlowPack(t *testing.T) {
	needGit(t)
	isolate(t)
	stop := make(chan bool)
	h := &fakeHost{refs: map[string]wire.ObjectID{"refs/espace/x": {1}}}
	slow := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			h.ServeHTTP(w, r)
			return
		}
		w.Header().Set("Content-Type", "application/x-git-upload-pack-result")
		io.WriteString(w, "0008NAK\n")
		w.(http.Flusher).Flush()
		select {
		case <-stop:
		case <-r.Context().Done():
		}
	})
	s := httptest.NewServer(slow)
	defer s.Close()
	defer close(stop)
	for _, via := range []Transport{InProcess, SystemGit} {
		t.Run(string(via), func(t *testing.T) {
			r := newRepo(t)
			ctx, cancel := context.WithTimeout(context.Background(), time.Second)
			defer cancel()
			start := time.Now()
			_, err := dial(t, r, s.URL+"/x.git", via).Fetch(ctx, FetchRequest{Patterns: []string{"refs/espace/*"}})
			if !errors.Is(err, context.DeadlineExceeded) || time.Since(start) > 15*time.Second {
				t.Errorf("after %s: %v", time.Since(start), err)
			}
			noLeftovers(t, r)
		})
	}
}

// Attack 12: a SHA-1 collision pair. The first 320 bytes of shattered.io's first
// file are where the collision happens (Stevens et al., CRYPTO 2017).
func TestAttackSHA1Collision(t *testing.T) {
	half, err := os.ReadFile("testdata/shattered-320.bin")
	must(t, err)
	if _, err := foreignSum(half); !errors.Is(err, ErrCorrupt) {
		t.Errorf("a collision attack goes unnoticed: %v", err)
	}
	if got, err := nameOfForeign(kindBlob, half); err != nil || got != BlobID(half) {
		t.Errorf("with git's header it is an ordinary blob: %s, %v", got, err)
	}
}

// Attack 12: garbage parents and trees. The ref is not had, the other one is.
func TestAttackGarbageParents(t *testing.T) {
	needGit(t)
	isolate(t)
	blob := []byte("b")
	tree := appendTreeEntry(nil, TreeEntry{"f", ModeFile, BlobID(blob)})
	treeID := nameOf(kindTree, tree)
	good := commitText(treeID, "good")
	base := [][]byte{appendEntry(nil, kindBlob, blob), appendEntry(nil, kindTree, tree), appendEntry(nil, kindCommit, good)}
	for _, c := range []struct {
		name string
		kind kind
		data []byte
	}{
		{"parent-is-not-there", kindCommit, commitText(treeID, "m", wire.ObjectID{1})},
		{"tree-is-not-there", kindCommit, commitText(wire.ObjectID{2}, "m")},
		{"no-commit-at-all", kindCommit, []byte("hello")},
		{"half-a-tree", kindTree, []byte("100644 f\x00abc")},
		{"tree-of-nothing", kindTree, appendTreeEntry(nil, TreeEntry{"f", ModeFile, wire.ObjectID{3}})},
		{"tag-of-nothing", kindTag, []byte("object " + wire.ObjectID{4}.String() + "\ntype blob\n")},
	} {
		t.Run(c.name, func(t *testing.T) {
			id := nameOf(c.kind, c.data)
			h := &fakeHost{refs: map[string]wire.ObjectID{"refs/espace/good": CommitID(good), "refs/espace/bad": id},
				pack: testPack(append(base[:3:3], appendEntry(nil, c.kind, c.data))...)}
			fetchFake(t, h, Limits{}, func(t *testing.T, r *Repo, f *Fetched, err error) {
				if err != nil {
					t.Fatal(err)
				}
				if f.Failed["refs/espace/bad"] == nil || r.Has(id) {
					t.Errorf("bad one: %v, kept %v", f.Failed, r.Has(id))
				}
				// git itself refuses the whole pack; asked for alone the good one
				// comes with the same junk from this host, so in process only.
				if f.Failed["refs/espace/good"] == nil && !r.Has(CommitID(good)) {
					t.Error("the good one is neither there nor failed")
				}
				if strings.HasSuffix(t.Name(), string(InProcess)) && f.Failed["refs/espace/good"] != nil {
					t.Errorf("the good one suffers: %v", f.Failed)
				}
			})
		})
	}
}

// Attack 12: names and modes that mean something to a file system.
func TestAttackTreeTricks(t *testing.T) {
	entry := func(mode Mode, name string) TreeEntry { return TreeEntry{name, mode, wire.ObjectID{1}} }
	for name, entries := range map[string][]TreeEntry{
		"symlink": {entry(0o120000, "f")}, "gitlink": {entry(modeLink, "f")}, "executable": {entry(0o100755, "f")},
		"group-writable": {entry(0o100664, "f")}, "mode-zero": {entry(0, "f")},
		"dot-git": {entry(ModeDir, ".git")}, "dot-git-case": {entry(ModeDir, ".GiT")}, "dot-git-short": {entry(ModeDir, "GIT~1")},
		"dot-git-dot": {entry(ModeDir, ".git.")}, "dot-git-space": {entry(ModeDir, ".git ")}, "dot-git-stream": {entry(ModeDir, ".git::$INDEX")},
		"gitmodules": {entry(ModeFile, ".gitmodules")}, "zero-width": {entry(ModeDir, ".g\u200cit")},
		"dot": {entry(ModeDir, ".")}, "dot-dot": {entry(ModeDir, "..")}, "empty": {entry(ModeFile, "")},
		"slash": {entry(ModeFile, "a/b")}, "backslash": {entry(ModeFile, `a\b`)}, "newline": {entry(ModeFile, "a\nb")}, "escape": {entry(ModeFile, "a\x1b[31m")},
		"case-twins": {entry(ModeFile, "A"), entry(ModeFile, "a")}, "twins": {entry(ModeFile, "a"), entry(ModeFile, "a")},
		"file-and-dir": {entry(ModeFile, "a"), entry(ModeDir, "a")}, "out-of-order": {entry(ModeFile, "b"), entry(ModeFile, "a")},
	} {
		t.Run(name, func(t *testing.T) {
			var raw []byte
			for _, e := range entries {
				raw = appendTreeEntry(raw, e)
			}
			if _, err := parseTree(raw); !errors.Is(err, ErrBadTree) {
				t.Errorf("read: %v", err)
			}
			if name == "out-of-order" {
				return // sorted when written
			}
			if _, err := encodeTree(entries); !errors.Is(err, ErrBadTree) {
				t.Errorf("written: %v", err)
			}
		})
	}
	for name, raw := range map[string]string{"leading-zero": "0100644 f\x00", "dir-with-zero": "040000 f\x00"} {
		if _, err := parseTree([]byte(raw + strings.Repeat("\x01", 20))); !errors.Is(err, ErrBadTree) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Attack 12: refs/replace on the host and in the store changes nothing.
func TestAttackReplaceRefs(t *testing.T) {
	bothWays(t, func(t *testing.T, side farSide, via Transport) {
		alice, bob := newRepo(t), newRepo(t)
		a, evil := addCommit(t, alice, "a", "a"), addCommit(t, alice, "e", "evil")
		m := dial(t, alice, side.url, via)
		must(t, alice.SetRef("refs/replace/"+a.String(), none, evil))
		mustPush(t, m, RefUpdate{"refs/heads/main", none, a}, RefUpdate{"refs/replace/" + a.String(), none, evil})
		f := mustFetch(t, dial(t, bob, side.url, via), "refs/heads/main")
		raw, err := bob.CommitBytes(f.Refs["refs/heads/main"])
		if err != nil || CommitID(raw) != a || bob.Has(evil) {
			t.Errorf("read %s, %v, evil there: %v", CommitID(raw), err, bob.Has(evil))
		}
	})
}

// Attack 12: addresses that are options, commands, or lead elsewhere.
func TestAttackOptionInjection(t *testing.T) {
	for _, url := range []string{
		"", "-u", "--upload-pack=touch x", "-oProxyCommand=touch x", "ext::sh -c touch% x", "fd::17", "transport::address",
		"ext://sh", "git://example.org/x", "ftp://example.org/x", "http://example.org/x", "http://127.0.0.1.example.org/x", "http://[::2]/x",
		"ssh://-oProxyCommand=touch/x", "ssh://user@-oProxyCommand=x/y", "ssh://-l@host/x", "-oProxyCommand=x:y", "user@-oX:path", "-l@host:path",
		"ssh://host/-upload", "host:-x/../y;touch z", "ssh://host/x'; touch y; '", "host:x`touch y`", "host:$(touch y)", "host:x\ny",
		"ssh://host:22a/x", "ssh://user:password@host/x", "ssh://host/", "host:", "https:///x", "https://ho st/x", "https://host/x?y", "https://host/x#y",
		"file://far.example.org/x", "https://host\x00/x", "https://host/\x1b[31m", "a::b", strings.Repeat("x", 3000),
	} {
		if a, err := parseAddress(url); !errors.Is(err, ErrURL) {
			t.Errorf("%q passed as %v: %v", url, a, err)
		}
	}
	for url, shown := range map[string]string{
		"https://user:secret@host/x.git": "https://host/x.git", "ssh://git@host:22/x.git": "ssh://git@host:22/x.git",
		"git@host:team/x.git": "ssh://git@host/~/team/x.git", "host:/srv/x.git": "ssh://host/srv/x.git", "host:~bob/x": "ssh://host/~bob/x",
		"http://127.0.0.1:3000/x": "http://127.0.0.1:3000/x", "http://[::1]:1/x": "http://[::1]:1/x", "http://localhost/x": "http://localhost/x",
		"/srv/x.git": "/srv/x.git", "file:///srv/x.git": "/srv/x.git", "ssh://[::1]:22/x": "ssh://[::1]:22/x",
	} {
		if a, err := parseAddress(url); err != nil || a.String() != shown {
			t.Errorf("%q: %s, %v", url, a, err)
		}
	}
}

// Attack 12: what reaches ssh is one host, one command, one quoted path.
func TestAttackSSHCommandInjection(t *testing.T) {
	needGit(t)
	isolate(t)
	dir := t.TempDir()
	record := filepath.Join(dir, "args")
	script := filepath.Join(dir, "fake-ssh")
	must(t, os.WriteFile(script, []byte("#!/bin/sh\nfor a; do printf '%s\\n' \"$a\" >>"+record+"; done\nexit 1\n"), 0o755))
	t.Setenv("GIT_SSH", script)
	t.Setenv("GIT_SSH_VARIANT", "ssh")
	for _, via := range []Transport{InProcess, SystemGit} {
		for _, url := range []string{"ssh://me@host:2222/srv/a b.git", "me@host:a*b?.git"} {
			os.Remove(record)
			_, err := dial(t, newRepo(t), url, via).Fetch(context.Background(), FetchRequest{Patterns: []string{"refs/heads/main"}})
			if err == nil {
				t.Fatal("no error from an ssh that fails")
			}
			b, _ := os.ReadFile(record)
			lines := strings.Split(strings.TrimSpace(string(b)), "\n")
			last := lines[len(lines)-1]
			if !strings.HasPrefix(last, "git-upload-pack '") || strings.Count(last, "'") != 2 || !strings.HasSuffix(last, "'") || lines[len(lines)-2] != "me@host" {
				t.Errorf("%s %s: ssh got %q", via, url, lines)
			}
		}
	}
}

// Attack 12: variables of another git, or of an attacker, do not reach ours.
func TestAttackInheritedGitVariables(t *testing.T) {
	bothWays(t, func(t *testing.T, side farSide, via Transport) {
		alice, bob := newRepo(t), newRepo(t)
		a := addCommit(t, alice, "a", "a")
		marker := filepath.Join(t.TempDir(), "ran")
		for name, value := range map[string]string{
			"GIT_DIR": "/nowhere", "GIT_WORK_TREE": "/nowhere", "GIT_OBJECT_DIRECTORY": "/nowhere", "GIT_INDEX_FILE": "/nowhere",
			"GIT_ALTERNATE_OBJECT_DIRECTORIES": "/nowhere", "GIT_QUARANTINE_PATH": "/nowhere", "GIT_NAMESPACE": "evil",
			"GIT_CEILING_DIRECTORIES": "/", "GIT_COMMON_DIR": "/nowhere", "GIT_SHALLOW_FILE": "/nowhere", "GIT_GRAFT_FILE": "/nowhere",
			"GIT_REPLACE_REF_BASE": "refs/evil/", "GIT_EXEC_PATH": "/nowhere", "GIT_ALLOW_PROTOCOL": "ext", "GIT_PROTOCOL_FROM_USER": "0",
			"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "core.hooksPath", "GIT_CONFIG_VALUE_0": filepath.Dir(marker),
			"GIT_CONFIG_PARAMETERS": "'core.sshCommand=touch " + marker + "'", "GIT_EXTERNAL_DIFF": "touch " + marker,
			"GIT_SSL_NO_VERIFY": "1", "GIT_TRACE": marker, "GIT_DEFAULT_HASH": "sha256", "GIT_PROXY_COMMAND": "touch " + marker,
		} {
			t.Setenv(name, value)
		}
		mustPush(t, dial(t, alice, side.url, via), RefUpdate{"refs/heads/main", none, a})
		mustFetch(t, dial(t, bob, side.url, via), "refs/heads/main")
		if !bob.Has(a) || exists(marker) {
			t.Errorf("fetched %v, marker %v", bob.Has(a), exists(marker))
		}
		t.Setenv("ESPACE_PASSPHRASE", "secret")
		for _, kv := range childEnv(false) {
			if strings.HasPrefix(kv, "GIT_DIR=") || strings.Contains(kv, "secret") || strings.Contains(kv, "/nowhere") {
				t.Errorf("a child gets %s", kv)
			}
		}
	})
}
