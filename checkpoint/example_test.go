package checkpoint_test

import (
	"crypto/rand"
	"fmt"
	"log"

	"github.com/espace-git/espace-git/checkpoint"
	"github.com/espace-git/espace-git/internal/wire"
	"github.com/espace-git/espace-git/seal"
)

// A device makes the state with which an epoch starts; a newcomer reads it.
func Example() {
	at := checkpoint.Place{Space: wire.Sum([]byte("space")), Epoch: wire.Sum([]byte("epoch 1"))}
	secret, err := seal.NewSecret(rand.Reader)
	if err != nil {
		log.Fatal(err)
	}
	pageCut := [32]byte{1} // the space's, from its directory
	host := map[wire.Hash][]byte{}

	b := checkpoint.New(at, pageCut, nil, rand.Reader)
	b.Emit = func(p checkpoint.Page) error { host[p.Hash] = p.Blob; return nil }
	for _, name := range []string{"apples", "pears", "plums"} { // keys ascend
		if err := b.Add([]byte(name), []byte("sweet")); err != nil {
			log.Fatal(err)
		}
	}
	built, err := b.Finish()
	if err != nil {
		log.Fatal(err)
	}
	box, err := built.Manifest.Seal(secret.ManifestKey(at.Epoch), rand.Reader)
	if err != nil {
		log.Fatal(err)
	}

	u, err := checkpoint.Open(at, secret.ManifestKey(at.Epoch), box)
	if err != nil {
		log.Fatal(err)
	}
	fetch := func(name wire.Hash) ([]byte, error) { return host[name], nil }
	_, err = checkpoint.Read(u, fetch, func(key, value []byte) error {
		fmt.Printf("%s: %s\n", key, value)
		return nil
	})
	fmt.Println("endorsed:", u.Digest() == built.Digest, err)
	// Output:
	// apples: sweet
	// pears: sweet
	// plums: sweet
	// endorsed: true <nil>
}
