package membership

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/espace-git/espace-git/internal/wire"
)

// A recipient that age itself printed.
func TestRecipientOfAge(t *testing.T) {
	b, err := os.ReadFile("testdata/age-recipient.txt")
	if err != nil {
		t.Fatal(err)
	}
	s := strings.TrimSpace(string(b))
	if err := checkRecipient(s); err != nil {
		t.Error(err)
	}
	if got := bech32Encode(rawRecipient(s)); got != s {
		t.Errorf("encodes to %s", got)
	}
}

// Every single changed character of a recipient is refused.
func TestRecipientChecksum(t *testing.T) {
	s := testRecipient("alice")
	for i := range s {
		if checkRecipient(s[:i]+flip(s[i])+s[i+1:]) == nil {
			t.Errorf("character %d", i)
		}
	}
}

func TestRolesAndHistoryAsText(t *testing.T) {
	for _, r := range []Role{Viewer, Editor, Admin, Owner} {
		b := must(json.Marshal(r))
		var back Role
		if err := json.Unmarshal(b, &back); err != nil || back != r {
			t.Errorf("%s: %v, %v", b, back, err)
		}
	}
	if _, err := NoRole.MarshalText(); err == nil || NoRole.String() != "none" || Role(9).String() != "none" {
		t.Error("no role has no text")
	}
	for _, h := range []History{{}, {None: true}, {From: 7}} {
		back, err := ParseHistory(h.String())
		if err != nil || back != h {
			t.Errorf("%s: %v, %v", h, back, err)
		}
	}
	for _, bad := range []string{"", "0", "-1", "+1", "01", "All", "9007199254740992", "some"} {
		if _, err := ParseHistory(bad); !errors.Is(err, ErrMalformed) {
			t.Errorf("history %q: %v", bad, err)
		}
	}
	for _, bad := range []string{"", "Owner", "none", "root"} {
		if _, err := ParseRole(bad); !errors.Is(err, ErrMalformed) {
			t.Errorf("role %q: %v", bad, err)
		}
	}
}

func TestPaths(t *testing.T) {
	for n, want := range map[uint64]string{
		0: "ledger/0000/00000000.json", 12: "ledger/0000/00000012.json", 999: "ledger/0000/00000999.json",
		1000: "ledger/0001/00001000.json", 123456789: "ledger/123456/123456789.json",
	} {
		if got := Path(n); got != want {
			t.Errorf("%d: %s, want %s", n, got, want)
		}
	}
}

func TestRuleErrorsSayWhatAndWhere(t *testing.T) {
	s := with(t, map[string]Role{"eve": Editor})
	_, err := s.try("eve", Draft{Body: s.inviteBody("x", Editor)})
	want := `ledger entry 3 ("invite"): rule role: not permitted: invite needs a role of admin or above, the author is editor`
	if err == nil || err.Error() != want {
		t.Errorf("%v\nwant %s", err, want)
	}
}

// Nobody may change what a roster says by changing what it gave out.
func TestRosterIsAValue(t *testing.T) {
	s := with(t, map[string]Role{"eve": Editor})
	m, _ := s.r.Member(memberID("eve"))
	m.Role = Owner
	m.Devices[0] = wire.DeviceID{}
	d, _ := s.r.Device(id("eve"))
	d.Key[0] ^= 1
	for _, d := range s.r.Devices() {
		d.Key[1] ^= 1
	}
	if m, _ := s.r.Member(memberID("eve")); m.Role != Editor || m.Devices[0] != id("eve") {
		t.Errorf("member %+v", m)
	}
	if d, _ := s.r.Device(id("eve")); !d.Key.Equal(testKey("eve").Public()) {
		t.Error("device key changed")
	}
}

func TestItemsRefuse(t *testing.T) {
	_, good := testItems("member.name", "alice")
	many := Items{}
	for i := range maxItems + 1 {
		many[strings.Repeat("x", i+1)] = Item{}
	}
	for name, plain := range map[string][]byte{
		"nil": nil, "cut": good[:len(good)-1], "trailing": append(bytes.Clone(good), 0), "too-many": must(EncodeItems(many)),
		"no-items": {0x82, 0x40, 0xf6}, "short-device": {0x82, 0x41, 1, 0xa0}, "too-big": make([]byte, wire.MaxPrivate+1),
		"zero-device": must(EncodeJoinItems(wire.DeviceID{}, Items{})),
		"longer-head": append([]byte{0x98, 2}, good[1:]...),
		"short-salt":  bytes.Replace(good, []byte{0x58, 0x20}, []byte{0x58, 0x1f}, 1),
	} {
		if items, _, err := DecodeItems(plain); !errors.Is(err, ErrMalformed) || items != nil {
			t.Errorf("%s: %v, %v", name, items, err)
		}
	}
}
