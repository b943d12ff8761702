package merge

import (
	"encoding/json"

	"github.com/espace-git/espace-git/internal/wire"
)

// SetDoc is a set as a document.
type SetDoc struct{ Set }

// Type is SetDocument.
func (d *SetDoc) Type() DocumentType { return SetDocument }

// Apply is that of Document.
func (d *SetDoc) Apply(stamp Stamp, change []byte) error {
	c, err := openChange(stamp.Device, change, DecodeSetChange)
	if err == nil {
		d.Set.Apply(stamp, c)
	}
	return err
}

// Seal is that of Document.
func (d *SetDoc) Seal(opening uint64) Document { return &SetDoc{*d.Set.Seal(opening)} }

// Encode is EncodeSet.
func (d *SetDoc) Encode() ([]byte, error) { return EncodeSet(&d.Set), nil }

// Value is an array of the elements in the order of their bytes.
func (d *SetDoc) Value() any {
	b := []byte{'['}
	for v := range d.Values() {
		b = appendJSONItem(b, v)
	}
	return json.RawMessage(append(b, ']'))
}

// Empty is that of Document.
func (d *SetDoc) Empty() bool { return len(d.elements) == 0 }

func (d *SetDoc) load(b []byte) error {
	s, err := DecodeSet(b)
	if err == nil {
		d.Set = *s
	}
	return err
}

func (d *SetDoc) check(author wire.DeviceID, change []byte) error {
	_, err := openChange(author, change, DecodeSetChange)
	return err
}

func (d *SetDoc) resettle(author wire.DeviceID, change []byte, old, settled Stamp) ([]byte, error) {
	c, err := openChange(author, change, DecodeSetChange)
	if err != nil {
		return nil, err
	}
	c.Renumber(old.Device, old.Number, settled.Number)
	return ChangeCell(EncodeSetChange(author, c))
}

func (d *SetDoc) refers(author wire.DeviceID, change []byte) []Dot {
	c, err := openChange(author, change, DecodeSetChange)
	if err != nil {
		return nil
	}
	return c.Refers()
}

func (d *SetDoc) reissue(onto Document, r reissuing, change []byte) ([]byte, []string, bool) {
	to := onto.(*SetDoc)
	c, err := openChange(r.author, change, DecodeSetChange)
	if err != nil {
		return nil, []string{err.Error()}, false
	}
	again, ok := c.Reissue(r.again, &to.Set)
	if !ok {
		return nil, nil, false
	}
	return issued(to, r, again, EncodeSetChange)
}

// FlagDoc is a flag as a document.
type FlagDoc struct{ Flag }

// Type is FlagDocument.
func (d *FlagDoc) Type() DocumentType { return FlagDocument }

// Apply is that of Document.
func (d *FlagDoc) Apply(stamp Stamp, change []byte) error {
	c, err := openChange(stamp.Device, change, DecodeFlagChange)
	if err == nil {
		d.Flag.Apply(stamp, c)
	}
	return err
}

// Seal is that of Document.
func (d *FlagDoc) Seal(opening uint64) Document { return &FlagDoc{*d.Flag.Seal(opening)} }

// Encode is EncodeFlag.
func (d *FlagDoc) Encode() ([]byte, error) { return EncodeFlag(&d.Flag), nil }

// Value is On.
func (d *FlagDoc) Value() any { return d.On() }

// Empty is that of Document.
func (d *FlagDoc) Empty() bool { return d.enables.live.len()+d.enables.dead.len() == 0 }

func (d *FlagDoc) load(b []byte) error {
	f, err := DecodeFlag(b)
	if err == nil {
		d.Flag = *f
	}
	return err
}

func (d *FlagDoc) check(author wire.DeviceID, change []byte) error {
	_, err := openChange(author, change, DecodeFlagChange)
	return err
}

func (d *FlagDoc) resettle(author wire.DeviceID, change []byte, old, settled Stamp) ([]byte, error) {
	c, err := openChange(author, change, DecodeFlagChange)
	if err != nil {
		return nil, err
	}
	c.Renumber(old.Device, old.Number, settled.Number)
	return ChangeCell(EncodeFlagChange(author, c))
}

func (d *FlagDoc) refers(author wire.DeviceID, change []byte) []Dot {
	c, err := openChange(author, change, DecodeFlagChange)
	if err != nil {
		return nil
	}
	return c.Refers()
}

func (d *FlagDoc) reissue(onto Document, r reissuing, change []byte) ([]byte, []string, bool) {
	to := onto.(*FlagDoc)
	c, err := openChange(r.author, change, DecodeFlagChange)
	if err != nil {
		return nil, []string{err.Error()}, false
	}
	again, ok := c.Reissue(r.again, &to.Flag)
	if !ok {
		return nil, nil, false
	}
	return issued(to, r, &again, EncodeFlagChange)
}
