package lint

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	docLink   = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	docRule   = regexp.MustCompile("`([a-z]+(?:-[a-z]+)*)`")
	codeRule  = regexp.MustCompile(`(?:denied|malformed|broken\([A-Za-z]+,)[( ]"([a-z-]+)"`)
	ruleTable = "## 6. Rules"
)

// TestDocLinks: every relative link of every page leads to a file.
func TestDocLinks(t *testing.T) {
	root, _ := module(t)
	links := 0
	for _, page := range pages(t, root) {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range docLink.FindAllStringSubmatch(string(text), -1) {
			target, _, _ := strings.Cut(m[1], "#")
			if target == "" || strings.Contains(target, "://") {
				continue
			}
			links++
			if _, err := os.Stat(filepath.Join(filepath.Dir(page), target)); err != nil {
				t.Errorf("%s links to %s, which is not there", page, m[1])
			}
		}
	}
	if links == 0 {
		t.Fatal("no links found")
	}
}

func pages(t *testing.T, root string) []string {
	t.Helper()
	var out []string
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && p != root && skipped(d.Name()) {
			return filepath.SkipDir
		}
		if filepath.Ext(p) == ".md" {
			out = append(out, p)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestRulesAreSpecified: the names of the ledger's rules are permanent, so docs/spec/ledger.md lists exactly those of package
// membership.
func TestRulesAreSpecified(t *testing.T) {
	root, files := module(t)
	page, err := os.ReadFile(filepath.Join(root, "docs", "spec", "ledger.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, table, ok := strings.Cut(string(page), ruleTable)
	if !ok {
		t.Fatalf("docs/spec/ledger.md has no %q", ruleTable)
	}
	specified := firstColumn(table)
	coded := codedRules(files)
	for _, rule := range coded {
		if !slices.Contains(specified, rule) {
			t.Errorf("package membership has rule %q, which docs/spec/ledger.md does not list", rule)
		}
	}
	for _, rule := range specified {
		if !slices.Contains(coded, rule) {
			t.Errorf("docs/spec/ledger.md lists rule %q, which package membership has not", rule)
		}
	}
}

func firstColumn(table string) []string {
	var out []string
	for _, line := range strings.Split(table, "\n") {
		cells := strings.Split(line, "|")
		if len(cells) < 3 {
			continue
		}
		for _, m := range docRule.FindAllStringSubmatch(cells[1], -1) {
			out = append(out, m[1])
		}
	}
	return out
}

func codedRules(files []*File) []string {
	var out []string
	for _, f := range files {
		if f.Package != "membership" || f.Test {
			continue
		}
		for _, m := range codeRule.FindAllStringSubmatch(string(f.Source), -1) {
			out = append(out, m[1])
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// TestVectorsAreRead: every vector file is named by some test, so that none is there for show.
func TestVectorsAreRead(t *testing.T) {
	root, files := module(t)
	vectors, err := filepath.Glob(filepath.Join(root, "testdata", "vectors", "*", "*"))
	if err != nil || len(vectors) == 0 {
		t.Fatalf("%d vector files: %v", len(vectors), err)
	}
	for _, v := range vectors {
		name, pkg := filepath.Base(v), filepath.Base(filepath.Dir(v))
		read := slices.ContainsFunc(files, func(f *File) bool {
			return f.Test && filepath.Base(f.Package) == pkg && strings.Contains(string(f.Source), `"`+strings.TrimSuffix(name, ".json"))
		})
		if !read {
			t.Errorf("no test of package %s names %s", pkg, name)
		}
	}
}
