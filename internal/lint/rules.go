package lint

import (
	"fmt"
	"go/ast"
	"maps"
	"path"
	"slices"
	"strings"
)

// layers says which of the module's packages each package may import, besides internal/wire, outside its tests. A package
// that is not listed is a finding: whoever adds one decides here where it stands.
var layers = map[string][]string{
	".":             {},
	"internal/wire": {},
	"chain":         {},
	"membership":    {},
	"merge":         {},
	"seal":          {},
	"identity":      {"seal", "internal/filelock"},
	"checkpoint":    {"seal"},
	"chunks":        {"seal"},
	"schema":        {"merge"},
	"view":          {"schema", "merge"},
	"gitstore":      {"internal/filelock"},
	"threeway":      {},
	"pathcrypt":     {},
	"hooks":         {"membership", "chain", "gitstore"},
	"space":         {"membership", "seal", "identity", "chain", "checkpoint", "merge", "schema", "view", "gitstore", "internal/filelock", "pathcrypt", "chunks", "threeway"},

	"internal/filelock":     {},
	"internal/gitfilter":    {},
	"internal/githost":      {},
	"cmd/espace-git":        {"space", "identity", "hooks", "schema", "internal/githost", "cmd/espace-git/demo", "threeway", "pathcrypt", "internal/gitfilter"},
	"cmd/espace-git/demo":   {"space", "internal/githost"},
	"cmd/git-remote-espace": {"space"},

	"bench":                 {},
	"internal/lint":         {},
	"internal/traces":       {"merge", "internal/traces/trace"},
	"internal/traces/trace": {},
	"internal/gitea":        {},
	"internal/sshdtest":     {},
}

// testSupport are packages that only tests import.
var testSupport = []string{"bench", "internal/lint", "internal/gitea", "internal/sshdtest"}

// pure packages are functions from bytes to values: given the same bytes, every device comes to the same verdict. They
// import nothing of impure and call none of clock, outside their tests.
var pure = []string{"chain", "checkpoint", "membership", "merge", "threeway"}

var impure = []string{
	"os", "io/fs", "path/filepath", "net", "log", "syscall", "runtime", "plugin", "database/sql",
	"crypto/rand", "math/rand", "context", "flag", "expvar", "testing", "golang.org/x/sys", "golang.org/x/net",
}

// clock are the functions of package time that read a clock or wait. The type time.Time is data.
var clock = []string{"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "Tick", "NewTicker", "NewTimer", "Local", "LoadLocation"}

// owners says which packages may import a library, tests included. A path covers what lies below it.
var owners = map[string][]string{
	"github.com/go-git":             {"gitstore"},
	"filippo.io/age":                {"seal", "identity", "bench"},
	"github.com/sigstore":           {"membership"},
	"github.com/ncruces/go-sqlite3": {"view"},
	"database/sql":                  {"view"},
	"github.com/fxamacker/cbor":     {"internal/wire"},
	"github.com/goccy/go-yaml":      {"schema", "threeway"},
	"github.com/google/cel-go":      {"schema"},
	"github.com/spf13/cobra":        {"cmd/espace-git"},
	"github.com/transparency-dev":   {"chain"},
	"github.com/zalando/go-keyring": {"identity"},
}

// restricted says which packages may import something outside their tests. Tests may: a story that plays another program, or an
// attacker, brings what that would have.
var restricted = map[string][]string{
	"os/exec":                              {"gitstore", "identity", "cmd/espace-git", "cmd/espace-git/demo", "cmd/git-remote-espace", "internal/githost", "internal/gitea", "internal/sshdtest"},
	"net":                                  {"gitstore", "identity", "cmd/espace-git", "cmd/espace-git/demo", "internal/githost", "internal/gitea", "internal/sshdtest"},
	"golang.org/x/crypto/chacha20poly1305": {"seal", "pathcrypt", "chunks"},
	"github.com/klauspost/compress":        {"seal"},
	"math/rand":                            {},
	"encoding/gob":                         {},
	"unsafe":                               {},
	"C":                                    {},
}

// covers reports whether path is prefix or lies below it.
func covers(prefix, path string) bool {
	return path == prefix || strings.HasPrefix(path, prefix+"/")
}

// Imports checks the direction of imports within the module.
func Imports(f *File) []string {
	allowed, known := layers[f.Package]
	if !known {
		return []string{fmt.Sprintf("%s: package %s has no place in the layers", f.Name, f.Package)}
	}
	if f.Test {
		return nil
	}
	var found []string
	for _, p := range f.Imports {
		local, ok := Local(p)
		if !ok || local == "internal/wire" || slices.Contains(allowed, local) {
			continue
		}
		found = append(found, fmt.Sprintf("%s: package %s must not import %s", f.Name, f.Package, local))
	}
	return found
}

// Support checks that no program holds a package that is for tests.
func Support(f *File) []string {
	var found []string
	for _, p := range f.Imports {
		if local, ok := Local(p); ok && !f.Test && slices.Contains(testSupport, local) {
			found = append(found, fmt.Sprintf("%s: %s is for tests only", f.Name, local))
		}
	}
	return found
}

// Owners checks that each heavy or dangerous library has the importers that were decided on.
func Owners(f *File) []string {
	found := owned(f, owners)
	if !f.Test {
		found = append(found, owned(f, restricted)...)
	}
	return found
}

func owned(f *File, table map[string][]string) []string {
	var found []string
	for _, library := range slices.Sorted(maps.Keys(table)) {
		for _, p := range f.Imports {
			if covers(library, p) && !slices.Contains(table[library], f.Package) {
				found = append(found, fmt.Sprintf("%s: package %s must not import %s", f.Name, f.Package, p))
			}
		}
	}
	return found
}

// Purity checks that a pure package reads no clock, no randomness, no file and no network, and prints nothing.
func Purity(f *File) []string {
	if f.Test || !slices.Contains(pure, f.Package) {
		return nil
	}
	var found []string
	for _, p := range f.Imports {
		if slices.ContainsFunc(impure, func(bad string) bool { return covers(bad, p) }) {
			found = append(found, fmt.Sprintf("%s: pure package %s must not import %s", f.Name, f.Package, p))
		}
	}
	ast.Inspect(f.AST, func(n ast.Node) bool {
		if name, bad := impureName(n); bad {
			found = append(found, fmt.Sprintf("%s: pure package %s must not use %s", f.At(n.Pos()), f.Package, name))
		}
		return true
	})
	return found
}

// impureName recognises time.Now and its like, fmt.Print and its like, and the built-in print.
func impureName(n ast.Node) (string, bool) {
	sel, ok := n.(*ast.SelectorExpr)
	if !ok {
		return "", false
	}
	pkg, ok := sel.X.(*ast.Ident)
	if !ok {
		return "", false
	}
	name := pkg.Name + "." + sel.Sel.Name
	switch pkg.Name {
	case "time":
		return name, slices.Contains(clock, sel.Sel.Name)
	case "fmt":
		return name, strings.HasPrefix(sel.Sel.Name, "Print") || strings.HasPrefix(sel.Sel.Name, "Scan")
	}
	return "", false
}

// NoInit checks that no file runs code by being linked in.
func NoInit(f *File) []string {
	var found []string
	for _, d := range f.AST.Decls {
		if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == "init" {
			found = append(found, f.At(fn.Pos())+": init functions are not used here")
		}
	}
	return found
}

// unfinished are the marks of work left for later, spelled so that this file does not hold them.
var unfinished = []string{"TO" + "DO", "FIX" + "ME", "XX" + "X:", "HA" + "CK:", "not " + "implemented", "un" + "implemented"}

// Finished checks that no file says that it is not finished.
func Finished(f *File) []string {
	var found []string
	for i, line := range strings.Split(string(f.Source), "\n") {
		for _, mark := range unfinished {
			if strings.Contains(line, mark) {
				found = append(found, fmt.Sprintf("%s:%d: %q: finish it, or say it in an issue", f.Name, i+1, mark))
			}
		}
	}
	return found
}

// Documented checks that each package says what it is for: in its doc.go, or where it is small in the file of its own name. A
// command may say so in any file.
func Documented(files []*File) []string {
	said := map[string]bool{}
	for _, f := range files {
		if f.Test {
			continue
		}
		command := f.AST.Name.Name == "main"
		file := path.Base(f.Name)
		own := file == "doc.go" || file == path.Base(f.Package)+".go" || command
		said[f.Package] = said[f.Package] || (own && f.AST.Doc != nil)
	}
	var found []string
	for _, p := range slices.Sorted(maps.Keys(said)) {
		if !said[p] {
			found = append(found, p+": no package comment where one looks for it (doc.go)")
		}
	}
	return found
}
