package space

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/espace-git/espace-git/internal/wire"
	"github.com/espace-git/espace-git/membership"
	"github.com/espace-git/espace-git/merge"
	"github.com/espace-git/espace-git/schema"
	"github.com/espace-git/espace-git/view"
)

// text reads a name out of the local directory; empty if there is none.
func text(v *view.Tx, what byte, id []byte) string {
	b, _, err := v.Get(bucketName, nameKey(what, id))
	if err != nil {
		return ""
	}
	return string(b)
}

// memberName is the name that a member gave itself, or its ID.
func memberName(v *view.Tx, m wire.MemberID) string {
	if name := text(v, nameMember, m[:]); name != "" {
		return name
	}
	return m.String()
}

// deviceName is for people: whose device it is.
func deviceName(v *view.Tx, roster *membership.Roster, d wire.DeviceID) string {
	if roster != nil {
		if dev, ok := roster.Device(d); ok {
			return memberName(v, dev.Member)
		}
	}
	return "device " + d.String()
}

// findMember resolves a name, an ID, or the beginning of one. Who was removed is meant
// only if nobody who belongs can be.
func findMember(v *view.Tx, roster *membership.Roster, name string) (membership.Member, error) {
	var found []membership.Member
	for _, m := range roster.Members() {
		if shown := memberName(v, m.ID); shown == name || strings.EqualFold(shown, laterName(name, m.ID)) || len(name) >= 4 && strings.HasPrefix(m.ID.String(), name) {
			found = append(found, m)
		}
	}
	belong := slices.DeleteFunc(slices.Clone(found), func(m membership.Member) bool { return m.Status == membership.StatusRemoved })
	if len(belong) > 0 {
		found = belong
	}
	switch len(found) {
	case 0:
		return membership.Member{}, notFound("there is no member %q", name)
	case 1:
		return found[0], nil
	}
	return membership.Member{}, usage("%d members are called %q: give the ID (`member list`)", len(found), name)
}

// schemas are the versions of the schema by ledger entry, oldest first.
type schemas []schemaVersion

type schemaVersion struct {
	number uint64
	schema *schema.Schema
}

func loadSchemas(v *view.Tx) (schemas, error) {
	var out schemas
	for pair, err := range v.Each(bucketName, []byte{nameSchema}) {
		if err != nil {
			return nil, err
		}
		sc, err := schema.Decode(pair.Value)
		if err != nil {
			return nil, fmt.Errorf("local store: schema: %w", err)
		}
		out = append(out, schemaVersion{wire.ReadU64(pair.Key[1:]), sc})
	}
	return out, nil
}

// at is the schema in force at a ledger position; nil before the first.
func (s schemas) at(number uint64) *schema.Schema {
	for i := len(s) - 1; i >= 0; i-- {
		if s[i].number <= number {
			return s[i].schema
		}
	}
	return nil
}

// check names what is wrong with a lane's operations under the schema of a
// position; checkOrdered is the same for the order's.
func (s schemas) check(number uint64, ops []merge.Op) string {
	return s.checkAll(number, ops, schema.CheckLane)
}

func (s schemas) checkOrdered(number uint64, ops []merge.Op) string {
	return s.checkAll(number, ops, schema.CheckOrdered)
}

func (s schemas) checkAll(number uint64, ops []merge.Op, check func(*schema.Schema, *merge.Op) error) string {
	sc := s.at(number)
	if sc == nil {
		return "there was no schema yet"
	}
	for i := range ops {
		if err := check(sc, &ops[i]); err != nil {
			return err.Error()
		}
	}
	return ""
}

// newSchema takes the schema that an entry brings. One that does not decode, that
// makes a document another kind of value, or that narrows although its public part
// says that it widens, is void: the old one stays, on every device alike (DESIGN 4).
func (r *round) newSchema(e *membership.Entry, items membership.Items) error {
	item, ok := items[membership.ItemSchema]
	if !ok {
		return nil
	}
	sc, err := schema.Decode(item.Value)
	if err == nil {
		err = schema.CheckSuccessor(r.schemas.at(e.Number), sc)
	}
	if b, ok := e.Body.(*membership.SchemaBody); err == nil && ok && b.Widens {
		err = widens(r.schemas.at(e.Number), sc)
	}
	if err != nil {
		r.warn("the schema in ledger entry %d by %s is void: %v", e.Number, r.deviceName(e.Author), err)
		return nil
	}
	r.schemas = slices.DeleteFunc(r.schemas, func(v schemaVersion) bool { return v.number == e.Number })
	r.schemas = append(r.schemas, schemaVersion{e.Number, sc})
	slices.SortFunc(r.schemas, func(a, b schemaVersion) int { return cmp.Compare(a.number, b.number) })
	if err := r.v.Put(bucketName, nameKey(nameSchema, wire.U64(e.Number)), item.Value); err != nil {
		return err
	}
	if r.started() && openingAt(r.roster(), e.Number).Number > r.me.Epoch.Number {
		return nil // what was written before is folded under the old one: see cross
	}
	return r.useSchema(e.Number)
}

// useSchema makes the schema in force at a ledger position that of the view.
func (r *round) useSchema(at uint64) error {
	number, ok := r.schemas.inForce(at)
	if sc, now := r.v.Schema(); !ok || sc != nil && now == number {
		return nil
	}
	return r.v.SetSchema(r.schemas.at(at), number)
}

// inForce is the number of the entry with the schema in force at a position.
func (s schemas) inForce(at uint64) (number uint64, ok bool) {
	for i := len(s) - 1; i >= 0; i-- {
		if s[i].number <= at {
			return s[i].number, true
		}
	}
	return 0, false
}

func widens(before, after *schema.Schema) error {
	if d := schema.Diff(before, after); before != nil && d.Narrows() {
		return fmt.Errorf("it narrows:\n%s", d)
	}
	return nil
}
