package space

import (
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/espace-git/espace-git/view"
)

// A founding that was killed between the local steps and the host's answer is
// finished by the next sync, or by `init` again, whatever of it had landed.
func TestFoundingAfterKill(t *testing.T) {
	for name, landed := range map[string][]string{
		"nothing-landed": nil,
		"keys-landed":    {"keys"},
		"all-landed":     {"keys", "order", "main"},
	} {
		t.Run(name, func(t *testing.T) {
			host := filepath.Join(t.TempDir(), "host.git")
			if out, err := exec.Command("git", "init", "-q", "--bare", "--initial-branch=main", host).CombinedOutput(); err != nil {
				t.Skipf("%v %s", err, out)
			}
			o := Options{Home: filepath.Join(t.TempDir(), "home"), NoPassphrase: true, NoAgent: true}
			dir := filepath.Join(t.TempDir(), "s")
			s, _, err := Create(t.Context(), dir, CreateOptions{Name: "Team", As: "alice", Remote: host}, o)
			if err != nil {
				t.Fatal(err)
			}
			forget(t, s, host, landed)
			s.Close()
			s, created, err := Create(t.Context(), dir, CreateOptions{Name: "Team", As: "alice", Remote: host}, o)
			if err != nil || !created.Resumed {
				t.Fatalf("init again: %+v, %v", created, err)
			}
			defer s.Close()
			if r, err := s.Sync(t.Context()); err != nil || len(r.Warnings) > 0 {
				t.Errorf("sync: %+v, %v", r, err)
			}
			if r, err := s.Verify(t.Context(), VerifyOptions{Full: true}); err != nil {
				t.Errorf("verify: %+v, %v", r, err)
			}
			if _, err := s.Invite(t.Context(), InviteOptions{}); err != nil {
				t.Error(err)
			}
		})
	}
}

// forget makes the store what it was before the push, and the host what it is
// after a part of the push.
func forget(t *testing.T, s *Space, host string, landed []string) {
	t.Helper()
	keep := map[string]bool{}
	for _, l := range landed {
		keep[l] = true
	}
	err := s.db.Update(t.Context(), func(v *view.Tx) error {
		for pair, err := range v.Each(bucketTip, nil) {
			if err != nil {
				return err
			}
			ref := string(pair.Key)
			if err := v.Delete(bucketTip, pair.Key); err != nil {
				return err
			}
			if keep[filepath.Base(ref)] {
				continue
			}
			if out, err := exec.Command("git", "-C", host, "update-ref", "-d", ref).CombinedOutput(); err != nil {
				t.Fatalf("%v %s", err, out)
			}
		}
		return underWay{Step: stepFound}.save(v)
	})
	if err != nil {
		t.Fatal(err)
	}
}
