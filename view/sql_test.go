package view

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"
)

func TestSQLReads(t *testing.T) {
	db := library(t)
	for query, rows := range map[string]int{
		"SELECT * FROM messages":                                                                                              5,
		"SELECT * FROM MESSAGES WHERE likes > 1;":                                                                             3,
		"SELECT text FROM messages -- a comment":                                                                              5,
		"/* a */ SELECT count(*) FROM messages; -- the end":                                                                   1,
		"SELECT m.text FROM messages m, channels c":                                                                           5,
		"SELECT text FROM (SELECT text FROM messages LIMIT 2)":                                                                2,
		"WITH x AS (SELECT likes FROM messages) SELECT sum(likes), max(likes) FROM x":                                         1,
		"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i < 10) SELECT i FROM n":                          10,
		"SELECT channel, count(*), group_concat(text) FROM messages GROUP BY channel ORDER BY 2":                              2,
		"SELECT row_number() OVER (ORDER BY likes) FROM messages":                                                             5,
		"SELECT value FROM json_each('[1,2,3]')":                                                                              3,
		"SELECT strftime('%Y', sent), upper(text), json_extract('{\"a\":1}', '$.a') FROM messages WHERE text LIKE 'a%'":       1,
		"SELECT 1 UNION SELECT 2":                                                                                             2,
		"VALUES (1), (2)":                                                                                                     2,
		"SELECT * FROM messages WHERE id IN (SELECT id FROM messages) AND EXISTS (SELECT 1 FROM channels WHERE id = channel)": 4,
	} {
		res, err := db.SQL(context.Background(), query)
		if err != nil {
			t.Errorf("%s: %v", query, err)
			continue
		}
		if len(res.Rows) != rows || len(res.Columns) == 0 {
			t.Errorf("%s: %d rows, want %d", query, len(res.Rows), rows)
		}
	}
	res, err := db.SQL(context.Background(), "SELECT text FROM messages WHERE likes = ? AND text LIKE ?", 1, "B%")
	if err != nil || len(res.Rows) != 1 {
		t.Errorf("with parameters: %v %v", res, err)
	}
}

// TestSQLRefuses: nothing but SELECT from the user's tables.
func TestSQLRefuses(t *testing.T) {
	db := library(t)
	before := digest(t, db)
	for _, query := range []string{
		"", ";", "-- nothing", "SELEC 1", "SELECT nope FROM messages", "SELECT * FROM nope", "SELECT 1; SELECT 2", "SELECT 1; DROP TABLE t$1",
		"INSERT INTO messages (id) VALUES ('x')", "UPDATE messages SET likes = 1", "DELETE FROM messages", "DELETE FROM t$2",
		"INSERT INTO t$2 VALUES (1)", "UPDATE t$2 SET c4 = 1", "DROP VIEW messages", "DROP TABLE t$2", "CREATE TABLE x (a)",
		"CREATE TEMP TABLE x AS SELECT 1", "CREATE VIEW x AS SELECT 1", "CREATE TRIGGER x INSTEAD OF INSERT ON messages BEGIN SELECT 1; END",
		"CREATE TEMP VIEW messages AS SELECT * FROM journal$", "ALTER TABLE t$2 ADD x", "REINDEX", "ANALYZE", "VACUUM", "VACUUM INTO '/tmp/x'",
		"ATTACH ':memory:' AS x", "ATTACH 'file:/etc/passwd' AS x", "DETACH main", "BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT x", "RELEASE x",
		"PRAGMA user_version", "PRAGMA user_version = 9", "PRAGMA hexkey='00'", "PRAGMA query_only=off", "PRAGMA writable_schema=on",
		"EXPLAIN DELETE FROM t$2", "SELECT * FROM pragma_table_info('t$2')", "SELECT * FROM pragma_database_list", "SELECT * FROM dbstat",
		"SELECT * FROM t$2", "SELECT meta FROM t$2", "SELECT s FROM messages", "SELECT meta FROM messages", "SELECT * FROM bucket$",
		"SELECT * FROM journal$", "SELECT * FROM log$", "SELECT * FROM device$", "SELECT * FROM sqlite_schema", "SELECT * FROM sqlite_master",
		"SELECT * FROM temp.sqlite_master", "SELECT * FROM sqlite_temp_schema", "SELECT (SELECT value FROM bucket$) FROM messages",
		"SELECT * FROM messages JOIN journal$", "WITH messages AS (SELECT * FROM journal$) SELECT * FROM messages",
		"SELECT * FROM messages WHERE text IN (SELECT tx FROM journal$)", "SELECT * FROM (SELECT * FROM messages UNION SELECT id,1,1,1,1,1,1,1,1,1,1 FROM journal$)",
		"SELECT count(*) FROM journal$", "SELECT 1 FROM journal$", "SELECT count(*) FROM t$2", "SELECT load_extension('x')", "SELECT readfile('/etc/passwd')",
		"SELECT writefile('x', 'y')", "SELECT fts3_tokenizer('x')", "SELECT sqlite_version()", "SELECT sqlite_source_id()", "SELECT zeroblob(1000000000)",
		"SELECT randomblob(10)", "SELECT sqlite_compileoption_get(1)", "SELECT edit('x')", "SELECT \"nope\"", "SELECT ?", "SELECT 1\x00; DROP TABLE t$1",
		"SELECT count(*) FROM sqlite_schema", "SELECT count(*) FROM pragma_database_list", "SELECT count(*) FROM dbstat",
		"SELECT 1" + strings.Repeat("+1", 300),
		"SELECT 1" + strings.Repeat(" UNION ALL SELECT 1", 200),
	} {
		_, err := db.SQL(context.Background(), query)
		if !errors.Is(err, ErrQuery) {
			t.Errorf("%.80q: %v", query, err)
		}
	}
	if digest(t, db) != before {
		t.Error("something was written")
	}
}

func TestSQLLimits(t *testing.T) {
	db := library(t)
	for _, query := range []string{
		"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n) SELECT i FROM n",
		"SELECT replace(hex(printf('%.16000000c', 'x')), '78', 'yyyyyyyyyyyyyyyy')",
		"SELECT 1 -- " + strings.Repeat("x", maxSQL),
	} {
		if _, err := db.SQL(context.Background(), query); !errors.Is(err, ErrLimit) {
			t.Errorf("%.80q: %v", query, err)
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	start := time.Now()
	_, err := db.SQL(ctx, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n) SELECT count(*) FROM n")
	if !errors.Is(err, context.DeadlineExceeded) || time.Since(start) > 5*time.Second {
		t.Errorf("endless query: %v after %s", err, time.Since(start))
	}
}

// TestSQLMemory: a sort that needs more memory than it may have ends with an
// error, and the store goes on.
func TestSQLMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds and half a gigabyte")
	}
	db := library(t)
	_, err := db.SQL(context.Background(),
		"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i < 100000) SELECT count(*) FROM (SELECT printf('%20000c%d', 'x', i) AS v FROM n ORDER BY v DESC)")
	t.Log(err)
	if _, err := db.SQL(context.Background(), "SELECT * FROM messages"); err != nil {
		t.Error(err)
	}
}

// FuzzSQL: whatever the query, nothing is written and nothing panics.
func FuzzSQL(f *testing.F) {
	seeds := []string{"SELECT * FROM messages", "DELETE FROM t$2", "SELECT 1; SELECT 2", "PRAGMA x", "WITH x AS (SELECT 1) SELECT * FROM x"}
	for _, s := range seeds {
		f.Add(s)
	}
	if len(seeds) == 0 {
		f.Fatal("no seeds")
	}
	db := library(f)
	before := digest(f, db)
	f.Fuzz(func(t *testing.T, query string) {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_, err := db.SQL(ctx, query)
		if err != nil && !errors.Is(err, ErrQuery) && !errors.Is(err, ErrLimit) && !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%q: %v", query, err)
		}
		if digest(t, db) != before {
			t.Fatalf("%q wrote", query)
		}
	})
}
