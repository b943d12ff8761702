package view

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/ncruces/go-sqlite3/vfs"
)

const (
	// storeFormat is written into the header of a store (application_id). It
	// changes when the tables of this package do.
	storeFormat = 0x65730002
	// firstFormat had no documents. A store of it is brought to storeFormat when it
	// is opened.
	firstFormat = 0x65730001
	// BusyTimeout is how long a call waits for another process before ErrBusy.
	BusyTimeout = 10 * time.Second
	// maxIdle bounds the connections that are kept; more are opened when more
	// goroutines read at once, and closed after use.
	maxIdle = 4
)

// DB is an open store. Its methods may be called by any number of goroutines.
type DB struct {
	path    string
	vfsName string
	busy    time.Duration
	file    os.FileInfo // of the file at path, when it was opened

	writer chan struct{} // holds one token: who has it may write

	mu     sync.Mutex
	idle   []*conn
	open   int // connections, idle or not
	closed bool
	layout *layout // newest that was read; compared by generation
	waiter chan struct{}

	docs docCache
}

// Create makes a new store at path, with file mode 0600, and opens it. It fails
// with fs.ErrExist where there is one. A crash leaves either no store or a whole
// one.
func Create(path string, key [KeySize]byte) (*DB, error) {
	return createOn(vfs.Find(""), path, key)
}

// Open opens the store at path. Errors: fs.ErrNotExist, ErrKey, ErrFormat.
func Open(path string, key [KeySize]byte) (*DB, error) {
	return openOn(vfs.Find(""), path, key)
}

func createOn(base vfs.VFS, path string, key [KeySize]byte) (*DB, error) {
	if _, err := os.Lstat(path); err == nil {
		return nil, fmt.Errorf("creating the store: %s: %w", path, fs.ErrExist)
	}
	temp, err := reserve(filepath.Dir(path))
	if err != nil {
		return nil, fmt.Errorf("creating the store: %w", err)
	}
	defer discard(temp)
	if err := build(base, temp, key); err != nil {
		return nil, err
	}
	if err := publish(temp, path); err != nil {
		return nil, fmt.Errorf("creating the store: %w", err)
	}
	return openOn(base, path, key)
}

// reserve makes an empty file that nobody else can read.
func reserve(dir string) (string, error) {
	f, err := os.CreateTemp(dir, ".store-*.new")
	if err != nil {
		return "", err
	}
	return f.Name(), f.Close()
}

// besides are the names that SQLite gives to its files beside a store.
var besides = []string{"-wal", "-shm", "-journal"}

func discard(temp string) {
	os.Remove(temp)
	for _, suffix := range besides {
		os.Remove(temp + suffix)
	}
}

// build writes an empty store into a file. The closing of the last connection
// moves all of it from the log to the file.
func build(base vfs.VFS, path string, key [KeySize]byte) error {
	db := newDB(base, path, key)
	c, err := db.connect()
	if err != nil {
		return err
	}
	err = failed("creating the store", c.Exec(ddl))
	err = errors.Join(err, c.Close())
	if err == nil {
		err = db.Update(context.Background(), (*Tx).addHidden)
	}
	return errors.Join(err, db.Close())
}

// publish gives a finished file its name, if the name is free.
func publish(temp, path string) error {
	if err := syncFile(temp); err != nil {
		return err
	}
	err := os.Link(temp, path)
	if err != nil && !errors.Is(err, fs.ErrExist) { // a file system without hard links
		if _, stat := os.Lstat(path); stat == nil {
			return fs.ErrExist
		}
		err = os.Rename(temp, path)
	}
	if err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

func openOn(base vfs.VFS, path string, key [KeySize]byte) (*DB, error) {
	secret := fileKey(key)
	if err := checkKey(path, &secret); err != nil {
		return nil, err
	}
	db := newDB(base, path, key)
	db.file, _ = os.Stat(path) // an error shows when the transaction begins
	if err := db.checkFormat(); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

func newDB(base vfs.VFS, path string, key [KeySize]byte) *DB {
	secret := fileKey(key)
	db := &DB{
		path: path, vfsName: register(base, &secret), busy: BusyTimeout,
		writer: make(chan struct{}, 1), waiter: make(chan struct{}),
	}
	db.writer <- struct{}{}
	return db
}

func (db *DB) checkFormat() error {
	var format int64
	err := db.View(context.Background(), func(tx *Tx) (err error) {
		format, err = tx.pragma("application_id")
		return err
	})
	switch {
	case err != nil || format == storeFormat:
		return err
	case format == firstFormat:
		return db.Update(context.Background(), (*Tx).upgrade)
	}
	return fmt.Errorf("opening the store: format %#x: %w", format, ErrFormat)
}

// upgrade adds what firstFormat lacks, unless another process just did.
func (tx *Tx) upgrade() error {
	if format, err := tx.pragma("application_id"); err != nil || format == storeFormat {
		return err
	}
	if err := tx.c.Exec(documentDDL + fmt.Sprintf("PRAGMA application_id = %d", storeFormat)); err != nil {
		return failed("opening the store", err)
	}
	return tx.addHidden()
}

// Path is where the store lies.
func (db *DB) Path() string { return db.path }

// Close waits for a running Update and closes the store. Reads that are still
// running keep their connections until they end.
func (db *DB) Close() error {
	<-db.writer
	defer func() { db.writer <- struct{}{} }()
	return db.close()
}

func (db *DB) close() error {
	db.mu.Lock()
	if db.closed {
		db.mu.Unlock()
		return nil
	}
	db.closed = true
	idle := db.idle
	db.idle = nil
	close(db.waiter)
	db.forgetKey()
	db.mu.Unlock()
	var errs []error
	for _, c := range idle {
		errs = append(errs, c.Close())
	}
	return failed("closing the store", errors.Join(errs...))
}

// forgetKey takes the key away from SQLite with the last connection of a closed
// store. db.mu is held.
func (db *DB) forgetKey() {
	if db.closed && db.open == 0 {
		vfs.Unregister(db.vfsName)
	}
}

// uri names the store's file to SQLite. It holds the name of the key, never the
// key, and asks for the log to have the same mode as the database.
func (db *DB) uri() string {
	p := escapeURI(filepath.ToSlash(db.path))
	if filepath.VolumeName(db.path) != "" {
		p = "/" + p
	}
	return "file:" + p + "?vfs=" + db.vfsName + "&textkey=" + keyName + "&modeof=" + escapeURI(db.path)
}

// escapeURI leaves only what has no meaning in a URI of SQLite.
func escapeURI(s string) string {
	var b strings.Builder
	for _, c := range []byte(s) {
		if c == '/' || c == '.' || c == '-' || c == '_' || '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'z' {
			b.WriteByte(c)
			continue
		}
		fmt.Fprintf(&b, "%%%02X", c)
	}
	return b.String()
}

func syncFile(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// syncDir makes a new name durable. Windows can't sync a directory, and needs
// not: the file system's own journal does it.
func syncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
