package wire

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
)

// Refs knows the names of a space's refs on a host (spec/layout.md).
type Refs struct {
	Prefix string // ends with a slash: "refs/espace/"
	Ledger string // full name: "refs/heads/main"
}

// DefaultRefs is the layout that a join link means when it names none.
var DefaultRefs = Refs{Prefix: "refs/espace/", Ledger: "refs/heads/main"}

// Lane is the ref of a device's lane in an epoch.
func (r Refs) Lane(e Epoch, d DeviceID) string { return r.Lanes(e) + d.String() }

// Lanes is the common prefix of the lanes of an epoch, with its slash.
func (r Refs) Lanes(e Epoch) string { return r.epoch(e) + "lanes/" }

// Order is the ref of the chain that all devices of an epoch write.
func (r Refs) Order(e Epoch) string { return r.epoch(e) + "order" }

// Keys is the ref that carries the epoch's secret, one file per device.
func (r Refs) Keys(e Epoch) string { return r.epoch(e) + "keys" }

// Close is the ref of the closing commit on which epoch e stands.
func (r Refs) Close(e Epoch) string { return r.epoch(e) + "close" }

// State is the ref of the checkpoint that device d made for the start of e.
func (r Refs) State(e Epoch, d DeviceID) string { return r.States(e) + d.String() }

// States is the common prefix of the checkpoints of an epoch, with its slash.
func (r Refs) States(e Epoch) string { return r.epoch(e) + "state/" }

// Files is the ref of the file chunks that device d stored in e.
func (r Refs) Files(e Epoch, d DeviceID) string { return r.epoch(e) + "files/" + d.String() }

func (r Refs) epoch(e Epoch) string { return r.Prefix + e.Name() + "/" }

// RefKind says which kind of chain a ref carries.
type RefKind string

// The kinds of refs. They are also the first word of a commit's message.
const (
	RefLedger RefKind = "ledger"
	RefLane   RefKind = "lane"
	RefOrder  RefKind = "order"
	RefClose  RefKind = "close"
	RefKeys   RefKind = "keys"
	RefState  RefKind = "state"
	RefFiles  RefKind = "files"
)

// RefName is a ref's name, understood.
type RefName struct {
	Kind      RefKind
	EpochName string   // empty for the ledger
	Device    DeviceID // of lane, state and files
}

// Parse understands the name of a ref of this space; false for all others.
func (r Refs) Parse(name string) (RefName, bool) {
	if name == r.Ledger {
		return RefName{Kind: RefLedger}, true
	}
	rest, ok := strings.CutPrefix(name, r.Prefix)
	if !ok {
		return RefName{}, false
	}
	epoch, rest, ok := strings.Cut(rest, "/")
	if !ok || !isEpochName(epoch) {
		return RefName{}, false
	}
	switch rest {
	case "order", "close", "keys":
		return RefName{Kind: RefKind(rest), EpochName: epoch}, true
	}
	kind, device, _ := strings.Cut(rest, "/")
	k, ok := map[string]RefKind{"lanes": RefLane, "state": RefState, "files": RefFiles}[kind]
	if !ok {
		return RefName{}, false
	}
	d, err := ParseDeviceID(device)
	if err != nil {
		return RefName{}, false
	}
	return RefName{Kind: k, EpochName: epoch, Device: d}, true
}

// isEpochName accepts what Epoch.Name prints.
func isEpochName(s string) bool {
	num, o, ok := strings.Cut(s, "-")
	if !ok || len(o) != 16 {
		return false
	}
	n, err := strconv.ParseUint(num, 10, 64)
	if err != nil || strconv.FormatUint(n, 10) != num {
		return false
	}
	b, err := hex.DecodeString(o)
	return err == nil && hex.EncodeToString(b) == o
}

// CheckRefs refuses a layout that git or a shell could misread. Layouts come
// from join links, so from outside.
func CheckRefs(r Refs) error {
	if !strings.HasPrefix(r.Ledger, "refs/heads/") || !cleanRef(r.Ledger) {
		return fmt.Errorf("%w: ledger ref %q must be a plain branch below refs/heads/", ErrMalformed, r.Ledger)
	}
	name, ok := strings.CutSuffix(r.Prefix, "/")
	if !ok || !strings.HasPrefix(name, "refs/") || strings.Count(name, "/") < 1 || !cleanRef(name) {
		return fmt.Errorf("%w: prefix %q must be below refs/ and end with a slash", ErrMalformed, r.Prefix)
	}
	if strings.HasPrefix(r.Ledger+"/", r.Prefix) || strings.HasPrefix(r.Prefix, r.Ledger+"/") {
		return fmt.Errorf("%w: ledger ref %q and prefix %q contain each other", ErrMalformed, r.Ledger, r.Prefix)
	}
	return nil
}

func cleanRef(name string) bool {
	if len(name) > 200 {
		return false
	}
	for part := range strings.SplitSeq(name, "/") {
		if part == "" || part[0] == '.' || part[0] == '-' || strings.HasSuffix(part, ".lock") || strings.HasSuffix(part, ".") || strings.Contains(part, "..") {
			return false
		}
		for _, c := range part {
			if !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-", c) {
				return false
			}
		}
	}
	return true
}
