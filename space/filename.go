package space

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/espace-git/espace-git/merge"
)

func isNotFound(err error) bool { return errors.Is(err, ErrNotFound) }

func validText(s string) bool { return utf8.ValidString(s) }

// shownPath is a path as it is told in errors.
func shownPath(p string) string {
	if p == "" {
		return "the top folder"
	}
	return strconv.Quote(cutText(p, 200))
}

func cutText(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + "…"
}

// maxPath bounds the folders above a file, so that no device makes what others
// can't take: see merge.MaxTreeDepth.
const maxPathNames = 200

// checkNewPath says why a path can't be given to a file or folder. Other programs
// may make names that this refuses: they are shown, read and renamed all the same.
func checkNewPath(p string) error {
	p, err := cleanPath(p)
	if err != nil {
		return err
	}
	names := strings.Split(p, "/")
	if p == "" || len(names) > maxPathNames {
		return usage("%s can't be the path of a file: it has %d names, of 1 to %d", shownPath(p), len(names), maxPathNames)
	}
	for _, n := range names {
		if err := merge.CheckTreeName(n); err != nil {
			return usage("%s can't be the path of a file: names have at most %d bytes", shownPath(p), merge.MaxTreeName)
		}
		if i := strings.IndexFunc(n, hiddenRune); i >= 0 {
			return usage("%s can't be the path of a file: it has a character that terminals do not show", shownPath(p))
		}
	}
	return nil
}

// hiddenRune: control characters, and those that turn the direction of text, by
// which a name shows as another.
func hiddenRune(r rune) bool {
	return unicode.IsControl(r) || r == utf8.RuneError || 0x202a <= r && r <= 0x202e || 0x2066 <= r && r <= 0x2069
}

// checkLocalName says why a name is not written to a disk of this system. Members
// choose names, so each is looked at as if it were meant to harm.
func checkLocalName(name, goos string) error {
	switch low := strings.ToLower(name); {
	case merge.CheckTreeName(name) != nil:
		return errors.New("no name of a file")
	case strings.IndexFunc(name, hiddenRune) >= 0:
		return errors.New("it has a character that terminals do not show")
	case low == ".git" || low == markerDir || strings.HasPrefix(low, "git~"):
		return errors.New("programs take it for their own data")
	case strings.HasPrefix(low, ".espace-") && strings.HasSuffix(low, ".part"):
		return errors.New("it is a name of files that are being written")
	case goos == "windows":
		return checkWindowsName(name)
	case goos == "darwin" && ignoredByHFS(low):
		return errors.New("this disk takes it for another name")
	}
	return nil
}

// ignoredByHFS: that file system leaves out some characters when it compares, so
// ".g\u200cit" is .git (CVE-2014-9390).
func ignoredByHFS(name string) bool {
	return strings.IndexFunc(name, func(r rune) bool { return unicode.Is(unicode.Cf, r) }) >= 0
}

// checkWindowsName knows what that system makes of names: devices, streams, the other
// slash, and dots and spaces that it cuts off.
func checkWindowsName(name string) error {
	stem, _, _ := strings.Cut(strings.ToUpper(name), ".")
	stem = strings.TrimRight(stem, " ")
	device := slices.Contains([]string{"CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$"}, stem)
	if rest, ok := strings.CutPrefix(stem, "COM"); ok {
		device = device || isPort(rest)
	}
	if rest, ok := strings.CutPrefix(stem, "LPT"); ok {
		device = device || isPort(rest)
	}
	switch {
	case device:
		return errors.New("on this system it is a device")
	case strings.ContainsAny(name, `<>:"\|?*`), strings.HasSuffix(name, "."), strings.HasSuffix(name, " "):
		return errors.New("this system has no such names")
	}
	return nil
}

func isPort(s string) bool {
	return slices.Contains([]string{"0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "¹", "²", "³"}, s)
}
