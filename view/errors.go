package view

import (
	"errors"
	"fmt"
	"path/filepath"

	"github.com/ncruces/go-sqlite3"
)

var (
	// ErrBusy is a conflict: another process held the store for longer than
	// the busy timeout. Nothing was written; try again.
	ErrBusy = errors.New("the store is in use by another process")
	// ErrKey says that the store does not open with this key. Nothing was
	// touched.
	ErrKey = errors.New("the store does not open with this key")
	// ErrFull says that the disk is full. The store is as it was.
	ErrFull = errors.New("no space left on the disk")
	// ErrCorrupt says that the file is damaged: it opens with the key, but
	// what it holds does not hang together.
	ErrCorrupt = errors.New("the store is damaged")
	// ErrFormat says that the store was made by a later version.
	ErrFormat = errors.New("the store has an unknown format")
	// ErrQuery is the class of everything that is wrong with a caller's query:
	// syntax, unknown names, values of a wrong type, what SQL may not do.
	ErrQuery = errors.New("wrong query")
	// ErrLimit is the class of queries that run longer or return more than allowed.
	ErrLimit = errors.New("limit exceeded")
	// ErrSchema says that the space has no such table, or no schema yet.
	ErrSchema = errors.New("no such table")
	// ErrClosed is returned by a store, or a transaction, after its end.
	ErrClosed = errors.New("closed")
	// ErrReadOnly is returned by writing methods of a Tx of View.
	ErrReadOnly = errors.New("read-only transaction")
	// ErrNotFound says that a journal row does not exist.
	ErrNotFound = errors.New("not found")

	// errStop ends a loop over rows before the last.
	errStop = errors.New("stop")
)

// classes maps SQLite's codes to the errors that callers match.
var classes = []struct {
	code  sqlite3.ErrorCode
	class error
}{
	{sqlite3.BUSY, ErrBusy},
	{sqlite3.LOCKED, ErrBusy},
	{sqlite3.FULL, ErrFull},
	{sqlite3.NOTADB, ErrKey},
	{sqlite3.CORRUPT, ErrCorrupt},
}

// roomNeeded is about what SQLite wants at once: less free than that, and an I/O
// error is taken for a full disk. The library does not hand the cause on.
const roomNeeded = 256 << 10

// nameFull tells a full disk from a broken one.
func (db *DB) nameFull(err error) error {
	if !errors.Is(err, sqlite3.IOERR) || errors.Is(err, ErrFull) {
		return err
	}
	if left, ok := free(filepath.Dir(db.path)); ok && left < roomNeeded {
		return fmt.Errorf("%w: %w", ErrFull, err)
	}
	return err
}

// failed says what was being done and adds the class of an SQLite error. The
// text of statements is never part of it.
func failed(doing string, err error) error {
	if err == nil {
		return nil
	}
	for _, c := range classes {
		if errors.Is(err, c.code) {
			return fmt.Errorf("%s: %w (%w)", doing, c.class, err)
		}
	}
	return fmt.Errorf("%s: %w", doing, err)
}

// classedError has a class for callers and only its own words for people.
type classedError struct {
	error
	class error
}

func (e *classedError) Is(target error) bool { return target == e.class }
func (e *classedError) Unwrap() error        { return e.error }

// classed makes an error of a class whose name would add nothing for a reader.
func classed(class error, format string, args ...any) error {
	return &classedError{fmt.Errorf(format, args...), class}
}
