package view

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/espace-git/espace-git/internal/wire"
	"github.com/espace-git/espace-git/merge"
)

func TestRowRoundTrip(t *testing.T) {
	db := newStore(t, testSchema)
	s := parseSchema(t, testSchema)
	sent := time.Date(2026, 11, 23, 13, 28, 0, 123456000, time.UTC)
	author := wire.MemberID{7, 8, 9}
	apply(t, db, stamp(10, 1, 1), op(t, s, merge.Insert, "channels", rid(1), map[string]any{"title": "general"}))
	apply(t, db, stamp(11, 1, 2), op(t, s, merge.Insert, "messages", rid(2), map[string]any{
		"channel": rid(1), "text": "hé 'quoted' \"x\"", "likes": int64(-5), "score": 1.5, "read": true,
		"raw": []byte{0, 1, 255}, "sent": sent, "extra": json.RawMessage(`{"a":[1,2]}`), "author": author,
	}))
	want := map[string]any{
		"id": idText(rid(2)), "channel": idText(rid(1)), "reply": nil, "text": "hé 'quoted' \"x\"", "likes": int64(-5),
		"score": 1.5, "read": true, "raw": []byte{0, 1, 255}, "sent": sent, "extra": json.RawMessage(`{"a":[1,2]}`),
		"author": author.String(),
	}
	got := rows(t, db, Query{Table: "messages"})
	if d := cmp.Diff([]map[string]any{want}, got); d != "" {
		t.Fatal(d)
	}
	look(t, db, func(tx *Tx) error {
		r, ok, err := tx.Row("messages", idText(rid(2)))
		if !ok || cmp.Diff(want, r.Map()) != "" {
			t.Error("Row differs from Select", r, ok)
		}
		return err
	})
	res, err := db.SQL(context.Background(), "SELECT m.read, m.sent, m.extra, c.title, count(*) AS n FROM messages m JOIN channels c ON m.channel = c.id")
	if err != nil {
		t.Fatal(err)
	}
	wantSQL := &Result{[]string{"read", "sent", "extra", "title", "n"}, [][]any{{true, sent, json.RawMessage(`{"a":[1,2]}`), "general", int64(1)}}}
	if d := cmp.Diff(wantSQL, res); d != "" {
		t.Fatal(d)
	}
}
