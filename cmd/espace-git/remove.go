package main

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/espace-git/espace-git/space"
)

// removal is what `member remove` and `device remove` have in common.
type removal struct {
	space.RemoveOptions
	preview func(name string, keep []string) (*space.Removal, error)
	remove  func(name string, o space.RemoveOptions) (*space.Outcome, error)
	member  bool
}

// removed is the JSON of a removal.
type removed struct {
	space.Outcome
	Closed *space.Removal `json:"closed"`
}

func (a *app) memberRemove() *cobra.Command {
	return a.removeVerb("member remove NAME", func(s *space.Space, x *removal) {
		x.member = true
		x.preview = func(name string, keep []string) (*space.Removal, error) {
			return s.PreviewRemoveMember(a.ctx, name, keep)
		}
		x.remove = func(name string, o space.RemoveOptions) (*space.Outcome, error) {
			return s.RemoveMember(a.ctx, name, o)
		}
	})
}

func (a *app) deviceRemove() *cobra.Command {
	return a.removeVerb("device remove DEVICE", func(s *space.Space, x *removal) {
		x.preview = func(name string, keep []string) (*space.Removal, error) {
			return s.PreviewRemoveDevice(a.ctx, name, keep)
		}
		x.remove = func(name string, o space.RemoveOptions) (*space.Outcome, error) {
			return s.RemoveDevice(a.ctx, name, o)
		}
	})
}

func (a *app) removeVerb(line string, of func(*space.Space, *removal)) *cobra.Command {
	var x removal
	c := a.verb(line, cobra.ExactArgs(1), func(args []string) error {
		return a.inSpace(func(s *space.Space) error {
			of(s, &x)
			return a.remove(s, args[0], x)
		})
	})
	c.Flags().BoolVar(&x.Now, "now", false, flagNow)
	c.Flags().StringSliceVar(&x.Keep, "keep", nil, flagKeep)
	return c
}

// remove lists first what goes, and afterwards what that achieves and what not.
func (a *app) remove(s *space.Space, name string, x removal) error {
	closes, err := a.previewed(s, name, x)
	if err != nil {
		return removeHint(err, x)
	}
	a.tellClosing(closes, x)
	if a.interactive() {
		if err := a.confirm(fmt.Sprintf(questionRemove, orElse(clean(closes.Name), clean(name))), needsYesFlag); err != nil {
			return err
		}
	}
	done, err := x.remove(name, x.RemoveOptions)
	if err != nil {
		return notRemoved(removeHint(err, x))
	}
	err = a.print(removed{*done, closes}, func(w io.Writer) {
		fmt.Fprintln(w, a.named(outcome(done, fmt.Sprintf(removedName, orElse(clean(closes.Name), clean(name))))))
	})
	if err != nil {
		return err
	}
	if x.member && !done.InForce() {
		return &fault{errors.New(a.named(outcome(done, ""))), exitConflict, hintNotSealed}
	}
	a.tellRemoved(closes, done, x)
	return nil
}

// previewed asks the host first if this device does not know yet what is meant.
func (a *app) previewed(s *space.Space, name string, x removal) (*space.Removal, error) {
	closes, err := x.preview(name, x.Keep)
	if !errors.Is(err, space.ErrNotFound) {
		return closes, err
	}
	if _, failed := s.Sync(a.ctx); failed != nil {
		return nil, err
	}
	return x.preview(name, x.Keep)
}

func removeHint(err error, x removal) error {
	hint := hintDevices
	if x.member {
		hint = hintMembers
	}
	return hintFor(err, space.ErrNotFound, hint)
}

// notRemoved: whatever kept the removal from the host, it is not in force, and to be tried again.
func notRemoved(err error) error {
	code, _ := classify(err)
	switch code {
	case exitForbidden, exitNotFound, exitUsage, exitViolation, exitNoKey, exitInterrupted:
		return err
	}
	return &fault{fmt.Errorf(notRemovedYet, err), exitConflict, hintRemoveAgain}
}

func (a *app) tellClosing(closes *space.Removal, x removal) {
	if a.json {
		return
	}
	a.say(fmt.Sprintf(closing, orElse(clean(closes.Name), closes.Member)))
	for _, d := range closes.Devices {
		a.say(fmt.Sprintf(closingDevice, d.Device, clean(strings.TrimSpace(d.Name+" of "+d.Owner))))
	}
	for _, i := range closes.Invites {
		a.say(fmt.Sprintf(closingInvite, i.ID, clean(orElse(i.For, i.Role))))
	}
	if closes.Recovery {
		a.say(closingRecovery)
	}
	if !x.member && len(closes.Devices)+len(closes.Invites) > 1 || closes.Recovery && !x.member {
		a.say(closingKeep)
	}
}

func (a *app) tellRemoved(closes *space.Removal, done *space.Outcome, x removal) {
	if a.json {
		return
	}
	if done.Sealed != nil {
		for _, lane := range done.Sealed.Short {
			a.warn(fmt.Sprintf(sealedShort, clean(lane)))
		}
	}
	if !done.InForce() {
		return
	}
	a.say(removalAchieves)
	if !x.member {
		return
	}
	for _, host := range closes.Hosts {
		a.say(fmt.Sprintf(removalAtHost, clean(host)))
	}
}

// outcome says how far something has come that was asked of the ledger.
func outcome(o *space.Outcome, done string) string {
	switch o.State {
	case space.OutcomeRequested:
		return fmt.Sprintf(outcomeRequested, o.Entry)
	case space.OutcomeProposed:
		return fmt.Sprintf(outcomeProposed, o.Entry, o.Needs)
	case space.OutcomeSealed:
		if o.Sealed != nil {
			return done + fmt.Sprintf(outcomeSealed, o.Entry, o.Sealed.Epoch)
		}
	}
	return done
}

// came prints what has become of something that was asked of the ledger.
func (a *app) came(o *space.Outcome, done string) error {
	if a.json {
		return a.printJSON(o)
	}
	a.say(outcome(o, done))
	return nil
}

func (a *app) leaveVerb() *cobra.Command {
	return a.verb("leave", cobra.NoArgs, func([]string) error {
		return a.inSpace(func(s *space.Space) error {
			if a.interactive() {
				if err := a.confirm(questionLeave, needsYesFlag); err != nil {
					return err
				}
			}
			o, err := s.Leave(a.ctx)
			if err != nil {
				return err
			}
			return a.came(o, left)
		})
	})
}

// sealVerb ends the epoch.
func (a *app) sealVerb() *cobra.Command {
	var o space.SealOptions
	c := a.verb("seal", cobra.NoArgs, func([]string) error {
		return a.inSpace(func(s *space.Space) error {
			sealed, err := s.Seal(a.ctx, o)
			if err != nil {
				return err
			}
			sealed.Short = list(sealed.Short)
			return a.print(sealed, func(w io.Writer) {
				fmt.Fprintf(w, sealedEpoch, sealed.Epoch, sealed.Entry)
				for _, lane := range sealed.Short {
					a.warn(fmt.Sprintf(sealedShort, clean(lane)))
				}
			})
		})
	})
	c.Flags().BoolVar(&o.Now, "now", false, flagNow)
	return c
}

// rotateVerb changes keys of this device or member.
func (a *app) rotateVerb() *cobra.Command {
	var words bool
	c := a.verb("rotate", cobra.NoArgs, func([]string) error {
		return a.inSpace(func(s *space.Space) error {
			if words {
				return a.newWords(s)
			}
			o, err := s.RotateKey(a.ctx)
			if err != nil {
				return err
			}
			return a.came(o, rotated)
		})
	})
	c.Flags().BoolVar(&words, "recovery", false, flagNewWords)
	return c
}

func (a *app) newWords(s *space.Space) error {
	sheet, err := s.NewRecovery(a.ctx)
	if err != nil {
		return err
	}
	return a.print(sheet, func(w io.Writer) { fmt.Fprintf(w, recoverySheet, sheet.Text()) })
}
