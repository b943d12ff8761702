package space_test

import (
	"encoding/json"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/espace-git/espace-git/space"
)

const tree = "tables: {nodes: {columns: {name: {type: text}, parent: {type: ref, table: nodes, on_delete: cascade}, owner: {type: member}}}}"

func newLocal(t *testing.T, schema string) *space.Space {
	t.Helper()
	s, _, err := space.Create(t.Context(), filepath.Join(t.TempDir(), "s"), space.CreateOptions{Name: "T", As: "alice", Schema: []byte(schema)},
		space.Options{Home: filepath.Join(t.TempDir(), "h"), NoPassphrase: true, NoAgent: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// A row that refers to nothing would not show: it is refused, not lost from sight.
func TestWriteRefusesDanglingReference(t *testing.T) {
	s := newLocal(t, tree)
	none := "01900000-0000-7000-8000-000000000001"
	if _, err := s.Insert(t.Context(), "nodes", space.Row{"name": "x", "parent": none}); !errors.Is(err, space.ErrNotFound) {
		t.Errorf("dangling reference: %v", err)
	}
	if rows, err := s.Select(t.Context(), space.Query{Table: "nodes"}); err != nil || len(rows) != 0 {
		t.Errorf("%v %v", rows, err)
	}
	// In one transaction the order does not matter.
	_, err := s.Write(t.Context(), func(tx *space.Tx) error {
		if _, err := tx.Insert("nodes", space.Row{"name": "child", "parent": none}); err != nil {
			return err
		}
		_, err := tx.Insert("nodes", space.Row{"id": none, "name": "parent"})
		return err
	})
	if err != nil {
		t.Error(err)
	}
	if rows, err := s.Select(t.Context(), space.Query{Table: "nodes"}); err != nil || len(rows) != 2 {
		t.Errorf("%v %v", rows, err)
	}
	if _, err := s.Insert(t.Context(), "nodes", space.Row{"id": none}); !errors.Is(err, space.ErrConflict) {
		t.Errorf("insert over a row: %v", err)
	}
}

func TestMembersByName(t *testing.T) {
	s := newLocal(t, tree)
	if _, err := s.Insert(t.Context(), "nodes", space.Row{"name": "x", "owner": "alice"}); err != nil {
		t.Fatal(err)
	}
	rows, err := s.Select(t.Context(), space.Query{Table: "nodes", Where: "owner == 'alice'"})
	if err != nil || len(rows) != 1 {
		t.Errorf("%v %v", rows, err)
	}
	if _, err := s.Insert(t.Context(), "nodes", space.Row{"owner": "nobody"}); !errors.Is(err, space.ErrUsage) {
		t.Errorf("unknown member: %v", err)
	}
}

// Those who may approve are told who waits; those who let somebody in, whom.
func TestSyncTellsOfNewcomers(t *testing.T) {
	_, alice, bob := two(t)
	link, err := alice.s.Invite(t.Context(), space.InviteOptions{Approve: true})
	if err != nil {
		t.Fatal(err)
	}
	carol := newPerson(t, "carol")
	carol.join(link.Link)
	alice.warned("carol waits for approval")
	if r := bob.sync(); slices.ContainsFunc(r.Warnings, func(w string) bool { return strings.Contains(w, "approval") }) {
		t.Errorf("an editor is asked to approve: %q", r.Warnings)
	}
	newPerson(t, "dave").join(alice.invite())
	if r := bob.sync(); !slices.Equal(r.LetIn, []string{"dave"}) {
		t.Errorf("let in %q", r.LetIn)
	}
}

func TestRawJSONNamesMembersAndRows(t *testing.T) {
	s := newLocal(t, tree)
	const id = "01900000-0000-7000-8000-000000000001"
	got, err := s.Insert(t.Context(), "nodes", space.Row{"id": json.RawMessage(`"` + id + `"`), "owner": json.RawMessage(`"alice"`)})
	if err != nil || got != id {
		t.Fatalf("got %s, %v", got, err)
	}
	for _, bad := range []string{`5`, `{}`, `"nobody"`, `"\ud800"`} {
		if _, err := s.Insert(t.Context(), "nodes", space.Row{"owner": json.RawMessage(bad)}); !errors.Is(err, space.ErrUsage) {
			t.Errorf("owner %s: %v", bad, err)
		}
		if _, err := s.Insert(t.Context(), "nodes", space.Row{"id": json.RawMessage(bad)}); !errors.Is(err, space.ErrUsage) {
			t.Errorf("id %s: %v", bad, err)
		}
	}
}
