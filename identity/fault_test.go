package identity

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/espace-git/espace-git/internal/wire"
)

var (
	errFault = errors.New("the disk says no")
	errCrash = errors.New("crash")
)

// faults are what can happen to a step of a write.
var faults = map[string]func(do func() error) error{
	"not-persisted":   func(func() error) error { return errFault },
	"reported-failed": func(do func() error) error { _ = do(); return errFault },
	"crash-before":    func(func() error) error { panic(errCrash) },
	"crash-after":     func(do func() error) error { _ = do(); panic(errCrash) },
}

// faultAt is a disk whose n-th step goes wrong; *steps counts them.
func faultAt(n int, fault func(func() error) error, steps *int) disk {
	return disk{around: func(_ string, do func() error) error {
		*steps++
		if *steps-1 == n {
			return fault(do)
		}
		return do()
	}}
}

// crashing runs do and reports a crash as an error.
func crashing(do func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = r.(error)
		}
	}()
	return do()
}

// A faultOp is a write. state tells what is on disk, as a process sees it that starts
// then; it must be the one from before or the one from after, never anything else.
type faultOp struct {
	prepare func(t *testing.T, home string)
	run     func(home string, d disk) error
	state   func(home string) string
}

var (
	secretA = wire.Sum([]byte("a"))
	secretB = wire.Sum([]byte("b"))
)

func openFor(home string) (*Vault, error) {
	return OpenVault(home, Unlock{NoAgent: true, Passphrase: func() ([]byte, error) { return []byte("word"), nil }})
}

func keyringState(home string) string {
	v, err := openFor(home)
	if err != nil {
		return err.Error()
	}
	k, err := v.OpenKeyring(testSpace)
	if errors.Is(err, ErrNotFound) {
		return "no keyring"
	}
	if err != nil {
		return err.Error()
	}
	a, okA := k.Secret(wire.Hash{1})
	b, okB := k.Secret(wire.Hash{2})
	if (okA && !bytes.Equal(a, secretA[:])) || (okB && !bytes.Equal(b, secretB[:])) {
		return "wrong secrets"
	}
	return fmt.Sprintf("secrets %v %v", okA, okB)
}

func prepareKeyring(t *testing.T, home string) {
	v, err := CreateVault(home, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := newKeyring(t, v).AddSecret(wire.Hash{1}, secretA[:]); err != nil {
		t.Fatal(err)
	}
}

func withDisk(home string, d disk, do func(*Vault) error) error {
	v, err := openFor(home)
	if err != nil {
		return err
	}
	v.disk = d
	return do(v)
}

var faultOps = map[string]faultOp{
	"add-secret": {
		prepare: prepareKeyring,
		run: func(home string, d disk) error {
			return withDisk(home, d, func(v *Vault) error {
				k, err := v.OpenKeyring(testSpace)
				if err != nil {
					return err
				}
				return k.AddSecret(wire.Hash{2}, secretB[:])
			})
		},
		state: keyringState,
	},
	"create-keyring": {
		prepare: func(t *testing.T, home string) {
			if _, err := CreateVault(home, nil); err != nil {
				t.Fatal(err)
			}
		},
		run: func(home string, d disk) error {
			return withDisk(home, d, func(v *Vault) error {
				dev, err := v.NewDevice(rand.Reader)
				if err != nil {
					return err
				}
				if _, err = v.CreateKeyring(testSpace, dev); errors.Is(err, ErrExists) {
					return nil // a try before this one landed
				}
				return err
			})
		},
		state: keyringState,
	},
	"create-vault": {
		prepare: func(*testing.T, string) {},
		run: func(home string, d disk) error {
			_, err := createVault(home, []byte("word"), d)
			if errors.Is(err, ErrExists) {
				return nil
			}
			return err
		},
		state: func(home string) string {
			_, err := openFor(home)
			if errors.Is(err, ErrNotFound) {
				return "no vault"
			}
			return fmt.Sprint(err)
		},
	},
	"protect": {
		prepare: prepareKeyring,
		run: func(home string, d disk) error {
			return withDisk(home, d, func(v *Vault) error { return v.Rekey([]byte("word")) })
		},
		state: func(home string) string {
			return fmt.Sprint(keyringState(home), Protected(home), exists(filepath.Join(home, unprotectedName)))
		},
	},
	"unprotect": {
		prepare: func(t *testing.T, home string) {
			prepareKeyring(t, home)
			v, err := openFor(home)
			if err != nil {
				t.Fatal(err)
			}
			if err := v.Rekey([]byte("word")); err != nil {
				t.Fatal(err)
			}
		},
		run: func(home string, d disk) error {
			return withDisk(home, d, func(v *Vault) error { return v.Rekey(nil) })
		},
		state: func(home string) string {
			return fmt.Sprint(keyringState(home), Protected(home), exists(filepath.Join(home, unprotectedName)))
		},
	},
}

// TestFaults goes through every step of every write of keys, with every fault.
func TestFaults(t *testing.T) {
	for name, op := range faultOps {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			home := newHome(t)
			op.prepare(t, home)
			before, steps := op.state(home), 0
			if err := op.run(home, faultAt(-1, nil, &steps)); err != nil {
				t.Fatal(err)
			}
			after := op.state(home)
			if before == after || steps < 5 {
				t.Fatalf("%d steps lead from %q to %q", steps, before, after)
			}
			for step := range steps {
				for fault, act := range faults {
					t.Run(fmt.Sprint(step, "-", fault), func(t *testing.T) { op.play(t, step, act, before, after) })
				}
			}
		})
	}
}

func (op faultOp) play(t *testing.T, step int, fault func(func() error) error, before, after string) {
	home, count := newHome(t), 0
	op.prepare(t, home)
	err := crashing(func() error { return op.run(home, faultAt(step, fault, &count)) })
	if !errors.Is(err, errFault) && !errors.Is(err, errCrash) {
		t.Fatalf("the fault came back as %v", err)
	}
	if got := op.state(home); got != before && got != after {
		t.Errorf("left %q, want %q or %q", got, before, after)
	}
	if err := op.run(home, disk{}); err != nil {
		t.Errorf("the next try: %v", err)
	}
	if got := op.state(home); got != after {
		t.Errorf("after the next try: %q, want %q", got, after)
	}
	// Junk of a crashed try goes at the next write there, and is ciphertext until then.
	if _, err := openFor(home); err != nil {
		t.Error(err)
	}
}
