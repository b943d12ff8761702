// Package filelock holds a lock between processes on a file. The lock is the
// operating system's: a crash releases it.
package filelock

import (
	"context"
	"fmt"
	"os"
	"time"
)

// poll is how long to wait before asking again: neither system can be asked to
// wait with a time limit.
const poll = 5 * time.Millisecond

// Lock takes the lock of path, which is made with mode 0600 if need be and is
// never removed: removing it would let two processes hold "the" lock on two files.
// It waits until ctx ends and then returns ctx.Err().
func Lock(ctx context.Context, path string) (unlock func(), err error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	for {
		ok, err := try(f)
		if err != nil {
			f.Close()
			return nil, fmt.Errorf("locking %s: %w", path, err)
		}
		if ok {
			return func() { f.Close() }, nil // closing the file ends the lock
		}
		select {
		case <-ctx.Done():
			f.Close()
			return nil, ctx.Err()
		case <-time.After(poll):
		}
	}
}

// Try takes the lock of an open file, which ends when that is closed. It does not
// wait: ok is false while another open file holds it.
func Try(f *os.File) (ok bool, err error) { return try(f) }
