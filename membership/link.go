package membership

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base32"
	"fmt"
	"strings"
	"unicode"

	"github.com/espace-git/espace-git/internal/wire"
)

// Link is a join link. Whoever has it can take the one place it offers, so it
// travels by a channel that the two already trust. It opens no content.
type Link struct {
	Repository string // URL or path of the primary remote, without credentials
	LedgerRef  string // empty: refs/heads/main
	Prefix     string // empty: refs/espace/
	Space      wire.Hash
	Invite     wire.Position // the entry that a newcomer's ledger must have (newcomer-captured)
	Secret     [16]byte      // the invite key is derived from it
}

const (
	linkPrefix    = "espace1"
	linkChecksum  = 4
	maxLink       = 8 << 10
	maxRepository = 2 << 10
)

// linkCBOR is the encoding under linkPrefix; another form gets another prefix.
type linkCBOR struct {
	_          struct{} `cbor:",toarray"`
	Repository string
	LedgerRef  string
	Prefix     string
	Space      []byte
	Number     uint64
	Hash       []byte
	Secret     []byte
}

var linkText = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// String is the link itself, "espace1…": a secret until it has been used.
func (l Link) String() string {
	b, err := wire.MarshalCBOR(linkCBOR{
		Repository: l.Repository, LedgerRef: l.LedgerRef, Prefix: l.Prefix, Space: l.Space[:],
		Number: l.Invite.Number, Hash: l.Invite.Hash[:], Secret: l.Secret[:],
	})
	if err != nil {
		panic("membership: link: " + err.Error()) // strings and byte strings always encode
	}
	sum := wire.Sum(b)
	return linkPrefix + linkText.EncodeToString(append(b, sum[:linkChecksum]...))
}

// ParseLink reads what String prints; white space around it is ignored.
func ParseLink(s string) (Link, error) {
	s = strings.TrimSpace(s)
	if len(s) > maxLink {
		return Link{}, fmt.Errorf("%w: %d characters, limit %d", ErrLink, len(s), maxLink)
	}
	text, ok := strings.CutPrefix(s, linkPrefix)
	if !ok {
		return Link{}, fmt.Errorf("%w: it does not begin with %s", ErrLink, linkPrefix)
	}
	raw, err := linkText.DecodeString(text)
	if err != nil || len(raw) < linkChecksum || linkText.EncodeToString(raw) != text {
		return Link{}, fmt.Errorf("%w: a character is wrong, missing or too many", ErrLink)
	}
	body, sum := raw[:len(raw)-linkChecksum], wire.Sum(raw[:len(raw)-linkChecksum])
	if !bytes.Equal(sum[:linkChecksum], raw[len(body):]) {
		return Link{}, fmt.Errorf("%w: the checksum does not match, a character was changed or lost", ErrLink)
	}
	return decodeLink(body)
}

func decodeLink(body []byte) (Link, error) {
	var c linkCBOR
	if err := wire.UnmarshalCBOR(body, &c); err != nil {
		return Link{}, fmt.Errorf("%w: %w", ErrLink, err)
	}
	if len(c.Space) != 32 || len(c.Hash) != 32 || len(c.Secret) != 16 {
		return Link{}, fmt.Errorf("%w: a field has the wrong length", ErrLink)
	}
	l := Link{
		Repository: c.Repository, LedgerRef: c.LedgerRef, Prefix: c.Prefix, Space: wire.Hash(c.Space),
		Invite: wire.Position{Number: c.Number, Hash: wire.Hash(c.Hash)}, Secret: [16]byte(c.Secret),
	}
	return l, l.Check()
}

// Check refuses a link that must not be given away or followed: credentials in
// the address, a layout that git could misread, characters that hide others.
func (l Link) Check() error {
	if err := checkRepository(l.Repository); err != nil {
		return fmt.Errorf("%w: %w", ErrLink, err)
	}
	if err := wire.CheckRefs(l.Refs()); err != nil {
		return fmt.Errorf("%w: %w", ErrLink, err)
	}
	return nil
}

// Refs is the layout that the link names.
func (l Link) Refs() wire.Refs {
	r := wire.DefaultRefs
	if l.LedgerRef != "" {
		r.Ledger = l.LedgerRef
	}
	if l.Prefix != "" {
		r.Prefix = l.Prefix
	}
	return r
}

// InviteKey is the key that the link's secret stands for.
func (l Link) InviteKey() ed25519.PrivateKey { return InviteKey(l.Secret, l.Space) }

// InviteKey is the invite signing key (DESIGN 6).
func InviteKey(secret [16]byte, space wire.Hash) ed25519.PrivateKey {
	seed := wire.KDF(secret[:], "invite", space[:])
	return ed25519.NewKeyFromSeed(seed[:])
}

func checkRepository(s string) error {
	if s == "" || len(s) > maxRepository {
		return fmt.Errorf("address of %d bytes, allowed are 1 to %d", len(s), maxRepository)
	}
	for _, c := range s {
		if !unicode.IsPrint(c) || c == unicode.ReplacementChar {
			return fmt.Errorf("address has a character that does not print")
		}
	}
	if s[0] == '-' {
		return fmt.Errorf("address begins with a dash")
	}
	scheme, rest, ok := strings.Cut(s, "://")
	if !ok {
		return nil // a path, or git's own user@host:path; gitstore judges it
	}
	authority, _, _ := strings.Cut(rest, "/")
	user, _, has := cutLast(authority, "@")
	if has && (scheme != "ssh" || strings.Contains(user, ":")) {
		return fmt.Errorf("address carries credentials")
	}
	return nil
}

func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}
