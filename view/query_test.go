package view

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/espace-git/espace-git/merge"
)

// library is a store with a few messages: 2 to 6, all of channel 1 but the last.
func library(t testing.TB) *DB {
	db := newStore(t, testSchema)
	s := parseSchema(t, testSchema)
	apply(t, db, stamp(1, 1, 1), op(t, s, merge.Insert, "channels", rid(1), map[string]any{"title": "general"}))
	day := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	for n, values := range []map[string]any{
		{"text": "alpha", "likes": int64(3), "score": 0.5, "read": true, "sent": day},
		{"text": "Beta 100%", "likes": int64(1), "score": 2.0, "read": false, "sent": day.AddDate(0, 1, 0)},
		{"text": "it's \"gamma\"", "likes": int64(2), "read": true, "sent": day.AddDate(0, 2, 0)},
		{"text": `back\slash`, "likes": int64(2), "score": -1.0},
		{"text": nil, "raw": []byte("bytes")},
	} {
		if n < 4 {
			values["channel"] = rid(1)
		}
		apply(t, db, stamp(uint64(n+2), 1, uint64(n+2)), op(t, s, merge.Insert, "messages", rid(n+2), values))
	}
	return db
}

func TestWhere(t *testing.T) {
	db := library(t)
	channel := "'" + strings.ToUpper(idText(rid(1))) + "'"
	for where, want := range map[string]string{
		"":                                   "2 3 4 5 6",
		"likes = 2":                          "4 5",
		"likes == 2 && read":                 "4",
		"likes <> 2":                         "2 3",
		"likes != 2 or likes = null":         "2 3 6",
		"not likes = 2":                      "2 3",
		"! (likes = 2) && likes > 1":         "2",
		"likes >= 2 and likes < 3":           "4 5",
		"2 < likes":                          "2",
		"likes > 1.5":                        "2 4 5",
		"likes = '2'":                        "4 5",
		"score < likes":                      "2 5",
		"score = -1":                         "5",
		"score = -1.0e0":                     "5",
		"score >= .5":                        "2 3",
		"read":                               "2 4",
		"read = false":                       "3",
		"not read":                           "3",
		"read = 'true'":                      "2 4",
		"read is null":                       "5 6",
		"text is not null":                   "2 3 4 5",
		"text = null":                        "6",
		"text != null":                       "2 3 4 5",
		"text = 'it''s \"gamma\"'":           "4",
		`text = "it's ""gamma"""`:            "4",
		"text like 'A%'":                     "2",
		"text like '%100\\%'":                "3",
		"text like '%\\\\%'":                 "5",
		"text not like '%a'":                 "3 4 5",
		"likes in (1, 3)":                    "2 3",
		"likes not in (1, 3)":                "4 5",
		"sent >= '2026-02-01'":               "3 4",
		"sent = '2026-01-01T13:00:00+01:00'": "2",
		"id = '" + idText(rid(3)) + "'":      "3",
		"id in ('" + idText(rid(3)) + "')":   "3",
		"channel = " + channel:               "2 3 4 5",
		"channel is null":                    "6",
		"raw = 'Ynl0ZXM='":                   "6",
		"true":                               "2 3 4 5 6",
		"false or likes = 1":                 "3",
		"((likes = 1)) or (likes = 2 and not read)": "3",
		"LIKES = 1 OR Likes IN (3)":                 "2 3",
	} {
		got, err := db.Select(context.Background(), Query{Table: "messages", Where: where})
		if err != nil {
			t.Errorf("%s: %v", where, err)
			continue
		}
		if s := short(got); s != want {
			t.Errorf("%s: rows %s, want %s", where, s, want)
		}
	}
}

func short(rows []Row) string {
	var out []string
	for _, r := range rows {
		for n := range 10 {
			if r.ID == idText(rid(n)) {
				out = append(out, fmt.Sprint(n))
			}
		}
	}
	return strings.Join(out, " ")
}

func TestWhereArgs(t *testing.T) {
	db := library(t)
	q := Query{Table: "messages", Where: "likes in (?, ?) and sent > ?", Args: []any{1, int64(2), time.Date(2026, 2, 15, 0, 0, 0, 0, time.UTC)}}
	got, err := db.Select(context.Background(), q)
	if err != nil || short(got) != "4" {
		t.Errorf("%s %v", short(got), err)
	}
	for _, args := range [][]any{{1}, {1, 2, "2026-01-01", 4}, {1, 2, struct{}{}}, {nil, 2, "2026-01-01"}} {
		q.Args = args
		if _, err := db.Select(context.Background(), q); !errors.Is(err, ErrQuery) {
			t.Errorf("%v: %v", args, err)
		}
	}
}

func TestOrderLimitColumns(t *testing.T) {
	db := library(t)
	for _, c := range []struct {
		q    Query
		want string
	}{
		{Query{Order: []string{"likes"}}, "6 3 4 5 2"},
		{Query{Order: []string{"-likes", "-id"}}, "2 5 4 3 6"},
		{Query{Order: []string{"-id"}, Limit: 2}, "6 5"},
		{Query{Limit: 2, Offset: 1}, "3 4"},
		{Query{Offset: 4}, "6"},
		{Query{Offset: 9}, ""},
	} {
		c.q.Table = "messages"
		got, err := db.Select(context.Background(), c.q)
		if err != nil || short(got) != c.want {
			t.Errorf("%+v: %s, want %s (%v)", c.q, short(got), c.want, err)
		}
	}
	got := rows(t, db, Query{Table: "messages", Columns: []string{"likes", "id", "TEXT"}, Limit: 1})
	want := []map[string]any{{"id": idText(rid(2)), "likes": int64(3), "text": "alpha"}}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestProvenance(t *testing.T) {
	db := newStore(t, testSchema)
	s := parseSchema(t, testSchema)
	made, changed := merge.FromMillis(1_700_000_000_000), merge.FromMillis(1_800_000_000_000)
	apply(t, db, merge.Stamp{Time: made, Device: dev(1), Number: 1}, op(t, s, merge.Insert, "channels", rid(1), map[string]any{"title": "x"}))
	apply(t, db, merge.Stamp{Time: changed, Device: dev(2), Number: 1}, op(t, s, merge.Update, "channels", rid(1), map[string]any{"title": "y"}))
	got := rows(t, db, Query{Table: "channels", Columns: provenances})
	want := []map[string]any{{
		"id": idText(rid(1)), "created_at": time.UnixMilli(1_700_000_000_000).UTC(), "updated_at": time.UnixMilli(1_800_000_000_000).UTC(),
		"created_by": dev(1).String(), "updated_by": dev(2).String(),
	}}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// TestBadQueries: each is an ErrQuery, and says where.
func TestBadQueries(t *testing.T) {
	db := library(t)
	for _, where := range []string{
		"nope = 1", "likes", "likes =", "= 1", "likes = = 1", "likes = 1 likes = 2", "likes = 'x'", "likes = true", "read = 1",
		"text = 1", "text like 5", "likes like '1'", "text like 'a\\'", "text like text", "likes in ()", "likes in (likes)",
		"likes in (1", "likes in (null)", "likes is 1", "likes not 1", "not", "(likes = 1", "likes = 1)", "1 = 1", "'a' = 'a'", "5",
		"null", "likes < null", "score < text", "id = 'x'", "channel = 'x'", "sent > 'tomorrow'", "author = 'bob'",
		"likes = 1; DROP TABLE t$1", "likes = 1 -- ", "likes = 1 /* */", "text = 'open", "likes = 0x10", "likes = 1e", "likes = 1..2",
		"meta = 1", "s = 2", "c4 = 1", "t$2.c4 = 1", "rowid = 1", "[likes] = 1", "`likes` = 1",
		"likes = (SELECT 1)", "likes = ?", "exists(likes)", "text || text = 'x'", "text = 'a' union select 1", "likes & 1", "likes = @x",
		"text = 'a\x00b'", "text = '\xff'", "likes = \u2028 1", "ｌikes = 1", strings.Repeat("(", 200) + "read" + strings.Repeat(")", 200),
		strings.Repeat("not ", 200) + "read", "read" + strings.Repeat(" or read", 600), strings.Repeat("x", maxWhere+1),
		"text like '" + strings.Repeat("%a", 600) + "'", "likes in (1" + strings.Repeat(", 1", maxIn) + ")",
	} {
		_, err := db.Select(context.Background(), Query{Table: "messages", Where: where})
		if !errors.Is(err, ErrQuery) {
			t.Errorf("%.60s: %v", where, err)
		}
	}
	for _, q := range []Query{
		{Order: []string{"nope"}}, {Order: []string{"likes; DROP TABLE t$1"}}, {Order: []string{"--likes"}}, {Order: []string{""}},
		{Order: []string{"likes DESC"}}, {Order: []string{"1"}}, {Columns: []string{"nope"}}, {Columns: []string{"*"}}, {Columns: []string{"meta"}},
		{Columns: []string{"likes, meta"}}, {Limit: -1}, {Offset: -1},
	} {
		q.Table = "messages"
		if _, err := db.Select(context.Background(), q); !errors.Is(err, ErrQuery) {
			t.Errorf("%+v: %v", q, err)
		}
	}
	for _, table := range []string{"", "nope", "t$1", "journal$", "sqlite_schema", `messages"; DROP TABLE t$1 --`} {
		if _, err := db.Select(context.Background(), Query{Table: table}); !errors.Is(err, ErrSchema) {
			t.Errorf("table %q: %v", table, err)
		}
	}
}

// TestMessages: what people read is what is wrong, and where.
func TestMessages(t *testing.T) {
	db := library(t)
	for where, want := range map[string]string{
		"nope = 1":        `where, at character 1: no column "nope" in table messages`,
		"likes = 1 likes": "where, at character 11: expected and, or, or the end",
		"likes = ":        "where, at character 9: expected a column or a value",
		"\x1b[2J = 1":     `where, at character 1: '\x1b' is not understood`,
	} {
		if _, err := db.Select(context.Background(), Query{Table: "messages", Where: where}); err == nil || err.Error() != want {
			t.Errorf("%q: %v", where, err)
		}
	}
	for query, want := range map[string]string{
		"SELECT nope FROM messages": "SQL: no such column: nope",
		"DELETE FROM messages":      "SQL may only SELECT from the space's tables",
		"SELECT \x1b[2J\u202e":      `SQL: unrecognized token: "?"`,
	} {
		if _, err := db.SQL(context.Background(), query); err == nil || err.Error() != want {
			t.Errorf("%q: %v", query, err)
		}
	}
}

// TestRows goes through rows one by one, and may stop or do something else on
// the way.
func TestRows(t *testing.T) {
	db := library(t)
	var got []Row
	for r, err := range db.Rows(context.Background(), Query{Table: "messages"}) {
		if err != nil {
			t.Fatal(err)
		}
		if _, err := db.Select(context.Background(), Query{Table: "channels"}); err != nil {
			t.Fatal(err)
		}
		if got = append(got, r); len(got) == 3 {
			break
		}
	}
	if short(got) != "2 3 4" || got[0].Get("text") != "alpha" || got[0].Get("nope") != nil {
		t.Error(got)
	}
	for r, err := range db.Rows(context.Background(), Query{Table: "messages", Where: "("}) {
		if !errors.Is(err, ErrQuery) {
			t.Error(r, err)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	for _, err := range db.Rows(ctx, Query{Table: "messages"}) {
		cancel()
		if err != nil && !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	}
}

// TestState is what a delete in a table that says update_wins is made from.
func TestState(t *testing.T) {
	db := newStore(t, foldSchema)
	s := parseSchema(t, foldSchema)
	apply(t, db, stamp(1, 1, 1), op(t, s, merge.Insert, "b", rid(1), map[string]any{"name": "x"}))
	var del merge.Op
	look(t, db, func(tx *Tx) error {
		state, err := tx.State("b", rid(1))
		del = merge.Op{Kind: merge.Delete, Table: 2, Row: rid(1), Saw: state.Saw()}
		none, err2 := tx.State("b", rid(2))
		if none.Live() || !state.Live() {
			t.Error("live is wrong")
		}
		return errors.Join(err, err2)
	})
	apply(t, db, stamp(2, 1, 2), del)
	if got := rows(t, db, Query{Table: "b"}); len(got) != 0 {
		t.Error(got)
	}
	apply(t, db, stamp(1, 2, 1), op(t, s, merge.Update, "b", rid(1), map[string]any{"name": "unseen"}))
	if got := rows(t, db, Query{Table: "b"}); len(got) != 1 || got[0]["name"] != "unseen" {
		t.Error(got)
	}
}

// TestInjection: values come back as they went in, wherever they stand.
func TestInjection(t *testing.T) {
	db := library(t)
	s := parseSchema(t, testSchema)
	for i, text := range []string{
		"'; DROP TABLE t$1; --", `" OR 1=1 --`, "%' OR '%'='", "\\", "';PRAGMA writable_schema=1;'", "?1", "$x", ":x", "@x", "\u202e", "\x1b[31m",
	} {
		apply(t, db, stamp(uint64(100+i), 1, uint64(100+i)), op(t, s, merge.Update, "messages", rid(2), map[string]any{"text": text}))
		for _, q := range []Query{
			{Where: "text = ?", Args: []any{text}},
			{Where: "text in (?)", Args: []any{text}},
			{Where: "text = '" + strings.ReplaceAll(text, "'", "''") + "'"},
			{Where: `text = "` + strings.ReplaceAll(text, `"`, `""`) + `"`},
		} {
			q.Table = "messages"
			got := rows(t, db, q)
			if len(got) != 1 || got[0]["text"] != text {
				t.Errorf("%q: %v", text, got)
			}
		}
	}
}

// TestIndexIsUsed: filters by an index do not read the whole table.
func TestIndexIsUsed(t *testing.T) {
	db := library(t)
	for where, index := range map[string]string{
		"channel = '" + idText(rid(1)) + "'":                         "i$2$c1",
		"channel = '" + idText(rid(1)) + "' and sent > '2026-01-01'": "i$2$c1$c8",
		"id = '" + idText(rid(1)) + "'":                              "PRIMARY KEY",
	} {
		look(t, db, func(tx *Tx) error {
			p, err := tx.plan(Query{Table: "messages", Where: where})
			if err != nil {
				return err
			}
			var plan string
			s, _, err := tx.c.Prepare("EXPLAIN QUERY PLAN " + p.sql)
			if err != nil {
				return err
			}
			defer s.Close()
			for s.Step() {
				plan += s.ColumnText(3) + "\n"
			}
			if !strings.Contains(plan, "SEARCH") || !strings.Contains(plan, index) {
				t.Errorf("%s: %s", where, plan)
			}
			return s.Err()
		})
	}
}

// FuzzWhere: no text makes the compiler panic, or makes SQL that SQLite refuses
// or that holds a piece of the text.
func FuzzWhere(f *testing.F) {
	seeds := []string{"", "likes = 2", "not (read) or text like 'a%'", "sent > '2026-01-01' and id in ('x')", "score<=-1.5e3", "a.b", "'", "? = ?"}
	for _, s := range seeds {
		f.Add(s)
	}
	if len(seeds) == 0 {
		f.Fatal("no seeds")
	}
	db := library(f)
	f.Fuzz(func(t *testing.T, where string) {
		_, err := db.Select(context.Background(), Query{Table: "messages", Where: where, Limit: 1})
		if err != nil && !errors.Is(err, ErrQuery) {
			t.Errorf("%q: %v", where, err)
		}
	})
}
