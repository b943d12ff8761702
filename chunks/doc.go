// Package chunks is the form in which the bytes of files stand on a host
// (spec/files.md): pieces of 8 MiB, each encrypted under a random key of its own.
//
//	file     ├─ 8 MiB ─┼─ 8 MiB ─┼─ rest ─┤
//	               │         │        │ zeros up to a Padmé length
//	stored    nonce ‖ ciphertext ‖ tag, a blob in git for each
//	Ref       key, SHA-256 of what is stored, its name in git, how many bytes of the file
//
// A list of [Ref] stands in a signed operation: whoever reads that may read the
// file, and nobody else. [Write] turns a stream into such a list, [Reader] a list
// into a stream, with memory for a few chunks whatever the length of the file.
//
// A stored chunk is looked at only after its SHA-256 is the one that was signed:
// XChaCha20-Poly1305 does not commit to its key, so without that one ciphertext
// could be two files. The name in git is an address and nothing else.
//
// Reading order: [Ref] (ref.go), one chunk (seal.go), [Write] (write.go),
// [Reader] (read.go).
package chunks
