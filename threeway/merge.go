package threeway

import (
	"bytes"
	"errors"
	"fmt"
	"path"
	"strings"
)

// MaxSize is the greatest version that is merged, in bytes.
const MaxSize = 64 << 20

var (
	// ErrBinary: a version holds a zero byte near its start, as git decides it.
	ErrBinary = errors.New("not text")
	// ErrTooBig: a version is larger than MaxSize.
	ErrTooBig = errors.New("too big")
)

// Kind says how versions are read.
type Kind string

const (
	Text Kind = "text"
	JSON Kind = "json"
	YAML Kind = "yaml"
	CSV  Kind = "csv"
)

// KindOf is the kind that a path's extension names; Text for all others.
func KindOf(name string) Kind {
	switch strings.ToLower(path.Ext(name)) {
	case ".json", ".geojson", ".webmanifest":
		return JSON
	case ".yaml", ".yml":
		return YAML
	case ".csv", ".tsv":
		return CSV
	}
	return Text
}

// Options say how a conflict is shown, and how rows are told apart. Zero is git's default.
type Options struct {
	Ours, Base, Theirs string // labels after the markers; empty: none

	Marker int  // characters of a marker; 0: 7. git passes its own as %L
	Diff3  bool // show the base as well (merge.conflictStyle diff3)

	Key string // CSV: the column that identifies a row; empty: see the package's csv.go
}

// Merge merges a and b, which both come from o. clean is false if the result has
// conflict markers.
func Merge(kind Kind, o, a, b []byte, opt Options) (merged []byte, clean bool, err error) {
	for _, v := range [][]byte{o, a, b} {
		if len(v) > MaxSize {
			return nil, false, fmt.Errorf("merging: %w: %d bytes, limit %d", ErrTooBig, len(v), MaxSize)
		}
	}
	if v, ok := trivial(o, a, b); ok {
		return v, true, nil
	}
	for _, v := range [][]byte{o, a, b} {
		if binary(v) {
			return nil, false, fmt.Errorf("merging: %w", ErrBinary)
		}
	}
	if f, ok := structural[kind]; ok {
		switch merged, result := f(o, a, b, opt); result {
		case merges:
			return merged, true, nil
		case conflicts:
			return mark(o, a, b, opt), false, nil
		}
	}
	merged, clean = mergeText(o, a, b, opt)
	return merged, clean, nil
}

// A result of a structural merge.
type result int

const (
	unreadable result = iota // a version is not of the kind: merge as text
	conflicts
	merges
)

var structural = map[Kind]func(o, a, b []byte, opt Options) ([]byte, result){JSON: mergeJSON, YAML: mergeYAML, CSV: mergeCSV}

// trivial are the merges that need no reading: both sides agree, or one did nothing.
func trivial(o, a, b []byte) ([]byte, bool) {
	switch {
	case bytes.Equal(a, b), bytes.Equal(o, b):
		return a, true
	case bytes.Equal(o, a):
		return b, true
	}
	return nil, false
}

// binary is git's rule: a zero byte among the first 8,000.
func binary(v []byte) bool { return bytes.IndexByte(v[:min(len(v), 8000)], 0) >= 0 }

// mark shows a conflict of meaning as one of text. Where the lines would merge all the
// same (both sides add one key at two places), the whole difference is the conflict.
func mark(o, a, b []byte, opt Options) []byte {
	if merged, clean := mergeText(o, a, b, opt); !clean {
		return merged
	}
	w := writer{opt: opt}
	w.conflict(splitLines(o), splitLines(a), splitLines(b))
	return w.out.Bytes()
}
