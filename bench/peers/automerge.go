//go:build cgo

package main

import (
	"fmt"

	"github.com/automerge/automerge-go"
)

// automergePeer is nil where there is no cgo.
var automergePeer newReplica = newAutomerge

// automergeText is automerge-go: Automerge's Rust core through cgo. An update is
// the changes since the last one, committed as one.
type automergeText struct {
	doc   *automerge.Doc
	text  *automerge.Text
	since []automerge.ChangeHash
}

// automergeRoot is a document with an empty text, from which all copies fork.
var automergeRoot []byte

func newAutomerge(device int) (replica, error) {
	if automergeRoot == nil {
		doc := automerge.New()
		if err := doc.SetActorID("ff"); err != nil {
			return nil, err
		}
		if err := doc.RootMap().Set("text", automerge.NewText("")); err != nil {
			return nil, err
		}
		if _, err := doc.Commit("begin"); err != nil {
			return nil, err
		}
		automergeRoot = doc.Save()
	}
	doc, err := automerge.Load(automergeRoot)
	if err != nil {
		return nil, err
	}
	return &automergeText{doc: doc, text: doc.Path("text").Text(), since: doc.Heads()}, doc.SetActorID(fmt.Sprintf("%02x", device+1))
}

func (a *automergeText) edit(e edit) error {
	n := a.text.Len()
	pos := min(e.Pos, n)
	return a.text.Splice(pos, min(e.Del, n-pos), e.Ins)
}

func (a *automergeText) update() ([]byte, error) {
	if _, err := a.doc.Commit(""); err != nil {
		return nil, err
	}
	changes, err := a.doc.Changes(a.since...)
	a.since = a.doc.Heads()
	return automerge.SaveChanges(changes), err
}

func (a *automergeText) pull(updates [][]byte) error {
	for _, b := range updates {
		if err := a.doc.LoadIncremental(b); err != nil {
			return err
		}
	}
	a.since = a.doc.Heads()
	return nil
}

func (a *automergeText) length() (int, error)  { return a.text.Len(), nil }
func (a *automergeText) save() ([]byte, error) { return a.doc.Save(), nil }

func (a *automergeText) load(saved []byte) (int, error) {
	doc, err := automerge.Load(saved)
	if err != nil {
		return 0, err
	}
	s, err := doc.Path("text").Text().Get()
	return len([]rune(s)), err
}

func (a *automergeText) read(saved []byte) (int, error) { return a.load(saved) }
