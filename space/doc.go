// Package space is the SDK of espace-git: a shared, encrypted database for a
// group of people, kept in an ordinary git repository on a host that nobody has
// to trust.
//
// A space is opened from its directory. Reads and writes are local and fast; a
// write that has returned is on disk. Sync exchanges what is new with the host:
// it fetches, verifies every signature and hash, folds the operations of all
// devices into one state, and pushes what waits.
//
//	s, err := space.Open(ctx, ".", space.Options{Home: home})
//	id, err := s.Insert(ctx, "tasks", space.Row{"title": "buy milk"})
//	res, err := s.Sync(ctx)
//
// The package tells the story and leaves the formats to others: membership folds
// the ledger, chain reads signed commits, seal and identity hold keys, merge and
// view fold operations into a local SQL database, gitstore moves objects.
//
// In which order to read it: space.go (what a space is on disk), create.go and
// join.go (how one begins), ledger.go, keys.go and lanes.go (how each kind of
// chain is read), outbox.go (how the own lane is written), sync.go (one round of
// all of it), write.go and query.go (the data).
package space
