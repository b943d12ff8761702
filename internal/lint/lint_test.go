package lint

import (
	"go/ast"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// longFile is what 9 of 10 files stay under.
const longFile = 450

func module(t *testing.T) (root string, files []*File) {
	t.Helper()
	root, err := Root()
	if err != nil {
		t.Fatal(err)
	}
	files, err = Load(root)
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < 10 {
		t.Fatalf("only %d Go files found below %s", len(files), root)
	}
	return root, files
}

var rules = []struct {
	name  string
	check func(*File) []string
}{
	{"imports", Imports},
	{"support", Support},
	{"owners", Owners},
	{"purity", Purity},
	{"no-init", NoInit},
	{"finished", Finished},
}

func TestModule(t *testing.T) {
	_, files := module(t)
	for _, rule := range rules {
		t.Run(rule.name, func(t *testing.T) {
			for _, f := range files {
				for _, found := range rule.check(f) {
					t.Error(found)
				}
			}
		})
	}
	t.Run("documented", func(t *testing.T) {
		for _, found := range Documented(files) {
			t.Error(found)
		}
	})
}

// Each rule must find what it is there for.
func TestRulesFind(t *testing.T) {
	for _, tt := range []struct {
		rule, file, source, want string
	}{
		{"imports", "chain/a.go", `package chain; import _ "` + Module + `/space"`, "must not import space"},
		{"imports", "gitstore/a.go", `package gitstore; import _ "` + Module + `/chain"`, "must not import chain"},
		{"imports", "new/a.go", `package new`, "has no place"},
		{"support", "space/a.go", `package space; import _ "` + Module + `/internal/gitea"`, "for tests only"},
		{"owners", "space/a.go", `package space; import _ "filippo.io/age"`, "must not import filippo.io/age"},
		{"owners", "space/a_test.go", `package space; import _ "github.com/go-git/go-git/v5/plumbing"`, "must not import github.com/go-git"},
		{"owners", "seal/a.go", `package seal; import _ "os/exec"`, "must not import os/exec"},
		{"owners", "view/a.go", `package view; import _ "unsafe"`, "must not import unsafe"},
		{"purity", "merge/a.go", `package merge; import _ "crypto/rand"`, "must not import crypto/rand"},
		{"purity", "merge/a.go", `package merge; import _ "net/http"`, "must not import net/http"},
		{"purity", "membership/a.go", "package membership; import \"time\"\nvar t = time.Now()", "a.go:2: pure package membership must not use time.Now"},
		{"purity", "chain/a.go", "package chain; import \"fmt\"\nfunc f() { fmt.Println() }", "must not use fmt.Println"},
		{"no-init", "view/a.go", "package view\nfunc init() {}", "view/a.go:2"},
		{"finished", "view/a.go", "package view\n// " + unfinished[0] + ": later", "view/a.go:2"},
	} {
		t.Run(tt.rule+"/"+tt.want, func(t *testing.T) {
			found := apply(t, tt.rule, tt.file, tt.source)
			if len(found) != 1 || !strings.Contains(found[0], tt.want) {
				t.Errorf("got %q, want one with %q", found, tt.want)
			}
		})
	}
}

// And none of them what is allowed.
func TestRulesAllow(t *testing.T) {
	for _, tt := range []struct{ rule, file, source string }{
		{"imports", "space/a.go", `package space; import _ "` + Module + `/chain"`},
		{"imports", "chain/a.go", `package chain; import _ "` + Module + `/internal/wire"`},
		{"imports", "chain/a_test.go", `package chain; import _ "` + Module + `/internal/githost"`},
		{"support", "space/a_test.go", `package space; import _ "` + Module + `/internal/gitea"`},
		{"owners", "identity/a.go", `package identity; import _ "filippo.io/age"`},
		{"owners", "chain/a_test.go", `package chain; import _ "os/exec"`},
		{"purity", "membership/a.go", "package membership; import \"time\"\nvar t time.Time"},
		{"purity", "chain/a_test.go", `package chain; import _ "os"`},
		{"no-init", "view/a.go", "package view\ntype T int\nfunc (T) init() {}"},
	} {
		if found := apply(t, tt.rule, tt.file, tt.source); len(found) > 0 {
			t.Errorf("%s: %s: %q", tt.rule, tt.source, found)
		}
	}
}

func apply(t *testing.T, rule, name, source string) []string {
	t.Helper()
	f, err := Parse(name, []byte(source))
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rules {
		if r.name == rule {
			return r.check(f)
		}
	}
	t.Fatalf("no rule %q", rule)
	return nil
}

func TestDocumentedFinds(t *testing.T) {
	f, err := Parse("view/row.go", []byte("// Package view is documented, but not in doc.go.\npackage view\n"))
	if err != nil {
		t.Fatal(err)
	}
	if found := Documented([]*File{f}); len(found) != 1 {
		t.Errorf("got %q, want one finding", found)
	}
}

// TestFileLengths reports the longest files and fails when more than one of ten is long.
func TestFileLengths(t *testing.T) {
	_, files := module(t)
	files = slices.DeleteFunc(files, func(f *File) bool { return f.Test })
	slices.SortFunc(files, func(a, b *File) int { return b.Lines - a.Lines })
	long := slices.IndexFunc(files, func(f *File) bool { return f.Lines <= longFile })
	for _, f := range files[:min(len(files), 5)] {
		t.Logf("%4d lines  %s", f.Lines, f.Name)
	}
	t.Logf("%d files, median %d lines; median function %d lines", len(files), files[len(files)/2].Lines, medianFunction(files))
	if long*10 > len(files) {
		t.Errorf("%d of %d files have more than %d lines", long, len(files), longFile)
	}
}

func medianFunction(files []*File) int {
	var lengths []int
	for _, f := range files {
		for _, d := range f.AST.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Body != nil {
				lengths = append(lengths, f.fset.Position(fn.End()).Line-f.fset.Position(fn.Pos()).Line+1)
			}
		}
	}
	slices.Sort(lengths)
	return lengths[len(lengths)/2]
}

// TestGoMod: what builds here builds for whoever imports the module.
func TestGoMod(t *testing.T) {
	root, _ := module(t)
	mod, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	for _, word := range []string{"replace ", "exclude ", "toolchain "} {
		if strings.Contains(string(mod), "\n"+word) {
			t.Errorf("go.mod has a %sdirective", word)
		}
	}
}
