// Package identity holds this device's private keys (DESIGN 6, 10): it alone reads and
// writes them, signs with them, and opens what was encrypted to them.
//
// A user's home (ESPACE_HOME) is
//
//	identity.age               at-rest key U under the passphrase (age, scrypt 2^18), or
//	identity.txt               U unprotected, where the user said --no-passphrase
//	spaces/<space>/keyring.age the device keys, epoch secrets and store key of one space,
//	                           an age file to U
//	spaces/<space>/location.json  where that space lies: paths and URLs, no names
//
// Directories are 0700 and files 0600; anything wider is refused. U's recipient is
// written nowhere, so who can't read U can't make a keyring either. Device keys are
// fresh for each space. A [Device] signs three kinds of message and refuses all others,
// so nothing that this program is made to sign means anything elsewhere.
//
// After a passphrase was given, an agent holds U until [Lock], or 8 hours: a process of
// the same program and user, on a socket that only that user reaches. Secrets travel to
// it through a pipe, never in arguments or the environment, and print as "[secret]".
package identity
