package membership

import "fmt"

// Role is what a member may do. A greater role may do all that a smaller may
// (DESIGN 4). The zero Role is none.
type Role uint8

// The roles, in order.
const (
	NoRole Role = iota
	Viewer      // reads; signs statements only, never operations
	Editor      // writes
	Admin       // invites, seals, removes
	Owner       // everything; only owners touch owners
)

var roleNames = [...]string{Viewer: "viewer", Editor: "editor", Admin: "admin", Owner: "owner"}

// ParseRole reads "viewer", "editor", "admin" or "owner".
func ParseRole(s string) (Role, error) {
	for r := Viewer; r <= Owner; r++ {
		if roleNames[r] == s {
			return r, nil
		}
	}
	return NoRole, fmt.Errorf("%w: role %.20q is none of viewer, editor, admin, owner", ErrMalformed, s)
}

// String is the role's name, or "none".
func (r Role) String() string {
	if r < Viewer || r > Owner {
		return "none"
	}
	return roleNames[r]
}

// MarshalText is the role's form in JSON. The zero Role has none.
func (r Role) MarshalText() ([]byte, error) {
	if r < Viewer || r > Owner {
		return nil, fmt.Errorf("role %d has no name", r)
	}
	return []byte(roleNames[r]), nil
}

// UnmarshalText accepts what MarshalText prints and nothing else.
func (r *Role) UnmarshalText(b []byte) error {
	v, err := ParseRole(string(b))
	*r = v
	return err
}
