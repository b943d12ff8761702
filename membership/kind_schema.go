package membership

// SchemaBody brings a new schema, the private item "schema". Widens says that it
// forbids nothing that was allowed; then it needs no seal. If its content narrows
// all the same, readers treat it as void and keep the old one (DESIGN 4).
type SchemaBody struct {
	Widens bool `json:"widens"`
}

// ItemSchema is the name of the private item with the schema.
const ItemSchema = "schema"

func (*SchemaBody) Kind() string       { return KindSchema }
func (*SchemaBody) least(*Roster) Role { return Admin }

func (*SchemaBody) wellFormed(e *Entry) error {
	if _, ok := e.Items[ItemSchema]; !ok {
		return malformed("schema-missing", "no private item %q", ItemSchema)
	}
	return nil
}

func (b *SchemaBody) apply(f *fold) error {
	if !b.Widens {
		return denied("narrowing-seals", "a schema that narrows comes with a seal")
	}
	f.next.schema = f.entry.Number
	return nil
}
