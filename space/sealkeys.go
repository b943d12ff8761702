package space

import (
	"errors"
	"runtime"
	"slices"
	"sync"

	"github.com/espace-git/espace-git/chain"
	"github.com/espace-git/espace-git/gitstore"
	"github.com/espace-git/espace-git/internal/wire"
	"github.com/espace-git/espace-git/membership"
	"github.com/espace-git/espace-git/seal"
)

// keys wraps the new secret for everybody who may hold it: alone for those who have
// the older ones, with the list of them for who comes in now.
func (sg *sealing) keys(next wire.Epoch) (gitstore.RefUpdate, error) {
	r := sg.r
	recipients, err := sg.recipients()
	if err != nil {
		return gitstore.RefUpdate{}, err
	}
	files := make([][]byte, len(recipients))
	errs := make([]error, len(recipients))
	secrets := make([][]seal.EpochSecret, len(recipients))
	for i, d := range recipients {
		secrets[i] = []seal.EpochSecret{{O: next.O, Secret: sg.secret}}
		if had, err := r.holdsEnding(d); err != nil {
			return gitstore.RefUpdate{}, err
		} else if !had {
			secrets[i] = append(r.secretsFor(d), secrets[i]...)
		}
	}
	var wg sync.WaitGroup
	work := make(chan int)
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for i := range work {
				files[i], errs[i] = seal.WrapSecrets(recipients[i].Recipient, seal.Wrap{Space: r.s.id, Secrets: secrets[i]})
			}
		})
	}
	for i := range recipients {
		work <- i
	}
	close(work)
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		return gitstore.RefUpdate{}, err
	}
	add := make(map[string][]byte, len(recipients))
	for i, d := range recipients {
		add[seal.WrapPath(d.Recipient, r.me.Device, 0)] = files[i]
		sg.done.Bytes += len(files[i])
	}
	if paper, ok := r.roster().Paper(); ok {
		me, _ := r.roster().Device(r.me.Device)
		all := append(r.secretsFor(me), seal.EpochSecret{O: next.O, Secret: sg.secret})
		file, err := seal.WrapSecrets(paper, seal.Wrap{Space: r.s.id, Secrets: all})
		if err != nil {
			return gitstore.RefUpdate{}, err
		}
		add[seal.WrapPath(paper, r.me.Device, 0)] = file
		sg.done.Bytes += len(file)
	}
	adds := chain.AddsHash(add)
	msg := r.messageIn(chain.Keys, next)
	msg.Adds = &adds
	ref := r.s.refs.Keys(next)
	id, err := r.commit(sg.b, ref, sg.shown.at(ref), keysTree(sg.b, nil, add), msg)
	return gitstore.RefUpdate{Name: ref, Old: sg.shown.at(ref), New: id}, err
}

// recipients are those who get the new secret: like at any other time, nobody whose
// join was first seen after its invite's expiry, unless it was let in already.
func (sg *sealing) recipients() (out []membership.Device, err error) {
	for _, d := range sg.r.roster().Recipients() {
		had, err := sg.r.hasOlder(d)
		if err != nil {
			return nil, err
		}
		if had || !sg.r.expiredUnseen(d) {
			out = append(out, d)
		}
	}
	return out, nil
}

// hasOlder: the device was let into the epoch that ends: it wrote under its secret, or
// another wrapped it. What else a device signs, it can sign without having any.
func (r *round) hasOlder(d membership.Device) (bool, error) {
	if l := r.lanes[d.ID]; d.ID == r.me.Device || l != nil && l.log.Len() > 0 {
		return true, nil
	}
	ended := r.me.Epoch
	if !r.started() { // who recovers; its entry is in the ledger already
		before, _ := r.roster().OpeningOf(r.roster().Epoch().Number - 1)
		ended = before.Epoch
	}
	makers, err := r.wrappersIn(ended, d)
	return slices.ContainsFunc(makers, func(id wire.DeviceID) bool { return id != d.ID }), err
}
