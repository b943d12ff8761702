package merge

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/espace-git/espace-git/internal/wire"
	"github.com/google/go-cmp/cmp"
)

// say brings what a document holds into the form in which the vectors have it:
// bytes as hex, big numbers and devices as texts, records by their fields.
func say(v reflect.Value) any {
	if d, ok := v.Interface().(wire.DeviceID); ok {
		return d.String()
	}
	switch v.Kind() {
	case reflect.Pointer:
		return say(v.Elem())
	case reflect.Slice:
		if b, ok := v.Interface().([]byte); ok {
			return hex.EncodeToString(b)
		}
		out := []any{}
		for i := range v.Len() {
			out = append(out, say(v.Index(i)))
		}
		return out
	case reflect.Struct:
		out := map[string]any{}
		sayFields(out, v)
		return out
	case reflect.Int64, reflect.Uint64:
		return fmt.Sprint(v.Interface())
	}
	return v.Interface()
}

func sayFields(out map[string]any, v reflect.Value) {
	for i := range v.NumField() {
		switch f := v.Type().Field(i); {
		case f.Anonymous:
			sayFields(out, v.Field(i))
		case f.IsExported() && !v.Field(i).IsZero():
			out[strings.ToLower(f.Name)] = say(v.Field(i))
		}
	}
}

// documentVector is a document: its changes, the state that they lead to in
// every order, that state sealed, and what a reader sees.
type documentVector struct {
	Driver  string           `json:"driver"`
	Changes []documentChange `json:"changes"`
	State   string           `json:"state"`
	Opening string           `json:"opening"`
	Sealed  string           `json:"sealed"`
	Reads   any              `json:"reads"`
}

type documentChange struct {
	Stamp []any  `json:"stamp"`
	Hex   string `json:"hex"`
	Says  any    `json:"says"`
}

const vectorOpening = 95

func documentOf[S, C any](t *testing.T, name string, d driver[S, C], reads func(S) any, changes ...written[C]) documentVector {
	v := documentVector{Driver: name, Opening: fmt.Sprint(vectorOpening)}
	state := d.fresh()
	for _, w := range changes {
		b, err := d.encode(w.stamp.Device, w.change)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		v.Changes = append(v.Changes, documentChange{sayStamp(w.stamp), hex.EncodeToString(b), say(reflect.ValueOf(w.change))})
		d.apply(state, w.stamp, w.change)
	}
	v.State = hex.EncodeToString(d.print(state))
	v.Reads = reads(state)
	v.Sealed = hex.EncodeToString(d.print(d.seal(state, vectorOpening)))
	return v
}

// checkDocument reads a vector's bytes and folds them backwards.
func checkDocument[S, C any](t *testing.T, v documentVector, d driver[S, C], reads func(S) any, changes ...written[C]) {
	t.Run(v.Driver, func(t *testing.T) {
		state := d.fresh()
		for i, w := range slices.Backward(changes) {
			c, err := d.decode(w.stamp.Device, unhex(t, v.Changes[i].Hex))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(v.Changes[i].Says, jsonOf(t, say(reflect.ValueOf(c)))); diff != "" {
				t.Error(diff)
			}
			d.apply(state, w.stamp, c)
		}
		for what, bytes := range map[string]string{v.State: "state", v.Sealed: "sealed"} {
			back, err := d.read(unhex(t, what))
			if err != nil {
				t.Fatalf("%s: %v", bytes, err)
			}
			if got := hex.EncodeToString(d.print(back)); got != what {
				t.Errorf("%s printed again: %s", bytes, got)
			}
		}
		if got := hex.EncodeToString(d.print(state)); got != v.State {
			t.Errorf("state %s, want %s", got, v.State)
		}
		if diff := cmp.Diff(v.Reads, jsonOf(t, reads(state))); diff != "" {
			t.Error(diff)
		}
		if got := hex.EncodeToString(d.print(d.seal(state, vectorOpening))); got != v.Sealed {
			t.Errorf("sealed %s, want %s", got, v.Sealed)
		}
	})
}

func at(time, before uint64, d byte, number uint64) Stamp {
	return Stamp{time, max(time, before), device(d), number}
}

func sampleDocuments(t *testing.T, all []documentVector) (out []documentVector) {
	add := func(v documentVector) { out = append(out, v) }
	take := func() documentVector { v := all[0]; all = all[1:]; return v }
	run := func(make func() documentVector, check func(documentVector)) {
		if all == nil {
			add(make())
		} else {
			check(take())
		}
	}
	document(t, run, "counter", counterDriver(), func(c *Counter) any { return say(reflect.ValueOf(c.Value())) },
		written[int64]{at(90, 0, 1, 1), 1 << 62}, written[int64]{at(91, 0, 2, 1), 1<<62 + 5}, written[int64]{at(92, 0, 1, 2), -7}, written[int64]{at(93, 0, 1, 3), 1 << 62})
	document(t, run, "set", setDriver(), func(s *Set) any { return say(reflect.ValueOf(slices.Collect(s.Values()))) },
		written[*SetChange]{at(90, 120, 2, 9), &SetChange{[]SetOp{{Value: value(int64(7)), Add: true, Index: 1}, {Value: value("b"), Add: true, Index: 2}}}},
		written[*SetChange]{at(100, 0, 1, 6), sampleSetChange()})
	document(t, run, "flag", flagDriver(), func(f *Flag) any { return f.On() },
		written[*FlagChange]{at(90, 0, 7, 8), &FlagChange{On: true, Index: 9}}, written[*FlagChange]{at(100, 0, 1, 5), sampleFlagChange()},
		written[*FlagChange]{at(100, 0, 2, 1), &FlagChange{Saw: []Dot{{device(7), 8, 9}}}})
	document(t, run, "list", listDriver(false), func(l *List) any { return say(reflect.ValueOf(itemsOf(l))) },
		written[*ListChange]{at(90, 120, 2, 9), &ListChange{[]ListOp{{Values: [][]byte{value("x"), value("y")}}}}},
		written[*ListChange]{at(100, 0, 1, 4), sampleListChange()},
		written[*ListChange]{at(101, 0, 3, 1), &ListChange{[]ListOp{{Kind: ListSet, Item: Dot{device(3), 2, 0}, Values: [][]byte{value("z")}}}}})
	document(t, run, "tree", treeDriver(false), func(x *Tree) any { return say(reflect.ValueOf(slices.Collect(x.All()))) },
		written[*TreeChange]{at(130, 0, 1, 4), sampleTreeChange()},
		written[*TreeChange]{at(90, 120, 2, 9), &TreeChange{[]TreeOp{{Name: "f", Value: value(nil)}, {Index: 1, Name: "gone", Value: value(nil)}}}},
		written[*TreeChange]{at(131, 0, 3, 1), &TreeChange{[]TreeOp{{Kind: TreeMove, Node: Dot{device(2), 9, 0}, Parent: Dot{device(1), 4, 0}},
			{Kind: TreeMove, Index: 1, Node: Dot{device(1), 4, 0}, Parent: Dot{device(2), 9, 0}}}}})
	document(t, run, "log", logDriver(), func(l *Log) any { return say(reflect.ValueOf(entriesOf(l))) },
		written[*LogChange]{at(100, 0, 1, 6), sampleLogChange()}, written[*LogChange]{at(90, 120, 2, 1), &LogChange{0, [][]byte{value(nil)}}})
	document(t, run, "file", fileDriver(false), func(f *File) any { return say(reflect.ValueOf(f.Heads())) },
		written[*FileChange]{at(90, 120, 2, 9), &FileChange{[]FileOp{{Index: 1, Content: text("x")}}}},
		written[*FileChange]{at(100, 0, 1, 6), sampleFileChange()})
	return out
}

func document[S, C any](t *testing.T, run func(func() documentVector, func(documentVector)), name string, d driver[S, C], reads func(S) any, changes ...written[C]) {
	run(func() documentVector { return documentOf(t, name, d, reads, changes...) },
		func(v documentVector) { checkDocument(t, v, d, reads, changes...) })
}

func TestSetAndOtherDocumentVectors(t *testing.T) {
	const file = "documents.json"
	if *update {
		writeVectors(t, file, sampleDocuments(t, nil))
	}
	var all []documentVector
	readInto(t, file, &all)
	sampleDocuments(t, all)
}

// refusedDocument names a decoder too.
type refusedDocument struct {
	Decoder string `json:"decoder"`
	vector
}

// The author of refused changes is device 1; z is its ID, y that of device 2.
func refusedDocuments() (out []refusedDocument) {
	y, z := repeat("02", 16), repeat("01", 16)
	add := func(decoder, name, hex, refuse string) {
		hex = strings.NewReplacer("y", y, "z", z, " ", "").Replace(hex)
		out = append(out, refusedDocument{decoder, vector{Name: name, Hex: hex, Refuse: refuse}})
	}
	add("counter change", "a text", "6161", "no integer")
	add("counter change", "long integer", "1801", "shortest")
	add("counter", "zero as a byte", "00", "canonical")
	add("counter", "sign repeated", "ff80", "canonical")
	add("counter", "17 bytes", repeat("01", 17), "17 bytes")
	add("set change", "nothing", "", "operations")
	add("set change", "no operation there", "01", "operations")
	add("set change", "long count", "8000", "canonical")
	add("set change", "remove that saw nothing", "01 01 00", "saw nothing")
	add("set change", "names descend", "01 01 04 04 00", "ascend")
	add("set change", "no name", "01 01 02 03", "no name")
	add("set change", "own name with the device", "01 01 02 02z05", "canonical")
	add("set change", "number 0", "01 01 02 0100", "without number")
	add("set change", "array as a value", "01 80 01 00", "scalar")
	add("set change", "something behind it", "00 00", "behind")
	add("set", "another version", "02 00 00", "version 2")
	add("set", "unused device", "01 01z 00", "canonical")
	add("set", "unknown device", "01 00 01 01 01 00 01 00 0200 00", "device")
	add("set", "element of nothing", "01 01z 01 01 00 00 0000 0000", "nobody")
	add("flag change", "disable that saw nothing", "00", "saw nothing")
	add("flag change", "more names than bytes", "ff01", "names")
	add("flag", "live and removed", "01 01z 01 00010002 00 01 000100 0001000000", "live")
	add("list change", "left of the begin", "01 04 00 03 01", "no name")
	add("list change", "delete with values", "01 0b 00", "operation")
	add("list change", "set to the left", "01 06 00 00 01", "operation")
	add("list change", "more values than bytes", "01 f807 00 03 03 01", "operation")
	add("list", "place before the begin", "01 01z 01 01 000100 00 00 00 00", "before the begin")
	add("list", "places in a circle", "01 01z 02 01 000100 02 01 01 000200 01 01 00 00", "canonical")
	add("tree change", "unknown kind", "01 06 00 03", "operation")
	add("tree change", "name of dots", "01 00 00 03 02 2e2e f6", "name")
	add("tree change", "name with a slash", "01 00 00 03 03 612f62 f6", "name")
	add("tree change", "empty name", "01 02 00 00 00", "name")
	add("tree change", "move of the top", "01 01 00 00 03", "no name")
	add("tree change", "saw at time 0", "01 04 00 0101 00 00", "time")
	add("tree change", "keep of the top", "01 05 00 03", "no name")
	add("tree", "node below itself", "01 01z 01 02 000100 01 000100 0400 00", "below itself")
	add("tree", "node twice", "01 01z 02 00 000100 00 000100 00", "twice")
	add("log change", "more operations than bytes", "00 05 01", "operations")
	add("log change", "index above the limit", "ffffffff0f 00", "index")
	add("log", "entries descend", "01 01z 02 000200 0400 f6 000100 0000 f6", "ascend")
	add("file change", "nothing", "", "versions")
	add("file change", "more versions than bytes", "05 00 00 01", "versions")
	add("file change", "parents descend", "01 00 02 04 00 01", "ascend")
	add("file change", "257 parents", "01 00 8102", "parents")
	add("file change", "gone, with a name", "01 00 00 05", "canonical")
	add("file change", "unknown flag", "01 00 00 20 00 00 00", "flags")
	add("file change", "long time", "01 00 00 08 8000 00", "canonical")
	add("file change", "name with a slash", "01 00 00 0c 00 03 612f62 00", "name")
	add("file change", "content inline of 4097 bytes", "01 00 00 08 00 8120", "content")
	add("file change", "content beyond the end", "01 00 00 08 00 02 61", "content")
	add("file change", "chunks of 65537 bytes", "01 00 00 00 00 05 818004", "content")
	add("file change", "size of 2^63", "01 00 00 00 00 80808080808080808001 00", "size")
	add("file change", "no name of a parent", "01 00 01 03 01", "no name")
	add("file", "version twice", "01 01z 02 000100 0200 00 01 000100 0000 00 01", "canonical")
	add("file", "parents descend", "01 01z 01 000300 0200 02 000200 000100 01", "ascend")
	return out
}

func decodeRefused(decoder string, b []byte) (err error) {
	switch decoder {
	case "counter change":
		_, err = DecodeCounterOp(b)
	case "counter":
		_, err = DecodeCounter(b)
	case "set change":
		_, err = DecodeSetChange(device(1), b)
	case "set":
		_, err = DecodeSet(b)
	case "flag change":
		_, err = DecodeFlagChange(device(1), b)
	case "flag":
		_, err = DecodeFlag(b)
	case "list change":
		_, err = DecodeListChange(device(1), b)
	case "list":
		_, err = DecodeList(b)
	case "tree change":
		_, err = DecodeTreeChange(device(1), b)
	case "tree":
		_, err = DecodeTree(b)
	case "file change":
		_, err = DecodeFileChange(device(1), b)
	case "file":
		_, err = DecodeFile(b)
	case "log change":
		_, err = DecodeLogChange(device(1), b)
	case "log":
		_, err = DecodeLog(b)
	}
	return err
}

func TestSetAndOtherDocumentVectorsRefused(t *testing.T) {
	const file = "documents-refused.json"
	if *update {
		writeVectors(t, file, refusedDocuments())
	}
	var all []refusedDocument
	readInto(t, file, &all)
	if len(all) < 30 {
		t.Fatalf("%d vectors", len(all))
	}
	for _, v := range all {
		t.Run(v.Decoder+"/"+v.Name, func(t *testing.T) {
			if err := decodeRefused(v.Decoder, unhex(t, v.Hex)); !errors.Is(err, wire.ErrMalformed) || !contains(err.Error(), v.Refuse) {
				t.Errorf("%v, want one that says %q", err, v.Refuse)
			}
		})
	}
}

func readInto(t *testing.T, file string, into any) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(vectorDir, file))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, into); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
}
