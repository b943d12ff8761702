package merge

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/espace-git/espace-git/internal/wire"
)

func allDocumentTypes() []DocumentType {
	var out []DocumentType
	for t := range DocumentType(255) {
		if _, err := NewDocument(t); err == nil {
			out = append(out, t)
		}
	}
	return out
}

func TestDocumentTypes(t *testing.T) {
	for _, of := range allDocumentTypes() {
		d, err := NewDocument(of)
		if err != nil || d.Type() != of || !d.Empty() {
			t.Fatalf("type %d: %v, a new one is of type %d, empty: %t", of, err, d.Type(), d.Empty())
		}
		b, err := d.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if back, err := DecodeSealed(of, b); err != nil || !back.Empty() || !cmp.Equal(back.Value(), d.Value()) {
			t.Errorf("type %d: a new one comes back: %v", of, err)
		}
		for name, change := range map[string][]byte{"nothing": nil, "an empty change": {0x40}, "null": value(nil), "a text": value("x"), "too much": make([]byte, MaxChange+1)} {
			if err := CheckChange(of, device(1), change); err == nil {
				t.Errorf("type %d takes %s", of, name)
			}
			if _, err := ResettleChange(of, device(1), change, Stamp{}, Stamp{}); err == nil {
				t.Errorf("type %d settles %s", of, name)
			}
			if refs := ChangeRefers(of, device(1), change); refs != nil {
				t.Errorf("type %d: %s refers to %v", of, name, refs)
			}
			if name == "too much" {
				continue
			}
			if err := d.Apply(Stamp{Time: 1, Device: device(1), Number: 1}, change); err == nil || !d.Empty() {
				t.Errorf("type %d applies %s: %v", of, name, err)
			}
			if _, lost, ok := ReissueChange(d, d, device(1), change, Stamp{}, Stamp{}, 1); ok || len(lost) != 1 {
				t.Errorf("type %d issues %s again", of, name)
			}
		}
	}
	for name, err := range map[string]error{
		"new":     func() error { _, err := NewDocument(3); return err }(),
		"decoded": func() error { _, err := DecodeDocument(3, nil); return err }(),
		"sealed":  func() error { _, err := DecodeSealed(3, nil); return err }(),
		"change":  CheckChange(3, device(1), []byte{0x40}),
	} {
		if !errors.Is(err, ErrDocumentType) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestDocumentValues is what readers see.
func TestDocumentValues(t *testing.T) {
	a := device(1)
	odd := value("a\"b\\\n\x01é")
	var l List
	op, err := l.Insert(0, 0, odd, value(int64(1<<60)), value(0.5), value([]byte{1, 2}), value(true), value(nil))
	if err != nil {
		t.Fatal(err)
	}
	list, _ := NewDocument(ListDocument)
	apply(t, list, a, 1, mustChange(t)(ChangeCell(EncodeListChange(a, &ListChange{[]ListOp{op}}))))
	want := `["a\"b\\\n\u0001é",1152921504606846976,0.5,"AQI=",true,null]`
	if got := string(list.Value().(json.RawMessage)); got != want {
		t.Errorf("%s, want %s", got, want)
	}
	var v []any
	if err := json.Unmarshal(list.Value().(json.RawMessage), &v); err != nil || v[0] != "a\"b\\\n\x01é" {
		t.Error(v, err)
	}
	doc, _ := NewDocument(TreeDocument)
	tree := &doc.(*TreeDoc).Tree
	create, err := tree.Create(Dot{}, 0, "a", value(nil))
	if err != nil {
		t.Fatal(err)
	}
	apply(t, doc, a, 1, mustChange(t)(ChangeCell(EncodeTreeChange(a, &TreeChange{[]TreeOp{create}}))))
	folder := Dot{a, 1, 0}
	if create, err = tree.Create(folder, 0, "b", value("x")); err != nil {
		t.Fatal(err)
	}
	apply(t, doc, a, 2, mustChange(t)(ChangeCell(EncodeTreeChange(a, &TreeChange{[]TreeOp{create}}))))
	want = fmt.Sprintf(`[{"folder":null,"id":%q,"name":"a","value":null},{"folder":%[1]q,"id":%q,"name":"b","value":"x"}]`, folder, Dot{a, 2, 0})
	if got := string(doc.Value().(json.RawMessage)); got != want {
		t.Errorf("%s, want %s", got, want)
	}
	for _, d := range []Dot{folder, {a, MaxNumber, MaxIndex}} {
		if back, err := ParseDot(d.String()); err != nil || back != d {
			t.Error(back, err)
		}
	}
	for _, s := range []string{"", "a.b", "a.1.0", folder.String() + "x", a.String() + ".0.0", a.String() + ".01.0", a.String() + ".1.16777216"} {
		if _, err := ParseDot(s); !errors.Is(err, wire.ErrMalformed) {
			t.Errorf("%q is taken: %v", s, err)
		}
	}
}

// TestResettleChange: a change that waits names an earlier one of its author,
// which gets another number.
func TestResettleChange(t *testing.T) {
	a := device(1)
	old, settled := Stamp{5, 5, a, 900}, Stamp{7, 7, a, 3}
	dot := Dot{a, 900, 0}
	cell := func(b []byte, err error) []byte { return mustChange(t)(ChangeCell(b, err)) }
	for of, change := range map[DocumentType][]byte{
		SetDocument:  cell(EncodeSetChange(a, &SetChange{[]SetOp{{Value: value("x"), Saw: []Dot{dot}}}})),
		FlagDocument: cell(EncodeFlagChange(a, &FlagChange{Saw: []Dot{dot}})),
		ListDocument: cell(EncodeListChange(a, &ListChange{[]ListOp{{Kind: ListDelete, Item: dot}}})),
		TreeDocument: cell(EncodeTreeChange(a, &TreeChange{[]TreeOp{{Kind: TreeDelete, Node: dot, Saw: Mark{old, 0}}}})),
	} {
		out, err := ResettleChange(of, a, change, old, settled)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff([]TxRef{{a, 3}}, ChangeRefers(of, a, out)); d != "" {
			t.Errorf("type %d: %s", of, d)
		}
		if again, err := ResettleChange(of, a, out, old, settled); err != nil || string(again) != string(out) {
			t.Errorf("type %d: settled twice: %x, %v", of, again, err)
		}
	}
}

// ---------- edits in transactions ----------

// editing is a state with documents in column 7 of lists.
type editing struct {
	rows
	docs map[place][2]Document
}

func (s editing) Document(table, column uint32) (DocumentType, bool) {
	return ListDocument, table == lists && column == 7
}

func (s editing) Documents(table uint32, id RowID, column uint32) (old, onto Document, ok bool) {
	d, ok := s.docs[place{table, id}]
	return d[0], d[1], ok && column == 7
}

func editOfList(t *testing.T, of RowID, c *ListChange) Op {
	return Op{Kind: Edit, Table: lists, Row: of, Cells: []Cell{{7, mustChange(t)(ChangeCell(EncodeListChange(device(1), c)))}}}
}

func TestReissueEdits(t *testing.T) {
	const opening = 100
	s := editing{rows{}, map[place][2]Document{}}
	s.apply(t, Stamp{10, 10, device(2), 4}, []Op{{Kind: Insert, Table: lists, Row: row(1)}})
	insert := &ListChange{[]ListOp{{Kind: ListInsert, Values: [][]byte{value("milk")}}}}
	move := &ListChange{[]ListOp{{Kind: ListMove, Index: 1, Item: Dot{device(2), 9, 0}}}}
	tx := &Transaction{Number: 5, Time: 30, Ops: []Op{
		editOfList(t, row(1), insert), editOfList(t, row(1), move), editOfList(t, row(2), insert), editOfList(t, row(3), insert),
		{Kind: Insert, Table: lists, Row: row(3)},
	}}
	fresh := func() {
		for _, r := range []RowID{row(1), row(2), row(3)} {
			old, onto := new(ListDoc), new(ListDoc)
			s.docs[place{lists, r}] = [2]Document{old, onto}
		}
		old := s.docs[place{lists, row(1)}][0]
		other := &ListChange{[]ListOp{{Kind: ListInsert, Values: [][]byte{value("eggs")}}}}
		apply(t, old, device(2), 9, mustChange(t)(ChangeCell(EncodeListChange(device(2), other))))
		for _, op := range tx.Ops[:2] {
			apply(t, old, device(1), 5, op.Cells[0].Value)
		}
	}
	if d := cmp.Diff([]TxRef{{device(2), 4}, {device(2), 9}}, Needs(tx, device(1), s)); d != "" {
		t.Error("needs:", d)
	}
	fresh()
	again, dropped, verdict := Reissue(tx, device(1), opening, editing{s.rows.seal(opening), s.docs})
	if verdict != Again || len(again.Ops) != 3 || len(dropped) != 2 {
		t.Fatal(verdict, again, dropped)
	}
	if dropped[0].Reason != `moving the item "eggs": the item is gone` || dropped[1].Reason != ReasonGone || dropped[1].Row != row(2) {
		t.Errorf("dropped %+v", dropped)
	}
	for _, r := range []RowID{row(1), row(3)} {
		if got := string(s.docs[place{lists, r}][1].Value().(json.RawMessage)); got != `["milk"]` {
			t.Errorf("row %x: issued again onto %s", r, got)
		}
	}
	// A row that hangs: nothing is issued, and no document is touched.
	fresh()
	tx.Ops = append(tx.Ops, Op{Kind: Insert, Table: wishes, Row: row(4), Cells: []Cell{{onList, listRef(9)}}})
	_, dropped, verdict = Reissue(tx, device(1), opening, editing{s.rows.seal(opening), s.docs})
	if verdict != Conflict || len(dropped) != 5 || !s.docs[place{lists, row(1)}][1].Empty() {
		t.Error(verdict, dropped)
	}
	// No document any more.
	delete(s.docs, place{lists, row(1)})
	tx.Ops = tx.Ops[:1]
	if _, dropped, verdict = Reissue(tx, device(1), opening, editing{s.rows.seal(opening), s.docs}); verdict != Conflict || dropped[0].Reason != ReasonNoDocument {
		t.Error(verdict, dropped)
	}
}

func TestDroppedReasonsAreCut(t *testing.T) {
	for _, words := range []string{strings.Repeat("é", 300), "\xff" + strings.Repeat("x", 300), "short \xff", "ok"} {
		x := Dropped{lists, row(1), 7, value("v"), Stamp{5, 5, device(1), 1}, Stamp{}, cutReason(words)}
		if _, err := EncodeDropped(&x); err != nil {
			t.Errorf("%q: %v", words, err)
		}
	}
}

// TestEditKeepsARow: an edit counts as a write of its column: who deleted the row
// without having seen it does not win in a table that says update_wins.
func TestEditKeepsARow(t *testing.T) {
	var s RowState
	s, _ = ApplyOp(s, Stamp{10, 10, device(1), 1}, &Op{Kind: Insert, Table: votes, Row: row(1)}, TableOptions{true})
	saw := s.Saw()
	edit := Op{Kind: Edit, Table: votes, Row: row(1), Cells: []Cell{{7, value(int64(2))}}}
	s, change := ApplyOp(s, Stamp{20, 20, device(2), 1}, &edit, TableOptions{true})
	if len(change.Set) > 0 || s.Stamp(7).Number != 1 || s.Last() != s.Stamp(7) {
		t.Errorf("%+v %+v", change, s)
	}
	s, _ = ApplyOp(s, Stamp{30, 30, device(1), 2}, &Op{Kind: Delete, Table: votes, Row: row(1), Saw: saw}, TableOptions{true})
	if !s.Live() {
		t.Error("the row is gone")
	}
}
