package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/espace-git/espace-git/space"
)

func (a *app) allowedSignersVerb() *cobra.Command {
	return a.verb("allowed-signers", cobra.NoArgs, func([]string) error {
		return a.inSpace(func(s *space.Space) error {
			file, err := s.AllowedSigners(a.ctx)
			if err != nil {
				return err
			}
			return a.print(map[string]string{"allowed_signers": file}, func(w io.Writer) { fmt.Fprint(w, cleanText(file)) })
		})
	})
}
