// Package hooks checks what a push may do to a space's refs before a host takes
// it: the pre-receive check (DESIGN 9). It has no secret and needs none: the
// public part alone decides. Members check all of it again and more; a hook
// spares them the junk, and keeps who may push but does not belong from adding
// any.
//
// The whole push is refused unless each ref is one of these:
//
//	main            only the next valid entries are added; any pusher
//	lanes/<device>  canonical commits of this active device, root recomputed
//	order           the same, by any active device of an editor or above
//	these, as X     the closing commit, only together with the entry that seals
//	                this epoch, from exactly its place in the cut
//	close           once, the closing commit of that epoch, if its cut can be read
//	keys            wraps are added, for listed recipients, by their signer
//	state/<device>  files that this device signed, if the epoch lets it in;
//	files/<device>  the same
//	a deletion      what a closing commit covers, or is of an epoch no longer kept
//
// New commits may stand on foreign ones that were there before the hook.
//
// Read in this order:
//
//	hooks.go    Check, its rules, and the lines of pre-receive
//	repo.go     what it needs of a repository; quarantine.go opens a push
//	walk.go     new commits, and what was there before
//	ledger.go   main; resolve.go: the end of a fork; epoch.go: the epochs
//	seal.go     closing commits and cuts
//	log.go      lanes and the order; memo.go spares reading them again
//	keys.go     wraps; stored.go: state and files
//	deletion.go what may go
//	tree.go     trees as files
package hooks
