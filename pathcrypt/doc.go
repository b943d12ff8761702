// Package pathcrypt encrypts files of ordinary git repositories, so that only the
// members of a space read them (DESIGN 9 "Encrypted paths"; docs/spec/paths.md).
//
// Git asks for the same bytes whenever the same content is added, or it would show a
// file as changed that nobody touched. So encryption is deterministic: the nonce is a
// synthetic one (SIV), a keyed hash of the plaintext. Who sees two blobs learns whether
// their plaintexts are equal, and their exact sizes; nothing else.
//
//	magic (16) ‖ ID of the key (8) ‖ SIV (24) ‖ ciphertext ‖ tag (16)
//
// The space is bound as associated data, the path is not: `git mv` runs no filter.
// Several keys are in use at a time, told apart by their IDs ([Keys]): what is new is
// encrypted under the newest, what is unchanged keeps the key that it has ([Clean]).
package pathcrypt
