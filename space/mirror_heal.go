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
// space again. First the mirrors are read, which may have more. Nobody is accused:
// that a host lost something is known. The error is the primary's.
func (s *Space) Heal(ctx context.Context) ([]Healed, *SyncResult, error) {
	out, res := []Healed{}, &SyncResult{LetIn: []string{}, Warnings: []string{}}
	unlock, err := s.lockSync(ctx)
	if err != nil {
		return out, res, err
	}
	defer unlock()
	defer s.mirrorRefs(ctx)
	rs, err := s.loadRemotes(ctx)
	if err != nil {
		return out, res, classify(err)
	}
	if s.url == "" {
		return out, res, usage("this space has no remote yet: `espace-git remote add origin URL`")
	}
	as := s.askAll(ctx, rs.Mirrors, patient)
	defer as.close()
	var found []string
	for _, a := range as.wait() {
		if a.err == nil {
			var t *took
			if t, a.err = s.readMirror(ctx, res, a, true); t != nil {
				found = append(found, t.found...)
			}
		}
	}
	host, err := s.healHost(ctx)
	out = append(out, host)
	for _, a := range as.list {
		out = append(out, s.healMirror(ctx, res, a))
	}
	return out, res, withViolations(found, classify(err))
}

func (s *Space) healHost(ctx context.Context) (Healed, error) {
	h := Healed{URL: s.url, Refs: []string{}}
	rs, err := s.loadRemotes(ctx)
	if err != nil {
		return h, err
	}
	h.Name = rs.Primary
	host, err := s.host()
	if err == nil {
		var b *brought
		if b, err = s.bring(ctx, host, false); b != nil {
			h.Refs = append(h.Refs, b.refs...)
		}
		if err == nil {
			err = b.err()
		}
	}
	if err != nil {
		h.Problem = harmless(err.Error())
		return h, fmt.Errorf("healing %s: %w", rs.Primary, err)
	}
	return h, nil
}

func (s *Space) healMirror(ctx context.Context, res *SyncResult, a *asked) Healed {
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
	s.noteMirror(ctx, res, a)
	return h
}
