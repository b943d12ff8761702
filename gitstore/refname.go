package gitstore

import (
	"fmt"
	"strings"
)

// checkRefName takes the names that git takes (git-check-ref-format) and that
// are safe as paths and on command lines: below refs/, printable ASCII only.
func checkRefName(name string) error {
	if !strings.HasPrefix(name, "refs/") || len(name) > MaxRefName || badRefText(name) {
		return fmt.Errorf("%w: %q", ErrBadRefName, name)
	}
	for part := range strings.SplitSeq(name, "/") {
		if part == "" || part[0] == '.' || strings.HasSuffix(part, ".lock") || strings.HasSuffix(part, ".") {
			return fmt.Errorf("%w: %q", ErrBadRefName, name)
		}
	}
	return nil
}

func badRefText(s string) bool {
	for i := 0; i < len(s); i++ {
		if c := s[i]; c <= ' ' || c >= 0x7f || strings.IndexByte(`~^:?*[\`, c) >= 0 {
			return true
		}
	}
	return strings.Contains(s, "..") || strings.Contains(s, "@{")
}

// refPattern is a ref name, or one with a single * as its last character.
type refPattern struct {
	text string // without the star
	star bool
}

func parsePattern(s string) (refPattern, error) {
	p := refPattern{text: s}
	check := s
	if text, ok := strings.CutSuffix(s, "*"); ok {
		p = refPattern{text, true}
		check = text + "x"
	}
	return p, checkRefName(check)
}

func (p refPattern) match(name string) bool {
	if p.star {
		return strings.HasPrefix(name, p.text)
	}
	return name == p.text
}

func parsePatterns(list []string) ([]refPattern, error) {
	out := make([]refPattern, len(list))
	for i, s := range list {
		var err error
		if out[i], err = parsePattern(s); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func matchAny(ps []refPattern, name string) bool {
	for _, p := range ps {
		if p.match(name) {
			return true
		}
	}
	return false
}
