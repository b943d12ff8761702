package view

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/ncruces/go-sqlite3/vfs"
)

// ErrMoved says that the store was moved: another file under another key took its
// place (see Move). What was written before is there; open that one.
var ErrMoved = errors.New("the store was moved to another file")

// Move copies what lives in the store into a new file at path, under a new key, and
// then takes the old file away. Nothing that was deleted or overwritten comes along:
// not in free pages, nor in the log. With the old key gone as well, the old file's
// blocks on the disk are noise (DESIGN 6 "Retention", 10).
//
// settled makes the caller's note durable that path and key are the store from now
// on; it runs when the copy is complete and on disk, while no process can write.
// It must not use the store. If it fails, so does Move, and the store is as before;
// if the process dies before it returns, the note says which file counts, and the
// caller removes the other with Remove.
//
// After Move this DB is closed, also if removing the old file is what failed, as it
// does on Windows while another process has it open. Other processes that have the
// old file open get ErrMoved. path must be a name in the
// same directory that no store ever had: SQLite's files beside a store belong to its
// name, and a process that still has the old ones would spoil those of the new.
func (db *DB) Move(ctx context.Context, path string, key [KeySize]byte, settled func() error) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-db.writer:
	}
	defer func() { db.writer <- struct{}{} }()
	moved := false
	_, err := db.run(ctx, true, func(tx *Tx) error { // holds off writers in all processes
		if err := db.copyTo(ctx, path, key); err != nil {
			return err
		}
		if err := settled(); err != nil {
			return errors.Join(err, Remove(path))
		}
		moved = true
		removeStore(db.path) // before others can write again: they look whether it is there
		return nil
	})
	if !moved {
		return err
	}
	return errors.Join(err, db.close(), Remove(db.path)) // Windows removes no file that is open
}

// Remove removes a store's file and what SQLite keeps beside it. It is not an error
// if there is none. No process may use it any more.
func Remove(path string) error {
	err := removeStore(path)
	for _, suffix := range besides {
		err = errors.Join(err, missingIsFine(os.Remove(path+suffix)))
	}
	return err
}

func removeStore(path string) error { return missingIsFine(os.Remove(path)) }

func missingIsFine(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// copyTo writes the rows of the last commit into a new file. It is complete and on
// disk, or not there.
func (db *DB) copyTo(ctx context.Context, path string, key [KeySize]byte) error {
	if _, err := os.Lstat(path); err == nil {
		return fmt.Errorf("copying the store: %s: %w", path, fs.ErrExist)
	}
	temp, err := reserve(filepath.Dir(path))
	if err != nil {
		return fmt.Errorf("copying the store: %w", err)
	}
	defer discard(temp)
	secret := fileKey(key)
	target := newDB(vfs.Find(""), temp, key)
	defer target.Close()
	if err := db.vacuumInto(ctx, target.uri()); err != nil {
		return failed("copying the store", err)
	}
	if err := checkKey(temp, &secret); err != nil {
		return fmt.Errorf("copying the store: %w", err)
	}
	if err := publish(temp, path); err != nil {
		return fmt.Errorf("copying the store: %w", err)
	}
	return nil
}

// vacuumInto needs a connection of its own: the one that holds off writers has a
// transaction open, and this one reads beside it.
func (db *DB) vacuumInto(ctx context.Context, uri string) error {
	c, err := db.connect()
	if err != nil {
		return err
	}
	defer c.Close()
	c.SetInterrupt(ctx)
	return stopped(ctx, c.exec("VACUUM INTO ?1", uri))
}

// checkMoved looks whether the file that this store was opened from is still in its
// place. Who asks after it began a writing transaction can rely on the answer until
// its end: Move holds off all others.
func (db *DB) checkMoved() error {
	now, err := os.Stat(db.path)
	if errors.Is(err, fs.ErrNotExist) || err == nil && db.file != nil && !os.SameFile(now, db.file) {
		return ErrMoved
	}
	return err
}
