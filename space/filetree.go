package space

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/espace-git/espace-git/merge"
)

// node is a node of the tree of folders. One whose value is the ID of a row is a
// file, any other is a folder. spec/files.md §2
type node struct {
	id   merge.Dot // zero: the top
	name string    // as it shows in its folder
	dir  bool
	row  merge.RowID // of a file
	at   merge.Mark
}

func nodeFrom(n *merge.TreeNode) node {
	out := node{id: n.ID, name: n.Shown, dir: true, at: n.Placed}
	if v, err := merge.DecodeValue(n.Value); err == nil {
		if row, ok := v.([]byte); ok && len(row) == len(out.row) {
			out.dir, out.row = false, merge.RowID(row)
		}
	}
	return out
}

// children are the nodes in a folder. What somebody's program put below a file
// shows beside it: nothing is hidden.
func (f *fileView) children(folder merge.Dot) []node {
	var out []node
	strayed := false
	for todo := []merge.Dot{folder}; len(todo) > 0; todo = todo[1:] {
		for _, n := range f.tree.Children(todo[0]) {
			c := nodeFrom(&n)
			out = append(out, c)
			if !c.dir && len(f.tree.Children(c.id)) > 0 {
				todo = append(todo, c.id)
				strayed = true
			}
		}
	}
	if strayed {
		apart(out, func(n *node) *string { return &n.name })
		slices.SortFunc(out, func(a, b node) int { return strings.Compare(a.name, b.name) })
	}
	return out
}

// apart gives each a name of its own: the first of a name keeps it.
func apart[T any](list []T, name func(*T) *string) {
	taken := map[string]bool{}
	for i := range list {
		n := name(&list[i])
		for base, k := *n, 2; taken[*n]; k++ {
			*n = numberedName(base, k)
		}
		taken[*n] = true
	}
}

// numberedName puts something before the extension of a name.
func numberedName(name string, n int) string { return addToName(name, fmt.Sprintf(" (%d)", n)) }

func addToName(name, what string) string {
	ext := path.Ext(name)
	if ext == path.Base(name) {
		ext = ""
	}
	return strings.TrimSuffix(name, ext) + what + ext
}

// cleanPath is a path without empty names and dots; "" is the top. It refuses "..".
func cleanPath(p string) (string, error) {
	if !validText(p) {
		return "", usage("path %q is not UTF-8", p)
	}
	var names []string
	for _, n := range strings.Split(p, "/") {
		switch n {
		case "", ".":
		case "..":
			return "", usage("path %s: there is no way up", shownPath(p))
		default:
			names = append(names, n)
		}
	}
	return strings.Join(names, "/"), nil
}

// lookup finds a node by its path; the top for "".
func (f *fileView) lookup(p string) (node, error) {
	at := node{dir: true}
	if p == "" {
		return at, nil
	}
	for _, name := range strings.Split(p, "/") {
		next, ok := node{}, false
		if at.dir {
			next, ok = f.child(at.id, name)
		}
		if !ok {
			return node{}, notFound("there is no file or folder %s", shownPath(p))
		}
		at = next
	}
	return at, nil
}

func (f *fileView) child(folder merge.Dot, name string) (node, bool) {
	for _, c := range f.children(folder) {
		if c.name == name {
			return c, true
		}
	}
	return node{}, false
}

// find is what stands at a path in the folders: a file, a folder, or a version
// that stands beside its file.
func (f *fileView) find(p string) (FileInfo, error) {
	p, err := cleanPath(p)
	if err != nil {
		return FileInfo{}, err
	}
	n, err := f.lookup(p)
	if err == nil {
		list, err := f.entries(p, n)
		if err != nil {
			return FileInfo{}, err
		}
		return list[0], nil
	}
	dir, name := path.Split(p)
	if !strings.Contains(name, fromWhom) {
		return FileInfo{}, err
	}
	folder, missing := f.find(strings.TrimSuffix(dir, "/"))
	if missing != nil || !folder.Dir {
		return FileInfo{}, err
	}
	list, listErr := f.list(folder)
	if i := slices.IndexFunc(list, func(e FileInfo) bool { return e.Path == p }); i >= 0 {
		return list[i], nil
	}
	return FileInfo{}, cmp.Or(listErr, err)
}

// list is what stands in a folder, by path.
func (f *fileView) list(folder FileInfo) ([]FileInfo, error) {
	var files, beside []FileInfo
	for _, c := range f.children(folder.node.id) {
		list, err := f.entries(path.Join(folder.Path, c.name), c)
		if err != nil {
			return nil, err
		}
		files, beside = append(files, list[0]), append(beside, list[1:]...)
	}
	out := append(files, beside...) // a file's own name goes before
	if len(beside) > 0 {
		apart(out, func(e *FileInfo) *string { return &e.Path })
		for i := range out {
			out[i].Name = baseName(out[i].Path)
		}
	}
	slices.SortFunc(out, func(a, b FileInfo) int { return strings.Compare(a.Path, b.Path) })
	return append([]FileInfo{}, out...), nil
}

// entries are a node as it stands, and the versions that stand beside it.
func (f *fileView) entries(p string, n node) ([]FileInfo, error) {
	if n.dir {
		info := FileInfo{Path: p, Name: baseName(p), Dir: true, node: n}
		if !n.at.IsZero() {
			info.Modified, info.Member = written(n.at), deviceName(f.v, f.roster, n.at.Device)
			info.Written = info.Modified
		}
		return []FileInfo{info}, nil
	}
	at := contentAt(f.schema, n.row)
	_, live, err := f.v.Live(at.table.Number, at.row)
	if err != nil {
		return nil, err
	}
	var heads []merge.FileVersion
	if live {
		d, err := f.load(at)
		if err != nil {
			return nil, err
		}
		heads = d.Heads()
	}
	if len(heads) == 0 || heads[0].Content.Gone {
		return []FileInfo{{Path: p, Name: baseName(p), Missing: true, node: n, Modified: written(n.at), Written: written(n.at), Member: deviceName(f.v, f.roster, n.at.Device)}}, nil
	}
	out := make([]FileInfo, len(heads))
	for i := range heads {
		out[i] = f.info(p, n, &heads[i])
		if i > 0 {
			out[i].Path, out[i].Conflict = besideName(p, &out[i]), true
			out[i].Name = baseName(out[i].Path)
		}
	}
	out[0].conflicts = len(heads) - 1
	return out, nil
}

// fromWhom is a part of the name of each version that stands beside its file.
const fromWhom = " (from "

// baseName is the last name of a path; "." of the top.
func baseName(p string) string { return path.Base(p) }

func besideName(p string, e *FileInfo) string {
	who := strings.Map(func(r rune) rune {
		if r == '/' || r < ' ' || r == 0x7f {
			return '_'
		}
		return r
	}, e.Member)
	return addToName(p, fmt.Sprintf("%s%.40s, %s)", fromWhom, who, e.Written.Format("2006-01-02")))
}
