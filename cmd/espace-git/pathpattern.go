package main

import (
	"errors"
	"regexp"
	"strings"
)

// A pathPattern is the part of the patterns of .gitattributes that needs no quoting there: names, *, ?, and ** between
// slashes. Without a slash it matches the last part of a path.
type pathPattern struct{ re *regexp.Regexp }

func parsePattern(text string) (pathPattern, error) {
	if text == "" || strings.ContainsAny(text, " \t\r\n\"\\[]") || strings.HasPrefix(text, "!") || strings.HasPrefix(text, "#") ||
		strings.HasSuffix(text, "/") || strings.Contains(text, "***") || strings.HasPrefix(text, "-") {
		return pathPattern{}, errors.New(badPattern)
	}
	prefix := "^"
	if !strings.Contains(text, "/") {
		prefix = "^(?:.*/)?"
	}
	re, err := regexp.Compile("(?s)" + prefix + translate(strings.TrimPrefix(text, "/")) + "$")
	return pathPattern{re}, err
}

// translate writes a pattern as a regular expression.
func translate(text string) string {
	var out strings.Builder
	for i := 0; i < len(text); {
		rest := text[i:]
		start := i == 0 || text[i-1] == '/'
		switch {
		case start && strings.HasPrefix(rest, "**/"):
			out.WriteString("(?:.*/)?")
			i += 3
		case start && rest == "**":
			out.WriteString(".+")
			i += 2
		case rest[0] == '*':
			out.WriteString("[^/]*")
			i++
		case rest[0] == '?':
			out.WriteString("[^/]")
			i++
		default:
			out.WriteString(regexp.QuoteMeta(rest[:1]))
			i++
		}
	}
	return out.String()
}

func (p pathPattern) matches(path string) bool { return p.re.MatchString(path) }
