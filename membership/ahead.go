package membership

import (
	"crypto/ed25519"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/espace-git/espace-git/internal/wire"
)

// Fold applies many entries at once: to r, or from genesis on if r is nil. It
// gives the roster after all of them, or after those before the one that the
// error is about. The verdicts are those of Apply, one by one.
//
// What depends on single entries is done ahead and on all cores: parsing,
// checking bodies, and the signatures by keys that the batch brings along. The
// fold itself then finds these signatures among those known to be good; one that
// is not there it verifies itself. So nothing is taken on trust.
func Fold(r *Roster, envelopes [][]byte) (*Roster, []*Entry, error) {
	batch, errs := parseAll(envelopes)
	end := slices.IndexFunc(errs, func(err error) bool { return err != nil })
	if end < 0 {
		end = len(batch)
	}
	good := ahead(r, batch[:end])
	var out []*Entry
	for _, u := range batch[:end] {
		next, e, err := judgeAfter(r, u, good)
		if err != nil {
			return r, out, err
		}
		r, out = next, append(out, e)
	}
	if end < len(errs) {
		return r, out, errs[end]
	}
	return r, out, nil
}

func judgeAfter(r *Roster, u *Unverified, good signatures) (*Roster, *Entry, error) {
	if r == nil {
		return judgeGenesis(u, good)
	}
	return r.judge(u, good)
}

// parseAll is Parse for each.
func parseAll(envelopes [][]byte) ([]*Unverified, []error) {
	out, errs := make([]*Unverified, len(envelopes)), make([]error, len(envelopes))
	parallel(len(envelopes), func(i int) { out[i], errs[i] = Parse(envelopes[i]) })
	return out, errs
}

// signatures are those that verify, each by the hash of key, signature and
// message. Nil knows none.
type signatures map[wire.Hash]bool

func signatureHash(key ed25519.PublicKey, sig, msg []byte) wire.Hash {
	return wire.Sum(key, wire.U64(uint64(len(sig))), sig, msg) // a key has 32 bytes
}

// verify is ed25519.Verify, unless that was asked before.
func (s signatures) verify(key ed25519.PublicKey, msg, sig []byte) bool {
	return len(key) == ed25519.PublicKeySize && (s[signatureHash(key, sig, msg)] || ed25519.Verify(key, msg, sig))
}

// envelope is verifyEnvelope, unless that was asked before.
func (s signatures) envelope(u *Unverified, key ed25519.PublicKey) error {
	if s[signatureHash(key, nil, u.Envelope)] {
		return nil
	}
	return verifyEnvelope(u.Envelope, key, u.payload)
}

// ahead decodes the bodies of a batch that follows r (nil: from genesis on) and
// verifies what can be verified without the states between.
func ahead(r *Roster, batch []*Unverified) signatures {
	if len(batch) < 2 {
		return nil
	}
	parallel(len(batch), func(i int) { batch[i].decoded() })
	k := keysOf(r, batch)
	found := make([][]wire.Hash, len(batch))
	parallel(len(batch), func(i int) { found[i] = k.verified(batch[i]) })
	good := signatures{}
	for _, hashes := range found {
		for _, h := range hashes {
			good[h] = true
		}
	}
	return good
}

// keys are the public keys that a batch may be signed with.
type keys struct {
	roster  *Roster
	devices map[wire.DeviceID]ed25519.PublicKey
	invites map[wire.Hash]ed25519.PublicKey
}

func keysOf(r *Roster, batch []*Unverified) keys {
	k := keys{r, map[wire.DeviceID]ed25519.PublicKey{}, map[wire.Hash]ed25519.PublicKey{}}
	for _, u := range batch {
		b, err := u.decoded()
		if err != nil {
			continue
		}
		if d, ok := b.(bearer); ok {
			k.devices[d.newDevice().ID()] = d.newDevice().Key
		}
		if inv, ok := b.(*InviteBody); ok {
			k.invites[u.Hash] = inv.Key
		}
	}
	return k
}

func (k keys) device(id wire.DeviceID) ed25519.PublicKey {
	if k.roster != nil {
		if d, ok := k.roster.devices.get(id); ok {
			return d.Key
		}
	}
	return k.devices[id]
}

func (k keys) invite(entry wire.Hash) ed25519.PublicKey {
	if k.roster != nil {
		if inv, err := k.roster.inviteAt(entry); err == nil {
			return inv.PublicKey
		}
	}
	return k.invites[entry]
}

// verified are the good signatures in and on one entry.
func (k keys) verified(u *Unverified) (out []wire.Hash) {
	if key := k.device(u.Author); key != nil && verifyEnvelope(u.Envelope, key, u.payload) == nil {
		out = append(out, signatureHash(key, nil, u.Envelope))
	}
	b, err := u.decoded()
	j, ok := b.(joiner)
	if !ok || err != nil {
		return out
	}
	join := j.join()
	msg := join.message(u.Space, u.Items, u.Private).Bytes()
	for _, s := range []struct {
		key ed25519.PublicKey
		sig []byte
	}{{join.Device.Key, join.Proof.Device}, {k.invite(join.Invite.Hash), join.Proof.Invite}} {
		if s.key != nil && ed25519.Verify(s.key, msg, s.sig) {
			out = append(out, signatureHash(s.key, s.sig, msg))
		}
	}
	return out
}

// parallel does n things on a few goroutines and waits for them.
func parallel(n int, do func(i int)) {
	const workers = 16 // more than cores is harmless, the work never waits
	var next atomic.Int64
	var wg sync.WaitGroup
	for range min(n, workers) {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				do(i)
			}
		})
	}
	wg.Wait()
}
