// Package espacegit is the tour of this module; it holds no code.
//
// A space is a shared, persistent, encrypted database for a group of people. It lives in an ordinary git repository on a
// host that nobody trusts: the host stores bytes and serves as meeting point. Six ideas carry everything:
//
//   - The ledger is one linear chain of signed entries on the branch main: who belongs, who may do what, which epoch is
//     open. It is small and read in full. Package membership folds it into a Roster, a pure function.
//   - A lane is one append-only chain per device and epoch: encrypted batches of transactions. Only its own device
//     writes it, so writers never wait for each other. One signature over an RFC 6962 root covers a whole lane. Package
//     chain signs and reads such chains; it believes signatures and roots, never git's parents.
//   - An epoch is a span with one secret. Package seal derives all keys of an epoch from it, pads and encrypts; package
//     identity keeps the device's private keys and the epoch secrets, each wrapped for each device.
//   - Drivers fold the operations of all lanes into one state, the same on every device whatever the order of arrival.
//     Package merge holds them; package schema says what tables, columns and types there are.
//   - The view is the local SQL database of that state, encrypted at rest, which also holds the journal of what is not
//     pushed yet: package view. Reads are local and fast, a write is on disk when the call returns.
//   - The store of objects and refs, and the way to and from the host, is package gitstore.
//
// Package space puts them together: Create, Join, Open, Insert, Select, Sync, Verify. The command espace-git is flags and
// words around it.
//
//	cmd/espace-git ──► space ──► membership   the ledger            (pure)
//	                         ├─► chain        signed commits, logs  (pure)
//	                         ├─► merge        drivers               (pure)
//	                         ├─► seal         content and wraps
//	                         ├─► checkpoint   the state with which an epoch starts, as pages
//	                         ├─► chunks       the bytes of files, in pieces
//	                         ├─► identity     private keys
//	                         ├─► schema       tables and types
//	                         ├─► view         local database
//	                         └─► gitstore     objects, refs, transports
//	                                 all ───► internal/wire   encodings, labels, limits
//	a host's pre-receive ──► hooks ──► membership, chain, gitstore      without any secret
//
// Read in this order: internal/wire, chain, membership, seal, identity, merge, schema, view, checkpoint, chunks, gitstore, space.
// The formats are specified in docs/spec, with vectors in testdata/vectors; who is trusted with what stands in
// docs/threat-model.md; why things are as they are, in docs/design.
package espacegit
