package main

import (
	"fmt"

	"github.com/espace-git/espace-git/internal/wire"
	"github.com/espace-git/espace-git/merge"
)

// ours is package merge. An update is a device and its change as an entry of a
// lane has it; signature and cipher are not measured here, nor at any peer.
type ours struct {
	text   *merge.Text
	device wire.DeviceID
	before []merge.TextID // the version when the edits of the next update began
	edited bool
}

func newOurs(device int) (replica, error) {
	return &ours{text: new(merge.Text), device: wire.DeviceID{byte(device + 1), 7}}, nil
}

func (o *ours) edit(e edit) error {
	if !o.edited {
		o.before, o.edited = o.text.Version(), true
	}
	pos := min(e.Pos, o.text.Len())
	return o.text.Edit(o.device, pos, min(e.Del, o.text.Len()-pos), e.Ins)
}

func (o *ours) update() ([]byte, error) {
	changes := o.text.Since(o.before)
	if o.edited = false; len(changes) != 1 {
		return nil, fmt.Errorf("%d changes in an update", len(changes))
	}
	b, err := merge.EncodeTextChange(&changes[0])
	return append(o.device[:], b...), err
}

func (o *ours) pull(updates [][]byte) error {
	if err := o.add(updates); err != nil {
		return err
	}
	o.text.Merge(nil)
	return nil
}

func (o *ours) add(updates [][]byte) error {
	for _, b := range updates {
		var d wire.DeviceID
		copy(d[:], b)
		c, err := merge.DecodeTextChange(d, b[len(d):])
		if err != nil {
			return err
		}
		if err := o.text.Add(c); err != nil {
			return err
		}
	}
	return nil
}

func (o *ours) length() (int, error)  { return o.text.Len(), nil }
func (o *ours) save() ([]byte, error) { return merge.SaveText(o.text) }

func (o *ours) load(saved []byte) (int, error) {
	t, err := merge.LoadText(saved)
	if err != nil {
		return 0, err
	}
	return len([]rune(t.String())), nil
}

func (o *ours) read(saved []byte) (int, error) {
	s, err := merge.ReadText(saved)
	return len([]rune(s)), err
}

func (o *ours) log(updates [][]byte) (func() (int, error), error) {
	fresh := &ours{text: new(merge.Text)}
	if err := fresh.add(updates); err != nil {
		return nil, err
	}
	return func() (int, error) {
		fresh.text.Merge(nil)
		return fresh.text.Len(), nil
	}, nil
}
