package space_test

import (
	"context"
	"fmt"
	"io/fs"
	"log"
	"os"
	"path/filepath"
	"strings"

	"github.com/espace-git/espace-git/space"
)

// Files go into folders, and are read like any others.
func ExampleSpace_Files() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "space")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	s, _, err := space.Create(ctx, filepath.Join(dir, "team"), space.CreateOptions{Name: "Team", As: "Alice", Schema: []byte(tasks)},
		space.Options{Home: filepath.Join(dir, "keys"), NoPassphrase: true, NoAgent: true})
	if err != nil {
		log.Fatal(err)
	}
	defer s.Close()

	files := s.Files()
	for _, text := range []string{"Monday", "Tuesday"} {
		if _, _, err := files.Put(ctx, "notes/plan.txt", strings.NewReader(text), space.PutOptions{}); err != nil {
			log.Fatal(err)
		}
	}
	b, err := fs.ReadFile(files.FS(ctx), "notes/plan.txt")
	if err != nil {
		log.Fatal(err)
	}
	versions, err := files.Versions(ctx, "notes/plan.txt")
	fmt.Println(string(b), len(versions), err)
	// Output: Tuesday 2 <nil>
}
