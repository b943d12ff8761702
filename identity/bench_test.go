package identity

import (
	"crypto"
	"testing"

	"github.com/espace-git/espace-git/internal/wire"
)

func BenchmarkOpenKeyring(b *testing.B) {
	v := newVault(b)
	newKeyring(b, v)
	for b.Loop() {
		if _, err := v.OpenKeyring(testSpace); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkAddSecret is durable: two fsyncs each, and a file that grows by 70 bytes.
func BenchmarkAddSecret(b *testing.B) {
	k := newKeyring(b, newVault(b))
	for i := uint64(0); b.Loop(); i++ {
		o := wire.Sum(wire.U64(i))
		if err := k.AddSecret(o, o[:]); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSign(b *testing.B) {
	k := newKeyring(b, newVault(b))
	m := pae(wire.LedgerType, "{}")
	for b.Loop() {
		if _, err := k.Device().Sign(nil, m, crypto.Hash(0)); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkUnlock is the cost of a passphrase at its full work factor.
func BenchmarkUnlock(b *testing.B) {
	low := scryptWork
	scryptWork = fullScryptWork
	v, err := CreateVault(newHome(b), []byte("correct horse"))
	scryptWork = low
	if err != nil {
		b.Fatal(err)
	}
	opts := Unlock{NoAgent: true, Passphrase: func() ([]byte, error) { return []byte("correct horse"), nil }}
	for b.Loop() {
		if _, err := OpenVault(v.home, opts); err != nil {
			b.Fatal(err)
		}
	}
}
