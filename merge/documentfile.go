package merge

import (
	"encoding/json"
	"strconv"
	"time"

	"github.com/espace-git/espace-git/internal/wire"
)

// FileDoc is a file as a document.
type FileDoc struct{ File }

// Type is FileDocument.
func (d *FileDoc) Type() DocumentType { return FileDocument }

// Apply is that of Document.
func (d *FileDoc) Apply(stamp Stamp, change []byte) error {
	c, err := openChange(stamp.Device, change, DecodeFileChange)
	if err == nil {
		d.File.Apply(stamp, c)
	}
	return err
}

// Seal is that of Document.
func (d *FileDoc) Seal(opening uint64) Document { return &FileDoc{*d.File.Seal(opening)} }

// Encode is EncodeFile.
func (d *FileDoc) Encode() ([]byte, error) { return EncodeFile(&d.File), nil }

// Value is the file as it reads, or null where there is none:
//
//	{"executable": bool, "modified": time, "name": text, "size": bytes, "version": ID}
//
// and with it "others", an array of the other heads in the same form, if there
// are some.
func (d *FileDoc) Value() any {
	heads := d.Heads()
	if len(heads) == 0 || heads[0].Content.Gone {
		return json.RawMessage("null")
	}
	b := append([]byte{}, '{')
	b = heads[0].appendJSON(b, len(heads) > 1, func(b []byte) []byte {
		b = append(b, `"others":[`...)
		for i := range heads[1:] {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(heads[i+1].appendJSON(append(b, '{'), false, nil), '}')
		}
		return append(b, "],"...)
	})
	return json.RawMessage(append(b, '}'))
}

// appendJSON appends the members, in the order of their names.
func (v *FileVersion) appendJSON(b []byte, more bool, others func([]byte) []byte) []byte {
	c := &v.Content
	b = strconv.AppendBool(append(b, `"executable":`...), c.Executable)
	b = append(b, `,"modified":"`...)
	b = time.Unix(0, c.Modified).UTC().AppendFormat(b, time.RFC3339Nano)
	b = appendJSONText(append(b, `","name":`...), c.Name)
	b = append(b, ',')
	if more {
		b = others(b)
	}
	b = strconv.AppendUint(append(b, `"size":`...), c.Size, 10)
	return appendJSONText(append(b, `,"version":`...), v.Dot().String())
}

// Empty is that of Document.
func (d *FileDoc) Empty() bool { return len(d.versions) == 0 }

func (d *FileDoc) load(b []byte) error {
	f, err := DecodeFile(b)
	if err == nil {
		d.File = *f
	}
	return err
}

func (d *FileDoc) check(author wire.DeviceID, change []byte) error {
	_, err := openChange(author, change, DecodeFileChange)
	return err
}

func (d *FileDoc) resettle(author wire.DeviceID, change []byte, old, settled Stamp) ([]byte, error) {
	c, err := openChange(author, change, DecodeFileChange)
	if err != nil {
		return nil, err
	}
	c.Renumber(old.Device, old.Number, settled.Number)
	return ChangeCell(EncodeFileChange(author, c))
}

// refers: a version waits for nothing. One of its parents that has no effect
// replaces nothing, and is replaced by nothing.
func (d *FileDoc) refers(wire.DeviceID, []byte) []Dot { return nil }

func (d *FileDoc) reissue(onto Document, r reissuing, change []byte) ([]byte, []string, bool) {
	c, err := openChange(r.author, change, DecodeFileChange)
	if err != nil {
		return nil, []string{err.Error()}, false
	}
	return issued(onto, r, c.Reissue(r.was), EncodeFileChange)
}
