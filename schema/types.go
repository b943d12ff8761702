package schema

import "fmt"

// Type of a column. The numbers are permanent: they stand in stored schemas.
type Type uint8

// Scalar types; package merge has the table of what their cells hold.
const (
	Text   Type = 1
	Int    Type = 2
	Real   Type = 3
	Bool   Type = 4
	Bytes  Type = 5
	Time   Type = 6
	JSON   Type = 7
	ID     Type = 8
	Ref    Type = 9
	Member Type = 10
)

// Document types: several people change one value at once (package merge has a
// driver for each, under the same number).
const (
	File     Type = 11
	Textarea Type = 12
	List     Type = 13
	Set      Type = 14
	Counter  Type = 15
	Flag     Type = 16
	Log      Type = 17
	Tree     Type = 18
)

var typeNames = [...]string{
	Text: "text", Int: "int", Real: "real", Bool: "bool", Bytes: "bytes", Time: "time", JSON: "json", ID: "id",
	Ref: "ref", Member: "member", File: "file", Textarea: "textarea", List: "list", Set: "set", Counter: "counter",
	Flag: "flag", Log: "log", Tree: "tree",
}

func (t Type) String() string {
	if t >= 1 && int(t) < len(typeNames) {
		return typeNames[t]
	}
	return fmt.Sprintf("type %d", uint8(t))
}

func parseType(name string) (Type, bool) {
	for t := Text; int(t) < len(typeNames); t++ {
		if typeNames[t] == name {
			return t, true
		}
	}
	return 0, false
}

// scalar says that a cell holds one value.
func (t Type) scalar() bool { return t >= Text && t <= Member }

// is16 says that values are 16 bytes.
func (t Type) is16() bool { return t == ID || t == Ref || t == Member }

// OnDelete says what happens to a row when the row goes that it refers to. The
// numbers are permanent.
type OnDelete uint8

const (
	Keep    OnDelete = 0 // the reference stays and points nowhere
	Null    OnDelete = 1 // the reference reads as null
	Cascade OnDelete = 2 // the row goes too
)

var onDeleteNames = [...]string{Keep: "keep", Null: "null", Cascade: "cascade"}

func (o OnDelete) String() string {
	if int(o) < len(onDeleteNames) {
		return onDeleteNames[o]
	}
	return fmt.Sprintf("on_delete %d", uint8(o))
}

// DefaultKind says where a column's value comes from when an insert names none.
// The numbers are permanent.
type DefaultKind uint8

const (
	NoDefault     DefaultKind = 0
	DefaultValue  DefaultKind = 1 // a literal
	DefaultNow    DefaultKind = 2 // the author's clock
	DefaultMember DefaultKind = 3 // the author's member
)
