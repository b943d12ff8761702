package space

import (
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/espace-git/espace-git/merge"
	"github.com/espace-git/espace-git/view"
)

// An own write that breaks a rule after all has no effect on any device, also not
// on the one where it showed already.
func TestOwnRefusedWriteGoesAway(t *testing.T) {
	host := filepath.Join(t.TempDir(), "host.git")
	if out, err := exec.Command("git", "init", "-q", "--bare", "--initial-branch=main", host).CombinedOutput(); err != nil {
		t.Skipf("%v %s", err, out)
	}
	o := Options{Home: filepath.Join(t.TempDir(), "home"), NoPassphrase: true, NoAgent: true}
	s, _, err := Create(t.Context(), filepath.Join(t.TempDir(), "s"), CreateOptions{
		Name: "T", As: "alice", Remote: host, Schema: []byte("tables: {t: {columns: {a: {type: text}}}}"),
	}, o)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for _, a := range []string{"good", "bad", "good again"} {
		if _, err := s.Insert(t.Context(), "t", Row{"a": a}); err != nil {
			t.Fatal(err)
		}
	}
	spoilSecond(t, s)
	res, err := s.Sync(t.Context())
	if err != nil || res.Refused != 1 {
		t.Fatalf("%+v %v", res, err)
	}
	rows, err := s.Select(t.Context(), Query{Table: "t"})
	if err != nil || len(rows) != 2 {
		t.Errorf("rows %v, %v", rows, err)
	}
	if r, err := s.Verify(t.Context(), VerifyOptions{Full: true}); err != nil {
		t.Errorf("%+v %v", r, err)
	}
	refused, err := s.Log(t.Context(), LogQuery{Refused: true})
	if err != nil || len(refused) != 1 {
		t.Errorf("%+v %v", refused, err)
	}
}

// spoilSecond gives the second transaction that waits a time from before the epoch's
// opening, so that it is refused.
func spoilSecond(t *testing.T, s *Space) {
	t.Helper()
	err := s.db.Update(t.Context(), func(v *view.Tx) error {
		rows, err := v.PendingJournal(0)
		if err != nil {
			return err
		}
		tx, err := merge.DecodeTransaction(rows[1].Tx)
		if err != nil {
			return err
		}
		tx.Time = 1 // before the epoch's opening
		if rows[1].Tx, err = merge.EncodeTransaction(tx); err != nil {
			return err
		}
		rows[1].Time = 1
		return v.SetJournal(rows[1])
	})
	if err != nil {
		t.Fatal(err)
	}
}
