package space_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/espace-git/espace-git/space"
)

// Two people share a space through a bare repository, which could as well be
// anywhere else: the host can read nothing.
func Example() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "espace-example-")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	host := filepath.Join(dir, "host.git")
	if err := exec.Command("git", "init", "-q", "--bare", host).Run(); err != nil {
		log.Fatal(err)
	}
	// Two people on one machine are two homes.
	home := func(name string) space.Options {
		return space.Options{Home: filepath.Join(dir, name+".keys"), NoPassphrase: true, NoAgent: true}
	}

	alice, _, err := space.Create(ctx, filepath.Join(dir, "alice"), space.CreateOptions{
		Name: "Garden", As: "alice", Remote: host,
		Schema: []byte("tables: {plants: {columns: {name: {type: text, required: true}, watered: {type: bool, default: false}}}}"),
	}, home("alice"))
	if err != nil {
		log.Fatal(err)
	}
	defer alice.Close()
	id, err := alice.Insert(ctx, "plants", space.Row{"name": "basil"})
	if err != nil {
		log.Fatal(err)
	}

	// The link is all that Bob needs, and it opens no content by itself.
	invitation, err := alice.Invite(ctx, space.InviteOptions{For: "bob"})
	if err != nil {
		log.Fatal(err)
	}
	bob, joined, err := space.Join(ctx, filepath.Join(dir, "bob"), invitation.Link, space.JoinOptions{As: "bob"}, home("bob"))
	if err != nil {
		log.Fatal(err)
	}
	defer bob.Close()
	fmt.Println("bob is", joined.State)

	sync(ctx, alice, bob) // alice's sync lets him in
	if err := bob.Update(ctx, "plants", id, space.Row{"watered": true}); err != nil {
		log.Fatal(err)
	}
	sync(ctx, bob, alice)

	rows, err := alice.Select(ctx, space.Query{Table: "plants", Where: "watered == true"})
	if err != nil {
		log.Fatal(err)
	}
	for _, r := range rows {
		fmt.Println(r["name"], "is watered")
	}
	// Output:
	// bob is waiting
	// basil is watered
}

func sync(ctx context.Context, spaces ...*space.Space) {
	for _, s := range spaces {
		if _, err := s.Sync(ctx); err != nil {
			log.Fatal(err)
		}
	}
}

// A plant is a row of the table "plants" as a Go value.
type plant struct {
	ID      string `espace:"id"`
	Name    string
	Watered bool
	Height  *float64 `espace:"height"` // may be null
}

// garden is a space on this device only.
func garden() (s *space.Space, remove func()) {
	dir, err := os.MkdirTemp("", "espace-example-")
	if err != nil {
		log.Fatal(err)
	}
	s, _, err = space.Create(context.Background(), filepath.Join(dir, "s"), space.CreateOptions{
		Name: "Garden", As: "alice",
		Schema: []byte("tables: {plants: {columns: {name: {type: text}, watered: {type: bool, default: false}, height: {type: real}}}}"),
	}, space.Options{Home: filepath.Join(dir, "keys"), NoPassphrase: true, NoAgent: true})
	if err != nil {
		log.Fatal(err)
	}
	return s, func() { s.Close(); os.RemoveAll(dir) }
}

// Rows as values of a struct. Update writes only the columns that changed, so
// that a concurrent change to another column stays.
func ExampleTableOf() {
	s, remove := garden()
	defer remove()
	ctx := context.Background()
	plants := space.TableOf[plant](s, "plants")
	tall := 1.2
	id, err := plants.Insert(ctx, plant{Name: "tomato", Height: &tall})
	if err != nil {
		log.Fatal(err)
	}
	if err := plants.Update(ctx, id, func(p *plant) { p.Watered = true }); err != nil {
		log.Fatal(err)
	}
	found, err := plants.Where(ctx, "height > ? && watered == true", 1.0)
	if err != nil {
		log.Fatal(err)
	}
	for _, p := range found {
		fmt.Println(p.Name, *p.Height)
	}
	// Output: tomato 1.2
}

// Several writes that take effect together or not at all.
func ExampleSpace_Write() {
	s, remove := garden()
	defer remove()
	ctx := context.Background()
	_, err := s.Write(ctx, func(tx *space.Tx) error {
		if _, err := tx.Insert("plants", space.Row{"name": "mint"}); err != nil {
			return err
		}
		return errors.New("changed my mind")
	})
	fmt.Println(err)
	receipt, err := s.Write(ctx, func(tx *space.Tx) error {
		_, err := tx.Insert("plants", space.Row{"name": "sage"})
		return err
	})
	fmt.Println(receipt.State, err)
	res, err := s.SQL(ctx, "SELECT name FROM plants")
	fmt.Println(res.Rows, err)
	// Output:
	// changed my mind
	// local <nil>
	// [[sage]] <nil>
}

// A live query: what is there, and then every change.
func ExampleSpace_Watch() {
	s, remove := garden()
	defer remove()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	if _, err := s.Insert(ctx, "plants", space.Row{"name": "thyme"}); err != nil {
		log.Fatal(err)
	}
	for change, err := range s.Watch(ctx, space.Query{Table: "plants", Where: "watered == false"}) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(change.Kind, change.Row["name"])
		if change.Kind == "delete" {
			break // it is watered now, so the query does not choose it any more
		}
		if err := s.Update(ctx, "plants", change.Row["id"].(string), space.Row{"watered": true}); err != nil {
			log.Fatal(err)
		}
	}
	// Output:
	// insert thyme
	// delete thyme
}
