package chunks

import (
	"context"
	"sync"
)

// job is one chunk on its way through a pipeline.
type job[T any] struct {
	value T
	err   error
	ready chan struct{}
}

// pipeline runs work on what feed emits, up to width at a time, and hands the
// results to drain in the order they were emitted, in the caller's goroutine. The
// first error ends it; nothing of it runs any more when it returns.
func pipeline[T any](ctx context.Context, width int, feed func(context.Context, func(T) bool) error, work func(context.Context, *T) error, drain func(T) error) error {
	ctx, cancel := context.WithCancel(ctx)
	order := make(chan *job[T], width-1)
	var running sync.WaitGroup
	var fed error
	running.Go(func() {
		defer close(order)
		fed = feed(ctx, func(v T) bool {
			j := &job[T]{value: v, ready: make(chan struct{})}
			select {
			case order <- j:
			case <-ctx.Done():
				return false
			}
			running.Go(func() {
				defer close(j.ready)
				j.err = work(ctx, &j.value)
			})
			return true
		})
	})
	defer running.Wait()
	defer cancel()
	for j := range order {
		<-j.ready
		if j.err != nil {
			return j.err
		}
		if err := drain(j.value); err != nil {
			return err
		}
	}
	if err := ctx.Err(); err != nil && fed == nil {
		return err
	}
	return fed
}
