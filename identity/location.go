package identity

import (
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/espace-git/espace-git/internal/wire"
)

const locationName = "location.json"

// Location says where a space lies on this device. It holds no name of a space or a
// person: a home that is read while it is locked shows paths, URLs and IDs only.
type Location struct {
	Space wire.Hash `json:"space"`
	Dir   string    `json:"dir"`  // absolute path of the space's directory
	URLs  []string  `json:"urls"` // of its remotes, the primary first, without credentials
}

// Remember stores where a space lies, instead of what was stored before. A URL with
// credentials in it is refused: git's credential helpers keep those.
func Remember(home string, space wire.Hash, dir string, urls []string) error {
	err := remember(home, Location{Space: space, Dir: dir, URLs: append([]string{}, urls...)})
	if err != nil {
		return fmt.Errorf("remembering the space's place: %w", err)
	}
	return nil
}

func remember(home string, l Location) error {
	if !filepath.IsAbs(l.Dir) {
		return fmt.Errorf("%q is not an absolute path", l.Dir)
	}
	for _, u := range l.URLs {
		if err := checkURL(u); err != nil {
			return err
		}
	}
	text, err := wire.MarshalJSON(l)
	if err != nil {
		return err
	}
	if len(text) > maxLocation {
		return fmt.Errorf("%w: %d bytes, limit %d", ErrTooBig, len(text), maxLocation)
	}
	path := spaceDir(home, l.Space)
	if err := makeDir(filepath.Dir(path)); err != nil {
		return err
	}
	if err := makeDir(path); err != nil {
		return err
	}
	return locked(path, func() error { return disk{}.write(filepath.Join(path, locationName), text) })
}

// checkURL refuses a password, and for web URLs a user too: there it is a token as often
// as a name. It does not quote the URL.
func checkURL(s string) error {
	if !strings.Contains(s, "://") {
		return nil // a path, or host:path as ssh has it
	}
	u, err := url.Parse(s)
	if err != nil {
		return errors.New("a remote's URL does not parse")
	}
	if u.User == nil {
		return nil
	}
	if _, secret := u.User.Password(); secret || strings.HasPrefix(u.Scheme, "http") {
		return fmt.Errorf("the URL of %q holds credentials", u.Host)
	}
	return nil
}

// Forget removes what Remember stored. The keyring stays.
func Forget(home string, space wire.Hash) error {
	dir := spaceDir(home, space)
	err := locked(dir, func() error { return disk{}.remove(filepath.Join(dir, locationName)) })
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("forgetting the space's place: %w", err)
	}
	return nil
}

// List is every location that home remembers, in the order of space IDs. Files that do
// not decode are left out and joined into the error: one bad file hides no other.
func List(home string) ([]Location, error) {
	dirs, err := os.ReadDir(filepath.Join(home, "spaces"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("listing spaces: %w", err)
	}
	var found []Location
	var bad []error
	for _, d := range dirs {
		l, err := recall(home, d.Name())
		if err == nil {
			found = append(found, l)
		} else if !errors.Is(err, fs.ErrNotExist) {
			bad = append(bad, fmt.Errorf("listing spaces: %w", err))
		}
	}
	return found, errors.Join(bad...)
}

func recall(home, name string) (Location, error) {
	space, err := wire.ParseHash(name)
	if err != nil {
		return Location{}, fmt.Errorf("%q: %w", name, ErrDamaged)
	}
	text, _, err := readFile(filepath.Join(spaceDir(home, space), locationName), maxLocation)
	if err != nil {
		return Location{}, err
	}
	return decodeLocation(space, text)
}

func decodeLocation(space wire.Hash, text []byte) (Location, error) {
	var l Location
	if err := wire.UnmarshalJSON(text, &l); err != nil || l.Space != space || !filepath.IsAbs(l.Dir) {
		return Location{}, fmt.Errorf("%s: %w", locationName, ErrDamaged)
	}
	return l, nil
}
