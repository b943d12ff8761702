package space

import (
	"context"
	"errors"
	"fmt"

	"github.com/espace-git/espace-git/gitstore"
	"github.com/espace-git/espace-git/internal/wire"
	"github.com/espace-git/espace-git/view"
)

// push moves all refs as one. Where the host can't promise that, keys and close go
// first and then the ledger alone, which decides; what is on the lanes by then and
// not in the cut is issued again by its authors.
func (sg *sealing) push(ctx context.Context, host gitstore.Remote, updates []gitstore.RefUpdate) error {
	pushed, err := pushAtomic(ctx, host, updates)
	if errors.Is(err, gitstore.ErrNoAtomic) {
		return sg.pushApart(ctx, host, updates)
	}
	if err != nil {
		return fmt.Errorf("pushing: %w", err)
	}
	for ref, err := range pushed.Results {
		if errors.Is(err, gitstore.ErrConflict) {
			sg.unstable[ref]++
		}
	}
	if err := pushed.Err(); err != nil {
		return fmt.Errorf("pushing the seal: %w", err)
	}
	return nil
}

func (sg *sealing) pushApart(ctx context.Context, host gitstore.Remote, updates []gitstore.RefUpdate) error {
	before, main, after := updates[:3], updates[3:4], updates[4:]
	for _, part := range [][]gitstore.RefUpdate{before, main} {
		pushed, err := host.Push(ctx, part, gitstore.PushOptions{})
		if err == nil {
			err = pushed.Err()
		}
		if err != nil {
			return fmt.Errorf("pushing the seal: %w", err)
		}
	}
	// The seal stands. Moving the refs of the epoch that is over only keeps others from
	// pushing there in vain.
	if len(after) > 0 {
		_, _ = host.Push(ctx, after, gitstore.PushOptions{})
	}
	return nil
}

// readBack reads what landed like everybody else does: the ledger says that there is
// a new epoch, the own wrap holds its secret, and the cut is followed.
func (sg *sealing) readBack(ctx context.Context, v *view.Tx, updates []gitstore.RefUpdate) error {
	r, err := sg.s.newRound(v, &SyncResult{})
	if err != nil {
		return err
	}
	refs := map[string]wire.ObjectID{}
	for ref, tip := range r.tips {
		refs[ref] = tip // nothing else moved, as far as this device knows
	}
	for _, u := range updates {
		refs[u.Name] = u.New
	}
	return r.read(ctx, &display{refs: refs})
}
