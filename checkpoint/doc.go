// Package checkpoint is the state with which an epoch starts, as encrypted pages
// (DESIGN 5 "Checkpoint"; spec/checkpoint.md).
//
// A state is a list of records: pairs of byte strings, keys ascending. What the
// records mean is for others to say; here they are cut into pages, sealed, listed
// in a manifest, and read back:
//
//	digest.go     the state as one hash, whatever the pages: what devices endorse
//	build.go      records into pages; where a page ends depends on its content
//	page.go       a page as bytes
//	manifest.go   which pages, in which order, under which keys
//	read.go       pages into records, nothing believed
//
// A page that did not change since an earlier checkpoint keeps its key and its
// blob, so a checkpoint costs what changed. The host sees blobs of padded sizes
// under names that are hashes of ciphertext: where pages end is decided by a keyed
// hash, so it tells nothing of what is in them.
//
// Types carry trust: what comes from others is an [Unread] manifest, and becomes a
// [Manifest] when all of its pages were read and gave the digest that it names.
package checkpoint
