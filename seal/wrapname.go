package seal

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/espace-git/espace-git/internal/wire"
)

// WrapName is the place of a wrap in the tree of `<e>/keys`.
type WrapName struct {
	Recipient string // RecipientName of whom it is for
	Wrapper   wire.DeviceID
	Index     int // below WrapsPerWrapper: a device's wraps are only added, never replaced
}

// RecipientName is how a recipient is named in paths: the first 16 bytes of the SHA-256
// of its text, base32, 26 characters.
func RecipientName(recipient string) string {
	h := wire.Sum([]byte(recipient))
	return wire.Short([16]byte(h[:16]))
}

// WrapPath is `<recipient>/<wrapper>-<i>.age`. An i beyond WrapsPerWrapper gives a path
// that ParseWrapPath refuses.
func WrapPath(recipient string, wrapper wire.DeviceID, i int) string {
	return WrapName{RecipientName(recipient), wrapper, i}.String()
}

// String is the path.
func (n WrapName) String() string {
	return n.Recipient + "/" + n.Wrapper.String() + "-" + strconv.Itoa(n.Index) + ".age"
}

// ParseWrapPath accepts what WrapPath prints and nothing else.
func ParseWrapPath(path string) (WrapName, error) {
	n, err := parseWrapPath(path)
	if err != nil || n.String() != path {
		return WrapName{}, fmt.Errorf("%w: not the path of a wrap", ErrMalformed)
	}
	return n, nil
}

func parseWrapPath(path string) (n WrapName, err error) {
	recipient, file, _ := strings.Cut(path, "/")
	wrapper, index, _ := strings.Cut(strings.TrimSuffix(file, ".age"), "-")
	if _, err = wire.ParseShort(recipient); err != nil {
		return n, err
	}
	if n.Wrapper, err = wire.ParseDeviceID(wrapper); err != nil {
		return n, err
	}
	i, err := strconv.ParseUint(index, 10, 8)
	if err != nil || i >= WrapsPerWrapper {
		return n, ErrMalformed
	}
	n.Recipient, n.Index = recipient, int(i)
	return n, nil
}
