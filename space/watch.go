package space

import (
	"context"
	"iter"
	"reflect"
)

// Change is what happened to a row that a live query chooses.
type Change struct {
	Kind string `json:"kind"` // insert, update, delete
	Row  Row    `json:"row"`  // as it is now; of a delete: as it was
}

// Watch is a live query: first the rows that the query chooses, as inserts, then
// every change to that choice, until ctx ends. It sees what this process and others
// on this device write, and what they sync.
func (s *Space) Watch(ctx context.Context, q Query) iter.Seq2[Change, error] {
	return func(yield func(Change, error) bool) {
		known := map[string]Row{}
		seen, err := s.db.Version(ctx, q.Table)
		for err == nil {
			var now []Row
			if now, err = s.Select(ctx, q); err != nil {
				break
			}
			for _, c := range changes(known, now) {
				if !yield(c, nil) {
					return
				}
			}
			known = byID(now)
			seen, err = s.db.Wait(ctx, q.Table, seen)
		}
		if ctx.Err() == nil {
			yield(Change{}, queryError(err))
		}
	}
}

func byID(rows []Row) map[string]Row {
	out := make(map[string]Row, len(rows))
	for _, r := range rows {
		out[r.id()] = r
	}
	return out
}

func (r Row) id() string {
	id, _ := r["id"].(string)
	return id
}

// changes are in the order of the new rows, deletes last.
func changes(before map[string]Row, now []Row) (out []Change) {
	here := map[string]bool{}
	for _, r := range now {
		here[r.id()] = true
		switch old, ok := before[r.id()]; {
		case !ok:
			out = append(out, Change{"insert", r})
		case !reflect.DeepEqual(old, r):
			out = append(out, Change{"update", r})
		}
	}
	for id, r := range before {
		if !here[id] {
			out = append(out, Change{"delete", r})
		}
	}
	return out
}
