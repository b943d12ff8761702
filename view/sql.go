package view

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/ncruces/go-sqlite3"
)

// Bounds of one SQL query.
const (
	maxSQL        = 64 << 10         // bytes of the query
	maxSQLRows    = 100_000          // rows of the result
	maxSQLBytes   = 64 << 20         // bytes of the result
	maxSQLValue   = 16 << 20         // bytes of one value, also in between
	maxSQLTime    = 10 * time.Second // of running
	maxSQLTables  = 64               // in one compound select
	maxSQLColumns = 2000
)

// Result is what SQL returned. Columns that stand in the result as they are in
// a table have the values of a Row; computed ones are int64, float64, string,
// []byte or nil.
type Result struct {
	Columns []string
	Rows    [][]any
}

// SQL runs one SELECT over the user's tables (views of the same names, with id)
// and nothing else: no other statement, no table of this package, no file, no
// setting. Errors: ErrQuery for what is wrong with the query or not allowed,
// ErrLimit for what takes more than the bounds above.
func (db *DB) SQL(ctx context.Context, query string, args ...any) (res *Result, err error) {
	if len(query) > maxSQL {
		return nil, classed(ErrLimit, "SQL of %d bytes, at most %d", len(query), maxSQL)
	}
	limited, cancel := context.WithTimeout(ctx, maxSQLTime)
	defer cancel()
	c, err := db.connect()
	if err != nil {
		return nil, err
	}
	defer c.Close()
	// The library panics when SQLite's own memory, bounded by this, is used up.
	defer func() {
		if p := recover(); p != nil {
			if !strings.Contains(fmt.Sprint(p), "out of memory") {
				panic(p)
			}
			res, err = nil, classed(ErrLimit, "SQL used more than %d bytes of memory", maxSQLMemory)
		}
	}()
	if err := c.confine(); err != nil {
		return nil, failed("running SQL", err)
	}
	c.SetInterrupt(limited)
	tx := &Tx{db: db, c: c}
	if err := tx.begin(); err != nil {
		return nil, stopped(ctx, err)
	}
	defer tx.end()
	if res, err = tx.runSQL(query, args); err == nil {
		return res, nil
	}
	if ctx.Err() == nil && limited.Err() != nil {
		return nil, classed(ErrLimit, "SQL ran longer than %s", maxSQLTime)
	}
	return nil, stopped(ctx, err)
}

// maxSQLMemory bounds sorting and the like, in bytes.
const maxSQLMemory = 256 << 20

// confine sets what protects the connection even from a statement that got
// through the authorizer.
func (c *conn) confine() error {
	if err := c.Exec("PRAGMA query_only = on"); err != nil {
		return err
	}
	for option, on := range map[sqlite3.DBConfig]bool{
		sqlite3.DBCONFIG_DEFENSIVE: true, sqlite3.DBCONFIG_DQS_DML: false, sqlite3.DBCONFIG_ENABLE_TRIGGER: false,
	} {
		if _, err := c.Config(option, on); err != nil {
			return err
		}
	}
	for limit, value := range map[sqlite3.LimitCategory]int{
		sqlite3.LIMIT_LENGTH: maxSQLValue, sqlite3.LIMIT_SQL_LENGTH: maxSQL, sqlite3.LIMIT_ATTACHED: 0,
		sqlite3.LIMIT_COMPOUND_SELECT: maxSQLTables, sqlite3.LIMIT_COLUMN: maxSQLColumns,
		sqlite3.LIMIT_LIKE_PATTERN_LENGTH: maxPattern, sqlite3.LIMIT_EXPR_DEPTH: 200,
	} {
		c.Limit(limit, value)
	}
	c.HardHeapLimit(maxSQLMemory)
	return nil
}

func (tx *Tx) runSQL(query string, args []any) (*Result, error) {
	if strings.ContainsRune(query, 0) {
		return nil, classed(ErrQuery, "SQL with a NUL character")
	}
	if err := tx.c.SetAuthorizer(tx.layout.authorize); err != nil {
		return nil, failed("running SQL", err)
	}
	defer tx.c.SetAuthorizer(nil)
	s, tail, err := tx.c.Prepare(query)
	if err != nil {
		return nil, refusedSQL(err)
	}
	if s == nil {
		return nil, classed(ErrQuery, "SQL: no statement")
	}
	defer s.Close()
	if err := onlyOne(tx.c, tail); err != nil {
		return nil, err
	}
	if !s.ReadOnly() || s.ColumnCount() == 0 {
		return nil, classed(ErrQuery, "SQL: only SELECT is allowed")
	}
	if s.BindCount() != len(args) {
		return nil, classed(ErrQuery, "SQL: %d parameters and %d values", s.BindCount(), len(args))
	}
	if err := bind(s, args); err != nil {
		return nil, classed(ErrQuery, "SQL: %w", err)
	}
	return collect(s)
}

// onlyOne refuses a second statement.
func onlyOne(c *conn, tail string) error {
	if strings.TrimSpace(tail) == "" {
		return nil
	}
	second, _, err := c.Prepare(tail)
	if err == nil && second == nil { // a comment
		return nil
	}
	second.Close()
	return classed(ErrQuery, "SQL: more than one statement")
}

func collect(s *sqlite3.Stmt) (*Result, error) {
	res := &Result{}
	var kinds []kind
	for i := range s.ColumnCount() {
		res.Columns = append(res.Columns, s.ColumnName(i))
		kinds = append(kinds, kindOf(s.ColumnDeclType(i)))
	}
	size := 0
	for s.Step() {
		row := make([]any, len(kinds))
		for i, k := range kinds {
			row[i] = k.load(s, i)
			size += 16 + sizeOf(row[i])
		}
		if res.Rows = append(res.Rows, row); len(res.Rows) > maxSQLRows || size > maxSQLBytes {
			return nil, classed(ErrLimit, "SQL returned more than %d rows or %d bytes", maxSQLRows, maxSQLBytes)
		}
	}
	return res, refusedSQL(s.Err())
}

func kindOf(decl string) kind {
	decl, _, _ = strings.Cut(decl, " DOCUMENT")
	for k, name := range decls {
		if name == decl {
			return k
		}
	}
	return 0
}

func sizeOf(v any) int {
	switch v := v.(type) {
	case string:
		return len(v)
	case []byte:
		return len(v)
	}
	return 8
}

// refusedSQL makes an error of the query an ErrQuery.
func refusedSQL(err error) error {
	var code sqlite3.ErrorCode
	switch {
	case err == nil:
		return nil
	case !asCode(err, &code):
		return err
	}
	words := printable(strings.TrimPrefix(err.Error(), "sqlite3: SQL logic error: "))
	if strings.HasPrefix(words, "cannot modify ") {
		code = sqlite3.AUTH
	}
	switch code {
	case sqlite3.ERROR, sqlite3.MISMATCH, sqlite3.CONSTRAINT, sqlite3.RANGE, sqlite3.READONLY:
		return classed(ErrQuery, "SQL: %s", words)
	case sqlite3.AUTH, sqlite3.PERM:
		return classed(ErrQuery, "SQL may only SELECT from the space's tables")
	case sqlite3.TOOBIG, sqlite3.NOMEM:
		return classed(ErrLimit, "SQL: %w", err)
	}
	return failed("running SQL", err)
}

func asCode(err error, code *sqlite3.ErrorCode) bool {
	switch e := err.(type) {
	case *sqlite3.Error:
		*code = e.Code()
	case sqlite3.ErrorCode:
		*code = e
	case sqlite3.ExtendedErrorCode:
		*code = e.Code()
	default:
		return false
	}
	return true
}
