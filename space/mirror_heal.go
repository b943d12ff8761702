package space

import (
	"context"
	"fmt"
	"time"
)

// Healed is what Heal gave one remote.
type Healed struct {
	Name    string   `json:"name"`
	URL     string   `json:"url"`
	Refs    []string `json:"refs"`              // that the remote has now and had not; never null
	Problem string   `json:"problem,omitempty"` // why it may not have everything
}

// patient bounds an exchange that somebody waits for, who can interrupt it.
const patient = 24 * time.Hour

// Heal gives every remote what it lacks of what was verified here, whoever signed
// it: the ledger, keys, lanes, all of every epoch. An empty repository becomes the
// space again. First all are read, which may have more. Nobody is accused of what is
// missing: that is known. The error is the primary's.
func (s *Space) Heal(ctx context.Context) ([]Healed, *SyncResult, error) {
	out, res := []Healed{}, &SyncResult{LetIn: []string{}, Warnings: []string{}}
	unlock, err := s.lockSync(ctx)
	if err != nil {
		return out, res, err
	}
	defer unlock()
	defer s.mirrorRefs(ctx)
	rs, err := s.currentRemotes(ctx)
	if err != nil {
		return out, res, classify(err)
	}
	if s.url == "" {
		return out, res, usage("this space has no remote yet: `espace-git remote add origin URL`")
	}
	primary := mirror{Name: rs.Primary, URL: s.url, Met: true}
	as := s.askAll(ctx, append([]mirror{primary}, rs.Mirrors...), patient)
	defer as.close()
	var found []string
	for i, a := range as.wait() {
		if a.err == nil {
			found = append(found, s.learn(ctx, res, a, i == 0 || as.list[0].orders())...)
		}
	}
	for i, a := range as.list {
		out = append(out, s.heal(ctx, a))
		if i > 0 {
			s.noteMirror(ctx, res, a)
		}
	}
	if err = as.list[0].err; err != nil {
		err = fmt.Errorf("healing %s: %w", rs.Primary, err)
	}
	return out, res, withViolations(found, classify(err))
}

// orders: it was read, or has nothing that could be read before a mirror.
func (a *asked) orders() bool { return a.err == nil && (a.holds == ours || a.holds == nobodys) }

// learn reads a remote without comparing it with the primary.
func (s *Space) learn(ctx context.Context, res *SyncResult, a *asked, primary bool) (found []string) {
	t, err := s.readMirror(ctx, res, a, primary)
	if err != nil {
		a.err = err
		return nil
	}
	return t.found
}

func (s *Space) heal(ctx context.Context, a *asked) Healed {
	h := Healed{Name: a.Name, URL: a.URL, Refs: []string{}}
	if a.err == nil {
		var b *brought
		if b, a.err = s.bring(ctx, a.remote, a.Met); b != nil {
			h.Refs = append(h.Refs, b.refs...)
		}
		if a.err == nil {
			a.err = b.err()
		}
	}
	if a.err != nil {
		h.Problem = harmless(a.err.Error())
	}
	return h
}
