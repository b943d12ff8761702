//go:build unix

package space

import (
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/espace-git/espace-git/gitstore"
	"github.com/espace-git/espace-git/identity"
	"github.com/espace-git/espace-git/internal/githost"
	"github.com/espace-git/espace-git/internal/wire"
	"github.com/espace-git/espace-git/membership"
	"github.com/espace-git/espace-git/seal"
)

// BenchmarkRemove removes one of 10, 100 and 1,000 members, devices that the ledger
// knows and that were let in: wall time, this process's CPU, bytes up and down and
// requests over HTTP.
func BenchmarkRemove(b *testing.B) {
	for _, n := range []int{10, 100, 1000} {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			c := newCrowd(b, n)
			b.ResetTimer()
			for i := range b.N {
				c.traffic.reset()
				cpu, start := processorTime(b), time.Now()
				o, err := c.alice.RemoveMember(b.Context(), c.members[i].String(), RemoveOptions{})
				if err != nil || !o.InForce() {
					b.Fatalf("%+v %v", o, err)
				}
				b.ReportMetric(float64((processorTime(b) - cpu).Milliseconds()), "ms-cpu")
				b.ReportMetric(float64(time.Since(start).Milliseconds()), "ms-wall")
				b.ReportMetric(float64(c.traffic.up.Load()), "B-up")
				b.ReportMetric(float64(c.traffic.down.Load()), "B-down")
				b.ReportMetric(float64(c.traffic.requests.Load()), "requests")
			}
		})
	}
}

func processorTime(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// traffic counts what goes over HTTP.
type traffic struct{ up, down, requests atomic.Int64 }

func (t *traffic) reset() {
	t.up.Store(0)
	t.down.Store(0)
	t.requests.Store(0)
}

func (t *traffic) tamper() githost.Tamper {
	return githost.Tamper{
		Fail:   func(*http.Request) int { t.requests.Add(1); return 0 },
		Body:   func(_ *http.Request, r io.Reader) io.Reader { return io.TeeReader(r, counter{&t.up}) },
		Answer: func(_ *http.Request, w io.Writer) io.Writer { return io.MultiWriter(w, counter{&t.down}) },
	}
}

type counter struct{ n *atomic.Int64 }

func (c counter) Write(b []byte) (int, error) {
	c.n.Add(int64(len(b)))
	return len(b), nil
}

// crowd is a space with many members, of whom only the founder is played.
type crowd struct {
	alice   *Space
	members []wire.MemberID
	traffic traffic
}

func newCrowd(b *testing.B, n int) *crowd {
	b.Helper()
	h, err := githost.Start(b.Context(), "127.0.0.1:0", b.TempDir())
	if err != nil {
		b.Skipf("git is needed for a host: %v", err)
	}
	b.Cleanup(func() { h.Close() })
	if err := h.Create("crowd.git"); err != nil {
		b.Skipf("git is needed for a host: %v", err)
	}
	c := &crowd{}
	o := Options{Home: filepath.Join(b.TempDir(), "home"), NoPassphrase: true, NoAgent: true, Git: "inprocess"}
	c.alice, _, err = Create(b.Context(), filepath.Join(b.TempDir(), "alice"), CreateOptions{Name: "Crowd", As: "alice", Remote: h.URL("crowd.git"), Schema: []byte(reviewTable)}, o)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { c.alice.Close() })
	c.join(b, n-1)
	if _, err := c.alice.Sync(b.Context()); err != nil { // lets all of them in
		b.Fatal(err)
	}
	h.SetTamper(c.traffic.tamper())
	return c
}

// join puts the joins of n newcomers into the ledger with one push.
func (c *crowd) join(b *testing.B, n int) {
	b.Helper()
	ctx := b.Context()
	inv, err := c.alice.Invite(ctx, InviteOptions{Uses: 1000})
	if err != nil {
		b.Fatal(err)
	}
	link, err := membership.ParseLink(inv.Link)
	if err != nil {
		b.Fatal(err)
	}
	var update gitstore.RefUpdate
	err = c.alice.readThen(ctx, func(r *round, batch *gitstore.Batch, shown *display) error {
		first := r.ledger.len()
		for i := range n {
			if err := c.joinOne(r, link, i); err != nil {
				return err
			}
		}
		ref := r.s.refs.Ledger
		id, err := r.commit(batch, ref, shown.at(ref), ledgerTree(batch, r.ledger.envelopes), r.ledgerMessage(first))
		update = gitstore.RefUpdate{Name: ref, Old: shown.at(ref), New: id}
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
	host, err := c.alice.host()
	if err != nil {
		b.Fatal(err)
	}
	if pushed, err := host.Push(ctx, []gitstore.RefUpdate{update}, gitstore.PushOptions{}); err != nil || pushed.Err() != nil {
		b.Fatal(err, pushed)
	}
}

func (c *crowd) joinOne(r *round, link membership.Link, i int) error {
	o := r.s.opts
	dev, err := new(identity.Vault).NewDevice(o.Rand)
	if err != nil {
		return err
	}
	items, err := salted(o.Rand, map[string][]byte{membership.ItemMemberName: fmt.Appendf(nil, "member %d", i), membership.ItemDeviceName: []byte("x")})
	if err != nil {
		return err
	}
	plain, err := membership.EncodeJoinItems(dev.ID(), items)
	if err != nil {
		return err
	}
	inv, _ := r.roster().Invite(membership.InviteID(link.Invite.Hash))
	mail, err := seal.SealTo(inv.Mailbox, plain)
	if err != nil {
		return err
	}
	q, err := r.roster().NewJoin(link.Invite, membership.JoinParams{
		Invite: link.InviteKey(), Signer: dev, Recipient: dev.Recipient(), Items: items.Hashes(), Private: mail,
	})
	if err != nil {
		return err
	}
	d := q.Draft(r.roster())
	d.Time, d.Signer = coarse(r.now), r.s.keys.Device()
	envelope, err := r.roster().Propose(d)
	if err != nil {
		return err
	}
	c.members = append(c.members, wire.MemberIDOf(dev.ID()))
	return r.ledger.add(envelope)
}
