package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/espace-git/espace-git/space"
)

func (a *app) statusVerb() *cobra.Command {
	return a.verb("status", cobra.NoArgs, func([]string) error { return a.inSpace(a.status) })
}

func (a *app) status(s *space.Space) error {
	st, err := s.Status(a.ctx)
	if err != nil {
		return err
	}
	st.Warnings, st.Mirrors = list(st.Warnings), list(st.Mirrors)
	meaning := stateMeaning[st.State]
	if st.State == space.StateWaiting && a.waitingFor(s) != joinedWaiting {
		meaning = waitsForApproval
	}
	return a.print(st, func(w io.Writer) {
		for _, line := range [][2]string{
			{"space", named(st.Name, st.Space)},
			{"you", strings.TrimSpace(named(st.As, st.Role) + " on device " + st.Device)},
			{"state", st.State + meaning},
			{"remote", orElse(clean(st.Remote), noRemote)},
			{"last sync", orElse(moment(st.Synced), never)},
			{"epoch", fmt.Sprint(st.Epoch)},
			{"ledger", fmt.Sprintf("%d %s", st.Ledger.Seq, st.Ledger.Hash)},
			{"pending", fmt.Sprintf(pendingCount, st.Pending)},
		} {
			fmt.Fprintf(w, "%-10s %s\n", line[0]+":", line[1])
		}
		if st.Uploading > 0 {
			fmt.Fprintf(w, uploadingBytes, float64(st.Uploading)/(1<<20))
		}
		for _, kept := range []struct {
			n    int
			line string
		}{{st.Parked, parkedCount}, {st.Conflicts, conflictCount}, {st.SetAside, asideCount}} {
			if kept.n > 0 {
				fmt.Fprintf(w, kept.line, kept.n)
			}
		}
		for _, m := range st.Mirrors {
			fmt.Fprintf(w, "%-10s %s\n", "mirror:", a.mirrorLine(m))
		}
		a.warnings(st.Warnings)
	})
}

// mirrorLine says which mirror it is, when it last had everything, and what is wrong with it.
func (a *app) mirrorLine(m space.RemoteInfo) string {
	line := clean(m.Name+" "+m.URL) + ", up to date " + orElse(moment(m.Synced), never)
	if m.Problem != "" {
		line += ": " + clean(m.Problem)
	}
	return line
}

// named is a name with what explains it in parentheses; either may be unknown yet.
func named(name, more string) string {
	switch {
	case name == "":
		return more
	case more == "":
		return clean(name)
	}
	return clean(name) + " (" + more + ")"
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}
