package membership

import (
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"github.com/espace-git/espace-git/internal/wire"
)

// payload is the JSON of an entry, as it is signed (RFC 8785). New fields are
// always optional and absent when empty, so old entries keep their bytes.
type payload struct {
	Author      wire.DeviceID        `json:"author"`
	Body        json.RawMessage      `json:"body"`
	Items       map[string]wire.Hash `json:"items,omitempty"`
	Kind        string               `json:"kind"`
	Number      uint64               `json:"number"`
	Predecessor wire.Hash            `json:"predecessor"`
	Private     []byte               `json:"private,omitempty"`
	Proposal    *Terms               `json:"proposal,omitempty"`
	Space       *wire.Hash           `json:"space,omitempty"` // absent in genesis, whose hash it is
	Time        int64                `json:"time"`            // milliseconds since 1970, claimed
	Tries       []wire.Hash          `json:"tries,omitempty"` // entries that lost a race and were never seen again
}

const (
	maxItems    = 64
	maxItemName = 64
	maxTries    = 64
	maxTime     = 1<<48 - 1 // 48 bits, as in a stamp (DESIGN 8)
)

// check is what the bytes of any entry decide, whatever its kind.
func (p *payload) check() error {
	if p.Time < 0 || p.Time > maxTime {
		return malformed("time", "time %d is not within 48 bits of milliseconds", p.Time)
	}
	if (p.Space == nil) != (p.Kind == KindGenesis) || (p.Number == 0) != (p.Kind == KindGenesis) {
		return malformed("genesis-shape", "number 0, no space and kind genesis come together")
	}
	if p.Predecessor.IsZero() != (p.Number == 0) {
		return malformed("genesis-shape", "only genesis has no predecessor")
	}
	if len(p.Tries) > maxTries {
		return malformed("tries", "%d earlier tries, limit %d", len(p.Tries), maxTries)
	}
	if err := p.Proposal.check(p.Number); err != nil {
		return err
	}
	return checkItems(p.Items, len(p.Private) > 0)
}

func checkItems(items map[string]wire.Hash, private bool) error {
	if (len(items) > 0) != private {
		return malformed("items", "items and a private part come together")
	}
	if len(items) > maxItems {
		return malformed("items", "%d items, limit %d", len(items), maxItems)
	}
	for name := range items {
		if !isName(name, maxItemName) {
			return malformed("items", "item name %.80q", name)
		}
	}
	return nil
}

// isName accepts 1 to limit of a-z, 0-9, '.' and '-': names without a second form.
func isName(s string, limit int) bool {
	for _, c := range []byte(s) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '.' && c != '-' {
			return false
		}
	}
	return s != "" && len(s) <= limit
}

// Unverified is a well-formed entry of which nobody has checked who signed it:
// its fields are claims. Judge makes an Entry of it.
type Unverified struct {
	Number      uint64
	Hash        wire.Hash // SHA-256 of the payload
	Predecessor wire.Hash
	Space       wire.Hash // of genesis: its own hash
	Kind        string
	Author      wire.DeviceID
	Time        time.Time
	Items       map[string]wire.Hash
	Private     []byte
	Proposal    *Terms
	Tries       []wire.Hash
	Envelope    []byte

	payload []byte
	raw     json.RawMessage // the body

	once        sync.Once
	decodedBody Body
	decodedErr  error
}

// Parse is the first step: one exact envelope around one exact payload. It does
// not look into the body, since a kind of tomorrow may have another.
func Parse(env []byte) (*Unverified, error) {
	e, err := parseEnvelope(env)
	if err != nil {
		return nil, err
	}
	var p payload
	if err := wire.UnmarshalJSON(e.payload, &p); err != nil {
		return nil, malformed("payload", "payload: %w", err)
	}
	u := &Unverified{
		Number: p.Number, Hash: wire.Sum(e.payload), Predecessor: p.Predecessor, Kind: p.Kind,
		Author: p.Author, Time: time.UnixMilli(p.Time).UTC(), Items: p.Items, Private: p.Private,
		Proposal: p.Proposal, Tries: p.Tries, Envelope: env, payload: e.payload, raw: p.Body,
	}
	if u.Space = u.Hash; p.Space != nil {
		u.Space = *p.Space
	}
	if err := p.check(); err != nil {
		return nil, ruleError(err, u, wire.DeviceID{})
	}
	return u, nil
}

// Entry is an entry that a roster has accepted. It must not be changed.
type Entry struct {
	Number      uint64
	Hash        wire.Hash // SHA-256 of the payload: the entry's identity
	Predecessor wire.Hash
	Kind        string
	Author      wire.DeviceID
	Time        time.Time // claimed by the author; no verdict depends on it
	Body        Body      // *InviteBody and so on, by kind
	Items       map[string]wire.Hash
	Private     []byte
	Proposal    *Terms // of a proposal: no effect until it is approved
	Tries       []wire.Hash
	Envelope    []byte
}

// Position is the entry's place in the ledger.
func (e *Entry) Position() wire.Position { return wire.Position{Number: e.Number, Hash: e.Hash} }

func (u *Unverified) entry(b Body) *Entry {
	return &Entry{
		Number: u.Number, Hash: u.Hash, Predecessor: u.Predecessor, Kind: u.Kind, Author: u.Author, Time: u.Time,
		Body: b, Items: u.Items, Private: u.Private, Proposal: u.Proposal, Tries: u.Tries,
		Envelope: u.Envelope,
	}
}

// Path is where an entry stands in the tree of `main`: 1,000 to a directory.
func Path(number uint64) string {
	return fmt.Sprintf("ledger/%04d/%08d.json", number/1000, number)
}

// Place is a position as bodies carry it.
type Place struct {
	Hash   wire.Hash `json:"hash"`
	Number uint64    `json:"number"`
}

// PlaceOf is p as bodies carry it.
func PlaceOf(p wire.Position) Place { return Place{Hash: p.Hash, Number: p.Number} }

// Position is p as the rest of the program knows it.
func (p Place) Position() wire.Position { return wire.Position{Number: p.Number, Hash: p.Hash} }
