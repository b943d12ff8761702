package merge

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"unicode/utf8"

	"github.com/espace-git/espace-git/internal/wire"
)

// MaxTextEvents bounds the code points that are ever inserted into and deleted
// from one text; a change that would go beyond it, or beyond 2 GiB of inserted
// text, is refused.
const MaxTextEvents = 1<<30 - 1

var (
	// ErrTextMissing: a change builds on events that are not here yet. Add
	// those first.
	ErrTextMissing = errors.New("text: earlier events are missing")
	// ErrTextChange: a change that no device can make.
	ErrTextChange = errors.New("text: malformed change")
	// ErrTextPosition: a local edit beyond the end of the text.
	ErrTextPosition = errors.New("text: position beyond the end")
	// ErrTextFull: see MaxTextEvents.
	ErrTextFull = errors.New("text: too many events")
)

// TextOp deletes Del code points from position Pos on and inserts Text there.
// All positions count code points. It stands for as many events as code points:
// each is decided alone, at the version that its author had, and is void there,
// on every replica, if it inserts beyond the end or deletes where nothing is.
type TextOp struct {
	Pos, Del int
	// Back says that the deletions are at Pos, Pos-1, …: a run of backspaces.
	Back bool
	Text string
}

// TextChange is a run of operations of one device.
type TextChange struct {
	// First is the name of the first event; the others count on from it.
	First TextID
	// Parents are the events that the author's text had when the run began,
	// with all that those had seen; none: the empty text. Each operation
	// builds on the one before.
	Parents []TextID
	Ops     []TextOp
}

// TextSplice is a change of the text as it reads: at code point Pos, Del code
// points give way to Text.
type TextSplice struct {
	Pos, Del int
	Text     string
}

// Text is a text with its history: a set of events, merged by Eg-walker with
// the order of FugueMax. The same events give the same text, whatever the order
// in which they came. The zero value is the empty text. Not safe for several
// goroutines.
type Text struct {
	graph  textGraph
	lanes  textLanes
	log    textLog
	rope   textRope
	head   []int32     // the version of the rope, ascending
	merged int32       // events that the rope has
	walker *textWalker // for merges
	full   *textWalker // see whole
	lowest []int32     // see base
	order  textOrder
	work   int // of all devices

	parents []int32  // of Add and catchUp
	before  [1]int32 // of Merge
	emit    func(TextSplice)
}

// Len is the number of code points of the merged text.
func (t *Text) Len() int { return int(t.rope.len()) }

// Events is the number of events known.
func (t *Text) Events() int { return int(t.log.end) }

// String is the merged text.
func (t *Text) String() string { return string(t.rope.appendTo(nil)) }

// Slice is the merged text from code point from on, up to to.
func (t *Text) Slice(from, to int) (string, error) {
	if from < 0 || from > to || to > t.Len() {
		return "", fmt.Errorf("%w: %d to %d of %d", ErrTextPosition, from, to, t.Len())
	}
	return string(t.rope.appendPart(nil, int32(from), int32(to-from))), nil
}

// Has says whether an event is known.
func (t *Text) Has(id TextID) bool { return t.lanes.find(id) >= 0 }

// Next names the event that the device makes next.
func (t *Text) Next(d wire.DeviceID) TextID { return TextID{d, uint32(t.lanes.next(d))} }

// Version names the latest events of the merged text, ascending.
func (t *Text) Version() []TextID { return t.names(t.head) }

func (t *Text) names(version []int32) []TextID {
	ids := make([]TextID, len(version))
	for i, lv := range version {
		ids[i] = t.lanes.id(lv)
	}
	slices.SortFunc(ids, TextID.Compare)
	return ids
}

// Edit deletes del code points of the merged text from pos on and inserts s
// there, as events of the device. Merge first: what was added, but not merged,
// is merged without a word.
func (t *Text) Edit(d wire.DeviceID, pos, del int, s string) error {
	if t.merged < t.log.end {
		t.Merge(nil)
	}
	n, err := t.check(TextOp{Pos: pos, Del: del, Text: s}, int(t.log.end), len(t.log.content))
	if err != nil {
		return err
	}
	if pos > t.Len() || del > t.Len()-pos {
		return fmt.Errorf("%w: %d code points at %d of %d", ErrTextPosition, del, pos, t.Len())
	}
	if n == 0 {
		return nil
	}
	fresh := t.graph.push(int32(n), t.head)
	t.lanes.push(t.lanes.ensure(d), t.log.end, int32(n))
	if del > 0 {
		runs := len(t.log.runs)
		t.log.delete(int32(pos), int32(del), fresh)
		t.dominate(runs)
		t.rope.delete(int32(pos), int32(del))
		fresh = false
	}
	if ins := int32(n - del); ins > 0 {
		runs := len(t.log.runs)
		t.log.insert(int32(pos), s, ins, fresh)
		t.dominate(runs)
		t.rope.insertString(int32(pos), s, ins)
	}
	t.merged = t.log.end
	t.head = append(t.head[:0], t.merged-1)
	return nil
}

// dominate notes the size of the text before a run of operations that has seen
// all others, if there is one that was not there before.
func (t *Text) dominate(before int) {
	if len(t.log.runs) > before {
		t.log.runs[before].size = t.rope.len()
	}
}

// check counts an operation's events. So many events and bytes of inserted text
// are there before it.
func (t *Text) check(op TextOp, have, content int) (int, error) {
	if op.Pos < 0 || op.Pos > MaxTextEvents || op.Del < 0 || op.Del > MaxTextEvents || op.Back && op.Del > op.Pos+1 {
		return 0, fmt.Errorf("%w: %d code points at %d", ErrTextChange, op.Del, op.Pos)
	}
	ins := len(op.Text)
	if !ascii(op.Text) {
		if !utf8.ValidString(op.Text) {
			return 0, fmt.Errorf("%w: text is not UTF-8", ErrTextChange)
		}
		ins = utf8.RuneCountInString(op.Text)
	}
	if op.Back && ins > 0 {
		return 0, fmt.Errorf("%w: backspaces with a text", ErrTextChange)
	}
	if op.Del+ins > MaxTextEvents-have || len(op.Text) > math.MaxInt32-content {
		return 0, ErrTextFull
	}
	return op.Del + ins, nil
}

// ascii says whether each byte is a code point.
func ascii(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// Add takes a change into the history, all of it or, with an error, nothing.
// Events known already are passed over, so that a change may come again or
// overlap. The merged text stays as it is until Merge.
func (t *Text) Add(c *TextChange) error {
	total, content := 0, len(t.log.content)
	for i := range c.Ops {
		n, err := t.check(c.Ops[i], int(t.log.end)+total, content)
		if err != nil {
			return fmt.Errorf("operation %d: %w", i, err)
		}
		total, content = total+n, content+len(c.Ops[i].Text)
	}
	known := int(t.lanes.next(c.First.Device)) - int(c.First.Seq)
	if known < 0 {
		return fmt.Errorf("%w: before number %d", ErrTextMissing, c.First.Seq)
	}
	if known >= total {
		return nil
	}
	parents, err := t.parentsOf(c, known)
	if err != nil {
		return err
	}
	fresh := t.graph.push(int32(total-known), parents)
	t.lanes.push(t.lanes.ensure(c.First.Device), t.log.end, int32(total-known))
	for i := range c.Ops {
		known, fresh = t.append(&c.Ops[i], known, fresh)
	}
	return nil
}

// parentsOf is the version at which a change begins, without its known events.
func (t *Text) parentsOf(c *TextChange, known int) ([]int32, error) {
	t.parents = t.parents[:0]
	if known > 0 {
		last := t.lanes.find(TextID{c.First.Device, c.First.Seq + uint32(known) - 1})
		return append(t.parents, last), nil
	}
	for _, id := range c.Parents {
		lv := t.lanes.find(id)
		if lv < 0 {
			return nil, fmt.Errorf("%w: %s %d", ErrTextMissing, id.Device, id.Seq)
		}
		t.parents = append(t.parents, lv)
	}
	t.parents = t.graph.reduce(t.parents)
	return t.parents, nil
}

// append logs an operation but for its first events, which are known.
func (t *Text) append(op *TextOp, known int, fresh bool) (int, bool) {
	if skip := min(known, op.Del); skip < op.Del {
		pos, n := int32(op.Pos), int32(op.Del-skip)
		if op.Back {
			t.log.erase(pos-int32(skip), n, fresh)
		} else {
			t.log.delete(pos, n, fresh)
		}
		known, fresh = known-skip, false
	} else {
		known -= skip
	}
	if op.Text == "" {
		return known, fresh
	}
	s, n := op.Text, len(op.Text)
	if !ascii(s) {
		n = utf8.RuneCountInString(s)
	}
	skip := min(known, n)
	if skip < n {
		cut := 0
		if skip > 0 {
			cut = int(runeOffset([]byte(s), int32(skip)))
		}
		t.log.insert(int32(op.Pos+skip), s[cut:], int32(n-skip), fresh)
		fresh = false
	}
	return known - skip, fresh
}
