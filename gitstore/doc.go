// Package gitstore keeps git objects and refs, and moves them to and from a host.
//
// It knows nothing of what the objects mean: spec/DESIGN section 3 says that
// git's names are addresses, never trusted, so every verdict is made above this
// package from the bytes it returns. What it promises instead:
//
//   - What [Batch.Flush] acknowledged is on disk, in one undeltified pack.
//   - A ref moves from the value the caller named to the new one, or not at all,
//     and never to a half-written file, whatever process dies in between.
//   - A fetch is limited in bytes and objects, and goes through a quarantine:
//     of what was refused nothing remains. Every object that arrived is in the
//     store together with everything it points to.
//   - A push is a compare-and-swap of every ref it names, by the host.
//
// Reading order: [Repo] (repo.go), objects (object.go, store.go, pack*.go),
// refs (refs.go), then [Remote] (remote.go) over the transports: the system's
// git (systemgit.go), in process (inprocess.go), and repositories on the same
// disk (local.go).
package gitstore
