package chain_test

import (
	"encoding/base64"
	"errors"
	"strings"
	"testing"

	"github.com/espace-git/espace-git/chain"
	"github.com/espace-git/espace-git/internal/wire"
)

// goodCommit is a lane commit with one parent, as text.
func goodCommit(t testing.TB) string {
	t.Helper()
	raw, err := chain.Sign(examples()["lane"], keyOf("alice"))
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// ATTACKS 11: what stock git's tools accept, or read differently, we refuse. No
// verdict names a device: the commit is not of our form, whoever made it.
func TestAttackGpgsigExtra(t *testing.T) {
	good := goodCommit(t)
	if _, err := chain.Parse([]byte(good)); err != nil {
		t.Fatal(err)
	}
	for name, bad := range malformedCommits(t, good) {
		t.Run(name, func(t *testing.T) {
			if bad == good {
				t.Fatal("the attack changed nothing")
			}
			if _, err := chain.Parse([]byte(bad)); !errors.Is(err, chain.ErrMalformed) {
				t.Errorf("got %v, want ErrMalformed:\n%s", err, bad)
			}
		})
	}
}

func malformedCommits(t testing.TB, good string) map[string]string {
	armour, tree := between(good, "gpgsig ", "\n\nespace"), between(good, "tree ", "\n")
	sig := "gpgsig" + strings.TrimPrefix(armour, "gpgsig") + "\n"
	person := strings.TrimPrefix(between(good, "author ", "\n"), "author ")
	edit := func(old, new string) string { return strings.Replace(good, old, new, 1) }
	end := " -----END SSH SIGNATURE-----\n"
	return map[string]string{
		"empty":                       "",
		"second-gpgsig":               edit(sig, sig+sig),
		"gpgsig-sha256":               edit(sig, sig+"gpgsig-sha256"+strings.TrimPrefix(sig, "gpgsig")),
		"gpgsigFOO":                   edit(sig, sig+"gpgsigFOO bar\n"),
		"gpgsigFOO-before":            edit(sig, "gpgsigFOO bar\n"+sig),
		"no-signature":                edit(sig, ""),
		"re-wrapped-armour":           edit(sig, rewrap(sig, 76)),
		"re-wrapped-same-lines":       edit(sig, rewrap(sig, 69)),
		"one-line-armour":             edit(sig, rewrap(sig, 300)),
		"armour-with-space":           edit(end, " "+end),
		"text-after-END":              edit(end, " -----END SSH SIGNATURE-----x\n"),
		"line-after-END":              edit(end, end+" more\n"),
		"empty-line-after-END":        edit(end, end+" \n"),
		"text-before-BEGIN":           edit("gpgsig -", "gpgsig x\n -"),
		"header-in-armour":            edit("gpgsig -----BEGIN SSH SIGNATURE-----\n", "gpgsig -----BEGIN SSH SIGNATURE-----\n Comment: x\n"),
		"pgp-armour":                  strings.ReplaceAll(good, "SSH SIGNATURE", "PGP SIGNATURE"),
		"two-tree-lines":              edit(tree+"\n", tree+"\n"+tree+"\n"),
		"parent-after-committer":      edit(sig, "parent "+objectOf("p2").String()+"\n"+sig),
		"parent-before-tree":          "parent " + objectOf("p2").String() + "\n" + good,
		"two-parents":                 edit("parent ", "parent "+objectOf("p2").String()+"\nparent "),
		"upper-case-tree":             edit(tree, strings.ToUpper(tree[:8])+tree[8:]),
		"tree-upper-hex":              edit(tree, "tree "+strings.ToUpper(tree[5:])),
		"no-tree":                     edit(tree+"\n", ""),
		"zero-tree":                   edit(tree, "tree "+wire.ObjectID{}.String()),
		"encoding-header":             edit(sig, "encoding ISO-8859-1\n"+sig),
		"encoding-after-signature":    edit(end, end+"encoding ISO-8859-1\n"),
		"mergetag":                    edit(sig, "mergetag object "+objectOf("x").String()+"\n"+sig),
		"unknown-header":              edit("\n\nespace", "\nHG:extra x\n\nespace"),
		"NUL-in-message":              good + "\x00",
		"NUL-in-person":               edit("author ", "author \x00"),
		"NUL-before-trailer":          edit("Device: ", "\x00Device: "),
		"CR":                          strings.ReplaceAll(good, "\n", "\r\n"),
		"CR-in-message":               edit("espace lane\n", "espace lane\r\n"),
		"other-time-zone":             strings.ReplaceAll(good, " +0000", " +0100"),
		"negative-zero-zone":          strings.ReplaceAll(good, " +0000", " -0000"),
		"time-with-leading-zero":      strings.ReplaceAll(good, " 1800000000 ", " 01800000000 "),
		"time-with-plus":              strings.ReplaceAll(good, " 1800000000 ", " +1800000000 "),
		"time-negative":               strings.ReplaceAll(good, " 1800000000 ", " -600 "),
		"time-not-floored":            strings.ReplaceAll(good, " 1800000000 ", " 1800000001 "),
		"time-huge":                   strings.ReplaceAll(good, " 1800000000 ", " 99999999999999999999 "),
		"author-is-not-committer":     edit("author "+person, "author "+strings.Replace(person, "1800000000", "1800000600", 1)),
		"person-is-not-the-device":    strings.ReplaceAll(good, deviceOf("alice").String()+" <", deviceOf("bob").String()+" <"),
		"mail-is-not-the-device":      strings.ReplaceAll(good, "<"+deviceOf("alice").String(), "<"+deviceOf("bob").String()),
		"duplicate-trailer":           edit("Device: ", "Device: "+deviceOf("alice").String()+"\nDevice: "),
		"duplicate-trailer-at-end":    good + "Log: 4 " + hashOf("x").String() + "\n",
		"trailer-of-another-kind":     good + "Adds: " + hashOf("adds").String() + "\n",
		"unknown-trailer":             good + "Signed-off-by: x <x@example.org>\n",
		"missing-trailer":             edit("Ledger: 12 "+hashOf("entry 12").String()+"\n", ""),
		"trailers-reordered":          edit("Space: "+hashOf("space").String()+"\nEpoch: "+hashOf("epoch").String(), "Epoch: "+hashOf("epoch").String()+"\nSpace: "+hashOf("space").String()),
		"trailer-other-case":          edit("Space: ", "space: "),
		"trailer-continued":           edit("Device: ", "Device:\n "),
		"number-with-leading-zero":    edit("Ledger: 12 ", "Ledger: 012 "),
		"number-with-plus":            edit("Ledger: 12 ", "Ledger: +12 "),
		"number-with-underscore":      edit("Ledger: 12 ", "Ledger: 1_2 "),
		"number-too-big":              edit("Ledger: 12 ", "Ledger: 9007199254740992 "),
		"length-too-big":              edit("Log: 3 ", "Log: 18446744073709551615 "),
		"two-spaces":                  edit("Log: 3 ", "Log: 3  "),
		"trailing-space":              edit("Log: 3 ", "Log:  3 "),
		"hash-upper-case":             edit(hashOf("root").String(), strings.ToUpper(hashOf("root").String())),
		"hash-short":                  edit(hashOf("root").String(), hashOf("root").String()[1:]),
		"device-upper-case":           edit("Device: "+deviceOf("alice").String(), "Device: "+strings.ToUpper(deviceOf("alice").String())),
		"device-padded":               edit("Device: "+deviceOf("alice").String(), "Device: "+deviceOf("alice").String()+"======"),
		"empty-log-with-root":         edit("Log: 3 ", "Log: 0 "),
		"unknown-kind":                edit("espace lane", "espace road"),
		"no-kind":                     edit("espace lane", "lane"),
		"text-in-message":             edit("espace lane\n\n", "espace lane\n\nhello\n\n"),
		"text-at-end":                 good + "\nhello\n",
		"no-final-newline":            strings.TrimSuffix(good, "\n"),
		"empty-line-at-end":           good + "\n",
		"message-in-body-of-a-commit": edit("\n\nespace", "\n\nhello\n\nespace"),
		"header-of-git-in-front":      "commit 1000\x00" + good,
		"a-tag": "object " + objectOf("x").String() + "\ntype commit\ntag v1\ntagger " + person +
			"\n\n" + strings.ReplaceAll(between(good, "-----BEGIN", "\n\n"), "\n ", "\n") + "\n",
		"another-namespace":  withBlob(t, good, 65, "\x00\x00\x00\x03tag"),
		"sha256-hash":        withBlob(t, good, 76, "\x00\x00\x00\x06sha256"),
		"blob-version-2":     withBlob(t, good, 6, "\x00\x00\x00\x02"),
		"reserved-not-empty": withBlob(t, good, 72, "\x00\x00\x00\x01"),
		"other-key-type":     withBlob(t, good, 14, "\x00\x00\x00\x0bssh-ed25518"),
		"too-long":           good + strings.Repeat("x", wire.MaxCommit),
	}
}

// between is s from the first start up to, and without, the next end.
func between(s, start, end string) string {
	i := strings.Index(s, start)
	return s[i : i+strings.Index(s[i:], end)]
}

// digits are the base64 digits of an armour in a commit, without line ends.
func digits(sig string) string {
	d := between(sig, "-----BEGIN SSH SIGNATURE-----", " -----END")
	d = strings.TrimPrefix(d, "-----BEGIN SSH SIGNATURE-----")
	return strings.NewReplacer("\n", "", " ", "").Replace(d)
}

func rewrap(sig string, width int) string {
	out := "gpgsig -----BEGIN SSH SIGNATURE-----\n"
	for d := digits(sig); d != ""; d = d[min(width, len(d)):] {
		out += " " + d[:min(width, len(d))] + "\n"
	}
	return out + " -----END SSH SIGNATURE-----\n"
}

// withBlob writes over the signature's bytes from off on.
func withBlob(t testing.TB, good string, off int, new string) string {
	t.Helper()
	sig := between(good, "gpgsig ", "\n\n") + "\n"
	blob, err := base64.StdEncoding.DecodeString(digits(sig))
	if err != nil {
		t.Fatal(err)
	}
	copy(blob[off:], new)
	armour := "gpgsig " + base64.StdEncoding.EncodeToString(blob)
	changed := rewrap("-----BEGIN SSH SIGNATURE-----\n "+strings.TrimPrefix(armour, "gpgsig ")+"\n -----END", 70)
	return strings.Replace(good, sig, changed, 1)
}

// Every single changed byte is refused, or by the signature where it is in what
// the signature covers or in the signature itself.
func TestFlippedByteNeverVerifies(t *testing.T) {
	good := []byte(goodCommit(t))
	for i := range good {
		for _, bit := range []byte{1, 0x20, 0x80} {
			bad := append([]byte{}, good...)
			bad[i] ^= bit
			u, err := chain.Parse(bad)
			if err == nil {
				_, err = u.Verify(pubOf("alice"))
			}
			if err == nil {
				t.Fatalf("byte %d changed by %#x: accepted", i, bit)
			}
		}
	}
	for n := range good {
		if _, err := chain.Parse(good[:n]); err == nil {
			t.Fatalf("cut at %d: accepted", n)
		}
	}
}
