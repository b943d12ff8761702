package space

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/espace-git/espace-git/internal/wire"
	"github.com/espace-git/espace-git/membership"
	"github.com/espace-git/espace-git/view"
)

// Sheet is what is on paper for the day when every device is lost: the words, and
// which ledger they are for. Whoever has the words is the member.
type Sheet struct {
	Space  string   `json:"space"`
	Remote string   `json:"remote"`
	Entry  uint64   `json:"entry"` // of the ledger, of the sheet's day
	Hash   string   `json:"hash"`  // of that entry
	Words  []string `json:"words"` // twelve
}

// sheet is that of words which the ledger entry brought.
func (s *Space) sheet(ctx context.Context, words []string, entry uint64) (*Sheet, error) {
	out := &Sheet{Space: s.ID(), Remote: s.Remote(), Entry: entry, Words: words}
	err := s.db.View(ctx, func(v *view.Tx) error {
		l, err := s.ledgerAt(v)
		if err != nil {
			return err
		}
		hash, _ := l.roster.HashAt(entry)
		out.Hash = hash.String()
		return nil
	})
	return out, err
}

// Sheet is what a founder puts on paper: the space's ID is the hash of its first
// ledger entry.
func (c *Created) Sheet(remote string) *Sheet {
	return &Sheet{Space: c.Space, Remote: remote, Hash: c.Space, Words: c.Recovery}
}

// Text is the sheet as it is printed, and as ParseSheet reads it.
func (s *Sheet) Text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "  space   %s\n  ledger  %d %s\n", s.Space, s.Entry, s.Hash)
	if s.Remote != "" {
		fmt.Fprintf(&b, "  remote  %s\n", s.Remote)
	}
	b.WriteByte('\n')
	for i, word := range s.Words {
		fmt.Fprintf(&b, "  %2d %-9s", i+1, word)
		if i%4 == 3 {
			b.WriteByte('\n')
		}
	}
	return strings.TrimRight(b.String(), " \n")
}

var (
	sheetSpace  = regexp.MustCompile(`(?m)^\s*space:?\s+([0-9a-f]{64})\s*$`)
	sheetLedger = regexp.MustCompile(`(?m)^\s*ledger:?\s+([0-9]+)\s+([0-9a-f]{64})\s*$`)
	sheetRemote = regexp.MustCompile(`(?m)^\s*remote:?\s+(\S+)\s*$`)
	sheetHead   = regexp.MustCompile(`(?m)^\s*(space|ledger|remote):?\s+\S.*$`)
	sheetWord   = regexp.MustCompile(`\b[a-z]{3,8}\b`)
)

// ParseSheet reads a sheet that was copied: the lines `space`, `ledger` and `remote`,
// and twelve words, numbered or not. A sheet of the space's first day names no ledger
// entry but the space itself; then the line `ledger` may be missing.
func ParseSheet(text string) (*Sheet, error) {
	s := &Sheet{}
	text = text[:min(len(text), maxSheet)]
	if m := sheetRemote.FindStringSubmatch(text); m != nil {
		s.Remote = m[1]
	}
	text = strings.ToLower(text)
	if m := sheetSpace.FindStringSubmatch(text); m != nil {
		s.Space, s.Hash = m[1], m[1]
	} else {
		return nil, usage("the sheet does not name its space: a line like `space 9f86…`")
	}
	if m := sheetLedger.FindStringSubmatch(text); m != nil {
		var err error
		if s.Entry, err = strconv.ParseUint(m[1], 10, 53); err != nil {
			return nil, usage("the sheet's ledger entry %q is no number", m[1])
		}
		s.Hash = m[2]
	}
	var err error
	s.Words, err = sheetWords(sheetWord.FindAllString(sheetHead.ReplaceAllString(text, ""), -1))
	return s, err
}

// sheetWords are the last twelve words in a row that can be recovery words: they have
// a checksum, and people write other things above them.
func sheetWords(all []string) (words []string, err error) {
	_, err = membership.ParseRecoveryWords(strings.Join(all[:min(len(all), 12)], " "))
	for i := len(all) - 12; i >= 0; i-- {
		words = all[i : i+12]
		if _, bad := membership.ParseRecoveryWords(strings.Join(words, " ")); bad == nil {
			return words, nil
		}
	}
	return nil, join(ErrUsage, err)
}

// maxSheet bounds what is looked at of a text that is said to be a sheet.
const maxSheet = 64 << 10

// day is the place in the ledger that the sheet names.
func (s *Sheet) day() (space wire.Hash, at wire.Position, err error) {
	if space, err = wire.ParseHash(s.Space); err != nil {
		return space, at, join(ErrUsage, err)
	}
	at.Number = s.Entry
	if at.Hash, err = wire.ParseHash(s.Hash); err != nil {
		return space, at, join(ErrUsage, err)
	}
	return space, at, nil
}
