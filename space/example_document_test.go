package space_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/espace-git/espace-git/space"
)

// alone is a space without a host, for examples.
func alone() (s *space.Space, done func()) {
	dir, err := os.MkdirTemp("", "espace-example-")
	if err != nil {
		log.Fatal(err)
	}
	s, _, err = space.Create(context.Background(), filepath.Join(dir, "s"), space.CreateOptions{Name: "Garden", As: "alice"},
		space.Options{Home: filepath.Join(dir, "keys"), NoPassphrase: true, NoAgent: true})
	if err != nil {
		log.Fatal(err)
	}
	return s, func() { s.Close(); os.RemoveAll(dir) }
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

// A text that several people write at once. Positions count code points.
func ExampleSpace_Text() {
	ctx := context.Background()
	s, done := alone()
	defer done()
	note := s.Text("plan")
	_, err := note.Append(ctx, "Plant basil.")
	check(err)
	receipt, err := note.Insert(ctx, 6, "more ")
	check(err)
	fmt.Println(note.String(ctx))
	_, err = note.Undo(ctx, receipt.ID)
	check(err)
	fmt.Println(note.String(ctx))
	// Output:
	// Plant more basil. <nil>
	// Plant basil. <nil>
}

// Whoever applies the splices has the text.
func ExampleText_Watch() {
	ctx := context.Background()
	s, done := alone()
	defer done()
	_, err := s.Text("plan").Append(ctx, "Plant basil.")
	check(err)
	for change, err := range s.Text("plan").Watch(ctx) {
		check(err)
		for _, splice := range change.Splices {
			fmt.Printf("%d -%d +%q\n", splice.Pos, splice.Del, splice.Text)
		}
		if change.Len > 12 {
			break
		}
		_, err := s.Text("plan").Insert(ctx, 6, "more ")
		check(err)
	}
	// Output:
	// 0 -0 +"Plant basil."
	// 6 -0 +"more "
}

// A list whose items keep their IDs while others move them.
func ExampleSpace_List() {
	ctx := context.Background()
	s, done := alone()
	defer done()
	list := s.List("shopping")
	ids, err := list.Append(ctx, "milk", "eggs", "bread")
	check(err)
	check(list.Move(ctx, ids[2], 0))
	check(list.Remove(ctx, ids[0]))
	items, err := list.Items(ctx)
	check(err)
	for _, item := range items {
		fmt.Println(item.Value)
	}
	// Output:
	// bread
	// eggs
}

// One transaction over documents and rows takes effect as a whole.
func ExampleTx_Counter() {
	ctx := context.Background()
	s, done := alone()
	defer done()
	_, err := s.Write(ctx, func(tx *space.Tx) error {
		if err := tx.Counter("seedlings").Add(12); err != nil {
			return err
		}
		if err := tx.Set("beds").Add("north", "south"); err != nil {
			return err
		}
		return tx.Flag("watered").Set(true)
	})
	check(err)
	fmt.Println(s.Counter("seedlings").Value(ctx))
	fmt.Println(s.Set("beds").Values(ctx))
	fmt.Println(s.Flag("watered").On(ctx))
	// Output:
	// 12 <nil>
	// [north south] <nil>
	// true <nil>
}

// An application's own operations, folded in an order that is the same for all.
func ExampleFold() {
	ctx := context.Background()
	s, done := alone()
	defer done()
	till := s.Record("till")
	check(till.Append(ctx, 5, 7))
	total := space.Fold(till, 0, func(sum int, e space.RecordEntry) int { return sum + int(e.Op.(int64)) })
	fmt.Println(total.State(ctx))
	check(till.Append(ctx, -2))
	fmt.Println(total.State(ctx))
	// Output:
	// 12 <nil>
	// 10 <nil>
}

// A tree of folders: names are unique in a folder, and moves never make a circle.
func ExampleSpace_Tree() {
	ctx := context.Background()
	s, done := alone()
	defer done()
	beds := s.Tree("beds")
	north, err := beds.Create(ctx, "", "north", nil)
	check(err)
	_, err = beds.Create(ctx, north, "basil", 12)
	check(err)
	node, err := beds.Lookup(ctx, "north/basil")
	check(err)
	fmt.Println(node.Name, node.Value)
	// Output:
	// basil 12
}
