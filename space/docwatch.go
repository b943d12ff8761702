package space

import (
	"context"
	"iter"
	"reflect"

	"github.com/espace-git/espace-git/merge"
	"github.com/espace-git/espace-git/view"
)

// watchDocument gives what read makes of a document, now and whenever that changes.
func watchDocument[T any](ctx context.Context, d *document, read func(merge.Document) (T, error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var last T
		first := true
		err := d.follow(ctx, func(_ *view.Tx, _ docAt, doc merge.Document) (tell func() bool, err error) {
			now, err := read(doc)
			if err != nil || !first && reflect.DeepEqual(last, now) {
				return nil, err
			}
			last, first = now, false
			return func() bool { return yield(now, nil) }, nil
		})
		if err != nil && ctx.Err() == nil {
			var none T
			yield(none, err)
		}
	}
}

// follow shows fn the document now and after every change of its table, until ctx ends or
// what fn returned says false. That is called outside of the store's transaction.
func (d *document) follow(ctx context.Context, fn func(*view.Tx, docAt, merge.Document) (tell func() bool, err error)) error {
	for {
		var tell func() bool
		var table string
		var seen uint64
		err := d.read(ctx, func(v *view.Tx, at docAt, doc merge.Document) (err error) {
			table = at.table.Name
			if seen, err = v.Version(table); err == nil {
				tell, err = fn(v, at, doc)
			}
			return err
		})
		if err != nil || tell != nil && !tell() {
			return err
		}
		if _, err := d.s.db.Wait(ctx, table, seen); err != nil {
			return queryError(err)
		}
	}
}
