package identity

import (
	"bytes"
	"crypto/rand"
	"strings"
	"testing"

	"github.com/espace-git/espace-git/internal/wire"
)

// FuzzDecodeKeyring: what decodes encodes to the same bytes.
func FuzzDecodeKeyring(f *testing.F) {
	for _, v := range vectors(f, "keyring.json", func() []keyringVector { return freshKeyrings(f) }) {
		f.Add([]byte(v.Body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		c, err := decodeKeyring(testSpace, body)
		if err != nil {
			return
		}
		if again, err := encodeKeyring(testSpace, c); err != nil || !bytes.Equal(again, body) {
			t.Errorf("%x encodes as %x, %v", body, again, err)
		}
	})
}

// FuzzLocation: what decodes prints the same, and is about the space that was asked for.
func FuzzLocation(f *testing.F) {
	text, err := wire.MarshalJSON(Location{Space: testSpace, Dir: "/a", URLs: []string{"https://host/a"}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add([]byte(`{"dir":"/a"}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		l, err := decodeLocation(testSpace, text)
		if err != nil {
			return
		}
		if again, err := wire.MarshalJSON(l); err != nil || !bytes.Equal(again, text) || l.Space != testSpace {
			t.Errorf("%s prints as %s, %v", text, again, err)
		}
	})
}

// FuzzIdentityFile: an identity file of any bytes, protected or not.
func FuzzIdentityFile(f *testing.F) {
	scryptWork = 1
	u, err := newAtRest()
	if err != nil {
		f.Fatal(err)
	}
	file, err := u.protect([]byte("word"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(u.text())
	f.Add(file)
	f.Add([]byte("age-encryption.org/v1\n-> scrypt bBjlhJVYZeE4aqUdmtRHfw 19\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if work, ok := declaredWork(b); ok && work > "9" {
			t.Skip("accepted, and slow")
		}
		if u, err := unprotect(b, []byte("word")); err == nil && u.id == nil {
			t.Error("no key and no error")
		}
		if u, err := parseAtRest(b); err == nil && u.id == nil {
			t.Error("no key and no error")
		}
	})
}

// declaredWork finds the work factor of a scrypt stanza; two digits sort as above "9".
func declaredWork(b []byte) (string, bool) {
	for line := range strings.Lines(string(b)) {
		if f := strings.Fields(line); len(f) == 4 && f[1] == "scrypt" {
			if len(f[3]) > 1 {
				return ":", true
			}
			return f[3], true
		}
	}
	return "", false
}

// FuzzStart: the agent's start message.
func FuzzStart(f *testing.F) {
	good, err := wire.MarshalCBOR(startWire{Socket: "/s", Identity: "/i", Key: "k", Until: 1 << 40})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		if a, err := readStart(bytes.NewReader(b)); err == nil && a.start.Key != "" {
			t.Error("the key is where it can be printed")
		}
	})
}

// FuzzGuard: what a device signs is one of the three kinds, and of one kind only.
func FuzzGuard(f *testing.F) {
	sum := make([]byte, 64)
	rand.Read(sum)
	f.Add(sshsig("git", "", "sha512", sum))
	f.Add(pae(wire.LedgerType, "{}"))
	f.Add([]byte(wire.JoinLabel))
	f.Fuzz(func(t *testing.T, m []byte) {
		kinds := 0
		for _, is := range []bool{bytes.HasPrefix(m, []byte("SSHSIG\x00\x00\x00\x03git")), bytes.HasPrefix(m, []byte("DSSEv1 ")), bytes.HasPrefix(m, []byte(wire.JoinLabel))} {
			if is {
				kinds++
			}
		}
		if guard(m) == nil && kinds != 1 {
			t.Errorf("signs %q", m)
		}
	})
}
