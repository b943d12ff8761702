package membership

import (
	"crypto"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/espace-git/espace-git/internal/wire"
)

// fullCut has a lane for each of n devices, with lengths as long as they get.
func fullCut(n int) Cut {
	c := Cut{Order: wire.LogHead{Len: wire.MaxInt, Root: seed("order")}}
	for i := range n {
		var d wire.DeviceID
		copy(d[:], wire.U64(uint64(i)))
		c.Lanes = append(c.Lanes, LaneCut{d, wire.LogHead{Len: wire.MaxInt, Root: seed("lane")}})
	}
	return c
}

// A space of 1,000 devices can still be sealed, whatever lengths its lanes have.
func TestCutOfThousandLanesFits(t *testing.T) {
	part := SealPart{Commitment: seed("x"), Cut: fullCut(wire.MaxDevices)}
	for _, b := range []Body{&RotateBody{}, &RetentionBody{Kept: 1}, &SchemaBody{}} {
		b, _ = WithSeal(b, part)
		s := found(t, "alice")
		env, err := s.draft(b).with(testKey("alice")).sign(payload{Space: &s.r.space, Number: 1, Predecessor: s.r.head.Hash})
		if err != nil {
			t.Fatal(err)
		}
		if len(env) > 200<<10 {
			t.Errorf("%s with %d lanes takes %d bytes", b.Kind(), wire.MaxDevices, len(env))
		}
		if _, err := Parse(env); err != nil {
			t.Error(err)
		}
		_, _, err = s.r.Apply(env)
		wantRule(t, err, "cut-lane-unknown")
	}
}

func (d Draft) with(key crypto.Signer) Draft { d.Signer, d.Time = key, t0; return d }

func TestCutForms(t *testing.T) {
	root, dev := wire.Hash(seed("x")).String(), id("alice").String()
	none := wire.Sum().String()
	lane := func(dev string, n string) string { return `["` + dev + `",` + n + `,"` + root + `"]` }
	for name, c := range map[string]struct {
		lanes, order string
		ok           bool
	}{
		"empty":             {``, `[0,"` + none + `"]`, true},
		"one":               {lane(dev, "1"), `[1,"` + root + `"]`, true},
		"greatest":          {lane(dev, "9007199254740991"), `[0,"` + none + `"]`, true},
		"empty-lane":        {lane(dev, "0"), `[0,"` + none + `"]`, false},
		"2^53":              {lane(dev, "9007199254740992"), `[0,"` + none + `"]`, false},
		"negative":          {lane(dev, "-1"), `[0,"` + none + `"]`, false},
		"twice":             {lane(dev, "1") + "," + lane(dev, "1"), `[0,"` + none + `"]`, false},
		"descending":        {lane(wire.DeviceID{9}.String(), "1") + "," + lane(wire.DeviceID{1}.String(), "1"), `[0,"` + none + `"]`, false},
		"short":             {`["` + dev + `",1]`, `[0,"` + none + `"]`, false},
		"long":              {`["` + dev + `",1,"` + root + `",1]`, `[0,"` + none + `"]`, false},
		"object":            {`{"device":"` + dev + `"}`, `[0,"` + none + `"]`, false},
		"null":              {`null`, `[0,"` + none + `"]`, false},
		"device-upper-case": {lane(strings.ToUpper(dev), "1"), `[0,"` + none + `"]`, false},
		"length-as-text":    {lane(dev, `"1"`), `[0,"` + none + `"]`, false},
		"length-null":       {lane(dev, `null`), `[0,"` + none + `"]`, false},
		"order-zero-root":   {``, `[0,"` + root + `"]`, false},
		"order-empty-root":  {``, `[3,"` + none + `"]`, false},
		"order-null":        {``, `null`, false},
	} {
		t.Run(name, func(t *testing.T) {
			raw := `{"seal":{"commitment":"` + root + `","cut":{"lanes":[` + c.lanes + `],"order":` + c.order + `}}}`
			u := &Unverified{Number: 1, Kind: KindRotate, raw: []byte(raw)}
			_, err := u.body()
			if (err == nil) != c.ok || err != nil && !errors.Is(err, ErrMalformed) {
				t.Errorf("%v", err)
			}
		})
	}
}

func TestCutRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := Cut{Order: wire.LogHead{Root: wire.Sum()}}
		if n := rapid.Uint64Range(0, wire.MaxInt).Draw(t, "order"); n > 0 {
			c.Order = wire.LogHead{Len: n, Root: seed("order")}
		}
		var before wire.DeviceID
		for i := range rapid.IntRange(0, 20).Draw(t, "lanes") {
			before[i%16]++
			before[0]++
			c.Lanes = append(c.Lanes, LaneCut{before, wire.LogHead{Len: rapid.Uint64Range(1, wire.MaxInt).Draw(t, "len"), Root: seed(fmt.Sprint(i))}})
		}
		b := must(wire.MarshalJSON(&RotateBody{Seal: &SealPart{Cut: c}}))
		var back RotateBody
		if err := wire.UnmarshalJSON(b, &back); err != nil || back.Seal.check() != nil {
			t.Fatalf("%s: %v, %v", b, err, back.Seal.check())
		}
		if d := cmp.Diff(c, back.Seal.Cut); d != "" {
			t.Fatal(d)
		}
		for _, l := range c.Lanes {
			if h, ok := back.Seal.Cut.Lane(l.Device); !ok || h != l.LogHead {
				t.Fatalf("lane of %s: %v", l.Device, h)
			}
		}
		if _, ok := c.Lane(wire.DeviceID{255}); ok {
			t.Fatal("a lane that is not there")
		}
	})
}

// What a seal says is kept with the opening, and can be asked for by number.
func TestOpeningsOfSeals(t *testing.T) {
	s := with(t, map[string]Role{"adam": Admin, "eve": Editor})
	kinds := []string{KindGenesis}
	for _, b := range []Body{&RotateBody{}, &SchemaBody{}, &MemberRoleBody{Member: memberID("eve"), Role: Viewer}, &MemberRemoveBody{Member: memberID("eve")},
		&RetentionBody{Kept: 2}, &PolicyBody{Policy: Policy{Endorsements: 2}}, &UpgradeBody{Format: 2}, &DeviceRemoveBody{Device: id("adam")}} {
		part := s.sealPart()
		b, _ = WithSeal(b, part)
		e := s.must("alice", b)
		kinds = append(kinds, b.Kind())
		o, ok := s.r.OpeningOf(uint64(len(kinds) - 1))
		want := Opening{Epoch: wire.Epoch{Number: uint64(len(kinds) - 1), O: e.Hash}, Kind: b.Kind(), P: e.Predecessor,
			Commitment: part.Commitment, At: e.Number, Author: id("alice"), Time: e.Time, Cut: &part.Cut}
		if d := cmp.Diff(want, o); d != "" || !ok {
			t.Error(d)
		}
	}
	for i, o := range s.r.Openings() {
		if o.Kind != kinds[i] || (o.Cut == nil) != (i == 0) {
			t.Errorf("opening %d: %+v", i, o)
		}
	}
	if _, ok := s.r.OpeningOf(uint64(len(kinds))); ok {
		t.Error("an epoch that is not open yet")
	}
}

// Seals, WithSeal and the fold agree, for every kind.
func TestSealsSaysWhatTheFoldAsks(t *testing.T) {
	s := with(t, map[string]Role{"adam": Admin, "eve": Editor, "vic": Viewer})
	s.must("eve", &KeyUpdateBody{Recovery: ref(recoveryKeys("eve"))})
	s.must("adam", &KeyUpdateBody{Recovery: ref(recoveryKeys("adam"))})
	s.join("adam 2", s.deviceLink("adam", "adam 2"))
	for _, c := range []struct {
		author string
		body   Body
		seals  bool
	}{
		{"adam", &RotateBody{}, true}, {"adam", &SchemaBody{}, true}, {"adam", &SchemaBody{Widens: true}, false},
		{"adam", &MemberRoleBody{Member: memberID("eve"), Role: Viewer}, true}, {"adam", &MemberRoleBody{Member: memberID("eve"), Role: Admin}, false},
		{"adam", &DeviceRemoveBody{Device: id("eve")}, true}, {"adam", &DeviceRemoveBody{Device: id("adam 2")}, true},
		{"adam 2", &DeviceRemoveBody{Device: id("adam 2")}, false}, {"eve", &LeaveBody{}, false},
		{"alice", &PolicyBody{Policy: Policy{Invite: Owner}}, true}, {"alice", &PolicyBody{Policy: Policy{Invite: Editor}}, false},
		{"alice", &RetentionBody{Kept: 1}, true}, {"alice", &UpgradeBody{Format: 2}, true}, {"adam", &RemoteBody{}, false},
		{"eve 2", s.recovering("eve 2", "eve", "eve anew"), false}, {"adam 3", s.recovering("adam 3", "adam", "adam anew"), true},
	} {
		if got := s.r.Seals(c.body, id(c.author)); got != c.seals {
			t.Errorf("%s by %s seals: %v", c.body.Kind(), c.author, got)
		}
		with, sealable := WithSeal(c.body, s.sealPart())
		body := c.body
		if c.seals {
			body = with
		}
		if _, err := s.in(t).try(c.author, s.draft(body)); err != nil {
			t.Errorf("%s by %s: %v", body.Kind(), c.author, err)
		}
		if n, ok := c.body.(narrowing); ok && (!sealable || n.seal() != nil) {
			t.Errorf("%s: WithSeal changed the body itself", c.body.Kind())
		}
	}
	if s.r.Seals(&RotateBody{}, id("mallory")) {
		t.Error("a stranger seals")
	}
}

// A body with a seal in it is the same body.
func TestWithSealKeepsTheRest(t *testing.T) {
	part := SealPart{Commitment: seed("x"), Cut: fullCut(2)}
	for kind, raw := range map[string]string{
		KindMemberRemove: `{"keep":{"recovery":true},"member":"` + memberID("x").String() + `"}`,
		KindDeviceRemove: `{"device":"` + id("x").String() + `","keep":{"recovery":true}}`,
		KindMemberRole:   `{"member":"` + memberID("x").String() + `","role":"viewer"}`,
		KindSchema:       `{"widens":true}`, KindRotate: `{}`, KindRetention: `{"kept":7}`,
		KindPolicy: `{"policy":{"endorsements":2}}`, KindUpgrade: `{"format":2,"requires":["a"]}`,
	} {
		b, _ := bodyOf(kind)
		if err := json.Unmarshal([]byte(raw), b); err != nil {
			t.Fatal(err)
		}
		sealed, ok := WithSeal(b, part)
		if !ok {
			t.Fatalf("%s never seals", kind)
		}
		var fields map[string]json.RawMessage
		if err := json.Unmarshal(must(wire.MarshalJSON(sealed)), &fields); err != nil || fields["seal"] == nil {
			t.Fatalf("%s: %v", kind, err)
		}
		delete(fields, "seal")
		if got := must(wire.MarshalJSON(fields)); string(got) != raw {
			t.Errorf("%s: %s", kind, got)
		}
	}
}
