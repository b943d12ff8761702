package lint

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
)

// Module is the path of the module that is linted.
const Module = "github.com/espace-git/espace-git"

// File is one parsed Go source file.
type File struct {
	Name    string // slash-separated, relative to the module's root
	Package string // folder of Name: "chain", "internal/wire", "." for the root
	Test    bool
	Lines   int
	Imports []string
	Source  []byte
	AST     *ast.File
	fset    *token.FileSet
}

// Local is the module's package that an import path names, if it names one.
func Local(importPath string) (string, bool) {
	if importPath == Module {
		return ".", true
	}
	return strings.CutPrefix(importPath, Module+"/")
}

// At is "name:line" of a position in f.
func (f *File) At(pos token.Pos) string {
	return fmt.Sprintf("%s:%d", f.Name, f.fset.Position(pos).Line)
}

// Parse reads one file. name is relative to the module's root.
func Parse(name string, source []byte) (*File, error) {
	fset := token.NewFileSet()
	tree, err := parser.ParseFile(fset, name, source, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return nil, fmt.Errorf("parsing: %w", err)
	}
	f := &File{
		Name:    name,
		Package: path.Dir(name),
		Test:    strings.HasSuffix(name, "_test.go"),
		Lines:   bytes.Count(source, []byte("\n")),
		Source:  source,
		AST:     tree,
		fset:    fset,
	}
	for _, spec := range tree.Imports {
		p, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return nil, fmt.Errorf("parsing: %w", err)
		}
		f.Imports = append(f.Imports, p)
	}
	return f, nil
}

// Load parses every Go file of the module at root. Folders that the go command skips are skipped,
// and modules within it.
func Load(root string) ([]*File, error) {
	var files []*File
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if p != root && (skipped(d.Name()) || isModule(p)) {
				return filepath.SkipDir
			}
			return nil
		}
		if filepath.Ext(p) != ".go" {
			return nil
		}
		f, err := load(root, p)
		files = append(files, f)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("reading the module: %w", err)
	}
	return files, nil
}

func isModule(folder string) bool {
	_, err := os.Stat(filepath.Join(folder, "go.mod"))
	return err == nil
}

func skipped(folder string) bool {
	return folder == "testdata" || folder == "node_modules" || folder == "vendor" || strings.HasPrefix(folder, ".") || strings.HasPrefix(folder, "_")
}

func load(root, p string) (*File, error) {
	source, err := os.ReadFile(p)
	if err != nil {
		return nil, err
	}
	rel, err := filepath.Rel(root, p)
	if err != nil {
		return nil, err
	}
	return Parse(filepath.ToSlash(rel), source)
}

// Root is the folder of the go.mod that governs the working directory.
func Root() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		up := filepath.Dir(dir)
		if up == dir {
			return "", fmt.Errorf("no go.mod above the working directory")
		}
		dir = up
	}
}
