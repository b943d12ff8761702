package merge

// textCarried says where what a text starts with stood in the epoch before.
type textCarried struct{}

func carriedOf(*TextDoc) textCarried { return textCarried{} }

// reissue gives a change of a text to its author's conflicts: the sealed text
// does not say where it would stand.
func (d *TextDoc) reissue(Document, reissuing, []byte) ([]byte, []string, bool) {
	return nil, []string{"the text went on without this change"}, false
}
