package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/espace-git/espace-git/space"
)

func (a *app) watchVerb() *cobra.Command {
	var q space.Query
	var local bool
	c := a.tableVerb("watch TABLE", cobra.ExactArgs(1), func(s *space.Space, args []string) error {
		q.Table = args[0]
		return a.watch(s, q, local)
	})
	c.Flags().StringVar(&q.Where, "where", "", flagWhere)
	c.Flags().BoolVar(&local, "local", false, flagLocal)
	return c
}

// change is one line of watch.
type change struct {
	Kind string    `json:"kind"`
	Row  space.Row `json:"row"`
}

// watch prints one JSON object per change, whether --json is given or not. Meanwhile it syncs, so that changes of others
// arrive; a violation ends it.
func (a *app) watch(s *space.Space, q space.Query, local bool) error {
	if _, err := a.columns(s, q.Table); err != nil {
		return err
	}
	ctx, stop := context.WithCancelCause(a.ctx)
	defer stop(nil)
	synced := make(chan struct{})
	go func() {
		defer close(synced)
		if !local {
			a.follow(ctx, s, stop)
		}
	}()
	err := a.changes(ctx, s, q)
	if cause := context.Cause(ctx); a.ctx.Err() == nil && cause != nil && !errors.Is(cause, context.Canceled) {
		err = cause
	}
	stop(nil)
	<-synced
	return err
}

func (a *app) changes(ctx context.Context, s *space.Space, q space.Query) error {
	for c, err := range s.Watch(ctx, q) {
		if err != nil {
			return usageHint(err, hintWhere)
		}
		if err := a.printJSON(change{c.Kind, c.Row}); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// follow syncs until ctx ends, and ends it for what no waiting cures.
func (a *app) follow(ctx context.Context, s *space.Space, stop context.CancelCauseFunc) {
	pause := pollFirst
	for {
		r, err := s.Sync(ctx)
		if err != nil && ctx.Err() == nil && !temporary(err) {
			stop(err)
			return
		}
		if err == nil && r.Fetched > 0 {
			pause = pollFirst
		}
		if !sleep(ctx, pause) {
			return
		}
		pause = min(pause*3/2, pollLast)
	}
}
