package view

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/espace-git/espace-git/internal/wire"
	"github.com/espace-git/espace-git/merge"
)

// kind is how a column is stored and read.
//
//	kind     merge value   SQLite                          Row
//	text     string        TEXT                            string
//	int      int64         INTEGER                         int64
//	real     float64       REAL                            float64
//	bool     bool          0, 1                            bool
//	bytes    []byte        BLOB                            []byte
//	time     int64         TEXT 2026-11-23T13:28:00.000000Z   time.Time, UTC
//	json     string        TEXT                            json.RawMessage
//	id, ref  16 bytes      TEXT 8-4-4-4-12                 string
//	member   16 bytes      TEXT 26 characters of base32    string
//
// IDs and times are stored as the text that users see, so that SQL on the
// user's views can compare, join and sort them by their indexes.
type kind uint8

const (
	kindText kind = iota + 1
	kindInt
	kindReal
	kindBool
	kindBytes
	kindTime
	kindJSON
	kindID
	kindMember
)

// decls are the declared types: they set SQLite's affinity, and SQL reads them
// to know what a result column is.
var decls = map[kind]string{
	kindText: "TEXT", kindInt: "INTEGER", kindReal: "REAL", kindBool: "BOOLEAN", kindBytes: "BLOB",
	kindTime: "TEXT TIME", kindJSON: "TEXT JSON", kindID: "TEXT ID", kindMember: "TEXT MEMBER",
}

// timeForm sorts as text as times do, in the years 0 to 9999 UTC.
const timeForm = "2006-01-02T15:04:05.000000Z"

const (
	minMicros = -62167219200000000 // year 0
	maxMicros = 253402300799999999 // the end of the year 9999
)

// store turns a cell's value into SQLite's. What does not fit the column is
// wrong by its own content, on every device alike.
func (k kind) store(raw []byte) (any, error) {
	v, err := merge.DecodeValue(raw)
	if err != nil {
		return nil, err
	}
	return k.storeValue(v)
}

// storeValue is store for a value of package merge.
func (k kind) storeValue(v any) (any, error) {
	switch v := v.(type) {
	case nil:
		return nil, nil
	case string:
		if k == kindText || k == kindJSON && json.Valid([]byte(v)) {
			return v, nil
		}
	case int64:
		if k == kindInt {
			return v, nil
		}
		if k == kindTime && v >= minMicros && v <= maxMicros {
			return time.UnixMicro(v).UTC().Format(timeForm), nil
		}
	case float64:
		if k == kindReal {
			return v, nil
		}
	case bool:
		if k == kindBool {
			return v, nil
		}
	case []byte:
		return k.storeBytes(v)
	}
	return nil, fmt.Errorf("%w: %T in a column of type %s", wire.ErrMalformed, v, decls[k])
}

func (k kind) storeBytes(v []byte) (any, error) {
	switch {
	case k == kindBytes:
		return v, nil
	case k == kindID && len(v) == 16:
		return idText([16]byte(v)), nil
	case k == kindMember && len(v) == 16:
		return wire.Short([16]byte(v)), nil
	}
	return nil, fmt.Errorf("%w: %d bytes in a column of type %s", wire.ErrMalformed, len(v), decls[k])
}

// load reads a result column as a Row holds it.
func (k kind) load(s *sqlite3.Stmt, i int) any {
	t := s.ColumnType(i)
	if t == sqlite3.NULL {
		return nil
	}
	switch {
	case k == kindBool && t == sqlite3.INTEGER:
		return s.ColumnInt64(i) != 0
	case k == kindTime && t == sqlite3.TEXT:
		if v, err := time.Parse(timeForm, s.ColumnText(i)); err == nil {
			return v
		}
	case k == kindJSON && t == sqlite3.TEXT:
		return json.RawMessage(s.ColumnText(i))
	case k == kindReal:
		return s.ColumnFloat(i)
	}
	return loadPlain(s, i, t)
}

// loadPlain reads a column by the type that its value has.
func loadPlain(s *sqlite3.Stmt, i int, t sqlite3.Datatype) any {
	switch t {
	case sqlite3.INTEGER:
		return s.ColumnInt64(i)
	case sqlite3.FLOAT:
		return s.ColumnFloat(i)
	case sqlite3.TEXT:
		return s.ColumnText(i)
	case sqlite3.BLOB:
		return s.ColumnBlob(i, []byte{})
	}
	return nil
}

// idText prints 16 bytes as a UUID, in lower case.
func idText(id [16]byte) string {
	var b [36]byte
	hex.Encode(b[0:8], id[0:4])
	hex.Encode(b[9:13], id[4:6])
	hex.Encode(b[14:18], id[6:8])
	hex.Encode(b[19:23], id[8:10])
	hex.Encode(b[24:36], id[10:16])
	b[8], b[13], b[18], b[23] = '-', '-', '-', '-'
	return string(b[:])
}
