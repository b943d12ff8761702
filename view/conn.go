package view

import (
	"context"
	"fmt"
	"os"

	"github.com/ncruces/go-sqlite3"
)

// maxStatements bounds the prepared statements of a connection. All fixed ones
// and those of a common schema fit; beyond it they are all prepared anew, at the
// next place where none is in use: see trim.
const maxStatements = 1000

// conn is a connection with its prepared statements. One goroutine has it at a
// time.
type conn struct {
	*sqlite3.Conn
	db     *DB
	stmts  map[string]*sqlite3.Stmt
	broken bool // closed instead of kept
}

const settings = `
PRAGMA journal_mode = wal;
PRAGMA synchronous = full;
PRAGMA temp_store = memory;
PRAGMA cache_size = -16384;
PRAGMA journal_size_limit = 16777216;
PRAGMA cell_size_check = on;
PRAGMA trusted_schema = off;
`

// connect opens a connection. It never creates a file.
func (db *DB) connect() (*conn, error) {
	db.mu.Lock()
	closed := db.closed
	db.mu.Unlock()
	if closed {
		return nil, fmt.Errorf("the store: %w", ErrClosed)
	}
	raw, err := sqlite3.OpenFlags(db.uri(), sqlite3.OPEN_READWRITE|sqlite3.OPEN_URI)
	if err != nil {
		return nil, failed("opening the store", err)
	}
	if err := raw.BusyTimeout(db.busy); err != nil {
		return nil, failed("opening the store", joinClose(raw, err))
	}
	if err := raw.Exec(settings); err != nil {
		return nil, failed("opening the store", joinClose(raw, err))
	}
	db.mu.Lock()
	db.open++
	db.mu.Unlock()
	os.Chmod(db.path+"-shm", 0o600) // which the library makes as the umask allows
	return &conn{Conn: raw, db: db, stmts: map[string]*sqlite3.Stmt{}}, nil
}

func joinClose(c *sqlite3.Conn, err error) error {
	c.Close()
	return err
}

// acquire takes an idle connection, the one used last first, or opens one.
func (db *DB) acquire() (*conn, error) {
	db.mu.Lock()
	if n := len(db.idle); n > 0 {
		c := db.idle[n-1]
		db.idle = db.idle[:n-1]
		db.mu.Unlock()
		return c, nil
	}
	db.mu.Unlock()
	return db.connect()
}

func (db *DB) release(c *conn) {
	c.SetInterrupt(context.Background())
	db.mu.Lock()
	keep := !db.closed && !c.broken && len(db.idle) < maxIdle
	if keep {
		db.idle = append(db.idle, c)
	}
	db.mu.Unlock()
	if !keep {
		c.Close()
	}
}

// Close finalizes all statements first: SQLite refuses to close before.
func (c *conn) Close() error {
	c.forget()
	err := c.Conn.Close()
	c.db.mu.Lock()
	defer c.db.mu.Unlock()
	c.db.open--
	c.db.forgetKey()
	return err
}

func (c *conn) forget() {
	for _, s := range c.stmts {
		s.Close()
	}
	clear(c.stmts)
}

// trim drops all prepared statements if they became too many.
func (c *conn) trim() {
	if len(c.stmts) > maxStatements {
		c.forget()
	}
}

// stmt is the prepared statement for query, reset and ready for new bindings.
func (c *conn) stmt(query string) (*sqlite3.Stmt, error) {
	if s := c.stmts[query]; s != nil {
		return s, nil
	}
	s, _, err := c.PrepareFlags(query, sqlite3.PREPARE_PERSISTENT)
	if err != nil {
		return nil, err
	}
	c.stmts[query] = s
	return s, nil
}

// exec runs a statement that returns no rows.
func (c *conn) exec(query string, args ...any) error {
	s, err := c.stmt(query)
	if err != nil {
		return err
	}
	if err := bind(s, args); err != nil {
		return err
	}
	return s.Exec()
}

// first runs a statement and hands its first row to read, if there is one.
func (c *conn) first(query string, args []any, read func(*sqlite3.Stmt)) (found bool, err error) {
	s, err := c.stmt(query)
	if err != nil {
		return false, err
	}
	if err := bind(s, args); err != nil {
		return false, err
	}
	if found = s.Step(); found {
		read(s)
	}
	return found, reset(s)
}

// each hands every row to read until it returns an error. The statement is
// prepared for this call alone, so read may run any other, this one included.
func (c *conn) each(query string, args []any, read func(*sqlite3.Stmt) error) error {
	s, _, err := c.Prepare(query)
	if err != nil {
		return err
	}
	defer s.Close()
	if err := bind(s, args); err != nil {
		return err
	}
	for s.Step() {
		if err := read(s); err != nil {
			return err
		}
	}
	return s.Err()
}

// reset ends a statement and gives the error that it stopped with.
func reset(s *sqlite3.Stmt) error {
	err := s.Err()
	if again := s.Reset(); err == nil {
		err = again
	}
	return err
}

// bind binds Go values as SQLite's. A nil slice is a blob without bytes where
// it is a []byte, and null where it is nil.
func bind(s *sqlite3.Stmt, args []any) error {
	for i, arg := range args {
		if err := bindOne(s, i+1, arg); err != nil {
			return err
		}
	}
	return nil
}

func bindOne(s *sqlite3.Stmt, i int, arg any) error {
	switch v := arg.(type) {
	case nil:
		return s.BindNull(i)
	case int64:
		return s.BindInt64(i, v)
	case uint64:
		return s.BindInt64(i, int64(v))
	case uint32:
		return s.BindInt64(i, int64(v))
	case int:
		return s.BindInt64(i, int64(v))
	case bool:
		return s.BindBool(i, v)
	case float64:
		return s.BindFloat(i, v)
	case string:
		return s.BindText(i, v)
	case []byte:
		if len(v) == 0 {
			return s.BindZeroBlob(i, 0)
		}
		return s.BindBlob(i, v)
	}
	return fmt.Errorf("no value of SQLite: %T", arg)
}
