// Package seal makes bytes that nobody else can read (DESIGN 3 "Content", 6).
//
// Everything a host stores is one of two things:
//
//   - content: zstd, padded to Padmé, under XChaCha20-Poly1305 with a key that is
//     derived from an epoch's [Secret] or drawn for one chunk ([Key.Seal], [Key.Open]);
//   - an age file with exactly one hybrid (ML-KEM-768 + X25519) recipient: the wrap
//     that hands a device its epoch secrets ([WrapSecrets]), or mail to an invite's
//     mailbox ([SealTo]).
//
// Every key is derived with a label of its own and every ciphertext is bound to its
// place by associated data, so a box that is moved does not open. Sizes are all that
// a host learns, and those are padded. Secrets print as "[secret]" whatever the verb.
//
// The package reads no file and no clock; where it needs randomness besides age's own,
// the caller hands it in.
package seal
