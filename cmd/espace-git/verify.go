package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/espace-git/espace-git/space"
)

func (a *app) verifyVerb() *cobra.Command {
	var o space.VerifyOptions
	var evidence string
	c := a.verb("verify", cobra.NoArgs, func([]string) error {
		return a.inSpace(func(s *space.Space) error {
			if evidence != "" {
				if err := a.writeEvidence(s, evidence); err != nil {
					return err
				}
			}
			return a.verify(s, o)
		})
	})
	c.Flags().BoolVar(&o.Full, "full", false, flagFull)
	c.Flags().StringVar(&evidence, "evidence", "", flagEvidence)
	return c
}

// verify prints the result also when it is bad; then the error says so and sets the exit code.
func (a *app) verify(s *space.Space, o space.VerifyOptions) error {
	r, err := s.Verify(a.ctx, o)
	if r == nil {
		return err
	}
	r.Problems = list(r.Problems)
	printed := a.print(r, func(w io.Writer) {
		for _, p := range r.Problems {
			fmt.Fprintf(w, verifyProblem, cleanLines(p))
		}
		fmt.Fprintf(w, verifyResult[r.OK], r.Entries, r.Lanes, r.Operations)
	})
	switch {
	case errors.Is(err, space.ErrViolation), err == nil && r.OK:
		return errors.Join(err, printed)
	case err != nil:
		return err
	}
	return fmt.Errorf(verifyFailed, len(r.Problems), space.ErrViolation)
}

// writeEvidence writes to a new file: evidence that is there already is not overwritten.
func (a *app) writeEvidence(s *space.Space, name string) (err error) {
	f, err := os.OpenFile(a.path(name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return usage(err, "")
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if err := s.Evidence(a.ctx, f); err != nil {
		os.Remove(f.Name())
		return err
	}
	a.say(fmt.Sprintf(evidenceWritten, clean(name)))
	return f.Sync()
}
