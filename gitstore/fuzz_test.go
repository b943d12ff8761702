package gitstore

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/espace-git/espace-git/internal/wire"
)

// seeds adds a corpus, and fails where there is none: a fuzz target that starts
// from nothing finds nothing.
func seeds(f *testing.F, list ...[]byte) {
	f.Helper()
	if len(list) == 0 {
		f.Fatal("empty seed corpus")
	}
	for _, s := range list {
		f.Add(s)
	}
}

// known reports an error that is none of the package's sentinels.
func known(t *testing.T, err error) {
	t.Helper()
	for _, s := range []error{nil, ErrCorrupt, ErrTooBig, ErrProtocol, ErrUnreachable, ErrNotRepository, ErrRefused, ErrAuth,
		ErrNoAtomic, ErrBadTree, ErrBadRefName, ErrURL, ErrNotFound, io.EOF} {
		if errors.Is(err, s) {
			return
		}
	}
	t.Errorf("error without a sentinel: %v", err)
}

func FuzzAdvert(f *testing.F) {
	refs := map[string]wire.ObjectID{"refs/heads/main": {1}}
	seeds(f, advertBytes(refs, ""), []byte("000eversion 2\n000cfetch=x\n0000"), []byte("0000"), appendPkt(nil, "version 1\n"), appendPkt(nil, "ERR no\n"),
		append(appendPkt(nil, "%040d capabilities^{}\x00atomic\n", 0), "0000"...), append(appendPkt(nil, "# service=git-upload-pack\n"), "0000"...))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, service := range []string{"", uploadPack} {
			a, err := readAdvert(bytes.NewReader(b), service, func(string) bool { return true })
			known(t, err)
			if err != nil {
				continue
			}
			for name := range a.refs {
				if checkRefName(name) != nil {
					t.Errorf("advertised %q", name)
				}
			}
		}
	})
}

func FuzzReport(f *testing.F) {
	rep := append(append(appendPkt(appendPkt(nil, "unpack ok\n"), "ok refs/heads/main\n"), appendPkt(nil, "ng refs/x failed to lock\n")...), "0000"...)
	seeds(f, rep, banded(rep), appendPkt(nil, "unpack index-pack abnormal exit\n"), []byte("0000"))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, banded := range []bool{false, true} {
			_, err := readReport(bytes.NewReader(b), banded, func(string) {})
			known(t, err)
		}
	})
}

func FuzzPack(f *testing.F) {
	blob := []byte("seed blob")
	seeds(f, testPack(), testPack(appendEntry(nil, kindBlob, blob)),
		testPack(appendEntry(nil, kindBlob, blob), refDelta(BlobID(blob), len(blob), 20)),
		testPack(refDelta(BlobID(blob), len(blob), 20), appendEntry(nil, kindTree, nil)), testPack(ofsDelta(3)))
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, b []byte) {
		w, err := newPackWriter(realDisk{}, dir, -1)
		if err != nil {
			t.Fatal(err)
		}
		defer w.discard()
		m := newImporter(w, Limits{Bytes: 1 << 20, Objects: 1000})
		if err := m.read(bytes.NewReader(b)); err != nil {
			known(t, err)
			return
		}
		if _, err := parseIdx(encodeIdx(w.records, wire.ObjectID{})); err != nil {
			t.Errorf("index of what was imported: %v", err)
		}
	})
}

func FuzzIdx(f *testing.F) {
	seeds(f, encodeIdx(nil, wire.ObjectID{}), encodeIdx([]packRecord{{wire.ObjectID{1}, 2, 3}, {wire.ObjectID{0xff}, 4, 1 << 40}}, wire.ObjectID{9}))
	f.Fuzz(func(t *testing.T, b []byte) {
		x, err := parseIdx(b)
		if known(t, err); err != nil {
			return
		}
		for i := range min(x.n, 1000) {
			x.offset(i)
			x.crc(i)
			if j, ok := x.find(x.name(i)); ok && x.name(j) != x.name(i) {
				t.Error("found another name")
			}
		}
	})
}

func FuzzDelta(f *testing.F) {
	seeds(f, copyDelta(100, 300), append(appendLEB(appendLEB(nil, 100), 3), 3, 'a', 'b', 'c'), []byte{0x80}, nil)
	base := bytes.Repeat([]byte("0123456789"), 10)
	f.Fuzz(func(t *testing.T, b []byte) {
		out, err := applyDelta(base, b, 1<<16)
		if known(t, err); len(out) > 1<<16 {
			t.Errorf("%d bytes", len(out))
		}
	})
}

func FuzzTree(f *testing.F) {
	tree, _ := encodeTree([]TreeEntry{{"a", ModeFile, wire.ObjectID{1}}, {"b", ModeDir, wire.ObjectID{2}}})
	seeds(f, tree, nil, []byte("100644 f\x00"), []byte("120000 .git\x0001234567890123456789"))
	f.Fuzz(func(t *testing.T, b []byte) {
		_, err := scanTree(b)
		known(t, err)
		entries, err := parseTree(b)
		if known(t, err); err != nil {
			return
		}
		again, err := encodeTree(entries)
		if err != nil || !bytes.Equal(again, b) {
			t.Errorf("prints as %q, %v", again, err)
		}
	})
}

func FuzzCommitLinks(f *testing.F) {
	seeds(f, commitText(wire.ObjectID{1}, "m", wire.ObjectID{2}), []byte("tree "), nil)
	f.Fuzz(func(t *testing.T, b []byte) {
		_, _, err := commitLinks(b)
		known(t, err)
		commitDate(b)
		_, err = objectLinks(kindTag, b)
		known(t, err)
	})
}

func FuzzLoose(f *testing.F) {
	seeds(f, []byte("blob 3\x00abc"), []byte("blob 3\x00ab"), []byte("tree 99999999999999999999\x00"), nil)
	f.Fuzz(func(t *testing.T, b []byte) {
		_, data, err := readLoose(bufio.NewReader(bytes.NewReader(b)), 1000)
		if known(t, err); len(data) > 1000 {
			t.Errorf("%d bytes", len(data))
		}
	})
}

func FuzzPackedRefs(f *testing.F) {
	line := wire.ObjectID{1}.String() + " refs/heads/main\n"
	seeds(f, []byte("# pack-refs with: peeled\n"+line+"^"+line), []byte(line+"\x00"), nil)
	f.Fuzz(func(t *testing.T, b []byte) {
		refs, err := parsePackedRefs(bytes.NewReader(b))
		if err != nil && !errors.Is(err, bufio.ErrTooLong) {
			known(t, err)
		}
		for name := range refs {
			if checkRefName(name) != nil {
				t.Errorf("read %q", name)
			}
		}
		withoutRefs(b, map[string]bool{"refs/heads/main": true})
	})
}

func FuzzAddress(f *testing.F) {
	seeds(f, []byte("https://u:p@host/x"), []byte("git@host:x"), []byte("ssh://h:1/x"), []byte("ext::x"), []byte("/x"), []byte("file:///x"))
	f.Fuzz(func(t *testing.T, b []byte) {
		a, err := parseAddress(string(b))
		if err != nil {
			if !errors.Is(err, ErrURL) {
				t.Errorf("%v", err)
			}
			return
		}
		for _, s := range []string{a.host, a.user, a.forGit()} {
			if a.scheme != schemeHTTP && a.scheme != schemeHTTPS && strings.HasPrefix(s, "-") {
				t.Errorf("%q gives %q", b, s)
			}
		}
		if strings.HasPrefix(a.forGit(), "-") || strings.Contains(a.forGit(), "::") && a.scheme != schemePath && !strings.Contains(a.host, "::") {
			t.Errorf("%q is %q for git", b, a.forGit())
		}
	})
}

func FuzzPorcelain(f *testing.F) {
	seeds(f, []byte("To x\n!\tabc:refs/heads/main\t[rejected] (stale info)\nDone\n"), []byte("*\t:refs/x\t[deleted]\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, l := range parsePorcelain(b) {
			_ = l.err()
		}
		pushCapabilities(string(b))
		if s := clean(string(b)); strings.ContainsAny(s, "\x00\x1b\n") {
			t.Errorf("clean gives %q", s)
		}
	})
}
