package lint

import (
	"go/ast"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// docs/attacks.md names a test for each attack, as `package.TestName` or `package.TestName/subtest`. A name that leads nowhere
// would be a promise that nobody keeps.
var testName = regexp.MustCompile("`([a-z/-]+)\\.(Test[A-Za-z0-9]+)((?:/[^`]+)?)`")

// tests maps each package's test functions to the source of their file.
func tests(files []*File) map[string]map[string]string {
	out := map[string]map[string]string{}
	for _, f := range files {
		for _, d := range f.AST.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok || !f.Test || !strings.HasPrefix(fn.Name.Name, "Test") {
				continue
			}
			if out[f.Package] == nil {
				out[f.Package] = map[string]string{}
			}
			out[f.Package][fn.Name.Name] = string(f.Source)
		}
	}
	return out
}

func TestTableOfAttacks(t *testing.T) {
	root, files := module(t)
	page, err := os.ReadFile(filepath.Join(root, "docs", "attacks.md"))
	if err != nil {
		t.Fatal(err)
	}
	have, named := tests(files), map[string]bool{}
	for _, m := range testName.FindAllStringSubmatch(string(page), -1) {
		pkg, fn, sub := m[1], m[2], m[3]
		named[pkg+"."+fn] = true
		source, ok := have[pkg][fn]
		if !ok {
			t.Errorf("docs/attacks.md names %s.%s, which is not there", pkg, fn)
			continue
		}
		for _, part := range strings.Split(strings.TrimPrefix(sub, "/"), "/") {
			if !strings.Contains(source, part) {
				t.Errorf("docs/attacks.md names %s.%s%s, and its file has no %q", pkg, fn, sub, part)
			}
		}
	}
	if len(named) == 0 {
		t.Fatal("docs/attacks.md names no test")
	}
	for _, missing := range unnamed(have, named) {
		t.Errorf("%s plays an attack that docs/attacks.md does not list", missing)
	}
}

// unnamed are the tests that play attacks, by their names, and stand in no row.
func unnamed(have map[string]map[string]string, named map[string]bool) []string {
	var out []string
	for pkg, functions := range have {
		for fn := range functions {
			if strings.HasPrefix(fn, "TestAttack") && !named[pkg+"."+fn] {
				out = append(out, pkg+"."+fn)
			}
		}
	}
	slices.Sort(out)
	return out
}
