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
//	keys            wraps are added, for listed recipients, by their signer
//
// Refs are never deleted, and nothing is taken out of them. Closing commits,
// state and files come with seals: until those exist, they are refused by name.
// New commits may stand on foreign ones that were there before the hook.
//
// Read in this order:
//
//	hooks.go    Check, its rules, and the lines of pre-receive
//	repo.go     what it needs of a repository; quarantine.go opens a push
//	walk.go     new commits, and what was there before
//	ledger.go   main
//	log.go      lanes and the order; memo.go spares reading them again
//	keys.go     wraps
//	tree.go     trees as files
package hooks
