package space_test

import (
	"fmt"
	"slices"
	"strings"

	"github.com/google/go-cmp/cmp"

	"github.com/espace-git/espace-git/merge"
	"github.com/espace-git/espace-git/schema"
	"github.com/espace-git/espace-git/space"
)

// Documents in the simulators. Each transaction changes one document of some type by a
// token of its own, and with it appends the token to a log and adds one to a counter: so
// the log says which transactions have effect, the counter that each has it once, and the
// tokens that nobody takes away are there once, whole, for all.

// docWrite changes a document of a random type.
func (s *sim) docWrite(d *simDevice, token string) {
	_, err := d.s.Write(s.t.Context(), func(tx *space.Tx) error {
		if err := s.docChange(d, tx, token); err != nil {
			return err
		}
		if err := tx.Counter("visits").Add(1); err != nil {
			return err
		}
		return tx.Record("events").Append(token)
	})
	if err != nil {
		s.t.Fatalf("%s writes documents: %v", d.name, err)
	}
}

func (s *sim) docChange(d *simDevice, tx *space.Tx, token string) (err error) {
	kind := s.rnd.IntN(9)
	s.note("%s changes documents (%d) with %s", d.name, kind, token)
	switch kind {
	case 0, 1:
		return s.docText(d, tx, token)
	case 2:
		s.goes(d, token, "list")
		_, err = tx.List("shopping").Insert(s.upTo(tx), token)
		return err
	case 3:
		return s.docItem(tx, token)
	case 4:
		s.goes(d, token, "set")
		return tx.Set("tags").Add(token)
	case 5:
		return tx.Flag("done").Set(s.rnd.IntN(2) == 0)
	case 6:
		s.goes(d, token, "tree")
		_, err = tx.Tree("places").Create(s.docFolder(tx), token, nil)
		return err
	case 7:
		return s.docMove(tx)
	}
	s.goes(d, token, "own")
	// A document of its own, more than one change of it in one transaction.
	if err := tx.Text("note " + token).Append("b"); err != nil {
		return err
	}
	return tx.Text("note "+token).Insert(0, "a")
}

// went is where the token of somebody went.
type went struct {
	by  *simDevice
	doc string
}

func (s *sim) goes(d *simDevice, token, doc string) { s.went[token] = went{d, doc} }

// docText inserts a token between others, or takes one away.
func (s *sim) docText(d *simDevice, tx *space.Tx, token string) error {
	text, err := tx.Text("note").String()
	if err != nil {
		return err
	}
	var places []int
	for i, c := range text {
		if c == '[' {
			places = append(places, i)
		}
	}
	if len(places) > 3 && s.rnd.IntN(4) == 0 {
		from := places[s.rnd.IntN(len(places))]
		if n := strings.IndexByte(text[from:], ']'); n > 0 {
			s.taken[text[from+1:from+n]] = true
			return tx.Text("note").Delete(from, n+1)
		}
	}
	s.goes(d, token, "text")
	places = append(places, len(text))
	return tx.Text("note").Insert(places[s.rnd.IntN(len(places))], "["+token+"]")
}

func (s *sim) upTo(tx *space.Tx) int {
	items, err := tx.List("shopping").Items()
	s.must(err)
	return s.rnd.IntN(len(items) + 1)
}

// docItem moves, changes or removes an item.
func (s *sim) docItem(tx *space.Tx, token string) error {
	list := tx.List("shopping")
	items, err := list.Items()
	if err != nil || len(items) == 0 {
		return err
	}
	item := items[s.rnd.IntN(len(items))]
	switch s.rnd.IntN(4) {
	case 0:
		s.taken[item.Value.(string)] = true
		return list.Remove(item.ID)
	case 1:
		s.taken[item.Value.(string)], s.taken[token] = true, true
		return list.Set(item.ID, token)
	}
	return list.Move(item.ID, s.rnd.IntN(len(items)))
}

func (s *sim) docFolder(tx *space.Tx) string {
	nodes, err := tx.Tree("places").Nodes()
	s.must(err)
	if len(nodes) == 0 || s.rnd.IntN(3) == 0 {
		return ""
	}
	return nodes[s.rnd.IntN(len(nodes))].ID
}

func (s *sim) docMove(tx *space.Tx) error {
	nodes, err := tx.Tree("places").Nodes()
	if err != nil || len(nodes) == 0 {
		return err
	}
	tree, node := tx.Tree("places"), nodes[s.rnd.IntN(len(nodes))]
	if s.rnd.IntN(4) == 0 {
		s.takeNode(nodes, node)
		return tree.Remove(node.ID)
	}
	err = tree.Move(node.ID, s.docFolder(tx))
	if err != nil && strings.Contains(err.Error(), "below itself") {
		return nil
	}
	return err
}

func (s *sim) takeNode(nodes []space.Node, n space.Node) {
	s.taken[n.Name] = true
	for _, child := range nodes {
		if child.Parent == n.ID {
			s.takeNode(nodes, child)
		}
	}
}

// judgeDocuments: all see the same, and all that the log names, each once.
func (s *sim) judgeDocuments() {
	first := s.devices[0].documents()
	for _, d := range s.devices[1:] {
		if diff := cmp.Diff(first, d.documents()); diff != "" {
			s.t.Errorf("%s has other documents than %s:\n%s", d.name, s.devices[0].name, diff)
		}
	}
	if int64(len(first.Record)) != first.Counter {
		s.t.Errorf("%d transactions count %d times", len(first.Record), first.Counter)
	}
	for i, token := range first.Record {
		s.judgeToken(first, token.(string))
		if slices.Contains(first.Record[:i], token) {
			s.t.Errorf("%s is in the log twice", token)
		}
		if n := strings.Count(first.Text, "["+token.(string)+"]"); n > 1 {
			s.t.Errorf("%s is in the text %d times", token, n)
		}
	}
	for _, kind := range []struct {
		name string
		list []any
	}{{"list", first.List}, {"set", first.Set}} {
		for _, v := range kind.list {
			if !slices.Contains(first.Record, v) {
				s.t.Errorf("%s is in the %s, but its transaction is not in the log", v, kind.name)
			}
		}
	}
	for _, part := range strings.SplitAfter(first.Text, "]") {
		token := strings.Trim(part, "[]")
		if part != "" && (part != "["+token+"]" || !slices.Contains(first.Record, any(token))) {
			s.t.Errorf("%q is in the text, which nobody wrote", part)
		}
	}
}

// judgeToken: what a transaction in the log wrote is there, unless somebody took it away,
// or its author was told.
func (s *sim) judgeToken(d documents, token string) {
	w, ok := s.went[token]
	there := map[string]func() bool{
		"text": func() bool { return strings.Contains(d.Text, "["+token+"]") },
		"list": func() bool { return slices.Contains(d.List, any(token)) },
		"set":  func() bool { return slices.Contains(d.Set, any(token)) },
		"tree": func() bool { return slices.Contains(d.Tree, token) },
		"own": func() bool {
			text, err := s.devices[0].s.Text("note " + token).String(s.t.Context())
			return err == nil && text == "ab"
		},
	}
	if !ok || s.taken[token] || there[w.doc]() {
		return
	}
	conflicts, err := w.by.s.Conflicts(s.t.Context())
	s.must(err)
	if !strings.Contains(fmt.Sprint(conflicts), token) {
		s.t.Errorf("%s wrote %s into the %s: it is gone", w.by.name, token, w.doc)
	}
}

// loggedTokens are those of the log in a transaction.
func (s *sim) loggedTokens(d *simDevice, tx *merge.Transaction) (out []string) {
	dev := d.keyring(d.dir).Device().ID()
	for _, op := range tx.Ops {
		if op.Kind != merge.Edit || op.Table != schema.DocumentsTable {
			continue
		}
		for _, cell := range op.Cells {
			if cell.Column != 7 {
				continue
			}
			b, err := merge.ChangeBytes(cell.Value)
			s.must(err)
			c, err := merge.DecodeLogChange(dev, b)
			s.must(err)
			for _, v := range c.Ops {
				token, err := merge.DecodeValue(v)
				s.must(err)
				out = append(out, fmt.Sprint(token))
			}
		}
	}
	return out
}
