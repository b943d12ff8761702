package schema

import (
	"embed"
	"fmt"
	"strconv"
	"strings"
)

//go:embed templates/*.yaml
var templates embed.FS

// Templates are the names that Template knows.
func Templates() []string { return []string{"chat", "notes", "todo"} }

// Template is the source of a schema to begin with.
func Template(name string) ([]byte, error) {
	for _, known := range Templates() {
		if name == known {
			return templates.ReadFile("templates/" + known + ".yaml")
		}
	}
	return nil, fmt.Errorf("%w: no template %s (there are %s)", ErrInvalid, strconv.QuoteToASCII(cut(name)), strings.Join(Templates(), ", "))
}
