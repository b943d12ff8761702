package space

import (
	"fmt"
	"strings"

	"github.com/espace-git/espace-git/internal/wire"
	"github.com/espace-git/espace-git/membership"
	"github.com/espace-git/espace-git/merge"
	"github.com/espace-git/espace-git/view"
)

// The changelog tells of the ledger's entries, too: who came, who went, who sealed.
// They have no number and no ID; what they say is put into words when it is shown,
// with the names as they are known then.

// logLedger adds lines for the ledger's entries that it does not have yet.
func (r *round) logLedger() error {
	var next uint64
	if _, err := getValue(r.v, bucketMeta, []byte("logged"), &next); err != nil {
		return err
	}
	start := next
	for ; next < uint64(r.ledger.len()); next++ {
		e := r.ledger.entries[next]
		row := view.LogRow{
			Time: merge.FromMillis(e.Time.UnixMilli()), Device: e.Author, Kind: e.Kind,
			Summary: fmt.Sprint(e.Number), State: view.Sealed,
		}
		if d, ok := r.roster().Device(e.Author); ok {
			row.Member = d.Member
		}
		if _, err := r.v.AppendLog(row); err != nil {
			return err
		}
	}
	if next == start {
		return nil
	}
	return putValue(r.v, bucketMeta, []byte("logged"), next)
}

// ledgerSummary puts an entry into words.
func (r *round) ledgerSummary(row view.LogRow) string {
	var number uint64
	if _, err := fmt.Sscan(row.Summary, &number); err != nil || number >= uint64(r.ledger.len()) {
		return "ledger entry " + row.Summary
	}
	e := r.ledger.entries[number]
	words := []string{fmt.Sprintf("ledger entry %d", number)}
	switch b := e.Body.(type) {
	case *membership.MemberRemoveBody:
		words = append(words, memberName(r.v, b.Member))
	case *membership.MemberRoleBody:
		words = append(words, fmt.Sprintf("%s is %s", memberName(r.v, b.Member), b.Role))
	case *membership.DeviceRemoveBody:
		words = append(words, fmt.Sprintf("device %s of %s", b.Device, r.deviceName(b.Device)))
	case *membership.InviteBody:
		words = append(words, "role "+b.Role.String())
	}
	if o, ok := r.openedBy(e); ok {
		words = append(words, fmt.Sprintf("opens epoch %d", o.Number))
	}
	return strings.Join(words, ": ")
}

// openedBy is the epoch that an entry opened, if it sealed the one before.
func (r *round) openedBy(e *membership.Entry) (wire.Epoch, bool) {
	o := openingAt(r.roster(), e.Number)
	return o.Epoch, o.At == e.Number && e.Number > 0
}
