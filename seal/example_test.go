package seal_test

import (
	"crypto/rand"
	"errors"
	"fmt"

	"github.com/espace-git/espace-git/internal/wire"
	"github.com/espace-git/espace-git/seal"
)

// An entry of a lane is sealed for its place, and opens nowhere else.
func Example() {
	secret, err := seal.NewSecret(rand.Reader)
	if err != nil {
		panic(err)
	}
	o, device := wire.Sum([]byte("opening entry")), wire.Sum([]byte("signing key"))
	key := secret.LaneKey(o, device)
	box, err := key.Seal(rand.Reader, seal.LaneAD(o, device, 7), []byte("hello"), wire.MinContent)
	if err != nil {
		panic(err)
	}
	plaintext, err := key.Open(seal.LaneAD(o, device, 7), box, wire.MaxEntry)
	fmt.Printf("%s, %d bytes, error %v\n", plaintext, len(box), err)
	_, err = key.Open(seal.LaneAD(o, device, 8), box, wire.MaxEntry)
	fmt.Println("at another place:", errors.Is(err, seal.ErrNotMine))
	fmt.Printf("the secret prints as %x\n", secret)
	// Output:
	// hello, 1064 bytes, error <nil>
	// at another place: true
	// the secret prints as [secret]
}

// A wrap hands a device the secrets of the epochs that it may read.
func ExampleWrapSecrets() {
	device, err := seal.NewPrivateKey(rand.Reader)
	if err != nil {
		panic(err)
	}
	secret, err := seal.NewSecret(rand.Reader)
	if err != nil {
		panic(err)
	}
	o, predecessor := wire.Sum([]byte("opening entry")), wire.Hash{}
	commitment := secret.Commitment(0, predecessor) // stands in the ledger

	file, err := seal.WrapSecrets(device.Recipient(), seal.Wrap{Secrets: []seal.EpochSecret{{O: o, Secret: secret}}})
	if err != nil {
		panic(err)
	}
	wrap, err := seal.OpenWrap(file, device)
	if err != nil {
		panic(err)
	}
	fmt.Println("accepted:", wrap.Secrets[0].Secret.Matches(commitment, 0, predecessor))
	// Output: accepted: true
}
