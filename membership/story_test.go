package membership

import (
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/espace-git/espace-git/internal/wire"
)

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

func TestStoryTwoPeople(t *testing.T) {
	s := found(t, "alice")
	invite := s.invite("alice", "for bob", Editor)
	join := s.join("bob", invite)
	got, _ := s.r.Member(memberID("bob"))
	want := Member{
		ID: memberID("bob"), Role: Editor, Devices: []wire.DeviceID{id("bob")}, InvitedBy: id("alice"),
		Invite: InviteID(invite.Invite.Hash), JoinedAt: join.Position(), Status: StatusActive,
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("bob (-want +got):\n%s", d)
	}
	if !s.r.MayWriteLane(id("bob")) || s.r.RoleOf(id("bob")) != Editor || len(s.r.Recipients()) != 2 {
		t.Error("bob reads and writes once he has joined")
	}
	if inv, _ := s.r.Invite(want.Invite); inv.Open() || inv.Used != 1 {
		t.Errorf("the invite was for one: %+v", inv)
	}
	if o := s.r.Epoch(); o.Number != 0 || o.O != s.r.Space() || !o.P.IsZero() || o.Author != id("alice") || o.At != 0 {
		t.Errorf("epoch 0: %+v", o)
	}
}

// The same entries fold to the same roster in one go, one by one, and read in a heap.
func TestStoryEveryReaderAgrees(t *testing.T) {
	s := with(t, cast)
	again, _, err := Genesis(s.entries[0])
	if err != nil {
		t.Fatal(err)
	}
	heap := again.Read(s.entries).Roster
	for _, e := range s.entries[1:] {
		if again, _, err = again.Apply(e); err != nil {
			t.Fatal(err)
		}
	}
	batch, entries, err := Fold(nil, s.entries)
	if err != nil || len(entries) != len(s.entries) {
		t.Fatalf("in a batch: %d entries, %v", len(entries), err)
	}
	half, _ := s.r.At(5)
	rest, _, err := Fold(half, s.entries[6:])
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range []*Roster{again, heap, batch, rest} {
		if r.Head() != s.r.Head() {
			t.Fatalf("head %v, want %v", r.Head(), s.r.Head())
		}
		for what, pair := range map[string][2]any{
			"members": {s.r.Members(), r.Members()}, "devices": {s.r.Devices(), r.Devices()}, "invites": {s.r.Invites(), r.Invites()},
		} {
			if d := cmp.Diff(pair[0], pair[1]); d != "" {
				t.Errorf("%s:\n%s", what, d)
			}
		}
	}
}

func TestStoryCarriedJoin(t *testing.T) {
	s := with(t, map[string]Role{"vic": Viewer})
	file, err := s.request("bob", s.invite("alice", "for bob", Editor)).Encode()
	if err != nil {
		t.Fatal(err)
	}
	q, err := DecodeJoinRequest(file)
	if err != nil {
		t.Fatal(err)
	}
	s.must("alice", &SchemaBody{Widens: true}) // the ledger went on meanwhile
	if err := s.admit("vic", q); err != nil {
		t.Fatalf("any member may carry a join: %v", err)
	}
	if s.last.Author != id("vic") || !s.r.MayWriteLane(id("bob")) {
		t.Error("bob is in, carried by vic")
	}
}

func TestStoryApproval(t *testing.T) {
	s := with(t, map[string]Role{"adam": Admin, "eve": Editor})
	b := s.inviteBody("for bob", Editor)
	b.Approve, b.History = true, &History{None: true}
	join := s.join("bob", s.invited("adam", "for bob", b))
	if !s.r.NeedsApproval(id("bob")) || s.r.MayWriteLane(id("bob")) || len(s.r.Recipients()) != 3 || s.r.RoleOf(id("bob")) != NoRole {
		t.Fatal("bob has neither lane nor wrap nor say before he is approved")
	}
	s.refused("author-not-active", "bob", s.inviteBody("for carl", Editor))
	approve := &ApproveBody{Entry: PlaceOf(join.Position())}
	s.refused("role", "eve", approve)
	s.must("adam", approve)
	d, _ := s.r.Device(id("bob"))
	if !d.Active || !slices.Equal(d.Approvals, []wire.DeviceID{id("adam")}) {
		t.Fatalf("approved: %+v", d)
	}
	if m, _ := s.r.Member(memberID("bob")); m.Since != 1 || !s.r.WaitsForSeal(m.ID) || s.r.MayWriteLane(id("bob")) {
		t.Errorf("without history bob waits for the next seal: %+v", m)
	}
}

// A join that a client saw only after its invite's expiry counts in the ledger,
// which knows no clock; an admin's approval of it is on record.
func TestStoryLateJoin(t *testing.T) {
	s := with(t, map[string]Role{"adam": Admin})
	s.clock = t0.Add(30 * 24 * time.Hour)
	join := s.join("bob", s.invite("alice", "for bob", Editor))
	if inv := s.r.Invites()[1]; !s.clock.After(inv.Expires) {
		t.Fatalf("the invite had not expired: %v", inv.Expires)
	}
	s.must("adam", &ApproveBody{Entry: PlaceOf(join.Position())})
	if d, _ := s.r.Device(id("bob")); !d.Active || len(d.Approvals) != 1 {
		t.Errorf("bob: %+v", d)
	}
}

func TestStoryOwnDevices(t *testing.T) {
	s := with(t, map[string]Role{"eve": Viewer, "bob": Editor})
	link := s.deviceLink("eve", "phone")
	if got := s.join("eve's phone", link); got.Kind != KindDeviceAdd {
		t.Fatalf("a device link leads to a %s", got.Kind)
	}
	m, _ := s.r.Member(memberID("eve"))
	if !slices.Equal(m.Devices, []wire.DeviceID{id("eve"), id("eve's phone")}) {
		t.Errorf("devices of eve: %v", m.Devices)
	}
	if d, _ := s.r.Device(id("eve's phone")); d.Member != memberID("eve") || d.AddedBy != id("eve") || !d.Active {
		t.Errorf("phone: %+v", d)
	}
	wantRule(t, s.admit("eve's phone", s.request("eve's watch", link)), "invite-used-up")
	s.join("eve's watch", s.deviceLink("eve's phone", "watch")) // devices are equal
}

func TestStoryHistory(t *testing.T) {
	s := with(t, map[string]Role{"adam": Admin})
	b := s.inviteBody("for bob", Editor)
	b.History = &History{None: true}
	s.join("bob", s.invited("alice", "for bob", b))
	if m, _ := s.r.Member(memberID("bob")); m.Since != 1 || !s.r.WaitsForSeal(m.ID) || len(s.r.Recipients()) != 2 {
		t.Fatalf("without history: %+v", m)
	}
	s.must("adam", &KeyWrapBody{Member: memberID("bob")})
	if m, _ := s.r.Member(memberID("bob")); m.Since != 0 || s.r.WaitsForSeal(m.ID) || len(s.r.Recipients()) != 3 {
		t.Fatalf("history given later: %+v", m)
	}
	s.refused("history-not-earlier", "adam", &KeyWrapBody{Member: memberID("bob")})
	s.refused("member-unknown", "adam", &KeyWrapBody{Member: memberID("nobody")})

	s.r = withSince(s.r, "adam", 2)
	s.r = withSince(s.r, "bob", 4)
	s.refused("grants-history", "adam", s.inviteBody("all of it", Editor))
	s.refused("grants-history", "adam", &KeyWrapBody{Member: memberID("bob"), Since: 1})
	s.must("adam", &KeyWrapBody{Member: memberID("bob"), Since: 2})
	ahead := s.inviteBody("ahead", Editor)
	ahead.History = &History{From: 1}
	s.refused("history-ahead", "alice", ahead)
}

func TestStoryManyByOneInvite(t *testing.T) {
	s := found(t, "alice")
	b := s.inviteBody("team", Editor)
	b.Uses = 3
	link := s.invited("alice", "team", b)
	for _, name := range []string{"bob", "carl", "dora"} {
		s.join(name, link)
	}
	wantRule(t, s.admit("erik", s.request("erik", link)), "invite-used-up")
	other := s.invite("alice", "other", Editor)
	s.must("alice", &InviteRevokeBody{Invite: other.Invite.Hash})
	wantRule(t, s.admit("erik", s.request("erik", other)), "invite-closed")
	s.refused("invite-closed", "alice", &InviteRevokeBody{Invite: other.Invite.Hash})
	s.refused("invite-unknown", "alice", &InviteRevokeBody{Invite: s.last.Hash})
}

func TestStoryWitnesses(t *testing.T) {
	s := with(t, map[string]Role{"adam": Admin, "bob": Editor, "carl": Editor, "olga": Owner})
	s.join("carl's phone", s.deviceLink("carl", "phone"))
	link := s.invite("adam", "for dora", Editor)
	s.join("carl's watch", s.deviceLink("carl's phone", "watch")) // later, by a device of before
	s.join("late", s.invite("olga", "for late", Admin))
	join := s.join("dora", link)
	w, ok := s.r.Witnesses(id("dora"))
	if !ok || w.Join != join.Position() {
		t.Fatalf("witnesses: %+v %v", w, ok)
	}
	for _, c := range []struct {
		who  []string
		want bool
	}{
		{nil, false}, {[]string{"adam"}, true}, {[]string{"olga"}, true}, {[]string{"alice"}, true},
		{[]string{"bob"}, false}, {[]string{"bob", "carl"}, true}, {[]string{"carl", "carl's phone"}, false},
		{[]string{"carl's watch", "bob"}, true}, {[]string{"late", "bob"}, false}, {[]string{"dora", "bob"}, false},
	} {
		var devs []wire.DeviceID
		for _, n := range c.who {
			devs = append(devs, id(n))
		}
		if w.Enough(devs) != c.want {
			t.Errorf("%v: %v", c.who, !c.want)
		}
	}
	if _, ok := s.r.Witnesses(id("alice")); ok {
		t.Error("the founder needs no witness")
	}
}

func TestOpenings(t *testing.T) {
	s := found(t, "alice")
	next := *s.r
	claimed := t0.AddDate(200, 0, 0)
	f := &fold{was: s.r, next: &next, entry: &Entry{Time: claimed, Number: 7, Hash: seed("seven"), Author: id("alice"), Predecessor: seed("six")}}
	cut := Cut{Order: wire.LogHead{Root: wire.Sum()}}
	f.open(&SealPart{seed("next"), cut})
	want := Opening{
		Epoch: wire.Epoch{Number: 1, O: seed("seven")}, P: seed("six"), Commitment: seed("next"),
		At: 7, Author: id("alice"), Time: claimed, Cut: &cut, // shown; what counts is for the fold of operations
	}
	if d := cmp.Diff([]Opening{s.r.Epoch(), want}, next.Openings()); d != "" {
		t.Error(d)
	}
	if got, ok := next.OpeningOf(0); !ok || got != s.r.Epoch() {
		t.Errorf("opening of epoch 0: %+v", got)
	}
}

// What is verified ahead changes no verdict: each entry that Apply refuses, Fold
// refuses by the same rule, and keeps what was before.
func TestFoldRefusesWhatApplyRefuses(t *testing.T) {
	s := vectorLedger(t)
	for i, env := range s.entries {
		e := must(parseEnvelope(env))
		badSig := envelope{e.payload, slices.Clone(e.signature)}
		badSig.signature[9] ^= 1
		for what, bad := range map[string][]byte{
			"signature": badSig.print(),
			"by-nobody": forgeBytes(t, "mallory", e.payload),
			"form":      append(slices.Clone(env), ' '),
		} {
			chain := slices.Clone(s.entries)
			chain[i] = bad
			at, entries, err := Fold(nil, chain)
			var want error
			if i == 0 {
				_, _, want = Genesis(bad)
				if at != nil {
					t.Fatalf("%s: a roster without genesis", what)
				}
			} else {
				before, _ := s.r.At(uint64(i - 1))
				if _, _, want = before.Apply(bad); at.Head() != before.Head() {
					t.Fatalf("entry %d, %s: head at %d", i, what, at.Head().Number)
				}
			}
			if want == nil || err == nil || err.Error() != want.Error() || len(entries) != i {
				t.Errorf("entry %d, %s: %v, one by one %v", i, what, err, want)
			}
		}
	}
}

func TestFoldChecksProofs(t *testing.T) {
	s := with(t, map[string]Role{"eve": Editor})
	link := s.invite("alice", "for bob", Editor)
	honest := s.request("bob", link)
	for rule, change := range map[string]func(*JoinRequest){
		"":             func(*JoinRequest) {},
		"proof-invite": func(q *JoinRequest) { q.Body.Proof.Invite = honest.Body.Proof.Device },
		"proof-device": func(q *JoinRequest) { q.Body.Proof.Device = honest.Body.Proof.Invite },
	} {
		q := *honest
		change(&q)
		d := q.Draft(s.r)
		d.Signer, d.Time = testKey("bob"), t0
		env, err := d.sign(payload{Space: ref(s.r.Space()), Number: s.r.Head().Number + 1, Predecessor: s.r.Head().Hash})
		if err != nil {
			t.Fatal(err)
		}
		_, _, err = Fold(nil, append(slices.Clone(s.entries), env))
		if rule != "" {
			wantRule(t, err, rule)
		} else if err != nil {
			t.Errorf("the honest join: %v", err)
		}
	}
}
