package merge

import "github.com/espace-git/espace-git/internal/wire"

// LogDoc is a log as a document.
type LogDoc struct{ Log }

// Type is LogDocument.
func (d *LogDoc) Type() DocumentType { return LogDocument }

// Apply is that of Document.
func (d *LogDoc) Apply(stamp Stamp, change []byte) error {
	c, err := openChange(stamp.Device, change, DecodeLogChange)
	if err == nil {
		d.Log.Apply(stamp, c)
	}
	return err
}

// Seal is that of Document.
func (d *LogDoc) Seal(opening uint64) Document { return &LogDoc{*d.Log.Seal(opening)} }

// Encode is EncodeLog.
func (d *LogDoc) Encode() ([]byte, error) { return EncodeLog(&d.Log), nil }

// Value is the number of entries.
func (d *LogDoc) Value() any { return int64(d.Len()) }

// Empty is that of Document.
func (d *LogDoc) Empty() bool { return d.Len() == 0 }

func (d *LogDoc) load(b []byte) error {
	l, err := DecodeLog(b)
	if err == nil {
		d.Log = *l
	}
	return err
}

func (d *LogDoc) check(author wire.DeviceID, change []byte) error {
	_, err := openChange(author, change, DecodeLogChange)
	return err
}

func (d *LogDoc) resettle(author wire.DeviceID, change []byte, _, _ Stamp) ([]byte, error) {
	return change, d.check(author, change)
}

func (d *LogDoc) refers(wire.DeviceID, []byte) []Dot { return nil }

func (d *LogDoc) reissue(onto Document, r reissuing, change []byte) ([]byte, []string, bool) {
	if err := onto.Apply(r.again, change); err != nil {
		return nil, []string{err.Error()}, false
	}
	return change, nil, true
}
