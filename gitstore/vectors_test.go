package gitstore

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/espace-git/espace-git/internal/wire"
	"github.com/google/go-cmp/cmp"
)

// vector is one encoded thing: what goes in, and its bytes.
type vector struct {
	Name string `json:"name"`
	// Kind: blob, tree (Entries), pack (of blobs), idx, want (request), delta.
	Kind    string        `json:"kind"`
	Blobs   []string      `json:"blobs,omitempty"`
	Entries []vectorEntry `json:"entries,omitempty"`
	IDs     []string      `json:"ids,omitempty"`
	Hex     string        `json:"hex"`
}

type vectorEntry struct {
	Name string `json:"name"`
	Mode Mode   `json:"mode"`
	ID   string `json:"id"`
}

const vectorFile = "../testdata/vectors/gitstore/objects.json"

// TestVectors: byte for byte what git reads, and read back. GITSTORE_WRITE_VECTORS=1
// writes the file anew; a change of it is a change of format.
func TestVectors(t *testing.T) {
	if os.Getenv("GITSTORE_WRITE_VECTORS") != "" {
		writeVectors(t)
	}
	b, err := os.ReadFile(vectorFile)
	must(t, err)
	var list []vector
	must(t, json.Unmarshal(b, &list))
	if len(list) == 0 {
		t.Fatal("no vectors")
	}
	for _, v := range list {
		t.Run(v.Name, func(t *testing.T) {
			if got := hex.EncodeToString(v.encode(t)); got != v.Hex {
				t.Errorf("%s: encoded otherwise\n%s", v.Kind, cmp.Diff(v.Hex, got))
			}
			v.decode(t)
		})
	}
}

func (v vector) encode(t *testing.T) []byte {
	t.Helper()
	switch v.Kind {
	case "tree":
		b, err := encodeTree(v.entries(t))
		must(t, err)
		return b
	case "pack":
		var entries [][]byte
		for _, s := range v.Blobs {
			entries = append(entries, appendEntry(nil, kindBlob, []byte(s)))
		}
		return testPack(entries...)
	case "idx":
		p, sum := v.written(t)
		return encodeIdx(p.records, sum)
	case "want":
		b, err := wantRequest(v.ids(t)[:1], v.ids(t)[1:])
		must(t, err)
		return b
	}
	t.Fatalf("unknown kind %q", v.Kind)
	return nil
}

func (v vector) entries(t *testing.T) (out []TreeEntry) {
	for _, e := range v.Entries {
		id, err := wire.ParseObjectID(e.ID)
		must(t, err)
		out = append(out, TreeEntry{e.Name, e.Mode, id})
	}
	return out
}

func (v vector) ids(t *testing.T) (out []wire.ObjectID) {
	for _, s := range v.IDs {
		id, err := wire.ParseObjectID(s)
		must(t, err)
		out = append(out, id)
	}
	return out
}

// written packs the blobs as a batch would.
func (v vector) written(t *testing.T) (*packWriter, wire.ObjectID) {
	t.Helper()
	w, err := newPackWriter(realDisk{}, t.TempDir(), len(v.Blobs))
	must(t, err)
	for _, s := range v.Blobs {
		must(t, w.raw(BlobID([]byte(s)), appendEntry(nil, kindBlob, []byte(s))))
	}
	sum, err := w.finish()
	must(t, err)
	return w, sum
}

func (v vector) decode(t *testing.T) {
	t.Helper()
	raw, err := hex.DecodeString(v.Hex)
	must(t, err)
	switch v.Kind {
	case "tree":
		entries, err := parseTree(raw)
		if err != nil || len(entries)+len(v.Entries) > 0 && !cmp.Equal(entries, v.entries(t)) {
			t.Errorf("read as %v, %v", entries, err)
		}
	case "pack":
		q, err := newRepo(t).newQuarantine()
		must(t, err)
		defer q.close()
		must(t, q.take(Limits{}.orDefault(), bytes.NewReader(raw)))
		for _, s := range v.Blobs {
			if _, data, ok, err := q.object(BlobID([]byte(s))); string(data) != s || !ok || err != nil {
				t.Errorf("blob %q: %q, %v, %v", s, data, ok, err)
			}
		}
	case "idx":
		x, err := parseIdx(raw)
		must(t, err)
		for _, s := range v.Blobs {
			if _, ok := x.find(BlobID([]byte(s))); !ok {
				t.Errorf("blob %q is not in the index", s)
			}
		}
	}
}

func writeVectors(t *testing.T) {
	t.Helper()
	blobs := []string{"", "a", "sixteen bytes ..", "the quick brown fox"}
	one, two := wire.ObjectID{1}.String(), wire.ObjectID{2}.String()
	list := []vector{
		{Name: "empty-tree", Kind: "tree"},
		{Name: "file-and-directory-order", Kind: "tree", Entries: []vectorEntry{
			{"a-b", ModeFile, one}, {"a", ModeDir, two}, {"b", ModeFile, one}}},
		{Name: "empty-pack", Kind: "pack"},
		{Name: "pack-of-stored-blobs", Kind: "pack", Blobs: blobs},
		{Name: "index-of-that-pack", Kind: "idx", Blobs: blobs},
		{Name: "request-for-objects", Kind: "want", IDs: []string{one, two}},
	}
	for i := range list {
		list[i].Hex = hex.EncodeToString(list[i].encode(t))
	}
	b, err := json.MarshalIndent(list, "", "  ")
	must(t, err)
	must(t, os.MkdirAll(filepath.Dir(vectorFile), 0o755))
	must(t, os.WriteFile(vectorFile, append(b, '\n'), 0o644))
}
