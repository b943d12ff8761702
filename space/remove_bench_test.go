//go:build unix

package space

import (
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/espace-git/espace-git/chain"
	"github.com/espace-git/espace-git/gitstore"
	"github.com/espace-git/espace-git/identity"
	"github.com/espace-git/espace-git/internal/githost"
	"github.com/espace-git/espace-git/internal/wire"
	"github.com/espace-git/espace-git/membership"
	"github.com/espace-git/espace-git/merge"
	"github.com/espace-git/espace-git/seal"
)

// BenchmarkRemove removes one of 10, 100 and 1,000 members, devices that the ledger
// knows and that were let in, silent or having written: wall time, this process's CPU,
// bytes up and down and requests over HTTP.
func BenchmarkRemove(b *testing.B) {
	for _, n := range []int{10, 100, 1000} {
		b.Run(strconv.Itoa(n)+"/silent", func(b *testing.B) { benchRemove(b, newCrowd(b, n)) })
		b.Run(strconv.Itoa(n)+"/wrote", func(b *testing.B) {
			c := newCrowd(b, n)
			c.write(b)
			benchRemove(b, c)
		})
	}
}

func benchRemove(b *testing.B, c *crowd) {
	b.ResetTimer()
	for i := range b.N {
		c.traffic.reset()
		cpu, start := processorTime(b), time.Now()
		o, err := c.alice.RemoveMember(b.Context(), wire.MemberIDOf(c.devices[i].ID()).String(), RemoveOptions{})
		if err != nil || !o.InForce() {
			b.Fatalf("%+v %v", o, err)
		}
		b.ReportMetric(float64((processorTime(b) - cpu).Milliseconds()), "ms-cpu")
		b.ReportMetric(float64(time.Since(start).Milliseconds()), "ms-wall")
		b.ReportMetric(float64(c.traffic.up.Load()), "B-up")
		b.ReportMetric(float64(c.traffic.down.Load()), "B-down")
		b.ReportMetric(float64(c.traffic.requests.Load()), "requests")
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
	devices []*identity.Device
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

// write gives every member a lane with one row, and lets the founder read them.
func (c *crowd) write(b *testing.B) {
	b.Helper()
	var updates []gitstore.RefUpdate
	err := c.alice.readThen(b.Context(), func(r *round, batch *gitstore.Batch, _ *display) error {
		for i, dev := range c.devices {
			u, err := c.lane(r, batch, dev, i)
			if err != nil {
				return err
			}
			updates = append(updates, u)
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
	host, err := c.alice.host()
	if err != nil {
		b.Fatal(err)
	}
	if pushed, err := host.Push(b.Context(), updates, gitstore.PushOptions{}); err != nil || pushed.Err() != nil {
		b.Fatal(err, pushed)
	}
	res, err := c.alice.Sync(b.Context())
	if err != nil || res.Fetched != len(c.devices) || res.Refused > 0 {
		b.Fatalf("%+v %v", res, err)
	}
}

func (c *crowd) lane(r *round, batch *gitstore.Batch, dev *identity.Device, i int) (u gitstore.RefUpdate, err error) {
	value, err := merge.EncodeValue("a note")
	if err != nil {
		return u, err
	}
	var id merge.RowID
	copy(id[:], wire.U64(uint64(i)+1))
	e := &merge.LaneEntry{Ledger: r.roster().Head(), Transactions: []merge.Transaction{{
		Number: 1, ID: id, Time: merge.FromMillis(r.now.UnixMilli()),
		Ops: []merge.Op{{Kind: merge.Insert, Table: 1, Row: id, Cells: []merge.Cell{{Column: 1, Value: value}}}},
	}}}
	plain, err := merge.EncodeEntry(e)
	if err != nil {
		return u, err
	}
	o, key := r.epoch(), wire.DeviceKeyHash(dev.PublicKey())
	entry, err := r.secret.LaneKey(o.O, key).Seal(r.s.opts.Rand, seal.LaneAD(o.O, key, 0), plain, wire.MinContent)
	if err != nil {
		return u, err
	}
	log := new(chain.Log)
	log.Append(entry)
	head, at := log.Head(), r.roster().Head()
	m := chain.Message{Kind: chain.Lane, Space: r.s.id, Epoch: o.O, Device: dev.ID(), Ledger: &at, Log: &head}
	raw, err := chain.Sign(chain.Commit{Tree: laneTree(batch, entry), Time: chain.FloorTime(r.now.Unix()), Message: m}, dev)
	return gitstore.RefUpdate{Name: r.s.refs.Lane(o, dev.ID()), New: batch.Commit(raw)}, err
}

// laneTree is the tree of the first commit of a lane.
func laneTree(b *gitstore.Batch, entry []byte) wire.ObjectID {
	name := strings.Split(chain.EntryPath(0), "/")
	id, mode := b.Blob(entry), gitstore.ModeFile
	for _, part := range slices.Backward(name) {
		id, mode = b.Tree([]gitstore.TreeEntry{{Name: part, Mode: mode, ID: id}}), gitstore.ModeDir
	}
	return id
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
	c.devices = append(c.devices, dev)
	return r.ledger.add(envelope)
}
