package membership

import "github.com/espace-git/espace-git/internal/wire"

// SchemaBody brings a new schema, the private item "schema". Widens says that it
// forbids nothing that was allowed; then it needs no seal. If its content narrows
// all the same, readers treat it as void and keep the old one (DESIGN 4).
type SchemaBody struct {
	Seal   *SealPart `json:"seal,omitempty"`
	Widens bool      `json:"widens"`
}

// ItemSchema is the name of the private item with the schema.
const ItemSchema = "schema"

func (*SchemaBody) Kind() string          { return KindSchema }
func (*SchemaBody) least(*Roster) Role    { return Admin }
func (b *SchemaBody) apply(f *fold) error { return f.narrow(b) }
func (b *SchemaBody) seal() *SealPart     { return b.Seal }
func (*SchemaBody) judge(*fold) error     { return nil }
func (*SchemaBody) suspend(*fold)         {}

func (b *SchemaBody) wellFormed(e *Entry) error {
	if _, ok := e.Items[ItemSchema]; !ok {
		return malformed("schema-missing", "no private item %q", ItemSchema)
	}
	return b.Seal.check()
}

func (b *SchemaBody) withSeal(p *SealPart) Body { return &SchemaBody{Seal: p, Widens: b.Widens} }

func (b *SchemaBody) form(*fold) form {
	if b.Widens {
		return plain
	}
	return sealing
}

func (b *SchemaBody) carry(f *fold, by wire.Position) { f.next.schema = by.Number }
