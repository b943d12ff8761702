package membership

import (
	"errors"
	"strings"
	"testing"

	"github.com/espace-git/espace-git/internal/wire"
)

func testLink() Link {
	return Link{
		Repository: "https://git.example/team/space.git", Space: seed("space"),
		Invite: wire.Position{Number: 12, Hash: seed("invite")}, Secret: [16]byte{1, 2, 3},
	}
}

func TestLinkRoundTrip(t *testing.T) {
	for _, repository := range []string{
		"https://git.example/team/space.git", "ssh://git@git.example:2222/space", "git@git.example:team/space.git",
		"/srv/git/space.git", "http://127.0.0.1:8080/s", `C:\spaces\team`, "https://git.example/~müller/space",
	} {
		l := testLink()
		l.Repository = repository
		got, err := ParseLink("\n " + l.String() + " \r\n")
		if err != nil || got != l {
			t.Errorf("%s: %+v, %v", repository, got, err)
		}
	}
	if got := testLink().Refs(); got != wire.DefaultRefs {
		t.Errorf("no layout means %+v", got)
	}
}

// Every flipped, lost, doubled or added character is found.
func TestLinkFlippedCharacter(t *testing.T) {
	text := testLink().String()
	bad := []string{"", "espace1", "espace2" + text[7:], strings.ToUpper(text), text + "a", text[:len(text)-1], "x" + text}
	for i := range text {
		for _, c := range "aq7-1 " {
			if c != rune(text[i]) {
				bad = append(bad, text[:i]+string(c)+text[i+1:])
			}
		}
		bad = append(bad, text[:i]+text[i+1:], text[:i+1]+text[i:])
	}
	for _, s := range bad {
		if l, err := ParseLink(s); !errors.Is(err, ErrLink) && l != testLink() {
			t.Errorf("%s: %v", s, err)
		}
	}
}

func TestLinkRefuses(t *testing.T) {
	for name, change := range map[string]func(*Link){
		"no-repository":    func(l *Link) { l.Repository = "" },
		"password":         func(l *Link) { l.Repository = "https://alice:secret@git.example/s" },
		"token":            func(l *Link) { l.Repository = "https://token@git.example/s" },
		"ssh-password":     func(l *Link) { l.Repository = "ssh://git:secret@git.example/s" },
		"option":           func(l *Link) { l.Repository = "--upload-pack=touch" },
		"newline":          func(l *Link) { l.Repository = "https://git.example/\nspace" },
		"terminal-escape":  func(l *Link) { l.Repository = "https://git.example/\x1b[2J" },
		"bidi":             func(l *Link) { l.Repository = "https://git.example/\u202egit.evil" },
		"zero-width":       func(l *Link) { l.Repository = "https://git.exa\u200bmple/" },
		"long":             func(l *Link) { l.Repository = strings.Repeat("a", maxRepository+1) },
		"ledger-option":    func(l *Link) { l.LedgerRef = "--force" },
		"ledger-elsewhere": func(l *Link) { l.LedgerRef = "refs/notes/x" },
		"prefix-no-slash":  func(l *Link) { l.Prefix = "refs/espace" },
		"prefix-dots":      func(l *Link) { l.Prefix = "refs/../x/" },
		"prefix-swallows":  func(l *Link) { l.Prefix = "refs/heads/main/" },
	} {
		t.Run(name, func(t *testing.T) {
			l := testLink()
			change(&l)
			if err := l.Check(); !errors.Is(err, ErrLink) {
				t.Errorf("made: %v", err)
			}
			if _, err := ParseLink(l.String()); !errors.Is(err, ErrLink) {
				t.Errorf("read: %v", err)
			}
		})
	}
}

// The link of another space, or one whose secret was changed, opens nothing here.
func TestLinkOfOtherSpace(t *testing.T) {
	s, other := with(t, nil), found(t, "olga")
	link := other.invite("olga", "for bob", Editor)
	if _, err := s.r.NewJoin(link.Invite, s.joinParams("bob", link)); !errors.Is(err, ErrForeign) {
		t.Errorf("got %v", err)
	}
	a, b := testLink(), testLink()
	b.Space = seed("other")
	if a.InviteKey().Equal(b.InviteKey()) {
		t.Error("one secret has one key in all spaces")
	}
}

// Links whose checksum is right and whose content is not.
func TestLinkBodyRefuses(t *testing.T) {
	c := func(change func(*linkCBOR)) []byte {
		l := testLink()
		v := linkCBOR{Repository: l.Repository, Space: l.Space[:], Number: l.Invite.Number, Hash: l.Invite.Hash[:], Secret: l.Secret[:]}
		change(&v)
		return must(wire.MarshalCBOR(v))
	}
	good := c(func(*linkCBOR) {})
	for name, body := range map[string][]byte{
		"short-space": c(func(v *linkCBOR) { v.Space = v.Space[:31] }), "no-hash": c(func(v *linkCBOR) { v.Hash = nil }),
		"long-secret": c(func(v *linkCBOR) { v.Secret = make([]byte, 17) }), "longer-head": append([]byte{0x98, 7}, good[1:]...),
		"trailing": append(good[:len(good):len(good)], 0), "empty": {}, "array-of-none": {0x80},
		"too-long": c(func(v *linkCBOR) { v.Repository = strings.Repeat("a", maxLink) }),
	} {
		sum := wire.Sum(body)
		text := linkPrefix + linkText.EncodeToString(append(body[:len(body):len(body)], sum[:linkChecksum]...))
		if _, err := ParseLink(text); !errors.Is(err, ErrLink) {
			t.Errorf("%s: %v", name, err)
		}
	}
	sum := wire.Sum(good)
	if l, err := ParseLink(linkPrefix + linkText.EncodeToString(append(good, sum[:linkChecksum]...))); err != nil || l != testLink() {
		t.Errorf("the honest one: %+v, %v", l, err)
	}
}
